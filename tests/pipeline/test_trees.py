"""Trees that fodl_seq2seq writes."""

import re

import pytest
import spacy
import torch
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import fix_random_seed

from spacy_fodl.pipeline.trees import make_set_tree_v1, make_tree_symbols_v1
from spacy_fodl.training.trees import make_tree_targets_v1

from .test_seq2seq import SMALL

SENTENCES = [
    ("I like green eggs", [1, 1, 3, 1], ["nsubj", "ROOT", "amod", "obj"]),
    ("Eat ham", [0, 0], ["ROOT", "obj"]),
    ("You run", [1, 1], ["nsubj", "ROOT"]),
]
# "hearing" and its dependent "on" cross the arc of "scheduled".
CROSSING = (
    "A hearing is scheduled on it today",
    [1, 3, 3, 3, 1, 4, 3],
    ["det", "nsubj", "aux", "ROOT", "nmod", "pobj", "advmod"],
)


def examples_of(nlp, sentences=SENTENCES):
    found = []
    for text, heads, deps in sentences:
        gold = Doc(nlp.vocab, words=text.split(), heads=heads, deps=deps)
        found.append(Example(Doc(nlp.vocab, words=text.split()), gold))
    return found


def targets_of(nlp, examples):
    return list(make_tree_targets_v1(lambda nlp: examples)(nlp))


def made(steps=0, **target):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    config = {
        "target": {"@misc": "spacy_fodl.TreeSymbols.v1", **target},
        "output": {"@misc": "spacy_fodl.SetTree.v1"},
        "scorer": {"@scorers": "spacy_fodl.parser_scorer.v1"},
        "model": SMALL,
        "beam_width": 2,
    }
    nlp.add_pipe("fodl_seq2seq", config=config)
    examples = targets_of(nlp, examples_of(nlp))
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer)
    return nlp


def test_learns_to_parse(tmp_path):
    nlp = made(60, one_root=True)
    scores = nlp.evaluate(examples_of(nlp))
    assert scores["dep_las"] == pytest.approx(1.0)
    nlp.to_disk(tmp_path)
    doc = spacy.load(tmp_path)("Eat ham")
    assert [(token.head.text, token.dep_) for token in doc] == [("Eat", "ROOT"), ("Eat", "obj")]
    assert doc._.fodl_repairs == 0
    assert doc._.fodl_output is None


def test_a_network_that_knows_nothing_writes_trees_all_the_same():
    nlp = made()
    for text in ("You like the green ham on a day in May", "Eat", " ", "", "\n Eat \n\n green ham \n"):
        doc = nlp(text)
        assert doc._.fodl_repairs == 0
        assert all(token.dep_ for token in doc)
        assert all(token.head == token for token in doc if token.dep_ == "ROOT")
        symbols = doc._.fodl_seq2seq["tokens"]
        assert len(symbols) == 3 * sum(not token.is_space for token in doc)
    nlp = made(constrained=False)
    assert nlp("You like the green ham on a day in May")._.fodl_repairs > 0


def test_a_label_of_roots_stands_outside_of_all_alone():
    nlp = made()
    constraint = nlp.get_pipe("fodl_seq2seq").target.constraint([nlp.make_doc("Eat ham")])
    brackets = constraint(torch.tensor([0]))
    symbols = nlp.get_pipe("fodl_seq2seq").target.symbols
    expected = [{"(ROOT"}, {"XX", *(s for s in symbols if s.startswith("(") and s != "(ROOT")}, {"XX"}]
    for written, names in zip(("(ROOT", "(obj", ""), expected):
        assert {s for s, may in zip(symbols, brackets.allowed()[0].tolist()) if may} == names
        if written:
            brackets.write(torch.tensor([symbols.index(written)]))
    doc = nlp.make_doc("Eat ham")
    make_set_tree_v1()(doc, "(ROOT XX (ROOT XX ) )")
    assert [token.dep_ for token in doc] == ["ROOT", "dep"]
    gold = Doc(nlp.vocab, words=["Eat", "ham"], heads=[0, 0], deps=["ROOT", "obj"])
    gold[1].dep_ = "ROOT"
    with pytest.raises(ValueError, match="F211.*ham"):
        targets_of(nlp, [Example(nlp.make_doc("Eat ham"), gold)])


