"""Recurrent architectures: an encoder of tokens, and a text classifier."""

from typing import Any, Callable, List, Literal, Optional, Tuple, cast

import numpy as np
from spacy.tokens import Doc
from thinc.api import (
    ArgsKwargs,
    Linear,
    Logistic,
    Model,
    Ops,
    Softmax,
    chain,
    get_width,
    glorot_uniform_init,
    torch2xp,
    xp2torch,
    zero_init,
)
from thinc.layers.chain import init as init_chain
from thinc.types import Floats2d

from ..errors import Errors
from ..layers import Free, TorchLayer
from ..layers.torch_layer import tokens_to_torch
from ..modules.rnn import RNNEncoder, RNNPooling

# Adam moves each weight by as much, and hundreds of them add up to the score of a document: at the pace that is right
# for the network, a linear model knows its training data by heart after one epoch.
LINEAR_SCALE = 0.25

Cell = Literal["rnn", "gru", "lstm"]


def build_rnn_encoder_v1(
    width: int,
    cell: Cell = "lstm",
    depth: int = 1,
    bidirectional: bool = True,
    dropout: Optional[float] = None,
    grad_clip: float = 0.0,
    nI: Optional[int] = None,
) -> Model[List[Floats2d], List[Floats2d]]:
    """A recurrent encoder of token vectors: the `encode` block of a spacy.Tok2Vec.v2, or any layer from arrays to
    arrays. A state depends on its document alone, whatever stands beside it in the batch.

    width (int): Width of the output; with bidirectional, half of it belongs to each direction.
    cell (str): "rnn" (Elman's, with tanh), "gru" or "lstm".
    depth (int): Layers on top of each other.
    bidirectional (bool): Whether to read from right to left too.
    dropout (Optional[float]): Rate between the layers; None to follow [training] dropout.
    grad_clip (float): Bound on the global norm of the layer's gradients; 0 for none.
    nI (Optional[int]): Width of the input; None to infer it.
    RETURNS (Model[List[Floats2d], List[Floats2d]]): The layer.
    RAISES (ValueError): If a number is out of its range, or width odd with two directions.
    """
    architecture = "spacy_fodl.RNNEncoder.v1"
    check_rnn(architecture, width, depth, dropout, grad_clip)
    check(architecture, "width", width, not (bidirectional and width % 2), "even, half for each direction")
    return TorchLayer(
        RNNEncoder,
        nI=nI,
        nO=width,
        arguments={
            "cell": cell,
            "width": width // 2 if bidirectional else width,
            "depth": depth,
            "bidirectional": bidirectional,
        },
        dropout=dropout,
        grad_clip=grad_clip,
    )


def build_rnn_textcat_v1(
    tok2vec: Model[List[Doc], List[Floats2d]],
    exclusive_classes: bool = True,
    cell: Cell = "lstm",
    width: int = 128,
    depth: int = 1,
    bidirectional: bool = True,
    pooling: Literal["max", "mean", "last", "max+mean"] = "max",
    max_length: int = 0,
    truncate: Literal["head", "tail", "both"] = "both",
    dropout: Optional[float] = None,
    grad_clip: float = 0.0,
    linear_model: Optional[Model[List[Doc], Floats2d]] = None,
    branch_dropout: float = 1.0,
    nO: Optional[int] = None,
) -> Model[List[Doc], Floats2d]:
    """Classify documents by a recurrent network over their token vectors, pooled over time (Collobert et al. 2011,
    section 3.2.2, for the maximum over time; Dai and Le 2015 for the LSTM on reviews). It fits spaCy's own
    `textcat` and `textcat_multilabel` as well as ours.

    tok2vec (Model[List[Doc], List[Floats2d]]): Makes the token vectors: an embedding, spacy.Tok2Vec.v2 or a listener.
    exclusive_classes (bool): Whether exactly one category is true (softmax) or any number of them (sigmoids).
    cell (str): "rnn" (Elman's, with tanh), "gru" or "lstm".
    width (int): Width of the states of one direction.
    depth (int): Layers on top of each other.
    bidirectional (bool): Whether to read from right to left too.
    pooling (str): "max", "mean", both side by side ("max+mean"), or "last": the last state of each direction.
    max_length (int): Tokens that are read of a document; 0 for all.
    truncate (str): Which: the "head", the "tail", or "both", half of them from each end.
    dropout (Optional[float]): Rate on the token vectors, between the layers and on the pooled vector; None to follow
        [training] dropout.
    grad_clip (float): Bound on the global norm of the torch layer's gradients; 0 for none.
    linear_model (Optional[Model[List[Doc], Floats2d]]): Scores that are added to the network's before they become
        probabilities, such as spacy.TextCatBOW.v3 with no_output_layer = true: a linear classifier on words and pairs
        of words (as in Wang and Manning 2012). None for the network alone.
    branch_dropout (float): Share of the documents that, at each step, train only the network or only the linear model,
        half of them each. At 0 both learn from every error that their sum makes: what the linear model gets right by
        heart, the network never learns.
    nO (Optional[int]): Number of categories; None to infer it.
    RETURNS (Model[List[Doc], Floats2d]): The model; scores of *shape* (documents, nO).
    RAISES (ValueError): If a number is out of its range.
    """
    architecture = "spacy_fodl.RNNTextCat.v1"
    check_rnn(architecture, width, depth, dropout, grad_clip)
    check(architecture, "max_length", max_length, max_length >= 0, "0 for no limit, or more")
    check(architecture, "branch_dropout", branch_dropout, 0 <= branch_dropout <= 1, "0 to 1")
    n_pooled = width * (2 if bidirectional else 1) * (2 if pooling == "max+mean" else 1)
    pooled = TorchLayer(
        RNNPooling,
        nI=tok2vec.maybe_get_dim("nO"),
        nO=n_pooled,
        arguments={
            "cell": cell,
            "width": width,
            "depth": depth,
            "bidirectional": bidirectional,
            "pooling": pooling,
            "max_length": max_length,
            "truncate": truncate,
        },
        dropout=dropout,
        grad_clip=grad_clip,
        convert_inputs=tokens_to_torch,
        convert_outputs=documents_from_torch,
    )
    features = cast(Model[List[Doc], Floats2d], chain(tok2vec, pooled))
    if linear_model is not None:
        features = side_by_side(features, linear_model, branch_dropout)
    # Thinc's Softmax passes the gradient of the loss on to what goes into it, which spaCy's losses rely on: so the
    # sum of the two is a part of its matrix.
    init_W = zero_init if linear_model is None else sum_init
    head: Model[Floats2d, Floats2d]
    if exclusive_classes:
        output = Softmax(nO, init_W=init_W)
        head = output
    else:
        output = Linear(nO, init_W=glorot_uniform_init if linear_model is None else sum_init)
        head = chain(output, Logistic())
    model = cast(Model[List[Doc], Floats2d], chain(features, head))
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("output_layer", output)
    model.set_ref("linear_model", linear_model)
    model.attrs["multi_label"] = not exclusive_classes
    model.init = init_textcat
    return model


