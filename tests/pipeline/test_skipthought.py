import pickle
import warnings

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from thinc.api import Adam, fix_random_seed

from spacy_fodl.analysis.sentences import sentence_similarities
from spacy_fodl.models.skipthought import some_words
from spacy_fodl.pipeline.sentence_vectors import add_vector_hooks
from spacy_fodl.pipeline.skipthought import DEFAULT_MODEL, known_starts, neighbours, sentences_of

from ..util import run

# Each first sentence has a second one of its own.
STORIES = [
    "Where is the cat? It sleeps on the roof.",
    "Who ate the ham? I ate it all.",
    "When does the bus leave? It leaves at noon.",
    "Why do you laugh? You look like a clown.",
]
SMALL = {**DEFAULT_MODEL, "width": 16, "embed_width": 12, "decoder_width": 16}
TEXT = "The train was late. We waited in the rain.  My aunt bakes bread."


def pipeline(model=None, **config):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("fodl_skipthought", config={"model": {**SMALL, **(model or {})}, **config})
    return nlp


def examples_of(nlp, texts=STORIES):
    """With sentence starts in the documents, as a component that annotates in training leaves them."""
    docs = [nlp.get_pipe("sentencizer")(nlp.make_doc(text)) for text in texts]
    return [Example(doc, doc.copy()) for doc in docs]


def trained(steps=0, texts=STORIES, model=None, **config):
    nlp = pipeline(model, **config)
    examples = examples_of(nlp, texts)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    pipe = nlp.get_pipe("fodl_skipthought")
    for _ in range(steps):
        pipe.update(examples, sgd=optimizer)
    return nlp


@pytest.fixture(scope="module")
def nlp():
    return trained()


@pytest.fixture
def doc(nlp):
    return nlp(TEXT)


def vectors(doc):
    return doc._.fodl_sentence_vectors["vectors"]


@pytest.mark.parametrize("model", [{"cell": "gru"}, {"cell": "lstm"}, {"n_samples": 20}, {"pooling": "max+mean"}])
def test_learns_which_sentence_follows(model):
    nlp = trained(60, model=model)
    scores = nlp.evaluate(examples_of(nlp))
    untrained = trained(model=model).evaluate(examples_of(nlp))
    assert scores["thought_acc"] > 0.7 > 0.3 > untrained["thought_acc"]
    assert scores["thought_perplexity"] < 2 < untrained["thought_perplexity"]


def test_the_same_seed_gives_the_same_vectors():
    a, b = trained(3), trained(3)
    np.testing.assert_array_equal(a(TEXT).vector, b(TEXT).vector)


def test_learns_from_gold_sentences_where_the_document_has_none(nlp):
    cut = nlp.get_pipe("sentencizer")
    plain = [nlp.make_doc(text) for text in STORIES]
    gold = [Example(doc, cut(doc.copy())) for doc in plain]
    pipe = nlp.get_pipe("fodl_skipthought")
    known = pipe.get_loss(examples_of(nlp))[0]
    assert pipe.get_loss(gold)[0] == pytest.approx(known)
    # Other tokens on both sides.
    merged = [Doc(nlp.vocab, words=example.reference.text.split(" ")) for example in gold]
    for doc in merged:
        for token in doc:
            token.is_sent_start = token.text in ("It", "I", "You") or token.i == 0
    aligned = [Example(doc, reference) for doc, reference in zip(plain, merged)]
    assert pipe.get_loss(aligned)[0] == pytest.approx(known)


def test_trains_with_spacys_loop_on_what_the_sentencizer_finds():
    nlp = pipeline()
    plain = [Example(nlp.make_doc(text), nlp.make_doc(text)) for text in STORIES]
    optimizer = nlp.initialize(lambda: plain)
    losses = {}
    nlp.update(plain, sgd=optimizer, losses=losses, annotates=["sentencizer"])
    assert losses["fodl_skipthought"] > 1


# -- what vectors are


def test_vectors_of_sentences_documents_and_spans(doc):
    first = next(iter(doc.sents))
    rows = vectors(doc)
    assert rows.shape == (3, 32)
    assert rows.dtype == "float32"
    for sentence, row in zip(doc.sents, rows):
        np.testing.assert_array_equal(sentence.vector, row)
        # A part of it tells no more.
        np.testing.assert_array_equal(doc[sentence.start + 1 : sentence.end].vector, row)
    np.testing.assert_allclose(doc.vector, rows.mean(0), rtol=1e-5)
    # Two tokens of the first sentence, and one of the second.
    span = doc[first.end - 2 : first.end + 1]
    np.testing.assert_allclose(span.vector, (2 * rows[0] + rows[1]) / 3, rtol=1e-5)
    assert doc.has_vector
    assert span.has_vector
    assert span.vector_norm == pytest.approx(np.linalg.norm(span.vector))
    assert doc.vector_norm == pytest.approx(np.linalg.norm(doc.vector))


