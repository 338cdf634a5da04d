"""Greedy parsing of long stretches in parts at the same time.

Where sentences have to be found, a stretch is parsed word by word, however long it is. But whenever a sentence is
complete, the stack holds nothing but the root, and what the parser does from there on depends on nothing before. So
parts that overlap can be parsed in lockstep, each as if a sentence started with it: from the first place on where a
sentence starts in two of them, both go on in the same way, and that of the first part is the right one. Trees are those
of a search from the beginning. Where two parts don't meet, the stretch is cut anew into longer ones, and in the end is
parsed as a whole. A method of our own."""

from typing import NamedTuple

import torch
from torch import Tensor

from .actions import ROOT_HEAD
from .features import FeatureSet
from .search import Score, Trees, search
from .state import Sentences

# Words from the beginning of a part to that of the next, and how far it goes on behind that.
STRIDE, OVERLAP = 100, 50
# How often a stretch is cut, each time into parts that are so many times as long.
ATTEMPTS, GROWTH = 2, 4
# What a step of a search costs besides its configurations: as much as so many of them.
STEP_COST = 50


class Parts(NamedTuple):
    """Stretches cut into parts, each a copy of its words and of what its buffer sees behind them."""

    sentences: Sentences
    """The copies as stretches, the longest first."""
    words: Tensor
    """The word that each place is a copy of, "nothing" for none; the root and "nothing" behind them. *Shape:* (places +
    2,)"""
    owners: Tensor
    """Which stretch each part belongs to, in the order of the text. *Shape:* (parts,)"""
    places: Tensor
    """The first place of each part, in that order. *Shape:* (parts,)"""
    sizes: Tensor
    """Its number of words. *Shape:* (parts,)"""
    parts: Tensor
    """The part of each place. *Shape:* (places,)"""
    offsets: Tensor
    """Its distance from the first one. *Shape:* (places,)"""


def pays(sentences: Sentences) -> bool:
    """Whether parts save more steps than their overlaps cost.

    sentences (Sentences): What to parse.
    RETURNS (bool): Whether search_in_parts is likely faster than search.
    """
    longest, part = int(sentences.sizes[0]) if len(sentences.sizes) else 0, STRIDE + OVERLAP
    extra = int(sentences.sizes.sum()) * OVERLAP / STRIDE
    return longest >= 2 * part and (longest - part) * STEP_COST > extra


def search_in_parts(
    sentences: Sentences, features: FeatureSet, score: Score, stride: int = STRIDE, overlap: int = OVERLAP
) -> Trees:
    """The same as search at a width of 1.

    sentences (Sentences): What to parse.
    features (FeatureSet): What the scores look at.
    score (Score): Scores the actions of configurations, each by itself.
    stride (int): Words from the beginning of a part to that of the next.
    overlap (int): How many words it goes on behind the beginning of the next one, at most stride.
    RETURNS (Trees): The trees.
    """
    found = torch.zeros((2, sentences.n_words), dtype=torch.long, device=sentences.first.device)
    rest = torch.arange(len(sentences.sizes), device=found.device)
    attempt = 0
    while len(rest):
        if attempt == ATTEMPTS or (attempt and int(sentences.sizes[rest].max()) < 2 * (stride + overlap)):
            stride, overlap = sentences.n_words, 0
        parts = cut(sentences, rest, features, stride, overlap)

        def score_words(rows: Tensor, valid: Tensor, words: Tensor = parts.words) -> Tensor:
            n = features.n_tokens
            return score(torch.cat([words[rows[:, :n]], rows[:, n:]], dim=1), valid)

        trees = search(parts.sentences, features, score_words)
        is_whole = put_together(parts, trees, len(rest), stride, overlap, found)
        rest, stride, overlap, attempt = rest[~is_whole], GROWTH * stride, GROWTH * overlap, attempt + 1
    heads, labels = found[:, None]
    return Trees(heads, labels, torch.zeros((1, len(sentences.sizes)), dtype=torch.double, device=found.device), None)


