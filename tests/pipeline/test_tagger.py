import json
import pickle

import numpy as np
import pytest
import spacy
from numpy.testing import assert_allclose
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import load_config
from thinc.api import Adam, fix_random_seed

from ..util import ROOT, SENTENCES, make_examples, run, train, trained_tagger

TEXT = "I walk to town"


@pytest.fixture(scope="module")
def nlp():
    fix_random_seed(0)
    return trained_tagger(store_probs=True)


@pytest.fixture(scope="module")
def nlp_pos():
    fix_random_seed(0)
    return trained_tagger(steps=80, set_pos=True)


def torch_weights(nlp):
    (shim,) = [shim for node in nlp.get_pipe("fodl_tagger").model.walk() for shim in node.shims]
    return [p.detach().numpy().copy() for p in shim._model.parameters()]


def tags(doc):
    return [token.tag_ for token in doc]


# -- What a user sees


def test_tags_the_sentences_that_it_learned(nlp):
    for text, expected, _ in SENTENCES:
        assert tags(nlp(text)) == expected
    assert nlp.evaluate(make_examples(nlp))["tag_acc"] == 1.0


def test_labels_are_the_tags(nlp):
    tagger = nlp.get_pipe("fodl_tagger")
    assert tagger.labels == tuple(sorted({tag for _, tags, _ in SENTENCES for tag in tags}))
    assert tagger.labels == tagger.label_data == tuple(nlp.pipe_labels["fodl_tagger"])


def test_predict_proba(nlp):
    tagger = nlp.get_pipe("fodl_tagger")
    docs = [nlp.make_doc(TEXT), nlp.make_doc(""), nlp.make_doc("ham")]
    probs = tagger.predict_proba(docs)
    assert [p.shape for p in probs] == [(4, len(tagger.labels)), (0, len(tagger.labels)), (1, len(tagger.labels))]
    for p in probs:
        assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    assert [tagger.labels[i] for i in probs[0].argmax(axis=1)] == tags(nlp(TEXT))
    assert tags(docs[0]) == [""] * 4


def test_predict_proba_of_a_model_that_normalizes():
    model = {
        "@architectures": "spacy_fodl.NGramTagger.v1",
        "normalize": True,
        "tok2vec": {
            "@architectures": "spacy.MultiHashEmbed.v2",
            "width": 8,
            "attrs": ["ORTH"],
            "rows": [50],
            "include_static_vectors": False,
        },
    }
    tagger = trained_tagger(steps=20, model=model).get_pipe("fodl_tagger")
    doc = Doc(tagger.vocab, words=TEXT.split())
    assert_allclose(tagger.predict_proba([doc])[0], tagger.model.predict([doc])[0], rtol=1e-5)


def test_store_probs(nlp):
    doc = nlp(TEXT)
    expected = nlp.get_pipe("fodl_tagger").predict_proba([doc])[0]
    for token, probs in zip(doc, expected):
        assert_allclose(token._.fodl_tag_probs, probs, rtol=1e-5)


def test_stored_probs_survive_bytes_and_docbin(nlp):
    doc = nlp(TEXT)
    copy = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    assert_allclose(copy[1]._.fodl_tag_probs, doc[1]._.fodl_tag_probs)
    stored = DocBin(store_user_data=True, docs=[doc]).to_bytes()
    (copy,) = DocBin().from_bytes(stored).get_docs(nlp.vocab)
    assert_allclose(copy[1]._.fodl_tag_probs, doc[1]._.fodl_tag_probs)


def test_probs_are_none_unless_stored(nlp_pos):
    assert nlp_pos(TEXT)[0]._.fodl_tag_probs is None


def test_probs_are_none_where_tokens_have_changed(nlp):
    doc = nlp(TEXT)
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
    assert doc[0]._.fodl_tag_probs is None


def test_set_pos(nlp_pos):
    for text, expected, pos in SENTENCES:
        doc = nlp_pos(text)
        assert tags(doc) == expected
        assert [token.pos_ for token in doc] == pos
    scores = nlp_pos.evaluate(make_examples(nlp_pos))
    assert scores["tag_acc"] == scores["pos_acc"] == 1.0


def test_set_pos_labels(nlp_pos):
    tagger = nlp_pos.get_pipe("fodl_tagger")
    assert {"IN|ADP", "IN|SCONJ"} < set(tagger.label_data)
    assert tagger.labels.count("IN") == 1
    probs = tagger.predict_proba([nlp_pos.make_doc(TEXT)])[0]
    assert probs.shape == (4, len(tagger.labels))
    assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)


