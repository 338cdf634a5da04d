"""What components learn of their training examples before training."""

from typing import Callable, Iterable, Iterator, List, NamedTuple, Optional

from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Model

from ..models.words import count_words

SAMPLE_DOCS = 10


class Survey(NamedTuple):
    """What there is in the training examples."""

    sample: List[Example]
    """The first ones with tokens, to infer shapes from."""
    n_examples: int
    """How many were read."""
    take_words: Callable[[], None]
    """Lets the word embeddings of the model take their words over. Nothing else changes the model, so that a component
    whose initialization is refused before that is what it was."""


def survey(
    model: Model,
    get_examples: Callable[[], Iterable[Example]],
    look: Callable[[Example], Optional[bool]],
    needs_all: bool = True,
) -> Survey:
    """Read the training examples once, which for large corpora takes a while.

    model (Model): The model.
    get_examples (Callable[[], Iterable[Example]]): Returns the examples.
    look (Callable[[Example], Optional[bool]]): Called with each. An example for which it returns False doesn't count.
    needs_all (bool): Whether it has to see all of them, and not just those that embeddings and sample need.
    RETURNS (Survey): What was found.
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
    take_words = count_words(model, docs)
    for _ in docs:  # What count_words left unread, as far as it is needed.
        if not needs_all and len(sample) == SAMPLE_DOCS:
            break
    return Survey(sample, n_examples, take_words)
