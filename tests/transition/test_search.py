import copy
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from spacy_fodl.transition.actions import KINDS, LEFT, RIGHT, ROOT_HEAD, SHIFT, n_actions
from spacy_fodl.transition.features import FEATURE_SETS, FeatureSet
from spacy_fodl.transition.search import log_probabilities, possible_alone, search
from spacy_fodl.transition.state import Sentences, State

from ..util import DeviceRequired
from .strategies import Naive

N_LABELS = 3
LENGTHS = [7, 5, 5, 2, 1]


def sentences_of(lengths, may_start=None, may_continue=None):
    sizes = torch.tensor(lengths)
    n = int(sizes.sum())
    first = sizes.cumsum(0) - sizes
    flags = [torch.tensor([*(given or [True] * n), True]) for given in (may_start, may_continue)]
    return Sentences(n, first, sizes, first + sizes, *flags)


def scorer(features, n_words, seed=0, normalized=False, n_labels=N_LABELS):
    """Scores that depend on every feature, or log-probabilities."""
    generator = torch.Generator().manual_seed(seed)
    n_rows = max(n_words + 2, n_labels + 1)
    table = torch.randn((n_rows, features.n_tokens + features.n_labels, n_actions(n_labels)), generator=generator)

    def score(rows, valid):
        scores = table[rows, torch.arange(rows.shape[1])].sum(1)
        return (log_probabilities if normalized else possible_alone)(scores, valid)

    return score


def family(naive, word):
    """The outermost children of a word and their labels, by the names of the columns of a node."""
    children = naive.children(word) if word is not None and word >= 0 else []
    left = [c for c in children if c < word]
    right = [c for c in children if c > word][::-1]
    found = {}
    for side, those in (("l", left), ("r", right)):
        for i in (1, 2):
            found[f"{side}c{i}"] = those[i - 1] if len(those) >= i else None
        grand = family(naive, those[0])[f"{side}c1"] if those else None
        found[f"{side}c1_{side}c1"] = grand
    return found


def renumbered(rows, valid, score, words, n_tokens):
    """The scores for rows that number their words in another way."""
    return score(torch.cat([words[rows[:, :n_tokens]], rows[:, n_tokens:]], dim=1), valid)


def naive_rows(naive, features, n_words):
    """What feature_rows should give, from the lists of a Naive parser."""
    root, nothing = n_words, n_words + 1
    stack = [*naive.stack[::-1], None, None, None, None]
    row, labels = [], []
    names = [name for name in features.column if name not in ("token", "below") and not name.endswith("_label")]
    for depth in range(features.n_stack):
        word = stack[depth]
        row.append(nothing if word is None else root if word < 0 else word)
        if depth < 2:
            kin = family(naive, word)
            row += [nothing if kin[name] is None else kin[name] for name in names]
            labels += [0 if kin[name] is None else naive.labels[kin[name]] + 1 for name in names]
    ahead = range(naive.buffer, naive.buffer + features.n_buffer)
    row += [i if i < n_words else nothing for i in ahead]
    return row + (labels if features.n_labels else [])


@pytest.mark.parametrize("name", FEATURE_SETS)
@given(data=st.data())
def test_every_configuration_has_an_action_and_is_what_it_should_be(name, data):
    features = FEATURE_SETS[name]
    n = data.draw(st.integers(1, 9))
    starts = data.draw(st.lists(st.sampled_from([-1, 0, 1]), min_size=n, max_size=n))
    may_start, may_continue = [s != -1 for s in starts], [s != 1 for s in starts]
    state = State(sentences_of([n], may_start, may_continue), features)
    naive = Naive(n, may_start, may_continue)
    for _ in range(2 * n):
        assert state.feature_rows()[0].tolist() == naive_rows(naive, features, n)
        valid = state.valid()[0].tolist()
        assert valid == naive.valid()
        assert any(valid)
        kind = data.draw(st.sampled_from([k for k in range(KINDS) if valid[k]]))
        label = data.draw(st.integers(0, N_LABELS - 1)) if kind in (LEFT, RIGHT) else 0
        naive.apply(kind, label)
        state.apply(torch.tensor([kind]), torch.tensor([label]))
    assert naive.stack == [-1]
    assert naive.buffer == n
    assert None not in naive.heads
    for i in range(1, n):
        starts_one = naive.heads[i] is not None and not crosses(naive.heads, i)
        assert starts_one or starts[i] != 1
        assert not starts_one or starts[i] != -1