def test_set_pos_gives_a_part_of_speech_seen_with_the_tag(nlp_pos):
    tagger = nlp_pos.get_pipe("fodl_tagger")
    for doc in nlp_pos.pipe(["Ham ham to if", "work town green like", "zzz 12 !"]):
        for token in doc:
            assert f"{token.tag_}|{token.pos_}" in tagger.label_data


def test_without_set_pos_no_pos(nlp):
    assert [token.pos_ for token in nlp(TEXT)] == [""] * 4
    assert "pos_acc" not in nlp.evaluate(make_examples(nlp))


@pytest.mark.parametrize("overwrite", [False, True])
def test_overwrite(overwrite):
    nlp = trained_tagger(steps=80, set_pos=True, overwrite=overwrite)
    doc = nlp.make_doc(TEXT)
    doc[0].tag_, doc[0].pos_ = "XX", "X"
    nlp.get_pipe("fodl_tagger")(doc)
    assert (doc[0].tag_, doc[0].pos_) == (("PRP", "PRON") if overwrite else ("XX", "X"))
    assert (doc[1].tag_, doc[1].pos_) == ("VBP", "VERB")


@pytest.mark.parametrize("text", ["", " ", "\n\n \t", "a", "\u200b", "eggs " * 10000])
def test_odd_texts(nlp, text):
    doc = nlp(text)
    assert all(token.tag_ for token in doc)
    assert [d.text for d in nlp.pipe([text, "", text])] == [text, "", text]


def test_same_seed_same_scores():
    results = []
    for _ in range(2):
        fix_random_seed(5)
        nlp = trained_tagger(steps=10)
        results.append(nlp.get_pipe("fodl_tagger").predict_proba([nlp.make_doc(TEXT)])[0])
    np.testing.assert_array_equal(*results)


def test_two_processes():
    code = """
import numpy as np
from tests.util import trained_tagger
nlp = trained_tagger(steps=5, store_probs=True)
texts = ["I like green eggs", "", "Eat blue ham"] * 20
alone = [[(t.tag_, t._.fodl_tag_probs.tolist()) for t in doc] for doc in nlp.pipe(texts)]
together = [[(t.tag_, t._.fodl_tag_probs.tolist()) for t in doc] for doc in nlp.pipe(texts, n_process=2, batch_size=10)]
same_tags = [[t[0] for t in d] for d in alone] == [[t[0] for t in d] for d in together]
close = all(np.allclose(a[1], b[1], atol=1e-5) for x, y in zip(alone, together) for a, b in zip(x, y))
print(same_tags, close, len(together))
"""
    assert run(code).split() == ["True", "True", "60"]


# -- Saving


def test_disk_bytes_and_pickle_round_trip(nlp, tmp_path):
    nlp.to_disk(tmp_path)
    for other in (spacy.load(tmp_path), pickle.loads(pickle.dumps(nlp))):
        assert tags(other(TEXT)) == tags(nlp(TEXT))
        assert_allclose(other(TEXT)[0]._.fodl_tag_probs, nlp(TEXT)[0]._.fodl_tag_probs, rtol=1e-5)
    tagger = spacy.blank("en").add_pipe("fodl_tagger").from_bytes(nlp.get_pipe("fodl_tagger").to_bytes())
    assert tagger.labels == nlp.get_pipe("fodl_tagger").labels


def test_store_probs_can_be_switched_when_loading(nlp, tmp_path):
    nlp.to_disk(tmp_path)
    other = spacy.load(tmp_path, config={"components.fodl_tagger.store_probs": False})
    assert other(TEXT)[0]._.fodl_tag_probs is None


def test_loads_in_a_new_process_without_an_import_of_ours(nlp, tmp_path):
    nlp.to_disk(tmp_path)
    code = f"import spacy; print([t.tag_ for t in spacy.load({str(tmp_path)!r})({TEXT!r})])"
    assert run(code).strip() == str(tags(nlp(TEXT)))


def test_training_resumes_after_loading(nlp, tmp_path):
    nlp.to_disk(tmp_path)
    other = spacy.load(tmp_path)
    optimizer = other.resume_training()
    losses = {}
    before = torch_weights(other)
    other.update(make_examples(other), sgd=optimizer, losses=losses)
    assert losses["fodl_tagger"] > 0
    assert all(not np.array_equal(a, b) for a, b in zip(before, torch_weights(other)))


