"""Modules that do more than one thing with token vectors: what, they are told."""

from typing import Any, Callable, TypeVar

from torch import Tensor, nn

Result = TypeVar("Result")


class Runner(nn.Module):
    """Called with token vectors and a run, a function such as a search or a loss, it lets the run use its parts."""

    def forward(
        self, tokens: Tensor, lengths: Tensor, run: Callable[[Any, Tensor, Tensor, float], Result], dropout: float = 0.0
    ) -> Result:
        """Let a run use the module.

        tokens (Tensor): Token vectors of all documents, one after the other. *Shape:* (tokens, n_in)
        lengths (Tensor): Tokens of each document. *Shape:* (documents,)
        run (Callable[[Any, Tensor, Tensor, float], Result]): Called with the module, the vectors, the lengths and the
            dropout.
        dropout (float): Rate that the run is to use when the module is in training mode.
        RETURNS (Result): What the run returns.
        """
        return run(self, tokens, lengths, dropout)
