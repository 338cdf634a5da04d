"""Callbacks for the [initialize] block."""

from typing import Callable, Iterable

from spacy.language import Language
from spacy.training import Example

from ..models.words import learn_words


def make_count_words_v1(corpus: Callable[[Language], Iterable[Example]]) -> Callable[[Language], Language]:
    """Let the word embeddings of every component, spaCy's own included, learn their words from a corpus. To be used as
    [initialize.before_init].

    corpus (Callable[[Language], Iterable[Example]]): A reader, usually ${corpora.train}.
    RETURNS (Callable[[Language], Language]): The callback.
    """

    def count_words(nlp: Language) -> Language:
        for _, pipe in nlp.pipeline:
            if hasattr(pipe, "model"):
                learn_words(pipe.model, (example.predicted for example in corpus(nlp)))
        return nlp

    return count_words
