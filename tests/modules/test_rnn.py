import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from spacy_fodl.modules import rnn as rnn_module
from spacy_fodl.modules.rnn import CELLS, RNNEncoder, RNNPooling, block_bounds, padded_blocks

from ..util import DeviceRequired

LENGTHS = [3, 0, 7, 1, 7, 2, 12, 5, 1, 4, 6, 12]
POOLINGS = ["max", "mean", "max+mean", "last"]
POOLING = {"cell": "lstm", "width": 4, "depth": 1, "bidirectional": True, "max_length": 0, "truncate": "both"}


def data(width=5, lengths=LENGTHS, seed=0):
    torch.manual_seed(seed)
    return torch.randn(sum(lengths), width), torch.tensor(lengths)


def packed(encoder, cell, tokens, lengths):
    """What torch's own stack gives through packed sequences, with the weights of the encoder."""
    depth, directions = len(encoder.layers), encoder.directions
    width = encoder.n_out // directions
    theirs = CELLS[cell](tokens.shape[1], width, depth, bidirectional=directions == 2)
    state = {}
    for i, layer in enumerate(encoder.layers):
        for suffix, own in zip(["", "_reverse"], layer):
            state.update({name.replace("_l0", f"_l{i}{suffix}"): p for name, p in own.state_dict().items()})
    theirs.load_state_dict(state)
    filled = [part for part in tokens.split(lengths.tolist()) if len(part)]
    sequence = pack_padded_sequence(pad_sequence(filled), [len(part) for part in filled], enforce_sorted=False)
    output, sizes = pad_packed_sequence(theirs(sequence)[0])
    return torch.cat([output[:n, i] for i, n in enumerate(sizes)]), theirs


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_equals_packed_sequences(cell, depth, bidirectional):
    tokens, lengths = data()
    encoder = RNNEncoder(5, cell=cell, width=4, depth=depth, bidirectional=bidirectional)
    ours = encoder(tokens, lengths)
    expected, theirs = packed(encoder, cell, tokens, lengths)
    torch.testing.assert_close(ours, expected)
    weights = torch.randn_like(ours)
    (ours * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(encoder.layers[0][0].weight_ih_l0.grad, theirs.weight_ih_l0.grad)
    torch.testing.assert_close(encoder.layers[-1][-1].weight_hh_l0.grad, theirs.all_weights[-1][1].grad)


def test_a_document_does_not_depend_on_its_batch():
    tokens, lengths = data()
    encoder = RNNEncoder(5, cell="lstm", width=4, depth=2, bidirectional=True)
    together = encoder(tokens, lengths).split(LENGTHS)
    for part, expected in zip(tokens.split(LENGTHS), together):
        torch.testing.assert_close(encoder(part, torch.tensor([len(part)])), expected)


def test_blocks_hold_every_token_once_and_little_padding(monkeypatch):
    monkeypatch.setattr(rnn_module, "MAX_POSITIONS", 4000)
    lengths = torch.randint(0, 300, (500,), generator=torch.Generator().manual_seed(0))
    blocks = list(padded_blocks(lengths))
    rows = torch.cat([rows for rows, _ in blocks])
    assert torch.equal(rows.sort()[0], torch.arange(int(lengths.sum())))
    assert sum(len(n) * int(n[0]) for _, n in blocks) < 1.2 * lengths.sum()
    assert all(len(n) * int(n[0]) <= 4000 for _, n in blocks)
    assert all(len(rows) == int(n.sum()) for rows, n in blocks)
    assert list(block_bounds([])) == list(block_bounds([0, 0])) == []


def test_the_forget_gates_of_an_lstm_begin_open():
    lstm = RNNEncoder(3, cell="lstm", width=4, depth=1, bidirectional=False).layers[0][0]
    assert torch.equal(lstm.bias_ih_l0[4:8] + lstm.bias_hh_l0[4:8], torch.ones(4))


def test_dropout_lies_between_the_layers_of_a_stack_only():
    tokens, lengths = data()
    for depth, same in ((1, True), (2, False)):
        encoder = RNNEncoder(5, cell="gru", width=4, depth=depth, bidirectional=True)
        assert torch.equal(encoder(tokens, lengths, dropout=0.5), encoder(tokens, lengths)) is same
        encoder.eval()
        assert torch.equal(encoder(tokens, lengths, dropout=0.5), encoder(tokens, lengths))


def expected_pooling(pooling, states, width):
    if pooling == "max":
        return states.max(0)[0]
    if pooling == "mean":
        return states.mean(0)
    if pooling == "max+mean":
        return torch.cat([states.max(0)[0], states.mean(0)])
    return torch.cat([states[-1, :width], states[0, width:]])


@pytest.mark.parametrize("pooling", POOLINGS)
def test_pooling(pooling):
    tokens, lengths = data(lengths=[4, 0, 1, 6, 0])
    module = RNNPooling(5, pooling=pooling, **POOLING)
    pooled = module(tokens, lengths)
    states = module.encoder(tokens, lengths).split(lengths.tolist())
    for row, document in zip(pooled, states):
        expected = expected_pooling(pooling, document, 4) if len(document) else torch.zeros(module.n_pooled)
        torch.testing.assert_close(row, expected)
    pooled.sum().backward()
    assert all(torch.isfinite(p.grad).all() and p.grad.abs().sum() > 0 for p in module.parameters())


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
def test_pooling_of_nothing(pooling, lengths):
    module = RNNPooling(5, pooling=pooling, **POOLING)
    pooled = module(torch.zeros(0, 5, requires_grad=True), torch.tensor(lengths, dtype=torch.long))
    assert torch.equal(pooled, torch.zeros(len(lengths), 16 if pooling == "max+mean" else 8))
    pooled.sum().backward()


@pytest.mark.parametrize(
    "truncate,kept", [("head", [0, 1, 2, 3, 4]), ("tail", [5, 6, 7, 8, 9]), ("both", [0, 1, 2, 8, 9])]
)
def test_truncation(truncate, kept):
    module = RNNPooling(1, pooling="max", **{**POOLING, "max_length": 5, "truncate": truncate})
    tokens = torch.arange(16.0)[:, None]
    read, lengths = module.truncated(tokens, torch.tensor([3, 10, 0, 3]))
    assert lengths.tolist() == [3, 5, 0, 3]
    assert read.flatten().tolist() == [0, 1, 2, *[3 + i for i in kept], 13, 14, 15]


def test_no_tensor_without_a_device():
    tokens, lengths = data()
    for pooling in POOLINGS:
        module = RNNPooling(5, pooling=pooling, **{**POOLING, "max_length": 6})
        with DeviceRequired():
            module(tokens.requires_grad_(), lengths, dropout=0.1).sum().backward()
