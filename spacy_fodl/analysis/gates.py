"""The gates of an LSTM over a document."""

from dataclasses import dataclass
from typing import Dict, List

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model
from torch import Tensor, nn

from ..errors import Errors
from .recurrent import Direction, cell_name, layer_inputs, read_vectors

PARAMETERS = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]


@dataclass
class LSTMGates:
    """What one direction of an LSTM layer does at each token. Arrays of *shape* (tokens, width), in the order of the
    text. In the equations of Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000):
    cell = keep * (cell before) + write * candidate, and hidden = output * tanh(cell)."""

    tokens: List[str]
    """The texts of the tokens that were read."""
    keep: np.ndarray
    """The forget gate, between 0 and 1: how much of the cell stays."""
    write: np.ndarray
    """The input gate: how much of the candidate is added."""
    output: np.ndarray
    """The output gate: how much of the cell shows."""
    candidate: np.ndarray
    """What the token offers to write, between -1 and 1."""
    cell: np.ndarray
    """The cell behind each token, unbounded."""
    hidden: np.ndarray
    """What is put out, between -1 and 1."""


def lstm_gates(
    model: Model, doc: Doc, *, layer: int = 0, direction: Direction = "forward", encoder: int = 0
) -> LSTMGates:
    """Recompute the gates of an LSTM over a document from its weights.

    model (Model): A model over documents that holds a recurrent encoder: nlp.get_pipe("fodl_textcat").model, for
        example.
    doc (Doc): The document. Behind a listener it must have passed the component that is listened to.
    layer (int): Which layer of the encoder, from 0.
    direction (str): "forward" or "backward".
    encoder (int): Which encoder, from 0, if the model holds several: first comes that of the tok2vec.
    RETURNS (LSTMGates): The gates, the cell and the hidden state at each token.
    RAISES (ValueError): If the model has no recurrent encoder (F501) or not so many (F509), no weights yet (F001),
        another cell than an LSTM (F502), no such layer or direction (F503), or reads nothing of the document (F504,
        F209).
    """
    network, vectors, tokens = read_vectors(model, doc, encoder)
    cell, inputs = layer_inputs(network, vectors, layer, direction)
    if not isinstance(cell, nn.LSTM):
        raise ValueError(Errors.F502.format(cell=cell_name(cell)))
    step = 1 if direction == "forward" else -1
    return LSTMGates(tokens, **{name: states.numpy()[::step] for name, states in cell_states(cell, inputs).items()})


@torch.no_grad()
def cell_states(lstm: nn.LSTM, inputs: Tensor) -> Dict[str, Tensor]:
    """The gates and states of an LSTM of one layer.

    lstm (nn.LSTM): The layer.
    inputs (Tensor): What it reads, in that order. *Shape:* (tokens, n_in)
    RETURNS (Dict[str, Tensor]): A tensor for each field of LSTMGates. *Shape:* (tokens, width)
    """
    inwards, recurrent, *biases = (lstm.get_parameter(f"{name}_l0") for name in PARAMETERS)
    from_inputs = inputs @ inwards.T + sum(biases)
    hidden = cell = inputs.new_zeros(lstm.hidden_size)
    steps: Dict[str, List[Tensor]] = {}
    for row in from_inputs:
        # The order in which torch stacks the rows of the four.
        write, keep, candidate, output = (row + recurrent @ hidden).chunk(4)
        write, keep, candidate, output = write.sigmoid(), keep.sigmoid(), candidate.tanh(), output.sigmoid()
        cell = keep * cell + write * candidate
        hidden = output * cell.tanh()
        now = {"keep": keep, "write": write, "output": output, "candidate": candidate, "cell": cell, "hidden": hidden}
        for name, values in now.items():
            steps.setdefault(name, []).append(values)
    return {name: torch.stack(values) for name, values in steps.items()}
