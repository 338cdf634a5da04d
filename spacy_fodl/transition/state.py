"""Many arc-standard configurations in lockstep."""

from dataclasses import dataclass
from typing import Tuple

import torch
from torch import Tensor

from .actions import SHIFT
from .features import BELOW, TOKEN, FeatureSet


@dataclass
class Sentences:
    """What a batch of configurations reads: stretches of one long row of words, each parsed by itself.

    The rows of a table of word vectors have two more at its end: the artificial root, and "nothing there"."""

    n_words: int
    """Words of all stretches together."""
    first: Tensor
    """The first word of each; the search relies on falling sizes. *Shape:* (sentences,)"""
    sizes: Tensor
    """Its number of words, at least 1: a derivation has twice as many actions. *Shape:* (sentences,)"""
    ends: Tensor
    """Where the buffer ends for it: one behind the last word that it sees. In a derivation that is known in advance it
    may see the words of the next sentence. *Shape:* (sentences,)"""
    may_start: Tensor
    """Whether a sentence may start at each word. *Shape:* (n_words + 1,), of bool; the last one is not used."""
    may_continue: Tensor
    """Whether the sentence before may go on with it. *Shape:* (n_words + 1,), of bool"""

    @property
    def root(self) -> int:
        """The row of the artificial root in the table of word vectors, behind all words."""
        return self.n_words

    @property
    def nothing(self) -> int:
        """The row of "nothing there", behind the root."""
        return self.n_words + 1


class State:
    """One configuration for each hypothesis of each sentence.

    The stack is a linked list: each action makes one new node for the word that is on top now, with its children so
    far, and says which node lies below. Nodes never change, so hypotheses share them, and a beam that reorders copies
    one number a hypothesis instead of a stack.

    sentences (Sentences): What is parsed.
    features (FeatureSet): Says what nodes carry.
    width (int): Hypotheses a sentence, next to each other.
    """

    def __init__(self, sentences: Sentences, features: FeatureSet, width: int = 1) -> None:
        device = sentences.first.device
        self.sentences = sentences
        self.features = features
        self.width = width
        self.buffer = sentences.first.repeat_interleave(width)
        self.ends = sentences.ends.repeat_interleave(width)
        self.size = len(self.buffer)
        # How many sentences take part in each step.
        n_steps = 2 * int(sentences.sizes[0]) if len(sentences.sizes) else 0
        steps = torch.arange(n_steps, device=device)
        finished = torch.searchsorted(2 * sentences.sizes.flip(0), steps, right=True)
        self.active = (len(sentences.sizes) - finished).tolist()
        capacity = 2 + width * sum(self.active)
        # Where the buffer ends, a sentence can't go on: what a configuration may do depends on one word alone then.
        self.may_start, self.may_continue = sentences.may_start.clone(), sentences.may_continue.clone()
        self.may_start[sentences.ends], self.may_continue[sentences.ends] = True, False
        # Node 0 lies below the root and below itself, node 1 is the root.
        self.nodes = torch.empty((capacity, features.n_columns), dtype=torch.long, device=device)
        self.nodes[:2] = sentences.nothing
        self.nodes[:2, features.first_label :] = 0
        self.nodes[:2, BELOW] = 0
        self.nodes[1, TOKEN] = sentences.root
        self.n_nodes = 2
        self.node_numbers = torch.arange(capacity, device=device)
        self.top = torch.ones(self.size, dtype=torch.long, device=device)
        self.moves = features.moves.to(device)
        self.lookahead = torch.arange(features.n_buffer, device=device)
        self.constants = self.buffer.new_tensor([[sentences.nothing, 0]]).expand(self.size, 2)
        self._load(self.nodes[self.top])

    def _load(self, top: Tensor) -> None:
        """Look up what lies below the nodes on top of the stack. *Shape:* (configurations, n_columns)"""
        self.stack = [top]
        for _ in range(self.features.n_stack - 1):
            self.stack.append(self.nodes[self.stack[-1][:, BELOW]])

    def keep(self, n_sentences: int) -> None:
        """Go on with the first sentences only.

        n_sentences (int): How many.
        """
        if n_sentences * self.width != self.size:
            self.size = n_sentences * self.width
            self.buffer, self.ends, self.top = self.buffer[: self.size], self.ends[: self.size], self.top[: self.size]
            self.stack = [nodes[: self.size] for nodes in self.stack]

    def take(self, sentences: Tensor) -> None:
        """Go on with some of the sentences.

        sentences (Tensor): Their places among those that there are, ascending. *Shape:* (sentences,)
        """
        rows = (sentences[:, None] * self.width + torch.arange(self.width, device=sentences.device)).flatten()
        self.size = len(rows)
        self.buffer, self.ends, self.top = self.buffer[rows], self.ends[rows], self.top[rows]
        self.stack = [nodes[rows] for nodes in self.stack]

    def select(self, rows: Tensor) -> None:
        """Reorder the hypotheses of a beam. To be followed by `apply`.

        rows (Tensor): The hypothesis that each place takes over. *Shape:* (configurations,)
        """
        self.buffer, self.top = self.buffer[rows], self.top[rows]
        self.stack = [nodes[rows] for nodes in self.stack[:2]]

    def feature_rows(self) -> Tensor:
        """What the features of each configuration look at: rows of the table of words for the first n_tokens columns,
        labels, counted from 1 with 0 for none, for the others. *Shape:* (configurations, features)"""
        features = self.features
        ahead = self.buffer[:, None] + self.lookahead
        ahead = torch.where(ahead < self.ends[:, None], ahead, self.sentences.nothing)
        stack = [nodes[:, columns] for nodes, columns in zip(self.stack, features.stack_columns)]
        labels = [nodes[:, columns] for nodes, columns in zip(self.stack, features.label_columns)]
        return torch.cat([*stack, ahead, *labels], dim=1)

    def valid(self) -> Tensor:
        """Which kinds of action are possible. One always is. *Shape:* (configurations, KINDS), of bool"""
        s0, s1 = self.stack[0][:, TOKEN], self.stack[1][:, TOKEN]
        root = self.sentences.root
        shift = self.may_continue[self.buffer] | (s0 == root)
        close = self.may_start[self.buffer] & (s1 == root)
        arc = s1 < root
        return torch.stack([shift, close, arc, arc], dim=1)

    def apply(self, kind: Tensor, label: Tensor) -> Tuple[Tensor, Tensor]:
        """Take one action in each configuration, a possible one.

        kind (Tensor): SHIFT, ROOT, LEFT or RIGHT. *Shape:* (configurations,)
        label (Tensor): The label of LEFT and RIGHT. *Shape:* (configurations,)
        RETURNS (Tuple[Tensor, Tensor]): The dependent of the new arc, "nothing" after SHIFT, and its head. *Shape:*
            (configurations,)
        """
        # A new node and the new arc are columns of what is there: which ones, the kind of action tells.
        own = torch.stack([self.buffer, self.top, label + 1], dim=1)
        there = torch.cat([self.stack[0], self.stack[1], own, self.constants[: self.size]], dim=1)
        made = there.gather(1, self.moves[kind])
        first, self.n_nodes = self.n_nodes, self.n_nodes + self.size
        self.nodes[first : self.n_nodes] = made[:, :-2]
        self.top = self.node_numbers[first : self.n_nodes]
        self.buffer = self.buffer + (kind == SHIFT)
        self._load(made[:, :-2])
        return made[:, -2], made[:, -1]
