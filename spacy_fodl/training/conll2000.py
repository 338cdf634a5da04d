"""The shared-task format of CoNLL-2000: word, part-of-speech tag, chunk tag."""

from itertools import islice
from pathlib import Path
from typing import Callable, Iterator, List, Union

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.converters import conll_ner_to_docs

from .files import Line, blocks, check_count, wrong_line

# Sentences that are handed to spaCy's converter at a time.
CHUNK = 500


def make_conll2000_corpus_v1(
    path: Union[str, Path], n_sents: int = 1, limit: int = 0
) -> Callable[[Language], Iterator[Example]]:
    """Read a file of the CoNLL-2000 shared task with its gold tokens, by spaCy's converter: tags become token.tag_,
    chunks become doc.ents. Read as a stream.

    path (Union[str, Path]): The file, plain or .gz.
    n_sents (int): Sentences per document.
    limit (int): Documents to read; 0 for all.
    RETURNS (Callable[[Language], Iterator[Example]]): The reader.
    RAISES (ValueError): If a number is negative, or n_sents is 0 (F101). When it is called, if the file is missing
        (F401), broken (F402), or wrong at a line (F403).
    """
    check_count("spacy_fodl.Conll2000Corpus.v1", "n_sents", n_sents, least=1)
    check_count("spacy_fodl.Conll2000Corpus.v1", "limit", limit)

    def read(nlp: Language) -> Iterator[Example]:
        for doc in islice(documents(path, n_sents), limit or None):
            reference = Doc(nlp.vocab).from_bytes(doc.to_bytes())
            yield Example(Doc(nlp.vocab, words=[token.text for token in reference]), reference)

    return read


def documents(path: Union[str, Path], n_sents: int) -> Iterator[Doc]:
    sentences = blocks(path)
    while chunk := list(islice(sentences, CHUNK * n_sents)):
        for block in chunk:
            check(path, block)
        text = "\n\n".join("\n".join(line for _, line in block) for block in chunk)
        yield from conll_ner_to_docs(text, n_sents=n_sents, no_print=True)


def check(path: Union[str, Path], block: List[Line]) -> None:
    for number, line in block:
        if len(line.split(" ")) != 3:
            raise wrong_line(path, number, "expected word, tag and chunk tag, separated by single spaces")
