import json
import warnings

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.pipeline._parser_internals import nonproj
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import load_config, minibatch, registry
from thinc.api import fix_random_seed

import spacy_fodl.models.parser as parser_model
from spacy_fodl.analysis.derivation import derivations
from spacy_fodl.models.parser import Training
from spacy_fodl.pipeline.parser import (
    DEFAULT_MODEL,
    MISSING,
    Hypotheses,
    aligned_parse,
    completed,
    cyclic,
    projective,
    tree_of,
)
from spacy_fodl.transition.actions import ROOT_HEAD

from ..transition.strategies import projective_trees
from ..util import ROOT

SENTENCES = [
    ("I like green eggs .", [1, 1, 3, 1, 1], ["nsubj", "ROOT", "amod", "obj", "punct"]),
    ("Eat blue ham !", [0, 2, 0, 0], ["ROOT", "amod", "obj", "punct"]),
    ("I walk to work .", [1, 1, 3, 1, 1], ["nsubj", "ROOT", "case", "obl", "punct"]),
    ("If eggs like ham , run .", [2, 2, 5, 2, 2, 5, 5], ["mark", "nsubj", "advcl", "obj", "punct", "ROOT", "punct"]),
]
# A hearing is scheduled on the issue today: "on" hangs on "hearing", across "is" and "scheduled".
CROSSING = (
    "A hearing is scheduled on the issue today .",
    [1, 3, 3, 3, 6, 6, 1, 3, 3],
    ["det", "nsubj:pass", "aux:pass", "ROOT", "case", "det", "nmod", "obl", "punct"],
)


def gold_doc(vocab, sentences):
    words, heads, deps = [], [], []
    for text, its_heads, its_deps in sentences:
        heads += [head + len(words) for head in its_heads]
        words += text.split()
        deps += its_deps
    return Doc(vocab, words=words, heads=heads, deps=deps)


def examples_of(nlp, *documents):
    golds = [gold_doc(nlp.vocab, sentences) for sentences in documents]
    return [Example(Doc(nlp.vocab, words=[t.text for t in gold]), gold) for gold in golds]


def trained(*documents, steps=40, seed=0, **config):
    fix_random_seed(seed)
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_parser", config=config)
    examples = examples_of(nlp, *documents)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.003
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer)
    return nlp


@pytest.fixture(scope="module")
def nlp():
    return trained(SENTENCES[:2], SENTENCES[2:], SENTENCES)


def tree(doc):
    return [(token.head.i, token.dep_) for token in doc]


def words_doc(nlp, *sentences, **kwargs):
    return Doc(nlp.vocab, words=" ".join(text for text, *_ in sentences).split(), **kwargs)


# -- What it learns ----------------------------------------------------------------------------------------------------


def test_learns_trees_and_sentences(nlp):
    doc = nlp(words_doc(nlp, *SENTENCES))
    assert tree(doc) == tree(gold_doc(nlp.vocab, SENTENCES))
    assert [str(sent) for sent in doc.sents] == [text for text, *_ in SENTENCES]
    assert doc.has_annotation("DEP")
    assert [t.text for t in doc[1].lefts] == ["I"]


def test_scores_count_punctuation_or_leave_it_out(nlp):
    examples = examples_of(nlp, SENTENCES)
    assert nlp.evaluate(examples)["dep_las_punct"] == 1.0
    wrong = examples_of(nlp, SENTENCES[:1])
    predicted = wrong[0].predicted
    for token, (head, dep) in zip(predicted, tree(wrong[0].reference)):
        token.head, token.dep_ = predicted[head], dep
    predicted[4].head = predicted[3]
    scores = nlp.get_pipe("fodl_parser").score(wrong)
    assert scores["dep_uas"] == scores["dep_las"] == 1.0
    assert scores["dep_uas_punct"] == scores["dep_las_punct"] == pytest.approx(0.8)


def test_crossing_arcs_come_back():
    nlp = trained([CROSSING], [*SENTENCES, CROSSING], min_lifted=1)
    parser = nlp.get_pipe("fodl_parser")
    assert any(nonproj.is_decorated(label) for label in parser.label_data)
    assert not any(nonproj.is_decorated(label) for label in parser.labels)
    doc = nlp(words_doc(nlp, CROSSING))
    assert tree(doc) == tree(gold_doc(nlp.vocab, [CROSSING]))
    assert nonproj.is_nonproj_tree([token.head.i for token in doc])


def test_rare_lifted_arcs_stay_lifted():
    nlp = trained([CROSSING], [*SENTENCES, CROSSING], min_lifted=3)
    doc = nlp(words_doc(nlp, CROSSING))
    assert doc[6].dep_ == "nmod"
    assert doc[6].head.i == 3


# -- Sentence starts ---------------------------------------------------------------------------------------------------


def test_starts_that_are_set_are_kept(nlp):
    text = " ".join(text for text, *_ in SENTENCES)
    for starts in ([0, 2, 9], [0, 1, 2, 3], [0], range(len(text.split()))):
        flags = [i in starts for i in range(len(text.split()))]
        doc = nlp(words_doc(nlp, *SENTENCES, sent_starts=flags))
        assert [sent.start for sent in doc.sents] == list(starts)


@settings(deadline=None, max_examples=30)
@given(flags=st.lists(st.sampled_from([True, False, None]), min_size=21, max_size=21))
def test_any_starts_are_kept(nlp, flags):
    doc = words_doc(nlp, *SENTENCES)
    for token, flag in zip(doc, flags):
        if token.i:
            token.is_sent_start = flag
    doc = nlp(doc)
    for token, flag in zip(doc, flags):
        if token.i and flag is not None:
            assert bool(token.is_sent_start) == flag


@settings(deadline=None, max_examples=50)
@given(
    words=st.lists(st.sampled_from(["Eat", "ham", ".", "\n", " "]), min_size=1, max_size=9),
    flags=st.lists(st.sampled_from([True, False, None]), min_size=9, max_size=9),
)
def test_starts_on_white_space_are_kept_too(nlp, words, flags):
    flags = [True, *flags[1 : len(words)]]
    doc = nlp(Doc(nlp.vocab, words=words, sent_starts=flags))
    for token, flag in zip(doc, flags):
        if flag:
            assert token.is_sent_start
        elif token.is_space:
            # White space starts no sentence that nobody asked for.
            assert not token.is_sent_start
    assert doc.has_annotation("DEP", require_complete=True)