def test_similarity_is_the_cosine(nlp, doc):
    first, second, _ = doc.sents
    cosine = first.vector @ second.vector / np.linalg.norm(first.vector) / np.linalg.norm(second.vector)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert first.similarity(second) == pytest.approx(cosine, rel=1e-5)
        assert first.similarity(first) == pytest.approx(1)
        assert doc.similarity(nlp("We waited.")) == pytest.approx(nlp("We waited.").similarity(doc))
        assert doc.similarity(nlp("")) == 0.0
        assert isinstance(doc.similarity(second), float)


def test_a_cosine_is_not_above_one(nlp):
    doc = nlp("I wait.")
    vectors = doc._.fodl_sentence_vectors["vectors"]
    # Of single precision some of these are above one, unless clipped.
    for seed in range(50):
        vectors[:] = np.random.default_rng(seed).normal(size=vectors.shape)
        assert 1 - 1e-5 < doc.similarity(doc) <= 1
        assert sentence_similarities(doc)[1].max() <= 1


def test_a_sentence_has_the_same_vector_alone_and_among_others(nlp, doc):
    # The embedding reads single tokens, and the encoder single sentences.
    np.testing.assert_allclose(nlp("We waited in the rain.").vector, vectors(doc)[1], atol=1e-6)


def test_batches_equal_single_documents(nlp):
    texts = [TEXT, "", "One.", "  \n ", TEXT * 3]
    for text, doc in zip(texts, nlp.pipe(texts, batch_size=5)):
        np.testing.assert_allclose(vectors(doc), vectors(nlp(text)), atol=1e-6)


@pytest.mark.parametrize("text", ["", " ", "\n\n \n"])
def test_nothing_to_read_has_a_vector_of_zeros(nlp, text):
    doc = nlp(text)
    assert doc.vector.shape == (32,)
    assert not doc.vector.any()
    assert not doc.has_vector


def test_sentences_of_white_space_are_no_neighbours(nlp):
    words = ["I", "ran", ".", "\n\n", "You", "\n", "sat", "."]
    doc = Doc(nlp.vocab, words=words, sent_starts=[True, False, False, True, True, False, False, False])
    plain = Doc(
        nlp.vocab, words=["I", "ran", ".", "You", "sat", "."], sent_starts=[True, False, False, True, False, False]
    )
    spaced = sentences_of([doc], [np.array([0, 3, 4])])
    assert spaced.lengths.tolist() == [3, 0, 3]
    assert neighbours(spaced).tolist() == [[0, 2]]
    pipe = nlp.get_pipe("fodl_skipthought")
    losses = [pipe.get_loss([Example(one, one)])[0] for one in (doc, plain)]
    assert losses[0] == pytest.approx(losses[1])
    for found in (doc, plain):
        pipe(found)
    np.testing.assert_allclose(vectors(doc)[[0, 2]], vectors(plain), atol=1e-6)
    # And don't weigh in the mean.
    np.testing.assert_allclose(doc.vector, plain.vector, atol=1e-6)


def test_neighbours_stay_within_a_document(nlp):
    docs = [
        example.predicted
        for example in examples_of(nlp, ["I ran. You sat. We ate.", "One.", "", "It rained. It stopped."])
    ]
    sentences = sentences_of(
        docs, [np.array([s.start for s in doc.sents]) if len(doc) else np.array([], int) for doc in docs]
    )
    assert neighbours(sentences).tolist() == [[0, 1], [1, 2], [4, 5]]


def test_long_sentences_are_cut_for_the_decoders():
    rows, n = some_words(np.array([3, 5, 2]), np.array([1, 2, 0]), 2)
    assert rows.tolist() == [3, 4, 8, 9, 0, 1]
    assert n.tolist() == [2, 2, 2]
    rows, n = some_words(np.array([3, 5]), np.array([1, 0]), 0)
    assert rows.tolist() == [3, 4, 5, 6, 7, 0, 1, 2]