# -- Labels


def test_init_labels_round_trip(nlp_pos, tmp_path):
    other = spacy.blank("en")
    tagger = other.add_pipe("fodl_tagger", config={"set_pos": True})
    labels = json.loads(json.dumps(nlp_pos.get_pipe("fodl_tagger").label_data))
    tagger.initialize(lambda: make_examples(other), nlp=other, labels=labels)
    assert tagger.label_data == nlp_pos.get_pipe("fodl_tagger").label_data


@pytest.mark.parametrize("labels", ["NN", 3])
def test_refuses_labels_that_are_no_list(labels):
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("fodl_tagger")
    with pytest.raises(ValueError, match="F202.*fodl_tagger"):
        tagger.initialize(lambda: make_examples(nlp), labels=labels)


@pytest.mark.parametrize("label", [3, None, b"NN"])
def test_refuses_a_label_that_is_no_string(label):
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("fodl_tagger")
    with pytest.raises(ValueError, match="F202"):
        tagger.add_label(label)
    with pytest.raises(ValueError, match="F202"):
        tagger.initialize(lambda: make_examples(nlp), labels=[label])


@pytest.mark.parametrize("label", ["NN", "NN|", "|NOUN", "NN|Noun"])
def test_refuses_a_label_without_part_of_speech(label):
    tagger = spacy.blank("en").add_pipe("fodl_tagger", config={"set_pos": True})
    with pytest.raises(ValueError, match="F205.*NN\\|NOUN"):
        tagger.add_label(label)


def test_tags_may_hold_the_separator():
    tagger = spacy.blank("en").add_pipe("fodl_tagger", config={"set_pos": True})
    assert tagger.add_label("N|soort|ev|NOUN") == 1
    assert tagger.add_label("N|soort|ev|NOUN") == 0
    assert tagger.labels == ("N|soort|ev",)


def test_refuses_a_label_after_initialization(nlp):
    tagger = nlp.get_pipe("fodl_tagger")
    assert tagger.add_label("NN") == 0
    with pytest.raises(ValueError, match="F203.*labels NEW.*the 8 that"):
        tagger.add_label("NEW")
    assert "NEW" not in tagger.labels


# -- Bad use


def test_tagging_before_initialize_is_spacys_e109():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_tagger")
    with pytest.raises(ValueError, match="E109.*fodl_tagger"):
        nlp(TEXT)


# -- Bad training data


def test_no_examples():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_tagger")
    with pytest.raises(TypeError, match="E930"):
        nlp.initialize(list)


def test_examples_without_tags():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_tagger")
    with pytest.raises(ValueError, match="F201.*fodl_tagger.*token.tag_.*1 training"):
        nlp.initialize(lambda: [Example.from_dict(nlp.make_doc("a b"), {})])


def test_examples_without_pos():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_tagger", config={"set_pos": True})
    with pytest.raises(ValueError, match="F201.*token.pos_"):
        nlp.initialize(lambda: [Example.from_dict(nlp.make_doc("a"), {"tags": ["X"]})])


def test_examples_without_tokens():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_tagger")
    with pytest.raises(ValueError, match="F201.*no token in"):
        nlp.initialize(lambda: [Example.from_dict(nlp.make_doc(""), {})])


def test_an_unknown_gold_tag(nlp):
    example = Example.from_dict(nlp.make_doc("I like"), {"tags": ["PRP", "NEW"]})
    with pytest.raises(ValueError, match="F204.*NEW.*I like"):
        nlp.update([example], sgd=False)


def test_an_unknown_gold_pair(nlp_pos):
    example = Example.from_dict(nlp_pos.make_doc("I"), {"tags": ["PRP"], "pos": ["VERB"]})
    with pytest.raises(ValueError, match="F204.*PRP\\|VERB"):
        nlp_pos.update([example], sgd=False)


def test_a_tag_that_begins_with_an_exclamation_mark():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_tagger")
    train(nlp, [Example.from_dict(nlp.make_doc("a b"), {"tags": ["!", "!x"]})], 30)
    assert tags(nlp("a b")) == ["!", "!x"]


