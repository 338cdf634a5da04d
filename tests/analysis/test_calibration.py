import numpy as np
import pytest

from spacy_fodl.analysis.calibration import ArcEvidence, fit_temperature, head_probs, reliability


def test_what_is_as_often_right_as_it_says_has_no_error():
    probs = np.repeat([0.15, 0.55, 0.95], 20)
    correct = np.concatenate([np.arange(20) < 20 * share for share in (0.15, 0.55, 0.95)])
    found = reliability(probs, correct, bins=10)
    assert found.error == pytest.approx(0.0, abs=1e-9)
    assert found.counts.tolist() == [0, 20, 0, 0, 0, 20, 0, 0, 0, 20]
    assert found.accuracy[[1, 5, 9]].tolist() == pytest.approx([0.15, 0.55, 0.95])


def test_the_error_weighs_bins_by_what_they_hold():
    """Three in four are certain and right in half of the cases; the others are honest."""
    found = reliability(np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5]), np.array([1, 0, 1, 0, 1, 0, 1, 0]) > 0)
    assert found.error == pytest.approx(0.75 * 0.5)
    assert found.counts[-1] == 6


def test_nothing_to_compare():
    found = reliability(np.zeros(0), np.zeros(0, dtype=bool))
    assert found.error == 0.0
    assert found.counts.sum() == 0


NOTHING_CUT = (np.zeros((0, 2), dtype="int64"), np.zeros(0))


def evidence(temperature, n=4000):
    """Two trees a word, each right as often as their scores at the temperature say."""
    draw = np.random.default_rng(0)
    gaps = draw.uniform(0, 6, n)
    correct = draw.uniform(size=n) < 1 / (1 + np.exp(-gaps / temperature))
    agrees = np.stack([np.ones(n, dtype=bool), np.zeros(n, dtype=bool)])
    return ArcEvidence(np.stack([gaps, np.zeros(n)]), np.arange(n), agrees, correct, *NOTHING_CUT)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_is_found_again(temperature):
    its = evidence(temperature)
    fitted = fit_temperature(its)
    assert fitted == pytest.approx(temperature, rel=0.1)
    after = reliability(head_probs(its, fitted), its.correct).error
    assert after < 0.02
    if temperature != 1.0:
        assert after < reliability(head_probs(its), its.correct).error


def test_probabilities_of_heads_are_marginals():
    scores = np.array([[np.log(0.5), 0.0], [np.log(0.3), -np.inf], [np.log(0.2), -np.inf]])
    agrees = np.array([[True, True, True], [True, False, False], [False, True, False]])
    its = ArcEvidence(scores, np.array([0, 0, 1]), agrees, np.array([True, True, True]), *NOTHING_CUT)
    assert head_probs(its).tolist() == pytest.approx([0.8, 0.7, 1.0])


def test_what_was_given_up_counts_for_the_words_that_it_was_about():
    """Of the first two words the beam kept a quarter, so each bears a half; the third one has nothing on its stack but
    itself when as much is given up; the fourth was never in doubt."""
    words = np.array([[0, 1], [2, 4]])
    odds = np.log([3.0, 3.0])
    agrees, correct = np.ones((2, 4), dtype=bool), np.ones(4, dtype=bool)
    its = ArcEvidence(np.zeros((2, 1)), np.zeros(4, dtype="int64"), agrees, correct, words, odds)
    assert head_probs(its).tolist() == pytest.approx([0.5, 0.5, 0.5, 1.0])
    assert head_probs(its, 1e6).tolist() == pytest.approx([0.5**0.5] * 3 + [1.0], abs=1e-4)


def test_the_temperature_is_found_again_where_all_trees_agree():
    draw = np.random.default_rng(0)
    odds = draw.uniform(-6, 1, 4000)
    correct = draw.uniform(size=4000) < (1 / (1 + np.exp(odds / 2.0))) ** 0.5
    words = np.stack([np.arange(4000), np.full(4000, 4000)], axis=1)
    agrees = np.ones((1, 4000), dtype=bool)
    its = ArcEvidence(np.zeros((1, 1)), np.zeros(4000, dtype="int64"), agrees, correct, words, odds)
    assert fit_temperature(its) == pytest.approx(2.0, rel=0.15)


def test_all_trees_agree():
    agrees = np.ones((2, 3), dtype=bool)
    its = ArcEvidence(np.zeros((2, 3)), np.arange(3), agrees, np.array([True, True, False]), *NOTHING_CUT)
    assert fit_temperature(its) == pytest.approx(1.0)


def test_stretches_with_fewer_trees():
    scores = np.array([[2.0, 1.0], [0.0, -np.inf]])
    agrees = np.array([[True, True], [False, True]])
    its = ArcEvidence(np.tile(scores, 10), np.arange(20), np.tile(agrees, 10), np.arange(20) % 8 > 0, *NOTHING_CUT)
    assert fit_temperature(its) == pytest.approx(2 / np.log(7 / 3), rel=0.01)
