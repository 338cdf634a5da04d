"""One training by spaCy's own loop, as `spacy train` does it, scored once on the test set."""

import hashlib
import io
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple, Union

import spacy
import srsly
import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from thinc.api import Config, CupyOps, get_current_ops

from .harness import commit, write_text

# How many documents of the test set tell the speed.
SPEED_DOCS = 2500

Costs = Dict[str, Union[float, str]]
Score = Callable[[Language, List[Example]], float]


def set_value(config: Dict[str, Any], dotted: str, value: Any) -> None:
    *sections, name = dotted.split(".")
    for section in sections:
        config = config[section]
    config[name] = value


def tag_accuracy(nlp: Language, examples: List[Example]) -> float:
    """The share of tokens with the gold tag."""
    return nlp.evaluate(examples)["tag_acc"]


def cats_accuracy(nlp: Language, examples: List[Example]) -> float:
    """The share of documents whose best category is the gold one."""
    docs = nlp.pipe(example.predicted for example in examples)
    right = [best_category(doc) == best_category(example.reference) for doc, example in zip(docs, examples)]
    return sum(right) / len(right)


def best_category(doc: Doc) -> str:
    return max(doc.cats, key=doc.cats.__getitem__)


def train_and_test(
    config: Dict[str, Any],
    score: Score,
    train_path: str,
    dev_path: str,
    test_path: str,
    seed: int,
    max_epochs: int,
    from_text: bool = False,
) -> Dict[str, Any]:
    """Train with a config, keep the model that is best on the development set, and score it on the test set.

    config (Dict[str, Any]): A complete config, its paths apart.
    score (Score): What is reported as dev_acc and test_acc. During training, [training.score_weights] decide.
    train_path, dev_path, test_path (str): .spacy files.
    seed (int): Goes to [system] seed.
    max_epochs (int): How often to go over the training data.
    from_text (bool): Whether to measure texts per second of processor time too, the tokenizer included.
    RETURNS (Dict[str, Any]): Scores (as shares), words per second in training (evaluation included) and in annotating
        documents that are tokenized, seconds of training by the clock and of the processor, size of the saved model in
        MiB.
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
    best, costs = trained(filled)
    words = sum(len(example.predicted) for example in Corpus(train_path)(best))
    examples = list(Corpus(test_path)(best))
    docs = [example.predicted for example in examples[:SPEED_DOCS]]
    figures = {
        "seed": seed,
        "max_epochs": max_epochs,
        "dev_acc": score(best, list(Corpus(dev_path)(best))),
        "test_acc": score(best, examples),
        "train_words_per_second": round(words * max_epochs / float(costs["train_seconds"])),
        "words_per_second": round(annotating_speed(best, docs)),
        **costs,
    }
    if from_text:
        figures["texts_per_second"] = round(
            text_speed(lambda texts: list(best.pipe(texts)), [doc.text for doc in docs])
        )
    return figures


def trained(config: Config, keep_in: str = "", kept: bool = False) -> Tuple[Language, Costs]:
    """Train with a config.

    config (Config): A complete config.
    keep_in (str): A folder for the pipeline and what it cost, if it is to be kept.
    kept (bool): Train only if none is kept there that was trained with that config.
    RETURNS (Tuple[Language, Costs]): The pipeline that was best on the development set; seconds of training by the
        clock and of the processor, or on which GPU it was, and the size of the saved model in MiB.
    """
    costs_file = Path(keep_in) / "costs.json"
    asked = recipe(config)
    if kept and keep_in and costs_file.is_file():
        found = json.loads(costs_file.read_text(encoding="utf8"))
        if found["recipe"] == asked:
            return spacy.load(keep_in), found["costs"]
        print(f"{keep_in} holds what another config made. It is trained anew.", file=sys.stderr)
    its_commit = commit()
    with tempfile.TemporaryDirectory() as folder:
        nlp = init_nlp(config)
        start, cpu_start = time.perf_counter(), time.process_time()
        log = io.StringIO()
        train(nlp, Path(folder), stdout=log, stderr=log)
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        best = spacy.load(Path(folder) / "model-best")
        size = sum(file.stat().st_size for file in (Path(folder) / "model-best").rglob("model"))
    costs: Costs = {
        "train_seconds": round(seconds, 1),
        "train_cpu_seconds": round(cpu_seconds, 1),
        "train_commit": its_commit,
        "model_mib": round(size / 2**20, 2),
    }
    if isinstance(get_current_ops(), CupyOps):
        del costs["train_cpu_seconds"]  # The processor mostly waits.
        costs["trained_on"] = f"{torch.cuda.get_device_name()} with torch {torch.__version__}"
    if keep_in:
        costs_file.unlink(missing_ok=True)
        keep(best, keep_in)
        write_text(costs_file, json.dumps({"recipe": asked, "costs": costs}, indent=1))
    return best, costs


def recipe(config: Config) -> str:
    """What tells configs apart, wherever their files are: a SHA-256 of all but the paths."""

    def without_paths(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without_paths(one) for key, one in value.items() if key not in ("path", "paths")}
        return value

    return hashlib.sha256(srsly.json_dumps(without_paths(dict(config)), sort_keys=True).encode("utf8")).hexdigest()


def keep(nlp: Language, folder: Union[str, Path]) -> None:
    """Save a pipeline in a folder that need not be there."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    nlp.to_disk(folder)


def annotating_speed(nlp: Language, docs: List[Doc], rounds: int = 3) -> float:
    """Words per second of nlp.pipe over tokenized documents, the best of some rounds."""
    seconds = []
    for _ in range(rounds):
        fresh = [Doc(nlp.vocab, words=[token.text for token in doc]) for doc in docs]
        start = time.perf_counter()
        for _ in nlp.pipe(fresh):
            pass
        seconds.append(time.perf_counter() - start)
    return sum(map(len, docs)) / min(seconds)


def text_speed(annotate: Callable[[List[str]], Any], texts: List[str], rounds: int = 3) -> float:
    """Texts per second of processor time of a function from raw texts to annotations, the best of some rounds. On one
    thread that is what a core does that has nothing else to do."""
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        annotate(texts)
        seconds.append(time.process_time() - start)
    return len(texts) / min(seconds)


def timed(step: Callable[[], None], steps: int) -> float:
    """Seconds a step, after one that doesn't count."""
    step()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - start) / steps