def test_a_sentence_that_is_cut_does_not_end_there():
    nlp = pipeline({"max_words": 2})
    texts = ["We ate the ham. You ran.", "I sat. It rained."]
    nlp.initialize(lambda: examples_of(nlp, texts))
    pipe = nlp.get_pipe("fodl_skipthought")
    sizes = [pipe.model.predict(pipe._batch(examples_of(nlp, [text]))).n_words for text in texts]
    # Of "We ate the ham ." two words and no end, of all others, three words long, the same.
    assert sizes == [4, 4]
    whole = pipe.model.predict(pipe._batch(examples_of(nlp, ["Go! Stop!"])))
    assert whole.n_words == 6


def test_sentences_that_start_with_other_white_space(nlp):
    gold = Doc(nlp.vocab, words=["I", "ran", ".", "\n", "You", "sat", "."])
    for token in gold:
        token.is_sent_start = token.i in (0, 3)
    plain = Doc(nlp.vocab, words=["I", "ran", ".", "You", "sat", "."])
    assert known_starts(Example(plain, gold)).tolist() == [0, 3]


def test_words_of_another_save_are_noticed(nlp):
    again = pipeline()
    again.get_pipe("fodl_skipthought").from_bytes(nlp.get_pipe("fodl_skipthought").to_bytes(exclude=["cfg"]))
    assert again(TEXT).has_vector
    with pytest.raises(ValueError, match="F222"):
        again.get_pipe("fodl_skipthought").get_loss(examples_of(again))
    as_many = trained(texts=[text.replace("cat", "dog") for text in STORIES])
    with pytest.raises(ValueError, match="F226.*words of the decoders"):
        as_many.get_pipe("fodl_skipthought").from_bytes(nlp.get_pipe("fodl_skipthought").to_bytes(exclude=["cfg"]))


def test_initializing_again_without_sentences_is_refused_and_changes_nothing():
    nlp = trained(model={"tok2vec": {"@architectures": "spacy_fodl.VocabEmbed.v1", "width": 16, "size": 30}})
    before = vectors(nlp(TEXT))
    with pytest.raises(ValueError, match="F201"):
        nlp.initialize(lambda: examples_of(nlp, ["Entirely other words. "]))
    assert (vectors(nlp(TEXT)) == before).all()


def test_ten_thousand_tokens(nlp):
    doc = nlp("We waited in the rain for a very long time . " * 1000)
    assert vectors(doc).shape == (1000, 32)
    doc = nlp("word " * 10000)
    assert np.isfinite(doc.vector).all()


# -- where documents go


@pytest.mark.filterwarnings("ignore:.*W109")
def test_vectors_survive_bytes_bins_and_processes(nlp, doc):
    docs = DocBin(docs=[doc], store_user_data=True).to_bytes()
    (from_bin,) = DocBin().from_bytes(docs).get_docs(nlp.vocab)
    from_bytes = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    from_process, _ = nlp.pipe([TEXT, TEXT], n_process=2)
    for again in (from_bin, from_bytes, from_process):
        np.testing.assert_allclose(again._.fodl_vector, doc.vector, atol=1e-6)
        for before, after in zip(doc.sents, again.sents):
            np.testing.assert_allclose(after._.fodl_vector, before.vector, atol=1e-6)
            assert after._.fodl_similarity(before) == pytest.approx(1)
        np.testing.assert_array_equal(add_vector_hooks(again).vector, again._.fodl_vector)
        np.testing.assert_array_equal(next(iter(again.sents)).vector, vectors(again)[0])


@pytest.mark.filterwarnings("ignore:.*W109")
def test_hooks_survive_copies_and_pickle(doc):
    for again in (doc.copy(), pickle.loads(pickle.dumps(doc))):
        np.testing.assert_array_equal(again.vector, doc.vector)
        np.testing.assert_array_equal(again[3:7].vector, doc[3:7].vector)


@pytest.mark.filterwarnings("ignore:.*W109")
def test_vectors_can_be_read_where_no_component_was_made(doc, tmp_path):
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "docs.spacy")
    (tmp_path / "doc.pickle").write_bytes(pickle.dumps(doc))
    print_first = "print(*doc.vector[:2].round(4), *next(doc.sents).vector[:2].round(4))"
    shown = run(
        f"""
import pickle
import spacy
from spacy.tokens import DocBin
doc = pickle.load(open({str(tmp_path / "doc.pickle")!r}, "rb"))
{print_first}
from spacy_fodl.pipeline.sentence_vectors import add_vector_hooks
(doc,) = DocBin().from_disk({str(tmp_path / "docs.spacy")!r}).get_docs(spacy.blank("en").vocab)
add_vector_hooks(doc)
{print_first}
"""
    )
    numbers = [*doc.vector[:2].round(4), *next(iter(doc.sents)).vector[:2].round(4)]
    expected = " ".join(map(str, numbers))
    assert shown.split("\n")[:2] == [expected, expected]