def test_starts_come_from_another_component():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("fodl_parser")
    examples = examples_of(nlp, SENTENCES, SENTENCES[1:])
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(3):
        nlp.update(examples, sgd=optimizer, annotates=["sentencizer"])
    doc = nlp(words_doc(nlp, *SENTENCES))
    assert [str(sent) for sent in doc.sents] == [text for text, *_ in SENTENCES]


# -- White space and length --------------------------------------------------------------------------------------------


def test_white_space_hangs_on_the_word_before(nlp):
    doc = nlp(
        Doc(nlp.vocab, words=["\n", "I", " ", "walk", "to", "work", ".", "\n\n", "\t", "Eat", "blue", "ham", "!"])
    )
    assert [(t.head.i, t.dep_) for t in doc if t.is_space] == [(1, "dep"), (1, "dep"), (6, "dep"), (6, "dep")]
    assert [sent.start for sent in doc.sents] == [0, 9]
    plain = nlp(Doc(nlp.vocab, words=["I", "walk", "to", "work", ".", "Eat", "blue", "ham", "!"]))
    assert [t.dep_ for t in doc if not t.is_space] == [t.dep_ for t in plain]


def test_a_sentence_may_start_with_white_space(nlp):
    words = ["Eat", "!", "\n", "I", "walk", "."]
    doc = nlp(Doc(nlp.vocab, words=words, sent_starts=[True, False, True, False, False, False]))
    assert [sent.start for sent in doc.sents] == [0, 2]
    assert doc[2].head.i == 3


@pytest.mark.parametrize("words", [[], [" "], ["\n", " "], ["Eat"], ["Eat", " "]])
def test_little_text(nlp, words):
    doc = nlp(Doc(nlp.vocab, words=words))
    assert len(list(doc.sents)) == min(len(words), 1)
    assert [t.dep_ for t in doc][:1] == ["ROOT"][: len(words)]


def test_ten_thousand_words_equal_their_sentences(nlp):
    n = 500
    starts = [i == 0 for text, *_ in SENTENCES * n for i in range(len(text.split()))]
    long_doc = nlp(words_doc(nlp, *SENTENCES * n, sent_starts=starts))
    heads = np.array([token.head.i - token.i for token in long_doc]).reshape(n, -1)
    # The tok2vec looks over the bounds of sentences, so the first and the last round have other neighbours.
    assert (heads[1:-1] == heads[1]).all()


def test_a_long_text_is_parsed_in_parts_as_it_would_be_from_the_beginning(nlp, monkeypatch):
    doc = words_doc(nlp, *SENTENCES * 50)
    called = []
    in_parts = parser_model.search_in_parts
    monkeypatch.setattr(parser_model, "search_in_parts", lambda *args: called.append(1) or in_parts(*args))
    found = tree(nlp(doc.copy()))
    assert called
    monkeypatch.setattr(parser_model, "pays", lambda sentences: False)
    assert tree(nlp(doc)) == found
    assert len(list(doc.sents)) > 100


def test_the_batch_equals_one_by_one(nlp):
    texts = [SENTENCES[:1], SENTENCES, SENTENCES[1:3], [], SENTENCES[2:]]
    together = list(nlp.pipe([words_doc(nlp, *sentences) for sentences in texts]))
    assert [tree(doc) for doc in together] == [tree(nlp(words_doc(nlp, *sentences))) for sentences in texts]


def test_batches_of_nothing(nlp):
    assert list(nlp.pipe([])) == []
    parser = nlp.get_pipe("fodl_parser")
    assert parser.predict([]) == []
    assert [len(parse.heads) for parse in parser.predict([Doc(nlp.vocab), Doc(nlp.vocab)])] == [0, 0]
    assert parser.update([]) == {"fodl_parser": 0.0}


# -- Gold --------------------------------------------------------------------------------------------------------------


@given(projective_trees(), st.data())
def test_completed_trees_keep_what_is_gold(heads, data):
    gaps = data.draw(st.lists(st.booleans(), min_size=len(heads), max_size=len(heads)))
    given_heads = np.where(gaps, MISSING, heads)
    starts = np.arange(len(heads)) == 0
    full, known = completed(given_heads, starts)
    assert (full[known] == given_heads[known]).all()
    assert not known[np.array(gaps) & (full != given_heads)].any()
    assert (full == ROOT_HEAD).sum() == 1
    assert not cyclic(full).any()


def test_alignment_equals_that_of_spacy():
    nlp = spacy.blank("en")
    gold = gold_doc(nlp.vocab, [CROSSING, *SENTENCES])
    words = [t.text for t in gold]
    words[4:6] = ["on", "th", "e"]
    words[-4:-2] = ["ham,"]
    example = Example(Doc(nlp.vocab, words=words, spaces=[w != "th" for w in words]), gold)
    ours = aligned_parse(example, "parser")
    heads, deps = example.get_aligned_parse(projectivize=True)
    known = [i for i, head in enumerate(heads) if head is not None]
    assert [i for i, head in enumerate(ours.heads) if head >= 0] == known
    assert ours.heads[known].tolist() == [heads[i] for i in known]
    assert [nlp.vocab.strings[int(dep)] for dep in ours.deps[known]] == [deps[i] for i in known]
    assert [i for i, start in enumerate(ours.starts) if start] == [
        i for i, start in enumerate(example.get_aligned_sent_starts()) if start
    ]
    same = Example(Doc(nlp.vocab, words=[t.text for t in gold]), gold)
    heads, deps = same.get_aligned_parse(projectivize=True)
    assert aligned_parse(same, "parser").heads.tolist() == heads
    assert projective(gold, "parser")[0].tolist() == heads


