import numpy as np
import pytest
import spacy
from spacy.training import Example
from thinc.api import Config, fix_random_seed

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
    for setting in ({"max_length": -1}, {"network_weight": 0.0}):
        with pytest.raises(ValueError, match=rf"F101.*{next(iter(setting))}"):
            build_rnn_textcat_v1(build_rnn_encoder_v1(8), **setting)


def classifier(exclusive=True, **settings):
    words = {"@architectures": "spacy.TextCatBOW.v3", "ngram_size": 2, "no_output_layer": True, "length": 4096}
    model = {
        "@architectures": "spacy_fodl.RNNTextCat.v1",
        "exclusive_classes": exclusive,
        "width": 8,
        "tok2vec": TOK2VEC["embed"],
        "linear_model": {**words, "exclusive_classes": exclusive},
        **settings,
    }
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_textcat" if exclusive else "fodl_textcat_multilabel", name="textcat", config={"model": model})
    return nlp


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_network_and_a_linear_model_learn_side_by_side(exclusive):
    nlp = classifier(exclusive)
    examples = annotated(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    docs = list(nlp.pipe([example.text for example in examples]))
    assert [doc.cats["a"] > 0.5 for doc in docs] == [example.reference.cats["a"] > 0.5 for example in examples]
    again = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert again("I like ham").cats == nlp("I like ham").cats


def parts(nlp):
    model = nlp.get_pipe("textcat").model
    assert model.name == "sum_of_scores"
    return model, *model.layers


def test_the_scores_of_network_and_linear_model_are_added_up():
    nlp = classifier(network_weight=0.25)
    examples = annotated(nlp)
    nlp.initialize(lambda: examples)
    nlp.update(examples, sgd=nlp.create_optimizer())
    model, network, linear_model, head = parts(nlp)
    docs = [example.predicted for example in examples]
    scores = 0.25 * network.predict(docs) + linear_model.predict(docs)
    assert model.predict(docs) == pytest.approx(head.predict(scores))


def learned(exclusive, **settings):
    """A classifier after two steps on annotated texts, one of which has no category."""
    fix_random_seed(0)
    nlp = classifier(exclusive, **settings)
    examples = annotated(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    examples[0].reference.cats = {}
    for _ in range(2):
        nlp.update(examples, sgd=optimizer)
    return nlp


@pytest.mark.parametrize("exclusive", [True, False])
def test_network_and_linear_model_learn_apart(exclusive):
    """What the network learns is what it learns alone, whatever its weight in the sum."""
    alone = learned(exclusive, linear_model=None)
    text = "I like ham"
    for weight in (0.5, 2.0):
        nlp = learned(exclusive, network_weight=weight)
        _, network, linear_model, head = parts(nlp)
        doc = nlp.make_doc(text)
        scores = alone.get_pipe("textcat").predict([doc])
        assert head.predict(network.predict([doc])) == pytest.approx(scores, abs=1e-5)
        assert abs(linear_model.predict([doc])).min() > 0


@pytest.mark.parametrize("exclusive", [True, False])
def test_the_network_learns_from_what_the_linear_model_is_certain_of(exclusive):
    """Where the sum is so certain that its probability is exactly 1, gold is known all the same."""
    nlp = classifier(exclusive)
    examples = annotated(nlp)[:2]
    nlp.initialize(lambda: annotated(nlp))
    model, network, linear_model, head = parts(nlp)
    gold = np.array([[1.0, 0.0], [0.0, 1.0]], dtype="float32")
    certain = (gold - 0.5) * 100
    linear_model._func = lambda model, docs, is_train: (certain[: len(docs)], lambda dY: [])
    seen = []
    forward = network._func
    network._func = lambda model, docs, is_train: (forward(model, docs, is_train)[0], lambda dY: seen.append(dY))
    docs = [example.predicted for example in examples]
    Y, backprop = model.begin_update(docs)
    assert pytest.approx(gold, abs=1e-6) == Y
    assert (Y == 1).sum() == 2
    backprop(Y - gold)
    assert seen[0] == pytest.approx(head.predict(network.predict(docs)) - gold, abs=1e-5)


def test_the_linear_model_skips_documents_without_tokens():
    nlp = classifier()
    examples = [*annotated(nlp), Example.from_dict(nlp.make_doc(""), {"cats": {"a": 1.0, "b": 0.0}})]
    optimizer = nlp.initialize(lambda: examples)
    nlp.update(examples, sgd=optimizer)
    nlp.update(examples[-1:], sgd=optimizer)
    alone, together = nlp("").cats, [doc.cats for doc in nlp.pipe(["", "I like ham", ""])]
    assert alone == pytest.approx(together[0])
    assert together[0] == together[2]
