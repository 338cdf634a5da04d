"""A linear classifier on which words and runs of words a document holds, scaled by how they go with the categories.

How they go with them is learned from all training examples (see survey), not from the few documents that Thinc infers
shapes from."""

from typing import Callable, Dict, Iterable, List, Literal, Optional, Tuple, cast

import numpy as np
from spacy.tokens import Doc
from thinc.api import Model, NumpyOps, get_width
from thinc.types import Floats2d, Ints1d

from ..errors import Errors, check_argument
from ..layers import Kept

# A layer that learns from categories carries this attribute: a function (node, RatioCounts) that takes them over.
LEARN_RATIOS = "learn_ratios"
SMOOTHING = 1.0
# In place of a category: every document that has any.
ALL = ""


def build_ngram_linear_v1(
    ngram_size: int = 2,
    attr: Literal["ORTH", "LOWER", "NORM"] = "LOWER",
    length: int = 2**20,
    nO: Optional[int] = None,
) -> Model[List[Doc], Floats2d]:
    """Add up a weight for each word, pair of words and so on that a document holds, once however often it holds it,
    times its log-count ratio: how much more often documents with the category hold it than those without (Wang and
    Manning 2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification", section 2.1, with a
    smoothing of 1). The ratios are counted before training and stay; the weights are trained.

    ngram_size (int): Words of the longest run.
    attr (str): What counts as a word: the exact form (ORTH), its lower case, or spaCy's NORM.
    length (int): Rows of the table; runs of words share them by their hash.
    nO (Optional[int]): Number of categories; None to infer it.
    RETURNS (Model[List[Doc], Floats2d]): The layer; scores of *shape* (documents, nO), zero for an empty document.
    RAISES (ValueError): If ngram_size or length is not positive (F101); from initialize, if the categories were not
        counted (F105).
    """
    for name, value in (("ngram_size", ngram_size), ("length", length)):
        check_argument("spacy_fodl.NGramLinear.v1", name, value, value >= 1, "at least 1")
    model: Model[List[Doc], Floats2d] = Model(
        "ngram_linear",
        forward,
        init=init,
        dims={"nO": nO},
        params={"W": None, "ratios": None},
        attrs={
            "ngram_size": Kept(ngram_size),
            "attr": Kept(attr),
            "length": Kept(length),
            LEARN_RATIOS: keep_ratios,
        },
    )
    model.set_ref("output_layer", model)
    return model


class RatioCounts:
    """In how many documents each row of the table occurs, by category.

    node (Model): The layer to count for.
    missing_values (bool): Whether a category that a document doesn't name is unknown, and not wrong. If not, a document
        with no category at all is unknown.
    """

    def __init__(self, node: Model, missing_values: bool) -> None:
        self.node = node
        self.missing_values = missing_values
        self.n_rows = node.attrs["length"].value
        self.known: Dict[str, np.ndarray] = {}
        self.true: Dict[str, np.ndarray] = {}

    def add(self, doc: Doc, cats: Dict[str, float]) -> None:
        """Count a document.

        doc (Doc): The document.
        cats (Dict[str, float]): Its gold categories; above 0.5 is true.
        """
        if not self.missing_values and not any(cats.values()):
            return
        rows = rows_of(self.node, doc)
        for category in cats if self.missing_values else [ALL]:
            self._of(self.known, category)[rows] += 1
        for category, value in cats.items():
            if value > 0.5:
                self._of(self.true, category)[rows] += 1

    def _of(self, counts: Dict[str, np.ndarray], category: str) -> np.ndarray:
        return counts.setdefault(category, np.zeros(self.n_rows, dtype="float32"))

    def ratios(self, categories: Iterable[str]) -> np.ndarray:
        """Log-count ratios, 0 for what no document holds. *Shape:* (rows, categories)"""
        columns = []
        for category in categories:
            known = self._of(self.known, category if self.missing_values else ALL)
            true = self._of(self.true, category)
            with_it, without = SMOOTHING + true, SMOOTHING + known - true
            ratio = np.log(with_it / with_it.sum()) - np.log(without / without.sum())
            columns.append(np.where(known > 0, ratio, 0))
        return np.stack(columns, axis=1).astype("float32")


def counters(model: Model, missing_values: bool = False) -> List[RatioCounts]:
    """What has to see all training documents with their categories before model.initialize, and be given to
    `learn_ratios` then.

    model (Model): The model of a component; most have no such layer.
    missing_values (bool): Whether a category that a document doesn't name is unknown, and not wrong.
    RETURNS (List[RatioCounts]): An empty one for each layer that learns from categories.
    """
    return [RatioCounts(node, missing_values) for node in model.walk() if LEARN_RATIOS in node.attrs]


def learn_ratios(counts: RatioCounts, categories: Iterable[str]) -> None:
    """Let a layer take over what was counted for it.

    counts (RatioCounts): The counts.
    categories (Iterable[str]): The categories, in the order of the output.
    """
    counts.node.attrs[LEARN_RATIOS](counts.node, counts.ratios(categories))


def keep_ratios(node: Model, ratios: np.ndarray) -> None:
    """Let the layer take over log-count ratios. *Shape:* (rows, categories)"""
    for name in node.param_names:
        node.set_param(name, None)  # Thinc lets a layer change its size only while it has no weights.
    node.set_dim("nO", ratios.shape[1], force=True)
    node.set_param("ratios", node.ops.asarray2f(cast(Floats2d, ratios)))


def rows_of(model: Model, doc: Doc) -> np.ndarray:
    """The rows of the table that a document holds, each once. *Shape:* (rows,)"""
    keys = doc.to_array(model.attrs["attr"].value)
    sizes = range(2, min(model.attrs["ngram_size"].value, len(keys)) + 1)
    runs = [keys, *(NumpyOps().ngrams(n, cast(Ints1d, keys)) for n in sizes)]
    return np.unique(np.concatenate(runs) % np.uint64(model.attrs["length"].value)).astype("int32")


def init(model: Model[List[Doc], Floats2d], X: Optional[List[Doc]] = None, Y: Optional[Floats2d] = None) -> None:
    if Y is not None:
        model.set_dim("nO", get_width(Y), force=True)
    n_rows, n_outputs = model.attrs["length"].value, model.get_dim("nO")
    if not model.has_param("ratios") or cast(Floats2d, model.get_param("ratios")).shape != (n_rows, n_outputs):
        raise ValueError(Errors.F105)
    model.set_param("W", model.ops.alloc2f(n_rows, n_outputs))


def forward(
    model: Model[List[Doc], Floats2d], docs: List[Doc], is_train: bool
) -> Tuple[Floats2d, Callable[[Floats2d], List[Doc]]]:
    ops = model.ops
    W, ratios = (cast(Floats2d, model.get_param(name)) for name in ("W", "ratios"))
    by_doc = [rows_of(model, doc) for doc in docs]
    Y = ops.alloc2f(len(docs), W.shape[1])
    if not any(len(rows) for rows in by_doc):
        return Y, lambda dY: []
    rows = ops.asarray1i(cast(Ints1d, np.concatenate(by_doc)))
    document = ops.asarray1i(cast(Ints1d, np.repeat(np.arange(len(docs)), [len(rows) for rows in by_doc])))
    scale = ratios[rows]
    ops.scatter_add(Y, document, W[rows] * scale)

    def backprop(dY: Floats2d) -> List[Doc]:
        dW = ops.alloc2f(*W.shape)
        ops.scatter_add(dW, rows, dY[document] * scale)
        model.inc_grad("W", dW)
        return []

    return Y, backprop
