import pytest
import spacy
import torch
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus
from spacy.training.initialize import init_nlp
from spacy.util import load_config, registry
from spacy.vectors import Vectors

from spacy_fodl.models.extensions import add_target_extension

from .util import ROOT, make_examples, run

CONFIGS = sorted((ROOT / "configs").glob("*.cfg"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A .spacy file and a folder with vectors."""
    folder = tmp_path_factory.mktemp("corpus")
    nlp = spacy.blank("en")
    add_target_extension()
    docs = [example.reference for example in make_examples(nlp)]
    for i, doc in enumerate(docs):
        doc._.fodl_target = f"Texte {i}"
        doc.cats = {"first": float(i < 2), "later": float(i >= 2)}
        for token in doc:
            token.head, token.dep_ = doc[0], "obj" if token.i else "ROOT"
    docs.append(Doc.from_docs(docs[:2]))
    docs[-1]._.fodl_target, docs[-1].cats = "Deux textes", docs[0].cats
    DocBin(docs=docs, store_user_data=True).to_disk(folder / "train.spacy")
    words = ["eggs", "ham", "like", "walk"]
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, shape=(len(words), 5), keys=words, name="some")
    nlp.vocab.vectors.data[:] = 0.5
    nlp.to_disk(folder / "vectors")
    return folder


def overrides(corpus):
    train = str(corpus / "train.spacy")
    return {"paths.train": train, "paths.dev": train, "paths.vectors": str(corpus / "vectors")}


def torch_weights(nlp):
    """Copies of the weights of all torch layers, apart from padding that only some windows reach, and from what global
    training of a parser alone teaches."""
    shims = [
        shim for _, pipe in nlp.pipeline if hasattr(pipe, "model") for node in pipe.model.walk() for shim in node.shims
    ]
    assert shims
    named = [pair for shim in shims for pair in shim._model.named_parameters()]
    return [p.detach().clone() for name, p in named if name.split(".")[0] not in ("padding", "worth")]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_config_trains_and_loads(path, corpus, tmp_path):
    nlp = init_nlp(load_config(path, overrides=overrides(corpus), interpolate=False))
    optimizer = registry.resolve(nlp.config.interpolate()["training"])["optimizer"]
    examples = list(Corpus(corpus / "train.spacy")(nlp))
    before = torch_weights(nlp)
    # The first step of a schedule with a warm-up has a rate of 0, and an output layer of zeros passes no gradient down.
    for _ in range(4):
        optimizer.step_schedules()
        losses = {}
        nlp.update(examples, sgd=optimizer, losses=losses)
        assert all(0 < loss < float("inf") for loss in losses.values())
    assert all(not torch.equal(old, new) for old, new in zip(before, torch_weights(nlp), strict=True))
    nlp.to_disk(tmp_path)
    text = "I like ham"
    again, doc = spacy.load(tmp_path)(text), nlp(text)
    assert again.to_json() == doc.to_json()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_config_is_complete(path):
    """spaCy would fill nothing in: what the file shows is what is trained."""
    config = load_config(path, interpolate=False)
    nlp = spacy.util.load_model_from_config(load_config(path), auto_fill=True)
    for section in ("nlp", "components", "training", "initialize"):
        assert nlp.config[section] == config[section] or set(nlp.config[section]) == set(config[section])
    for name, component in nlp.config["components"].items():
        assert set(component) == set(config["components"][name])
        assert set(component.get("model", {})) == set(config["components"][name].get("model", {}))


def test_the_book_config_without_vectors_says_how_to_get_them(corpus):
    config = load_config(ROOT / "configs" / "tagger_book.cfg", overrides={**overrides(corpus), "paths.vectors": None})
    with pytest.raises(ValueError, match="F102"):
        init_nlp(config)


@pytest.mark.slow
def test_spacy_train_and_evaluate_from_the_command_line(corpus, tmp_path):
    train = corpus / "train.spacy"
    code = f"""
import sys, runpy
sys.argv = ["spacy", "train", "configs/tagger.cfg", "--output", {str(tmp_path)!r}, "--paths.train", {str(train)!r},
    "--paths.dev", {str(train)!r}, "--training.max_steps", "60", "--training.eval_frequency", "30"]
runpy.run_module("spacy", run_name="__main__")
"""
    assert "Saved pipeline" in run(code)
    nlp = spacy.load(tmp_path / "model-best")
    assert nlp.meta["performance"]["tag_acc"] > 0.9