def test_symbols_of_another_setting(tmp_path):
    nlp = made(labels=False)
    nlp.to_disk(tmp_path)
    with pytest.raises(ValueError, match="F225.*labels = False.*labels = True"):
        spacy.load(tmp_path, config={"components": {"fodl_seq2seq": {"target": {"labels": True}}}})


def test_trees_without_labels():
    nlp = made(60, labels=False, one_root=True)
    doc = nlp("I like green eggs")
    assert [token.head.i for token in doc] == [1, 1, 3, 1]
    assert [token.dep_ for token in doc] == ["dep", "ROOT", "dep", "dep"]


def test_the_targets_of_a_treebank():
    nlp = spacy.blank("en")
    examples = examples_of(nlp, [SENTENCES[1], CROSSING])
    words = ["Eat", "ham", "\n", "You", "run"]
    heads, deps = [0, 0, 1, 4, 4], ["ROOT", "obj", "dep", "nsubj", "ROOT"]
    two = Doc(nlp.vocab, words=words, heads=heads, deps=deps)
    no_head = Doc(nlp.vocab, words=["Eat", "ham"], heads=[0, 0], deps=["ROOT", ""])
    examples += [
        Example(two.copy(), two),
        Example(nlp.make_doc("Eat ham"), no_head),
        Example(Doc(nlp.vocab, words=["Ea", "t", "ham"], spaces=[False, True, False]), examples[0].reference.copy()),
        Example(nlp.make_doc("Eat ham"), nlp.make_doc("Eat ham")),
    ]
    found = [example.reference._.fodl_target for example in targets_of(nlp, examples)]
    assert found == [
        "(ROOT XX (obj XX ) )",
        "(nsubj (det XX ) XX ) (aux XX )".join(["(ROOT ", " XX (nmod||nsubj XX (pobj XX ) ) (advmod XX ) )"]),
        "(ROOT XX (obj XX ) ) (ROOT (nsubj XX ) XX )",
        None,
        None,
        None,
    ]


def test_crossing_arcs_come_back():
    nlp = spacy.blank("en")
    (example,) = targets_of(nlp, examples_of(nlp, [CROSSING]))
    doc = example.predicted
    make_set_tree_v1()(doc, example.reference._.fodl_target)
    assert [token.head.i for token in doc] == CROSSING[1]
    assert [token.dep_ for token in doc] == CROSSING[2]
    assert doc._.fodl_repairs == 0


def test_what_is_malformed_is_repaired_and_counted():
    nlp = spacy.blank("en")
    doc = Doc(nlp.vocab, words=["\n", "Eat", "ham", "\n"])
    make_set_tree_v1()(doc, "(ROOT XX (obj")
    assert doc._.fodl_repairs == 3
    assert [token.head.i for token in doc] == [1, 1, 1, 2]
    assert [token.dep_ for token in doc] == ["dep", "ROOT", "dep", "dep"]


@pytest.mark.parametrize(
    "row, deps",
    [
        ("(ROOT XX (b XX ) (a||b||c XX ) )", ["ROOT", "b", "a"]),
        ("(ROOT||x XX (b XX ) (||y XX ) )", ["ROOT", "b", "dep"]),
        ("(ROOT XX (b XX ) (a|| XX ) )", ["ROOT", "b", "a"]),
        ("(ROOT XX (b XX ) (ROOT||b XX ) )", ["ROOT", "b", "dep"]),
    ],
)
def test_labels_that_are_none_are_read(row, deps):
    doc = Doc(spacy.blank("en").vocab, words=["Eat", "green", "ham"])
    make_set_tree_v1()(doc, row)
    assert [token.dep_ for token in doc] == deps
    assert [token.head.i for token in doc] == [0, 0, 0]
    assert len(list(doc.sents)) == 1


