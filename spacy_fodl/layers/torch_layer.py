"""A torch module as a Thinc layer: built late, trained by Thinc's optimizer, saved without pickle."""

import contextlib
import copy
import json
import os
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, Type, cast

import torch
from thinc.api import ArgsKwargs, Model, Ops, Optimizer, get_width, torch2xp, xp2torch
from thinc.shims import PyTorchShim
from thinc.types import Floats2d, FloatsXd
from thinc.util import get_torch_default_device
from torch import nn

from ..errors import Errors
from .settings import Free
from .weights import FORMAT, dump_weights, named_tensors, parse_weights

OptimizerKey = Tuple[int, str]
ConvertInputs = Callable[[Model, Any, bool], Tuple[ArgsKwargs, Callable[[ArgsKwargs], Any]]]
ConvertOutputs = Callable[[Model, Any, bool], Tuple[Any, Callable[[Any], ArgsKwargs]]]


class ForkedProcess:
    """A forked process inherits torch's thread pool without its threads and would wait for them for ever, so in such a
    process torch is put on one thread before our first layer runs there."""

    threads_lost = False

    @classmethod
    def mark(cls) -> None:
        """Note, in a forked process, that torch's threads are gone."""
        cls.threads_lost = True

    @classmethod
    def mend(cls) -> None:
        """Put torch on one thread where they are."""
        if cls.threads_lost:
            torch.set_num_threads(1)
            cls.threads_lost = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=ForkedProcess.mark)


