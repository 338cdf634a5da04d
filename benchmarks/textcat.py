"""Classifying IMDB reviews: accuracy beside NB-SVM, TF-IDF regression and spaCy's text classifiers, with times."""

from typing import Any, Callable, Dict, List, NamedTuple, Tuple

from spacy.cli.init_config import init_config
from thinc.api import Config

from .data import SHA256
from .harness import WORK, Job, Options, chosen, run_jobs, write_result
from .imdb import imdb
from .training import cats_accuracy, train_and_test

TASK = "textcat"
DATA = ["imdb/train.tsv", "imdb/test.tsv"]
# spaCy evaluates each 200 steps by default; on 2,500 reviews that takes longer than the training.
EVAL_STEPS = 1000

Settings = Dict[str, Any]


class System(NamedTuple):
    """A system that spaCy trains."""

    description: str
    config: Callable[[], Settings]
    epochs: int


def spacy_bow() -> Settings:
    """What `spacy init config --pipeline textcat --optimize efficiency` writes."""
    return dict(Config(init_config(lang="en", pipeline=["textcat"], optimize="efficiency", silent=True)))


def spacy_ensemble() -> Settings:
    """The same settings of training with the default model of spaCy's `textcat` factory. The config for accuracy of
    `init config` expects a vectors package, so it is no peer for models that learn from the reviews alone."""
    config = spacy_bow()
    config["components"]["textcat"] = {"factory": "textcat"}
    return config


# The systems of this package come first, as `fodl` (configs/textcat.cfg) and `book` (configs/textcat_book.cfg).
SYSTEMS: Dict[str, System] = {
    "spacy_bow": System("spaCy's `textcat`, bag of words, as `init config` writes it", spacy_bow, 3),
    "spacy_ensemble": System("spaCy's `textcat`, the ensemble of its default model", spacy_ensemble, 2),
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
    wanted = chosen(options, [*SYSTEMS, *LINEAR])
    paths = imdb(options.data, folder, limit=300 if options.quick else None)
    splits = {f"{split}_path": str(path) for split, path in paths.items()}
    jobs = {
        system: spacy_jobs(system, splits, options) if system in SYSTEMS else linear_jobs(system, splits)
        for system in wanted
    }
    sums = {name: SHA256[name] for name in DATA}
    for system, runs in run_jobs(jobs, options.at_once):
        description = SYSTEMS[system].description if system in SYSTEMS else LINEAR[system][0]
        packages = [] if system in SYSTEMS else ["scikit-learn"]
        print(write_result(TASK, system, description, sums, runs, options, packages), flush=True)


def spacy_jobs(system: str, splits: Dict[str, str], options: Options) -> List[Job]:
    epochs = 1 if options.quick else SYSTEMS[system].epochs
    job = {"module": __name__, "function": "train_textcat", "system": system, "max_epochs": epochs, **splits}
    return [{**job, "seed": seed} for seed in options.seeds]


def linear_jobs(system: str, splits: Dict[str, str]) -> List[Job]:
    """One run: a seed would change nothing."""
    _, model, with_dev = LINEAR[system]
    module = f"{__package__}.linear"
    return [{"module": module, "function": "train_linear", "model": model, "with_dev": with_dev, **splits}]


def train_textcat(system: str, **settings: Any) -> Dict[str, Any]:
    """The job of one system and seed."""
    config = SYSTEMS[system].config()
    config["training"]["eval_frequency"] = EVAL_STEPS
    return {"eval_steps": EVAL_STEPS, **train_and_test(config, cats_accuracy, from_text=True, **settings)}
