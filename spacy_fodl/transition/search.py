"""Finding derivations, for all sentences in lockstep."""

from typing import Callable, NamedTuple, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .actions import LEFT, ROOT_HEAD, n_labels
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
    dependents, heads, labels = [], [], []
    for n in state.active:
        state.keep(n)
        best, its_label = best_of_each_kind(score(state.feature_rows()))
        kind = best.masked_fill_(~state.valid(), NEVER).argmax(1)
        label = its_label.gather(1, kind[:, None])[:, 0]
        dependent, head = state.apply(kind, label)
        dependents.append(dependent)
        heads.append(head)
        labels.append(label)
    found = torch.zeros((2, sentences.n_words + 2), dtype=torch.long, device=sentences.first.device)
    if heads:
        head = torch.cat(heads)
        head = torch.where(head == sentences.root, ROOT_HEAD, head)
        found[:, torch.cat(dependents)] = torch.stack([head, torch.cat(labels)])
    return Trees(*found[:, : sentences.n_words])


def best_of_each_kind(scores: Tensor) -> Tuple[Tensor, Tensor]:
    """The best score of each kind of action, and its label.

    scores (Tensor): *Shape:* (configurations, actions)
    RETURNS (Tuple[Tensor, Tensor]): Scores and labels. *Shape:* (configurations, KINDS)
    """
    best, labels = scores[:, LEFT:].unflatten(1, (2, n_labels(scores.shape[1]))).max(2)
    return torch.cat([scores[:, :LEFT], best], dim=1), F.pad(labels, (LEFT, 0))
