import numpy as np
import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example

TEXTS = [
    ("I love this film", "pos"),
    ("a wonderful story", "pos"),
    ("not bad at all , great", "pos"),
    ("I hate this film", "neg"),
    ("a boring story", "neg"),
    ("not good at all , awful", "neg"),
]
BOTH = ["fodl_textcat", "fodl_textcat_multilabel"]
VOCAB_EMBED = {"@architectures": "spacy_fodl.VocabEmbed.v1", "width": 16, "size": 50}


def make_examples(nlp, labels=("pos", "neg")):
    return [
        Example.from_dict(nlp.make_doc(text), {"cats": {name: float(name == label) for name in labels}})
        for text, label in TEXTS
    ]


def trained(factory="fodl_textcat", steps=30, **model):
    nlp = spacy.blank("en")
    nlp.add_pipe(factory, config={"model": model} if model else {})
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer)
    return nlp


@pytest.fixture(scope="module")
def nlp():
    return trained()


def best(doc):
    return max(doc.cats, key=doc.cats.get)


@pytest.mark.parametrize("factory", BOTH)
def test_learns_and_survives_a_round_trip(factory, tmp_path):
    nlp = trained(factory)
    assert [best(nlp(text)) for text, _ in TEXTS] == [label for _, label in TEXTS]
    assert nlp.evaluate(make_examples(nlp))["cats_score"] == 1.0
    nlp.to_disk(tmp_path)
    for again in (spacy.load(tmp_path), spacy.blank("en")):
        if not again.pipe_names:
            again.add_pipe(factory)
            again.from_bytes(nlp.to_bytes())
        assert [again(text).cats for text, _ in TEXTS] == [nlp(text).cats for text, _ in TEXTS]


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("pooling", ["max", "mean", "last"])
def test_every_cell_and_pooling_learns(cell, pooling):
    nlp = trained(cell=cell, pooling=pooling, depth=2, tok2vec=VOCAB_EMBED, steps=60)
    assert [best(nlp(text)) for text, _ in TEXTS] == [label for _, label in TEXTS]


def test_inside_spacys_own_component():
    nlp = spacy.blank("en")
    model = {**nlp.get_factory_meta("fodl_textcat").default_config["model"]}
    nlp.add_pipe("textcat", config={"model": model})
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(30):
        nlp.update(examples, sgd=optimizer)
    assert [best(nlp(text)) for text, _ in TEXTS] == [label for _, label in TEXTS]


def test_scores_depend_on_the_document_alone(nlp):
    texts = ["", "   ", "film", *[text for text, _ in TEXTS], " ".join(["film"] * 700), "\n"]
    together = [doc.cats for doc in nlp.pipe(texts)]
    for text, cats in zip(texts, together):
        assert nlp(text).cats == pytest.approx(cats, abs=1e-6)
    assert sum(nlp("").cats.values()) == pytest.approx(1)


def test_exclusive_categories_sum_to_one_and_others_need_not(nlp):
    assert sum(nlp("a great film").cats.values()) == pytest.approx(1)
    both = trained("fodl_textcat_multilabel", steps=0)
    examples = [Example.from_dict(both.make_doc(text), {"cats": {"pos": 1.0, "neg": 1.0}}) for text, _ in TEXTS]
    optimizer = both.resume_training()
    for _ in range(30):
        both.update(examples, sgd=optimizer)
    assert sum(both("a great film").cats.values()) > 1.5


@pytest.mark.parametrize("factory", BOTH)
def test_documents_without_annotation_teach_nothing(factory):
    nlp = trained(factory, steps=1)
    pipe = nlp.get_pipe(factory)
    bare = [Example.from_dict(nlp.make_doc("a film"), {}), *make_examples(nlp)[:1]]
    scores = pipe.model.predict([example.predicted for example in bare])
    loss, gradient = pipe.get_loss(bare, scores)
    assert not gradient[0].any()
    assert gradient[1].any()
    assert loss > 0


def test_some_categories_may_be_unknown_for_a_document():
    nlp = trained("fodl_textcat_multilabel", steps=1)
    pipe = nlp.get_pipe("fodl_textcat_multilabel")
    examples = [Example.from_dict(nlp.make_doc("a film"), {"cats": {"neg": 1.0}})]
    _, gradient = pipe.get_loss(examples, pipe.model.predict([examples[0].predicted]))
    assert [bool(g) for g in gradient[0]] == [False, True]


# -- Bad input


@pytest.mark.parametrize("factory", BOTH)
def test_a_category_after_initialization(factory):
    nlp = trained(factory, steps=1)
    pipe = nlp.get_pipe(factory)
    assert pipe.add_label("pos") == 0
    with pytest.raises(ValueError, match=r"F203.*neutral"):
        pipe.add_label("neutral")
    with pytest.raises(ValueError, match=r"F204.*neutral.*a film"):
        nlp.update([Example.from_dict(nlp.make_doc("a film"), {"cats": {"neutral": 1.0}})])
    assert pipe.labels == ("pos", "neg")
    assert set(nlp("a film").cats) == {"pos", "neg"}


