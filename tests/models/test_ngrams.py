import numpy as np
import pytest
import spacy
from spacy.training import Example

from spacy_fodl.models.ngrams import build_ngram_linear_v1, counters, learn_ratios

TEXTS = [("good good film", "pos"), ("a good one", "pos"), ("not good", "neg"), ("", "pos"), ("a film", "neg")]


def documents(nlp):
    return [(nlp.make_doc(text), {"pos": float(label == "pos"), "neg": float(label == "neg")}) for text, label in TEXTS]


def learned(nlp, categories=("pos", "neg"), **settings):
    model = build_ngram_linear_v1(**{"length": 2**16, **settings})
    (counts,) = counters(model)
    for doc, cats in documents(nlp):
        counts.add(doc, cats)
    learn_ratios(counts, categories)
    model.initialize()
    return model


def ones(model):
    """With weights of 1 a document's score is the sum of the ratios of what it holds."""
    model.set_param("W", np.ones_like(model.get_param("W")))
    return model


def test_ratios_are_those_of_the_paper():
    nlp = spacy.blank("en")
    model = ones(learned(nlp, ngram_size=1))
    n_rows = 2**16
    # Documents that hold the word: of 5 words, in the texts with the category and in the others, and the same of all.
    p_sum, q_sum = n_rows + 5, n_rows + 4
    expected = np.log((1 + 2) / p_sum) - np.log((1 + 1) / q_sum)
    assert model.predict([nlp.make_doc("good"), nlp.make_doc("GOOD good")])[:, 0] == pytest.approx(expected, rel=1e-4)
    assert model.predict([nlp.make_doc("unheard of")]).tolist() == [[0, 0]]


def test_runs_of_words_count_once_and_stay_within_their_document():
    nlp = spacy.blank("en")
    model = ones(learned(nlp))
    single, pair = (model.predict([nlp.make_doc(text)]) for text in ("not", "not good"))
    good = model.predict([nlp.make_doc("good")])
    assert np.abs(pair - single - good).max() > 0.1
    apart = model.predict([nlp.make_doc("not"), nlp.make_doc("good")])
    assert apart == pytest.approx(np.concatenate([single, good]))
    assert model.predict([nlp.make_doc("film film")]) == pytest.approx(model.predict([nlp.make_doc("film")]))


def test_gradient():
    nlp = spacy.blank("en")
    model = ones(learned(nlp))
    docs = [doc for doc, _ in documents(nlp)]
    Y, backprop = model.begin_update(docs)
    dY = np.arange(Y.size, dtype="float32").reshape(Y.shape)
    backprop(dY)
    step = 0.01 * model.get_grad("W")
    model.set_param("W", model.get_param("W") + step)
    # The function is linear in its weights.
    assert ((model.predict(docs) - Y) * dY).sum() == pytest.approx((step * model.get_grad("W")).sum(), rel=1e-3)


def test_documents_without_tokens():
    nlp = spacy.blank("en")
    model = learned(nlp)
    assert model.predict([]).shape == (0, 2)
    Y, backprop = model.begin_update([nlp.make_doc(""), nlp.make_doc("")])
    assert Y.tolist() == [[0, 0], [0, 0]]
    backprop(Y)


def test_the_classifier_learns_the_ratios_and_keeps_them():
    linear = {"@architectures": "spacy_fodl.NGramLinear.v1", "length": 4096}
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy_fodl.RNNTextCat.v1", "width": 8, "linear_model": linear}
    nlp.add_pipe("fodl_textcat", config={"model": {**model, "tok2vec": nlp_embedding()}})
    examples = [Example.from_dict(doc, {"cats": cats}) for doc, cats in documents(nlp)]
    optimizer = nlp.initialize(lambda: examples)
    (node,) = [node for node in nlp.get_pipe("fodl_textcat").model.walk() if node.name == "ngram_linear"]
    before = node.get_param("ratios").copy()
    assert before.any()
    optimizer.learn_rate = 0.03
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    assert (node.get_param("ratios") == before).all()
    assert nlp("a good film").cats["pos"] > 0.5 > nlp("not good").cats["pos"]
    again = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert again("a good film").cats == nlp("a good film").cats
    nlp.initialize(lambda: examples[:3])
    assert not np.array_equal(node.get_param("ratios"), before)


