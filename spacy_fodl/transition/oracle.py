"""The static oracle: from trees to the actions that build them."""

from typing import List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor

from .actions import LEFT, RIGHT, ROOT, ROOT_HEAD, SHIFT, column
from .features import TOKEN, FeatureSet
from .state import Sentences, State


def gold_actions(heads: Tensor) -> Tuple[Tensor, Tensor]:
    """The actions that build projective trees, arcs as early as possible and LEFT-ARC before RIGHT-ARC (the static
    oracle of arc-standard parsing, Nivre 2004; in a closed form of our own). They can be written down without going
    through the configurations: a word takes its left children, the nearest first, when it has been shifted, and is
    taken by a head on its left as soon as the last word below it has been.

    heads (Tensor): The head of each word, as its place in the row; ROOT_HEAD for the roots. A tree is an unbroken
        stretch of the row. *Shape:* (words,)
    RETURNS (Tuple[Tensor, Tensor]): The kinds of the actions, tree by tree, and the word that each shifts or gives its
        head. *Shape:* (2 * words,)
    """
    n = len(heads)
    words = torch.arange(n, device=heads.device)
    roots = heads == ROOT_HEAD
    parents = torch.where(roots, words, heads)
    last = words
    while True:  # As many times as the deepest tree has levels.
        below = last.scatter_reduce(0, parents, last, "amax")
        if torch.equal(below, last):
            break
        last = below
    is_left = ~roots & (heads > words)
    # When: behind which SHIFT, then LEFT before RIGHT, then from the right to the left.
    shifted = 3 * words * (n + 1)
    attached = torch.where(is_left, 3 * heads + 1, 3 * last + 2) * (n + 1) + n - words
    order = torch.argsort(torch.cat([shifted, attached]))
    kinds = torch.cat([torch.full_like(words, SHIFT), torch.where(is_left, LEFT, torch.where(roots, ROOT, RIGHT))])
    return kinds[order], torch.cat([words, words])[order]


class Configurations(NamedTuple):
    """The configurations on the way to gold trees."""

    rows: Tensor
    """What the features look at. *Shape:* (configurations, features)"""
    valid: Tensor
    """Which kinds of action are possible. *Shape:* (configurations, KINDS)"""
    actions: Tensor
    """The column of the gold action. *Shape:* (configurations,)"""


def gold_configurations(
    sentences: Sentences, heads: Tensor, labels: Tensor, known: Tensor, features: FeatureSet, n_labels: int
) -> Configurations:
    """Every configuration of the gold derivations whose action is known.

    sentences (Sentences): The sentences, all of the row.
    heads (Tensor): As in gold_actions. *Shape:* (words,)
    labels (Tensor): The label of each word. *Shape:* (words,)
    known (Tensor): Whether head and label of each word are gold. *Shape:* (words,)
    features (FeatureSet): What is looked at.
    n_labels (int): Number of labels.
    RETURNS (Configurations): The configurations.
    """
    kinds, words = gold_actions(heads)
    starts = 2 * sentences.first
    state = State(sentences, features)
    rows, valid, actions = [], [], []
    usable = torch.cat([known, known.new_ones(2)])
    for step, n in enumerate(state.active):
        state.keep(n)
        at = starts[:n] + step
        kind, word = kinds[at], words[at]
        s0, s1 = state.stack[0][:, TOKEN], state.stack[1][:, TOKEN]
        # SHIFT means that there is no arc between the upper two yet: they have to be known for that.
        counts = torch.where(kind == SHIFT, usable[s0] & usable[s1], known[word])
        # And that a word has all its children, or no more sentence, depends on what comes.
        counts &= (kind == LEFT) | usable[state.buffer] | (state.buffer == state.ends)
        rows.append(state.feature_rows()[counts])
        valid.append(state.valid()[counts])
        actions.append(column(kind, labels[word], n_labels)[counts])
        state.apply(kind, labels[word])
    if not rows:
        nothing = torch.zeros((0, features.n_tokens + features.n_labels), dtype=torch.long, device=heads.device)
        return Configurations(nothing, nothing[:, :0].bool(), nothing[:, 0])
    return Configurations(torch.cat(rows), torch.cat(valid), torch.cat(actions))


def complete(heads: Sequence[Optional[int]]) -> List[int]:
    """Give words without a head one that fits between the arcs that are there: a tree without crossing arcs.

    heads (Sequence[Optional[int]]): The head of each word of a sentence, ROOT_HEAD for the root, None where there is
        none. Arcs that are part of a cycle, that cross another, or that would make a second root are replaced as well.
    RETURNS (List[int]): The heads of a projective tree with one root.

    A procedure of our own: words are attached as soon as nothing waits for them any more.
    """
    n = len(heads)
    waiting = [0] * n
    for head in heads:
        if head is not None and head != ROOT_HEAD:
            waiting[head] += 1
    full: List[int] = [ROOT_HEAD] * n
    stack: List[int] = []

    def attach(word: int, head: int) -> None:
        gold = heads[word]
        full[word] = head
        if gold is not None and gold != ROOT_HEAD:
            waiting[gold] -= 1

    for word in range(n + 1):
        while stack:
            s0, s1 = stack[-1], stack[-2] if len(stack) > 1 else ROOT_HEAD
            at_end = word == n
            if s1 == ROOT_HEAD:
                if not at_end:
                    break
                attach(stack.pop(), ROOT_HEAD)
            elif not waiting[s1] and heads[s1] in (s0, None):
                attach(stack.pop(-2), s0)
            elif (not waiting[s0] and heads[s0] in (s1, None)) or at_end:
                attach(stack.pop(), s1)
            else:
                break
        if word < n:
            stack.append(word)
    return full
