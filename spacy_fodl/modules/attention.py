"""How a decoder looks at the states of the encoder: four stages, from not at all to where it chooses at each step."""

from typing import Dict, NamedTuple, Optional, Tuple, Type

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

# Pairs of a query and a state whose hidden layers additive attention holds at the same time.
COMPARISONS = 131072


class Source(NamedTuple):
    """The encoded sources of a batch."""

    states: Tensor
    """The states of the encoder, zero for padding. *Shape:* (sources, longest, n_states)"""
    keys: Tensor
    """What attention compares queries with. *Shape:* (sources, longest, n_keys)"""
    mask: Tensor
    """Whether there is a state. *Shape:* (sources, longest), of bool"""

    def take(self, rows: Tensor) -> "Source":
        """Some of the sources, or some of them several times. *Shape:* (rows,)"""
        return Source(*(column[rows] for column in self))


class Attention(nn.Module):
    """Makes a context of the source for each query. A kind overrides scores, and keys if something depends on the
    source alone; one whose contexts aren't as wide as states sets n_context, their width, and overrides forward.

    n_query (int): Width of a query, a state of the decoder.
    n_states (int): Width of a state of the encoder.
    n_hidden (int): Width of the layer in which query and state are compared, of a kind that has one.
    """

    def __init__(self, n_query: int, n_states: int, n_hidden: int) -> None:
        super().__init__()
        self.n_context = n_states

    def keys(self, states: Tensor) -> Tensor:
        """What depends on the source alone, computed once.

        states (Tensor): The states of the encoder, zero for padding. *Shape:* (sources, longest, n_states)
        RETURNS (Tensor): What queries are compared with, in Source.keys. *Shape:* (sources, longest, n_keys)
        """
        return states[:, :, :0]

    def scores(self, queries: Tensor, source: Source) -> Tensor:
        """How well states fit queries; all alike, if a kind doesn't say otherwise.

        queries (Tensor): States of the decoder. *Shape:* (sources, steps, n_query)
        source (Source): The sources. What is said of padding doesn't matter.
        RETURNS (Tensor): Scores, of which a softmax over the source is taken. *Shape:* (sources, steps, longest)
        """
        return source.states.new_zeros(1).expand(*queries.shape[:2], source.mask.shape[1])

    def forward(self, queries: Tensor, source: Source) -> Tuple[Tensor, Optional[Tensor]]:
        """Look at the source.

        queries (Tensor): States of the decoder. *Shape:* (sources, steps, n_query)
        source (Source): The sources, each with one state at least.
        RETURNS (Tuple[Tensor, Optional[Tensor]]): The contexts, *shape* (sources, steps, n_context), and the weights of
            the states in them, which add up to 1, *shape* (sources, steps, longest); None of a kind that has none.
        """
        scores = self.scores(queries, source)
        weights = scores.masked_fill(~source.mask[:, None], float("-inf")).softmax(2)
        return weights @ source.states, weights


class NoAttention(Attention):
    """The decoder knows of the source what its first state holds (Sutskever, Vinyals and Le 2014, "Sequence to Sequence
    Learning with Neural Networks")."""

    def __init__(self, n_query: int, n_states: int, n_hidden: int) -> None:
        super().__init__(n_query, n_states, n_hidden)
        self.n_context = 0

    def forward(self, queries: Tensor, source: Source) -> Tuple[Tensor, Optional[Tensor]]:
        return queries[:, :, :0], None


class StaticAttention(Attention):
    """All states at every step, and none before the others: their mean. The stage between none and choosing."""


class AdditiveAttention(Attention):
    """A small network compares query and state (Bahdanau, Cho and Bengio 2015, "Neural Machine Translation by Jointly
    Learning to Align and Translate", appendix A.1.2)."""

    def __init__(self, n_query: int, n_states: int, n_hidden: int) -> None:
        super().__init__(n_query, n_states, n_hidden)
        self.key = nn.Linear(n_states, n_hidden, bias=False)
        self.query = nn.Linear(n_query, n_hidden)
        self.score = nn.Linear(n_hidden, 1, bias=False)

    def keys(self, states: Tensor) -> Tensor:
        keys: Tensor = self.key(states)
        return keys

    def scores(self, queries: Tensor, source: Source) -> Tensor:
        most_steps = max(1, COMPARISONS // max(1, source.keys.shape[0] * source.keys.shape[1]))
        if queries.shape[1] <= most_steps:
            return self.compared(queries, source.keys)
        # A hidden layer for each pair of a query and a state: of long texts it is worked out again in backprop.
        parts = [
            checkpoint(self.compared, part, source.keys, use_reentrant=False) for part in queries.split(most_steps, 1)
        ]
        return torch.cat(parts, dim=1)

    def compared(self, queries: Tensor, keys: Tensor) -> Tensor:
        """The scores of some steps.

        queries (Tensor): States of the decoder. *Shape:* (sources, steps, n_query)
        keys (Tensor): Those of the sources. *Shape:* (sources, longest, n_hidden)
        RETURNS (Tensor): *Shape:* (sources, steps, longest)
        """
        scores: Tensor = self.score(torch.tanh(keys[:, None] + self.query(queries)[:, :, None]))
        return scores[..., 0]


class DotAttention(Attention):
    """The product of the state with the query, brought to its width by a matrix (Luong, Pham and Manning 2015,
    "Effective Approaches to Attention-based Neural Machine Translation", section 3.1, "general")."""

    def __init__(self, n_query: int, n_states: int, n_hidden: int) -> None:
        super().__init__(n_query, n_states, n_hidden)
        self.query = nn.Linear(n_query, n_states, bias=False)

    def scores(self, queries: Tensor, source: Source) -> Tensor:
        return self.query(queries) @ source.states.transpose(1, 2)


ATTENTIONS: Dict[str, Type[Attention]] = {
    "none": NoAttention,
    "static": StaticAttention,
    "additive": AdditiveAttention,
    "dot": DotAttention,
}
