"""Gates and gradients of recurrent networks, in whatever component."""

from typing import Any, Iterator, List, cast

import numpy as np
from spacy.tokens import Doc
from thinc.api import Model

from ..analysis.flow import flow_drawing
from ..analysis.gates import LSTMGates, lstm_gates
from ..analysis.gradients import gradient_flow
from ..analysis.recurrent import Direction, cell_name, find_encoders, has_encoder
from ..analysis.sections import Section, matrix
from ..pipeline.skipthought import FodlSkipThought

# Units of the hidden state that are shown, those that change most.
MOST_UNITS = 5
MOST_LAGS = 40
FLOWS = {
    "rnn": "The bound is the product of the norms of its weights.",
    "gru": "",
    "lstm": "Along the cells alone it would be what the keep gates leave of it.",
}


def sections(name: str, pipe: Any, doc: Doc) -> Iterator[Section]:
    """The gates of each layer and direction, as far as there are any, and the gradient flow of the first layer, for
    each recurrent network that reads documents.

    pipe (Any): A component.
    doc (Doc): As the components before it leave it.
    """
    model = getattr(pipe, "model", None)
    if not isinstance(model, Model) or not has_encoder(model):
        return
    what = name
    if isinstance(pipe, FodlSkipThought):
        doc, what = first_sentence(doc), f"{name}, first sentence"
        if not len(doc):
            return
    encoders = find_encoders(model)
    directions: List[Direction] = ["forward", "backward"]
    for i, encoder in enumerate(encoders):
        which = f", network {i + 1}" if len(encoders) > 1 else ""
        cell = cell_name(cast(Any, encoder.layers)[0][0])
        if cell == "lstm":
            for layer in range(len(encoder.layers)):
                for direction in directions[: encoder.directions]:
                    gates = lstm_gates(model, doc, layer=layer, direction=direction, encoder=i)
                    yield gates_of(f"{what}: gates{which} of layer {layer + 1}, {direction}", gates)
        flow = gradient_flow(model, doc, lags=MOST_LAGS, encoder=i)
        if len(flow.norms) > 1:
            caption = (
                "By how much a change of what the first layer reads k tokens before the last one changes its last "
                f"state, at most. {FLOWS[cell]}"
            )
            yield flow_drawing(f"{what}: gradient flow{which}", caption.strip(), flow)


def first_sentence(doc: Doc) -> Doc:
    """The first sentence of a document that has words, without white space at its ends; empty if there is white space
    within, which is not read."""
    for sent in doc.sents:
        words = [token.i for token in sent if not token.is_space]
        if words:
            span = doc[words[0] : words[-1] + 1]
            return span.as_doc() if len(span) == len(words) else Doc(doc.vocab)
    return Doc(doc.vocab)


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
