import pytest
import torch

from spacy_fodl.transition.actions import column, n_actions
from spacy_fodl.transition.features import FEATURE_SETS
from spacy_fodl.transition.oracle import gold_actions
from spacy_fodl.transition.paths import gold_paths, path_scores
from spacy_fodl.transition.search import search

from ..util import DeviceRequired
from .test_search import LENGTHS, N_LABELS, every_derivation, scorer, sentences_of

# The trees of the sentences of LENGTHS, one after the other.
HEADS = [1, -1, 1, 4, 1, 4, 5, 8, -1, 8, 9, 8, 13, 15, 15, -1, 15, 18, -1, -1]
LABELS = [0, 0, 1, 2, 0, 1, 2, 1, 0, 2, 1, 0, 2, 1, 1, 0, 2, 1, 0, 0]


def gold_of(sentences, heads=HEADS, labels=LABELS):
    kinds, words = gold_actions(torch.tensor(heads))
    steps = 2 * sentences.first[:, None] + torch.arange(2 * int(sentences.sizes[0]))
    steps = steps.clamp(max=len(kinds) - 1)
    return kinds[steps], torch.tensor(labels)[words[steps]]


def paths_of(lengths, features, score, width, heads=HEADS, labels=LABELS):
    sentences = sentences_of(lengths)
    return gold_paths(sentences, *gold_of(sentences, heads, labels), features, score, width, N_LABELS)


def lengths_of(found):
    """After how many actions the search stopped: those on the gold paths."""
    n_sentences, width = found.counts.shape
    return torch.bincount(found.paths, minlength=n_sentences * (width + 1)).view(n_sentences, -1)[:, -1]


def loss_of(found, score):
    totals = path_scores(found, score(found.rows, found.valid))
    return totals.logsumexp(1) - totals[:, -1]


@pytest.mark.parametrize("name", FEATURE_SETS)
def test_a_beam_as_wide_as_the_space_gives_the_loss_over_all_derivations(name):
    features, n = FEATURE_SETS[name], 3
    score = scorer(features, n)
    heads, labels = [1, -1, 1], [2, 0, 1]
    every = every_derivation(n, features, score)
    found = paths_of([n], features, score, len(every) + 2, heads, labels)
    assert lengths_of(found).tolist() == [2 * n]
    assert found.counts.sum() == len(every) - 1  # All but gold, which has a column of its own.
    totals = torch.tensor([total for total, _, _ in every])
    gold_total = path_scores(found, score(found.rows, found.valid))[0, -1]
    same_tree = [total for total, *tree in every if tree == [heads, labels]]
    assert any(gold_total == pytest.approx(total, abs=1e-4) for total in same_tree)
    assert loss_of(found, score)[0] == pytest.approx(float(totals.logsumexp(0) - gold_total), abs=1e-4)


@pytest.mark.parametrize("name", FEATURE_SETS)
@pytest.mark.parametrize("width", [1, 2, 5])
def test_the_loss_of_a_batch_equals_that_of_its_sentences(name, width):
    features = FEATURE_SETS[name]
    together = sentences_of(LENGTHS)
    score = scorer(features, together.n_words)
    found = paths_of(LENGTHS, features, score, width)
    losses = loss_of(found, score)
    first = 0
    for i, n in enumerate(LENGTHS):
        shift = torch.arange(n + 2) + first
        shift[n:] = torch.tensor([together.root, together.nothing])

        def alone_score(rows, valid, words=shift):
            return score(torch.cat([words[rows[:, : features.n_tokens]], rows[:, features.n_tokens :]], dim=1), valid)

        heads = [head - first if head >= 0 else head for head in HEADS[first : first + n]]
        alone = paths_of([n], features, alone_score, width, heads, LABELS[first : first + n])
        assert lengths_of(alone)[0] == lengths_of(found)[i]
        torch.testing.assert_close(loss_of(alone, alone_score)[0], losses[i])
        first += n