def crosses(heads, i):
    """Whether an arc goes over the gap before word i."""
    return any(head >= 0 and (head < i) != (j < i) for j, head in enumerate(heads))


@pytest.mark.parametrize("name", FEATURE_SETS)
@pytest.mark.parametrize("width, normalized", [(1, True), (4, True), (4, False), (50, True)])
def test_the_batch_equals_one_by_one(name, width, normalized):
    features = FEATURE_SETS[name]
    together = sentences_of(LENGTHS)
    score = scorer(features, together.n_words, normalized=normalized)
    found = search(together, features, score, width)
    first = 0
    for i, n in enumerate(LENGTHS):
        part = sentences_of([n])
        shift = torch.arange(n + 2) + first
        shift[n:] = torch.tensor([together.root, together.nothing])

        alone_score = partial(renumbered, score=score, words=shift, n_tokens=features.n_tokens)
        alone = search(part, features, alone_score, width)
        heads = torch.where(alone.heads < 0, alone.heads, alone.heads + first)
        assert torch.equal(found.heads[:, first : first + n], heads)
        assert torch.equal(found.labels[:, first : first + n], alone.labels)
        torch.testing.assert_close(found.scores[:, i : i + 1], alone.scores)
        first += n


@pytest.mark.parametrize("name", FEATURE_SETS)
def test_greedy_takes_the_best_possible_action(name):
    features = FEATURE_SETS[name]
    n = 6
    score = scorer(features, n)
    naive = Naive(n)
    for _ in range(2 * n):
        valid = naive.valid()
        scores = score(torch.tensor([naive_rows(naive, features, n)]), torch.tensor([valid]))[0].tolist()
        columns = [(scores[c], c) for c in range(n_actions(N_LABELS)) if valid[kind_of(c)]]
        best = max(columns)[1]
        naive.apply(kind_of(best), (best - 2) % N_LABELS if best >= 2 else 0)
    found = search(sentences_of([n]), features, score)
    assert found.heads.tolist() == [naive.heads]
    assert found.labels.tolist() == [naive.labels]


def kind_of(column):
    return column if column < 2 else LEFT if column < 2 + N_LABELS else RIGHT


def test_no_tensor_without_device():
    features = FEATURE_SETS["syntaxnet"]
    sentences = sentences_of(LENGTHS)
    table = torch.randn(sentences.n_words + 2, features.n_tokens + features.n_labels, n_actions(N_LABELS))
    places = torch.arange(table.shape[1])
    with DeviceRequired():
        for width in (1, 3):
            search(sentences, features, lambda rows, valid: table[rows, places].sum(1), width)


@pytest.mark.parametrize("name", FEATURE_SETS)
def test_hypotheses_of_a_sentence_share_their_past(name):
    """Two a sentence; after some steps the first is given up for a copy of the second, and both go on apart."""
    features, n = FEATURE_SETS[name], 6
    state = State(sentences_of([n]), features, width=2)
    naive = [Naive(n), Naive(n)]
    draw = torch.Generator().manual_seed(1)
    for step in range(2 * n):
        if step == 5:
            state.select(torch.tensor([1, 1]))
            naive[0] = copy.deepcopy(naive[1])
        kinds = []
        for one in naive:
            possible = [kind for kind, is_possible in enumerate(one.valid()) if is_possible]
            kinds.append(possible[int(torch.randint(len(possible), (1,), generator=draw))])
        labels = torch.randint(N_LABELS, (2,), generator=draw)
        for one, kind, label in zip(naive, kinds, labels.tolist()):
            one.apply(kind, label)
        state.apply(torch.tensor(kinds), labels)
        assert state.feature_rows().tolist() == [naive_rows(one, features, n) for one in naive]


