import numpy as np
import pytest
import spacy
from spacy.training import Example
from thinc.api import Config

from spacy_fodl.models.rnn import build_rnn_encoder_v1, build_rnn_textcat_v1

from ..util import make_examples

TOK2VEC = Config().from_str("""
[model]
@architectures = "spacy.Tok2Vec.v2"
[model.embed]
@architectures = "spacy.MultiHashEmbed.v2"
width = 16
attrs = ["NORM"]
rows = [100]
include_static_vectors = false
[model.encode]
@architectures = "spacy_fodl.RNNEncoder.v1"
width = 16
""")["model"]
MODELS = {
    "tagger": {"@architectures": "spacy.Tagger.v2", "tok2vec": TOK2VEC},
    "ner": {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 16,
        "maxout_pieces": 2,
        "use_upper": True,
        "tok2vec": TOK2VEC,
    },
    "textcat": {
        "@architectures": "spacy.TextCatReduce.v1",
        "exclusive_classes": True,
        "use_reduce_first": False,
        "use_reduce_last": False,
        "use_reduce_max": True,
        "use_reduce_mean": False,
        "tok2vec": TOK2VEC,
    },
}


def annotated(nlp):
    examples = []
    for i, example in enumerate(make_examples(nlp)):
        gold = {
            "cats": {"a": float(i % 2), "b": float(1 - i % 2)},
            "entities": [(0, len(example.text.split()[0]), "X")],
        }
        gold["tags"] = [token.tag_ for token in example.reference]
        examples.append(Example.from_dict(nlp.make_doc(example.text), gold))
    return examples


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("component", MODELS)
def test_spacys_own_components_train_with_the_encoder(component, cell):
    nlp = spacy.blank("en")
    encode = {**TOK2VEC["encode"], "cell": cell, "depth": 2}
    nlp.add_pipe(component, config={"model": {**MODELS[component], "tok2vec": {**TOK2VEC, "encode": encode}}})
    examples = annotated(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    first, last = {}, {}
    nlp.update(examples, sgd=optimizer, losses=first)
    for _ in range(40):
        last = {}
        nlp.update(examples, sgd=optimizer, losses=last)
    assert last[component] < 0.5 * first[component]
    again = spacy.blank("en")
    again.add_pipe(component, config={"model": {**MODELS[component], "tok2vec": {**TOK2VEC, "encode": encode}}})
    again.from_bytes(nlp.to_bytes())
    text = "I like ham"
    assert again(text).to_json() == nlp(text).to_json()


def test_the_encoder_gives_arrays_for_arrays():
    encoder = build_rnn_encoder_v1(width=6, nI=3)
    encoder.initialize()
    X = [np.ones((n, 3), dtype="float32") for n in (2, 0, 5)]
    Y, backprop = encoder.begin_update(X)
    assert [y.shape for y in Y] == [(2, 6), (0, 6), (5, 6)]
    assert [dx.shape for dx in backprop(Y)] == [x.shape for x in X]
    assert [y.shape for y in encoder.predict([])] == []


@pytest.mark.parametrize(
    "settings",
    [{"width": 0}, {"width": 7}, {"depth": 0}, {"dropout": 1.0}, {"dropout": -0.1}, {"grad_clip": -1.0}],
)
def test_settings_out_of_range(settings):
    with pytest.raises(ValueError, match=rf"F101.*{next(iter(settings))}"):
        build_rnn_encoder_v1(**{"width": 8, **settings})


def test_classifier_settings_out_of_range():
    with pytest.raises(ValueError, match=r"F101.*max_length"):
        build_rnn_textcat_v1(build_rnn_encoder_v1(8), max_length=-1)
