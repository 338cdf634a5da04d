"""What docs/gpu.md tells: every component, and every config, on a GPU."""

import json
from itertools import islice

import numpy as np
import pytest
import spacy
from spacy.cli.train import train
from thinc.api import CupyOps, get_current_ops, require_cpu, require_gpu

from .components import COMPONENTS, treebank
from .test_configs import CONFIGS, corpus, overrides  # noqa: F401
from .test_in_pipelines import pipeline_of
from .util import fodl

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("ignore:.*W109")]
TEXT = "The old man feeds the birds. They wait for him."


@pytest.fixture(autouse=True)
def on_gpu():
    require_gpu()
    yield
    require_cpu()


def torch_weights(pipe):
    nodes = pipe.model.walk() if hasattr(pipe, "model") else []
    return [p for node in nodes for shim in node.shims for p in shim._model.parameters()]


def annotations(doc):
    """What a document holds, as plain numbers: an array that is still on the device can't be written so."""
    held = {key[1]: value for key, value in doc.user_data.items() if key[0] == "._."}
    assert all(
        value is None or isinstance(value, (str, int, float, list, dict, tuple, np.ndarray)) for value in held.values()
    )
    return {
        "tokens": doc.to_json()["tokens"],
        "cats": {name: round(score, 3) for name, score in doc.cats.items()},
        "written": held.get("fodl_output"),
    }


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.factory)
def test_every_component_trains_and_annotates(component, tmp_path):
    nlp, examples = pipeline_of(component)
    pipe = nlp.get_pipe(component.factory)
    optimizer = nlp.resume_training()
    losses = [nlp.update(examples, sgd=optimizer, annotates=component.before)[component.factory] for _ in range(20)]
    assert losses[-1] < losses[0]
    weights = torch_weights(pipe)
    assert weights
    assert all(weight.device.type == "cuda" for weight in weights)
    docs = list(nlp.pipe([TEXT, "", " \n ", "Eat", *(example.text for example in examples)]))
    assert component.annotated(docs[0])
    on_gpu = [annotations(doc) for doc in docs]
    vectors = docs[0].vector if component.factory == "fodl_skipthought" else None
    nlp.to_disk(tmp_path)

    again = spacy.load(tmp_path)
    assert all(weight.device.type == "cuda" for weight in torch_weights(again.get_pipe(component.factory)))
    assert annotations(again(TEXT)) == on_gpu[0]

    require_cpu()
    cpu = spacy.load(tmp_path)
    docs = list(cpu.pipe([TEXT, "", " \n ", "Eat", *(example.text for example in examples)]))
    assert [annotations(doc) for doc in docs] == on_gpu
    if vectors is not None:
        np.testing.assert_allclose(docs[0].vector, vectors, atol=1e-2)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_config_trains(path, corpus, tmp_path):  # noqa: F811
    options = {**overrides(corpus), "training.max_steps": 4, "training.eval_frequency": 2}
    options["system.gpu_allocator"] = "pytorch"
    train(path, tmp_path, use_gpu=0, overrides=options)
    nlp = spacy.load(tmp_path / "model-best")
    assert all(weight.device.type == "cuda" for _, pipe in nlp.pipeline for weight in torch_weights(pipe))
    on_gpu = annotations(nlp("I like ham"))
    require_cpu()
    assert annotations(spacy.load(tmp_path / "model-best")("I like ham")) == on_gpu


def parser_of(**config):
    """A parser, trained for some steps, and the examples."""
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_parser", config={"explore_after": 2, **config})
    examples = list(islice(treebank("train")(nlp), 20))
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(4):
        assert np.isfinite(nlp.update(examples, sgd=optimizer)["fodl_parser"])
    return nlp, examples


@pytest.mark.parametrize("normalization", ["local", "global"])
def test_beams_and_probabilities(normalization):
    nlp, _ = parser_of(normalization=normalization, beam_width=8, n_best=3, store_probs=True)
    doc = nlp(TEXT)
    assert [len(part["trees"]) for part in doc._.fodl_parses] in ([3], [3, 3])
    assert all(0 <= token._.fodl_head_prob <= 1.001 for token in doc)
    assert json.dumps(doc._.fodl_parses)


def test_one_very_long_document():
    nlp, examples = parser_of()
    words = [word.text for example in examples for word in example.predicted] * 100
    doc = nlp(spacy.tokens.Doc(nlp.vocab, words=words[:5000]))
    assert doc.has_annotation("DEP", require_complete=True)


@pytest.mark.parametrize("factory", ["fodl_parser", "fodl_tagger", "fodl_seq2seq", "fodl_textcat"])
def test_looking_inside(factory, tmp_path):
    component = next(one for one in COMPONENTS if one.factory == factory)
    nlp, _ = pipeline_of(component)
    nlp.to_disk(tmp_path / "model")
    done = fodl("explain", tmp_path / "model", TEXT, "-o", tmp_path / "report.html")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "birds" in (tmp_path / "report.html").read_text(encoding="utf8")


def test_calibrating(tmp_path):
    nlp, examples = parser_of(beam_width=4)
    nlp.to_disk(tmp_path / "model")
    spacy.tokens.DocBin(docs=[example.reference for example in examples]).to_disk(tmp_path / "dev.spacy")
    require_cpu()
    done = fodl("calibrate", tmp_path / "model", tmp_path / "dev.spacy", "--gpu-id", 0)
    assert done.returncode == 0, done.stdout + done.stderr
    assert isinstance(get_current_ops(), CupyOps)