class TorchShim(PyTorchShim):
    """Thinc's shim for torch, with what it lacks: a module that may be built later, averaged weights, global-norm
    clipping, an identity of its own for each copy, and files that hold no pickle.

    name (str): How errors call the layer.
    module (Type[nn.Module]): The class to build.
    arguments (Dict[str, Any]): Constructor arguments that the config knows; what only the data knows joins them in
        build.
    grad_clip (float): Bound on the norm of all gradients of the module together; 0 for none.
    """

    def __init__(self, name: str, module: Type[nn.Module], arguments: Dict[str, Any], grad_clip: float = 0.0) -> None:
        super().__init__(None)
        self.name = name
        self.module = module
        # As they come back from a file, where a tuple is a list.
        self.arguments: Dict[str, Any] = json.loads(json.dumps(arguments))
        self.built_with: Dict[str, Any] = {}
        self.grad_clip = grad_clip

    @property
    def is_built(self) -> bool:
        """Whether there is a module."""
        return self._model is not None

    def build(self, **inferred: Any) -> None:
        """Make the module with fresh weights on the device of the current ops.

        **inferred (Any): The constructor arguments that were not known before.
        """
        self.built_with = {**self.arguments, **inferred}
        self._model = self.module(**self.built_with).to(get_torch_default_device())

    def __call__(self, inputs: ArgsKwargs, is_train: bool) -> Tuple[Any, Callable[[ArgsKwargs], ArgsKwargs]]:
        ForkedProcess.mend()
        return cast(Tuple[Any, Callable[[ArgsKwargs], ArgsKwargs]], super().__call__(inputs, is_train))

    def key(self, name: str) -> OptimizerKey:
        """The key of a parameter in Thinc's optimizer. Shims and models count their ids separately: the prefix keeps
        the keys of a shim apart from those of the model with the same id."""
        return (self.id, f"torch.{name}")

    def finish_update(self, optimizer: Optimizer) -> None:
        """Clip the gradients, update the weights in place, and let the gradients go.

        optimizer (Optimizer): The optimizer.
        """
        if not self.is_built:
            return
        learning = [(name, p) for name, p in self._model.named_parameters() if p.grad is not None]
        if self.grad_clip and learning:
            nn.utils.clip_grad_norm_([p for _, p in learning], self.grad_clip)
        for name, p in learning:
            # The arrays share the memory of the tensors, so an optimizer that works in place has done it all. Giving
            # the parameter a new tensor instead, as Thinc's shim does, strings every step's arrays together and leaks.
            gradient = cast(torch.Tensor, p.grad)
            weights, _ = optimizer(self.key(name), cast(FloatsXd, torch2xp(p.data)), cast(FloatsXd, torch2xp(gradient)))
            updated = xp2torch(weights, device=p.device)
            if updated.data_ptr() != p.data_ptr():
                p.data.copy_(updated)
            p.grad = None

    @contextlib.contextmanager
    def use_params(self, params: Dict[OptimizerKey, FloatsXd]) -> Iterator[None]:
        """Have other weights for a while, such as averages.

        params (Dict[OptimizerKey, FloatsXd]): Weights by key().
        """
        own = {}
        if self.is_built:
            for name, p in self._model.named_parameters():
                if self.key(name) in params:
                    own[name] = p.data
                    p.data = xp2torch(params[self.key(name)], device=p.device)
        try:
            yield
        finally:
            if own:
                for name, p in self._model.named_parameters():
                    if name in own:
                        p.data = own[name]

    def copy(self) -> "TorchShim":
        """A copy with an id of its own."""
        # A deep copy keeps the id, and an optimizer would mix up the moments of the two.
        copied = copy.deepcopy(self)
        copied.id = TorchShim(self.name, self.module, {}).id
        return copied

    def to_device(self, device_type: str, device_id: int) -> None:
        if self.is_built:
            super().to_device(device_type, device_id)

    def to_bytes(self) -> bytes:
        return dump_weights(self._model, self.built_with) if self.is_built else b""

    def from_bytes(self, bytes_data: bytes) -> "TorchShim":
        """Rebuild the module from the header and fill it.

        bytes_data (bytes): What to_bytes returned.
        RETURNS (TorchShim): Itself.
        RAISES (ValueError): If the data is damaged, newer than this code, of another module, saved under other
            settings than the config has, or does not fit by name or shape. The weights then stay what they were.
        """
        if not bytes_data:
            self._model, self.built_with = None, {}
            return self
        try:
            header, tensors = parse_weights(bytes_data)
        except ValueError as e:
            raise ValueError(Errors.F002.format(name=self.name, reason=e)) from e
        self._check_header(header)
        try:
            # Weights that are about to be overwritten must not use up the user's random numbers.
            with torch.random.fork_rng(devices=[]):
                module = self.module(**header["arguments"])
        except Exception as e:
            reason = f"no {header['module']} can be built with {header['arguments']} ({e})"
            raise ValueError(Errors.F002.format(name=self.name, reason=reason)) from e
        own = named_tensors(module)
        self._check_tensors(own, tensors)
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(tensors[name])
        self._model = module.to(get_torch_default_device())
        self.built_with = header["arguments"]
        return self

    def _check_header(self, header: Dict[str, Any]) -> None:
        if header["format"] > FORMAT:
            raise ValueError(Errors.F003.format(name=self.name, found=header["format"], known=FORMAT))
        if header["module"] != self.module.__name__:
            raise ValueError(Errors.F004.format(name=self.name, found=header["module"], expected=self.module.__name__))
        for argument, expected in self.arguments.items():
            found = header["arguments"].get(argument)
            if found != expected:
                raise ValueError(Errors.F005.format(name=self.name, argument=argument, found=found, expected=expected))

    def _check_tensors(self, own: Dict[str, torch.Tensor], found: Dict[str, torch.Tensor]) -> None:
        problems = [f"'{name}' is missing" for name in own.keys() - found.keys()]
        problems += [f"'{name}' is unknown" for name in found.keys() - own.keys()]
        for name in own.keys() & found.keys():
            if found[name].shape != own[name].shape:
                problems.append(f"'{name}' has shape {tuple(found[name].shape)} instead of {tuple(own[name].shape)}")
            elif found[name].dtype != own[name].dtype:
                problems.append(f"'{name}' has type {found[name].dtype} instead of {own[name].dtype}")
        if problems:
            raise ValueError(
                Errors.F006.format(name=self.name, module=self.module.__name__, problems=", ".join(sorted(problems)))
            )