def test_learns_from_partial_trees_and_other_tokens():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_parser")
    golds = [gold_doc(nlp.vocab, SENTENCES), gold_doc(nlp.vocab, SENTENCES[1:])]
    golds[0][3].dep_ = ""
    examples = []
    for gold in golds:
        words = [t.text for t in gold]
        words[-2:] = ["run."]
        examples.append(Example(Doc(nlp.vocab, words=words), gold))
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.003
    for _ in range(40):
        losses = nlp.update(examples, sgd=optimizer)
    assert losses["fodl_parser"] < 0.05
    # What a word without gold head does to those around it is not told, so the sentences without one.
    assert tree(nlp(words_doc(nlp, *SENTENCES[1:3]))) == tree(gold_doc(nlp.vocab, SENTENCES[1:3]))


@pytest.mark.parametrize(
    "text, heads, missing",
    [("eggs today she really likes", [4, 1, 4, 4, 4], 1), ("He said she likes green eggs", [1, 1, 3, 1, 4, 3], 4)],
)
def test_a_missing_head_leaves_the_arcs_over_it_alone(text, heads, missing):
    nlp = spacy.blank("en")
    deps = ["ROOT" if head == i else "dep" for i, head in enumerate(heads)]
    deps[missing] = ""
    gold = Doc(nlp.vocab, words=text.split(), heads=heads, deps=deps)
    parser = nlp.add_pipe("fodl_parser")
    parser.add_label("dep")
    found = parser._batch([Example(Doc(nlp.vocab, words=text.split()), gold)]).gold
    expected = [ROOT_HEAD if head == i else head for i, head in enumerate(heads)]
    assert found.known.tolist() == [i != missing for i in range(len(heads))]
    assert [head for i, head in enumerate(found.heads) if i != missing] == [
        head for i, head in enumerate(expected) if i != missing
    ]
    assert found.starts.tolist() == [i == 0 for i in range(len(heads))]


def test_long_stretches_without_heads_cost_little():
    nlp = spacy.blank("en")
    n = 20000
    heads, deps = [*range(n), n + 1, n + 1], [*[""] * n, "nsubj", "ROOT"]
    gold = Doc(nlp.vocab, words=["word"] * (n + 2), heads=heads, deps=deps)
    found, labels = projective(gold, "parser")
    assert found.tolist() == heads
    assert (labels != 0).sum() == 2


def test_examples_without_trees_teach_nothing(nlp):
    example = Example(words_doc(nlp, *SENTENCES), words_doc(nlp, *SENTENCES))
    loss, gradient = nlp.get_pipe("fodl_parser").get_loss([example])
    assert loss < 1e-3
    assert gradient is None


def test_set_starts_that_contradict_gold():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_parser")
    gold = gold_doc(nlp.vocab, SENTENCES)
    for flags in ([True, False, True] + [False] * 18, [True] + [False] * 20, [True] * 21):
        examples = [Example(Doc(nlp.vocab, words=[t.text for t in gold], sent_starts=flags), gold)]
        optimizer = nlp.initialize(lambda examples=examples: examples)
        for _ in range(10):
            losses = nlp.update(examples, sgd=optimizer)
        assert np.isfinite(losses["fodl_parser"])


@pytest.mark.parametrize("settings", [{}, {"normalization": "global", "local_steps": 20, "beam_width": 4}])
def test_sentences_that_were_given_in_training_stay_whole_where_they_are_not(settings):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_parser", config=settings)
    golds = [gold_doc(nlp.vocab, [sentence]) for sentence in SENTENCES]
    examples = [
        Example(Doc(nlp.vocab, words=[t.text for t in gold], sent_starts=[True, *[False] * (len(gold) - 1)]), gold)
        for gold in golds
    ]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    for gold in golds:
        doc = nlp(Doc(nlp.vocab, words=[t.text for t in gold]))
        assert tree(doc) == tree(gold)


def test_cycles_are_refused():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_parser")
    examples = examples_of(nlp, SENTENCES)
    optimizer = nlp.initialize(lambda: examples)
    for heads in ([1, 0, 2], [1, 2, 0], [2, 0, 1]):
        words, heads = "You sleep . I like eggs".split(), [1, 1, 1, *(head + 3 for head in heads)]
        gold = Doc(nlp.vocab, words=words, heads=heads, deps=["nsubj", "ROOT", "punct", "nsubj", "xcomp", "obj"])
        example = Example(Doc(nlp.vocab, words=[token.text for token in gold]), gold)
        with pytest.raises(ValueError, match=r'F210.*"I like eggs"'):
            nlp.update([*examples, example], sgd=optimizer)
        other = spacy.blank("en")
        other.add_pipe("fodl_parser")
        with pytest.raises(ValueError, match=r'F210.*"I like eggs"'):
            other.initialize(lambda example=example: [example])


def with_multiword_token(nlp, words_between=()):
    """In the text the words have no bounds."""
    words = ["de", "le", *words_between, "bois"]
    root = len(words) - 1
    spaces = [False, *[True] * (len(words) - 2), False]
    deps = [*["case"] * root, "ROOT"]
    return Doc(nlp.vocab, words=words, spaces=spaces, heads=[root] * len(words), deps=deps)


@pytest.mark.parametrize(
    "words_between, n, warns",
    [
        ((), 20, True),
        (("x",) * 4, 20, True),
        (("x",) * 12, 20, False),
        ((), 2, False),
        (("a/b-c/d-e/f-g",) * 2, 20, True),
    ],
)
def test_misaligned_heads_are_told(words_between, n, warns):
    """If they are many: two of three, and two of seven, but not two of fifteen; whatever is cut into several."""
    nlp = spacy.blank("en")
    parser = nlp.add_pipe("fodl_parser")
    gold = with_multiword_token(nlp, words_between)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        parser.initialize(lambda: [Example(nlp.make_doc(gold.text), gold)] * n)
    assert [str(one.message)[:6] for one in caught if "W201" in str(one.message)] == ["[W201]"] * warns


def test_no_heads_are_not_lost_ones():
    nlp = spacy.blank("en")
    parser = nlp.add_pipe("fodl_parser")
    gold = with_multiword_token(nlp)
    tokens = [token.text for token in gold]
    without = [Example(doc, doc) for doc in [nlp.make_doc("de le bois")] * 20]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parser.initialize(lambda: [Example(Doc(nlp.vocab, words=tokens), gold)] * 20)
        parser.initialize(lambda: [*without, *[Example(Doc(nlp.vocab, words=tokens), gold)] * 20])
        parser.initialize(lambda: without, labels=list(parser.label_data))


