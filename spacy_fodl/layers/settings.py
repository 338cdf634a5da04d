"""Settings of a layer beside its weights. Thinc saves attributes with the model and lets the saved value win over the
config without a word; these two say what should happen instead."""

from dataclasses import dataclass
from typing import Any

import srsly
from thinc.api import Model
from thinc.model import deserialize_attr, serialize_attr

from ..errors import Errors


@dataclass(frozen=True)
class Free:
    """A setting that the config decides, whatever a saved model was trained with: it is not saved.

    value (Any): What it is set to.
    """

    value: Any


@dataclass(frozen=True)
class Kept:
    """A setting that belongs to the weights: it is saved, and loading weights with another one is an error.

    value (Any): What it is set to, of a type that msgpack keeps.
    """

    value: Any


@serialize_attr.register(Free)
def serialize_free(_: Free, value: Free, name: str, model: Model) -> bytes:
    raise TypeError  # Thinc leaves out what can't be serialized.


@serialize_attr.register(Kept)
def serialize_kept(_: Kept, value: Kept, name: str, model: Model) -> bytes:
    return srsly.msgpack_dumps(value.value)


@deserialize_attr.register(Kept)
def deserialize_kept(default: Kept, value: bytes, name: str, model: Model) -> Kept:
    found = srsly.msgpack_loads(value)
    if found != default.value:
        raise ValueError(Errors.F005.format(name=model.name, argument=name, found=found, expected=default.value))
    return default