def cut(sentences: Sentences, which: Tensor, features: FeatureSet, stride: int, overlap: int) -> Parts:
    """Cut stretches into parts that overlap.

    sentences (Sentences): Stretches.
    which (Tensor): Those that are to be cut. *Shape:* (stretches,)
    features (FeatureSet): Says how far a buffer sees.
    stride, overlap (int): As in search_in_parts.
    RETURNS (Parts): Their parts. All but the last ones of stretches have stride + overlap words, and these more than
        the overlap.
    """
    device = which.device
    begins, sizes, ends = (column[which] for column in (sentences.first, sentences.sizes, sentences.ends))
    counts = torch.div((sizes - overlap).clamp(min=1) + stride - 1, stride, rounding_mode="floor")
    owners = torch.arange(len(which), device=device).repeat_interleave(counts)
    number = torch.arange(len(owners), device=device) - (counts.cumsum(0) - counts)[owners]
    first = begins[owners] + number * stride
    stop = torch.where(number == counts[owners] - 1, (begins + sizes)[owners], first + stride + overlap)
    sizes, seen = stop - first, (ends[owners] - stop).clamp(max=features.n_buffer)
    room = sizes + features.n_buffer
    places = room.cumsum(0) - room
    n = int(room.sum())
    parts = torch.arange(len(owners), device=device).repeat_interleave(room, output_size=n)
    offsets = torch.arange(n, device=device) - places[parts]
    words = first[parts] + offsets
    words = torch.where(words < ends[owners][parts], words, sentences.nothing)
    allowed = torch.stack([sentences.may_start, sentences.may_continue])[:, words.clamp(max=sentences.n_words)]
    # At the end of a part its last sentence has to end.
    allowed[:, places + sizes] = torch.tensor([[True], [False]], device=device)
    may_start, may_continue = torch.cat([allowed, allowed[:, :1]], dim=1)
    order = torch.argsort(sizes, descending=True, stable=True)
    copies = Sentences(n, places[order], sizes[order], (places + sizes + seen)[order], may_start, may_continue)
    special = torch.tensor([sentences.root, sentences.nothing], device=device)
    return Parts(copies, torch.cat([words, special]), owners, places, sizes, parts, offsets)


def put_together(parts: Parts, trees: Trees, n: int, stride: int, overlap: int, found: Tensor) -> Tensor:
    """Join the trees of parts.

    parts (Parts): The parts of stretches.
    trees (Trees): What was found for them.
    n (int): How many stretches there are.
    stride, overlap (int): As in search_in_parts.
    found (Tensor): Where heads and labels of words go, of the stretches whose parts meet. *Shape:* (2, words)
    RETURNS (Tensor): Which these are. *Shape:* (stretches,), of bool
    """
    device = parts.places.device
    heads, labels = trees.heads[0], trees.labels[0]
    place = torch.arange(len(heads), device=device)
    starts = roots_of(torch.where(heads == ROOT_HEAD, place, heads), int(parts.sizes.max())).diff(
        prepend=place.new_full((1,), -1)
    )
    is_start = (starts != 0) | (parts.offsets == 0)
    # Where each part and the next one of the same stretch have a sentence start in common, behind the next one's begin.
    left = torch.nonzero(parts.owners[1:] == parts.owners[:-1])[:, 0]
    steps = torch.arange(overlap, device=device)
    behind = parts.places[left, None] + stride + steps
    is_common = is_start[behind] & is_start[parts.places[left + 1, None] + steps]
    meets = torch.where(is_common, steps, overlap).amin(1) if overlap else steps.new_zeros(len(left))
    is_whole = torch.ones(n, dtype=torch.bool, device=device)
    is_whole[parts.owners[left[meets == overlap]]] = False
    begin, end = torch.zeros_like(parts.sizes), parts.sizes.clone()
    begin[left + 1], end[left] = meets, stride + meets
    is_taken = (parts.offsets >= begin[parts.parts]) & (parts.offsets < end[parts.parts])
    taken = torch.nonzero(is_taken & is_whole[parts.owners][parts.parts])[:, 0]
    its_heads = heads[taken]
    its_heads = torch.where(its_heads == ROOT_HEAD, ROOT_HEAD, parts.words[its_heads])
    found[:, parts.words[taken]] = torch.stack([its_heads, labels[taken]])
    return is_whole


def roots_of(ancestors: Tensor, longest: int) -> Tensor:
    """The root that each word comes to by following heads.

    ancestors (Tensor): The head of each word; itself, if it is a root. *Shape:* (words,)
    longest (int): How many words a tree has at most.
    RETURNS (Tensor): *Shape:* (words,)
    """
    for _ in range(longest.bit_length()):
        ancestors = ancestors[ancestors]
    return ancestors