def test_words_with_a_head_and_no_label_make_no_cycle():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_parser")
    gold = Doc(nlp.vocab, words=["a", "b", "c", "d"], heads=[2, 3, 0, 1], deps=["x", "x", "", ""])
    examples = [*examples_of(nlp, SENTENCES), Example(Doc(nlp.vocab, words=[token.text for token in gold]), gold)]
    optimizer = nlp.initialize(lambda: examples)
    nlp.update(examples, sgd=optimizer)


# -- Beam ---


def test_a_beam_finds_the_same_trees_of_what_was_learned_by_heart(nlp):
    parser = nlp.get_pipe("fodl_parser")
    assert parser.beam_width == 1
    try:
        for width in (2, 8):
            parser.beam_width = width
            assert tree(nlp(words_doc(nlp, *SENTENCES))) == tree(gold_doc(nlp.vocab, SENTENCES))
            docs = [words_doc(nlp, *sentences) for sentences in (SENTENCES[:1], [], SENTENCES[1:])]
            assert [tree(doc) for doc in nlp.pipe(docs)] == [
                tree(gold_doc(nlp.vocab, sentences)) for sentences in (SENTENCES[:1], [], SENTENCES[1:])
            ]
            starts = [True, False, False, True, False]
            doc = nlp(Doc(nlp.vocab, words="Eat ham ! run .".split(), sent_starts=starts))
            assert [sent.start for sent in doc.sents] == [0, 3]
            assert [t.dep_ for t in nlp("Eat")] == ["ROOT"]
    finally:
        parser.beam_width = 1


def test_a_beam_finds_other_trees_where_nothing_was_learned():
    nlp = trained(SENTENCES, steps=0)
    parser = nlp.get_pipe("fodl_parser")
    docs = [words_doc(nlp, *SENTENCES) for _ in range(2)]
    greedy = tree(nlp(docs[0]))
    parser.beam_width = 16
    assert tree(nlp(docs[1])) != greedy
    assert not cyclic(np.array([-1 if t.head.i == t.i else t.head.i for t in docs[1]])).any()


def test_the_width_of_the_beam_is_a_setting_and_not_a_part_of_the_model(tmp_path):
    nlp = trained(SENTENCES, steps=1, beam_width=4)
    assert nlp.get_pipe("fodl_parser").beam_width == 4
    nlp.to_disk(tmp_path)
    assert spacy.load(tmp_path).get_pipe("fodl_parser").beam_width == 4
    config = {"components": {"fodl_parser": {"beam_width": 2}}}
    assert spacy.load(tmp_path, config=config).get_pipe("fodl_parser").beam_width == 2
    for width in (0, -1, 1.5):
        with pytest.raises(ValueError, match=r"F208.*beam_width"):
            nlp.get_pipe("fodl_parser").beam_width = width


# -- Global normalization, n best trees, probabilities -----------------------------------------------------------------


def test_training_turns_from_local_to_global(monkeypatch):
    seen = []
    local, global_ = Training.local_loss, Training.global_loss
    monkeypatch.setattr(Training, "local_loss", lambda *args: seen.append("local") or local(*args))
    monkeypatch.setattr(Training, "global_loss", lambda *args: seen.append("global") or global_(*args))
    nlp = trained(SENTENCES, steps=60, beam_width=4, normalization="global", local_steps=25)
    assert seen == ["local"] * 25 + ["global"] * 35
    assert tree(nlp(words_doc(nlp, *SENTENCES))) == tree(gold_doc(nlp.vocab, SENTENCES))
    # Batches whose gradients are added up are one step.
    nlp = trained(SENTENCES, steps=0, beam_width=4, normalization="global", local_steps=2)
    examples = examples_of(nlp, SENTENCES)
    seen.clear()
    for _ in range(3):
        nlp.update(examples, sgd=False)
        nlp.update(examples, sgd=False)
        nlp.get_pipe("fodl_parser").finish_update(nlp.create_optimizer())
    assert seen == ["local"] * 4 + ["global"] * 2


@pytest.mark.parametrize("explore_after, expected", [(0, 60), (25, 35), (None, 0)])
def test_training_goes_its_own_way_after_some_steps(explore_after, expected, monkeypatch):
    seen = []
    explore = parser_model.explored_configurations
    monkeypatch.setattr(parser_model, "explored_configurations", lambda *args: seen.append(1) or explore(*args))
    nlp = trained(SENTENCES, steps=60, explore_after=explore_after)
    assert len(seen) == expected
    assert tree(nlp(words_doc(nlp, *SENTENCES))) == tree(gold_doc(nlp.vocab, SENTENCES))
    nlp.get_pipe("fodl_parser").get_loss(examples_of(nlp, SENTENCES))
    assert len(seen) == expected


def test_learning_globally_is_not_learning_locally():
    local, global_ = (
        trained(SENTENCES, steps=20, beam_width=4, normalization="global", local_steps=n) for n in (20, 10)
    )
    words = [parser.get_pipe("fodl_parser").model.get_ref("network").shims[0].to_bytes() for parser in (local, global_)]
    assert words[0] != words[1]


def test_global_training_goes_on_from_where_local_training_was():
    """As long as configurations are worth nothing, scores add up to what they were."""
    nlp = trained(SENTENCES, steps=10, beam_width=4)
    parser = nlp.get_pipe("fodl_parser")
    before, after = [], []
    for found, normalization in ((before, "local"), (after, "global")):
        parser.model.attrs["trained"] = normalization
        found.extend(parser.beams([words_doc(nlp, *SENTENCES)]))
    assert (before[0].heads == after[0].heads).all()
    assert before[0].scores == pytest.approx(after[0].scores)
    examples = examples_of(nlp, SENTENCES)
    optimizer = nlp.resume_training()
    for _ in range(5):
        parser.normalization = "global"
        nlp.update(examples, sgd=optimizer)
    parser.model.attrs["trained"] = "local"
    locally = parser.beams([words_doc(nlp, *SENTENCES)])[0].scores
    parser.model.attrs["trained"] = "global"
    assert parser.beams([words_doc(nlp, *SENTENCES)])[0].scores != pytest.approx(locally, abs=1e-3)


