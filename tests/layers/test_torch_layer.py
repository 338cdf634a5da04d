import contextlib
import copy
import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from thinc.api import Adam, get_current_ops, set_dropout_rate
from torch import nn

from spacy_fodl.layers import TorchLayer
from spacy_fodl.layers.torch_layer import TorchShim

from ..util import ROOT, DeviceRequired, run


class Scale(nn.Module):
    """A linear map with dropout that keeps what it was called with."""

    def __init__(self, n_in, factor=1.0):
        super().__init__()
        self.linear = nn.Linear(n_in, 2)
        self.factor = factor

    def forward(self, tokens, lengths, dropout=0.0):
        self.called_with = (tokens.shape, lengths.tolist(), dropout)
        return nn.functional.dropout(self.linear(tokens) * self.factor, dropout, self.training)


def make(nI=None, dropout=None, grad_clip=0.0, **arguments):
    return TorchLayer(Scale, nI=nI, nO=2, arguments=arguments, dropout=dropout, grad_clip=grad_clip)


def batch(*lengths, width=3):
    return [np.random.random((n, width)).astype("float32") for n in lengths]


def initialized(**settings):
    layer = make(**settings)
    layer.initialize(X=batch(2, 3))
    return layer


def weights(layer):
    return {name: p.detach().clone() for name, p in layer.shims[0]._model.named_parameters()}


def step(layer, optimizer, X, scale=1.0):
    Y, backprop = layer.begin_update(X)
    dX = backprop([np.full_like(y, scale) for y in Y])
    layer.finish_update(optimizer)
    return dX


# -- Building and calling


def test_is_built_when_the_width_is_known():
    layer = make()
    assert not layer.shims[0].is_built
    assert layer.has_dim("nI") is None
    layer.initialize(X=batch(2))
    assert layer.get_dim("nI") == 3
    assert layer.shims[0]._model.linear.weight.shape == (2, 3)


def test_without_data_or_width_says_what_is_missing():
    with pytest.raises(ValueError, match="F007.*torch\\(Scale\\).*input width"):
        make().initialize()
    make(nI=3).initialize()


def test_predicting_before_initialize_is_the_error_that_spacy_reports_as_e109():
    with pytest.raises(KeyError, match="F001"):
        make().predict(batch(2))


def test_output_is_a_list_like_the_input():
    layer = initialized()
    X = batch(2, 0, 4)
    Y = layer.predict(X)
    assert [y.shape for y in Y] == [(2, 2), (0, 2), (4, 2)]
    W, b = (p.detach().numpy() for p in layer.shims[0]._model.parameters())
    assert_allclose(np.concatenate(Y), np.concatenate(X) @ W.T + b, rtol=1e-5)
    assert layer.shims[0]._model.called_with[1] == [2, 0, 4]


@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
def test_batches_without_tokens(lengths):
    layer = initialized()
    X = batch(*lengths)
    assert [y.shape for y in layer.predict(X)] == [(0, 2)] * len(lengths)
    Y, backprop = layer.begin_update(X)
    assert [dx.shape for dx in backprop(Y)] == [(0, 3)] * len(lengths)


def test_gradient_against_finite_differences():
    layer = initialized()
    X, epsilon = batch(2, 3), 1e-2
    Y, backprop = layer.begin_update(X)
    dX = backprop([np.ones_like(y) for y in Y])

    def total(change):
        X[1][2, 1] += change
        result = sum(y.sum() for y in layer.predict(X))
        X[1][2, 1] -= change
        return result

    assert_allclose(dX[1][2, 1], (total(epsilon) - total(-epsilon)) / (2 * epsilon), rtol=1e-2)


def test_makes_no_tensor_without_a_device():
    layer = initialized()
    with DeviceRequired():
        step(layer, Adam(0.1), batch(2, 3))
        layer.predict(batch(2, 3))


# -- Dropout


def test_set_dropout_rate_reaches_the_module():
    layer = initialized()
    set_dropout_rate(layer, 0.5)
    Y, _ = layer.begin_update(batch(400))
    assert 0.4 < (Y[0] == 0).mean() < 0.6
    assert not (layer.predict(batch(400))[0] == 0).any()


def test_a_fixed_rate_stays():
    layer = initialized(dropout=0.25)
    set_dropout_rate(layer, 0.9)
    layer.begin_update(batch(2))
    assert layer.shims[0]._model.called_with[2] == 0.25


# -- Training


