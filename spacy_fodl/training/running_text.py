"""Running text with known sentences."""

from itertools import islice
from pathlib import Path
from typing import Callable, Iterator, List, Union

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from .files import Line, blocks, check_count


def make_text_corpus_v1(
    path: Union[str, Path], limit: int = 0, max_sents: int = 200
) -> Callable[[Language], Iterator[Example]]:
    """Read texts that have a sentence a line; an empty line ends a document. Read as a stream.

    path (Union[str, Path]): The file, plain or .gz.
    limit (int): Documents to read; 0 for all.
    max_sents (int): How many sentences a document has at most. Longer ones are cut, since models read a document as a
        whole, and a book would not fit into memory; 0 for no limit.
    RETURNS (Callable[[Language], Iterator[Example]]): The reader. Both sides of an example have the sentence starts.
    RAISES (ValueError): If a number is negative (F101). When it is called, if the file is missing (F401) or broken
        (F402).
    """
    check_count("spacy_fodl.TextCorpus.v1", "limit", limit)
    check_count("spacy_fodl.TextCorpus.v1", "max_sents", max_sents)

    def read(nlp: Language) -> Iterator[Example]:
        for block in islice(blocks(path, max_sents), limit or None):
            yield Example(document(nlp, block), document(nlp, block))

    return read


def document(nlp: Language, block: List[Line]) -> Doc:
    words: List[str] = []
    spaces: List[bool] = []
    starts: List[Union[bool, int, None]] = []
    for _, line in block:
        tokens = nlp.make_doc(line.strip())
        words += [token.text for token in tokens]
        spaces += [bool(token.whitespace_) for token in tokens[:-1]] + [True]
        starts += [True] + [False] * (len(tokens) - 1)
    return Doc(nlp.vocab, words=words, spaces=spaces, sent_starts=starts)