def test_missing_and_misaligned_tags_have_no_gradient(nlp):
    tagger = nlp.get_pipe("fodl_tagger")
    merged = Example.from_dict(
        nlp.make_doc("I liked eggs"), {"words": ["I", "li", "ked", "eggs"], "tags": list("____")}
    )
    for token, tag in zip(merged.reference, ["PRP", "NN", "VB", ""]):
        token.tag_ = tag
    scores = [np.full((3, len(tagger.labels)), 0.1, dtype="float32")]
    loss, (gradient,) = tagger.get_loss([merged], scores)
    assert (gradient != 0).any(axis=1).tolist() == [True, False, False]
    assert loss > 0


def test_loss_equals_that_of_spacys_tagger(nlp):
    tagger = nlp.get_pipe("fodl_tagger")
    other = spacy.blank("en")
    theirs = other.add_pipe("tagger", config={"label_smoothing": 0.1})
    examples = make_examples(other)
    other.initialize(lambda: examples)
    tagger.cfg["label_smoothing"] = 0.1
    scores = tagger.model.begin_update([eg.predicted for eg in make_examples(nlp)])[0]
    ours = tagger.get_loss(make_examples(nlp), scores)
    tagger.cfg["label_smoothing"] = 0.0
    expected = theirs.get_loss(examples, scores)
    assert ours[0] == pytest.approx(expected[0], rel=1e-5)
    for a, b in zip(ours[1], expected[1]):
        assert_allclose(a, b, atol=1e-6)


def test_use_averages_changes_predictions():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_tagger")
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.averages = {}
    for _ in range(20):
        nlp.update(examples, sgd=optimizer)
    tagger = nlp.get_pipe("fodl_tagger")
    now = tagger.predict_proba([nlp.make_doc(TEXT)])[0]
    with nlp.use_params(optimizer.averages):
        averaged = tagger.predict_proba([nlp.make_doc(TEXT)])[0]
    assert not np.allclose(now, averaged)
    assert_allclose(tagger.predict_proba([nlp.make_doc(TEXT)])[0], now)


def test_a_frozen_tagger_stays_while_another_component_learns():
    nlp = trained_tagger(steps=2)
    nlp.add_pipe("tagger")
    examples = make_examples(nlp)
    with nlp.select_pipes(enable="tagger"):
        optimizer = nlp.initialize(lambda: examples)
    ours, theirs = (nlp.get_pipe(name).model.to_bytes() for name in ("fodl_tagger", "tagger"))
    nlp.update(examples, sgd=optimizer, exclude=["fodl_tagger"])
    assert nlp.get_pipe("fodl_tagger").model.to_bytes() == ours
    assert nlp.get_pipe("tagger").model.to_bytes() != theirs


