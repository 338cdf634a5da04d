"""Tagging CoNLL-2000: accuracy beside spaCy's tagger, the reach of the window, speed, and what the bridge costs."""

import time
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import spacy
import torch
from spacy.cli.init_config import init_config
from spacy.language import Language
from spacy.training import Corpus, Example
from spacy.training.batchers import minibatch_by_words
from spacy.training.initialize import init_nlp
from spacy.util import load_config
from thinc.api import Adam, Config, fix_random_seed

from spacy_fodl.layers import TorchLayer
from spacy_fodl.modules.ngram import NGramEncoder

from .data import checksums, conll2000, glove, glove_checksum
from .harness import ROOT, WORK, Options, chosen, run_job, run_jobs, write_result
from .training import annotating_speed, tag_accuracy, timed, train_and_test

TASK = "tagger"
DATA = ["conll2000/train.txt", "conll2000/test.txt"]
EPOCHS = 12
ROUNDS = 7
# The window network of the bridge comparison: the book's hidden layers over vectors of spaCy's usual width.
WIDTH = 96
HIDDEN = [512, 256]

Settings = Dict[str, Any]
COMPARISONS = {
    "speed": ("`configs/tagger.cfg` against spaCy's `tagger`", "compare_speed"),
    "bridge": ("the torch layer in Thinc against bare torch", "compare_bridge"),
}


def ours(**model: Any) -> Settings:
    """configs/tagger.cfg with changes to its model."""
    config = load_config(ROOT / "configs" / "tagger.cfg", interpolate=False)
    config["components"]["fodl_tagger"]["model"].update(model)
    return dict(config)


def without_encoder(**model: Any) -> Settings:
    """configs/tagger.cfg with the embedding directly under the window."""
    config = ours(**model)
    tagger = config["components"]["fodl_tagger"]["model"]
    tagger["tok2vec"] = tagger["tok2vec"]["embed"]
    return config


def book() -> Settings:
    """configs/tagger_book.cfg with GloVe vectors."""
    config = load_config(ROOT / "configs" / "tagger_book.cfg", interpolate=False)
    config["paths"]["vectors"] = str(glove())
    return dict(config)


def spacy_tagger(**optimizer: Any) -> Settings:
    """What `spacy init config --pipeline tagger` writes."""
    config = Config(init_config(lang="en", pipeline=["tagger"], silent=True))
    config["training"]["optimizer"].update(optimizer)
    return dict(config)


SYSTEMS: Dict[str, Tuple[str, Callable[[], Settings]]] = {
    "fodl": ("`fodl_tagger`, `configs/tagger.cfg`", ours),
    "spacy": ("spaCy's `tagger`, as `init config` writes it", spacy_tagger),
    "spacy_averages": ("the same with averaged weights", lambda: spacy_tagger(use_averages=True)),
    "window2": ("window of two words on both sides, no encoder", without_encoder),
    "gram1": ("the word alone (n = 1)", lambda: without_encoder(before=0, after=0)),
    "gram2": ("past 2-gram", lambda: without_encoder(before=1, after=0)),
    "gram3": ("past 3-gram, the book's shape with word features", lambda: without_encoder(before=2, after=0)),
    "gram4": ("past 4-gram", lambda: without_encoder(before=3, after=0)),
    "gram5": ("past 5-gram", lambda: without_encoder(before=4, after=0)),
    "book": ("past 3-gram, frozen GloVe-50 alone, `configs/tagger_book.cfg`", book),
}


def run(options: Options) -> None:
    folder = WORK / ("quick" if options.quick else "") / "conll2000"
    paths = conll2000(options.data, folder, limit=300 if options.quick else None)
    splits = {f"{split}_path": str(path) for split, path in paths.items()}
    sums = checksums(options.data, DATA)
    wanted = chosen(options, [*SYSTEMS, *COMPARISONS], on_cpu=list(COMPARISONS))
    epochs = 1 if options.quick else EPOCHS
    rounds = 2 if options.quick else ROUNDS
    trainings = {
        system: [
            {
                "module": __name__,
                "function": "train_tagger",
                "system": system,
                "seed": seed,
                "max_epochs": epochs,
                **splits,
            }
            for seed in options.seeds
        ]
        for system in wanted
        if system in SYSTEMS
    }
    for system, runs in run_jobs(trainings, options):
        used = {**sums, **glove_checksum()} if system == "book" else sums
        print(write_result(TASK, system, SYSTEMS[system][0], used, runs, options), flush=True)
    for system in wanted:
        if system in COMPARISONS:
            description, function = COMPARISONS[system]
            job = {"module": __name__, "function": function, "train_path": splits["train_path"], "rounds": rounds}
            print(write_result(TASK, system, description, sums, run_job(job)["rounds"], options), flush=True)


