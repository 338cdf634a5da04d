import numpy as np
import pytest
import spacy
import torch

from spacy_fodl.analysis import gradient_flow, rnn_gradient_flow
from spacy_fodl.layers import torch_modules
from spacy_fodl.modules.rnn import RNNEncoder

from .util import classifier

CELLS = ["rnn", "gru", "lstm"]


def encoder(cell, n_in=3, width=4, depth=1, bidirectional=False):
    return RNNEncoder(n_in, cell=cell, width=width, depth=depth, bidirectional=bidirectional).double()


def last_state(module, vectors):
    with torch.no_grad():
        return module(vectors, torch.tensor([len(vectors)]))[-1]


def finite_differences(function, vectors, lag, step=1e-6):
    """The Jacobian of a state by the vector so many tokens before the last. *Shape:* (width, n_in)"""
    columns = []
    for i in range(vectors.shape[1]):
        shift = torch.zeros_like(vectors)
        shift[-1 - lag, i] = step
        columns.append((function(vectors + shift) - function(vectors - shift)) / (2 * step))
    return torch.stack(columns, dim=1)


@pytest.mark.parametrize("lags", [5, 3, 0])
@pytest.mark.parametrize("cell", CELLS)
def test_norms_are_those_of_finite_differences(cell, lags):
    module, vectors = encoder(cell), torch.randn(6, 3, dtype=torch.double)
    flow = rnn_gradient_flow(module, vectors, lags=lags)
    assert (flow.cell, flow.width, len(flow.norms)) == (cell, 4, lags + 1)
    for lag, norm in enumerate(flow.norms):
        expected = finite_differences(lambda X: last_state(module, X), vectors, lag)
        assert norm == pytest.approx(float(torch.linalg.matrix_norm(expected, ord=2)), rel=1e-5)


def test_the_second_layer_depends_on_the_states_of_the_first():
    module, vectors = encoder("lstm", depth=2, bidirectional=True), torch.randn(5, 3, dtype=torch.double)
    flow = rnn_gradient_flow(module, vectors, lags=4, layer=1, direction="backward")
    below = torch.cat(
        [
            module.layers[0][0](vectors)[0],
            module.layers[0][1](vectors.flip(0))[0].flip(0),
        ],
        dim=1,
    ).detach()
    read = below.flip(0)
    for lag, norm in enumerate(flow.norms):
        expected = finite_differences(lambda X: module.layers[1][1](X)[0][-1].detach(), read, lag)
        assert norm == pytest.approx(float(torch.linalg.matrix_norm(expected, ord=2)), rel=1e-5)


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_the_bound_bounds(scale):
    module = encoder("rnn", width=8)
    with torch.no_grad():
        module.layers[0][0].weight_hh_l0 *= scale
    flow = rnn_gradient_flow(module, torch.randn(40, 3), lags=30)
    assert (flow.norms <= flow.bound * (1 + 1e-9)).all()


def test_the_bound_is_reached_where_nothing_saturates():
    """With zero input and no bias every derivative of tanh is 1."""
    module = encoder("rnn", n_in=1, width=1)
    cell = module.layers[0][0]
    with torch.no_grad():
        cell.bias_ih_l0.zero_()
        cell.bias_hh_l0.zero_()
        cell.weight_hh_l0.fill_(-0.5)
        cell.weight_ih_l0.fill_(3.0)
    flow = rnn_gradient_flow(module, torch.zeros(201, 1), lags=200)
    np.testing.assert_allclose(flow.bound, 3 * 0.5 ** np.arange(201))
    # 2^-200 is far below what single precision holds.
    np.testing.assert_allclose(flow.norms, flow.bound)


def test_one_unit_is_the_product_of_the_derivatives():
    module, vectors = encoder("rnn", n_in=1, width=1), torch.randn(8, 1, dtype=torch.double)
    cell = module.layers[0][0]
    flow = rnn_gradient_flow(module, vectors, lags=7)
    slopes = 1 - module(vectors, torch.tensor([8])).detach().numpy()[::-1, 0] ** 2
    w_rec, w_in = (abs(weight.item()) for weight in (cell.weight_hh_l0, cell.weight_ih_l0))
    powers = np.arange(8)
    np.testing.assert_allclose(flow.bound, w_rec**powers * w_in)
    np.testing.assert_allclose(flow.norms, w_rec**powers * w_in * slopes.cumprod())


def test_an_lstm_that_never_forgets_carries_the_error_on():
    module = encoder("lstm")
    with torch.no_grad():
        module.layers[0][0].bias_ih_l0[4:8] = 50
    flow = rnn_gradient_flow(module, torch.randn(60, 3), lags=50)
    np.testing.assert_allclose(flow.keep, np.ones(51))
    assert flow.norms[50] > 1e-3
    assert flow.bound is None
    assert rnn_gradient_flow(encoder("gru"), torch.randn(3, 3)).keep is None


def test_keep_gates_multiply_from_the_last_token_on():
    module = encoder("lstm")
    with torch.no_grad():
        for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
            module.layers[0][0].get_parameter(name)[4:8] = 0
    flow = rnn_gradient_flow(module, torch.randn(9, 3), lags=4)
    np.testing.assert_allclose(flow.keep, 0.5 ** np.arange(5))


@pytest.mark.parametrize("cell", CELLS)
def test_of_a_component(cell):
    nlp = classifier(cell=cell)
    model, doc = nlp.get_pipe("fodl_textcat").model, nlp("I like green eggs and ham")
    flow = gradient_flow(model, doc, lags=50)
    assert (flow.cell, len(flow.norms)) == (cell, 6)
    assert (flow.norms > 0).all()
    before = model.get_ref("tok2vec").predict([doc])[0]
    (pooling,) = [module for node in model.walk() for module in torch_modules(node)]
    found = rnn_gradient_flow(pooling.encoder, torch.from_numpy(before), lags=5)
    np.testing.assert_allclose(flow.norms, found.norms)


def test_a_component_predicts_the_same_afterwards():
    nlp = classifier()
    model, doc = nlp.get_pipe("fodl_textcat").model, nlp("I like ham")
    before = model.predict([doc])
    gradient_flow(model, doc)
    np.testing.assert_array_equal(model.predict([doc]), before)


def test_what_cannot_be_looked_into():
    nlp = classifier()
    model = nlp.get_pipe("fodl_textcat").model
    with pytest.raises(ValueError, match="F504"):
        gradient_flow(model, nlp.make_doc(""))
    with pytest.raises(ValueError, match="F504"):
        rnn_gradient_flow(encoder("rnn"), torch.zeros(0, 3))
    with pytest.raises(ValueError, match=r"F503.*0 to 0.*forward and backward"):
        gradient_flow(model, nlp("I"), layer=1)
    with pytest.raises(ValueError, match="F503"):
        rnn_gradient_flow(encoder("rnn"), torch.zeros(2, 3), direction="backward")
    for which in (-1, 1):
        with pytest.raises(ValueError, match=r"F509.*encoder = -?1 .*from 0 to 0"):
            gradient_flow(model, nlp("I"), encoder=which)
    blank = spacy.blank("en")
    with pytest.raises(ValueError, match="F001"):
        gradient_flow(blank.add_pipe("fodl_textcat").model, nlp("I"))
    with pytest.raises(ValueError, match="F501"):
        gradient_flow(blank.add_pipe("textcat").model, nlp("I"))
