"""Which words a classifier's scores hang on."""

import numpy as np
from spacy.pipeline.tok2vec import Tok2VecListener
from spacy.tokens import Doc
from thinc.api import Model

from .reading import check_readable


def can_leave_out_words(model: Model) -> bool:
    """Whether a model reads words by itself, so that one can be taken away, and not what another component made."""
    return not any(isinstance(node, Tok2VecListener) for node in model.walk())


def word_influence(model: Model, doc: Doc) -> np.ndarray:
    """By how much each score of a document falls without each of its words.

    model (Model): The model of a classifier that listens to no other component (can_leave_out_words):
        nlp.get_pipe("fodl_textcat").model.
    doc (Doc): The document, of two tokens or more.
    RETURNS (np.ndarray): Negative where a score rises. *Shape:* (tokens, categories)
    RAISES (ValueError): If the document is empty (F504).
    """
    check_readable(model, doc)
    words, spaces = [token.text for token in doc], [bool(token.whitespace_) for token in doc]
    shorter = [
        Doc(doc.vocab, words=words[:i] + words[i + 1 :], spaces=spaces[:i] + spaces[i + 1 :]) for i in range(len(doc))
    ]
    scores: np.ndarray = model.ops.to_numpy(model.predict([doc, *shorter]))
    return scores[:1] - scores[1:]
