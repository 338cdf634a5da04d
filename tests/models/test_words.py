from collections import Counter

import numpy as np
import pytest
import spacy
from numpy.testing import assert_allclose, assert_array_equal
from spacy.vectors import Vectors
from spacy.vocab import Vocab
from thinc.api import Adam

from spacy_fodl.models.words import build_static_embed_v1, build_vocab_embed_v1, learn_words, places_in

VECTORS = {"apple": [1.0, 0.0, 0.0], "pear": [0.0, 2.0, 0.0], "Pear": [0.0, 0.0, 3.0]}


def nlp_with_vectors(**settings):
    nlp = spacy.blank("en")
    data = np.array(list(VECTORS.values()), dtype="float32")
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, data=data, keys=list(VECTORS), name="fruit", **settings)
    return nlp


def hashes(nlp, *words):
    return np.array([nlp.vocab.strings.add(word) for word in words], dtype="uint64")


def taught(model, docs):
    learn_words(model, docs)
    model.initialize(X=docs)
    return model


def step(model, optimizer, docs, gradient=1.0):
    Y, backprop = model.begin_update(docs)
    backprop([np.full_like(y, gradient) for y in Y])
    model.finish_update(optimizer)


def test_places_in():
    table = np.array([3, 5, 9], dtype="uint64")
    assert_array_equal(places_in(table, np.array([9, 4, 3, 10, 0], dtype="uint64")), [2, -1, 0, -1, -1])
    assert_array_equal(places_in(table[:0], table), [-1, -1, -1])


# -- VocabEmbed


def test_vocab_embed_keeps_the_most_frequent():
    nlp = spacy.blank("en")
    docs = list(nlp.pipe(["a b b c c c", "C c B d"]))
    model = taught(build_vocab_embed_v1(width=4, size=2), docs)
    rows = model.layers[0]
    assert set(rows.attrs["hashes"].tolist()) == set(hashes(nlp, "c", "b").tolist())
    a, b, c, upper_c, d, new = model.predict([nlp.make_doc("a b c C d zzz")])[0]
    assert_allclose(a, d)
    assert_allclose(a, new)
    assert_allclose(c, upper_c)
    assert not np.allclose(a, b)
    assert not np.allclose(b, c)


def test_vocab_embed_counts_beyond_the_sample_that_initialize_sees():
    nlp = spacy.blank("en")
    examples = [spacy.training.Example.from_dict(nlp.make_doc(f"w{i}"), {"tags": ["X"]}) for i in range(50)]
    model = {
        "@architectures": "spacy_fodl.NGramTagger.v1",
        "tok2vec": {"@architectures": "spacy_fodl.VocabEmbed.v1", "width": 4, "size": 100},
    }
    tagger = nlp.add_pipe("fodl_tagger", config={"model": model})
    nlp.initialize(lambda: examples)
    assert len(tagger.model.get_ref("tok2vec").layers[0].attrs["hashes"]) == 50


@pytest.mark.parametrize("attr,same", [("ORTH", False), ("LOWER", True), ("NORM", True)])
def test_vocab_embed_attr(attr, same):
    nlp = spacy.blank("en")
    docs = [nlp.make_doc("Apple apple")]
    first, second = taught(build_vocab_embed_v1(width=4, size=10, attr=attr), docs).predict(docs)[0]
    assert np.allclose(first, second) == same


def test_vocab_embed_learns_and_round_trips():
    nlp = spacy.blank("en")
    docs = [nlp.make_doc("a b"), nlp.make_doc(""), nlp.make_doc("c")]
    model = taught(build_vocab_embed_v1(width=4, size=3), docs)
    before = model.predict(docs)
    step(model, Adam(0.1), docs[:1])
    after = model.predict(docs)
    assert not np.allclose(before[0], after[0])
    assert_allclose(before[2], after[2])
    assert [y.shape for y in after] == [(2, 4), (0, 4), (1, 4)]
    loaded = build_vocab_embed_v1(width=4, size=3).from_bytes(model.to_bytes())
    other = spacy.blank("en")  # Words are found by their hashes, in any vocab.
    for doc, y in zip(["a b", "", "c"], after):
        assert_allclose(loaded.predict([other.make_doc(doc)])[0], y)