def test_same_steps_as_torch():
    layer = initialized()
    bare = copy.deepcopy(layer.shims[0]._model)
    theirs = torch.optim.Adam(bare.parameters(), lr=0.1)
    ours = Adam(0.1, grad_clip=0.0, use_averages=False)
    for _ in range(5):
        X = batch(3, 2)
        step(layer, ours, X)
        theirs.zero_grad()
        bare(torch.from_numpy(np.concatenate(X)), torch.tensor([3, 2])).sum().backward()
        theirs.step()
    for name, p in bare.named_parameters():
        assert_allclose(weights(layer)[name], p.detach(), atol=1e-4)


def test_gradients_add_up_until_finish_update():
    layer = initialized()
    X = batch(3)
    for _ in range(2):
        Y, backprop = layer.begin_update(X)
        backprop([np.ones_like(y) for y in Y])
    assert_allclose(layer.shims[0]._model.linear.bias.grad, [6, 6])
    layer.finish_update(Adam(0.1))
    assert layer.shims[0]._model.linear.bias.grad is None


def test_weights_stay_in_their_memory():
    """New memory at each step, linked to the old one, is how a training leaks."""
    layer = initialized()
    before = [p.data_ptr() for p in layer.shims[0]._model.parameters()]
    for _ in range(3):
        step(layer, Adam(0.1), batch(3))
    assert [p.data_ptr() for p in layer.shims[0]._model.parameters()] == before


def test_an_optimizer_may_return_new_arrays():
    layer = initialized()
    step(layer, lambda key, value, gradient: (value * 0 + 7, gradient), batch(3))
    assert_allclose(weights(layer)["linear.weight"], 7)


@pytest.mark.parametrize("clip", [0.0, 0.01])
def test_grad_clip_bounds_the_global_norm(clip):
    seen = {}

    def optimizer(key, value, gradient):
        seen[key[1]] = gradient.copy()
        return value, gradient

    layer = initialized(grad_clip=clip)
    step(layer, optimizer, batch(3), scale=100.0)
    norm = np.sqrt(sum((gradient**2).sum() for gradient in seen.values()))
    assert norm > 100 if not clip else abs(norm - clip) < 1e-6
    assert set(seen) == {"torch.linear.weight", "torch.linear.bias"}


def test_averages_hold_in_the_context_only():
    layer = initialized()
    optimizer = Adam(0.1, use_averages=True)
    trace = []
    for _ in range(4):
        step(layer, optimizer, batch(3))
        trace.append(weights(layer)["linear.weight"])
    average = optimizer.averages[layer.shims[0].key("linear.weight")]
    assert not np.allclose(average, trace[-1])
    X = batch(3)
    before = layer.predict(X)
    with layer.use_params(optimizer.averages):
        assert_allclose(weights(layer)["linear.weight"], average)
        assert not np.allclose(layer.predict(X)[0], before[0])
    assert_allclose(layer.predict(X)[0], before[0])


def test_averages_end_even_after_an_error():
    layer = initialized()
    optimizer = Adam(0.1, use_averages=True)
    step(layer, optimizer, batch(3))
    step(layer, optimizer, batch(3))
    before = weights(layer)["linear.weight"]
    with pytest.raises(RuntimeError), layer.use_params(optimizer.averages):
        raise RuntimeError
    assert_allclose(weights(layer)["linear.weight"], before)


def test_key_differs_from_that_of_a_model_with_the_same_id():
    layer = initialized()
    assert layer.shims[0].key("W") != (layer.shims[0].id, "W")


def test_same_seed_same_weights():
    from thinc.api import fix_random_seed

    built = []
    for _ in range(2):
        fix_random_seed(3)
        built.append(weights(initialized())["linear.weight"])
    assert_allclose(*built)


# -- Copies and bytes


def test_a_copy_trains_apart():
    layer = initialized()
    copied = layer.copy()
    assert copied.shims[0].id != layer.shims[0].id
    before = weights(copied)
    step(layer, Adam(0.1), batch(3))
    for name, value in weights(copied).items():
        assert_allclose(value, before[name])


def test_bytes_round_trip():
    layer = initialized(factor=2.0)
    other = make(factor=2.0).from_bytes(layer.to_bytes())
    X = batch(3, 2)
    for a, b in zip(other.predict(X), layer.predict(X)):
        assert_allclose(a, b)
    assert other.to_bytes() == layer.to_bytes()
    assert other.get_dim("nI") == 3


def test_an_unbuilt_layer_round_trips():
    layer = make().from_bytes(make().to_bytes())
    assert not layer.shims[0].is_built
    layer.initialize(X=batch(2))