def test_no_sentences():
    empty = torch.zeros(0, dtype=torch.long)
    sentences = Sentences(0, empty, empty, empty, empty.bool(), empty.bool())
    assert len(search(sentences, FEATURE_SETS["stack3"], lambda rows, valid: rows).heads[0]) == 0


def test_the_stack_is_shared_and_not_copied():
    """A configuration costs one node a step, however deep its stack is."""
    n = 400
    state = State(sentences_of([n]), FEATURE_SETS["stack3"])
    zero = torch.zeros(1, dtype=torch.long)
    for _ in range(n):
        state.apply(zero + SHIFT, zero)
    assert state.n_nodes == 2 + n
    assert state.nodes.shape == (2 + 2 * n, 4)


def every_derivation(n, features, score):
    """All derivations of a sentence with their scores, by the textbook's parser."""
    found = []

    def grow(naive, total):
        if naive.buffer == n and len(naive.stack) == 1:
            found.append((total, naive.heads, naive.labels))
            return
        scores = score(torch.tensor([naive_rows(naive, features, n)]), torch.tensor([naive.valid()]))[0].double()
        possible = [c for c in range(len(scores)) if naive.valid()[kind_of(c)]]
        for c in possible:
            one = copy.deepcopy(naive)
            one.apply(kind_of(c), (c - 2) % N_LABELS if c >= 2 else 0)
            grow(one, total + float(scores[c]))

    grow(Naive(n), 0.0)
    return sorted(found, key=lambda derivation: -derivation[0])


@pytest.mark.parametrize("name", FEATURE_SETS)
@pytest.mark.parametrize("normalized", [True, False])
def test_a_beam_as_wide_as_the_space_finds_every_derivation(name, normalized):
    features, n = FEATURE_SETS[name], 3
    score = scorer(features, n, normalized=normalized)
    expected = every_derivation(n, features, score)
    width = len(expected) + 3
    found = search(sentences_of([n]), features, score, width)
    assert found.scores[:-3, 0].tolist() == pytest.approx([total for total, _, _ in expected], abs=1e-4)
    assert found.scores[-3:, 0].tolist() == [float("-inf")] * 3
    assert found.heads[:-3].tolist() == [heads for _, heads, _ in expected]
    assert found.labels[:-3].tolist() == [labels for _, _, labels in expected]
    if normalized:
        assert found.scores.exp().sum() == pytest.approx(1.0, abs=1e-4)


def test_a_wider_beam_is_no_worse_than_greedy_and_its_hypotheses_differ():
    features = FEATURE_SETS["stack3"]
    sentences = sentences_of(LENGTHS)
    for normalized in (True, False):
        score = scorer(features, sentences.n_words, normalized=normalized)
        narrow, wide = (search(sentences, features, score, width).scores for width in (2, 16))
        assert (wide[0] >= narrow[0] - 1e-4).float().mean() >= 0.8
        assert (wide[:-1] >= wide[1:]).all()
    beam = search(sentences, features, score, 8)
    first = torch.cat([beam.heads[:, :7], beam.labels[:, :7]], dim=1)
    assert len(torch.unique(first, dim=0)) > 1


@pytest.mark.parametrize("width", [2, 3, 8])
def test_what_the_beam_keeps_multiplies_to_the_probability_that_it_holds(width):
    """With one label, and probabilities: what is given up at a step is lost for good, the rest goes on adding up."""
    features = FEATURE_SETS["stack3"]
    sentences = sentences_of(LENGTHS)
    score = scorer(features, sentences.n_words, normalized=True, n_labels=1)
    found = search(sentences, features, score, width, weigh_cuts=True)
    cuts = found.cuts
    assert torch.bincount(cuts.sentences).tolist() == [2 * length for length in LENGTHS]
    log_kept = torch.zeros(len(LENGTHS)).index_add(0, cuts.sentences, F.logsigmoid(-cuts.odds))
    torch.testing.assert_close(log_kept, found.scores.logsumexp(0).float(), rtol=0, atol=1e-5)
    assert log_kept[0] < -0.01


