"""Recurrent architectures: an encoder of tokens, and a text classifier."""

from typing import Any, Callable, List, Literal, Optional, Tuple, cast

from spacy.tokens import Doc
from thinc.api import (
    ArgsKwargs,
    Linear,
    Model,
    chain,
    glorot_uniform_init,
    torch2xp,
    xp2torch,
    zero_init,
)
from thinc.types import Floats2d

from ..errors import check_argument, check_training
from ..layers import Free, TorchLayer
from ..layers.torch_layer import tokens_to_torch
from ..modules.rnn import RNNEncoder, RNNPooling

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
    """A recurrent encoder of token vectors (Elman 1990; Hochreiter and Schmidhuber 1997; Cho et al. 2014): the `encode`
    block of a spacy.Tok2Vec.v2, or any layer from arrays to arrays. A state depends on its document alone, whatever
    stands beside it in the batch.

    width (int): Width of the output; with bidirectional, half of it belongs to each direction.
    cell (str): "rnn" (Elman's, with tanh), "gru" or "lstm".
    depth (int): Layers on top of each other.
    bidirectional (bool): Whether to read from right to left too.
    dropout (Optional[float]): Rate between the layers; None to follow [training] dropout.
    grad_clip (float): Bound on the global norm of the layer's gradients; 0 for none.
    nI (Optional[int]): Width of the input; None to infer it.
    RETURNS (Model[List[Floats2d], List[Floats2d]]): The layer.
    RAISES (ValueError): If a number is out of its range, or width odd with two directions (F101).
    """
    architecture = "spacy_fodl.RNNEncoder.v1"
    check_rnn(architecture, width, depth, dropout, grad_clip)
    check_argument(architecture, "width", width, not (bidirectional and width % 2), "even, half for each direction")
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
    network_weight: float = 1.0,
    nO: Optional[int] = None,
) -> Model[List[Doc], Floats2d]:
    """Classify documents by a recurrent network over their token vectors, pooled over time (Collobert et al. 2011,
    section 3.2.2, for the maximum over time; Dai and Le 2015, "Semi-supervised Sequence Learning", for the
    LSTM on reviews). It fits spaCy's own `textcat` and `textcat_multilabel` as well as ours.

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
        probabilities, such as spacy_fodl.NGramLinear.v1: a linear classifier on words and pairs of words (as in Wang
        and Manning 2012). Network and linear model learn apart, each from its own errors. None for the network alone.
    network_weight (float): What the network's scores are multiplied by in the sum. Of no effect on what either part
        learns: it can be chosen after training.
    nO (Optional[int]): Number of categories; None to infer it.
    RETURNS (Model[List[Doc], Floats2d]): The model; scores of *shape* (documents, nO).
    RAISES (ValueError): If a number is out of its range (F101).
    """
    architecture = "spacy_fodl.RNNTextCat.v1"
    check_rnn(architecture, width, depth, dropout, grad_clip)
    check_argument(architecture, "max_length", max_length, max_length >= 0, "0 for no limit, or more")
    check_argument(architecture, "network_weight", network_weight, network_weight > 0, "positive")
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
    output = Linear(nO, n_pooled, init_W=zero_init if exclusive_classes else glorot_uniform_init)
    head = probabilities(exclusive_classes)
    if linear_model is None:
        model = cast(Model[List[Doc], Floats2d], chain(tok2vec, pooled, output, head))
    else:
        model = sum_of_scores(chain(tok2vec, pooled, output), linear_model, head, network_weight)
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("output_layer", output)
    model.attrs["multi_label"] = not exclusive_classes
    return model


def sum_of_scores(
    network: Model[List[Doc], Floats2d],
    linear_model: Model[List[Doc], Floats2d],
    head: Model[Floats2d, Floats2d],
    network_weight: float,
) -> Model[List[Doc], Floats2d]:
    """The probabilities that the weighted scores of a network and those of a linear model make together. Each learns as
    if it stood alone: what a linear model knows by heart, a network that is trained on the sum would never learn."""
    return Model(
        "sum_of_scores",
        sum_forward,
        init=sum_init,
        dims={"nO": None},
        layers=[network, linear_model, head],
        attrs={"network_weight": Free(network_weight)},
    )


def sum_init(model: Model, X: Optional[List[Doc]] = None, Y: Optional[Floats2d] = None) -> None:
    network, linear_model, _ = model.layers
    network.initialize(X=X, Y=Y)
    n_outputs = network.get_dim("nO")
    model.set_dim("nO", n_outputs, force=True)
    linear_model.get_ref("output_layer").set_dim("nO", n_outputs, force=True)
    linear_model.initialize(X=None if X is None else [doc for doc in X if len(doc)])


def sum_forward(
    model: Model[List[Doc], Floats2d], docs: List[Doc], is_train: bool
) -> Tuple[Floats2d, Callable[[Floats2d], List[Doc]]]:
    network, linear_model, head = model.layers
    network_scores, backprop_network = network(docs, is_train)
    linear_scores = model.ops.alloc2f(*network_scores.shape)
    # spaCy's n-grams fail on documents without tokens.
    seen = [i for i, doc in enumerate(docs) if len(doc)]
    rows = model.ops.asarray1i(seen)
    if seen:
        linear_scores[rows], backprop_linear = linear_model([docs[i] for i in seen], is_train)
    Y = head.predict(network_scores * model.attrs["network_weight"].value + linear_scores)

    def backprop(dY: Floats2d) -> List[Doc]:
        # dY is the difference of the probabilities from the gold ones, and 0 where gold is unknown: but also where a
        # probability is 1 or 0 and rightly so.
        known = (dY != 0) | (Y == 0) | (Y == 1)
        if head.attrs["exclusive_classes"].value:
            known = known.any(axis=1, keepdims=True)

        def apart(scores: Floats2d) -> Floats2d:
            return cast(Floats2d, (head.predict(scores) - Y + dY) * known)

        if seen:
            backprop_linear(apart(linear_scores)[rows])
        return cast(List[Doc], backprop_network(apart(network_scores)))

    return Y, backprop


def probabilities(exclusive_classes: bool) -> Model[Floats2d, Floats2d]:
    """A softmax, or sigmoids, whose gradient is that of the cross-entropy: it passes on the difference from gold, which
    the losses of spaCy's classifiers give, to the scores below as it is, as Thinc's Softmax does."""
    return Model("probabilities", probabilities_forward, attrs={"exclusive_classes": Free(exclusive_classes)})


def probabilities_forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> Tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    Y = model.ops.softmax(X) if model.attrs["exclusive_classes"].value else model.ops.sigmoid(X)
    return Y, lambda dY: dY


def documents_from_torch(
    model: Model, inputs_outputs: Tuple[Any, Any], is_train: bool
) -> Tuple[Floats2d, Callable[[Floats2d], ArgsKwargs]]:
    """A vector a document."""
    _, output = inputs_outputs

    def backprop(dY: Floats2d) -> ArgsKwargs:
        return ArgsKwargs(args=((output,),), kwargs={"grad_tensors": (xp2torch(dY, device=output.device),)})

    return cast(Floats2d, torch2xp(output)), backprop


def check_rnn(architecture: str, width: int, depth: int, dropout: Optional[float], grad_clip: float) -> None:
    check_argument(architecture, "width", width, width > 0, "positive")
    check_argument(architecture, "depth", depth, depth > 0, "positive")
    check_training(architecture, dropout, grad_clip)
