"""What a configuration looks like to a scorer: words at places of stack, buffer and tree so far, and labels."""

from typing import Dict, List, Sequence

import torch
from torch import Tensor

from ..errors import Errors
from .actions import KINDS, LEFT, RIGHT, ROOT, SHIFT

# A node of the stack: the node below, a word, and what is known of the word's children. "lc1" is the leftmost child,
# "lc2" the one next to it, "lc1_lc1" the leftmost child's leftmost child; "rc…" the same from the right.
BELOW, TOKEN = 0, 1
CHILDREN = ["lc1", "rc1", "lc2", "rc2", "lc1_lc1", "rc1_rc1"]


class FeatureSet:
    """Which places are looked at.

    name (str): How configs call it.
    n_stack (int): Words from the top of the stack, at least the two that an arc would join.
    n_buffer (int): Words from the front of the buffer.
    children (Sequence[str]): Names out of CHILDREN, for each of the two topmost words.
    labels (bool): Whether the labels of those children are looked at too.
    RAISES (ValueError): If n_stack is below 2 or n_buffer below 0, there is no such child, or one that a configuration
        can't tell without another (F106).

    Scorers use its attributes n_tokens and n_labels, how many words and labels are looked at, and token_names, the
    names of the former, such as "s1.lc1".
    """

    def __init__(self, name: str, n_stack: int, n_buffer: int, children: Sequence[str], labels: bool) -> None:
        self._check(name, n_stack, n_buffer, children)
        self.name = name
        self.n_stack = n_stack
        self.n_buffer = n_buffer
        names = ["below", "token", *children, *[f"{child}_label" for child in children if labels]]
        self.column = {name: i for i, name in enumerate(names)}
        self.n_columns = len(names)
        self.first_label = 2 + len(children)
        # What is looked at of each node, from the top: slices, since a slice is no copy.
        word, family = slice(TOKEN, TOKEN + 1), slice(TOKEN, self.first_label)
        self.stack_columns = [family, family, *[word] * (n_stack - 2)]
        self.label_columns = [slice(self.first_label, self.n_columns)] * 2 if labels else []
        self.n_tokens = 2 * (1 + len(children)) + n_stack - 2 + n_buffer
        self.n_labels = 2 * len(children) if labels else 0
        self.moves = self._moves()
        # "s0" is the top of the stack, "b0" the front of the buffer, "s1.lc1" the leftmost child of the second word.
        self.token_names = [
            f"s{i}" if column == TOKEN else f"s{i}.{names[column]}"
            for i, columns in enumerate(self.stack_columns)
            for column in range(self.n_columns)[columns]
        ] + [f"b{i}" for i in range(n_buffer)]

    def _check(self, name: str, n_stack: int, n_buffer: int, children: Sequence[str]) -> None:
        reason = ""
        unknown = [child for child in children if child not in CHILDREN]
        # The second child, and the child's child, are told from what was the first one before.
        alone = [child for child in children if child not in unknown and f"{child[0]}c1" not in children]
        if n_stack < 2 or n_buffer < 0:
            reason = "it needs at least two words of the stack, and 0 or more of the buffer."
        elif unknown:
            reason = f"there are no children {', '.join(unknown)}. There are {', '.join(CHILDREN)}."
        elif alone:
            reason = f"{', '.join(alone)} needs {', '.join(f'{child[0]}c1' for child in alone)} beside it."
        if reason:
            raise ValueError(Errors.F106.format(name=name, reason=reason))

    def _moves(self) -> Tensor:
        """For each kind of action, where each column of the new node and the new arc (dependent, head) come from: the
        columns of the topmost node, of the one below it, and of (word in front of the buffer, number of the topmost
        node, label, nothing, no label). *Shape:* (KINDS, n_columns + 2)"""
        n = self.n_columns
        buffer, top, label, nothing, no_label = range(2 * n, 2 * n + 5)
        moves: List[List[int]] = [[]] * KINDS
        empty = [nothing] * (self.first_label - 2) + [no_label] * (n - self.first_label)
        moves[SHIFT] = [top, buffer, *empty, nothing, nothing]
        moves[ROOT] = [n + i for i in range(n)] + [TOKEN, n + TOKEN]
        for kind, side, head, dependent in ((LEFT, "l", 0, n), (RIGHT, "r", n, 0)):
            columns = [head + i for i in range(n)]
            columns[BELOW] = n + BELOW
            for name, source in (
                (f"{side}c1", dependent + TOKEN),
                (f"{side}c2", head + self.column.get(f"{side}c1", 0)),
                (f"{side}c1_{side}c1", dependent + self.column.get(f"{side}c1", 0)),
                (f"{side}c1_label", label),
                (f"{side}c2_label", head + self.column.get(f"{side}c1_label", 0)),
                (f"{side}c1_{side}c1_label", dependent + self.column.get(f"{side}c1_label", 0)),
            ):
                if name in self.column:
                    columns[self.column[name]] = source
            moves[kind] = [*columns, dependent + TOKEN, head + TOKEN]
        return torch.tensor(moves, device="cpu")


FEATURE_SETS: Dict[str, FeatureSet] = {
    features.name: features
    for features in (
        # Three words of the stack, two of the buffer, the outermost children of the upper two.
        FeatureSet("stack3", n_stack=3, n_buffer=2, children=["lc1", "rc1"], labels=False),
        # The twenty places of SyntaxNet (Andor et al. 2016), after the eighteen of Chen and Manning (2014).
        FeatureSet("syntaxnet", n_stack=4, n_buffer=4, children=CHILDREN, labels=True),
    )
}
