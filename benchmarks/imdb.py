"""The Large Movie Review Dataset, from files with a review a line or from the archive that upstream publishes."""

import hashlib
import random
import re
import tarfile
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Dict, Iterable, List, Optional, Tuple

from spacy_fodl.training.files import numbered_lines
from spacy_fodl.training.reviews import make_review_corpus_v1

from .data import checked, local, save_splits

# The part of the training set that serves as development set, half of it positive: blocks of neighbours, drawn with
# this seed. Reviews of one film are neighbours, and no film of the test set is in the training set. Reviews drawn one
# by one share their films with the rest, and accuracy on them is several points above that on the test set.
DEV_SEED = 0
DEV_REVIEWS = 2500
DEV_BLOCK = 125

SPLITS = ["train", "test"]
ARCHIVE = "imdb/aclImdb_v1.tar.gz"
MEMBER = re.compile(r"(?:\./)?aclImdb/((train|test)/(pos|neg)/(\d+)_\d+)\.txt")
# What can't stand in a file with a review a line: tabs, and everything that some reader takes for a line end.
BREAKS = re.compile("[\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029]+")

# Of the sorted lines with every run of white space as one space, so that they don't depend on how breaks were replaced.
FOLDED_SHA256 = {
    "train": "5e10ba4d53a84794ab609dac859dcf0245a9f6b0759144f65b793a30e6901c36",
    "test": "8f677087708033617217b39592e2cc3d939b0587fc9b1990ddabdc18d76cd258",
}


def imdb(data: Path, output: Path, limit: Optional[int] = None) -> Dict[str, Path]:
    """The splits of the Large Movie Review Dataset as .spacy files, shuffled, with doc.cats pos and neg.

    data (Path): The folder that holds imdb/train.tsv and imdb/test.tsv, plain or .gz, lines `label<TAB>id<TAB>text`; or
        else imdb/aclImdb_v1.tar.gz, as published.
    output (Path): The folder for train.spacy and dev.spacy (both from the published training set) and test.spacy.
    limit (Optional[int]): Reviews of each split; None for all.
    RETURNS (Dict[str, Path]): The files by split.
    """
    published = published_lines(data)
    train, dev = cut(published["train"])
    with TemporaryDirectory() as folder:
        readers = {}
        for split, lines in {"train": train, "dev": dev, "test": published["test"]}.items():
            random.Random(DEV_SEED).shuffle(lines)
            path = Path(folder) / f"{split}.tsv"
            path.write_text("".join(f"{line}\n" for line in lines[:limit]), encoding="utf8", newline="\n")
            readers[split] = make_review_corpus_v1(path)
        return save_splits(readers, output)


def published_lines(data: Path) -> Dict[str, List[str]]:
    """The lines of both splits: positive reviews by number, then negative ones."""
    if (data / ARCHIVE).is_file() and not any(local(data, f"imdb/{split}.tsv") for split in SPLITS):
        return from_archive(data / ARCHIVE)
    paths = {split: checked(data, f"imdb/{split}.tsv") for split in SPLITS}
    return {split: [line for _, line in numbered_lines(path)] for split, path in paths.items()}


def from_archive(path: Path) -> Dict[str, List[str]]:
    """The same from the archive: a file a review in folders of split and label."""
    found: Dict[str, List[Tuple[bool, int, str]]] = {split: [] for split in SPLITS}
    try:
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                match = MEMBER.fullmatch(member.name)
                file = archive.extractfile(member) if match else None
                if match and file:
                    id_, split, label, number = match.groups()
                    text = BREAKS.sub(" ", file.read().decode("utf8"))
                    found[split].append((label == "neg", int(number), f"{label}\t{id_}\t{text}"))
    except (tarfile.TarError, EOFError, OSError, zlib.error) as e:
        raise SystemExit(f"{path} can't be unpacked: {e}. Get the file again.") from e
    lines = {split: [line for _, _, line in sorted(its)] for split, its in found.items()}
    for split, its in lines.items():
        sha256 = folded_sha256(its)
        if sha256 != FOLDED_SHA256[split]:
            raise SystemExit(
                f"The {len(its)} reviews of '{split}' in {path} are others than the benchmarks were made with: the "
                f"SHA-256 of their texts is {sha256}, not {FOLDED_SHA256[split]}."
            )
    return lines


def folded_sha256(lines: Iterable[str]) -> str:
    folded = sorted(" ".join(line.split()) for line in lines)
    return hashlib.sha256("\n".join(folded).encode("utf8")).hexdigest()


def cut(lines: List[str]) -> Tuple[List[str], List[str]]:
    """Lines that stay in the training set, and those that serve as development set, with as many of each label.

    lines (List[str]): The lines of each label by number.
    """
    draw = random.Random(DEV_SEED)
    train: List[str] = []
    dev: List[str] = []
    for label in ("pos", "neg"):
        its = [line for line in lines if line.startswith(f"{label}\t")]
        blocks = [its[i : i + DEV_BLOCK] for i in range(0, len(its), DEV_BLOCK)]
        drawn = set(draw.sample(range(len(its) // DEV_BLOCK), DEV_REVIEWS // 2 // DEV_BLOCK))
        for i, block in enumerate(blocks):
            (dev if i in drawn else train).extend(block)
    return train, dev
