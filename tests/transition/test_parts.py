"""Parsing in parts finds what a search from the beginning finds."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_fodl.transition.features import FEATURE_SETS
from spacy_fodl.transition.parts import pays, search_in_parts
from spacy_fodl.transition.search import search
from spacy_fodl.transition.state import Sentences

from .test_search import scorer


def stretches(sizes, may_start, may_continue):
    sizes = torch.tensor(sizes)
    first = sizes.cumsum(0) - sizes
    starts, goes_on = (torch.tensor([*flags, True]) for flags in (may_start, may_continue))
    order = torch.argsort(sizes, descending=True, stable=True)
    return Sentences(int(sizes.sum()), first[order], sizes[order], (first + sizes)[order], starts, goes_on)


def eager(score, share):
    """A scorer that ends sentences rather often."""

    def scores(rows, valid):
        found = score(rows, valid).clone()
        found[:, 1] += share
        return found

    return scores


@pytest.mark.parametrize("name", FEATURE_SETS)
@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    data=st.data(),
    stride=st.integers(1, 9),
    share=st.sampled_from([-3.0, 0.0, 2.0]),
)
def test_parts_find_what_a_search_from_the_beginning_finds(name, sizes, data, stride, share):
    features, n = FEATURE_SETS[name], sum(sizes)
    overlap = data.draw(st.integers(1, stride))
    starts = data.draw(st.lists(st.sampled_from([0, 0, 0, 0, 0, -1, 1]), min_size=n, max_size=n))
    together = stretches(sizes, [s != -1 for s in starts], [s != 1 for s in starts])
    score = eager(scorer(features, n, normalized=False), share)
    expected = search(together, features, score)
    found = search_in_parts(together, features, score, stride, overlap)
    assert torch.equal(found.heads, expected.heads)
    assert torch.equal(found.labels, expected.labels)
    assert found.scores.shape == expected.scores.shape


@pytest.mark.parametrize("sizes, expected", [([], False), ([100], False), ([1000], True), ([300] + [200] * 200, False)])
def test_parts_are_for_few_long_stretches(sizes, expected):
    n = sum(sizes)
    assert pays(stretches(sizes, [True] * n, [True] * n)) == expected