def test_word_dropout_makes_words_unknown_in_training_only():
    nlp = spacy.blank("en")
    docs = [nlp.make_doc("a " * 1000)]
    model = taught(build_vocab_embed_v1(width=4, size=3, word_dropout=0.3), docs)
    unknown = model.predict([nlp.make_doc("zzz")])[0][0]
    is_unknown = np.isclose(model.begin_update(docs)[0][0], unknown).all(axis=1)
    assert 0.2 < is_unknown.mean() < 0.4
    assert not np.isclose(model.predict(docs)[0], unknown).all(axis=1).any()


def test_ties_don_t_depend_on_the_order_of_the_documents():
    nlp = spacy.blank("en")
    docs = list(nlp.pipe(["a b", "c d", "e f"]))
    chosen = [
        taught(build_vocab_embed_v1(width=4, size=3), order).layers[0].attrs["hashes"] for order in (docs, docs[::-1])
    ]
    assert_array_equal(*chosen)


@pytest.mark.parametrize(
    "settings,message",
    [
        ({"width": 0, "size": 3}, "width = 0"),
        ({"width": 3, "size": 0}, "size = 0"),
        ({"width": 3, "size": 3, "word_dropout": 1.0}, "word_dropout = 1.0"),
    ],
)
def test_vocab_embed_refuses(settings, message):
    with pytest.raises(ValueError, match=f"F101.*{message}"):
        build_vocab_embed_v1(**settings)


@pytest.mark.parametrize("model", [build_vocab_embed_v1(width=4, size=3), build_static_embed_v1(tune=True)])
def test_without_counting_says_how_to_count(model):
    nlp = nlp_with_vectors()
    with pytest.raises(ValueError, match="F104.*count_words"):
        model.initialize(X=[nlp.make_doc("a")])


def test_vocab_embed_learns_other_words_when_initialized_again():
    nlp = spacy.blank("en")
    model = taught(build_vocab_embed_v1(width=4, size=10), [nlp.make_doc("a b")])
    docs = [nlp.make_doc("c d e")]
    taught(model, docs)
    assert len(np.unique(model.predict(docs)[0], axis=0)) == 3


def test_settings_of_the_words_belong_to_the_weights_and_others_to_the_config():
    nlp = spacy.blank("en")
    data = taught(
        build_vocab_embed_v1(width=4, size=10, attr="LOWER", word_dropout=0.1), [nlp.make_doc("a")]
    ).to_bytes()
    with pytest.raises(ValueError, match="F005.*attr = LOWER.*attr = ORTH"):
        build_vocab_embed_v1(width=4, size=10, attr="ORTH").from_bytes(data)
    loaded = build_vocab_embed_v1(width=4, size=99, attr="LOWER", word_dropout=0.5).from_bytes(data)
    assert (loaded.layers[0].attrs["size"].value, loaded.layers[0].attrs["word_dropout"].value) == (99, 0.5)


# -- StaticEmbed


def test_static_embed_takes_other_vectors_when_initialized_again():
    nlp = nlp_with_vectors()
    model = taught(build_static_embed_v1(tune=True), [nlp.make_doc("apple")])
    other = spacy.blank("en")
    data = np.ones((1, 5), dtype="float32")
    other.vocab.vectors = Vectors(strings=other.vocab.strings, data=data, keys=["plum"], name="wide")
    docs = [other.make_doc("plum")]
    assert taught(model, docs).predict(docs)[0].shape == (1, 5)


def test_tuning_with_no_known_word():
    nlp = nlp_with_vectors()
    docs = [nlp.make_doc("x y")]
    model = taught(build_static_embed_v1(tune=True), docs)
    step(model, Adam(0.1), docs)
    assert model.predict(docs)[0].shape == (2, 3)
    model.initialize(X=docs)


def test_tune_belongs_to_the_weights():
    nlp = nlp_with_vectors()
    data = taught(build_static_embed_v1(), [nlp.make_doc("apple")]).to_bytes()
    with pytest.raises(ValueError, match="F005.*tune = False.*tune = True"):
        build_static_embed_v1(tune=True).from_bytes(data)