def forced(features, n_words, lengths, wrong_at):
    """Scores by which greedy search follows gold, but for one step in each sentence."""
    sentences = sentences_of(lengths)
    kinds, labels = gold_of(sentences)
    columns = column(kinds, labels, N_LABELS)
    calls = iter(range(1000))
    alive = torch.arange(len(lengths))

    def score(rows, valid):
        nonlocal alive
        step = next(calls)
        alive = alive[[step < 2 * lengths[i] and step <= wrong_at[i] for i in alive.tolist()]]
        scores = torch.zeros(len(rows), n_actions(N_LABELS))
        at = columns[alive, step]
        good = torch.tensor([-1.0 if step == wrong_at[i] else 1.0 for i in alive.tolist()])
        scores[torch.arange(len(rows)), at] = good
        return scores

    return score


def test_the_search_stops_where_gold_leaves_the_beam():
    features, lengths = FEATURE_SETS["stack3"], [7, 5, 5]
    # SHIFT is the only thing to do at first; in the second sentence gold is never lost.
    wrong_at = [4, 100, 6]
    score = forced(features, sum(lengths), lengths, wrong_at)
    found = paths_of(lengths, features, score, 1, HEADS[:17], LABELS[:17])
    assert lengths_of(found).tolist() == [5, 10, 7]
    assert found.counts[:, 0].tolist() == [True, False, True]
    taken = torch.bincount(found.paths, minlength=6).view(3, 2)
    assert taken.tolist() == [[5, 5], [0, 10], [7, 7]]


def test_gold_that_the_beam_keeps_costs_what_the_others_leave_it():
    """Where gold is the only derivation with a score, the others of the beam still count."""
    features = FEATURE_SETS["stack3"]
    sentences = sentences_of([2])
    score = scorer(features, 2)
    every = every_derivation(2, features, score)
    _, heads, labels = every[0]
    found = paths_of([2], features, score, 3, heads, labels)
    totals = path_scores(found, score(found.rows, found.valid))[0]
    assert lengths_of(found).tolist() == [4]
    best = search(sentences, features, score, 3).scores[:, 0].float()
    torch.testing.assert_close(totals[totals > float("-inf")].sort(descending=True).values, best)


def test_the_gradient_goes_through_the_partition():
    """Against finite differences of the loss, searched for anew each time."""
    features = FEATURE_SETS["syntaxnet"]
    n_words = sum(LENGTHS)
    shape = (max(n_words + 2, N_LABELS + 1), features.n_tokens + features.n_labels, n_actions(N_LABELS))
    table = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.double, requires_grad=True)
    places = torch.arange(shape[1])

    def score(rows, valid):
        return table[rows, places].sum(1)

    def loss():
        with torch.no_grad():
            found = paths_of(LENGTHS, features, score, 4)
        return loss_of(found, score).sum()

    loss().backward()
    assert table.grad.abs().max() > 0
    largest = table.grad.abs().flatten().topk(8).indices.tolist()
    for place in [*largest, 5, 500]:
        flat = table.detach().view(-1)
        values = []
        for change in (1e-4, -1e-4):
            flat[place] += change
            values.append(float(loss().detach()))
            flat[place] -= change
        assert table.grad.view(-1)[place] == pytest.approx((values[0] - values[1]) / 2e-4, abs=1e-5)


def test_learning_globally_brings_gold_to_the_top():
    features = FEATURE_SETS["stack3"]
    sentences = sentences_of(LENGTHS)
    shape = (sentences.n_words + 2, features.n_tokens, n_actions(N_LABELS))
    table = torch.zeros(shape, requires_grad=True)
    places = torch.arange(shape[1])
    optimizer = torch.optim.Adam([table], 0.1)

    def score(rows, valid):
        return table[rows, places].sum(1)

    for _ in range(60):
        with torch.no_grad():
            found = paths_of(LENGTHS, features, score, 4)
        optimizer.zero_grad()
        loss_of(found, score).sum().backward()
        optimizer.step()
    with torch.no_grad():
        assert search(sentences, features, score, 4).heads[0].tolist() == HEADS


def test_no_tensor_without_device():
    features = FEATURE_SETS["syntaxnet"]
    sentences = sentences_of(LENGTHS)
    gold = gold_of(sentences)
    places = torch.arange(features.n_tokens + features.n_labels)
    table = torch.randn(sentences.n_words + 2, len(places), n_actions(N_LABELS))
    with DeviceRequired():
        found = gold_paths(sentences, *gold, features, lambda rows, valid: table[rows, places].sum(1), 3, N_LABELS)
        path_scores(found, table[found.rows, places].sum(1))