def test_a_model_is_used_as_it_was_trained(tmp_path):
    """Whatever the config says that it is to learn next, and with any beam."""
    nlp = trained(SENTENCES, steps=40, beam_width=4, normalization="global", local_steps=20, n_best=2)
    nlp.to_disk(tmp_path)
    expected = nlp(words_doc(nlp, *SENTENCES))._.fodl_parses
    for changed in ({}, {"normalization": "local"}, {"local_steps": 1000}):
        loaded = spacy.load(tmp_path, config={"components": {"fodl_parser": changed}})
        assert loaded.get_pipe("fodl_parser").model.attrs["steps"] == 40
        found = loaded(words_doc(loaded, *SENTENCES))._.fodl_parses
        assert found == [
            {**one, "trees": [{**tree, "prob": pytest.approx(tree["prob"], abs=1e-5)} for tree in one["trees"]]}
            for one in expected
        ]
    for width in (1, 16):
        config = {"components": {"fodl_parser": {"beam_width": width, "n_best": 0}}}
        loaded = spacy.load(tmp_path, config=config)
        parser, doc = loaded.get_pipe("fodl_parser"), words_doc(loaded, *SENTENCES)
        found = derivations(parser.model, doc, parser.arc_labels, beam_width=width, normalization="global")
        expected = [ROOT_HEAD] * len(doc)
        for arc in (arc for one in found for arc in one.arcs):
            expected[arc.dependent] = arc.head
        heads, _ = tree_of(loaded(doc))
        assert [head if head != i else ROOT_HEAD for i, head in enumerate(heads.tolist())] == expected


def test_global_training_leaves_out_trees_that_are_known_in_part():
    nlp = trained(SENTENCES, steps=40, beam_width=4, normalization="global", local_steps=30)
    whole = examples_of(nlp, SENTENCES)[0]
    partial = examples_of(nlp, SENTENCES)[0]
    partial.reference[0].dep_ = ""
    starts = [token.is_sent_start for token in whole.reference]
    for example in (whole, partial):
        for token, start in zip(example.predicted, starts):
            token.is_sent_start = start
    parser = nlp.get_pipe("fodl_parser")
    first = Example(whole.predicted[:5].as_doc(), whole.reference[:5].as_doc())
    losses = [parser.get_loss([example])[0] for example in (whole, partial, first)]
    assert losses[1] == pytest.approx(losses[0] - losses[2], abs=1e-3)
    nothing = Example(Doc(nlp.vocab, words=["Eat"]), Doc(nlp.vocab, words=["Eat"]))
    nlp.update([nothing], sgd=nlp.create_optimizer())
    assert parser.get_loss([nothing])[0] == 0


@pytest.mark.parametrize("width", [1, 4])
@pytest.mark.parametrize("space", [" ", "\n", "  ", "\t \n"])
def test_white_space_between_documents_moves_no_beam(width, space):
    nlp = trained(SENTENCES, steps=3, beam_width=width, n_best=1, store_probs=width > 1)
    text = SENTENCES[0][0]
    alone = [doc._.fodl_parses for doc in map(nlp, (space, text))]
    for texts in ([space, text], [space, space, text, space, text], [text, space, text]):
        docs = list(nlp.pipe(texts))
        for doc in docs:
            expected = alone[doc.text == text]
            assert [(one["start"], one["end"]) for one in doc._.fodl_parses] == [
                (one["start"], one["end"]) for one in expected
            ]
            assert [one["trees"][0]["heads"] for one in doc._.fodl_parses] == [
                one["trees"][0]["heads"] for one in expected
            ]


def test_n_best_trees_with_probabilities():
    nlp = trained(SENTENCES, steps=3, beam_width=16, n_best=3, store_probs=True)
    words = [word for text, _, _ in SENTENCES for word in text.split()]
    starts = [i == 0 for text, _, _ in SENTENCES for i in range(len(text.split()))]
    doc = nlp(Doc(nlp.vocab, words=words, sent_starts=starts))
    assert [(one["start"], one["end"]) for one in doc._.fodl_parses] == [(s.start, s.end) for s in doc.sents]
    for one, sent in zip(doc._.fodl_parses, doc.sents):
        trees = one["trees"]
        assert len(trees) == 3
        probs = [tree["prob"] for tree in trees]
        assert probs[1:] == sorted(probs[1:], reverse=True)
        assert 0 < sum(probs) <= 1.000001
        assert len({(*tree["heads"], *tree["deps"]) for tree in trees}) == 3
        assert [t.head.i for t in sent] == trees[0]["heads"]
        assert [t.dep_ for t in sent] == trees[0]["deps"]
        assert all(sent.start <= head < sent.end for tree in trees for head in tree["heads"])
    nlp.get_pipe("fodl_parser").n_best = 16
    everything = nlp(Doc(nlp.vocab, words=words, sent_starts=starts))
    for one, sent in zip(everything._.fodl_parses, everything.sents):
        assert sum(tree["prob"] for tree in one["trees"]) == pytest.approx(1.0, abs=1e-5)
        for i, token in enumerate(sent):
            marginal = sum(tree["prob"] for tree in one["trees"] if tree["heads"][i] == token.head.i)
            assert 0 < token._.fodl_head_prob < marginal + 1e-5
    assert any(token._.fodl_head_prob < 0.99 for token in everything)


def test_the_tree_of_the_document_is_the_first():
    """Two derivations of another tree may together be more probable than the best one, which the document has."""
    nlp = trained(SENTENCES, steps=3, beam_width=4, n_best=1)
    parser, doc = nlp.get_pipe("fodl_parser"), words_doc(nlp, SENTENCES[0])
    (parse,) = parser.predict([doc])
    n = len(doc)
    others = [np.full(n, root) for root in (0, 1)]
    heads = np.stack([parse.heads, others[0], others[1], others[1]])
    assert len({tuple(row) for row in heads.tolist()}) == 3
    deps = np.tile(parse.deps, (4, 1))
    nothing = np.zeros((0, 2), dtype="int64"), np.zeros(0)
    beam = Hypotheses(heads, deps, np.log([[0.35], [0.05], [0.3], [0.3]]), [0, n], *nothing)
    for n_best, probs in ((1, [0.35]), (3, [0.35, 0.6, 0.05])):
        parser.n_best = n_best
        parser.set_annotations([doc], [parse._replace(beam=beam)])
        trees = doc._.fodl_parses[0]["trees"]
        assert [tree["prob"] for tree in trees] == pytest.approx(probs)
        assert trees[0]["heads"] == [token.head.i for token in doc]


