"""How much of a gradient comes back through time: the vanishing gradient in numbers."""

from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model
from torch import Tensor, nn

from ..errors import Errors
from ..modules.rnn import RNNEncoder
from .gates import cell_states
from .recurrent import Direction, cell_name, layer_inputs, read_vectors


@dataclass
class GradientFlow:
    """The norms of the derivatives of the last state by the inputs before it, for the lags 0, 1, 2, ... Arrays of
    *shape* (lags + 1,)."""

    cell: str
    """"rnn", "gru" or "lstm"."""
    width: int
    """Width of the state."""
    norms: np.ndarray
    """The spectral norm of the Jacobian of h_T by x_{T-k}, for each lag k: the largest factor by which a change of
    that input changes the state."""
    bound: Optional[np.ndarray]
    """For the plain network ‖W_rec‖^k ‖W_in‖ with the largest singular values (Pascanu, Mikolov and Bengio 2013, "On
    the Difficulty of Training Recurrent Neural Networks", section 2.1, after Bengio et al. 1994); with one unit and one
    input that is |w_rec|^k |w_in|. None for the others, which have no such bound."""
    keep: Optional[np.ndarray]
    """For the LSTM the product of the keep gates of the last k tokens, at the unit where it is largest: the norm of the
    derivative of the cell by the cell k tokens before along the path that passes no weights, the constant error
    carousel (Hochreiter and Schmidhuber 1997, section 3.2). None for the others."""


def gradient_flow(
    model: Model,
    doc: Doc,
    *,
    lags: int = 50,
    layer: int = 0,
    direction: Direction = "forward",
    encoder: int = 0,
) -> GradientFlow:
    """How strongly the last state of a recurrent layer depends on each token before.

    model (Model): A model over documents that holds a recurrent encoder: nlp.get_pipe("fodl_textcat").model, for
        example.
    doc (Doc): The document. Behind a listener it must have passed the component that is listened to.
    lags (int): How far to look back; a shorter document ends it.
    layer (int): Which layer of the encoder, from 0. Its inputs are the states of the layer below.
    direction (str): "forward" or "backward"; the last token is the one that is read last.
    encoder (int): Which encoder, from 0, if the model holds several: first comes that of the tok2vec.
    RETURNS (GradientFlow): The norm for each lag, and the bound.
    RAISES (ValueError): If the model has no recurrent encoder (F501) or not so many (F509), no weights yet (F001), no
        such layer or direction (F503), or reads nothing of the document (F504, F209).
    """
    network, vectors, _ = read_vectors(model, doc, encoder)
    return rnn_gradient_flow(network, vectors, lags=lags, layer=layer, direction=direction)


def rnn_gradient_flow(
    encoder: RNNEncoder, vectors: Tensor, *, lags: int = 50, layer: int = 0, direction: Direction = "forward"
) -> GradientFlow:
    """The same for an encoder by itself.

    encoder (RNNEncoder): The encoder.
    vectors (Tensor): The vectors of one document. *Shape:* (tokens, n_in)
    lags, layer, direction: As in gradient_flow.
    RETURNS (GradientFlow): The norm for each lag, and the bound.
    RAISES (ValueError): If there is no such layer or direction (F503), or no token (F504).
    """
    if not len(vectors):
        raise ValueError(Errors.F504)
    cell, inputs = layer_inputs(encoder, vectors, layer, direction)
    lags = min(max(lags, 0), len(inputs) - 1)
    norms = torch.linalg.matrix_norm(jacobians(cell, inputs, lags), ord=2).flip(0)
    return GradientFlow(
        cell=cell_name(cell),
        width=cell.hidden_size,
        norms=norms.numpy(),
        bound=weight_bound(cell, lags) if isinstance(cell, nn.RNN) else None,
        keep=kept(cell, inputs, lags) if isinstance(cell, nn.LSTM) else None,
    )


def jacobians(cell: nn.RNNBase, inputs: Tensor, lags: int) -> Tensor:
    """The derivatives of the last state by the last inputs, in one backward pass: copy j of the document in a batch
    takes the gradient of unit j.

    cell (nn.RNNBase): One direction of one layer.
    inputs (Tensor): What it reads. *Shape:* (tokens, n_in)
    lags (int): How many inputs before the last one.
    RETURNS (Tensor): In the order of the inputs. *Shape:* (lags + 1, width, n_in)
    """
    n = cell.hidden_size
    start = len(inputs) - 1 - lags
    with torch.no_grad():
        state: Any = cell(inputs[:start, None])[1] if start else None
    if isinstance(state, tuple):
        state = tuple(part.expand(-1, n, -1).contiguous() for part in state)
    elif state is not None:
        state = state.expand(-1, n, -1).contiguous()
    copies = inputs[start:, None].repeat(1, n, 1).requires_grad_()
    states, _ = cell(copies, state)
    (gradients,) = torch.autograd.grad(states[-1].diagonal().sum(), copies)
    return gradients


@torch.no_grad()
def weight_bound(cell: nn.RNN, lags: int) -> np.ndarray:
    """The derivative of tanh is at most 1, so k steps back can't multiply a gradient by more than this.

    RETURNS (np.ndarray): For each lag from 0. *Shape:* (lags + 1,)
    """
    weights = (cell.get_parameter(name) for name in ("weight_hh_l0", "weight_ih_l0"))
    recurrent, inwards = (float(torch.linalg.matrix_norm(W, ord=2)) for W in weights)
    return recurrent ** np.arange(lags + 1) * inwards


def kept(cell: nn.LSTM, inputs: Tensor, lags: int) -> np.ndarray:
    """The largest product of the keep gates of the last k tokens over the units, for each lag k from 0."""
    gates = cell_states(cell, inputs)["keep"].flip(0)[:lags]
    products = torch.cat([gates.new_ones((1, cell.hidden_size)), gates.cumprod(0)])
    return products.amax(1).numpy()
