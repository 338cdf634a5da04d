"""Two files that translate each other line by line."""

from itertools import islice, zip_longest
from pathlib import Path
from typing import Callable, Iterator, Tuple, Union

from spacy.language import Language
from spacy.training import Example

from ..errors import Errors
from ..models.extensions import TARGET, add_target_extension
from .files import check_count, numbered_lines


def make_parallel_corpus_v1(
    source: Union[str, Path], target: Union[str, Path], limit: int = 0
) -> Callable[[Language], Iterator[Example]]:
    """Read line-aligned texts: line n of one file translates line n of the other. Read as a stream; spaces at both ends
    of a line are dropped.

    source (Union[str, Path]): The file with the texts, plain or .gz.
    target (Union[str, Path]): The one with their translations.
    limit (int): Lines to read; 0 for all.
    RETURNS (Callable[[Language], Iterator[Example]]): The reader. Gold documents have the target in doc._.fodl_target.
    RAISES (ValueError): If the limit is negative (F101). When it is called, if a file is missing (F401) or broken
        (F402), or one is shorter than the other (F404).
    """
    check_count("spacy_fodl.ParallelCorpus.v1", "limit", limit)

    def read(nlp: Language) -> Iterator[Example]:
        add_target_extension()
        for text, translation in islice(pairs(source, target), limit or None):
            reference = nlp.make_doc(text)
            reference._.set(TARGET, translation)
            yield Example(nlp.make_doc(text), reference)

    return read


def pairs(source: Union[str, Path], target: Union[str, Path]) -> Iterator[Tuple[str, str]]:
    """
    RAISES (ValueError): At the end of the shorter file, if one is shorter.
    """
    sides = numbered_lines(source), numbered_lines(target)
    for number, (left, right) in enumerate(zip_longest(*sides), start=1):
        if left is None or right is None:
            counts = [number - (one is None) + sum(1 for _ in rest) for one, rest in zip((left, right), sides)]
            raise ValueError(Errors.F404.format(source=source, target=target, n_source=counts[0], n_target=counts[1]))
        yield left[1].strip(), right[1].strip()
