"""Categories, and sentences that are alike."""

import math
from typing import Iterator, List

import numpy as np
from spacy.tokens import Doc

from ..analysis.occlusion import can_leave_out_words, word_influence
from ..analysis.sections import Choices, Section, matrix, padding
from ..analysis.sentences import sentence_similarities
from ..pipeline.textcat import RecurrentCategorizer

# Of more categories the most probable ones are shown.
MOST_LABELS = 5


def categories(name: str, pipe: RecurrentCategorizer, before: Doc, doc: Doc) -> Iterator[Section]:
    """The categories of a document, the most probable first, and the words that they hang on.

    before, doc (Doc): The document without and with its categories.
    """
    labels = sorted(pipe.labels, key=lambda label: -doc.cats[label])
    choices = [[{"name": "", "value": doc.cats[label], "note": ""}] for label in labels]
    yield Choices(f"{name}: categories", "How probable each category is.", labels, choices)
    if len(before) > 1 and can_leave_out_words(pipe.model):
        influence = word_influence(pipe.model, before)
        shown = labels[:MOST_LABELS]
        columns = [list(pipe.labels).index(label) for label in shown]
        caption = (
            "By how much the probability of a category falls without a word, the network and a linear model beside it "
            "taken together. Where it rises the shade has another colour. The strongest has the full shade."
        )
        values = influence[:, columns].T
        largest = max(float(np.abs(values).max()), 1e-9)
        yield matrix(f"{name}: words", caption, shown, [token.text for token in before], values, high=largest)


def thoughts(name: str, doc: Doc) -> Iterator[Section]:
    """How similar the sentences of a document with sentence vectors are, and how they were read; nothing for a single
    one."""
    sentences, cosines = sentence_similarities(doc)
    if len(sentences) < 2:
        return
    names = [one if len(one) < 40 else f"{one[:38]}…" for one in (s.text.strip() for s in sentences)]
    numbers: List[str] = [f"{i + 1}" for i in range(len(names))]
    rows = [f"{number} {one}" for number, one in zip(numbers, names)]
    # Where all are alike, as in a model of little training, only differences show anything.
    low = min(0.9, max(0.0, math.floor(10 * float(cosines.min())) / 10))
    without = f"At {low:.1f} there is no shade." if low else "Below 0 the shade has another colour."
    caption = f"How similar the sentences are: the cosine of their vectors. {without}"
    yield matrix(f"{name}: similar sentences", caption, rows, numbers, cosines, low)
    batch = padding(
        f"{name}: the sentences as a batch",
        "Sentences that are read at the same time, the longest first. {share} % of the places are padding (hatched), "
        "which no state of the network sees.",
        [[token.text for token in sent if not token.is_space] for sent in sentences],
    )
    if batch:
        yield batch
