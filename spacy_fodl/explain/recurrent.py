"""Gates and gradients of recurrent networks, in whatever component."""

from typing import Any, Iterator, List, cast

import numpy as np
from spacy.tokens import Doc
from thinc.api import Model

from ..analysis.flow import flow_drawing
from ..analysis.gates import LSTMGates, lstm_gates
from ..analysis.gradients import gradient_flow
from ..analysis.recurrent import Direction, cell_name, find_encoder, has_encoder
from ..analysis.sections import Section, matrix

# Units of the hidden state that are shown, those that change most.
MOST_UNITS = 5
MOST_LAGS = 40


def sections(name: str, pipe: Any, doc: Doc) -> Iterator[Section]:
    """
    pipe (Any): A component.
    doc (Doc): As the components before it leave it.
    """
    model = getattr(pipe, "model", None)
    if not isinstance(model, Model) or not has_encoder(model):
        return
    encoder = find_encoder(model)
    cell = cell_name(cast(Any, encoder.layers)[0][0])
    directions: List[Direction] = ["forward", "backward"]
    if cell == "lstm":
        for layer in range(len(encoder.layers)):
            for direction in directions[: encoder.directions]:
                gates = lstm_gates(model, doc, layer=layer, direction=direction)
                yield gates_of(f"{name}: gates of layer {layer + 1}, {direction}", gates)
    caption = (
        "By how much a change of the input k tokens before the last one changes the last state of the first layer, and "
        "what bounds it."
    )
    yield flow_drawing(f"{name}: gradient flow", caption, gradient_flow(model, doc, lags=MOST_LAGS))


def gates_of(title: str, gates: LSTMGates) -> Section:
    """The means of the gates over the units, and the hidden state of some units."""
    units = np.sort(np.argsort(-gates.hidden.var(axis=0), kind="stable")[:MOST_UNITS])
    means = {"keep": gates.keep, "write": gates.write, "output": gates.output}
    rows: List[str] = [f"{gate} gates, mean" for gate in means] + [f"state of unit {unit}" for unit in units]
    values = np.stack([*(gate.mean(axis=1) for gate in means.values()), *gates.hidden.T[units]])
    caption = (
        "How much of its cells the network keeps, writes and shows at each token, and the hidden state of the units "
        "that change most. Below 0 the shade has another colour."
    )
    return matrix(title, caption, rows, gates.tokens, values)
