"""Word embeddings with a row of their own for each word: pretrained vectors, frozen or tuned, and a trained table of
the most frequent words.

Which words there are is learned from all training examples (see learn_words), not from the few documents that Thinc
infers shapes from."""

from collections import Counter
from functools import partial
from typing import Any, Callable, Dict, Iterable, List, Literal, Optional, Tuple, cast

import numpy as np
from spacy.attrs import IS_SPACE, LOWER, ORTH
from spacy.tokens import Doc
from spacy.vectors import Mode, Vectors
from spacy.vocab import Vocab
from thinc.api import Embed, Model, Ops, chain, ragged2list, uniform_init, with_array
from thinc.types import Floats1d, Floats2d, Ints1d, Ragged

from ..errors import Errors, check_argument
from ..layers import Free, Kept, flatten

DocsToVectors = Model[List[Doc], List[Floats2d]]

# An embedding that learns its words carries this attribute: a function (node, counts) that takes them over.
LEARN = "learn_words"


def learn_words(model: Model, docs: Iterable[Doc]) -> None:
    """Let the word embeddings in a model learn which words there are. To be called before model.initialize, with all
    training documents.

    model (Model): The model of a component; any model without such an embedding is left as it is.
    docs (Iterable[Doc]): The documents, read once, and only when an embedding needs them.
    """
    count_words(model, docs)()


def count_words(model: Model, docs: Iterable[Doc]) -> Callable[[], None]:
    """The first half of learn_words, which leaves the model as it is.

    model, docs: As in learn_words.
    RETURNS (Callable[[], None]): The second half: the embeddings take the words over.
    """
    learners = [node for node in model.walk() if LEARN in node.attrs]
    counts: Dict[str, Counter] = {node.attrs["attr"].value: Counter() for node in learners}
    for doc in docs if learners else ():
        for attr, counter in counts.items():
            counter.update(doc.to_array(attr).tolist())

    def take_words() -> None:
        for node in learners:
            node.attrs[LEARN](node, counts[node.attrs["attr"].value])

    return take_words


def are_words(docs: List[Doc]) -> List[np.ndarray]:
    """Whether each token of each document is more than white space."""
    return [doc.to_array(IS_SPACE) == 0 for doc in docs]


def keys_of(docs: List[Doc], attr: str) -> np.ndarray:
    """An attribute of all tokens, document by document. *Shape:* (tokens,), uint64."""
    return np.concatenate([doc.to_array(attr) for doc in docs]) if docs else np.zeros(0, dtype="uint64")


