"""Linear classifiers on uni- and bigrams by scikit-learn: what a network for texts must beat."""

import pickle
import time
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import spacy
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import LinearSVC
from spacy.tokens import Doc, DocBin

from .training import SPEED_DOCS, best_category, text_speed


class LogCountRatio(TransformerMixin, BaseEstimator):
    """Scales each feature by how much more often it comes with the second of two labels than with the first (Wang and
    Manning 2012, "Baselines and Bigrams", section 2.1, with a smoothing of 1)."""

    def fit(self, X: Any, y: List[str]) -> "LogCountRatio":
        first, second = np.unique(y)
        p, q = (1 + np.asarray(X[np.array(y) == label].sum(0)) for label in (second, first))
        self.ratio_ = np.log((p / p.sum()) / (q / q.sum()))
        return self

    def transform(self, X: Any) -> Any:
        return X.multiply(self.ratio_).tocsr()


def nbsvm() -> Pipeline:
    """A support vector machine on log-count ratios of which words and signs, and pairs of them, are in a text."""
    counts = CountVectorizer(ngram_range=(1, 2), binary=True, min_df=2, token_pattern=r"\w+|[^\w\s]")
    return make_pipeline(counts, LogCountRatio(), LinearSVC(C=0.1, random_state=0))


def tfidf() -> Pipeline:
    """Logistic regression on TF-IDF weights of words of two letters or more, and pairs of them."""
    weights = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    return make_pipeline(weights, LogisticRegression(C=20, max_iter=200))


MODELS: Dict[str, Callable[[], Pipeline]] = {"nbsvm": nbsvm, "tfidf": tfidf}


def train_linear(model: str, with_dev: bool, train_path: str, dev_path: str, test_path: str) -> Dict[str, Any]:
    """The job of training a model once, with fixed settings, and scoring it on the test set. Nothing is drawn by chance
    but the order in which the support vector machine visits the texts, with a fixed seed.

    model (str): One of MODELS.
    with_dev (bool): Whether the development set is trained on as well. No choice is made on it.
    train_path, dev_path, test_path (str): .spacy files of documents with cats.
    RETURNS (Dict[str, Any]): Figures as those of train_and_test, but all from raw text, so without words_per_second.
        Words are counted as spaCy's tokenizer cuts them.
    """
    train, dev, test = (read(path) for path in (train_path, dev_path, test_path))
    used = train + dev if with_dev else train
    texts, labels = split(used)
    pipeline = MODELS[model]()
    start, cpu_start = time.perf_counter(), time.process_time()
    pipeline.fit(texts, labels)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    sample = test[:SPEED_DOCS]
    speed = text_speed(pipeline.predict, split(sample)[0])
    figures = {
        "test_acc": float(pipeline.score(*split(test))),
        "train_words_per_second": round(sum(map(len, used)) / seconds),
        "train_seconds": round(seconds, 1),
        "train_cpu_seconds": round(cpu_seconds, 1),
        "model_mib": round(len(pickle.dumps(pipeline)) / 2**20, 2),
        "texts_per_second": round(speed),
    }
    return figures if with_dev else {"dev_acc": float(pipeline.score(*split(dev))), **figures}


def read(path: str) -> List[Doc]:
    return list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))


def split(docs: List[Doc]) -> Tuple[List[str], List[str]]:
    return [doc.text for doc in docs], [best_category(doc) for doc in docs]
