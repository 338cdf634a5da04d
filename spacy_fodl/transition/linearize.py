"""Trees as rows of symbols, which a sequence-to-sequence model can write (Vinyals et al. 2015, "Grammar as a Foreign
Language", section 2), and back.

The words of a subtree stand together in a projective tree, so a pair of brackets encloses each, with the label of its
arc; a placeholder stands for the word itself, between its dependents:

    (ROOT (nsubj XX ) XX (obj (amod XX ) XX ) )

are the trees of "I like green eggs". A row may hold several trees, one after the other. Without labels every opening
bracket is "(". Each word takes three symbols."""

from typing import Any, List, NamedTuple, Sequence, Union

import torch
from torch import Tensor

from .actions import ROOT_HEAD

OPEN, WORD, CLOSE = "(", "XX", ")"


def linearize(heads: Sequence[int], labels: Sequence[str]) -> List[str]:
    """Write trees as a row of symbols.

    heads (Sequence[int]): The head of each word, ROOT_HEAD for roots, of projective trees.
    labels (Sequence[str]): The label of each word's arc, empty for none.
    RETURNS (List[str]): The symbols.
    RAISES (ValueError): If a head is out of range or the word itself, arcs cross or form a cycle, there is not one
        label a word, or a label holds white space, which parts symbols.
    """
    n = len(heads)
    if len(labels) != n:
        raise ValueError(f"There are {n} heads and {len(labels)} labels.")
    for word, head in enumerate(heads):
        if head != ROOT_HEAD and not 0 <= head < n:
            raise ValueError(f"The head {head} is none of the {n} words.")
        if head == word:
            raise ValueError(
                f"Word {word} is its own head. In spaCy that is a root; here a root's head is {ROOT_HEAD}."
            )
    for label in set(labels):
        if label and label.split() != [label]:
            raise ValueError(f"The label {label!r} holds white space.")
    before: List[List[int]] = [[] for _ in range(n)]
    behind: List[List[int]] = [[] for _ in range(n)]
    roots: List[int] = []
    for word, head in enumerate(heads):
        (roots if head == ROOT_HEAD else before[head] if word < head else behind[head]).append(word)
    symbols: List[str] = []
    next_word = 0
    # What is still to be written, the next one last: subtrees, and pieces in between.
    rest: List[Any] = roots[::-1]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            symbols.append(item)
            continue
        if item < 0:
            if ~item != next_word:
                break
            next_word += 1
            symbols.append(WORD)
            continue
        symbols.append(OPEN + labels[item])
        rest += [CLOSE, *behind[item][::-1], ~item, *before[item][::-1]]
    if next_word != n:
        raise ValueError(f"The arcs of {list(heads)} cross or are in a cycle.")
    return symbols


class Reading(NamedTuple):
    """What a row of symbols says."""

    heads: List[int]
    """The head of each word, ROOT_HEAD for roots."""
    labels: List[str]
    """The label of each arc, empty where there is none."""
    repairs: int
    """How many symbols were left out or added: 0 if all was well."""


def delinearize(symbols: Union[str, Sequence[str]], n_words: int) -> Reading:
    """Read trees, of whatever a model has written. Each of these costs a repair: a closing bracket, or a symbol of
    another kind, that means nothing is left out; a bracket around no word gives what it encloses to the bracket around
    it; a word that stands beside another one in its bracket, or in none, gets a bracket of its own; a bracket that
    stays open is closed; a word too many is left out; a missing one hangs on the root before it.

    symbols (Union[str, Sequence[str]]): The symbols, or a text of them with spaces in between.
    n_words (int): How many words there are.
    RETURNS (Reading): Trees over all words. Labels of arcs that were lifted ("nmod||obj") are left as they are.
    """
    heads, labels = [ROOT_HEAD] * n_words, [""] * n_words
    repairs = n_read = 0
    root = ROOT_HEAD
    # Open brackets: label, word (ROOT_HEAD for none yet), and the dependents that came before it.
    stack: List[List[Any]] = []

    def attach(words: List[int]) -> None:
        """Hang subtrees on the innermost open bracket."""
        nonlocal root
        if not stack:
            root = words[-1] if words else root
        elif stack[-1][1] == ROOT_HEAD:
            stack[-1][2] += words
        else:
            for word in words:
                heads[word] = stack[-1][1]

    def close() -> int:
        """Close the innermost bracket. RETURNS (int): The repairs that it takes."""
        label, word, waiting = stack.pop()
        if word == ROOT_HEAD:
            attach(waiting)
            return 1
        labels[word] = label
        attach([word])
        return 0

    for symbol in symbols.split() if isinstance(symbols, str) else symbols:
        if symbol == WORD and n_read < n_words:
            word, n_read = n_read, n_read + 1
            if stack and stack[-1][1] == ROOT_HEAD:
                stack[-1][1] = word
                for dependent in stack[-1][2]:
                    heads[dependent] = word
            else:
                attach([word])
                repairs += 1
        elif symbol == CLOSE and stack:
            repairs += close()
        elif symbol.startswith(OPEN):
            stack.append([symbol[len(OPEN) :], ROOT_HEAD, []])
        else:
            repairs += 1
    while stack:
        close()
        repairs += 1
    for word in range(n_read, n_words):
        if root == ROOT_HEAD:
            root = word
        else:
            heads[word] = root
        repairs += 1
    return Reading(heads, labels, repairs)