def tokens_to_torch(
    model: Model, X: List[Floats2d], is_train: bool
) -> Tuple[ArgsKwargs, Callable[[ArgsKwargs], List[Floats2d]]]:
    """The default convert_inputs of TorchLayer: an array a document becomes the vectors of all tokens, *shape*
    (tokens, nI), and the lengths of the documents, *shape* (documents,)."""
    device = cast(TorchShim, model.shims[0]).device
    lengths = model.ops.asarray1i([len(x) for x in X])
    tokens = xp2torch(flatten(model.ops, X, model.get_dim("nI")), requires_grad=is_train, device=device)
    inputs = ArgsKwargs(args=(tokens, xp2torch(lengths, device=device).long()), kwargs={})

    def backprop(d_inputs: ArgsKwargs) -> List[Floats2d]:
        return model.ops.unflatten(cast(Floats2d, torch2xp(d_inputs.args[0])), lengths)

    return inputs, backprop


def loss_from_torch(model: Model, inputs_outputs: Any, is_train: bool) -> Tuple[Any, Callable[[float], ArgsKwargs]]:
    """A convert_outputs of TorchLayer: in training, a loss of *shape* () becomes a number; backprop takes its weight.
    In prediction the output stays what it is."""
    _, output = inputs_outputs

    def backprop(weight: float) -> ArgsKwargs:
        return ArgsKwargs(args=((output,),), kwargs={"grad_tensors": (torch.full_like(output, weight),)})

    return (float(output.detach()) if is_train else output), backprop


def tokens_from_torch(
    model: Model, inputs_outputs: Tuple[List[Floats2d], torch.Tensor], is_train: bool
) -> Tuple[List[Floats2d], Callable[[List[Floats2d]], ArgsKwargs]]:
    """The outputs of all tokens, *shape* (tokens, nO), become an array a document."""
    X, output = inputs_outputs
    lengths = model.ops.asarray1i([len(x) for x in X])
    expected = (int(lengths.sum()), model.get_dim("nO"))
    if output.shape != expected:
        raise ValueError(Errors.F011.format(name=model.name, found=tuple(output.shape), expected=expected))

    def backprop(dY: List[Floats2d]) -> ArgsKwargs:
        gradient = xp2torch(flatten(model.ops, dY, model.get_dim("nO")), device=output.device)
        return ArgsKwargs(args=((output,),), kwargs={"grad_tensors": (gradient,)})

    return model.ops.unflatten(cast(Floats2d, torch2xp(output)), lengths), backprop


def flatten(ops: Ops, arrays: List[Floats2d], width: int) -> Floats2d:
    """Arrays of that width one after the other. *Shape:* (rows of all, width)"""
    # Thinc's own flatten loses the width when there are no tokens at all.
    return ops.flatten(arrays) if any(len(array) for array in arrays) else ops.alloc2f(0, width)