def places_in(hashes: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Where each key stands in a sorted array; -1 where it doesn't. *Shape:* that of the keys."""
    if not len(hashes):
        return np.full(len(keys), -1)
    places = np.searchsorted(hashes, keys).clip(max=len(hashes) - 1)
    return np.where(hashes[places] == keys, places, -1)


# -- A trained table of the most frequent words ------------------------------------------------------------------------


def build_vocab_embed_v1(
    width: int, size: int, attr: Literal["ORTH", "LOWER", "NORM"] = "LOWER", word_dropout: float = 0.0
) -> DocsToVectors:
    """A trained vector for each of the most frequent words of the training data, and one for all others.

    width (int): Width of the vectors.
    size (int): How many words get a vector of their own, the most frequent first.
    attr (str): What counts as a word: the exact form (ORTH), its lower case, or spaCy's NORM.
    word_dropout (float): Share of the tokens that training treats as unknown, chosen anew at each step. Without it the
        vector of unknown words is trained only where the data holds more than `size` words.
    RETURNS (Model[List[Doc], List[Floats2d]]): The layer.
    RAISES (ValueError): If width or size is not positive, or word_dropout not in [0, 1) (F101); from initialize, if the
        words were not counted (F104).
    """
    arch = "spacy_fodl.VocabEmbed.v1"
    for name, value in (("width", width), ("size", size)):
        check_argument(arch, name, value, value >= 1, "at least 1")
    check_argument(arch, "word_dropout", word_dropout, 0 <= word_dropout < 1, "0 or more, below 1")
    rows: Model[List[Doc], Ragged] = Model(
        "word_rows",
        rows_forward,
        attrs={
            "attr": Kept(attr),
            "size": Free(size),
            "word_dropout": Free(word_dropout),
            "hashes": None,
            LEARN: keep_most_frequent,
        },
    )
    # Thinc's own start, a fifth of that, is so small that a recurrent network above it learns slowly.
    table: Model[Ragged, Ragged] = with_array(Embed(nO=width, initializer=partial(uniform_init, lo=-0.5, hi=0.5)))
    model = cast(DocsToVectors, chain(rows, table, ragged2list()))
    model.init = vocab_embed_init
    return model


def keep_most_frequent(node: Model, counts: Counter) -> None:
    """Keep the hashes of the most frequent words."""
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    node.attrs["hashes"] = np.array(sorted(ranked[: node.attrs["size"].value]), dtype="uint64")


def vocab_embed_init(
    model: DocsToVectors, X: Optional[List[Doc]] = None, Y: Optional[List[Floats2d]] = None
) -> DocsToVectors:
    rows, table, _ = model.layers
    if rows.attrs["hashes"] is None:
        raise ValueError(Errors.F104.format(architecture="spacy_fodl.VocabEmbed.v1", example="tok2vec"))
    embed = table.layers[0]
    embed.set_param("E", None)  # Thinc lets a layer change its size only while it has no weights.
    embed.set_dim("nV", len(rows.attrs["hashes"]) + 1, force=True)
    embed.initialize()
    return model


def rows_forward(
    model: Model[List[Doc], Ragged], docs: List[Doc], is_train: bool
) -> Tuple[Ragged, Callable[[Ragged], List[Doc]]]:
    rows = (places_in(model.attrs["hashes"], keys_of(docs, model.attrs["attr"].value)) + 1).astype("int32")
    if is_train and model.attrs["word_dropout"].value:
        rows[np.random.random(len(rows)) < model.attrs["word_dropout"].value] = 0
    return Ragged(
        model.ops.asarray1i(cast(Ints1d, rows)), model.ops.asarray1i([len(doc) for doc in docs])
    ), lambda d_rows: []


# -- Pretrained vectors ------------------------------------------------------------------------------------------------


def build_static_embed_v1(tune: bool = False) -> DocsToVectors:
    """The pretrained vectors of the vocab as they are, without a projection, and a learned vector for unknown words.

    A word is looked up by its exact form, then in lower case (by the attribute of the vectors table alone where that is
    not ORTH). The frozen vectors stay in the vocab; only the learned ones are saved with the model.

    tune (bool): Train the vectors of the words that occur in the training data, starting from the pretrained ones.
    RETURNS (Model[List[Doc], List[Floats2d]]): The layer. Its width is that of the vectors.
    RAISES (ValueError): From initialize, if the vocab has no vectors (F102), or the words were not counted and tune is
        true (F104); later, if the vectors have another width (F103).
    """
    attrs: Dict[str, Any] = {"tune": Kept(tune), "hashes": None}
    if tune:
        attrs.update({"attr": Kept("ORTH"), LEARN: keep_all})
    return Model(
        "static_embed",
        static_forward,
        init=static_init,
        dims={"nO": None},
        params={"unknown": None, "tuned": None},
        attrs=attrs,
    )


def keep_all(node: Model, counts: Counter) -> None:
    """Keep the hashes of all words."""
    node.attrs["hashes"] = np.array(sorted(counts), dtype="uint64")


def pretrained(vocab: Vocab, orths: np.ndarray, lowers: np.ndarray, ops: Ops) -> Tuple[Floats2d, np.ndarray]:
    """Vectors of words, and which of the words have one.

    orths, lowers (np.ndarray): Hashes of the words and of their lower case. *Shape:* (words,)
    RETURNS (Tuple[Floats2d, np.ndarray]): A new array, zero where there is no vector, *shape* (words, width), and
        booleans, *shape* (words,).
    """
    table = vocab.vectors
    by_lower = getattr(table, "attr", ORTH) == LOWER
    if not isinstance(table, Vectors) or table.mode != Mode.default:
        # Subword vectors and tables from other packages have a vector for every word.
        vectors = ops.asarray2f(table.get_batch(lowers if by_lower else orths)).copy()
        return vectors, np.ones(len(orths), dtype=bool)
    # The table looks keys up one by one, so it is asked for each distinct word only.
    words, first, inverse = np.unique(lowers if by_lower else orths, return_index=True, return_inverse=True)
    rows = ops.to_numpy(table.find(keys=words))
    if not by_lower:
        missing = rows < 0
        rows[missing] = ops.to_numpy(table.find(keys=lowers[first[missing]]))
    rows = rows[inverse]
    known = rows >= 0
    vectors = ops.asarray2f(table.data[ops.asarray1i(rows)])
    vectors[ops.xp.asarray(~known)] = 0
    return vectors, known


def static_init(
    model: DocsToVectors, X: Optional[List[Doc]] = None, Y: Optional[List[Floats2d]] = None
) -> DocsToVectors:
    if not X:
        raise ValueError(Errors.F007.format(name=model.name, dim="vocab"))
    vocab = X[0].vocab
    if not vocab.vectors_length:
        raise ValueError(Errors.F102)
    for name in model.param_names:
        model.set_param(name, None)  # Thinc lets a layer change its size only while it has no weights.
    model.set_dim("nO", vocab.vectors_length, force=True)
    model.set_param("unknown", model.ops.alloc1f(vocab.vectors_length))
    if model.attrs["tune"].value:
        words = model.attrs["hashes"]
        if words is None:
            raise ValueError(Errors.F104.format(architecture="spacy_fodl.StaticEmbed.v1", example="tok2vec"))
        lowers = np.array([vocab[word].lower for word in words.tolist()], dtype="uint64")
        vectors, known = pretrained(vocab, words, lowers, model.ops)
        model.attrs["hashes"] = words[known]
        model.set_param("tuned", model.ops.asarray2f(vectors[model.ops.xp.asarray(known)]))
    return model


def static_forward(
    model: DocsToVectors, docs: List[Doc], is_train: bool
) -> Tuple[List[Floats2d], Callable[[List[Floats2d]], List[Doc]]]:
    ops = model.ops
    unknown_vector = cast(Floats1d, model.get_param("unknown"))
    if not docs:
        return [], lambda dY: []
    vocab = docs[0].vocab
    if vocab.vectors_length != model.get_dim("nO"):
        raise ValueError(Errors.F103.format(found=vocab.vectors_length, expected=model.get_dim("nO")))
    tune = model.attrs["tune"].value
    orths = keys_of(docs, "ORTH")
    vectors, known = pretrained(vocab, orths, keys_of(docs, "LOWER"), ops)
    unknown = ops.xp.asarray(~known)
    vectors[unknown] = unknown_vector
    if tune:
        places = places_in(model.attrs["hashes"], orths)
        is_tuned = ops.xp.asarray(places >= 0)
        rows = ops.asarray1i(cast(Ints1d, places[places >= 0]))
        vectors[is_tuned] = cast(Floats2d, model.get_param("tuned"))[rows]

    def backprop(dY: List[Floats2d]) -> List[Doc]:
        d_vectors = flatten(ops, dY, model.get_dim("nO"))
        model.inc_grad("unknown", d_vectors[unknown].sum(axis=0))
        if tune:
            tuned = cast(Floats2d, model.get_param("tuned"))
            d_tuned = ops.alloc2f(*tuned.shape)
            ops.scatter_add(d_tuned, rows, ops.as_contig(d_vectors[is_tuned]))
            model.inc_grad("tuned", d_tuned)
        return []

    return ops.unflatten(vectors, ops.asarray1i([len(doc) for doc in docs])), backprop
