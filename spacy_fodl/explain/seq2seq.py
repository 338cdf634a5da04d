"""What a sequence-to-sequence component writes, and how."""

from typing import Iterator, List, Union

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


def sections(name: str, pipe: FodlSeq2Seq, before: Doc, doc: Doc) -> Iterator[Union[Section, str]]:
    """What was written for a document, and how.

    before, doc (Doc): The document without and with what was written for it.
    """
    details = doc._.fodl_seq2seq
    texts = [one["text"] for one in details["n_best"]]
    numbers = [f"{one['score']:.2f}" for one in details["n_best"]]
    caption = (
        "What was written, with its score: the sum of the logarithms of the probabilities, divided by the length to "
        f"the power of {pipe.length_power:g}."
    )
    if pipe.beam_threshold:
        caption += f" What fell behind the best by more than {pipe.beam_threshold:g} was given up on the way."
    yield Texts(f"{name}: the output", caption, texts, numbers)
    tokens = details["tokens"][:MOST_SYMBOLS]
    is_cut = len(tokens) < len(details["tokens"])
    note = f" Of {len(details['tokens'])} symbols the first {MOST_SYMBOLS} are shown." if is_cut else ""
    yield steps(name, pipe, before, tokens, details["complete"] and not is_cut, note)
    attention = details.get("attention")
    if attention is not None and len(attention):
        caption = f"What was looked at in writing each piece (a row): tokens of the text, and its end.{note}"
        columns = [*(token.text for token in doc), "(end)"]
        yield matrix(f"{name}: attention", caption, tokens, columns, attention[:MOST_SYMBOLS])
    if isinstance(pipe.target, TreeSymbols) and doc.has_annotation("DEP"):
        yield from trees(f"{name}: the tree that was written", doc)
        n_repairs = doc._.get(REPAIRS)
        if n_repairs:
            caption = "Symbols that were left out or added to make a tree of what was written."
            yield Texts(f"{name}: repairs", caption, ["symbols"], [str(n_repairs)])


def steps(name: str, pipe: FodlSeq2Seq, doc: Doc, tokens: List[str], ends: bool, note: str) -> Section:
    """The decoder step by step, from EOS to EOS.

    tokens (List[str]): The symbols that were written.
    ends (bool): Whether EOS comes after them.
    note (str): What the caption says besides.
    """
    symbols = pipe.target.symbols
    number = {symbol: i for i, symbol in enumerate(symbols)}
    written = [number[token] for token in tokens]
    probs = decoder_steps(pipe.model, doc, written, pipe.target.constraint([doc]))
    choices = []
    for row, chosen in zip(probs, [*written, *[EOS] * ends]):
        rivals = [i for i in np.argsort(-row, kind="stable")[:TOP_SYMBOLS].tolist() if i != chosen and row[i]]
        shown = [chosen, *rivals[: TOP_SYMBOLS - 1]]
        choices.append([{"name": symbols[i], "value": float(row[i]), "note": ""} for i in shown])
    fed = [symbols[EOS], *tokens][: len(choices)]
    caption = (
        "A row a step: what was written last and is fed to the decoder, at first the sign for the end; what it writes "
        "next, with its probability by itself (a beam may take another one than the most probable); and what it could "
        f"have written instead.{note}"
    )
    if pipe.target.constraint([doc]) is not None:
        caption += " What would not be well-formed is left out, whatever the network gives it."
    return Choices(f"{name}: symbol by symbol", caption, [f"{symbol} →" for symbol in fed], choices)
