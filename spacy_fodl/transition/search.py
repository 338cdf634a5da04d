"""Finding derivations: the best action step by step, or a beam of hypotheses, for all sentences in lockstep."""

from typing import Callable, List, NamedTuple, Tuple

import torch
from torch import Tensor

from .actions import KINDS, LEFT, n_labels
from .features import FeatureSet
from .state import Sentences, State

Score = Callable[[Tensor], Tensor]
NEVER = float("-inf")


class Trees(NamedTuple):
    """What a search found."""

    heads: Tensor
    """The head of each word, ROOT_HEAD for roots. *Shape:* (words,)"""
    labels: Tensor
    """Its label; 0 for roots. *Shape:* (words,)"""


def greedy(sentences: Sentences, features: FeatureSet, score: Score) -> Trees:
    """Take the best possible action at each step.

    sentences (Sentences): What to parse.
    features (FeatureSet): What the scores look at.
    score (Score): From the rows of State.feature_rows to a score for each action. *Shape:* (configurations, features)
        → (configurations, actions)
    RETURNS (Trees): The trees.
    """
    state = State(sentences, features)
    arcs: List[Tensor] = []
    for n in state.active:
        state.keep(n)
        scores, labels = best_of_each_kind(score(state.feature_rows()))
        kind = scores.masked_fill_(~state.valid(), NEVER).argmax(1)
        label = labels.gather(1, kind[:, None])[:, 0]
        dependent, head = state.apply(kind, label)
        arcs.append(torch.stack([dependent, head, label]))
    n_words, device = sentences.n_words, sentences.first.device
    found = torch.zeros((2, n_words + 2), dtype=torch.long, device=device)
    if arcs:
        dependent, head, label = torch.cat(arcs, dim=1)
        found[:, dependent] = torch.stack([torch.where(head == sentences.root, -1, head), label])
    heads, labels = found[:, :n_words]
    return Trees(heads, labels)


def best_of_each_kind(scores: Tensor) -> Tuple[Tensor, Tensor]:
    """The best score of each kind of action, and its label.

    scores (Tensor): *Shape:* (configurations, actions)
    RETURNS (Tuple[Tensor, Tensor]): Scores and labels. *Shape:* (configurations, KINDS)
    """
    n = n_labels(scores.shape[1])
    best = scores.new_empty((len(scores), KINDS))
    labels = torch.zeros(best.shape, dtype=torch.long, device=scores.device)
    best[:, :LEFT] = scores[:, :LEFT]
    best[:, LEFT:], labels[:, LEFT:] = scores[:, LEFT:].unflatten(1, (2, n)).max(2)
    return best, labels
