"""Whether probabilities are true: of what is called certain by 90 %, nine in ten should be right."""

from typing import NamedTuple

import numpy as np
import torch

from ..transition.marginals import head_marginals

N_BINS = 15


class Reliability(NamedTuple):
    """Predictions sorted into bins of equal width by their probability."""

    edges: np.ndarray
    """Where the bins begin, and 1. *Shape:* (bins + 1,)"""
    counts: np.ndarray
    """Predictions in each bin. *Shape:* (bins,)"""
    confidence: np.ndarray
    """Their mean probability; 0 in an empty bin. *Shape:* (bins,)"""
    accuracy: np.ndarray
    """The share of them that is right; 0 in an empty bin. *Shape:* (bins,)"""

    @property
    def error(self) -> float:
        """The expected calibration error: how far confidence and accuracy of a bin are apart, averaged over predictions
        (Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3)."""
        total = self.counts.sum()
        return float((self.counts * np.abs(self.accuracy - self.confidence)).sum() / total) if total else 0.0


def reliability(probs: np.ndarray, correct: np.ndarray, bins: int = N_BINS) -> Reliability:
    """Compare probabilities with how often they are right.

    probs (np.ndarray): The probability of each prediction. *Shape:* (predictions,)
    correct (np.ndarray): Whether it is right. *Shape:* (predictions,)
    bins (int): Number of bins.
    RETURNS (Reliability): What was found in each.
    """
    edges = np.linspace(0, 1, bins + 1)
    which = np.searchsorted(edges[1:-1], probs, side="right")
    counts = np.bincount(which, minlength=bins)
    there = counts.clip(min=1)
    confidence, accuracy = (np.bincount(which, weights=values, minlength=bins) / there for values in (probs, correct))
    return Reliability(edges, counts, confidence, accuracy)


class ArcEvidence(NamedTuple):
    """What a beam says of the heads that were chosen."""

    scores: np.ndarray
    """Scores of the trees of each stretch of text that was parsed by itself, -inf where there are fewer. *Shape:*
    (trees, stretches)"""
    stretches: np.ndarray
    """The stretch that each word belongs to. *Shape:* (words,)"""
    agrees: np.ndarray
    """Whether a tree has the head that was chosen. *Shape:* (trees, words)"""
    correct: np.ndarray
    """Whether that one is right. *Shape:* (words,)"""
    cut_words: np.ndarray
    """The words that each action of the best derivations decided about; the number of words for none. *Shape:*
    (actions, 2)"""
    cut_odds: np.ndarray
    """The odds of what the beam gave up then, as in Cuts of transition/search.py. *Shape:* (actions,)"""


def head_probs(evidence: ArcEvidence, temperature: float = 1.0) -> np.ndarray:
    """The probabilities of the chosen heads.

    evidence (ArcEvidence): Of some words.
    temperature (float): What scores are divided by.
    RETURNS (np.ndarray): *Shape:* (words,)
    """
    return marginals(evidence, torch.tensor(temperature, dtype=torch.double, device="cpu")).numpy()


def marginals(evidence: ArcEvidence, temperature: torch.Tensor) -> torch.Tensor:
    """The same as a tensor, which has a gradient by the temperature. *Shape:* (words,)"""
    scores, stretches, agrees, _, words, odds = map(torch.from_numpy, evidence)
    return head_marginals(scores.double(), stretches, agrees, words, odds.double(), temperature)


def fit_temperature(evidence: ArcEvidence) -> float:
    """The temperature at which the probabilities say best which heads are right: the likelihood of that is at its
    maximum (Guo et al. 2017, section 4.2).

    evidence (ArcEvidence): Of words that the model was not trained on.
    RETURNS (float): The temperature, from 0.001 to 1,000.
    """
    correct = torch.from_numpy(evidence.correct)
    log_temperature = torch.zeros((), dtype=torch.double, requires_grad=True, device="cpu")
    optimizer = torch.optim.LBFGS([log_temperature], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        # Where all trees agree the probability is 1 at every temperature.
        probs = marginals(evidence, log_temperature.exp()).clamp(1e-6, 1 - 1e-6)
        result = -torch.where(correct, probs, 1 - probs).log().mean()
        result.backward()
        return result

    optimizer.step(loss)
    return float(log_temperature.detach().exp().clamp(1e-3, 1e3))
