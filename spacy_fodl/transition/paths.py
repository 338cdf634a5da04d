"""Beam search with a gold derivation in view: what global training needs."""

from typing import List, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .actions import column
from .features import FeatureSet
from .search import NEVER, Score, expand
from .state import Sentences, State


class Paths(NamedTuple):
    """For each sentence the derivations that were in the beam when the search stopped, and gold's up to there. The
    configurations on them are listed once, however many paths go through them."""

    rows: Tensor
    """What the features of each configuration look at. *Shape:* (configurations, features)"""
    valid: Tensor
    """Which kinds of action are possible in it. *Shape:* (configurations, KINDS)"""
    configurations: Tensor
    """Where each action was taken. *Shape:* (actions taken,)"""
    actions: Tensor
    """The column of the action. *Shape:* (actions taken,)"""
    paths: Tensor
    """The path that it belongs to: sentence * (width + 1) + place in the beam; behind the beam comes gold. *Shape:*
    (actions taken,)"""
    counts: Tensor
    """Whether there is a path at each place of the beam, and another one than gold. *Shape:* (sentences, width)"""


def gold_paths(
    sentences: Sentences,
    kinds: Tensor,
    labels: Tensor,
    features: FeatureSet,
    score: Score,
    width: int,
    n_labels: int,
) -> Paths:
    """Search with a beam for each sentence until its gold derivation is no longer in it (early update; Collins and
    Roark 2004, "Incremental Parsing with the Perceptron Algorithm", section 4.2), or ends.

    sentences (Sentences): What to parse, one sentence at least.
    kinds (Tensor): The kinds of the gold actions, padded at the end. *Shape:* (sentences, longest derivation)
    labels (Tensor): Their labels, of no effect where there is none. *Shape:* (sentences, longest derivation)
    features (FeatureSet): What the scores look at.
    score (Score): Scores the actions.
    width (int): Hypotheses a sentence.
    n_labels (int): Number of labels.
    RETURNS (Paths): The paths.
    """
    device, n_sentences = sentences.first.device, len(sentences.sizes)
    state = State(sentences, features, width)
    gold_columns = column(kinds, labels, n_labels)
    which = torch.arange(n_sentences, device=device)
    totals = torch.full((n_sentences, width), NEVER, device=device)
    totals[:, 0] = 0
    place = torch.zeros(n_sentences, dtype=torch.long, device=device)
    counts = torch.zeros((n_sentences, width), dtype=torch.bool, device=device)
    all_rows: List[Tensor] = []
    all_valid: List[Tensor] = []
    steps = []
    first = step = 0
    while len(which):
        rows, valid = state.feature_rows(), state.valid()
        all_rows.append(rows)
        all_valid.append(valid)
        totals, came_from, kind, label = expand(state, totals, score(rows, valid), valid)
        if came_from is None:
            came_from, totals = torch.zeros_like(totals, dtype=torch.long), torch.zeros_like(totals)
        totals = totals - totals[:, :1]  # What they have in common would be lost to rounding, and says nothing.
        actions = column(kind, label, n_labels).view(-1, width)
        gold = gold_columns[which, step]
        steps.append((first, which, came_from, actions, place, gold))
        is_gold = (came_from == place[:, None]) & (actions == gold[:, None]) & (totals != NEVER)
        first, step = first + len(rows), step + 1
        lasts = is_gold.any(1) & (step < 2 * sentences.sizes[which])
        stops = torch.nonzero(~lasts)[:, 0]
        counts[which[stops]] = ((totals != NEVER) & ~is_gold)[stops]
        place = is_gold.long().argmax(1)
        state.apply(kind, label)
        if len(stops):
            on = torch.nonzero(lasts)[:, 0]
            state.take(on)
            which, totals, place = which[on], totals[on], place[on]
    return traced(steps, torch.cat(all_rows), torch.cat(all_valid), counts)


def traced(steps: list, rows: Tensor, valid: Tensor, counts: Tensor) -> Paths:
    """Follow the hypotheses back from where the search stopped.

    steps (list): For each step the number of its first configuration; the sentences that took part; which hypothesis
        each one came from and its action, *shape* (sentences, width); the place of gold before it and its action,
        *shape* (sentences,).
    rows, valid (Tensor): As in Paths, of all configurations.
    counts (Tensor): As in Paths.
    RETURNS (Paths): The paths.
    """
    n_sentences, width = counts.shape
    places = torch.arange(width, device=rows.device).expand(n_sentences, width).clone()
    paths = torch.arange(n_sentences * (width + 1), device=rows.device).view(n_sentences, width + 1)
    parts = []
    for first, which, came_from, actions, gold_place, gold in reversed(steps):
        its = places[which]
        taken = torch.cat([actions.gather(1, its), gold[:, None]], dim=1)
        places[which] = came_from.gather(1, its)
        begin = first + torch.arange(len(which), device=rows.device)[:, None] * width
        configurations = begin + torch.cat([places[which], gold_place[:, None]], dim=1)
        used = F.pad(counts[which], (0, 1), value=True)
        parts.append(torch.stack([configurations[used], taken[used], paths[which][used]]))
    configurations, taken, its_path = torch.cat(parts, dim=1)
    unique, configurations = configurations.unique(return_inverse=True)
    return Paths(rows[unique], valid[unique], configurations, taken, its_path, counts)


def path_scores(found: Paths, scores: Tensor) -> Tensor:
    """Sum up the scores along each path.

    found (Paths): The paths.
    scores (Tensor): The scores of the actions in found.rows. *Shape:* (configurations, actions)
    RETURNS (Tensor): The sum of the scores on each path, -inf for those that don't count; gold's in the last column.
        *Shape:* (sentences, width + 1)
    """
    n_sentences, width = found.counts.shape
    taken = scores[found.configurations, found.actions]
    totals = scores.new_zeros(n_sentences * (width + 1)).index_add(0, found.paths, taken).view(n_sentences, width + 1)
    return totals.masked_fill(~F.pad(found.counts, (0, 1), value=True), NEVER)
