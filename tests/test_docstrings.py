"""What users and extenders call says what goes in and what comes out."""

import dataclasses
import inspect
import re
import sys

import pytest
from spacy.util import registry

from spacy_fodl import analysis, explain
from spacy_fodl.layers import Free, Kept, TorchLayer, torch_modules
from spacy_fodl.modules.attention import Attention
from spacy_fodl.pipeline.sentence_vectors import add_vector_hooks
from spacy_fodl.pipeline.targets import Target
from spacy_fodl.transition.features import FeatureSet

from . import reference
from .components import COMPONENTS


def component_classes():
    for component in COMPONENTS:
        module = sys.modules[registry.factories.get(component.factory).__module__]
        yield from (value for name, value in vars(module).items() if name.startswith("Fodl") and inspect.isclass(value))


def public():
    things = dict(reference.functions())
    for room in (analysis, explain):
        things.update({name: getattr(room, name) for name in room.__all__})
    things.update({thing.__name__: thing for thing in (Free, Kept, TorchLayer, torch_modules, add_vector_hooks)})
    for owner in (*component_classes(), Attention, FeatureSet, Target):
        things[owner.__name__] = owner
        for name, member in inspect.getmembers(owner, inspect.isfunction):
            if not name.startswith("_") and member.__module__.startswith("spacy_fodl"):
                # One that overrides another may leave it to that one to say.
                things[f"{owner.__name__}.{name}"] = getattr(owner, name)
    return things


PUBLIC = public()


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_it_says_what_goes_in_and_what_comes_out(name):
    thing = PUBLIC[name]
    text = inspect.getdoc(thing)
    if not text and "." in name:
        owner, method = name.split(".")
        text = next(filter(None, (inspect.getdoc(vars(base).get(method)) for base in PUBLIC[owner].__mro__[1:])), "")
    assert text
    if inspect.isclass(thing) and (issubclass(thing, tuple) or dataclasses.is_dataclass(thing) or thing is Target):
        return  # The fields have docstrings of their own.
    signature = inspect.signature(thing)
    names = [name for name in signature.parameters if name not in ("self", "kwargs")]
    told = re.findall(r"^\*{0,2}(\w+(?:,\s+\w+)*)(?: \(|: As in)", text, re.MULTILINE)
    assert set(names) <= {name for line in told for name in re.split(r",\s+", line)}
    if inspect.isfunction(thing) and names and signature.return_annotation not in (None, "None", signature.empty):
        assert "RETURNS (" in text or "YIELDS (" in text
