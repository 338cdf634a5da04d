"""Labelled texts: the folders of the Large Movie Review Dataset, or a file with a text a line."""

from itertools import islice
from pathlib import Path
from typing import Callable, Iterator, List, Tuple, Union

from spacy.language import Language
from spacy.training import Example

from ..errors import Errors
from .files import check_count, numbered_lines, wrong_line


def make_review_corpus_v1(
    path: Union[str, Path], labels: List[str] = ["pos", "neg"], replace_breaks: bool = True, limit: int = 0
) -> Callable[[Language], Iterator[Example]]:
    """Read texts that have one label each (Maas et al. 2011, "Learning Word Vectors for Sentiment Analysis"). Read as a
    stream.

    path (Union[str, Path]): A folder that holds a folder of .txt files for each label, as upstream publishes them; or a
        file, plain or .gz, of lines `label<TAB>id<TAB>text`, or all of them `label<TAB>text`, as the first line is.
    labels (List[str]): The labels.
    replace_breaks (bool): Whether a space takes the place of the markup `<br />`.
    limit (int): Texts to read; 0 for all.
    RETURNS (Callable[[Language], Iterator[Example]]): The reader. Gold documents have doc.cats with every label.
    RAISES (ValueError): If the limit is negative (F101). When it is called, if the file is missing (F401), broken
        (F402), or wrong at a line (F403), or a folder lacks one with texts for a label (F405).
    """
    check_count("spacy_fodl.ReviewCorpus.v1", "limit", limit)

    def read(nlp: Language) -> Iterator[Example]:
        texts = from_folders(Path(path), labels) if Path(path).is_dir() else from_lines(path, labels)
        for label, text in islice(texts, limit or None):
            doc = nlp.make_doc(text.replace("<br />", " ") if replace_breaks else text)
            yield Example.from_dict(doc, {"cats": {name: float(name == label) for name in labels}})

    return read


# What a line should look like, by the number of tabs in the first one.
LINES = [
    "label and text, or label, id and text, separated by tabs",
    "label and text, separated by one tab, as in the first line",
    "label, id and text, separated by tabs, as in the first line",
]


def from_lines(path: Union[str, Path], labels: List[str]) -> Iterator[Tuple[str, str]]:
    n_tabs = 0
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        n_tabs = n_tabs or min(line.count("\t"), 2)
        label, *rest = line.split("\t", 2)
        if not rest or len(rest) != n_tabs:
            raise wrong_line(path, number, f"expected {LINES[n_tabs]}")
        if label not in labels:
            hint = "Name each label (a --label of its own for each in the command), and leave out a line of headings"
            raise wrong_line(path, number, f"its label '{label[:40]}' is none of {', '.join(labels)}. {hint}")
        yield label, rest[-1]


def from_folders(path: Path, labels: List[str]) -> Iterator[Tuple[str, str]]:
    for label in labels:
        files = sorted((path / label).glob("*.txt"))
        if not files:
            raise ValueError(Errors.F405.format(path=path, label=label, labels=", ".join(labels)))
        for file in files:
            yield label, " ".join(line for _, line in numbered_lines(file))
