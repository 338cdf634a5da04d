"""Configurations that a parser comes to by itself, mistakes included, and what is right in them."""

import torch
from torch import Tensor

from .actions import LEFT, RIGHT, ROOT, ROOT_HEAD, SHIFT, column
from .features import TOKEN, FeatureSet
from .oracle import Configurations
from .search import Score, best_of_each_kind
from .state import Sentences, State

# No action is plainly right.
UNSURE = -1


def explored_configurations(
    sentences: Sentences,
    heads: Tensor,
    labels: Tensor,
    known: Tensor,
    features: FeatureSet,
    n_labels: int,
    score: Score,
) -> Configurations:
    """The configurations on the way that the best actions by some scores take, with what is right there, as far as that
    is plain: training with exploration (Goldberg and Nivre 2013, "Training Deterministic Parsers with Non-Deterministic
    Oracles"), always by the model's own actions. The way keeps to the ends of gold trees, so each has as many actions
    as a gold derivation.

    A dynamic oracle of the arc-standard system needs a table of subtrees for each configuration (Goldberg, Sartorio and
    Satta 2014, "A Tabular Method for Dynamic Oracles in Transition-Based Parsing"). This one looks at single arcs. A
    gold arc is made as soon as its dependent has all children that are still to come. SHIFT is right if the word on top
    of the stack needs words of the buffer; after several mistakes that now and then costs an arc further down. Where
    neither holds it says nothing. On gold derivations it is the static oracle.

    sentences, heads, labels, known, features, n_labels: As in gold_configurations, of one sentence at least.
    score (Score): Scores the actions.
    RETURNS (Configurations): The configurations.
    """
    device, root, nothing = heads.device, sentences.root, sentences.nothing
    # The root and "nothing there" are nobody's dependents.
    nobody = heads.new_full((2,), nothing)
    head_of = torch.cat([torch.where(heads == ROOT_HEAD, root, heads), nobody])
    label_of = torch.cat([labels, torch.zeros_like(nobody)])
    usable = torch.cat([known, known.new_ones(2)])
    last_child = torch.full_like(head_of, -1)
    words = torch.arange(len(heads), device=device)
    last_child.scatter_reduce_(0, head_of[: len(heads)], words, "amax")
    tree_ends = sentences.first + sentences.sizes
    state = State(sentences, features)
    parts = []
    for n in state.active:
        state.keep(n)
        s0, s1 = state.stack[0][:, TOKEN], state.stack[1][:, TOKEN]
        at_end = state.buffer == tree_ends[:n]
        is_arc = s1 < root
        closes = (s1 == root) & at_end
        waits = last_child[s0] >= state.buffer
        goes_left = is_arc & (head_of[s1] == s0)
        goes_right = is_arc & (head_of[s0] == s1) & ~waits
        needs_more = waits | ((head_of[s0] >= state.buffer) & (head_of[s0] < root))
        shifts = ~at_end & (~is_arc | needs_more)
        kind = torch.where(shifts, SHIFT, UNSURE)
        kind = torch.where(closes, ROOT, torch.where(goes_right, RIGHT, kind))
        kind = torch.where(goes_left, LEFT, kind)
        word = torch.where(goes_left, s1, s0)
        # What is known is as in gold_configurations.
        counts = (kind != UNSURE) & torch.where(kind == SHIFT, usable[s0] & usable[s1], usable[word])
        counts &= goes_left | usable[state.buffer] | (state.buffer == state.ends)
        here = state.feature_rows()
        parts.append((here, state.valid(), column(kind, label_of[word], n_labels), counts))
        within = torch.stack([~at_end, closes, is_arc, is_arc], dim=1)
        best, its_labels = best_of_each_kind(score(here, within), within)
        chosen = best.argmax(1)
        state.apply(chosen, its_labels.gather(1, chosen[:, None])[:, 0])
    rows, valid, actions, counts = (torch.cat(part) for part in zip(*parts))
    return Configurations(rows[counts], valid[counts], actions[counts])
