"""Is one parser better than another, or was it luck with the sentences of the test set? A paired bootstrap (Koehn 2004,
"Statistical Significance Tests for Machine Translation Evaluation") over the models that the parser benchmark kept."""

from pathlib import Path
from typing import Any, Dict, List, Tuple, cast

import numpy as np
import spacy
import torch
from spacy.tokens import Doc

from spacy_fodl.training.conllu import make_conllu_corpus_v1

SAMPLES = 10_000


def paired_bootstrap(first: np.ndarray, second: np.ndarray, words: np.ndarray, seed: int = 0) -> float:
    """How probable it is that the first system is no better, by drawing sentences with replacement.

    first, second (np.ndarray): How many words of each sentence are right. *Shape:* (sentences,)
    words (np.ndarray): How many there are. *Shape:* (sentences,)
    seed (int): Of the drawing.
    RETURNS (float): The share of samples in which the first one's accuracy is not higher.
    """
    draws = np.random.default_rng(seed).multinomial(len(words), np.full(len(words), 1 / len(words)), SAMPLES)
    difference = draws @ (first - second) / (draws @ words)
    return float((difference <= 0).mean())


def compare_models(test_path: str, models: str, pairs: List[List[List[Any]]], limit: int) -> Dict[str, Any]:
    """The job of comparing systems whose models were kept, over the seeds that both have.

    models (str): The folder of the models.
    pairs (List[List[List[Any]]]): Two systems each, by name and width of the beam.
    RETURNS (Dict[str, Any]): For each pair the numbers of seeds, the difference in attachment score (LAS, punctuation
        counted) as a share, and how probable it is that there is none, or one the other way.
    """
    torch.set_num_threads(1)
    found: Dict[Tuple[str, int], Dict[str, np.ndarray]] = {}
    words = np.zeros(0)
    rounds = []
    for pair in pairs:
        for system, width in pair:
            if (system, width) not in found:
                found[system, width] = {}
                for folder in sorted(Path(models).glob(f"{system}_*")):
                    right, words = right_words(folder, width, test_path, limit)
                    found[system, width][folder.name.rpartition("_")[2]] = right
        first, second = (found[system, width] for system, width in pair)
        seeds = sorted(first.keys() & second.keys())
        if seeds:
            sums = [np.stack([its[seed] for seed in seeds]).sum(0) for its in (first, second)]
            together = len(seeds) * words
            rounds.append(
                {
                    "first": f"{pair[0][0]}, beam {pair[0][1]}",
                    "second": f"{pair[1][0]}, beam {pair[1][1]}",
                    "seeds": len(seeds),
                    "difference": float((sums[0] - sums[1]).sum() / together.sum()),
                    "p": paired_bootstrap(sums[0], sums[1], together),
                }
            )
    return {"rounds": rounds}


def right_words(folder: Path, width: int, test_path: str, limit: int) -> Tuple[np.ndarray, np.ndarray]:
    """How many words of each test sentence get the right head and label, and how many there are. *Shape:*
    (sentences,)"""
    nlp = spacy.load(folder)
    parser = cast(Any, nlp.get_pipe(nlp.pipe_names[-1]))
    if hasattr(parser, "beam_width"):
        parser.beam_width = width
    examples = list(make_conllu_corpus_v1(test_path, limit=limit)(nlp))
    docs = list(nlp.pipe(example.predicted for example in examples))
    right = [int((arcs(doc) == arcs(example.reference)).all(axis=1).sum()) for doc, example in zip(docs, examples)]
    return np.array(right), np.array([len(doc) for doc in docs])


def arcs(doc: Doc) -> np.ndarray:
    """The head of each word relative to its place, and its label. *Shape:* (words, 2)"""
    return cast(np.ndarray, doc.to_array(["HEAD", "DEP"]))
