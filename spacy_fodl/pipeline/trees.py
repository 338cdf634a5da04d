"""Dependency trees as what a sequence-to-sequence component writes."""

from collections import Counter
from typing import Any, Callable, Dict, Iterable, List, Optional

import numpy as np
import torch
from spacy.pipeline._parser_internals import nonproj
from spacy.tokens import Doc
from torch import Tensor

from ..errors import Errors
from ..models.parser import words_of
from ..models.words import are_words
from ..modules.seq2seq import EOS, UNK
from ..transition.actions import ROOT_HEAD
from ..transition.linearize import CLOSE, OPEN, WORD, Brackets, delinearize
from .parser import NO_LABEL, ROOT_LABEL, attached_space, write_tree
from .seq2seq import Handler
from .targets import END, UNKNOWN, check_learned

REPAIRS = "fodl_repairs"


class TreeSymbols:
    """Brackets with labels, and a placeholder for words, as transition/linearize.py writes trees.

    labels, constrained, one_root: As in make_tree_symbols_v1.
    """

    def __init__(self, labels: bool, constrained: bool, one_root: bool) -> None:
        self.labels = labels
        self.constrained = constrained
        self.one_root = one_root
        self.symbols: List[str] = []
        self._ids: Dict[str, int] = {}

    def _cut(self, text: str) -> List[str]:
        return [OPEN if symbol.startswith(OPEN) and not self.labels else symbol for symbol in text.split()]

    def learn(self, texts: Iterable[str]) -> None:
        texts = list(texts)
        rows = [self._cut(text) for text in texts]
        counts: Counter = Counter()
        for text, symbols in zip(texts, rows):
            for symbol in symbols:
                if symbol not in (WORD, CLOSE) and not symbol.startswith(OPEN):
                    raise ValueError(Errors.F216.format(text=text[:60], reason=f"'{symbol}' is no part of a tree"))
            counts.update(symbol for symbol in symbols if symbol.startswith(OPEN))
        if not counts:
            raise ValueError(Errors.F216.format(text="".join(texts[:1])[:60], reason="it has no brackets"))
        for text, symbols in zip(texts, rows):
            repairs = delinearize(symbols, symbols.count(WORD)).repairs
            if repairs:
                reason = f"its brackets and words don't fit together (reading it takes repairs: {repairs})"
                raise ValueError(Errors.F216.format(text=text[:500], reason=reason))
        if self.one_root and self.constrained:
            several = [text for text in texts if n_trees(text.split()) > 1]
            if several:
                n_words = several[0].split().count(WORD)
                raise ValueError(Errors.F229.format(n=len(texts), many=len(several), words=n_words))
        self._take(sorted(counts, key=lambda symbol: (-counts[symbol], symbol)))

    def _take(self, brackets: List[str]) -> None:
        self.symbols = [UNKNOWN, END, WORD, CLOSE, *brackets]
        self._ids = {symbol: i for i, symbol in enumerate(self.symbols)}

    def encode(self, text: str) -> List[int]:
        return [self._ids.get(symbol, UNK) for symbol in self._cut(text)]

    def decode(self, symbols: List[int]) -> str:
        return " ".join(self.symbols[symbol] for symbol in symbols if symbol != EOS)

    def to_dict(self) -> Dict[str, Any]:
        return {"kind": "trees", "labels": self.labels, "brackets": self.symbols[4:]}

    def from_dict(self, data: Dict[str, Any]) -> None:
        if data.get("kind") != "trees":
            raise ValueError(Errors.F213.format(found=data.get("kind"), expected="trees"))
        check_learned(self, data, "labels")
        self._take(list(data["brackets"]))

    def constraint(self, docs: List[Doc]) -> Optional[Callable[[Tensor], Brackets]]:
        if not self.constrained:
            return None
        kinds = {UNKNOWN: Brackets.OTHER, END: Brackets.ENDS, WORD: Brackets.IS_WORD, CLOSE: Brackets.CLOSES}
        if len(self.symbols) > len(kinds) + 1:  # The only bracket there is may stand anywhere.
            kinds[OPEN + ROOT_LABEL] = Brackets.OPENS_ROOT
        of_symbols = [kinds.get(symbol, Brackets.OPENS) for symbol in self.symbols]
        n_words = [int(words.sum()) for words in are_words(docs)]

        def of_documents(documents: Tensor) -> Brackets:
            device = documents.device
            its_words = torch.tensor(n_words, device=device)[documents]
            return Brackets(torch.tensor(of_symbols, device=device), its_words, self.one_root)

        return of_documents


def make_tree_symbols_v1(labels: bool = True, constrained: bool = True, one_root: bool = False) -> TreeSymbols:
    """Linearized dependency trees as target symbols.

    labels (bool): Whether opening brackets bear the label of the arc.
    constrained (bool): Whether nothing is written but well-formed trees over all words of a document, white space
        aside.
    one_root (bool): With constrained, whether these are one tree a document. Targets of several trees are then an error
        (F229).
    RETURNS (TreeSymbols): An empty vocabulary.
    """
    return TreeSymbols(labels, constrained, one_root)


def make_set_tree_v1() -> Handler:
    """Read the text as linearized trees, and set heads, labels and sentence starts. What is malformed is repaired; how
    many repairs it took stands in doc._.fodl_repairs."""
    if not Doc.has_extension(REPAIRS):
        Doc.set_extension(REPAIRS, default=None)
    return set_tree


def set_tree(doc: Doc, text: str) -> None:
    """Set the trees that a text says, and doc._.fodl_repairs.

    doc (Doc): The document. White space hangs on the word before it.
    text (str): Linearized trees over its words.
    """
    blank = Doc(doc.vocab, words=[token.text for token in doc], spaces=[bool(token.whitespace_) for token in doc])
    words = words_of([blank])
    heads, labels, repairs = delinearize(text, len(words.tokens))
    doc._.set(REPAIRS, repairs)
    if not len(doc):
        return
    full = np.arange(len(doc))
    names = [NO_LABEL] * len(doc)
    for place, head, label in zip(words.tokens.tolist(), heads, labels):
        full[place] = place if head == ROOT_HEAD else words.tokens[head]
        label = well_formed(label)
        names[place] = ROOT_LABEL if head == ROOT_HEAD else NO_LABEL if label in ("", ROOT_LABEL) else label
    spaces, their_heads = attached_space([blank], words)
    full[spaces] = their_heads
    for space, head in zip(spaces.tolist(), their_heads.tolist()):
        if space == head:
            names[space] = ROOT_LABEL
    deps = np.array([doc.vocab.strings.add(name) for name in names], dtype="uint64")
    decorated = {dep for dep, name in zip(deps.tolist(), names) if nonproj.is_decorated(name)}
    write_tree(doc, full, deps, decorated)


def n_trees(symbols: List[str]) -> int:
    """How many brackets stand in no other."""
    depth = n = 0
    for symbol in symbols:
        n += depth == 0 and symbol.startswith(OPEN)
        depth += symbol.startswith(OPEN)
        depth -= symbol == CLOSE
    return n


def well_formed(label: str) -> str:
    """What an arc can be labelled with, of a label that was written: of a lifted arc it is two, neither of them empty
    and the first not that of roots; or else what comes first counts."""
    first, *rest = label.split(nonproj.DELIMITER)
    return label if first not in ("", ROOT_LABEL) and len(rest) == 1 and rest[0] else first
