"""Vectors of IMDB reviews, learned without labels: how well a linear classifier on top of them tells good from bad."""

import time
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import numpy as np
import spacy
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import load_config
from thinc.api import Config

from .data import SHA256, glove, glove_checksum
from .harness import ROOT, WORK, Job, Options, chosen, run_jobs, write_result
from .imdb import imdb
from .training import Costs, best_category, trained

TASK = "sentence_vectors"
DATA = ["imdb/train.tsv", "imdb/test.tsv"]
SPLITS = ("train", "dev", "test")
# Inverse strengths of the regularization of the classifier. The development set chooses.
STRENGTHS = [0.001, 0.01, 0.1, 1.0]
TFIDF = "tfidf"

Paths = Dict[str, str]


class System(NamedTuple):
    """What gives documents vectors."""

    description: str
    pipeline: Callable[[Paths, int, int, str, bool], Tuple[Language, Costs]]
    """From the paths of .spacy files, a seed, a number of steps (0 for that of the config), a folder and whether to
    take what is kept there, to a pipeline that sets doc.vector, and what it cost."""


def config(paths: Paths, seed: int) -> Dict[str, Any]:
    found = load_config(ROOT / "configs" / "skipthought.cfg", interpolate=False)
    found["paths"].update({"train": paths["train"], "dev": paths["dev"]})
    found["system"]["seed"] = seed
    return dict(found)


def skipthought(paths: Paths, seed: int, steps: int, keep_in: str, kept: bool) -> Tuple[Language, Costs]:
    changed = config(paths, seed)
    if steps:
        changed["training"].update({"max_steps": steps, "eval_frequency": steps})
    nlp, costs = trained(Config(changed), keep_in, kept)
    scores = nlp.evaluate([Example(doc, doc.copy()) for doc in read(nlp, paths["dev"])])
    return nlp, {**costs, "thought_acc": scores["thought_acc"], "thought_perplexity": scores["thought_perplexity"]}


def untrained(paths: Paths, seed: int, steps: int, keep_in: str, kept: bool) -> Tuple[Language, Costs]:
    return init_nlp(Config(config(paths, seed))), {"train_cpu_seconds": 0.0}


def mean_glove(paths: Paths, seed: int, steps: int, keep_in: str, kept: bool) -> Tuple[Language, Costs]:
    return spacy.load(glove()), {"train_cpu_seconds": 0.0}


SYSTEMS: Dict[str, System] = {
    "fodl": System("`fodl_skipthought`, `configs/skipthought.cfg`", skipthought),
    "untrained": System("the same without training", untrained),
    "glove": System("the mean of GloVe vectors of width 50", mean_glove),
}


def run(options: Options) -> None:
    folder = WORK / ("quick" if options.quick else "") / "imdb"
    wanted = chosen(options, [*SYSTEMS, TFIDF], on_cpu=["glove", TFIDF])
    paths = imdb(options.data, folder, limit=100 if options.quick else None)
    splits = {f"{split}_path": str(path) for split, path in paths.items()}
    jobs = {system: jobs_of(system, splits, options) for system in wanted}
    sums = {name: SHA256[name] for name in DATA}
    for system, runs in run_jobs(jobs, options):
        description = SYSTEMS[system].description if system in SYSTEMS else "TF-IDF of words and pairs of them"
        used = {**sums, **glove_checksum()} if system == "glove" else sums
        print(write_result(TASK, system, description, used, runs, options, ["scikit-learn"]), flush=True)


def jobs_of(system: str, splits: Dict[str, str], options: Options) -> List[Job]:
    if system == TFIDF:
        module = f"{__package__}.linear"
        return [{"module": module, "function": "train_linear", "model": TFIDF, "with_dev": False, **splits}]
    keep_in = WORK / ("quick" if options.quick else "") / TASK
    job = {"module": __name__, "function": "classify", "system": system, "steps": 5 if options.quick else 0, **splits}
    job["kept"] = options.kept
    seeds = options.seeds[:1] if system == "glove" else options.seeds
    return [{**job, "seed": seed, "keep_in": str(keep_in / f"{system}_{seed}")} for seed in seeds]


def read(nlp: Language, path: str) -> List[Any]:
    return list(DocBin().from_disk(path).get_docs(nlp.vocab))


def classify(
    system: str, seed: int, steps: int, keep_in: str, train_path: str, dev_path: str, test_path: str, kept: bool = False
) -> Dict[str, Any]:
    """The job of one system and seed: learn vectors without labels, then train a logistic regression on those of the
    training reviews, and score it on those of the test set once.

    RETURNS (Dict[str, Any]): Accuracies as shares; the width of a vector; reviews a second of processor time.
    """
    torch.set_num_threads(1)
    paths = {"train": train_path, "dev": dev_path, "test": test_path}
    nlp, costs = SYSTEMS[system].pipeline(paths, seed, steps, keep_in, kept)
    X, y, speeds = {}, {}, []
    for split in SPLITS:
        docs = read(nlp, paths[split])
        y[split] = [best_category(doc) for doc in docs]
        start = time.process_time()
        X[split] = np.stack([doc.vector for doc in nlp.pipe(docs)])
        speeds.append(len(docs) / (time.process_time() - start))
    classifiers = [make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=1000)) for C in STRENGTHS]
    for classifier in classifiers:
        classifier.fit(X["train"], y["train"])
    best = max(classifiers, key=lambda one: float(one.score(X["dev"], y["dev"])))
    return {
        "seed": seed,
        "dev_acc": float(best.score(X["dev"], y["dev"])),
        "test_acc": float(best.score(X["test"], y["test"])),
        "width": X["train"].shape[1],
        "texts_per_second": float(np.median(speeds)),
        **costs,
    }
