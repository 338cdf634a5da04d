"""Skip-thought: a sentence's vector is what its neighbours can be written from."""

import math
from typing import Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .rnn import RNNEncoder, RNNPooling
from .run import Runner

# The first numbers of the vocabulary. EOS begins and ends a sentence of the decoders.
EOS, UNKNOWN = 0, 1
# Scores that are worked out at the same time when all words are scored.
MAX_SCORES = 2**23


class SkipThought(Runner):
    """An encoder of sentences, and two decoders that write the sentences before and after from its vector (Kiros et al.
    2015, "Skip-Thought Vectors", section 2.1). As there, both decoders share the vectors of words and the weights that
    score them, and are given the sentence's vector at each step. Here it is projected and added to the vector of the
    word that was written last: the matrices C of equations 5 to 7, factored.

    n_in (int): Width of a token vector.
    n_out (int): Number of words that the decoders know, the most frequent first, EOS and UNKNOWN included; 0 for an
        encoder alone.
    cell, width, depth, bidirectional, pooling: Of the encoder, as in RNNPooling.
    embed_width (int): Width of the decoders' vectors of words.
    decoder_width (int): Width of the decoders' states.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        cell: str,
        width: int,
        depth: int,
        bidirectional: bool,
        pooling: str,
        embed_width: int,
        decoder_width: int,
    ) -> None:
        super().__init__()
        self.encoder = RNNPooling(
            n_in,
            cell=cell,
            width=width,
            depth=depth,
            bidirectional=bidirectional,
            pooling=pooling,
            max_length=0,
            truncate="both",
        )
        self.n_words = n_out
        if n_out:
            self.words = nn.Embedding(n_out, embed_width)
            self.thought = nn.Linear(self.encoder.n_pooled, embed_width)
            self.decoders = nn.ModuleList(
                RNNEncoder(embed_width, cell=cell, width=decoder_width, depth=1, bidirectional=False) for _ in range(2)
            )
            self.output = nn.Linear(decoder_width, n_out)
            nn.init.normal_(self.words.weight, std=0.1)
            # Words begin about as probable as they are frequent. Learning that first takes a thousand steps, in which
            # the states of the decoders saturate.
            with torch.no_grad():
                self.output.bias.copy_(zipf_log_probs(n_out, self.output.bias.device))

    def encode(self, tokens: Tensor, lengths: Tensor, dropout: float = 0.0) -> Tensor:
        """Encode sentences.

        tokens (Tensor): Token vectors of all sentences, one after the other. *Shape:* (tokens, n_in)
        lengths (Tensor): Tokens of each sentence. *Shape:* (sentences,)
        dropout (float): Rate, when the module is in training mode.
        RETURNS (Tensor): A vector a sentence; zeros for one without tokens. *Shape:* (sentences, n_pooled)
        """
        return self.encoder(tokens, lengths, dropout)

    def decode(
        self, direction: int, vectors: Tensor, words: Tensor, lengths: Tensor, dropout: float = 0.0
    ) -> Tuple[Tensor, Tensor]:
        """The states before each word of known sentences, and before the EOS behind them.

        direction (int): Which decoder: 0 for that of the sentence before, 1 for the one after.
        vectors (Tensor): What each sentence is to be written from. *Shape:* (sentences, n_pooled)
        words (Tensor): Their words, one sentence after the other. *Shape:* (words,)
        lengths (Tensor): Words of each. *Shape:* (sentences,)
        dropout (float): Rate on inputs and states, when the module is in training mode.
        RETURNS (Tuple[Tensor, Tensor]): The states, *shape* (words + sentences, decoder_width), and the words that
            follow upon them, *shape* (words + sentences,).
        """
        n = len(words) + len(lengths)
        last = (lengths + 1).cumsum(0) - 1
        follows = words.new_full((n,), EOS)
        is_word = torch.ones(n, dtype=torch.bool, device=words.device)
        is_word[last] = False
        follows[is_word] = words
        before = follows.roll(1)  # The EOS of a sentence is what the next one begins with.
        thoughts = self.thought(vectors).repeat_interleave(lengths + 1, dim=0, output_size=n)
        inputs = F.dropout(self.words(before) + thoughts, dropout, self.training)
        states = self.decoders[direction](inputs, lengths + 1)
        return F.dropout(states, dropout, self.training), follows

    def sampled_loss(self, states: Tensor, words: Tensor, n_samples: int) -> Tensor:
        """The sum of the negative log-probabilities of words, each told from some others only, which are drawn anew for
        each call and shared by all (sampled softmax: Jean et al. 2015, "On Using Very Large Target Vocabulary for
        Neural Machine Translation", section 3).

        states (Tensor): *Shape:* (words, decoder_width)
        words (Tensor): What follows upon each state. *Shape:* (words,)
        n_samples (int): How many others.
        RETURNS (Tensor): *Shape:* ()
        """
        drawn, log_odds = log_uniform(n_samples, self.n_words, words.device)
        weight, bias = self.output.weight, self.output.bias
        right = (states * F.embedding(words, weight)).sum(1) + bias[words]
        # What is drawn often counts less, so that their sum is expected to be that over all words but the right one.
        others = torch.addmm(bias[drawn] - log_odds[drawn], states, weight[drawn].T)
        others = others.masked_fill(drawn == words[:, None], -math.inf)
        return (torch.logaddexp(others.logsumexp(1), right) - right).sum()

    def exact_loss(self, states: Tensor, words: Tensor) -> Tuple[Tensor, Tensor]:
        """The sum of the negative log-probabilities of words among all words.

        states (Tensor): *Shape:* (words, decoder_width)
        words (Tensor): What follows upon each state. *Shape:* (words,)
        RETURNS (Tuple[Tensor, Tensor]): The sum, and how many of the words are the likeliest ones. *Shape:* () both
        """
        size = max(1, MAX_SCORES // self.n_words)
        losses, right = [words.new_zeros((), dtype=states.dtype)], [words.new_zeros(())]
        for X, y in zip(states.split(size), words.split(size)):
            scores = self.output(X)
            losses.append(F.cross_entropy(scores, y, reduction="sum"))
            right.append((scores.argmax(1) == y).sum())
        return torch.stack(losses).sum(), torch.stack(right).sum()


def log_uniform(n_samples: int, n_words: int, device: torch.device) -> Tuple[Tensor, Tensor]:
    """Draw words, with replacement, by how frequent they are if Zipf's law holds: the one of rank k with a probability
    in proportion to log((k + 2) / (k + 1)), for k from 0.

    n_samples (int): How many to draw.
    n_words (int): Size of the vocabulary, the most frequent first.
    device (torch.device): Where.
    RETURNS (Tuple[Tensor, Tensor]): The words, *shape* (n_samples,), and for every word the logarithm of how often it
        is expected among them, *shape* (n_words,).
    """
    drawn = (torch.rand(n_samples, device=device) * math.log(n_words + 1)).exp().long() - 1
    return drawn.clamp(0, n_words - 1), zipf_log_probs(n_words, device) + math.log(n_samples)


def zipf_log_probs(n_words: int, device: torch.device) -> Tensor:
    """The logarithm of how probable each word is, the most frequent first, if Zipf's law holds: see log_uniform.

    n_words (int): Size of the vocabulary.
    device (torch.device): Where.
    RETURNS (Tensor): *Shape:* (n_words,)
    """
    ranks = torch.arange(n_words, device=device, dtype=torch.float32)
    return (1 / (ranks + 1)).log1p().log() - math.log(math.log(n_words + 1))
