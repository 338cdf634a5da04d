import numpy as np
import pytest
import torch

from spacy_fodl.analysis import lstm_gates
from spacy_fodl.analysis.gates import cell_states
from spacy_fodl.analysis.recurrent import find_encoders

from ..pipeline.test_seq2seq import trained
from .util import classifier

TEXT = "I like green eggs and ham"
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 6, "upstream": "tok2vec"}


def encode(model, doc):
    """What torch's LSTM says, layer on layer."""
    (vectors,) = model.get_ref("tok2vec").predict([doc])
    with torch.no_grad():
        return find_encoders(model)[0](torch.from_numpy(vectors), torch.tensor([len(doc)])).numpy()


@pytest.mark.parametrize("depth", [1, 2])
def test_hidden_is_what_torch_computes(depth):
    nlp = classifier(depth=depth)
    model, doc = nlp.get_pipe("fodl_textcat").model, nlp(TEXT)
    both = [lstm_gates(model, doc, layer=depth - 1, direction=direction) for direction in ("forward", "backward")]
    hidden = np.concatenate([gates.hidden for gates in both], axis=1)
    np.testing.assert_allclose(hidden, encode(model, doc), atol=1e-6)
    assert both[0].tokens == both[1].tokens == TEXT.split()


def test_the_last_cell_is_that_of_torch():
    lstm, inputs = torch.nn.LSTM(3, 4).double(), torch.randn(7, 3, dtype=torch.double)
    states = cell_states(lstm, inputs)
    output, (hidden, cell) = lstm(inputs)
    torch.testing.assert_close(states["hidden"], output)
    torch.testing.assert_close(states["hidden"][-1], hidden[0])
    torch.testing.assert_close(states["cell"][-1], cell[0])


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_gates_obey_the_equations(direction):
    nlp = classifier()
    gates = lstm_gates(nlp.get_pipe("fodl_textcat").model, nlp(TEXT), direction=direction)
    for gate in (gates.keep, gates.write, gates.output):
        assert gate.shape == (6, 4)
        assert ((gate > 0) & (gate < 1)).all()
    before = np.zeros((1, 4))
    shifted = [before, gates.cell[:-1]] if direction == "forward" else [gates.cell[1:], before]
    np.testing.assert_allclose(gates.cell, gates.keep * np.concatenate(shifted) + gates.write * gates.candidate)
    np.testing.assert_allclose(gates.hidden, gates.output * np.tanh(gates.cell))


def test_tokens_are_those_that_a_classifier_reads():
    nlp = classifier(max_length=3)
    gates = lstm_gates(nlp.get_pipe("fodl_textcat").model, nlp(TEXT))
    assert gates.tokens == ["I", "like", "ham"]
    assert gates.hidden.shape == (3, 4)


def test_tokens_are_those_that_a_translator_reads():
    nlp = trained(steps=1)
    model = nlp.get_pipe("fodl_seq2seq").model
    assert lstm_gates(model, nlp.make_doc("I  like\nham")).tokens == ["I", "like", "ham", "(end)"]
    with pytest.raises(ValueError, match="F504"):
        lstm_gates(model, nlp.make_doc(" \n"))


def test_an_encoder_in_a_tok2vec_and_behind_a_listener():
    nlp = classifier(tok2vec=LISTENER)
    doc = nlp(TEXT)
    assert lstm_gates(nlp.get_pipe("tok2vec").model, doc).hidden.shape == (6, 3)
    model = nlp.get_pipe("fodl_textcat").model
    gates = lstm_gates(model, doc)
    np.testing.assert_allclose(gates.hidden, encode(model, doc)[:, :4], atol=1e-6)
    with pytest.raises(ValueError, match="F209"):
        lstm_gates(model, nlp.make_doc(TEXT))


def test_other_cells_have_no_such_gates():
    nlp = classifier(cell="gru")
    with pytest.raises(ValueError, match="F502.*gru"):
        lstm_gates(nlp.get_pipe("fodl_textcat").model, nlp(TEXT))