def test_a_document_does_not_hold_on_to_its_batch(nlp):
    docs = list(nlp.pipe([TEXT] * 4))
    assert all(vectors(doc).base is None for doc in docs)


def test_merged_tokens_are_noticed(doc):
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[1:3])
    assert not doc.has_vector
    with pytest.raises(ValueError, match="F220.*merged or split"):
        doc.vector  # noqa: B018


@pytest.mark.filterwarnings("ignore:.*W109")
def test_merging_and_splitting_is_noticed(doc):
    second = list(doc.sents)[1]
    n, start = len(doc), second.start
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
        retokenizer.split(doc[start + 1], ["wai", "ted"], heads=[doc[start], doc[start]])
    assert len(doc) == n
    assert not doc.has_vector
    with pytest.raises(ValueError, match="F220"):
        doc[start:].vector  # noqa: B018


def test_a_span_as_a_document_says_why_it_has_no_vector(doc):
    with pytest.raises(ValueError, match="F219.*as_doc"):
        next(iter(doc.sents)).as_doc().vector  # noqa: B018


def test_vectors_of_others_are_compared_by_their_width(nlp, doc):
    with pytest.raises(ValueError, match="F221"):
        doc.similarity(doc[0])
    other = trained(model={"width": 8})(TEXT)
    with pytest.raises(ValueError, match="width 32.*width 16"):
        doc.similarity(other)


def test_a_document_that_was_not_annotated_says_so(nlp):
    with pytest.raises(ValueError, match="F219"):
        nlp.make_doc("Nobody read this.")._.fodl_vector  # noqa: B018


# -- saving


def test_decoders_can_be_left_out(tmp_path):
    nlp = trained(2)
    pipe = nlp.get_pipe("fodl_skipthought")
    nlp.to_disk(tmp_path / "whole")
    pipe.save_decoders = False
    nlp.to_disk(tmp_path / "lean")
    assert pipe.has_decoders
    assert nlp.evaluate(examples_of(nlp))["thought_acc"] is not None
    sizes = [(tmp_path / name / "fodl_skipthought" / "model").stat().st_size for name in ("whole", "lean")]
    assert sizes[1] < sizes[0]
    lean, whole = spacy.load(tmp_path / "lean"), spacy.load(tmp_path / "whole")
    for again in (lean, whole):
        np.testing.assert_array_equal(again(TEXT).vector, nlp(TEXT).vector)
    assert not lean.get_pipe("fodl_skipthought").has_decoders
    assert lean.get_pipe("fodl_skipthought").cfg["words"] == []
    assert lean.evaluate(examples_of(lean))["thought_acc"] is None
    scores = [one.evaluate(examples_of(one))["thought_acc"] for one in (whole, nlp)]
    assert scores[0] == scores[1]
    with pytest.raises(ValueError, match="F218"):
        lean.update(examples_of(lean), sgd=lean.resume_training())
    # What was lean stays so, and can be learned anew.
    lean.to_disk(tmp_path / "again")
    np.testing.assert_array_equal(spacy.load(tmp_path / "again")(TEXT).vector, nlp(TEXT).vector)
    optimizer = lean.initialize(lambda: examples_of(lean))
    lean.update(examples_of(lean), sgd=optimizer)
    assert lean.evaluate(examples_of(lean))["thought_acc"] is not None


def test_decoders_can_be_excluded_from_one_save(nlp, tmp_path):
    pipe = nlp.get_pipe("fodl_skipthought")
    whole, lean = pipe.to_bytes(), pipe.to_bytes(exclude=["decoders"])
    assert len(lean) < len(whole)
    pipe.to_disk(tmp_path, exclude=["decoders", "vocab"])
    again = pipeline()
    again.get_pipe("fodl_skipthought").from_disk(tmp_path, exclude=["vocab"])
    np.testing.assert_array_equal(again(TEXT).vector, nlp(TEXT).vector)
    again = pipeline()
    assert again.get_pipe("fodl_skipthought").from_bytes(whole).has_decoders


