"""Categories, and sentences that are alike."""

import math
from typing import Iterator, List

from spacy.tokens import Doc

from ..analysis.sections import Choices, Section, matrix
from ..analysis.sentences import sentence_similarities
from ..pipeline.textcat import RecurrentCategorizer


def categories(name: str, pipe: RecurrentCategorizer, doc: Doc) -> Section:
    labels = sorted(pipe.labels, key=lambda label: -doc.cats[label])
    choices = [[{"name": "", "value": doc.cats[label], "note": label}] for label in labels]
    return Choices(f"{name}: categories", "How probable each category is.", labels, choices)


def similarities(name: str, doc: Doc) -> Iterator[Section]:
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
