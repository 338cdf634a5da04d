import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spacy_fodl.transition.actions import ROOT_HEAD
from spacy_fodl.transition.linearize import CLOSE, WORD, Brackets, delinearize, linearize

from ..util import DeviceRequired
from .strategies import projective_trees

LABELS = ["", "nsubj", "obj||ccomp"]
KINDS = torch.tensor([Brackets.OTHER, Brackets.ENDS, Brackets.OPENS, Brackets.OPENS, Brackets.IS_WORD, Brackets.CLOSES])
NAMES = ["<unk>", "<eos>", "(a", "(b", WORD, CLOSE]


def test_the_tree_of_a_sentence():
    heads, labels = [1, ROOT_HEAD, 3, 1], ["nsubj", "root", "amod", "obj"]
    symbols = linearize(heads, labels)
    assert " ".join(symbols) == "(root (nsubj XX ) XX (obj (amod XX ) XX ) )"
    assert delinearize(symbols, 4) == (heads, labels, 0)
    assert " ".join(linearize(heads, [""] * 4)) == "( ( XX ) XX ( ( XX ) XX ) )"


def test_several_trees_and_none():
    heads = [ROOT_HEAD, ROOT_HEAD, 1]
    assert linearize(heads, ["a", "b", "c"]) == ["(a", "XX", ")", "(b", "XX", "(c", "XX", ")", ")"]
    assert linearize([], []) == []
    assert delinearize([], 0) == ([], [], 0)


@given(trees=st.lists(projective_trees(), max_size=3), data=st.data())
def test_the_inverse_gives_trees_back(trees, data):
    heads = []
    for tree in trees:
        offset = len(heads)
        heads += [head if head == ROOT_HEAD else head + offset for head in tree]
    labels = data.draw(st.lists(st.sampled_from(LABELS), min_size=len(heads), max_size=len(heads)))
    symbols = linearize(heads, labels)
    assert len(symbols) == 3 * len(heads)
    assert delinearize(symbols, len(heads)) == (heads, labels, 0)


@pytest.mark.parametrize("heads", [[2, 3, ROOT_HEAD, 2], [1, 0]])
def test_crossing_arcs_and_cycles_are_refused(heads):
    with pytest.raises(ValueError, match="cross or are in a cycle"):
        linearize(heads, [""] * len(heads))


@pytest.mark.parametrize(
    ("heads", "labels", "message"),
    [
        ([5, ROOT_HEAD], ["a", "b"], "head 5 is none of the 2"),
        ([-2, ROOT_HEAD], ["a", "b"], "head -2"),
        ([1, 1], ["a", "b"], "Word 1 is its own head.*-1"),
        ([0], [""], "Word 0 is its own head"),
        ([1, ROOT_HEAD], ["a"], "2 heads and 1 labels"),
        ([ROOT_HEAD], [" "], "white space"),
        ([ROOT_HEAD], ["a b"], "white space"),
    ],
)
def test_what_is_no_tree_is_refused(heads, labels, message):
    with pytest.raises(ValueError, match=message):
        linearize(heads, labels)


def test_a_text_is_read_like_its_symbols():
    row = "(ROOT (nsubj XX ) XX )"
    assert delinearize(row, 2) == delinearize(row.split(), 2) == ([1, ROOT_HEAD], ["nsubj", "ROOT"], 0)


def test_ten_thousand_words_deep():
    heads = [ROOT_HEAD, *range(9999)]
    assert delinearize(linearize(heads, ["x"] * 10000), 10000) == (heads, ["x"] * 10000, 0)


@pytest.mark.parametrize(
    ("text", "n_words", "heads", "labels", "repairs"),
    [
        ("", 2, [-1, 0], ["", ""], 2),  # Nothing was written.
        (") (a XX )", 1, [-1], ["a"], 1),
        ("(a XX", 1, [-1], ["a"], 1),
        ("XX (a XX )", 2, [-1, -1], ["", "a"], 1),
        ("(a XX XX )", 2, [-1, 0], ["a", ""], 1),
        ("(a (b ) XX )", 1, [-1], ["a"], 1),
        ("(a (b (c XX ) ) XX )", 2, [1, -1], ["c", "a"], 1),
        ("(a (b (c XX ) ) )", 1, [-1], ["c"], 2),
        ("(a XX ) (b XX )", 1, [-1], ["a"], 2),  # A word too many, and the bracket around it.
        ("(a XX )", 3, [-1, 0, 0], ["a", "", ""], 2),
        ("(a <unk> XX )", 1, [-1], ["a"], 1),
    ],
)
def test_malformed_rows_are_repaired(text, n_words, heads, labels, repairs):
    assert delinearize(text.split(), n_words) == (heads, labels, repairs)


@given(symbols=st.lists(st.sampled_from([*NAMES, "("])), n_words=st.integers(0, 12))
def test_anything_becomes_projective_trees(symbols, n_words):
    heads, labels, repairs = delinearize(symbols, n_words)
    assert len(heads) == len(labels) == n_words
    # What is projective and has no cycle can be written again.
    again = linearize(heads, labels)
    assert delinearize(again, n_words) == (heads, labels, 0)
    if repairs == 0:
        assert symbols == again


@pytest.mark.parametrize("one_root", [False, True])
@given(data=st.data())
def test_what_may_be_written_is_well_formed(one_root, data):
    """Three rows go on as they may, in an order that changes, as those of a beam."""
    n_words = torch.tensor(data.draw(st.lists(st.integers(0, 6), min_size=3, max_size=3)))
    written = [[], [], []]
    with DeviceRequired():
        brackets = Brackets(KINDS, n_words, one_root)
        for _ in range(3 * 6 + 1):
            allowed = brackets.allowed()
            assert allowed.any(1).all()
            choice = [data.draw(st.sampled_from(torch.nonzero(row)[:, 0].tolist())) for row in allowed]
            brackets.write(torch.tensor(choice, device="cpu"))
            for row, symbol in zip(written, choice):
                row.append(NAMES[symbol])
            rows = data.draw(st.lists(st.integers(0, 2), min_size=3, max_size=3))
            brackets.take(torch.tensor(rows, device="cpu"))
            written, n_words = [list(written[row]) for row in rows], n_words[rows]
    for row, n in zip(written, n_words.tolist()):
        symbols = [symbol for symbol in row if symbol != "<eos>"]
        heads, _, repairs = delinearize(symbols, n)
        assert repairs == 0
        assert len(symbols) == 3 * n
        assert row[3 * n] == "<eos>"
        if one_root and n:
            assert heads.count(ROOT_HEAD) == 1


def test_every_projective_tree_may_be_written():
    heads, labels = [1, ROOT_HEAD, 3, 1], ["b", "a", "b", "b"]
    brackets = Brackets(KINDS, torch.tensor([4]), one_root=True)
    for symbol in [*linearize(heads, labels), "<eos>"]:
        number = NAMES.index(symbol)
        assert brackets.allowed()[0, number]
        brackets.write(torch.tensor([number]))
