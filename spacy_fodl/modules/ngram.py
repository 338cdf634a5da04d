"""The neural n-gram model: a window of token vectors through a feed-forward network."""

from typing import Dict, List, Type

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATIONS: Dict[str, Type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "mish": nn.Mish,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}

# Tokens a slice when predicting: bounds the memory of the windows, and a slice stays in the processor's cache.
PREDICT_TOKENS = 2048


class NGramEncoder(nn.Module):
    """Concatenate the vectors of a token and its neighbours and pass them through hidden layers.

    The window never crosses the bounds of a document: a learned vector stands for each position before its first
    token, another for each position after its last (Bengio et al. 2003, "A Neural Probabilistic Language Model",
    section 2; the tagging form is Collobert et al. 2011, "Natural Language Processing (Almost) from Scratch", section
    3.2.1, the window approach).

    n_in (int): Width of a token vector.
    before (int): Tokens of left context.
    after (int): Tokens of right context.
    hidden (List[int]): Widths of the hidden layers, first to last.
    activation (str): Name of the non-linearity after each hidden layer, a key of ACTIVATIONS.
    """

    offsets: Tensor

    def __init__(self, n_in: int, *, before: int, after: int, hidden: List[int], activation: str) -> None:
        super().__init__()
        self.padding = nn.Parameter(torch.randn(2, n_in) * n_in**-0.5)
        self.register_buffer("offsets", torch.arange(-before, after + 1), persistent=False)
        self.activation = ACTIVATIONS[activation]()
        widths = [n_in * (before + 1 + after), *hidden]
        self.hidden = nn.ModuleList(nn.Linear(n, m) for n, m in zip(widths, widths[1:]))

    def forward(self, tokens: Tensor, lengths: Tensor, dropout: float = 0.0) -> Tensor:
        """The hidden layer of each token.

        tokens (Tensor): Token vectors of all documents, one after the other. *Shape:* (tokens, n_in)
        lengths (Tensor): Tokens of each document. *Shape:* (documents,)
        dropout (float): Rate after each hidden layer, when the module is in training mode.
        RETURNS (Tensor): *Shape:* (tokens, hidden[-1])
        """
        table = torch.cat([tokens, self.padding])
        windows = self.window_rows(lengths, len(tokens))
        if torch.is_grad_enabled():
            return self.of_windows(F.embedding(windows, table), dropout)
        return torch.cat([self.of_windows(F.embedding(rows, table), dropout) for rows in windows.split(PREDICT_TOKENS)])

    def window_rows(self, lengths: Tensor, total: int) -> Tensor:
        """Which rows of the token table, followed by the two padding vectors, stand in the window of each token.

        lengths (Tensor): Tokens of each document. *Shape:* (documents,)
        total (int): Tokens of all documents.
        RETURNS (Tensor): Row numbers. *Shape:* (tokens, before + 1 + after)
        """
        ends = lengths.cumsum(0)
        rows = torch.arange(total, device=lengths.device)[:, None] + self.offsets
        first = (ends - lengths).repeat_interleave(lengths, output_size=total)[:, None]
        last = (ends - 1).repeat_interleave(lengths, output_size=total)[:, None]
        return torch.where(rows < first, total, torch.where(rows > last, total + 1, rows))

    def of_windows(self, windows: Tensor, dropout: float = 0.0) -> Tensor:
        """Pass windows through the hidden layers.

        windows (Tensor): The vectors in each window. *Shape:* (tokens, before + 1 + after, n_in)
        dropout (float): As in forward.
        RETURNS (Tensor): *Shape:* (tokens, hidden[-1])
        """
        X = windows.flatten(1)
        for layer in self.hidden:
            X = F.dropout(self.activation(layer(X)), dropout, self.training)
        return X