def test_probabilities_of_heads_are_marginals_where_nothing_was_given_up():
    nlp = trained(SENTENCES, steps=3, beam_width=200, n_best=200, store_probs=True)
    doc = nlp(Doc(nlp.vocab, words=["Eat", "eggs"], sent_starts=[True, False]))
    trees = doc._.fodl_parses[0]["trees"]
    assert len(trees) < 200
    for i, token in enumerate(doc):
        marginal = sum(tree["prob"] for tree in trees if tree["heads"][i] == token.head.i)
        assert token._.fodl_head_prob == pytest.approx(marginal, abs=1e-5)
        assert token._.fodl_head_prob < 0.999


def test_a_stretch_begins_with_the_white_space_that_its_sentence_starts_with():
    nlp = trained(SENTENCES, steps=8, beam_width=4, n_best=2, store_probs=True)
    starts = [True, False, True, False, True, False]
    doc = nlp(Doc(nlp.vocab, words=["I", "like", "\n", "eggs", "\n", "\n"], sent_starts=starts))
    assert [(one["start"], one["end"]) for one in doc._.fodl_parses] == [(0, 2), (2, 6)]
    doc = nlp(Doc(nlp.vocab, words=["\n", "I", "run", "\n", "Eat"], sent_starts=[True, False, False, False, True]))
    assert [(one["start"], one["end"]) for one in doc._.fodl_parses] == [(0, 4), (4, 5)]
    for one in doc._.fodl_parses:
        assert all(one["start"] <= head < one["end"] for tree in one["trees"] for head in tree["heads"])


def test_probabilities_are_stored_when_asked_for():
    nlp = trained(SENTENCES, steps=8, beam_width=4)
    doc = nlp(words_doc(nlp, *SENTENCES))
    assert doc._.fodl_parses is None
    assert doc[0]._.fodl_head_prob is None
    assert not doc.user_data
    parser = nlp.get_pipe("fodl_parser")
    parser.store_probs, parser.n_best = True, 1
    parser.beam_width = 1
    doc = nlp(words_doc(nlp, *SENTENCES))
    assert doc[0]._.fodl_head_prob is None
    assert [tree["prob"] for one in doc._.fodl_parses for tree in one["trees"]] == [None]
    parser.beam_width = 4
    for text in ("", " ", "Eat"):
        doc = nlp(text)
        assert [token._.fodl_head_prob for token in doc] == [pytest.approx(1.0)] * len(doc)
    assert doc._.fodl_parses == [
        {"start": 0, "end": 1, "trees": [{"heads": [0], "deps": ["ROOT"], "prob": pytest.approx(1.0)}]}
    ]


def test_what_is_told_of_the_beam_goes_with_the_tree_that_it_is_told_of():
    nlp = trained(SENTENCES, steps=8, beam_width=4, n_best=2, store_probs=True)
    doc = nlp(words_doc(nlp, *SENTENCES))
    parser = nlp.get_pipe("fodl_parser")
    parser.n_best, parser.store_probs = 0, False
    doc = parser(doc)
    assert doc._.fodl_parses is None
    assert doc[0]._.fodl_head_prob is None


def test_what_is_told_of_the_beam_survives_saving():
    nlp = trained(SENTENCES, steps=8, beam_width=4, n_best=2, store_probs=True)
    doc = nlp(words_doc(nlp, *SENTENCES))
    for copy in (
        Doc(nlp.vocab).from_bytes(doc.to_bytes()),
        next(DocBin(docs=[doc], store_user_data=True).get_docs(nlp.vocab)),
        next(iter(nlp.pipe([words_doc(nlp, *SENTENCES)] * 2, n_process=2))),
    ):
        # Lists may come back as tuples, as in all user data.
        assert json.loads(json.dumps(copy._.fodl_parses)) == doc._.fodl_parses
        assert [t._.fodl_head_prob for t in copy] == pytest.approx([t._.fodl_head_prob for t in doc])


def test_trees_that_are_equal_after_lifting_are_one():
    """Two hypotheses that tell from where the arc was lifted, and one that doesn't, put it at the same place."""
    nlp = trained([CROSSING], steps=20, beam_width=4, n_best=4, store_probs=True, min_lifted=1)
    parser = nlp.get_pipe("fodl_parser")
    doc = words_doc(nlp, [CROSSING][0])
    plain = parser.predict([doc])[0]
    decorated = [i for i, dep in enumerate(plain.deps) if "||" in nlp.vocab.strings[dep]]
    assert decorated
    lifted, _ = tree_of(gold_doc(nlp.vocab, [CROSSING]))
    names = np.array([nlp.vocab.strings.add(dep) for dep in CROSSING[2]], dtype="uint64")
    heads = np.stack([plain.heads, lifted, lifted])
    deps = np.stack([plain.deps, names, names])
    cut_tokens = np.array([[2, len(doc)], [0, 1]])
    scores, odds = np.log(np.array([[0.5], [0.3], [0.2]])), np.log(np.array([3.0, 1e-30]))
    beam = Hypotheses(heads, deps, scores, [0, len(doc)], cut_tokens, odds)
    parser.set_annotations([doc], [plain._replace(beam=beam)])
    (one,) = doc._.fodl_parses
    assert [tree["prob"] for tree in one["trees"]] == pytest.approx([1.0])
    assert one["trees"][0]["heads"] == [token.head.i for token in doc]
    assert [token._.fodl_head_prob for token in doc] == pytest.approx([1.0, 1.0, 0.5, *[1.0] * (len(doc) - 3)])