def test_loading_leaves_the_random_numbers_alone():
    data = initialized().to_bytes()
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    make().from_bytes(data)
    assert_allclose(torch.rand(3), expected)


def test_training_goes_on_after_loading():
    layer = make().from_bytes(initialized().to_bytes())
    before = weights(layer)["linear.weight"]
    step(layer, Adam(0.1), batch(3))
    assert not np.allclose(weights(layer)["linear.weight"], before)


def test_pickle_round_trip():
    layer = initialized()
    X = batch(3)
    assert_allclose(pickle.loads(pickle.dumps(layer)).predict(X)[0], layer.predict(X)[0])


# -- Refusals


def shim(module=Scale, **arguments):
    return TorchShim("tested", module, arguments)


def built(n_in=3, **arguments):
    made = shim(**arguments)
    made.build(n_in=n_in)
    return made


class Other(Scale):
    pass


@pytest.mark.parametrize("cut", [1, 7, 20, 200])
def test_refuses_truncated_weights(cut):
    data = built().to_bytes()
    with pytest.raises(ValueError, match="F002.*tested"):
        shim().from_bytes(data[:cut])


def test_refuses_weights_of_others():
    import safetensors.torch

    with pytest.raises(ValueError, match="F002.*not written by spacy-fodl"):
        shim().from_bytes(safetensors.torch.save({"x": torch.ones(2)}))


def test_refuses_another_module():
    with pytest.raises(ValueError, match="F004.*holds a Scale.*builds a Other"):
        shim(Other).from_bytes(built().to_bytes())


def test_refuses_other_settings():
    with pytest.raises(ValueError, match="F005.*factor = 2.0.*factor = 3.0"):
        shim(factor=3.0).from_bytes(built(factor=2.0).to_bytes())


def test_refuses_a_newer_format(monkeypatch):
    from spacy_fodl.layers import weights

    monkeypatch.setattr(weights, "FORMAT", 99)
    data = built().to_bytes()
    with pytest.raises(ValueError, match="F003.*format 99.*up to 1"):
        shim().from_bytes(data)


def test_refuses_what_does_not_fit_by_name_or_shape_and_keeps_its_weights():
    import safetensors.torch

    from spacy_fodl.layers.weights import parse_weights

    good = built()
    header, tensors = parse_weights(good.to_bytes())
    tensors["stranger"] = tensors.pop("linear.bias")
    tensors["linear.weight"] = torch.ones(2, 5)
    import json

    bad = safetensors.torch.save(tensors, metadata={"spacy_fodl": json.dumps(header)})
    kept = good._model
    with pytest.raises(ValueError, match="F006.*'linear.bias' is missing.*'stranger' is unknown") as error:
        good.from_bytes(bad)
    assert "'linear.weight' has shape (2, 5) instead of (2, 3)" in str(error.value)
    assert good._model is kept


def test_weights_of_format_1_load():
    """The file was written by the first version of the package, and must load for ever."""
    from spacy_fodl.modules.ngram import NGramEncoder

    arguments = {"before": 2, "after": 1, "hidden": [4, 3], "activation": "tanh"}
    loaded = TorchShim("stored", NGramEncoder, arguments)
    loaded.from_bytes((ROOT / "tests" / "data" / "ngram_format_1.safetensors").read_bytes())
    tokens = torch.arange(10.0).reshape(5, 2) / 10
    with torch.no_grad():
        output = loaded._model(tokens, torch.tensor([2, 3]))
    expected = np.loadtxt(ROOT / "tests" / "data" / "ngram_format_1.txt")
    assert_allclose(output.numpy(), expected, atol=1e-5)


def test_a_damaged_file_gives_a_numbered_error_wherever_the_damage_is():
    data = built(factor=1.0).to_bytes()
    header = 8 + int.from_bytes(data[:8], "little")
    messages = set()
    for i in range(header):
        damaged = data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :]
        with contextlib.suppress(ValueError):  # Some damage, as to a space, does no harm.
            try:
                shim(factor=1.0).from_bytes(damaged)
            except ValueError as e:
                messages.add(str(e)[:6])
                raise
    assert messages >= {"[F002]", "[F004]", "[F005]", "[F006]"}
    assert all(message.startswith("[F00") for message in messages)