def test_an_action_decides_about_the_words_that_it_joins():
    features = FEATURE_SETS["stack3"]
    sentences = sentences_of(LENGTHS)
    found = search(sentences, features, scorer(features, sentences.n_words), 4, weigh_cuts=True)
    pairs = set(map(tuple, found.cuts.words.tolist()))
    for word, head in enumerate(found.heads[0].tolist()):
        head = sentences.root if head == ROOT_HEAD else head
        assert (word, head) in pairs or (head, word) in pairs
    assert search(sentences, features, scorer(features, sentences.n_words), 1, weigh_cuts=True).cuts is None


def test_a_beam_as_wide_as_the_space_gives_nothing_up():
    features = FEATURE_SETS["stack3"]
    sentences = sentences_of([3, 2])
    found = search(sentences, features, scorer(features, sentences.n_words), 2000, weigh_cuts=True)
    assert found.cuts.odds.tolist() == [float("-inf")] * 10


def test_labels_alone_are_no_alternative_to_a_head():
    """Of two words there is a tree a root, each with any label. A beam that holds both gives up labels, but no heads;
    one that holds both labels of a tree gives up the other tree."""
    features = FEATURE_SETS["stack3"]
    sentences = sentences_of([2], may_start=[True, False], may_continue=[False, True])
    # The columns: SHIFT, ROOT, LEFT-ARC and RIGHT-ARC with each of two labels.
    for worth, n_heads in (([0.0, 0.0, 1.0, -9.0, 1.0, -9.0], 2), ([0.0, 0.0, 1.0, 1.0, -9.0, -9.0], 1)):

        def score(rows, valid, worth=worth):
            return possible_alone(torch.tensor(worth).expand(len(rows), -1), valid)

        found = search(sentences, features, score, 2, weigh_cuts=True)
        assert len({tuple(heads) for heads in found.heads.tolist()}) == n_heads
        assert (found.cuts.odds > float("-inf")).any() == (n_heads == 1)


def test_what_all_actions_have_in_common_changes_nothing():
    """The scores of global training have no scale of their own: long sums of them must not round away what tells
    hypotheses from each other."""
    features, sentences = FEATURE_SETS["stack3"], sentences_of([300, 40])
    score = scorer(features, sentences.n_words)
    expected = search(sentences, features, score, 4, weigh_cuts=True)
    found = search(sentences, features, lambda rows, valid: score(rows, valid) + 64, 4, weigh_cuts=True)
    assert found.heads.equal(expected.heads)
    n_actions = 2 * torch.tensor([300, 40])
    torch.testing.assert_close(found.scores - 64 * n_actions, expected.scores, rtol=0, atol=2e-3)
    torch.testing.assert_close(found.cuts.odds, expected.cuts.odds, rtol=1e-3, atol=1e-3)


def test_starts_that_are_set_hold_for_every_hypothesis():
    features, n = FEATURE_SETS["stack3"], 6
    starts = [1, -1, -1, 1, -1, -1]
    sentences = sentences_of([n], [s != -1 for s in starts], [s != 1 for s in starts])
    found = search(sentences, features, scorer(features, n), width=12)
    for heads, total in zip(found.heads.tolist(), found.scores[:, 0].tolist()):
        if total > float("-inf"):
            assert [heads[:3].count(-1), heads[3:].count(-1)] == [1, 1]
            assert not crosses(heads, 3)


@pytest.mark.parametrize(
    "settings,message",
    [
        ({"children": ["lc1", "lc3"]}, "no children lc3"),
        ({"children": ["lc1", "rc2"]}, "rc2 needs rc1"),
        ({"children": ["lc1_lc1"], "labels": True}, "lc1_lc1 needs lc1"),
        ({"n_stack": 1}, "two words of the stack"),
        ({"n_buffer": -1}, "0 or more of the buffer"),
    ],
)
def test_feature_sets_that_cannot_be_told(settings, message):
    with pytest.raises(ValueError, match=f"F106.*{message}"):
        FeatureSet("mine", **{"n_stack": 2, "n_buffer": 1, "children": [], "labels": False, **settings})
