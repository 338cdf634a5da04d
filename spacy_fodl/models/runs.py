"""A model whose torch layer is told what to do over the token vectors: to search, or to work out a loss of its own."""

from typing import Any, Callable, Dict, List, Optional, Tuple, Type

from spacy.tokens import Doc
from thinc.api import ArgsKwargs, Model
from thinc.types import Floats2d

from ..layers import Free, TorchLayer, loss_from_torch, tokens_to_torch
from ..modules.run import Runner

# From the model and its input to the documents and the run: what the module calls with itself, the vectors of all
# tokens, *shape* (tokens, width), the lengths of the documents, *shape* (documents,), and the dropout.
MakeRun = Callable[[Model, Any], Tuple[List[Doc], Callable]]


def running_model(
    name: str,
    tok2vec: Model[List[Doc], List[Floats2d]],
    module: Type[Runner],
    make_run: MakeRun,
    *,
    arguments: Dict[str, Any],
    nO: Optional[int],
    dropout: Optional[float],
    grad_clip: float,
    attrs: Dict[str, Any],
) -> Model:
    """Build a model whose torch module runs what it is told.

    name (str): The name of the node.
    tok2vec (Model[List[Doc], List[Floats2d]]): Makes the token vectors.
    module (Type[Runner]): The class of the module.
    make_run (MakeRun): Says what is to be done. In training a run returns the loss, *shape* ().
    arguments, nO, dropout, grad_clip: As in TorchLayer.
    attrs (Dict[str, Any]): Attributes of the node, which make_run reads.
    RETURNS (Model): The model, with its parts as the references "tok2vec" and "network". Its output is the loss in
        training, and what the run returns in prediction. backprop takes the weight of the loss.
    """
    network = TorchLayer(
        module,
        nI=tok2vec.maybe_get_dim("nO"),
        nO=nO,
        arguments=arguments,
        dropout=dropout,
        grad_clip=grad_clip,
        passes_nO=True,
        convert_inputs=tokens_and_run,
        convert_outputs=loss_from_torch,
    )

    return Model(
        name,
        forward,
        init=init,
        layers=[tok2vec, network],
        refs={"tok2vec": tok2vec, "network": network},
        attrs={**attrs, "make_run": Free(make_run)},
    )


def forward(model: Model, X: Any, is_train: bool) -> Tuple[Any, Callable[[float], Any]]:
    tok2vec, network = model.layers
    docs, run = model.attrs["make_run"].value(model, X)
    vectors, backprop_tok2vec = tok2vec(docs, is_train)
    result, backprop_network = network((vectors, run), is_train)

    def backprop(weight: float) -> Any:
        return backprop_tok2vec(backprop_network(weight))

    return result, backprop


def init(model: Model, X: Optional[List[Doc]] = None, Y: Any = None) -> None:
    tok2vec, network = model.layers
    tok2vec.initialize(X=X)
    network.initialize(X=None if X is None else tok2vec.predict(X))


def tokens_and_run(model: Model, X: Any, is_train: bool) -> Tuple[ArgsKwargs, Callable[[ArgsKwargs], List[Floats2d]]]:
    """For TorchLayer: vectors by document and a run become tokens, lengths and the run."""
    vectors, run = X
    inputs, backprop = tokens_to_torch(model, vectors, is_train)
    return ArgsKwargs(args=(*inputs.args, run), kwargs={}), backprop