def init_textcat(
    model: Model[List[Doc], Floats2d], X: Optional[List[Doc]] = None, Y: Optional[Floats2d] = None
) -> None:
    linear_model, output = model.maybe_get_ref("linear_model"), model.get_ref("output_layer")
    if linear_model is not None:
        n_outputs = output.maybe_get_dim("nO") if Y is None else get_width(Y)
        if n_outputs is not None:
            linear_model.get_ref("output_layer").set_dim("nO", n_outputs, force=True)
    init_chain(model, X, Y)


def side_by_side(
    network: Model[List[Doc], Floats2d], linear_model: Model[List[Doc], Floats2d], branch_dropout: float
) -> Model[List[Doc], Floats2d]:
    """The outputs of the two in one array, those of the linear model last."""
    return Model(
        "side_by_side",
        side_by_side_forward,
        init=side_by_side_init,
        layers=[network, linear_model],
        attrs={"branch_dropout": Free(branch_dropout)},
    )


def side_by_side_init(model: Model, X: Optional[List[Doc]] = None, Y: Optional[Floats2d] = None) -> None:
    network, linear_model = model.layers
    network.initialize(X=X)
    linear_model.initialize(X=None if X is None else [doc for doc in X if len(doc)])


def side_by_side_forward(
    model: Model[List[Doc], Floats2d], docs: List[Doc], is_train: bool
) -> Tuple[Floats2d, Callable[[Floats2d], List[Doc]]]:
    network, linear_model = model.layers
    xp = model.ops.xp
    pooled, backprop_network = network(docs, is_train)
    width = pooled.shape[1]
    # spaCy's n-grams fail on documents without tokens.
    filled = model.ops.asarray1i([i for i, doc in enumerate(docs) if len(doc)])
    Y = model.ops.alloc2f(len(docs), width + linear_model.get_ref("output_layer").get_dim("nO"))
    Y[:, :width] = pooled
    if len(filled):
        Y[filled, width:], backprop_linear = linear_model([doc for doc in docs if len(doc)], is_train)
    rate = model.attrs["branch_dropout"].value if is_train else 0.0
    draws = xp.random.uniform(size=(len(docs), 1)) if rate else xp.full((len(docs), 1), 0.5)
    sees_network, sees_linear = draws >= rate / 2, draws <= 1 - rate / 2
    Y[:, :width] *= sees_network
    Y[:, width:] *= sees_linear

    def backprop(dY: Floats2d) -> List[Doc]:
        if len(filled):
            backprop_linear((dY[:, width:] * sees_linear)[filled])
        return cast(List[Doc], backprop_network(dY[:, :width] * sees_network))

    return Y, backprop


def sum_init(ops: Ops, shape: Tuple[int, int]) -> Floats2d:
    """The weights of an output layer that begins as the scores of a linear model: zeros for the network, and the same
    number for each score of its own category. *Shape:* (categories, pooled + categories)"""
    n_categories, n_inputs = shape
    identity = np.eye(n_categories, n_inputs, n_inputs - n_categories, dtype="float32")
    return ops.asarray2f(cast(Floats2d, LINEAR_SCALE * identity))


def documents_from_torch(
    model: Model, inputs_outputs: Tuple[Any, Any], is_train: bool
) -> Tuple[Floats2d, Callable[[Floats2d], ArgsKwargs]]:
    """A vector a document."""
    _, output = inputs_outputs

    def backprop(dY: Floats2d) -> ArgsKwargs:
        return ArgsKwargs(args=((output,),), kwargs={"grad_tensors": (xp2torch(dY, device=output.device),)})

    return cast(Floats2d, torch2xp(output)), backprop


def check_rnn(architecture: str, width: int, depth: int, dropout: Optional[float], grad_clip: float) -> None:
    check(architecture, "width", width, width > 0, "positive")
    check(architecture, "depth", depth, depth > 0, "positive")
    check(architecture, "dropout", dropout, dropout is None or 0 <= dropout < 1, "null, or 0 or more and below 1")
    check(architecture, "grad_clip", grad_clip, grad_clip >= 0, "0 or more")


def check(architecture: str, argument: str, value: Any, is_good: bool, expected: str) -> None:
    if not is_good:
        raise ValueError(
            Errors.F101.format(argument=argument, value=value, architecture=architecture, expected=expected)
        )