def test_the_temperature_flattens_probabilities(tmp_path):
    nlp = trained(SENTENCES, steps=8, beam_width=8, n_best=2)
    parser = nlp.get_pipe("fodl_parser")

    def best(pipeline):
        return pipeline(words_doc(pipeline, *SENTENCES))._.fodl_parses[0]["trees"][0]["prob"]

    before = best(nlp)
    parser.temperature = 3.0
    assert best(nlp) < before
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert loaded.get_pipe("fodl_parser").temperature == 3.0
    assert best(loaded) == pytest.approx(best(nlp), abs=1e-5)
    for wrong in (0, -1.0, 1e-300, float("inf"), float("nan"), "2", None):
        with pytest.raises(ValueError, match="F208.*temperature"):
            parser.temperature = wrong
    assert parser.temperature == 3.0
    examples = examples_of(nlp, SENTENCES)
    nlp.initialize(lambda: examples)
    assert parser.temperature == 1.0


def test_scores_of_another_scale_need_another_temperature():
    nlp = trained(SENTENCES, steps=4, beam_width=2, normalization="global", local_steps=6)
    parser, optimizer = nlp.get_pipe("fodl_parser"), nlp.create_optimizer()
    parser.temperature = 3.0
    nlp.update(examples_of(nlp, SENTENCES), sgd=optimizer)
    assert parser.temperature == 3.0
    for _ in range(2):
        nlp.update(examples_of(nlp, SENTENCES), sgd=optimizer)
    assert parser.model.attrs["trained"] == "global"
    assert parser.temperature == 1.0


def test_settings_are_checked_whenever_they_are_set():
    parser = spacy.blank("en").add_pipe("fodl_parser")
    for name, values in (
        ("normalization", ["Global", None, 1]),
        ("local_steps", [-3, 0.5, "1", None]),
        ("explore_after", [-1, 0.5, "x"]),
        ("min_lifted", [0, 1.5, None]),
        ("store_probs", ["no", None, 2]),
    ):
        before = getattr(parser, name)
        for value in values:
            with pytest.raises(ValueError, match=f"F208.*{name}"):
                setattr(parser, name, value)
            assert getattr(parser, name) == before
    parser.explore_after = None
    parser.local_steps = np.int64(7)
    assert type(parser.local_steps) is int


def test_settings_of_the_beam_out_of_range():
    for setting in (
        {"beam_width": 0},
        {"n_best": 2},
        {"n_best": -1, "beam_width": 4},
        {"n_best": 5, "beam_width": 4},
        {"local_steps": -1},
        {"explore_after": -1},
    ):
        with pytest.raises(ValueError, match=rf"F208.*{next(iter(setting))}"):
            spacy.blank("en").add_pipe("fodl_parser", config=setting)
    parser = spacy.blank("en").add_pipe("fodl_parser")
    parser.beam_width = np.int64(4)
    assert type(parser.beam_width) is int
    for width in ("8", 1.5, True):
        with pytest.raises(ValueError, match="F208.*an integer") as told:
            parser.beam_width = width
        assert told.value.__suppress_context__
    parser = spacy.blank("en").add_pipe("fodl_parser", config={"beam_width": 4, "n_best": 3})
    with pytest.raises(ValueError, match="F208.*beam_width.*n_best"):
        parser.beam_width = 2
    assert parser.beam_width == 4


# -- Labels ------------------------------------------------------------------------------------------------------------


def test_labels(nlp):
    parser = nlp.get_pipe("fodl_parser")
    assert parser.labels[0] == "ROOT"
    assert (
        set(parser.labels[1:]) == set(parser.label_data) == {dep for _, _, deps in SENTENCES for dep in deps} - {"ROOT"}
    )
    assert parser.add_label("obj") == parser.add_label("ROOT") == 0
    with pytest.raises(ValueError, match=r"F203.*vocative"):
        parser.add_label("vocative")


def test_unknown_labels_are_refused(nlp):
    text, heads, deps = SENTENCES[0]
    example = examples_of(nlp, SENTENCES, [(text, heads, ["vocative", *deps[1:]])])
    with pytest.raises(ValueError, match=r"F204.*vocative.*I like green"):
        nlp.get_pipe("fodl_parser").get_loss(example)


def test_a_root_label_on_a_word_with_a_head_is_refused():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_parser")
    with pytest.raises(ValueError, match=r'F211.*ham.*"ham"'):
        nlp.initialize(lambda: examples_of(nlp, [("Eat ham", [0, 0], ["ROOT", "ROOT"])]))


def test_labels_can_be_given():
    nlp = spacy.blank("en")
    parser = nlp.add_pipe("fodl_parser")
    parser.add_label("obj")
    parser.initialize(lambda: examples_of(nlp, SENTENCES), labels=["ROOT", "nsubj", "obj", "rare"])
    assert parser.label_data == ("obj", "nsubj", "rare")
    parser = spacy.blank("en").add_pipe("fodl_parser")
    parser.initialize(lambda: examples_of(nlp, SENTENCES), labels=["nsubj||ccomp"])
    assert parser.label_data == ("nsubj||ccomp", "nsubj")
    for labels in ("nsubj", [3], [""], 5):
        with pytest.raises(ValueError, match="F202"):
            spacy.blank("en").add_pipe("fodl_parser").initialize(lambda: examples_of(nlp, SENTENCES), labels=labels)


def test_initializing_again_with_other_labels_is_refused():
    nlp = trained(SENTENCES, steps=1)
    nlp.initialize(lambda: examples_of(nlp, SENTENCES))
    with pytest.raises(ValueError, match="F203"):
        nlp.initialize(lambda: examples_of(nlp, [CROSSING]))


def test_no_trees_at_all():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_parser")
    with pytest.raises(ValueError, match=r"F201.*token.dep_"):
        nlp.initialize(lambda: [Example(nlp.make_doc("a b"), nlp.make_doc("a b"))])


def test_labels_without_heads():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_parser")
    _, _, deps = SENTENCES[0]
    example = Example.from_dict(words_doc(nlp, SENTENCES[0]), {"deps": deps})
    with pytest.raises(ValueError, match=r"F201.*no token.head in the 1 "):
        nlp.initialize(lambda: [example])


def test_labels_that_were_added_need_no_trees():
    nlp = spacy.blank("en")
    parser = nlp.add_pipe("fodl_parser")
    assert parser.add_label("obj") == 1
    nlp.initialize(lambda: [Example(nlp.make_doc("a b"), nlp.make_doc("a b"))])
    assert parser.label_data == ("obj",)
    assert {token.dep_ for token in nlp("a b c")} <= {"ROOT", "obj"}


