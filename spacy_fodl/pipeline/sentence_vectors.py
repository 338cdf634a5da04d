"""The vectors of sentences on a Doc: what doc.vector, span.vector and similarity are then.

The numbers are plain data in doc._.fodl_sentence_vectors. spaCy asks functions of the Doc, its hooks, for vectors; they
are left behind where a Doc becomes bytes, and with n_process > 1 it does. add_vector_hooks puts them back, and
doc._.fodl_vector and span._.fodl_vector do without them."""

from typing import Any, Callable, Dict, Union

import numpy as np
from spacy.attrs import IDX
from spacy.tokens import Doc, Span

from ..errors import Errors

SENTENCE_VECTORS = "fodl_sentence_vectors"
VECTOR = "fodl_vector"
SIMILARITY = "fodl_similarity"

Spanning = Union[Doc, Span]


def add_vector_extensions() -> None:
    """Register doc._.fodl_sentence_vectors, and fodl_vector and fodl_similarity of documents and spans."""
    if not Doc.has_extension(SENTENCE_VECTORS):
        Doc.set_extension(SENTENCE_VECTORS, default=None)
    for owner in (Doc, Span):
        if not owner.has_extension(VECTOR):
            owner.set_extension(VECTOR, getter=vector_of)
        if not owner.has_extension(SIMILARITY):
            owner.set_extension(SIMILARITY, method=similarity)


def set_sentence_vectors(doc: Doc, starts: np.ndarray, vectors: np.ndarray) -> None:
    """Write the vectors of sentences to a Doc, and let it answer by them.

    doc (Doc): The document. doc._.fodl_sentence_vectors is then a dict of "bounds", the first tokens and the number of
        tokens, *shape* (sentences + 1,); "offsets" in characters, *shape* (sentences,); and "vectors".
    starts (np.ndarray): The first token of each sentence. *Shape:* (sentences,)
    vectors (np.ndarray): The vector of each; zeros for one of white space. *Shape:* (sentences, width)
    """
    bounds = np.append(starts, len(doc)).astype("int64")
    doc._.set(SENTENCE_VECTORS, {"bounds": bounds, "offsets": offsets_of(doc, bounds), "vectors": vectors})
    add_vector_hooks(doc)


def add_vector_hooks(doc: Doc) -> Doc:
    """Let vector, has_vector, vector_norm and similarity of a Doc and its spans answer by the vectors of its sentences.
    Needed for a Doc that comes from bytes, from a DocBin, or from nlp.pipe with n_process > 1.

    doc (Doc): A Doc that fodl_skipthought has annotated.
    RETURNS (Doc): The same.
    """
    hooks: Dict[str, Callable] = {"vector": vector_of, "has_vector": has_vector, "similarity": similarity}
    # For spans there is none of the norm: where it finds one, spaCy returns the vector instead.
    doc.user_hooks.update({**hooks, "vector_norm": norm_of})
    doc.user_span_hooks.update(hooks)
    return doc


def offsets_of(doc: Doc, bounds: np.ndarray) -> np.ndarray:
    """Where sentences begin in the text. *Shape:* (sentences,)"""
    return doc.to_array(IDX)[bounds[:-1]].astype("int64")


def is_of(found: Dict[str, np.ndarray], doc: Doc) -> bool:
    """Whether the sentences of a document still begin where they did: tokens may be others since."""
    bounds = found["bounds"]
    return bool(bounds[-1] == len(doc) and (offsets_of(doc, bounds) == found["offsets"]).all())


def document(of: Spanning) -> Doc:
    return of if isinstance(of, Doc) else of.doc


def has_vector(of: Spanning) -> bool:
    """Whether there is a vector that isn't zero."""
    doc = document(of)
    found = doc._.get(SENTENCE_VECTORS)
    return found is not None and is_of(found, doc) and bool(vector_of(of).any())


def vector_of(of: Spanning) -> np.ndarray:
    """The vector of a document, the mean of its sentences; of a sentence; or of another span: the mean of the sentences
    that it overlaps, each counted by the number of tokens in the overlap. Sentences of white space don't count.

    of (Union[Doc, Span]): A document or span.
    RETURNS (np.ndarray): *Shape:* (width,), float32
    RAISES (ValueError): If the document has no vectors of sentences (F219), or other tokens than it had then (F220).
    """
    doc = document(of)
    found = doc._.get(SENTENCE_VECTORS)
    if found is None:
        raise ValueError(Errors.F219.format(text=doc.text[:60]))
    bounds, vectors = found["bounds"], found["vectors"]
    if not is_of(found, doc):
        raise ValueError(Errors.F220.format(text=doc.text[:60]))
    if isinstance(of, Doc):
        weights = np.ones(len(vectors), dtype="float32")
    else:
        weights = (np.minimum(bounds[1:], of.end) - np.maximum(bounds[:-1], of.start)).clip(min=0).astype("float32")
    weights *= vectors.any(axis=1)
    # Exactly the vector of a sentence, if there is but one.
    which = np.flatnonzero(weights)
    if len(which) == 1:
        return vectors[which[0]].copy()
    return weights @ vectors / max(weights.sum(), 1)


def norm_of(of: Spanning) -> float:
    return float(np.linalg.norm(vector_of(of)))


def similarity(of: Spanning, other: Any) -> float:
    """The cosine of the angle between two vectors; 0 if one of them is zero.

    of (Union[Doc, Span]): A document or span with a vector.
    other (Any): Another one, or whatever has a vector of the same width.
    RETURNS (float): From -1 to 1.
    RAISES (ValueError): If a document has no sentence vectors (F219), its tokens have changed since (F220), or the
        widths differ (F221).
    """
    has_own = isinstance(other, (Doc, Span)) and document(other)._.get(SENTENCE_VECTORS) is not None
    a, b = vector_of(of), vector_of(other) if has_own else other.vector
    if a.shape != b.shape:
        raise ValueError(Errors.F221.format(first=len(a), second=len(b), other=type(other).__name__))
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    return float(np.clip(a @ b / norms, -1, 1)) if norms else 0.0


# Whoever asks for a vector needs them: also where a pickled Doc is loaded and no component has been made.
add_vector_extensions()