def test_scores_are_the_same_after_loading(tmp_path):
    nlp = trained(5)
    nlp.to_disk(tmp_path)
    scores = [pipe.evaluate(examples_of(pipe)) for pipe in (nlp, spacy.load(tmp_path))]
    for name in ("thought_acc", "thought_perplexity"):
        assert scores[0][name] == scores[1][name]


def test_scores_can_be_estimated_from_the_first_words(nlp, monkeypatch):
    monkeypatch.setattr("spacy_fodl.pipeline.skipthought.SCORED_DOCS", 2)
    pipe = nlp.get_pipe("fodl_skipthought")
    whole, half = pipe.score(examples_of(nlp)), pipe.score(examples_of(nlp, STORIES[:2]))
    assert whole != half
    for words, expected in ((1, half), (1000, whole), (0, whole)):
        monkeypatch.setattr(pipe, "score_words", words)
        assert pipe.score(examples_of(nlp)) == expected


def test_of_many_words_the_most_frequent_are_kept():
    nlp = trained(texts=["The the the. The cat cat."], vocab_size=4)
    assert nlp.get_pipe("fodl_skipthought").cfg["words"] == ["the", "."]


# -- bad input


def test_text_without_sentences_says_who_finds_them(nlp):
    pipe = nlp.get_pipe("fodl_skipthought")
    plain = nlp.make_doc("Where is the cat? On the roof.")
    for do in (lambda: pipe(plain), lambda: pipe.update([Example(plain, plain)])):
        with pytest.raises(ValueError, match="F217.*senter, sentencizer, parser or fodl_parser"):
            do()
    # A single token is a sentence.
    assert pipe(nlp.make_doc("Cat")).has_vector


def test_documents_of_one_sentence_add_nothing_to_the_loss(nlp):
    pipe = nlp.get_pipe("fodl_skipthought")
    single = examples_of(nlp, ["One sentence only.", "And another one."])
    before = nlp(TEXT).vector
    with pytest.warns(UserWarning, match="W203"):
        losses = pipe.update(single, sgd=Adam(0.01, L2=0.0))
    assert losses["fodl_skipthought"] == 0
    np.testing.assert_array_equal(nlp(TEXT).vector, before)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pipe.get_loss(single)[0] == 0
        assert pipe.score(single) == {"thought_acc": None, "thought_perplexity": None}
        pipe.update([*single, *examples_of(nlp)], sgd=Adam(0.01, L2=0.0))
    with pytest.raises(ValueError, match="F201.*document of two sentences"):
        pipeline().initialize(lambda: single)


def test_examples_without_words_are_refused():
    nlp = pipeline()
    with pytest.raises(ValueError, match="F201.*no word"):
        nlp.initialize(lambda: [Example(nlp.make_doc(text), nlp.make_doc(text)) for text in ("", " \n ")])


def test_an_untrained_component_says_so():
    nlp = pipeline()
    for text in (TEXT, ""):
        with pytest.raises(ValueError, match="E109"):
            nlp(text)


@pytest.mark.parametrize(
    ("model", "config", "code"),
    [
        ({"width": 0}, {}, "F101"),
        ({"cell": "rnn"}, {}, "cell"),
        ({"n_samples": -1}, {}, "F101"),
        ({"max_words": -1}, {}, "F101"),
        ({"dropout": 1.0}, {}, "F101"),
        ({}, {"vocab_size": 2}, "F208"),
        ({}, {"score_words": -1}, "F208"),
    ],
)
def test_bad_settings(model, config, code):
    with pytest.raises(ValueError, match=code):
        pipeline(model, **config)


def test_an_empty_batch_changes_nothing(nlp):
    pipe = nlp.get_pipe("fodl_skipthought")
    assert pipe.update([]) == {"fodl_skipthought": 0.0}
    assert pipe.update(examples_of(nlp, [""])) == {"fodl_skipthought": 0.0}
    assert pipe.predict([]) == []


def test_with_a_tok2vec_that_others_share():
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("tok2vec")
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96, "upstream": "*"}
    nlp.add_pipe("fodl_skipthought", config={"model": {**SMALL, "tok2vec": listener}})
    examples = examples_of(nlp)
    optimizer = nlp.initialize(lambda: examples)
    weights = nlp.get_pipe("tok2vec").model.to_bytes()
    for _ in range(2):  # spaCy applies what listeners found at the next step.
        nlp.update(examples, sgd=optimizer)
    assert nlp.get_pipe("tok2vec").model.to_bytes() != weights
    assert nlp(TEXT).has_vector
