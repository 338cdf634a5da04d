"""What components learn of their training examples before training."""

from typing import Callable, Iterable, Iterator, List, Optional, Tuple

from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Model

from ..models.words import learn_words

SAMPLE_DOCS = 10


def survey(
    model: Model,
    get_examples: Callable[[], Iterable[Example]],
    look: Callable[[Example], Optional[bool]],
    needs_all: bool = True,
) -> Tuple[List[Example], int]:
    """Read the training examples once, which for large corpora takes a while, and let the word embeddings of a model
    learn their words.

    model (Model): The model.
    get_examples (Callable[[], Iterable[Example]]): Returns the examples.
    look (Callable[[Example], Optional[bool]]): Called with each. An example for which it returns False doesn't count.
    needs_all (bool): Whether it has to see all of them, and not just those that embeddings and sample need.
    RETURNS (Tuple[List[Example], int]): The first examples with tokens, to infer shapes from, and how many were read.
    """
    sample: List[Example] = []
    n_examples = 0

    def read() -> Iterator[Doc]:
        nonlocal n_examples
        for example in get_examples():
            n_examples += 1
            if look(example) is False:
                continue
            if len(sample) < SAMPLE_DOCS and len(example.predicted):
                sample.append(example)
            yield example.predicted

    docs = read()
    learn_words(model, docs)
    for _ in docs:  # What learn_words left unread, as far as it is needed.
        if not needs_all and len(sample) == SAMPLE_DOCS:
            break
    return sample, n_examples
