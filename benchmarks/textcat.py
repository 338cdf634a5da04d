"""Classifying IMDB reviews: accuracy beside NB-SVM, TF-IDF regression and spaCy's text classifiers, with times."""

from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import numpy as np
import spacy
import torch
from spacy.cli.init_config import init_config
from spacy.training import Corpus
from spacy.training.batchers import minibatch_by_padded_size
from spacy.util import load_config
from thinc.api import Adam, Config, fix_random_seed
from torch import nn

from spacy_fodl.layers import TorchLayer
from spacy_fodl.modules.rnn import RNNEncoder

from .data import SHA256
from .harness import ROOT, WORK, Job, Options, chosen, run_job, run_jobs, write_result
from .imdb import imdb
from .training import cats_accuracy, timed, train_and_test

TASK = "textcat"
DATA = ["imdb/train.tsv", "imdb/test.tsv"]
# spaCy evaluates each 200 steps by default; on 2,500 reviews that takes longer than the training.
EVAL_STEPS = 1000
ROUNDS = 7
# The network of the bridge comparison: the width of configs/textcat.cfg, and the tokens that it reads of a document.
WIDTH = 128
LONGEST = 400

Settings = Dict[str, Any]


class System(NamedTuple):
    """A system that spaCy trains."""

    description: str
    config: Callable[[], Settings]
    epochs: int
    eval_steps: int


def ours(name: str, **model: Any) -> Settings:
    """A config of this package with changes to its model."""
    config = load_config(ROOT / "configs" / name, interpolate=False)
    config["components"]["fodl_textcat"]["model"].update(model)
    return dict(config)


def spacy_bow() -> Settings:
    """What `spacy init config --pipeline textcat --optimize efficiency` writes."""
    return dict(Config(init_config(lang="en", pipeline=["textcat"], optimize="efficiency", silent=True)))


def spacy_ensemble() -> Settings:
    """The same settings of training with the default model of spaCy's `textcat` factory. The config for accuracy of
    `init config` expects a vectors package, so it is no peer for models that learn from the reviews alone."""
    config = spacy_bow()
    config["components"]["textcat"] = {"factory": "textcat"}
    return config


SYSTEMS: Dict[str, System] = {
    "fodl": System("`fodl_textcat`, `configs/textcat.cfg`", lambda: ours("textcat.cfg"), 2, 250),
    "network": System(
        "the same without its linear model", lambda: ours("textcat.cfg", linear_model=None, network_weight=1.0), 2, 250
    ),
    "book": System("the chapter's LSTM, `configs/textcat_book.cfg`", lambda: ours("textcat_book.cfg"), 2, 351),
    "spacy_bow": System("spaCy's `textcat`, bag of words, as `init config` writes it", spacy_bow, 3, EVAL_STEPS),
    "spacy_ensemble": System("spaCy's `textcat`, the ensemble of its default model", spacy_ensemble, 2, EVAL_STEPS),
}
# Description, the model in linear.py, whether it is trained on the development set as well.
LINEAR: Dict[str, Tuple[str, str, bool]] = {
    "nbsvm": ("NB-SVM on uni- and bigrams", "nbsvm", False),
    "nbsvm_all": ("NB-SVM, trained on train and dev", "nbsvm", True),
    "tfidf": ("logistic regression on TF-IDF of uni- and bigrams", "tfidf", False),
    "tfidf_all": ("logistic regression on TF-IDF, trained on train and dev", "tfidf", True),
}


