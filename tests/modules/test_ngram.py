import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from spacy_fodl.modules import ngram
from spacy_fodl.modules.ngram import ACTIVATIONS, NGramEncoder

from ..util import DeviceRequired


def make(before=2, after=1, n_in=3, hidden=(5, 4), activation="tanh"):
    return NGramEncoder(n_in, before=before, after=after, hidden=list(hidden), activation=activation).eval()


def one_by_one(encoder, docs, before, after):
    """What the module should do, written token by token."""
    outputs = []
    for doc in docs:
        for i in range(len(doc)):
            window = []
            for j in range(i - before, i + after + 1):
                window.append(encoder.padding[0] if j < 0 else encoder.padding[1] if j >= len(doc) else doc[j])
            x = torch.cat(window)
            for layer in encoder.hidden:
                x = encoder.activation(layer(x))
            outputs.append(x)
    return torch.stack(outputs)


@settings(deadline=None, max_examples=40)
@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=5).filter(any),
    before=st.integers(0, 3),
    after=st.integers(0, 3),
)
def test_equals_token_by_token(lengths, before, after):
    encoder = make(before, after)
    docs = [torch.randn(n, 3) for n in lengths]
    with torch.no_grad():
        output = encoder(torch.cat(docs), torch.tensor(lengths))
    assert_close(output, one_by_one(encoder, docs, before, after))


def test_prediction_in_slices_equals_training_path(monkeypatch):
    encoder = make()
    tokens, lengths = torch.randn(23, 3), torch.tensor([11, 0, 12])
    whole = encoder(tokens, lengths)
    monkeypatch.setattr(ngram, "PREDICT_TOKENS", 4)
    with torch.no_grad():
        assert_close(encoder(tokens, lengths), whole)


@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
@pytest.mark.parametrize("grad", [True, False])
def test_no_tokens(lengths, grad):
    with torch.set_grad_enabled(grad):
        output = make()(torch.zeros(0, 3), torch.tensor(lengths, dtype=torch.long))
    assert output.shape == (0, 4)


def test_gradients():
    encoder = make().double()
    tokens = torch.randn(6, 3, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: encoder(x, torch.tensor([4, 2])), (tokens,))


def test_padding_learns_only_where_a_window_leaves_the_document():
    encoder = make(before=1, after=0)
    encoder(torch.randn(4, 3), torch.tensor([4])).sum().backward()
    assert encoder.padding.grad[0].abs().sum() > 0
    assert encoder.padding.grad[1].abs().sum() == 0


def test_dropout_in_training_only():
    encoder = make(hidden=(50,))
    tokens, lengths = torch.randn(40, 3), torch.tensor([40])
    assert_close(encoder(tokens, lengths, dropout=0.5), encoder(tokens, lengths))
    encoder.train()
    dropped = (encoder(tokens, lengths, dropout=0.5) == 0).double().mean()
    assert 0.4 < dropped < 0.6


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_makes_no_tensor_without_a_device(activation):
    encoder = make(activation=activation).train()
    tokens, lengths = torch.randn(9, 3, requires_grad=True), torch.tensor([5, 4])
    with DeviceRequired():
        encoder(tokens, lengths, dropout=0.1).sum().backward()
        with torch.no_grad():
            encoder.eval()(tokens, lengths)


def test_device_required_finds_a_tensor_without_a_device():
    with pytest.raises(AssertionError, match="arange"), DeviceRequired():
        torch.arange(3)
