"""Finding derivations, for all sentences in lockstep: the best action at each step, or a beam of hypotheses."""

from typing import Callable, List, NamedTuple, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .actions import KINDS, LEFT, ROOT_HEAD, kind_and_label, n_labels
from .features import TOKEN, FeatureSet
from .state import Sentences, State

# From what the features of configurations look at (State.feature_rows) and the kinds of action that are possible
# (State.valid) to a score for each action, of which those of a derivation are added up. *Shape:* (configurations,
# features), (configurations, KINDS) → (configurations, actions). Those of impossible actions are -inf; at a width of 1
# they don't matter.
Score = Callable[[Tensor, Tensor], Tensor]
NEVER = float("-inf")


class Cuts(NamedTuple):
    """What a beam gave up beside each action of the best derivation."""

    sentences: Tensor
    """The sentence. *Shape:* (actions,)"""
    words: Tensor
    """The two words on top of the stack, which such an action decides about; numbers behind the words where there is
    none. *Shape:* (actions, 2)"""
    odds: Tensor
    """The logarithm of the odds of what was given up, against what was kept, by their scores so far; -inf for nothing.
    Actions that differ only in their labels count as one. *Shape:* (actions,)"""


class Step(NamedTuple):
    """One step of a search: an action in each hypothesis of each sentence that is not finished."""

    top: Tensor
    """The node on top of the stack before it, in History.nodes. *Shape:* (configurations,)"""
    buffer: Tensor
    """The word in front of the buffer before it. *Shape:* (configurations,)"""
    rows: Tensor
    """What the features look at, as State.feature_rows. *Shape:* (configurations, features)"""
    scores: Tensor
    """The scores of the actions. *Shape:* (configurations, actions)"""
    valid: Tensor
    """Which kinds are possible. *Shape:* (configurations, KINDS)"""
    came_from: Optional[Tensor]
    """Which hypothesis each new one comes from. None at a width of 1. *Shape:* (sentences, width)"""
    totals: Tensor
    """The scores of the new hypotheses, as Trees.scores. *Shape:* (sentences, width)"""
    kind: Tensor
    """The kind of the action that made each new hypothesis. *Shape:* (configurations,)"""
    label: Tensor
    """Its label. *Shape:* (configurations,)"""


class History(NamedTuple):
    """How a search went."""

    steps: List[Step]
    nodes: Tensor
    """The nodes of all stacks: what lies below, and the word, in the columns BELOW and TOKEN. *Shape:* (nodes,
    columns)"""


class Trees(NamedTuple):
    """What a search found: the best trees of each sentence, the best first."""

    heads: Tensor
    """The head of each word, ROOT_HEAD for roots. *Shape:* (width, words)"""
    labels: Tensor
    """Its label; 0 for roots. *Shape:* (width, words)"""
    scores: Tensor
    """The sum of the scores of the actions, -inf where a sentence has fewer derivations than the beam is wide; at a
    width of 1 nothing is summed up. *Shape:* (width, sentences), of double"""
    cuts: Optional[Cuts]
    """Where they are asked for."""
    history: Optional[History] = None
    """Where it is asked for."""


def search(
    sentences: Sentences,
    features: FeatureSet,
    score: Score,
    width: int = 1,
    weigh_cuts: bool = False,
    keep_history: bool = False,
) -> Trees:
    """Find the derivations with the highest sums of scores that a beam comes across: at each step it goes on with the
    `width` best of each sentence (Zhang and Clark 2008, "A Tale of Two Parsers"). All derivations of a sentence have as
    many actions, so they compete at each step as they are. A width of 1 takes the best possible action at each step.

    sentences (Sentences): What to parse.
    features (FeatureSet): What the scores look at.
    score (Score): Scores the actions.
    width (int): Hypotheses a sentence.
    weigh_cuts (bool): Whether to look at what the beam gives up; of no effect at a width of 1.
    keep_history (bool): Whether to keep what happened at each step.
    RETURNS (Trees): The trees.
    """
    state = State(sentences, features, width)
    weigh_cuts = weigh_cuts and width > 1
    n_sentences, device = len(sentences.sizes), sentences.sizes.device
    # Kept apart, so that what tells hypotheses from each other isn't rounded to the size of long sums: the best sum of
    # each sentence, and by how much less the others are.
    best = torch.zeros(n_sentences, 1, dtype=torch.double, device=device)
    totals = torch.full((n_sentences, width), NEVER, device=device)
    totals[:, 0] = 0
    finished: List[Tensor] = []
    steps: List[Tuple[Optional[Tensor], Tensor, Tensor, Tensor]] = []
    cuts: List[Tuple[Tensor, Tensor]] = []
    history: List[Step] = []
    for n in state.active:
        if n < len(totals):
            finished.append(totals[n:])
            totals = totals[:n]
        state.keep(n)
        rows, valid = state.feature_rows(), state.valid()
        scores, before = score(rows, valid), totals
        looked_at = (state.top, state.buffer, rows, scores, valid)
        words = torch.stack([nodes[:, TOKEN] for nodes in state.stack[:2]], dim=1) if weigh_cuts else None
        totals, came_from, kind, label = expand(state, totals, scores, valid)
        if came_from is not None:
            best[:n] += totals[:, :1]
            totals = totals - totals[:, :1]
        if words is not None and came_from is not None:
            cuts.append((words, cut_odds(before, scores, valid, came_from, kind)))
        if keep_history:
            history.append(Step(*looked_at, came_from, best[:n] + totals, kind, label))
        steps.append((came_from, *state.apply(kind, label), label))
    finished.append(totals)
    cut = along_the_best(sentences, steps, cuts) if weigh_cuts else None
    kept = History(history, state.nodes) if keep_history else None
    return Trees(*traced(sentences, steps, width), (best + torch.cat(finished[::-1])).T, cut, kept)


