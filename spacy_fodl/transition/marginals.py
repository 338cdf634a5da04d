"""How probable heads are, by what a beam holds and by what it gave up."""

import torch.nn.functional as F
from torch import Tensor

from .search import NEVER


def head_marginals(
    scores: Tensor, stretches: Tensor, agrees: Tensor, words: Tensor, odds: Tensor, temperature: Tensor
) -> Tensor:
    """The probability of one head of each word: the share that trees with it have in the beam, times the shares that
    the beam kept of all hypotheses when it was decided about the word: an estimate of our own.

    Trees in a beam are much alike: they differ where the parser was in doubt last. All of them may have an arc against
    which something spoke long before, and that was given up. At each action of the best derivation a share is kept; the
    two words on top of the stack, which the action decides about, bear half of its logarithm each, so that the shares
    of all words multiply to that of the derivation.

    scores (Tensor): Scores of the trees of each stretch of text that was parsed by itself, -inf where there are fewer.
        *Shape:* (trees, stretches)
    stretches (Tensor): The stretch of each word. *Shape:* (words,)
    agrees (Tensor): Whether a tree has the head in question. *Shape:* (trees, words)
    words (Tensor): As in Cuts, the number of words where there is none. *Shape:* (actions, 2)
    odds (Tensor): As in Cuts. *Shape:* (actions,)
    temperature (Tensor): What scores are divided by (Guo et al. 2017, "On Calibration of Modern Neural Networks",
        section 4.2). *Shape:* ()
    RETURNS (Tensor): *Shape:* (words,)
    """
    # Infinite numbers would make the gradient NaN.
    there, is_cut = scores.isfinite(), odds.isfinite()
    shares = (scores.where(there, 0) / temperature).masked_fill(~there, NEVER).softmax(0)
    kept = F.logsigmoid(-odds.where(is_cut, 0) / temperature) * is_cut / 2
    log_kept = kept.new_zeros(len(stretches) + 1).index_add(0, words.flatten(), kept.repeat_interleave(2))
    return (shares[:, stretches] * agrees).sum(0) * log_kept[:-1].exp()
