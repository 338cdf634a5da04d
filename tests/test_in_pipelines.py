"""Our components among others in a pipeline, as docs/pipelines.md tells."""

from itertools import islice

import pytest
import spacy

from .components import COMPONENTS
from .util import DeviceRequired

# spaCy says that hooks don't go into bytes.
pytestmark = pytest.mark.filterwarnings("ignore:.*W109")
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96, "upstream": "*"}
TEXT = "The old man feeds the birds. They wait for him."


def pipeline_of(component, listens=False):
    """A pipeline with the component, trained for two steps, and the examples."""
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    for name in component.before:
        nlp.add_pipe(name)
    if listens:
        nlp.add_pipe("tok2vec")
    nlp.add_pipe(component.factory, config={"model": {"tok2vec": LISTENER}} if listens else {})
    examples = list(islice(component.corpus("train")(nlp), 6))
    optimizer = nlp.initialize(lambda: examples)
    annotates = [*component.before, *(["tok2vec"] if listens else [])]
    for _ in range(2):
        nlp.update(examples, sgd=optimizer, annotates=annotates)
    return nlp, examples


def what_it_says(nlp, text=TEXT):
    doc = nlp(text)
    return doc.to_bytes(exclude=["tensor", "strings"])


@pytest.fixture(scope="module", params=COMPONENTS, ids=lambda component: component.factory)
def component(request):
    return request.param


@pytest.fixture(scope="module")
def trained(component):
    return pipeline_of(component)


def test_it_can_be_sourced(component, trained):
    nlp, _ = trained
    other = spacy.blank("en", vocab=nlp.vocab)
    for name in component.pipeline:
        other.add_pipe(name, source=nlp)
    assert what_it_says(other) == what_it_says(nlp)


def test_frozen_it_keeps_its_weights(component):
    nlp, examples = pipeline_of(component)
    before = nlp.get_pipe(component.factory).to_bytes()
    optimizer = nlp.resume_training()
    losses = nlp.update(examples, sgd=optimizer, exclude=[component.factory], annotates=component.before)
    assert component.factory not in losses
    assert nlp.get_pipe(component.factory).to_bytes() == before
    assert component.factory in nlp.update(examples, sgd=optimizer, annotates=component.before)
    assert nlp.get_pipe(component.factory).to_bytes() != before


def test_its_listener_can_be_replaced(component):
    nlp, examples = pipeline_of(component, listens=True)
    before = what_it_says(nlp)
    nlp.replace_listeners("tok2vec", component.factory, ["model.tok2vec"])
    nlp.remove_pipe("tok2vec")
    assert what_it_says(nlp) == before
    losses = nlp.update(examples, sgd=nlp.resume_training(), annotates=component.before)
    assert losses[component.factory] > 0


def test_a_memory_zone_changes_nothing(component, trained):
    nlp, _ = trained
    before = what_it_says(nlp)
    n_strings = len(nlp.vocab.strings)
    for i in range(2):
        with nlp.memory_zone():
            assert what_it_says(nlp) == before
            assert component.annotated(nlp(f"Zyxwv{i} feeds the qwert{i}. They wait."))
            assert f"Zyxwv{i}" in nlp.vocab.strings
        assert f"Zyxwv{i}" not in nlp.vocab.strings
    assert len(nlp.vocab.strings) == n_strings
    assert what_it_says(nlp) == before


def test_it_can_be_disabled_and_enabled(component, trained):
    nlp, _ = trained
    with nlp.select_pipes(disable=component.factory):
        assert not component.annotated(nlp(TEXT))
    assert component.annotated(nlp(TEXT))


def test_every_tensor_is_made_on_the_device_of_its_input(component, trained):
    """On a machine without a GPU too, a tensor without a device is found."""
    nlp, examples = trained
    pipe = nlp.get_pipe(component.factory)
    for name in ("beam_width", "n_best"):
        if hasattr(pipe, name):
            setattr(pipe, name, 2)
    docs = [example.predicted.copy() for example in examples]
    for doc in docs:
        for name in component.before:
            nlp.get_pipe(name)(doc)
    try:
        with DeviceRequired():
            pipe.update([type(example)(doc, example.reference) for doc, example in zip(docs, examples)])
            pipe.set_annotations(docs, pipe.predict(docs))
    finally:
        for name in ("n_best", "beam_width"):
            if hasattr(pipe, name):
                setattr(pipe, name, 1)