def test_an_output_of_another_shape_is_noticed():
    class Short(Scale):
        def forward(self, tokens, lengths, dropout=0.0):
            return super().forward(tokens, lengths, dropout)[:1]

    layer = TorchLayer(Short, nI=3, nO=2, arguments={})
    layer.initialize()
    with pytest.raises(ValueError, match=r"F011.*\(1, 2\) instead of \(5, 2\)"):
        layer.predict(batch(2, 3))


def test_other_conversions_can_be_given():
    """A layer from one array a document to one row a document."""
    from thinc.api import ArgsKwargs, torch2xp, xp2torch

    class Mean(nn.Module):
        def __init__(self, n_in):
            super().__init__()
            self.linear = nn.Linear(n_in, 2)

        def forward(self, docs, dropout=0.0):
            return torch.stack([self.linear(doc).mean(0) for doc in docs])

    def to_torch(model, X, is_train):
        docs = [xp2torch(x, requires_grad=is_train) for x in X]
        return ArgsKwargs(args=(docs,), kwargs={}), lambda d: [torch2xp(doc) for doc in d.args[0]]

    def from_torch(model, inputs_outputs, is_train):
        output = inputs_outputs[1]
        return torch2xp(output), lambda dY: ArgsKwargs(args=((output,),), kwargs={"grad_tensors": (xp2torch(dY),)})

    layer = TorchLayer(Mean, nI=3, nO=2, arguments={}, convert_inputs=to_torch, convert_outputs=from_torch)
    layer.initialize()
    Y, backprop = layer.begin_update(batch(4, 2))
    assert Y.shape == (2, 2)
    assert [dx.shape for dx in backprop(Y)] == [(4, 3), (2, 3)]


def test_a_tuple_among_the_arguments_round_trips():
    assert shim(factor=(2.0,)).from_bytes(built(factor=(2.0,)).to_bytes()).is_built


def test_the_config_decides_the_dropout_when_loading():
    layer = make(dropout=0.1).from_bytes(initialized(dropout=0.4).to_bytes())
    layer.begin_update(batch(2))
    assert layer.shims[0]._model.called_with[2] == 0.1


def test_initialize_again_with_another_width():
    layer = initialized()
    layer.initialize(X=batch(2, width=5))
    assert layer.predict(batch(2, width=5))[0].shape == (2, 2)


# -- Processes and devices


def test_unpickling_leaves_the_threads_alone():
    code = """
import pickle, subprocess, sys, torch
from spacy_fodl.layers import TorchLayer
from spacy_fodl.modules.ngram import NGramEncoder
layer = TorchLayer(NGramEncoder, nI=2, nO=2, arguments=dict(before=0, after=0, hidden=[2], activation="relu"))
layer.initialize()
use = "import pickle, sys, torch, numpy as np; torch.set_num_threads(2); " \
    "pickle.load(sys.stdin.buffer).predict([np.ones((1, 2), 'f')]); print(torch.get_num_threads())"
print(subprocess.run([sys.executable, "-c", use], input=pickle.dumps(layer), capture_output=True).stdout.decode())
"""
    assert run(code).strip() == "2"


def test_forked_process_does_not_wait_for_the_threads_of_its_parent():
    code = """
import multiprocessing, numpy as np, torch
from spacy_fodl.layers import TorchLayer
from spacy_fodl.modules.ngram import NGramEncoder
torch.set_num_threads(2)
layer = TorchLayer(NGramEncoder, nI=64, nO=512, arguments=dict(before=2, after=2, hidden=[512], activation="relu"))
layer.initialize()
X = [np.ones((4000, 64), dtype="float32")]
Y = layer.predict(X)  # Starts the threads.
with multiprocessing.get_context("fork").Pool(1) as pool:
    print(np.allclose(pool.apply(layer.predict, (X,))[0], Y[0], atol=1e-4))
"""
    assert run(code).strip() == "True"


@pytest.mark.gpu
def test_on_a_gpu():
    from thinc.api import require_gpu

    require_gpu()
    try:
        layer = make()
        ops = get_current_ops()
        X = [ops.asarray2f(x) for x in batch(2, 3)]
        layer.initialize(X=X)
        assert layer.shims[0].device.type == "cuda"
        dX = step(layer, Adam(0.1), X)
        assert isinstance(dX[0], ops.xp.ndarray)
        on_gpu = [ops.to_numpy(y) for y in layer.predict(X)]
    finally:
        from thinc.api import require_cpu

        require_cpu()
    on_cpu = make().from_bytes(layer.to_bytes()).predict([ops.to_numpy(x) for x in X])
    for a, b in zip(on_cpu, on_gpu):
        assert_allclose(a, b, atol=1e-4)