class Brackets:
    """What may be written next, so that there are as many words as there should be, each in a bracket of its own, and
    every bracket is closed.

    kinds (Tensor): The kind of each symbol: one of OTHER, OPENS, IS_WORD, CLOSES, ENDS, and OPENS_ROOT, where roots
        have a bracket of their own: then no other stands outside of all, and this one nowhere else. *Shape:* (symbols,)
    n_words (Tensor): Words of each row that is written. *Shape:* (rows,)
    one_root (bool): Whether there is one tree a row.
    """

    OTHER, OPENS, IS_WORD, CLOSES, ENDS, OPENS_ROOT = range(6)

    def __init__(self, kinds: Tensor, n_words: Tensor, one_root: bool = False) -> None:
        device = n_words.device
        n = len(n_words)
        self.kinds = kinds
        self.tells_roots = (kinds == self.OPENS_ROOT).any()
        self.one_root = one_root
        self.n_words = n_words
        self.n_read = torch.zeros(n, dtype=torch.long, device=device)
        self.n_opened = torch.zeros_like(self.n_read)
        self.depth = torch.zeros_like(self.n_read)
        # Whether each open bracket has its word; what stands outside of all counts as having one.
        self.has_word = torch.ones((n, int(n_words.max()) + 1 if n else 1), dtype=torch.bool, device=device)

    def least(self) -> Tensor:
        """How many symbols an output has, EOS included: two brackets and a word for each. *Shape:* (rows,)"""
        return 3 * self.n_words + 1

    def allowed(self) -> Tensor:
        """Which symbols may come next; one always may. *Shape:* (rows, symbols), of bool"""
        has_word = self.has_word.gather(1, self.depth[:, None])[:, 0]
        outside = self.depth == 0
        is_all = self.n_read == self.n_words
        opens = self.n_opened < self.n_words
        closes = has_word & ~outside
        if self.one_root:
            opens = opens & (~outside | (self.n_opened == 0))
            closes = closes & ((self.depth > 1) | is_all)
        never = torch.zeros_like(outside)
        within = opens & ~(outside & self.tells_roots)
        kinds = [never, within, ~has_word, closes, outside & is_all, opens & outside]
        return torch.stack(kinds, dim=1)[:, self.kinds]

    def take(self, rows: Tensor) -> None:
        """Go on with some rows.

        rows (Tensor): Their places, in any order, some perhaps more than once. *Shape:* (new rows,)
        """
        self.n_words, self.n_read, self.n_opened = self.n_words[rows], self.n_read[rows], self.n_opened[rows]
        self.depth, self.has_word = self.depth[rows], self.has_word[rows]

    def write(self, symbols: Tensor) -> None:
        """Add a symbol to each row.

        symbols (Tensor): Allowed ones. *Shape:* (rows,)
        """
        kind = self.kinds[symbols]
        opens, is_word = (kind == self.OPENS) | (kind == self.OPENS_ROOT), kind == self.IS_WORD
        self.depth = self.depth + opens.long() - (kind == self.CLOSES).long()
        self.n_opened = self.n_opened + opens
        self.n_read = self.n_read + is_word
        # A new bracket has no word, and one that gets its word has one; otherwise all is as it was.
        place = self.depth[:, None]
        self.has_word.scatter_(1, place, (self.has_word.gather(1, place) & ~opens[:, None]) | is_word[:, None])
