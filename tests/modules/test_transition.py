import pytest
import torch

from spacy_fodl.modules.transition import SCORER_ACTIVATIONS, TransitionScorer

from ..util import DeviceRequired

N_TOKENS, N_LABELS, N_OUT = 3, 2, 8
LENGTHS = torch.tensor([7])


def scorer(activation="relu", n_labels=N_LABELS):
    return TransitionScorer(
        5, N_OUT, n_tokens=N_TOKENS, n_labels=n_labels, label_width=4, hidden=6, activation=activation
    )


def concatenated(module, tokens, rows):
    """The same without a table: the vectors at all places in a row, times the whole matrix."""
    vectors = torch.cat([tokens, module.special])
    words = vectors[rows[:, :N_TOKENS]].flatten(1)
    hidden = words @ module.words.view(5, N_TOKENS, -1).transpose(0, 1).flatten(0, 1)
    if module.n_labels:
        labels = module.label_vectors[rows[:, N_TOKENS:]].flatten(1)
        hidden = hidden + labels @ module.labels.view(4, N_LABELS, -1).transpose(0, 1).flatten(0, 1)
    return module.output(module.activation(hidden + module.bias))


@pytest.mark.parametrize("activation", SCORER_ACTIVATIONS)
@pytest.mark.parametrize("n_labels", [0, N_LABELS])
def test_the_table_gives_what_concatenation_gives(activation, n_labels):
    module = scorer(activation, n_labels)
    tokens = torch.randn(7, 5)
    rows = torch.cat([torch.randint(0, 9, (20, N_TOKENS)), torch.randint(0, 4, (20, n_labels))], dim=1)
    hidden = module.hidden(module.table(tokens), rows)
    found = module.output(hidden)
    torch.testing.assert_close(found, concatenated(module, tokens, rows))
    worth = module.worth(hidden)
    assert worth.tolist() == [[0.0]] * 20
    (found.sum() + worth.sum()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


def run(module, vectors, lengths, dropout):
    rows = torch.arange(20 * (N_TOKENS + N_LABELS), device=vectors.device).reshape(20, -1) % 4
    return module.output(module.hidden(module.table(vectors), rows))


def test_dropout_is_for_training_only():
    module, tokens = scorer(), torch.randn(7, 5)
    plain = module(tokens, LENGTHS, run)
    assert not torch.equal(module(tokens, LENGTHS, run, dropout=0.5), plain)
    module.eval()
    assert torch.equal(module(tokens, LENGTHS, run, dropout=0.5), plain)


def test_no_tensor_without_a_device():
    module, tokens = scorer(), torch.randn(7, 5)
    with DeviceRequired():
        module(tokens, LENGTHS, run, dropout=0.1).sum().backward()