def test_labels_like_those_of_lifted_arcs_are_refused():
    nlp = spacy.blank("en")
    gold = Doc(nlp.vocab, words=["I", "eat", "ham"], heads=[1, 1, 1], deps=["nsubj", "ROOT", "obj||x"])
    examples = [Example(nlp.make_doc("I eat ham"), gold)]
    with pytest.raises(ValueError, match=r"F227.*'obj\|\|x'.*\"ham\""):
        targets_of(nlp, examples)
    parser = nlp.add_pipe("fodl_parser")
    with pytest.raises(ValueError, match="F227.*fodl_parser"):
        nlp.initialize(lambda: examples)
    parser.initialize(lambda: examples, labels=["nsubj", "obj"])
    with pytest.raises(ValueError, match="F227.*fodl_parser"):
        nlp.update(examples)


def test_a_lifted_arc_labelled_as_a_root_is_refused():
    nlp = spacy.blank("en")
    text, heads, deps = CROSSING
    examples = examples_of(nlp, [(text, heads, ["ROOT" if dep == "nmod" else dep for dep in deps])])
    with pytest.raises(ValueError, match="F211"):
        targets_of(nlp, examples)
    nlp.add_pipe("fodl_parser")
    with pytest.raises(ValueError, match="F211"):
        nlp.initialize(lambda: examples)


def test_one_tree_a_document_is_not_learned_from_several():
    row = "(ROOT XX (obj XX ) ) (ROOT (nsubj XX ) XX )"
    with pytest.raises(ValueError, match="F229.*of the 2 targets 1 hold several, the first of them 4 words"):
        make_tree_symbols_v1(one_root=True).learn(["(ROOT XX )", row])
    for settings in ({}, {"one_root": True, "constrained": False}):
        make_tree_symbols_v1(**settings).learn([row])


def test_a_treebank_that_nothing_linearizes():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_seq2seq", config={"target": {"@misc": "spacy_fodl.TreeSymbols.v1"}})
    with pytest.raises(ValueError, match="F201.*spacy_fodl.TreeTargets.v1"):
        nlp.initialize(lambda: examples_of(nlp))


def test_a_cycle_is_refused():
    nlp = spacy.blank("en")
    (example,) = examples_of(nlp, [SENTENCES[1]])
    loop = Doc(nlp.vocab, words=["Eat", "ham"], heads=[1, 0], deps=["a", "b"])
    with pytest.raises(ValueError, match="Eat ham"):
        targets_of(nlp, [Example(example.predicted, loop)])


def test_other_texts_are_no_trees():
    with pytest.raises(ValueError, match=r"F216.*\"Mangez du jambon\".*'Mangez'.*spacy_fodl.TreeTargets.v1"):
        make_tree_symbols_v1().learn(["(a XX )", "Mangez du jambon"])
    with pytest.raises(ValueError, match="F216.*no brackets"):
        make_tree_symbols_v1().learn(["", "XX"])


@pytest.mark.parametrize("row", ["XX", "(a XX", "XX ) (", "(a ( XX ) )", "(a XX XX )"])
def test_malformed_rows_are_not_learned(row):
    with pytest.raises(ValueError, match=rf"F216.*\"{re.escape(row)}\" is none.*repairs: \d+"):
        make_tree_symbols_v1().learn(["(a XX )", row])


def test_labels_with_spaces_are_refused_where_they_are():
    nlp = spacy.blank("en")
    gold = Doc(nlp.vocab, words=["I", "eat"], heads=[1, 1], deps=["nsubj x", "ROOT"])
    with pytest.raises(ValueError, match="F415.*I eat.*'nsubj x'"):
        targets_of(nlp, [Example(nlp.make_doc("I eat"), gold)])
