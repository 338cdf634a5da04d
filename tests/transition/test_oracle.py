import torch
from hypothesis import given
from hypothesis import strategies as st

from spacy_fodl.transition.actions import LEFT, ROOT, ROOT_HEAD, SHIFT, column
from spacy_fodl.transition.features import FEATURE_SETS
from spacy_fodl.transition.oracle import complete, gold_actions, gold_configurations
from spacy_fodl.transition.state import Sentences

from .strategies import Naive, projective_trees


def row_of(trees):
    """Trees one after the other, with heads as places in the row."""
    row = []
    for heads in trees:
        first = len(row)
        row += [head if head == ROOT_HEAD else head + first for head in heads]
    return torch.tensor(row)


def rebuilt(kinds, n):
    """The heads that the actions make, checked for being possible."""
    naive = Naive(n)
    for kind in kinds:
        assert naive.valid()[kind]
        naive.apply(kind)
    return naive.heads


@given(st.lists(projective_trees(), min_size=1, max_size=4))
def test_the_actions_rebuild_the_trees(trees):
    kinds, words = gold_actions(row_of(trees))
    assert len(kinds) == 2 * sum(map(len, trees))
    first = 0
    for heads in trees:
        n = len(heads)
        stretch = slice(2 * first, 2 * (first + n))
        assert rebuilt(kinds[stretch].tolist(), n) == heads
        # Each word is shifted once, in order, and gets its head once.
        shifted = words[stretch][kinds[stretch] == SHIFT]
        assert (shifted - first).tolist() == list(range(n))
        assert sorted((words[stretch][kinds[stretch] != SHIFT] - first).tolist()) == list(range(n))
        first += n


def test_actions_of_a_sentence():
    # I like green eggs
    kinds, words = gold_actions(torch.tensor([1, ROOT_HEAD, 3, 1]))
    assert kinds.tolist() == [SHIFT, SHIFT, LEFT, SHIFT, SHIFT, LEFT, 3, ROOT]
    assert words.tolist() == [0, 1, 0, 2, 3, 2, 3, 1]


@given(projective_trees(), st.data())
def test_a_tree_with_gaps_is_completed_without_losing_what_is_there(heads, data):
    gaps = data.draw(st.sets(st.integers(0, len(heads) - 1)))
    filled = complete([None if i in gaps else head for i, head in enumerate(heads)])
    assert filled.count(ROOT_HEAD) == 1
    kinds, _ = gold_actions(torch.tensor(filled))
    assert rebuilt(kinds.tolist(), len(heads)) == filled
    assert all(filled[i] == head for i, head in enumerate(heads) if i not in gaps)


@given(st.lists(st.one_of(st.none(), st.integers(ROOT_HEAD, 7)), min_size=8, max_size=8))
def test_anything_is_completed_to_a_tree(heads):
    filled = complete([None if head == i else head for i, head in enumerate(heads)])
    kinds, _ = gold_actions(torch.tensor(filled))
    assert rebuilt(kinds.tolist(), len(heads)) == filled


def configurations(trees, known=None, ends=None, name="stack3", n_labels=3):
    heads = row_of(trees)
    sizes = torch.tensor([len(tree) for tree in trees])
    first = sizes.cumsum(0) - sizes
    open_ = torch.ones(len(heads) + 1, dtype=torch.bool)
    order = sizes.argsort(descending=True, stable=True)
    ends = first + sizes if ends is None else ends
    sentences = Sentences(len(heads), first[order], sizes[order], ends[order], open_, open_)
    labels = torch.arange(len(heads)) % n_labels
    known = torch.ones(len(heads), dtype=torch.bool) if known is None else known
    return gold_configurations(sentences, heads, labels, known, FEATURE_SETS[name], n_labels), labels


def test_configurations_are_those_of_the_derivation():
    found, labels = configurations([[1, ROOT_HEAD, 3, 1]])
    kinds, words = gold_actions(torch.tensor([1, ROOT_HEAD, 3, 1]))
    assert found.actions.tolist() == column(kinds, labels[words], 3).tolist()
    root, nothing = 4, 5
    # s0 with its outermost children, s1 with its, s2, two of the buffer.
    assert found.rows[0].tolist() == [root, nothing, nothing, nothing, nothing, nothing, nothing, 0, 1]
    assert found.rows[2].tolist() == [1, nothing, nothing, 0, nothing, nothing, root, 2, 3]
    assert found.rows[-1].tolist() == [1, 0, 3, root, nothing, nothing, nothing, nothing, nothing]
    assert found.valid[0].tolist() == [True, False, False, False]


def test_words_without_gold_head_take_no_part():
    known = torch.tensor([True, True, False, True])
    found, _ = configurations([[1, ROOT_HEAD, 3, 1]], known)
    everything, _ = configurations([[1, ROOT_HEAD, 3, 1]])
    # Neither the arc of the third word counts, nor SHIFT with it in front of the buffer or as one of the upper two.
    kept = [0, 1, 2, 6, 7]
    assert torch.equal(found.rows, everything.rows[kept])
    assert torch.equal(found.actions, everything.actions[kept])


def test_the_buffer_shows_the_next_sentence_unless_its_start_is_known():
    trees = [[ROOT_HEAD, 0], [ROOT_HEAD]]
    closed, _ = configurations(trees)
    seen, _ = configurations(trees, ends=torch.tensor([3, 3]))
    # Before the first tree is closed: its root on top, with its child.
    root, nothing = 3, 4
    # Before the first tree is closed: its root on top, with its child.
    top = [0, nothing, 1, root, nothing, nothing, nothing]
    at = closed.rows.tolist().index([*top, nothing, nothing])
    assert closed.valid[at].tolist() == [False, True, False, False]
    at = seen.rows.tolist().index([*top, 2, nothing])
    assert seen.valid[at].tolist() == [True, True, False, False]


def test_nothing_to_learn_from():
    found, _ = configurations([[ROOT_HEAD]], known=torch.tensor([False]))
    assert len(found.actions) == len(found.rows) == len(found.valid) == 0
