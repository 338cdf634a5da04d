"""The scorer of a transition parser: a feed-forward network over words at places of the configuration."""

from typing import Any, Callable, Dict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .ngram import ACTIVATIONS
from .run import Result, Runner


class Cube(nn.Module):
    """x³ (Chen and Manning 2014, section 3.1)."""

    def forward(self, X: Tensor) -> Tensor:
        return X**3


SCORER_ACTIVATIONS: Dict[str, Callable[[], nn.Module]] = {**ACTIVATIONS, "cube": Cube}


class TransitionScorer(Runner):
    """Score the actions of configurations (Chen and Manning 2014, "A Fast and Accurate Dependency Parser using Neural
    Networks"; Andor et al. 2016, "Globally Normalized Transition-Based Neural Networks").

    The first layer is linear, so what each word would contribute at each place is computed once a batch, as a table
    (Chen and Manning 2014, section 3.3, "pre-computation trick"): a configuration is then a sum of rows of it.

    n_in (int): Width of a token vector.
    n_out (int): Number of actions.
    n_tokens (int): Places at which a configuration looks at a word.
    n_labels (int): Places at which it looks at a label.
    label_width (int): Width of the vectors of labels.
    hidden (int): Width of the hidden layer.
    activation (str): A key of SCORER_ACTIVATIONS.
    """

    places: Tensor

    def __init__(
        self, n_in: int, n_out: int, *, n_tokens: int, n_labels: int, label_width: int, hidden: int, activation: str
    ) -> None:
        super().__init__()
        self.n_tokens, self.n_labels, self.n_hidden = n_tokens, n_labels, hidden
        n_features = n_tokens * n_in + n_labels * label_width
        # The root, and "nothing there".
        self.special = nn.Parameter(torch.randn(2, n_in) * n_in**-0.5)
        self.words = nn.Parameter(torch.randn(n_in, n_tokens * hidden) * (2 / n_features) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(hidden))
        if n_labels:
            # One more for "no label".
            self.label_vectors = nn.Parameter(torch.randn((n_out - 2) // 2 + 1, label_width) * label_width**-0.5)
            self.labels = nn.Parameter(torch.randn(label_width, n_labels * hidden) * (2 / n_features) ** 0.5)
        self.activation = SCORER_ACTIVATIONS[activation]()
        self.output = nn.Linear(hidden, n_out)
        # 0 as long as it isn't trained.
        self.worth = nn.Linear(hidden, 1)
        nn.init.zeros_(self.worth.weight)
        nn.init.zeros_(self.worth.bias)
        self.register_buffer("places", torch.arange(n_tokens + n_labels), persistent=False)

    def forward(
        self, tokens: Tensor, lengths: Tensor, run: Callable[[Any, Tensor, Tensor, float], Result], dropout: float = 0.0
    ) -> Result:
        """See Runner; the run gets token vectors that the dropout went over."""
        return super().forward(F.dropout(tokens, dropout, self.training), lengths, run, dropout)

    def table(self, tokens: Tensor) -> Tensor:
        """What each word, the root and "nothing there" contribute to the hidden layer at each place, then the same of
        "no label" and each label.

        tokens (Tensor): *Shape:* (tokens, n_in)
        RETURNS (Tensor): *Shape:* ((tokens + 2) * n_tokens + (labels + 1) * n_labels, hidden)
        """
        table = (torch.cat([tokens, self.special]) @ self.words).view(-1, self.n_hidden)
        if self.n_labels:
            table = torch.cat([table, (self.label_vectors @ self.labels).view(-1, self.n_hidden)])
        return table

    def hidden(self, table: Tensor, rows: Tensor) -> Tensor:
        """The hidden layer of configurations.

        table (Tensor): What `table` made of the tokens.
        rows (Tensor): The word at each place, the root and "nothing there" behind the words, then the label at each
            place, 0 for none. *Shape:* (configurations, n_tokens + n_labels)
        RETURNS (Tensor): What `output` makes scores of actions of, and `worth` the worth of configurations, whatever
            action is taken. *Shape:* (configurations, hidden)
        """
        n = self.n_tokens
        if self.n_labels:
            labels = rows[:, n:] * self.n_labels + (len(table) - len(self.label_vectors) * self.n_labels - n)
            rows = torch.cat([rows[:, :n] * n, labels], dim=1) + self.places
        else:
            rows = rows * n + self.places
        hidden: Tensor = self.activation(F.embedding_bag(rows, table, mode="sum") + self.bias)
        return hidden
