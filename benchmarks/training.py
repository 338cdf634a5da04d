"""One training by spaCy's own loop, as `spacy train` does it, scored once on the test set."""

import io
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List

import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from thinc.api import Config


def set_value(config: Dict[str, Any], dotted: str, value: Any) -> None:
    *sections, name = dotted.split(".")
    for section in sections:
        config = config[section]
    config[name] = value


def train_and_test(
    config: Dict[str, Any], train_path: str, dev_path: str, test_path: str, seed: int, max_epochs: int
) -> Dict[str, Any]:
    """Train with a config, keep the model that is best on the development set, and score it on the test set.

    config (Dict[str, Any]): A complete config, its paths apart.
    train_path, dev_path, test_path (str): .spacy files.
    seed (int): Goes to [system] seed.
    max_epochs (int): How often to go over the training data.
    RETURNS (Dict[str, Any]): Scores (as shares), words per second in training (evaluation included) and in tagging
        documents that are tokenized, seconds of training, size of the saved model in MiB.
    """
    torch.set_num_threads(1)
    filled = Config(config)
    for dotted, value in {
        "paths.train": train_path,
        "paths.dev": dev_path,
        "system.seed": seed,
        "training.max_epochs": max_epochs,
        "training.max_steps": 0,
        "training.patience": 0,
    }.items():
        set_value(filled, dotted, value)
    with tempfile.TemporaryDirectory() as folder:
        nlp = init_nlp(filled)
        words = sum(len(example.predicted) for example in Corpus(train_path)(nlp))
        start = time.perf_counter()
        log = io.StringIO()
        train(nlp, Path(folder), stdout=log, stderr=log)
        seconds = time.perf_counter() - start
        best = spacy.load(Path(folder) / "model-best")
        size = sum(file.stat().st_size for file in (Path(folder) / "model-best").rglob("model"))
    dev = best.evaluate(list(Corpus(dev_path)(best)))
    examples = list(Corpus(test_path)(best))
    test = best.evaluate(examples)
    return {
        "seed": seed,
        "max_epochs": max_epochs,
        "dev_acc": dev["tag_acc"],
        "test_acc": test["tag_acc"],
        "train_words_per_second": round(words * max_epochs / seconds),
        "words_per_second": round(tagging_speed(best, [example.predicted for example in examples])),
        "train_seconds": round(seconds, 1),
        "model_mib": round(size / 2**20, 2),
    }


def tagging_speed(nlp: Language, docs: List[Doc], rounds: int = 3) -> float:
    """Words per second of nlp.pipe over tokenized documents, the best of some rounds."""
    seconds = []
    for _ in range(rounds):
        fresh = [Doc(nlp.vocab, words=[token.text for token in doc]) for doc in docs]
        start = time.perf_counter()
        for _ in nlp.pipe(fresh):
            pass
        seconds.append(time.perf_counter() - start)
    return sum(map(len, docs)) / min(seconds)
