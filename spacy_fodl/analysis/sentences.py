"""How similar the sentences of a document are."""

from typing import List, Tuple

import numpy as np
from spacy.tokens import Doc, Span


def sentence_similarities(doc: Doc) -> Tuple[List[Span], np.ndarray]:
    """
    doc (Doc): A document with vectors of sentences.
    RETURNS (Tuple[List[Span], np.ndarray]): The sentences that have a vector, and the cosines of each pair of them,
        *shape* (sentences, sentences).
    """
    sentences = [sentence for sentence in doc.sents if sentence.has_vector]
    if not sentences:
        return [], np.zeros((0, 0), dtype="float32")
    vectors: np.ndarray = np.stack([np.asarray(sentence.vector) for sentence in sentences])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return sentences, (vectors @ vectors.T).clip(-1, 1)
