"""spacy fodl convert: corpora to .spacy files."""

import hashlib
import os
from collections import Counter
from enum import Enum
from pathlib import Path
from typing import Callable, Iterable, List, NamedTuple, Optional

import numpy as np
import spacy
import typer
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from wasabi import msg

from ..errors import Errors
from ..training.conll2000 import make_conll2000_corpus_v1
from ..training.conllu import make_conllu_corpus_v1
from ..training.parallel import make_parallel_corpus_v1
from ..training.reviews import make_review_corpus_v1
from ..training.running_text import make_text_corpus_v1

# More words of a treebank than this share being parts of tokens is worth a warning. It's 1 % in UD English-EWT.
MISALIGNED_SHARE = 0.1
# So many words are looked at.
MOST_WORDS = 20_000

Reader = Callable[[Language], Iterable[Example]]


class Format(str, Enum):
    """What the input can be."""

    conllu = "conllu"
    conll2000 = "conll2000"
    reviews = "reviews"
    parallel = "parallel"
    text = "text"


def convert(
    format: Format = typer.Argument(..., help="What the input is"),
    source: Path = typer.Argument(..., help="The file, plain or .gz; for reviews also a folder of folders"),
    output: Path = typer.Argument(..., help="The .spacy file to write"),
    target: Optional[Path] = typer.Option(None, help="For parallel text: the file with the translations"),
    n_sents: Optional[int] = typer.Option(
        None, help="For conllu and conll2000: sentences a document, by default 1; 0 keeps the documents of a treebank"
    ),
    limit: int = typer.Option(0, help="Documents to convert; 0 for all"),
    label: Optional[List[str]] = typer.Option(None, help="For reviews: a label; give all. Default: pos and neg"),
    lang: str = typer.Option(
        "en", help="Whose tokenizer reads texts (reviews, parallel, text); for conllu, whose will read them later on"
    ),
    sha256: Optional[str] = typer.Option(None, help="Fail unless the file has this SHA-256"),
    target_sha256: Optional[str] = typer.Option(None, help="The same for the file with the translations"),
) -> None:
    """Convert a treebank (conllu), the CoNLL-2000 shared task (conll2000), labelled texts (reviews: folders as in the
    Large Movie Review Dataset, or lines of label, id and text, or of label and text), parallel text or running text (a
    sentence a line) to a .spacy file."""
    if (target is None) == (format is Format.parallel):
        msg.fail(Errors.F302, exits=1)
    if label and format is not Format.reviews:
        msg.fail(Errors.F305, exits=1)
    if n_sents is not None and format not in (Format.conllu, Format.conll2000):
        msg.fail(Errors.F307, exits=1)
    if output.suffix != ".spacy":
        msg.fail(Errors.F303.format(path=output), exits=1)
    try:
        check_sha256(source, sha256)
        if target is not None:
            check_sha256(target, target_sha256)
        found = save(
            format,
            source,
            make_reader(format, source, target, 1 if n_sents is None else n_sents, limit, label or ["pos", "neg"]),
            lang,
            output,
        )
    except ValueError as e:
        msg.fail(str(e), exits=1)
    msg.good(f"Wrote {found.n_docs} documents to {output}")
    if found.labels:
        msg.info("Labels: " + ", ".join(f"{name!r} {n} times" for name, n in found.labels.most_common()))
    if found.share_of_parts > MISALIGNED_SHARE:
        msg.warn(
            f"{found.share_of_parts:.0%} of the words are parts of longer tokens, as the tokenizer of '{lang}' finds "
            "them. What is trained on running text learns nothing of such words. Is the treebank of another language? "
            "Name it with --lang. Does it have many multiword tokens? 'python -m spacy convert --converter conllu "
            "--merge-subtokens' takes them as a whole."
        )


def make_reader(
    format: Format, source: Path, target: Optional[Path], n_sents: int, limit: int, labels: List[str]
) -> Reader:
    if format is Format.conllu:
        return make_conllu_corpus_v1(source, n_sents=n_sents, limit=limit)
    if format is Format.conll2000:
        return make_conll2000_corpus_v1(source, n_sents=n_sents, limit=limit)
    if format is Format.reviews:
        return make_review_corpus_v1(source, labels=labels, limit=limit)
    if format is Format.text:
        return make_text_corpus_v1(source, limit=limit)
    assert target is not None
    return make_parallel_corpus_v1(source, target, limit=limit)


class Converted(NamedTuple):
    """What was converted."""

    n_docs: int
    labels: Counter
    """How many documents have each category."""
    share_of_parts: float
    """Of the first words of a treebank: those that are only parts of what the tokenizer of the language finds."""


def save(format: Format, source: Path, reader: Reader, lang: str, output: Path) -> Converted:
    """Write the gold documents of a reader; the file appears when it is complete.

    RETURNS (Converted): What there was.
    RAISES (ValueError): If there was nothing.
    """
    docs, nlp = DocBin(store_user_data=True), spacy.blank(lang)
    labels: Counter = Counter()
    n_words = n_parts = 0
    for example in reader(nlp):
        gold = example.reference
        docs.add(gold)
        for label, value in gold.cats.items():
            labels[label] += bool(value)  # A label that no text has counts 0, and is told.
        if format is Format.conllu and n_words < MOST_WORDS:
            n_words += len(gold)
            n_parts += parts_of_tokens(gold, nlp.make_doc(gold.text))
    if not len(docs):
        raise ValueError(Errors.F304.format(path=source, what=f"document of the format {format.value}"))
    output.parent.mkdir(parents=True, exist_ok=True)
    part = output.with_name(f".{output.name}.part")
    docs.to_disk(part)
    os.replace(part, output)
    return Converted(len(docs), labels, n_parts / max(n_words, 1))


def parts_of_tokens(gold: Doc, found: Doc) -> int:
    """How many words of a gold document lie within a longer token that a tokenizer found in its text."""
    words, tokens = (np.array([(token.idx, token.idx + len(token)) for token in doc]) for doc in (gold, found))
    around = tokens[np.searchsorted(tokens[:, 0], words[:, 0], side="right") - 1]
    return int(((around[:, 1] >= words[:, 1]) & (around != words).any(axis=1)).sum())


def check_sha256(path: Path, expected: Optional[str]) -> None:
    if expected is None:
        return
    if not path.is_file():
        raise ValueError(Errors.F401.format(path=path))
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected.lower():
        raise ValueError(Errors.F406.format(path=path, found=found, expected=expected))