def nlp_embedding():
    return {
        "@architectures": "spacy.MultiHashEmbed.v2",
        "width": 8,
        "attrs": ["NORM"],
        "rows": [100],
        "include_static_vectors": False,
    }


def test_categories_of_many_and_none():
    nlp = spacy.blank("en")
    model = build_ngram_linear_v1(length=256)
    (counts,) = counters(model)
    counts.add(nlp.make_doc("a b"), {"x": 1.0, "y": 1.0})
    counts.add(nlp.make_doc("c d"), {"x": 0.0, "y": 0.0})  # Of categories that exclude each other: not annotated.
    learn_ratios(counts, ["x", "y", "never"])
    ratios = model.get_param("ratios")
    assert ratios.shape == (256, 3)
    assert (ratios != 0).any(axis=1).sum() == 3
    assert np.isfinite(ratios).all()


def test_what_is_not_annotated_is_not_negative():
    """Where categories don't exclude each other, a document counts for those that it names, true or false."""
    nlp = spacy.blank("en")
    model = build_ngram_linear_v1(length=2**16, ngram_size=1)
    (counts,) = counters(model, missing_values=True)
    counts.add(nlp.make_doc("friend spam"), {"spam": 1.0})
    for _ in range(3):
        counts.add(nlp.make_doc("friend"), {"spam": 0.0})
        counts.add(nlp.make_doc("friend"), {"other": 1.0})
    learn_ratios(counts, ["spam", "other"])
    model.initialize()
    friend, spam = ones(model).predict([nlp.make_doc("friend"), nlp.make_doc("spam")])
    assert friend[0] == pytest.approx(np.log(2 / 4), abs=1e-3)
    assert friend[1] == pytest.approx(np.log(4 / 1), abs=1e-3)
    assert spam[0] == pytest.approx(np.log(2 / 1), abs=1e-3)
    assert spam[1] == 0


def test_a_refused_initialization_leaves_the_classifier_as_it_was():
    linear = {"@architectures": "spacy_fodl.NGramLinear.v1", "length": 4096}
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy_fodl.RNNTextCat.v1", "width": 8, "linear_model": linear}
    nlp.add_pipe("fodl_textcat", config={"model": {**model, "tok2vec": nlp_embedding()}})
    examples = [Example.from_dict(doc, {"cats": cats}) for doc, cats in documents(nlp)]
    nlp.initialize(lambda: examples)
    before = nlp("a good film").cats
    more = Example.from_dict(nlp.make_doc("well"), {"cats": {"pos": 0.0, "neg": 0.0, "third": 1.0}})
    with pytest.raises(ValueError, match=r"F203.*third"):
        nlp.get_pipe("fodl_textcat").initialize(lambda: [*examples, more], nlp=nlp)
    assert spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())("a good film").cats == before


def test_another_component_says_what_is_missing():
    nlp = spacy.blank("en")
    linear = {"@architectures": "spacy_fodl.NGramLinear.v1"}
    model = {"@architectures": "spacy_fodl.RNNTextCat.v1", "tok2vec": nlp_embedding(), "linear_model": linear}
    nlp.add_pipe("textcat", config={"model": model})
    examples = [Example.from_dict(doc, {"cats": cats}) for doc, cats in documents(nlp)]
    with pytest.raises(ValueError, match="F105"):
        nlp.initialize(lambda: examples)


@pytest.mark.parametrize("setting", [{"ngram_size": 0}, {"length": 0}])
def test_settings_out_of_range(setting):
    with pytest.raises(ValueError, match=rf"F101.*{next(iter(setting))}"):
        build_ngram_linear_v1(**setting)