def test_roots_alone():
    nlp = trained([("Yes", [0], ["ROOT"]), ("No", [0], ["ROOT"])])
    assert nlp.get_pipe("fodl_parser").label_data == ("dep",)
    assert [t.dep_ for t in nlp("Yes No")] == ["ROOT", "ROOT"]


def test_the_number_of_actions_can_be_given():
    n_labels = len({dep for _, _, deps in SENTENCES for dep in deps}) - 1
    for n, error in ((2 + 2 * n_labels, None), (13, r"F207.*13")):
        nlp = spacy.blank("en")
        nlp.add_pipe("fodl_parser", config={"model": {**DEFAULT_MODEL, "nO": n}})
        examples = examples_of(nlp, SENTENCES)
        if error is None:
            nlp.update(examples, sgd=nlp.initialize(lambda examples=examples: examples))
        else:
            with pytest.raises(ValueError, match=error):
                nlp.initialize(lambda examples=examples: examples)


def test_settings_out_of_range():
    with pytest.raises(ValueError, match="F208"):
        spacy.blank("en").add_pipe("fodl_parser", config={"min_lifted": 0})
    for setting in ({"hidden": 0}, {"label_width": 0}, {"dropout": 1.0}, {"grad_clip": -1.0}):
        with pytest.raises(ValueError, match="F101"):
            spacy.blank("en").add_pipe("fodl_parser", config={"model": {**DEFAULT_MODEL, **setting}})


# -- Saving ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("features", ["stack3", "syntaxnet"])
def test_round_trips(tmp_path, features):
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_parser", config={"model": {**DEFAULT_MODEL, "features": features}})
    examples = examples_of(nlp, SENTENCES, SENTENCES[1:])
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.003
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    expected = tree(nlp(words_doc(nlp, *SENTENCES)))
    assert expected == tree(gold_doc(nlp.vocab, SENTENCES))
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert tree(loaded(words_doc(loaded, *SENTENCES))) == expected
    other = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert tree(other(words_doc(other, *SENTENCES))) == expected
    docs = DocBin(docs=[nlp(words_doc(nlp, *SENTENCES))])
    assert [tree(doc) for doc in docs.get_docs(nlp.vocab)] == [expected]


def test_two_processes(nlp):
    texts = [" ".join(text for text, *_ in SENTENCES)] * 4
    found = list(nlp.pipe(texts, n_process=2, batch_size=2))
    assert [tree(doc) for doc in found] == [tree(nlp(text)) for text in texts]


def test_not_initialized():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_parser")
    with pytest.raises(ValueError, match="E109"):
        nlp("Hello there")


def test_the_same_seed_gives_the_same_scores():
    losses = []
    for _ in range(2):
        nlp = trained(SENTENCES, steps=5, seed=3)
        losses.append(nlp.get_pipe("fodl_parser").get_loss(examples_of(nlp, SENTENCES))[0])
    assert losses[0] == losses[1]


def test_shared_tok2vec():
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec")
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96, "upstream": "*"}
    nlp.add_pipe("fodl_tagger", config={"model": {"@architectures": "spacy_fodl.NGramTagger.v1", "tok2vec": listener}})
    model = {"@architectures": "spacy_fodl.TransitionParser.v1", "tok2vec": listener}
    nlp.add_pipe("fodl_parser", config={"model": model})
    examples = examples_of(nlp, SENTENCES, SENTENCES[1:])
    for example in examples:
        for token in example.reference:
            token.tag_ = token.dep_
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.003
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    expected = tree(gold_doc(nlp.vocab, SENTENCES))
    doc = nlp(words_doc(nlp, *SENTENCES))
    assert tree(doc) == expected
    assert [t.tag_ for t in doc] == [t.dep_ for t in doc]
    nlp.replace_listeners("tok2vec", "fodl_parser", ["model.tok2vec"])
    assert tree(nlp(words_doc(nlp, *SENTENCES))) == expected


HEBREW = """\
# text = הילד אכל תפוח.
1	הילד	ילד	NOUN	_	_	2	nsubj	_	_
2	אכל	אכל	VERB	_	_	0	root	_	_
3	תפוח	תפוח	NOUN	_	_	2	obj	_	SpaceAfter=No
4	.	.	PUNCT	_	_	2	punct	_	_

# text = הילדה קראה ספר ישן.
1	הילדה	ילדה	NOUN	_	_	2	nsubj	_	_
2	קראה	קרא	VERB	_	_	0	root	_	_
3	ספר	ספר	NOUN	_	_	2	obj	_	_
4	ישן	ישן	ADJ	_	_	3	amod	_	SpaceAfter=No
5	.	.	PUNCT	_	_	2	punct	_	_

"""


def test_another_language_from_conllu(tmp_path):
    """Written from right to left, and many sentences, with the config of English and another code."""
    n = 200
    (tmp_path / "train.conllu").write_text(HEBREW * n, encoding="utf8")
    reader = {"@readers": "spacy_fodl.ConlluCorpus.v1", "path": str(tmp_path / "train.conllu"), "n_sents": 50}
    config = load_config(ROOT / "configs" / "parser_fast.cfg", overrides={"nlp.lang": "he"}, interpolate=False)
    config["corpora"].update(train={**reader, "sent_starts": False}, dev={**reader, "sent_starts": False})
    nlp = init_nlp(config)
    corpus = registry.resolve({"reader": {**reader, "sent_starts": False}})["reader"]
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.003
    for _ in range(6):
        for batch in minibatch(corpus(nlp), 4):
            nlp.update(batch, sgd=optimizer)
    doc = nlp("הילדה קראה ספר ישן. הילד אכל תפוח.")
    assert [sent.text for sent in doc.sents] == ["הילדה קראה ספר ישן.", "הילד אכל תפוח."]
    assert [token.dep_ for token in doc] == "nsubj ROOT obj amod punct nsubj ROOT obj punct".split()
    assert nlp.evaluate(list(corpus(nlp)))["dep_las_punct"] == 1.0