def train_tagger(system: str, **settings: Any) -> Dict[str, Any]:
    """The job of one system and seed."""
    return train_and_test(SYSTEMS[system][1](), tag_accuracy, **settings)


def compare_speed(train_path: str, rounds: int) -> Dict[str, Any]:
    """The job of comparing words per second with spaCy's tagger, in turn: each round trains both on the same batches
    and tags the same documents with both."""
    torch.set_num_threads(1)
    both = {"fodl": ours(), "spacy": spacy_tagger()}
    pipelines: Dict[str, Language] = {}
    for name, config in both.items():
        config["paths"].update({"train": train_path, "dev": train_path})
        pipelines[name] = init_nlp(Config(config))
    for nlp in pipelines.values():  # What is imported or allocated at first use doesn't count.
        training_speed(nlp, list(Corpus(train_path, limit=200)(nlp)))
    figures: List[Dict[str, float]] = []
    for _ in range(rounds):
        figure: Dict[str, float] = {}
        for name, nlp in reversed(pipelines.items()) if len(figures) % 2 else pipelines.items():
            examples = list(Corpus(train_path, limit=2000)(nlp))
            figure[f"{name}_train_words_per_second"] = training_speed(nlp, examples)
            figure[f"{name}_words_per_second"] = annotating_speed(nlp, [eg.predicted for eg in examples], rounds=1)
        for what in ("train_words_per_second", "words_per_second"):
            figure[f"{what}_ratio"] = figure[f"fodl_{what}"] / figure[f"spacy_{what}"]
        figures.append(figure)
    return {"rounds": figures}


def training_speed(nlp: Language, examples: List[Example]) -> float:
    """Words per second of nlp.update in batches of about 1,000 words."""
    optimizer = nlp.resume_training()
    batches = list(minibatch_by_words(examples, size=1000))
    start = time.perf_counter()
    for batch in batches:
        nlp.update(batch, sgd=optimizer, drop=0.1)
    return sum(len(eg.predicted) for eg in examples) / (time.perf_counter() - start)


def compare_bridge(train_path: str, rounds: int, steps: int = 30) -> Dict[str, Any]:
    """The job of comparing a training step (forward, backward, Adam) of the window network as a Thinc layer with the
    same network in bare torch, on random vectors with the sentence lengths of the corpus, in turn."""
    torch.set_num_threads(1)
    fix_random_seed(0)
    lengths = [len(example.predicted) for example in Corpus(train_path, limit=40)(spacy.blank("en"))]
    X: List[Any] = [np.random.random((n, WIDTH)).astype("float32") for n in lengths]
    dY: List[Any] = [np.random.random((n, HIDDEN[-1])).astype("float32") for n in lengths]
    arguments: Dict[str, Any] = {"before": 2, "after": 2, "hidden": HIDDEN, "activation": "relu"}
    layer = TorchLayer(NGramEncoder, nI=WIDTH, nO=HIDDEN[-1], arguments=arguments, dropout=0.1)
    layer.initialize()
    thinc_optimizer = Adam(0.001, grad_clip=0.0, use_averages=False)
    module = NGramEncoder(WIDTH, **arguments)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.001)
    tokens = torch.from_numpy(np.concatenate(X)).requires_grad_()
    gradient = torch.from_numpy(np.concatenate(dY))

    def bridged() -> None:
        _, backprop = layer.begin_update(X)
        backprop(dY)
        layer.finish_update(thinc_optimizer)

    def bare() -> None:
        tokens.grad = None
        optimizer.zero_grad()
        module(tokens, torch.tensor(lengths), dropout=0.1).backward(gradient)
        optimizer.step()

    figures = []
    for _ in range(rounds):
        seconds = {"thinc": timed(bridged, steps), "bare": timed(bare, steps)}
        figures.append(
            {**{f"{name}_ms": 1000 * s for name, s in seconds.items()}, "ratio": seconds["thinc"] / seconds["bare"]}
        )
    return {"rounds": figures, "tokens": sum(lengths)}