def test_static_embed_gives_the_raw_vectors():
    nlp = nlp_with_vectors()
    docs = [nlp.make_doc("Apple pear Pear PEAR plum"), nlp.make_doc("")]
    model = taught(build_static_embed_v1(), docs)
    Y = model.predict(docs)
    expected = [VECTORS["apple"], VECTORS["pear"], VECTORS["Pear"], VECTORS["pear"], [0, 0, 0]]
    assert_allclose(Y[0], expected)
    assert Y[1].shape == (0, 3)
    assert model.get_dim("nO") == 3


def test_static_embed_learns_the_unknown_vector_only():
    nlp = nlp_with_vectors()
    docs = [nlp.make_doc("apple plum cherry")]
    model = taught(build_static_embed_v1(), docs)
    step(model, Adam(0.1), docs)
    apple, plum, cherry = model.predict(docs)[0]
    assert_allclose(apple, VECTORS["apple"])
    assert_allclose(plum, cherry)
    assert (plum != 0).all()
    assert_allclose(nlp.vocab["apple"].vector, VECTORS["apple"])


def test_tuned_vectors_move_and_the_others_stay():
    nlp = nlp_with_vectors()
    docs = [nlp.make_doc("Apple plum")]
    model = taught(build_static_embed_v1(tune=True), docs)
    assert_allclose(model.predict(docs)[0][0], VECTORS["apple"])
    step(model, Adam(0.1), docs)
    both = [nlp.make_doc("Apple pear")]
    apple, pear = model.predict(both)[0]
    assert not np.allclose(apple, VECTORS["apple"])
    assert_allclose(pear, VECTORS["pear"])
    assert_allclose(nlp.vocab["apple"].vector, VECTORS["apple"])
    loaded = build_static_embed_v1(tune=True).from_bytes(model.to_bytes())
    assert_allclose(loaded.predict(both)[0], [apple, pear])


def test_vectors_by_lower_case():
    nlp = nlp_with_vectors(attr="LOWER")
    docs = [nlp.make_doc("APPLE")]
    assert_allclose(taught(build_static_embed_v1(), docs).predict(docs)[0], [VECTORS["apple"]])


def test_static_embed_with_floret_vectors():
    nlp = spacy.blank("en")
    data = np.random.random((10, 4)).astype("float32")
    nlp.vocab.vectors = Vectors(
        strings=nlp.vocab.strings, data=data, mode="floret", minn=2, maxn=3, hash_count=1, name="floret"
    )
    docs = [nlp.make_doc("apple unheard-of")]
    Y = taught(build_static_embed_v1(), docs).predict(docs)[0]
    assert_allclose(Y, [token.vector for token in docs[0]], rtol=1e-5)


def test_static_embed_needs_vectors():
    nlp = spacy.blank("en")
    with pytest.raises(ValueError, match="F102.*initialize.*vectors"):
        build_static_embed_v1().initialize(X=[nlp.make_doc("a")])


def test_static_embed_notices_other_vectors():
    nlp = nlp_with_vectors()
    model = taught(build_static_embed_v1(), [nlp.make_doc("a")])
    with pytest.raises(ValueError, match="F103.*0 wide.*width 3"):
        model.predict([spacy.tokens.Doc(Vocab(), words=["a"])])


def test_learn_words_leaves_other_models_and_the_documents_alone():
    from thinc.api import Linear

    def never():
        raise AssertionError("read")
        yield

    learn_words(Linear(2, 2), never())


def test_learn_words_counts_once_for_several_embeddings():
    from thinc.api import concatenate

    nlp = spacy.blank("en")
    docs = iter([nlp.make_doc("a b"), nlp.make_doc("B")])
    model = concatenate(build_vocab_embed_v1(2, 9, "ORTH"), build_vocab_embed_v1(3, 9, "LOWER"))
    learn_words(model, docs)
    assert [len(layer.layers[0].attrs["hashes"]) for layer in model.layers] == [3, 2]
    assert Counter(len(y) for y in model.initialize(X=[nlp.make_doc("a")]).predict([nlp.make_doc("a b")])) == {2: 1}