def expand(
    state: State, totals: Tensor, scores: Tensor, valid: Tensor
) -> Tuple[Tensor, Optional[Tensor], Tensor, Tensor]:
    """Choose how the hypotheses of each sentence go on, and put the state in the order of those that they come from.

    state (State): The configurations.
    totals (Tensor): The scores of the hypotheses so far, -inf for those that are none. *Shape:* (sentences, width)
    scores (Tensor): The scores of the actions. *Shape:* (configurations, actions)
    valid (Tensor): Which kinds of action are possible. *Shape:* (configurations, KINDS)
    RETURNS (Tuple[Tensor, Optional[Tensor], Tensor, Tensor]): The new scores, and which hypothesis each new one comes
        from, *shape* (sentences, width) both, the best first; and the kind and the label of its action, *shape*
        (configurations,). At a width of 1 the scores stay as they are, and None.
    """
    width, n = state.width, len(totals)
    if width == 1:
        best, labels = best_of_each_kind(scores, valid)
        kind = best.argmax(1)
        return totals, None, kind, labels.gather(1, kind[:, None])[:, 0]
    totals, place = (totals.view(-1, 1) + scores).view(n, -1).topk(width, dim=1)
    # A hypothesis that is none yet doubles the best one: what it does has to be possible.
    place = torch.where(totals == NEVER, place[:, :1], place)
    came_from = torch.div(place, scores.shape[1], rounding_mode="floor")
    state.select((came_from + torch.arange(n, device=totals.device)[:, None] * width).flatten())
    action = (place - came_from * scores.shape[1]).flatten()
    return totals, came_from, *kind_and_label(action, n_labels(scores.shape[1]))


def log_probabilities(scores: Tensor, valid: Tensor) -> Tensor:
    """Scores as log-probabilities of actions.

    scores (Tensor): *Shape:* (configurations, actions)
    valid (Tensor): Which kinds of action are possible. *Shape:* (configurations, KINDS)
    RETURNS (Tensor): Log-probabilities among the possible actions, -inf for the others. *Shape:* (configurations,
        actions)
    """
    return possible_alone(scores, valid).log_softmax(1)


def possible_alone(scores: Tensor, valid: Tensor) -> Tensor:
    """Mask impossible actions.

    scores (Tensor): *Shape:* (configurations, actions)
    valid (Tensor): Which kinds of action are possible. *Shape:* (configurations, KINDS)
    RETURNS (Tensor): The scores, -inf for what is impossible. *Shape:* (configurations, actions)
    """
    first, sides = by_kind(scores)
    impossible = ~valid
    first = first.masked_fill(impossible[:, :LEFT], NEVER)
    return torch.cat([first, sides.masked_fill(impossible[:, LEFT:, None], NEVER).flatten(1)], dim=1)


def by_kind(scores: Tensor) -> Tuple[Tensor, Tensor]:
    """Split scores by the kind of action.

    scores (Tensor): *Shape:* (configurations, actions)
    RETURNS (Tuple[Tensor, Tensor]): Those of SHIFT and ROOT, *shape* (configurations, 2), and those of LEFT-ARC and
        RIGHT-ARC with each label, *shape* (configurations, 2, labels).
    """
    return scores[:, :LEFT], scores[:, LEFT:].unflatten(1, (2, n_labels(scores.shape[1])))