@pytest.mark.parametrize("factory", BOTH)
@pytest.mark.parametrize("label", [3, "", None])
def test_a_label_that_is_none(factory, label):
    with pytest.raises(ValueError, match="F202"):
        spacy.blank("en").add_pipe(factory).add_label(label)


@pytest.mark.parametrize("factory", BOTH)
@pytest.mark.parametrize("labels", ["pos", 3, ["pos", 3]])
def test_labels_to_initialize_with_that_are_none(factory, labels):
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe(factory)
    examples = [Example.from_dict(nlp.make_doc("a film"), {"cats": {"pos": 1.0, "neg": 0.0}})]
    with pytest.raises(ValueError, match="F202"):
        pipe.initialize(lambda: examples, nlp=nlp, labels=labels)
    assert pipe.labels == ()


def test_one_category_only():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_textcat")
    with pytest.raises(ValueError, match="E867"):
        nlp.initialize(lambda: make_examples(nlp, labels=("pos",)))
    assert nlp.get_pipe("fodl_textcat").labels == ()
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_textcat_multilabel")
    nlp.initialize(lambda: make_examples(nlp, labels=("pos",)))
    assert set(nlp("a film").cats) == {"pos"}


def test_a_positive_label_that_is_none_changes_nothing():
    nlp = trained(steps=1, tok2vec=VOCAB_EMBED, linear_model={"@architectures": "spacy_fodl.NGramLinear.v1"})
    pipe = nlp.get_pipe("fodl_textcat")
    before, others = (
        pipe.model.to_bytes(),
        [Example.from_dict(nlp.make_doc("new words"), {"cats": {"pos": 1.0, "neg": 0.0}})],
    )
    with pytest.raises(ValueError, match="E920.*good"):
        pipe.initialize(lambda: others, nlp=nlp, positive_label="good")
    assert pipe.model.to_bytes() == before
    pipe.initialize(lambda: others, nlp=nlp, positive_label="pos")
    assert pipe.model.to_bytes() != before

    fresh = spacy.blank("en").add_pipe("fodl_textcat")
    with pytest.raises(ValueError, match="E919"):
        fresh.initialize(lambda: others, labels=["pos", "neg", "none"], positive_label="pos")


@pytest.mark.parametrize("factory", BOTH)
def test_no_category_at_all(factory):
    nlp = spacy.blank("en")
    nlp.add_pipe(factory)
    with pytest.raises(ValueError, match="F201"):
        nlp.initialize(lambda: [Example.from_dict(nlp.make_doc("a film"), {})])


@pytest.mark.parametrize("cats", [{"pos": 1.0, "neg": 1.0}, {"pos": 0.5, "neg": 0.5}])
def test_wrong_values_anywhere_in_the_data(cats):
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_textcat")
    wrong = Example.from_dict(nlp.make_doc("a film"), {"cats": cats})
    with pytest.raises(ValueError, match="E895|E851"):
        nlp.initialize(lambda: [*make_examples(nlp), *make_examples(nlp), wrong])


def test_training_on_empty_documents(nlp):
    examples = [Example.from_dict(nlp.make_doc(text), {"cats": {"pos": 1.0, "neg": 0.0}}) for text in ("", " ", "a")]
    before = nlp.to_bytes()
    losses = {}
    fresh = spacy.blank("en")
    fresh.add_pipe("fodl_textcat")
    fresh.from_bytes(before)
    fresh.update(examples, sgd=fresh.resume_training(), losses=losses)
    assert np.isfinite(losses["fodl_textcat"])
    assert fresh("a").cats["pos"] > nlp("a").cats["pos"]


@pytest.mark.slow
def test_a_document_of_a_hundred_thousand_tokens(nlp):
    doc = Doc(nlp.vocab, words=["love", "this"] * 50_000)
    assert best(nlp.get_pipe("fodl_textcat")(doc)) == "pos"
    unlimited = trained(max_length=0, width=8, steps=2)
    assert sum(unlimited.get_pipe("fodl_textcat")(doc.copy()).cats.values()) == pytest.approx(1)


def test_without_initialization():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_textcat")
    with pytest.raises(ValueError, match="E109"):
        nlp("a film")


def test_two_processes(nlp):
    texts = [text for text, _ in TEXTS] * 2
    assert [doc.cats for doc in nlp.pipe(texts, n_process=2, batch_size=4)] == [doc.cats for doc in nlp.pipe(texts)]


def test_a_truncated_model_folder(nlp, tmp_path):
    nlp.to_disk(tmp_path)
    file = tmp_path / "fodl_textcat" / "model"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ValueError, match="F008"):
        spacy.load(tmp_path)