def TorchLayer(
    module: Type[nn.Module],
    *,
    nI: Optional[int],
    nO: Optional[int],
    arguments: Dict[str, Any],
    dropout: Optional[float] = None,
    grad_clip: float = 0.0,
    passes_nO: bool = False,
    convert_inputs: ConvertInputs = tokens_to_torch,
    convert_outputs: ConvertOutputs = tokens_from_torch,
) -> Model[Any, Any]:
    """A torch module as a Thinc layer. The node is in the tree from the start; the module is built by initialize, when
    the width of the input is known, as module(n_in=nI, **arguments). It is called with what convert_inputs makes of the
    input, and with dropout=RATE.

    module (Type[nn.Module]): The class of the module.
    nI (Optional[int]): Width of the input; None to infer it from the data.
    nO (Optional[int]): Width of the output; None if it is set later, before initialize.
    arguments (Dict[str, Any]): Further constructor arguments, of types that JSON keeps. They are saved with the
        weights, and weights saved under other arguments are refused.
    dropout (Optional[float]): A fixed dropout rate; None to follow the rate that the training passes, as
        set_dropout_rate sets it.
    grad_clip (float): Bound on the global norm of the module's gradients; 0 for none. An optimizer's own grad_clip
        bounds each parameter by itself; use one of the two.
    passes_nO (bool): Whether the module is built with n_out=nO too.
    convert_inputs (ConvertInputs): Makes the arguments of the module, and the way back for their gradients, as in
        Thinc's PyTorchWrapper. By default documents of tokens in one array after the other.
    convert_outputs (ConvertOutputs): The same for the output.
    RETURNS (Model[Any, Any]): The layer.
    RAISES (ValueError): From initialize, if the width of the input is neither given nor to be had from data (F007).
    RAISES (KeyError): From predict and begin_update, before it has weights (F001). spaCy's components say E109 instead.
    """
    return Model(
        f"torch({module.__name__})",
        forward,
        init=init,
        dims={"nI": nI, "nO": nO},
        attrs={
            "dropout_rate": 0.0,
            "passes_nO": passes_nO,
            "fixed_dropout": Free(dropout),
            "convert_inputs": convert_inputs,
            "convert_outputs": convert_outputs,
        },
        shims=[TorchShim(module.__name__, module, arguments, grad_clip)],
    )


def init(model: Model, X: Any = None, Y: Any = None) -> None:
    if X is not None:
        model.set_dim("nI", get_width(X), force=True)
    elif model.has_dim("nI") is None:
        raise ValueError(Errors.F007.format(name=model.name, dim="input width"))
    known = {"n_in": model.get_dim("nI")}
    if model.attrs["passes_nO"]:
        known["n_out"] = model.get_dim("nO")
    cast(TorchShim, model.shims[0]).build(**known)


def forward(model: Model, X: Any, is_train: bool) -> Tuple[Any, Callable[[Any], Any]]:
    shim = cast(TorchShim, model.shims[0])
    if not shim.is_built:
        # spaCy reports a KeyError from a component as E109, "not initialized".
        raise KeyError(Errors.F001.format(name=model.name))
    fixed = model.attrs["fixed_dropout"].value
    inputs, get_dX = model.attrs["convert_inputs"](model, X, is_train)
    inputs.kwargs["dropout"] = (model.attrs["dropout_rate"] if fixed is None else fixed) if is_train else 0.0
    output, torch_backprop = shim(inputs, is_train)
    Y, get_dY = model.attrs["convert_outputs"](model, (X, output), is_train)

    def backprop(dY: Any) -> Any:
        return get_dX(torch_backprop(get_dY(dY)))

    return Y, backprop


def torch_modules(node: Model) -> List[nn.Module]:
    """The torch modules of a node.

    node (Model): A node of a Thinc model.
    RETURNS (List[nn.Module]): The torch modules in it, ours and others', as far as they are built.
    """
    return [shim._model for shim in node.shims if isinstance(getattr(shim, "_model", None), nn.Module)]


def rebuild(node: Model, **changes: Any) -> None:
    """Build the torch module of a layer anew with other constructor arguments. Weights that both modules have, by their
    names, stay.

    node (Model): A layer that is built.
    **changes (Any): The arguments that change.
    RAISES (RuntimeError): If a weight that both have has another shape. The layer then has the new module, with fresh
        weights where shapes don't agree.
    """
    shim = cast(TorchShim, node.shims[0])
    before = shim._model
    with torch.random.fork_rng(devices=[]):
        shim.build(**{**shim.built_with, **changes})
    shim._model.load_state_dict(before.state_dict(), strict=False)
    shim._model.train(before.training)