def test_accumulated_gradients_make_one_update():
    """As spaCy's training loop does it with accumulate_gradient."""
    results = []
    for parts in (1, 2):
        fix_random_seed(0)
        nlp = trained_tagger(steps=0)
        tagger, examples = nlp.get_pipe("fodl_tagger"), make_examples(nlp)
        size = -(-len(examples) // parts)
        for start in range(0, len(examples), size):
            nlp.update(examples[start : start + size], sgd=False)
        tagger.finish_update(Adam(0.001, grad_clip=0.0))
        results.append(torch_weights(nlp))
    for a, b in zip(*results):
        assert_allclose(a, b, atol=1e-5)


def test_rehearse_reaches_the_torch_layer():
    nlp = trained_tagger(steps=5)
    optimizer = nlp.resume_training()
    nlp.update(make_examples(nlp), sgd=optimizer)
    before = torch_weights(nlp)
    nlp.rehearse(make_examples(nlp), sgd=optimizer)
    assert any(not np.array_equal(a, b) for a, b in zip(before, torch_weights(nlp)))


# -- Settings and initializing again


def test_the_default_model_is_that_of_the_config():
    config = load_config(ROOT / "configs" / "tagger.cfg")["components"]["fodl_tagger"]["model"]
    default = spacy.blank("en")
    default.add_pipe("fodl_tagger")
    assert default.config["components"]["fodl_tagger"]["model"] == config


@pytest.mark.parametrize("setting,saved,wanted", [("overwrite", True, False), ("label_smoothing", 0.3, 0.1)])
def test_the_config_decides_when_loading(tmp_path, setting, saved, wanted):
    trained_tagger(steps=1, **{setting: saved}).to_disk(tmp_path)
    assert spacy.load(tmp_path).get_pipe("fodl_tagger").cfg[setting] == saved
    nlp = spacy.load(tmp_path, config={f"components.fodl_tagger.{setting}": wanted})
    assert nlp.get_pipe("fodl_tagger").cfg[setting] == wanted


def test_set_pos_belongs_to_the_labels(nlp_pos, tmp_path):
    nlp_pos.to_disk(tmp_path)
    with pytest.raises(ValueError, match="F206.*set_pos = True.*set_pos = False"):
        spacy.load(tmp_path, config={"components.fodl_tagger.set_pos": False})


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_refuses_label_smoothing(smoothing):
    with pytest.raises(ValueError, match="F208.*label_smoothing"):
        spacy.blank("en").add_pipe("fodl_tagger", config={"label_smoothing": smoothing})


def test_one_label_with_label_smoothing():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_tagger", config={"label_smoothing": 0.1})
    train(nlp, [Example.from_dict(nlp.make_doc("a b"), {"tags": ["X", "X"]})], 3)
    assert tags(nlp("c")) == ["X"]


@pytest.mark.parametrize("nO", [3, 20])
def test_a_wrong_number_of_outputs(nO):
    nlp = spacy.blank("en")
    model = {**load_config(ROOT / "configs" / "tagger.cfg")["components"]["fodl_tagger"]["model"], "nO": nO}
    tagger = nlp.add_pipe("fodl_tagger", config={"model": model})
    with pytest.raises(ValueError, match=f"F207.*nO = {nO} .*8 labels"):
        nlp.initialize(lambda: make_examples(nlp))
    assert tagger.labels == ()


def test_initialize_again_starts_afresh():
    nlp = trained_tagger(steps=30)
    labels = nlp.get_pipe("fodl_tagger").labels
    before = torch_weights(nlp)
    train(nlp, make_examples(nlp), 0)
    assert nlp.get_pipe("fodl_tagger").labels == labels
    assert all(not np.array_equal(a, b) for a, b in zip(before, torch_weights(nlp)))


def test_initialize_again_with_other_labels(nlp):
    labels = nlp.get_pipe("fodl_tagger").labels
    more = [Example.from_dict(nlp.make_doc("a"), {"tags": ["NEW"]})]
    with pytest.raises(ValueError, match="F203.*NEW.*new pipeline"):
        nlp.initialize(lambda: more)
    assert nlp.get_pipe("fodl_tagger").labels == labels
    assert all(tags(nlp(TEXT)))


def test_a_failed_initialize_leaves_no_labels():
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy_fodl.NGramTagger.v1", "tok2vec": {"@architectures": "spacy_fodl.StaticEmbed.v1"}}
    tagger = nlp.add_pipe("fodl_tagger", config={"model": model})
    with pytest.raises(ValueError, match="F102"):
        nlp.initialize(lambda: make_examples(nlp))
    assert tagger.labels == ()


def test_given_labels_need_no_walk_over_the_corpus():
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("fodl_tagger")
    seen = []

    def examples():
        for example in make_examples(nlp) * 10:
            seen.append(example)
            yield example

    tagger.initialize(examples, labels=["PRP", "VBP"])
    # Fifty for spaCy's check of the examples, and then the sample.
    assert len(seen) == 50 + 10


def test_sourcing_from_another_pipeline(nlp):
    other = spacy.blank("en")
    other.add_pipe("fodl_tagger", source=nlp)
    assert tags(other(TEXT)) == tags(nlp(TEXT))


def test_preset_tags_get_a_part_of_speech_that_goes_with_them(nlp_pos):
    doc = nlp_pos.make_doc(TEXT)
    doc[1].tag_ = "NN"
    doc[2].tag_ = "UNSEEN"
    nlp_pos.get_pipe("fodl_tagger")(doc)
    assert (doc[1].tag_, doc[1].pos_) == ("NN", "NOUN")
    assert doc[2].tag_ == "UNSEEN"


def test_set_annotations_takes_one_doc(nlp):
    doc = nlp.make_doc(TEXT)
    tagger = nlp.get_pipe("fodl_tagger")
    tagger.set_annotations(doc, tagger.predict([doc]))
    assert all(tags(doc))


def test_gold_from_another_vocab(nlp):
    other = spacy.blank("en")
    example = Example.from_dict(other.make_doc("I like"), {"tags": ["PRP", "STRANGE"]})
    with pytest.raises(ValueError, match="F204.*STRANGE"):
        nlp.update([example], sgd=False)