def run(options: Options) -> None:
    folder = WORK / ("quick" if options.quick else "") / "imdb"
    wanted = chosen(options, [*SYSTEMS, *LINEAR, "bridge"], on_cpu=[*LINEAR, "bridge"])
    paths = imdb(options.data, folder, limit=100 if options.quick else None)
    splits = {f"{split}_path": str(path) for split, path in paths.items()}
    rounds = 2 if options.quick else ROUNDS
    jobs = {
        system: spacy_jobs(system, splits, options) if system in SYSTEMS else linear_jobs(system, splits)
        for system in wanted
        if system != "bridge"
    }
    sums = {name: SHA256[name] for name in DATA}
    for system, runs in run_jobs(jobs, options):
        description = SYSTEMS[system].description if system in SYSTEMS else LINEAR[system][0]
        packages = [] if system in SYSTEMS else ["scikit-learn"]
        print(write_result(TASK, system, description, sums, runs, options, packages), flush=True)
    if "bridge" in wanted:
        job = {"module": __name__, "function": "compare_bridge", "train_path": splits["train_path"], "rounds": rounds}
        description = "a bidirectional LSTM in Thinc against torch's in a bare padded loop"
        print(write_result(TASK, "bridge", description, sums, run_job(job)["rounds"], options), flush=True)


def spacy_jobs(system: str, splits: Dict[str, str], options: Options) -> List[Job]:
    epochs = 1 if options.quick else SYSTEMS[system].epochs
    job = {"module": __name__, "function": "train_textcat", "system": system, "max_epochs": epochs, **splits}
    return [{**job, "seed": seed} for seed in options.seeds]


def linear_jobs(system: str, splits: Dict[str, str]) -> List[Job]:
    """One run: a seed would change nothing."""
    _, model, with_dev = LINEAR[system]
    module = f"{__package__}.linear"
    return [{"module": module, "function": "train_linear", "model": model, "with_dev": with_dev, **splits}]


def compare_bridge(train_path: str, rounds: int, steps: int = 10) -> Dict[str, Any]:
    """The job of comparing a training step (forward, backward, Adam) of a bidirectional LSTM as a Thinc layer with
    torch's own LSTM that reads the same documents padded to the longest, in turn. They are a batch as
    configs/textcat.cfg makes them, with random vectors."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    fix_random_seed(0)
    batches = minibatch_by_padded_size(Corpus(train_path, limit=1000)(spacy.blank("en")), size=12000)
    batch = next(iter(batches))
    lengths = [min(len(example.predicted), LONGEST) for example in batch]
    X: List[Any] = [np.random.random((n, WIDTH)).astype("float32") for n in lengths]
    dY: List[Any] = [np.random.random((n, 2 * WIDTH)).astype("float32") for n in lengths]
    arguments: Dict[str, Any] = {"cell": "lstm", "width": WIDTH, "depth": 1, "bidirectional": True}
    layer = TorchLayer(RNNEncoder, nI=WIDTH, nO=2 * WIDTH, arguments=arguments)
    layer.initialize()
    thinc_optimizer = Adam(0.001, grad_clip=0.0, use_averages=False)
    bare_lstm = nn.LSTM(WIDTH, WIDTH, bidirectional=True)
    optimizer = torch.optim.Adam(bare_lstm.parameters(), lr=0.001)

    def bridged() -> None:
        _, backprop = layer.begin_update(X)
        backprop(dY)
        layer.finish_update(thinc_optimizer)

    def bare() -> None:
        tokens = nn.utils.rnn.pad_sequence([torch.from_numpy(x) for x in X]).requires_grad_()
        gradient = nn.utils.rnn.pad_sequence([torch.from_numpy(dy) for dy in dY])
        optimizer.zero_grad()
        bare_lstm(tokens)[0].backward(gradient)
        optimizer.step()

    figures = []
    for _ in range(rounds):
        seconds = {"thinc": timed(bridged, steps), "bare": timed(bare, steps)}
        speeds = {f"{name}_words_per_second": sum(lengths) / s for name, s in seconds.items()}
        figures.append({**speeds, "ratio": seconds["bare"] / seconds["thinc"]})
    return {"rounds": figures}


def train_textcat(system: str, **settings: Any) -> Dict[str, Any]:
    """The job of one system and seed."""
    config, eval_steps = SYSTEMS[system].config(), SYSTEMS[system].eval_steps
    config["training"]["eval_frequency"] = eval_steps
    return {"eval_steps": eval_steps, **train_and_test(config, cats_accuracy, from_text=True, **settings)}
