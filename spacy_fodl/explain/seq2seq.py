"""What a sequence-to-sequence component writes, and how."""

from typing import Iterator, List

import numpy as np
from spacy.tokens import Doc

from ..analysis.decoder import decoder_steps
from ..analysis.sections import Choices, Section, Texts, matrix
from ..modules.seq2seq import EOS
from ..pipeline.seq2seq import FodlSeq2Seq
from ..pipeline.trees import REPAIRS, TreeSymbols
from .parser import trees

TOP_SYMBOLS = 3
# Of a longer output the beginning is shown step by step.
MOST_SYMBOLS = 100


def sections(name: str, pipe: FodlSeq2Seq, before: Doc, doc: Doc) -> Iterator[Section]:
    """
    before, doc (Doc): The document without and with what was written for it.
    """
    details = doc._.fodl_seq2seq
    texts = [one["text"] for one in details["n_best"]]
    numbers = [f"{one['score']:.2f}" for one in details["n_best"]]
    caption = "What was written, with the logarithm of its probability by its length."
    yield Texts(f"{name}: the output", caption, texts, numbers)
    tokens = details["tokens"][:MOST_SYMBOLS]
    yield steps(name, pipe, before, tokens, ends=details["complete"] and len(tokens) == len(details["tokens"]))
    attention = details.get("attention")
    if attention is not None and len(attention):
        caption = "What was looked at in writing each piece (a row): tokens of the text, and its end."
        columns = [*(token.text for token in doc), "(end)"]
        yield matrix(f"{name}: attention", caption, tokens, columns, attention[:MOST_SYMBOLS])
    if isinstance(pipe.target, TreeSymbols):
        yield from trees(f"{name}: the tree that was written", doc)
        n_repairs = doc._.get(REPAIRS)
        if n_repairs:
            caption = "Symbols that were left out or added to make a tree of what was written."
            yield Texts(f"{name}: repairs", caption, ["symbols"], [str(n_repairs)])


def steps(name: str, pipe: FodlSeq2Seq, doc: Doc, tokens: List[str], ends: bool) -> Section:
    """The decoder step by step, from EOS to EOS.

    tokens (List[str]): The symbols that were written.
    ends (bool): Whether EOS comes after them.
    """
    symbols = pipe.target.symbols
    number = {symbol: i for i, symbol in enumerate(symbols)}
    written = [number[token] for token in tokens]
    choices = []
    for row, chosen in zip(decoder_steps(pipe.model, doc, written), [*written, *[EOS] * ends]):
        rivals = [i for i in np.argsort(-row, kind="stable")[:TOP_SYMBOLS].tolist() if i != chosen]
        shown = [chosen, *rivals[: TOP_SYMBOLS - 1]]
        choices.append([{"name": symbols[i], "value": float(row[i]), "note": ""} for i in shown])
    fed = [symbols[EOS], *tokens][: len(choices)]
    caption = (
        "A row a step: what was written last and is fed to the decoder, at first the sign for the end; what it writes "
        "next, with its probability; and what it could have written instead."
    )
    return Choices(f"{name}: symbol by symbol", caption, [f"{symbol} →" for symbol in fed], choices)