def best_of_each_kind(scores: Tensor, valid: Tensor) -> Tuple[Tensor, Tensor]:
    """Find the best action of each kind.

    scores (Tensor): The scores of the actions. *Shape:* (configurations, actions)
    valid (Tensor): Which kinds of action are possible. *Shape:* (configurations, KINDS)
    RETURNS (Tuple[Tensor, Tensor]): The best scores, -inf for what is impossible, and the labels of those actions.
        *Shape:* (configurations, KINDS)
    """
    first, sides = by_kind(scores)
    best, labels = sides.max(2)
    return torch.cat([first, best], dim=1).masked_fill(~valid, NEVER), F.pad(labels, (LEFT, 0))


def cut_odds(before: Tensor, scores: Tensor, valid: Tensor, came_from: Tensor, kind: Tensor) -> Tensor:
    """
    before (Tensor): The scores of the hypotheses. *Shape:* (sentences, width)
    scores, valid (Tensor): As in expand.
    came_from, kind (Tensor): What it returned for them.
    RETURNS (Tensor): As in Cuts, of each sentence. *Shape:* (sentences,)
    """
    n, width = before.shape
    first, sides = by_kind(scores)
    weights = torch.cat([first, sides.logsumexp(2)], dim=1).masked_fill(~valid, NEVER)
    weights = (before.view(-1, 1) + weights).view(n, -1)
    kept = torch.zeros_like(weights, dtype=torch.bool).scatter(1, came_from * KINDS + kind.view(n, width), True)
    return weights.masked_fill(kept, NEVER).logsumexp(1) - weights.masked_fill(~kept, NEVER).logsumexp(1)


def along_the_best(
    sentences: Sentences,
    steps: List[Tuple[Optional[Tensor], Tensor, Tensor, Tensor]],
    cuts: List[Tuple[Tensor, Tensor]],
) -> Cuts:
    """
    sentences (Sentences): What was parsed.
    steps: As in traced.
    cuts (List[Tuple[Tensor, Tensor]]): For each step the words on top of the stack before it, *shape*
        (configurations, 2), and the odds, *shape* (sentences,).
    RETURNS (Cuts): What was given up beside the actions of the best derivation.
    """
    device = sentences.first.device
    which = torch.arange(len(sentences.sizes), device=device)
    place = torch.zeros_like(which)
    parts = [(which[:0], which.new_zeros((0, 2)), torch.zeros(0, device=device))]
    for (came_from, *_), (words, odds) in zip(reversed(steps), reversed(cuts)):
        assert came_from is not None
        n, width = came_from.shape
        place[:n] = came_from.gather(1, place[:n, None])[:, 0]
        parts.append((which[:n], words[which[:n] * width + place[:n]], odds))
    return Cuts(*map(torch.cat, zip(*parts)))


def traced(
    sentences: Sentences, steps: List[Tuple[Optional[Tensor], Tensor, Tensor, Tensor]], width: int
) -> Tuple[Tensor, Tensor]:
    """Follow the hypotheses back to their beginnings and collect their arcs.

    sentences (Sentences): What was parsed.
    steps (List[Tuple[Optional[Tensor], Tensor, Tensor, Tensor]]): For each step which hypothesis each one came from,
        *shape* (sentences, width), and the dependent, the head and the label of its new arc, *shape*
        (sentences * width,).
    width (int): Hypotheses a sentence.
    RETURNS (Tuple[Tensor, Tensor]): Heads and labels. *Shape:* (width, words)
    """
    device = sentences.first.device
    found = torch.zeros((2, width, sentences.n_words + 2), dtype=torch.long, device=device)
    if width == 1 and steps:
        dependent, head, label = (torch.cat(column) for column in list(zip(*steps))[1:])
        found[:, 0, dependent] = torch.stack([head, label])
    elif steps:
        hypotheses = torch.arange(width, device=device)
        place = hypotheses.expand(len(sentences.sizes), width).clone()
        for came_from, *arc in reversed(steps):
            assert came_from is not None
            n = len(came_from)
            rows = (torch.arange(n, device=device)[:, None] * width + place[:n]).flatten()
            dependent, head, label = (column[rows] for column in arc)
            found[:, hypotheses.repeat(n), dependent] = torch.stack([head, label])
            place[:n] = came_from.gather(1, place[:n])
    heads, labels = found[:, :, : sentences.n_words]
    return torch.where(heads == sentences.root, ROOT_HEAD, heads), labels
