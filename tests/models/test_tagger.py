import re
from importlib import metadata

import numpy as np
import pytest
import spacy
from numpy.testing import assert_allclose
from spacy.util import registry
from thinc.api import Config, Model

from ..util import make_examples, train

NGRAM = """
[model]
@architectures = "spacy_fodl.NGramTagger.v1"
before = 2
after = 0
hidden = [64, 32]
"""
HASHED = """
[model.tok2vec]
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = null
width = 16
depth = 1
embed_size = 100
window_size = 1
maxout_pieces = 2
subword_features = true
"""
LISTENER = """
[model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
width = 96
upstream = "tok2vec"
"""


def config(*parts):
    return Config().from_str("".join(parts))["model"]


def entry_points():
    groups = ("spacy_factories", "spacy_architectures", "spacy_callbacks", "spacy_readers", "spacy_cli")
    return [e for group in groups for e in metadata.entry_points(group=group) if "fodl" in e.name]


@pytest.mark.parametrize("entry_point", entry_points(), ids=lambda e: e.name)
def test_every_entry_point_loads(entry_point):
    assert entry_point.load() is not None


def test_every_registered_name_has_a_version():
    names = [e.name for e in entry_points() if e.group in ("spacy_architectures", "spacy_callbacks", "spacy_readers")]
    assert len(names) >= 9
    assert all(re.fullmatch(r"spacy_fodl\.\w+\.v\d+", name) for name in names)


@pytest.mark.parametrize("factory", ["tagger", "fodl_tagger"])
def test_learns_inside_both_taggers(factory):
    nlp = spacy.blank("en")
    nlp.add_pipe(factory, config={"model": config(NGRAM, HASHED)})
    examples = make_examples(nlp)
    train(nlp, examples, 200)
    assert nlp.evaluate(examples)["tag_acc"] == 1.0
    loaded = spacy.blank("en")
    loaded.add_pipe(factory, config={"model": config(NGRAM, HASHED)})
    loaded.from_bytes(nlp.to_bytes())
    assert [t.tag_ for t in loaded("I walk to town")] == [t.tag_ for t in nlp("I walk to town")]


@pytest.mark.parametrize("factory", ["tagger", "fodl_tagger"])
def test_learns_behind_a_listener(factory):
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec")
    nlp.add_pipe(factory, name="mine", config={"model": config(NGRAM, LISTENER)})
    examples = make_examples(nlp)
    train(nlp, examples, 200)
    assert nlp.evaluate(examples)["tag_acc"] == 1.0
    text = "I walk to town"
    tags = [t.tag_ for t in nlp(text)]
    if factory == "fodl_tagger":
        with pytest.raises(ValueError, match="F209.*mine"):
            nlp.get_pipe("mine").predict_proba([nlp.make_doc(text)])
        assert nlp.get_pipe("mine").predict_proba(nlp(text))[0].shape[0] == 4
    nlp.replace_listeners("tok2vec", "mine", ["model.tok2vec"])
    assert [t.tag_ for t in nlp(text)] == tags


def test_learns_in_a_concatenation_of_embeddings():
    model = config(
        NGRAM,
        """
[model.tok2vec]
@layers = "concatenate.v1"

[model.tok2vec.*.words]
@architectures = "spacy_fodl.VocabEmbed.v1"
width = 8
size = 100
word_dropout = 0.1

[model.tok2vec.*.parts]
@architectures = "spacy.MultiHashEmbed.v2"
width = 8
attrs = ["PREFIX", "SUFFIX"]
rows = [50, 50]
include_static_vectors = false
""",
    )
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("fodl_tagger", config={"model": model})
    examples = make_examples(nlp)
    train(nlp, examples, 200)
    assert nlp.evaluate(examples)["tag_acc"] == 1.0
    assert tagger.model.layers[1].get_dim("nI") == 16


def test_the_window_is_where_it_says():
    """With two words of left context and none to the right, tags depend on those words and on nothing else."""
    nlp = spacy.blank("en")
    embed = """
[model.tok2vec]
@architectures = "spacy.MultiHashEmbed.v2"
width = 8
attrs = ["ORTH"]
rows = [500]
include_static_vectors = false
"""
    tagger = nlp.add_pipe("fodl_tagger", config={"model": config(NGRAM, embed)})
    train(nlp, make_examples(nlp), 3)
    base = tagger.predict_proba([nlp.make_doc("a b c d e")])[0]
    for i in range(5):
        words = list("abcde")
        words[i] = "changed"
        probs = tagger.predict_proba([nlp.make_doc(" ".join(words))])[0]
        changed = [j for j in range(5) if not np.allclose(probs[j], base[j], atol=1e-6)]
        assert changed == [j for j in (i, i + 1, i + 2) if j < 5]


def test_a_batch_gives_what_its_documents_give_alone():
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("fodl_tagger")
    train(nlp, make_examples(nlp), 3)
    docs = [nlp.make_doc(text) for text in ("I like eggs", "", "ham " * 300, "walk", " ")]
    together = tagger.predict_proba(docs)
    for doc, probs in zip(docs, together):
        assert_allclose(tagger.predict_proba([doc])[0], probs, atol=1e-5)


@pytest.mark.parametrize(
    "change,message",
    [
        ({"before": -1}, "before = -1"),
        ({"after": -2}, "after = -2"),
        ({"hidden": []}, "hidden = \\[\\]"),
        ({"hidden": [8, 0]}, "hidden = \\[8, 0\\]"),
        ({"dropout": 1.0}, "dropout = 1.0"),
        ({"grad_clip": -1.0}, "grad_clip = -1.0"),
        ({"grad_clip": float("nan")}, "grad_clip = nan"),
    ],
)
def test_refuses(change, message):
    build = registry.architectures.get("spacy_fodl.NGramTagger.v1")
    with pytest.raises(ValueError, match=f"F101.*{message}.*NGramTagger"):
        build(Model("tok2vec", lambda *_: None), **change)


def test_a_wrong_activation_is_a_config_error():
    nlp = spacy.blank("en")
    model = {**config(NGRAM, HASHED), "activation": "softplus"}
    with pytest.raises(Exception, match="activation"):
        nlp.add_pipe("fodl_tagger", config={"model": model})
