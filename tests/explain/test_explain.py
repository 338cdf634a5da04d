"""The page of `spacy fodl explain`, as text and in a browser."""

import copy
import re
import shutil
import xml.etree.ElementTree as ET
from collections import Counter

import numpy as np
import pytest
import spacy
import torch
from numpy.testing import assert_allclose
from spacy.language import Language
from spacy.pipeline.spancat import DEFAULT_SPANCAT_MODEL
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from thinc.api import fix_random_seed
from typer.testing import CliRunner

from spacy_fodl.analysis import tag_windows
from spacy_fodl.analysis.beam import MOST_STEPS
from spacy_fodl.analysis.page import Page, View
from spacy_fodl.analysis.sections import padding
from spacy_fodl.cli import fodl_cli
from spacy_fodl.explain import explain
from spacy_fodl.explain.parser import MOST_WORDS, tree_drawing, uncovered
from spacy_fodl.explain.pipelines import MOST_TOKENS
from spacy_fodl.layers import torch_modules
from spacy_fodl.pipeline.targets import END
from spacy_fodl.transition.linearize import delinearize

from ..pipeline.test_parser import SENTENCES, gold_doc
from ..pipeline.test_parser import trained as trained_parser
from ..pipeline.test_seq2seq import trained as trained_translator
from ..pipeline.test_skipthought import trained as trained_vectors
from ..pipeline.test_trees import made as tree_writer
from ..util import trained_tagger

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def nlp():
    """A tagger, a parser and a classifier."""
    fix_random_seed(0)
    nlp = trained_tagger()
    for name, config in (("fodl_parser", {"beam_width": 3}), ("fodl_textcat", {})):
        nlp.add_pipe(name, config=config)
    golds = [gold_doc(nlp.vocab, [sentence]) for sentence in SENTENCES]
    for i, gold in enumerate(golds):
        gold.cats = {"odd": float(i % 2), "even": float(not i % 2)}
    examples = [Example(Doc(nlp.vocab, words=[token.text for token in gold]), gold) for gold in golds]
    for name in ("fodl_parser", "fodl_textcat"):
        nlp.get_pipe(name).initialize(lambda: examples)
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    with nlp.select_pipes(enable=["fodl_parser", "fodl_textcat"]):
        for _ in range(30):
            nlp.update(examples, sgd=optimizer)
    return nlp


def kinds(page):
    return [section.kind for section in page.sections]


def titles(page):
    return [section.title for section in page.sections]


def named(page, title):
    (section,) = [section for section in page.sections if section.title == title]
    return section


def test_every_component_has_its_sections(nlp):
    text = "I like green eggs ."
    page, doc = explain(nlp, text), nlp(text)
    tags = named(page, "fodl_tagger: tags")
    assert [its[0]["name"] for its in tags.choices] == [token.tag_ for token in doc]
    windows = named(page, "fodl_tagger: windows")
    assert windows.columns == ["-2", "-1", "the word", "+1", "+2"]
    assert [cell.text for cell in windows.rows[1]] == ["", "I", "like", "green", "eggs"]
    assert [cell.is_empty for cell in windows.rows[0]] == [True, True, False, False, False]
    player = named(page, "fodl_parser: step by step")
    assert player.words == [token.text for token in doc]
    arcs = {(head, dependent) for head, dependent, _ in player.arcs}
    assert arcs == {(-1 if token.head == token else token.head.i, token.i) for token in doc}
    assert len(player.steps) == 2 * len(doc) + 1
    assert player.steps[0]["features"] == [["b0", 0], ["b1", 1]]
    assert [player.steps[i]["arcs"] for i in (0, -1)] == [0, len(doc)]
    assert [player.steps[i]["buffer"] for i in (0, 1, -1)] == [0, 1, len(doc)]
    cats = named(page, "fodl_textcat: categories")
    assert cats.things == sorted(doc.cats, key=doc.cats.get, reverse=True)
    gates = named(page, "fodl_textcat: gates of layer 1, forward")
    assert gates.columns == [token.text for token in doc]
    assert gates.rows[:3] == ["keep gates, mean", "write gates, mean", "output gates, mean"]
    assert np.abs(gates.values).max() <= 1
    assert np.min(gates.values[:3]) >= 0
    assert "keep gates" in named(page, "fodl_textcat: gradient flow").svg


@pytest.fixture(scope="module")
def unsure():
    """A parser of little training, for which several trees are probable."""
    return trained_parser(SENTENCES, steps=10, beam_width=16)


def shown_tree(drawing):
    """What a drawing of a tree says of each word, in the order of the words."""
    return drawing.told.split("; ")


def test_a_beam_shows_other_trees_and_itself(unsure):
    """Also where trees that are equal when lifted arcs are back have a larger share together than the best one."""
    parser = unsure.get_pipe("fodl_parser")
    n_others = 0
    for text in ("ham If You run green ham", "I like green eggs .", "eggs like ham"):
        page, doc = explain(unsure, text), unsure(text)
        parser.n_best = 16
        (stretch,) = unsure(text)._.fodl_parses
        parser.n_best = 0
        sents = [shown_tree(section) for section in page.sections if "the tree" in section.title]
        others = [shown_tree(section) for section in page.sections if "tree number" in section.title]
        told = [[word for sent in sents for word in sent], *others]
        assert len({tuple(one) for one in told}) == len(told)
        assert told[0] == shown_tree(tree_drawing("", "", doc[:], [t.head.i for t in doc], [t.dep_ for t in doc]))
        best = [shown_tree(tree_drawing("", "", doc[:], t["heads"], t["deps"])) for t in stretch["trees"][:3]]
        assert all(one in best for one in told[1:])
        n_others += len(told) - 1
        beam = ET.fromstring(named(page, "fodl_parser: the beam over time").svg)
        circles = [one for one in beam.iter() if one.tag.endswith("circle")]
        assert 2 * len(doc) + 1 < len(circles) <= 16 * 2 * len(doc) + 1
    assert n_others >= 3
    assert parser.n_best == 0


@pytest.mark.parametrize("lang", ["en", "he"])
def test_labels_of_arcs_are_upright_in_any_script(lang):
    """A label stands on its head where its arc runs from right to left."""
    doc = Doc(spacy.blank(lang).vocab, words=["a", "b", "c"])
    svg = tree_drawing("", "", doc[:], [1, 1, 1], ["nsubj", "ROOT", "obj"]).svg
    x = [float(x) for x in re.findall(r'class="displacy-word".*? x="(\d+)"', svg)]
    assert x == sorted(x, reverse=lang == "he")
    arcs = re.findall(r'class="displacy-arc".*? d="M(.*?),.*? C(.*?),.*? (.*?),.*? (.*?),.*?"', svg)
    assert len(arcs) == 2
    for arc in arcs:
        start, above_start, above_end, end = map(float, arc)
        assert start == above_start < above_end == end
    assert 'side="right"' not in svg


def test_no_beam_shows_one_tree(nlp):
    parser = nlp.get_pipe("fodl_parser")
    parser.beam_width = 1
    try:
        assert not [title for title in titles(explain(nlp, "I like ham")) if "beam" in title or "number" in title]
    finally:
        parser.beam_width = 3


def test_the_annotated_tree_is_followed_through_the_beam(unsure):
    """Whatever the order in which its arcs are made: all trees of the last beam are in it, and no other one."""

    def is_lost(text, heads, deps):
        gold = Doc(unsure.vocab, words=text.split(), heads=heads, deps=deps)
        beam = named(explain(unsure, text, gold), "fodl_parser: the beam over time")
        assert ("loses" in beam.caption.replace("never loses", "")) == ("Here the beam loses" in beam.svg)
        assert beam.svg.count('r="9"') >= 1
        return "Here the beam loses" in beam.svg

    parser = unsure.get_pipe("fodl_parser")
    for text in ("work walk eggs You walk You", "I like green eggs .", "If eggs like ham , run ."):
        parser.n_best = 16
        (stretch,) = unsure(text)._.fodl_parses
        parser.n_best = 0
        assert not any(is_lost(text, tree["heads"], tree["deps"]) for tree in stretch["trees"])
        chain = [*range(1, len(text.split())), len(text.split()) - 1]
        deps = [*["amod"] * (len(chain) - 1), "ROOT"]
        in_beam = (chain, deps) in [(tree["heads"], tree["deps"]) for tree in stretch["trees"]]
        assert is_lost(text, chain, deps) != in_beam


def test_a_tree_that_cannot_be_followed_is_told(nlp):
    text = "I like ham"
    words, deps = text.split(), ["nsubj", "ROOT", "obj"]
    four = {"heads": [1, 1, 1, 2], "deps": ["nsubj", "ROOT", "obj", "amod"]}
    for gold, told in (
        (Doc(nlp.vocab, words=words, heads=[1, 1, 1], deps=["nsubj", "ROOT", "no such label"]), "F204"),
        (Doc(nlp.vocab, words=words), "lack a head or a label"),
        (Doc(nlp.vocab, words=["Another", "text"], heads=[1, 1], deps=["nsubj", "ROOT"]), "can't be followed"),
        (
            Doc(nlp.vocab, words=["I", "like", "h", "am"], spaces=[True, True, False, False], **four),
            "or are others than",
        ),
        ("I like ham", "can't be followed"),
    ):
        page = explain(nlp, text, gold)
        assert any(told in note for note in page.notes), page.notes
        assert "fodl_parser: the beam over time" in titles(page)
    gold = Doc(nlp.vocab, words=words, heads=[1, 1, 1], deps=deps)
    assert explain(nlp, text, gold).notes == []
    assert "not followed" in explain(nlp, "I like ham . " * 60, gold).notes[1]


def test_the_trees_as_brackets(nlp):
    page = explain(nlp, "I like ham")
    (text,) = named(page, "fodl_parser: as brackets").texts
    symbols = text.split()
    doc = nlp("I like ham")
    assert delinearize(symbols, 3).heads == [-1 if token.head == token else token.head.i for token in doc]


def test_sentences_side_by_side(nlp):
    titled = "fodl_parser: the sentences as a batch"
    with_sents = spacy.blank("en")
    with_sents.add_pipe("sentencizer")
    with_sents.add_pipe("fodl_parser", source=nlp)
    batch = named(explain(with_sents, "Eat ham . I like green eggs ."), titled)
    assert [[cell.text for cell in row] for row in batch.rows] == [
        ["I", "like", "green", "eggs", "."],
        ["Eat", "ham", ".", "", ""],
    ]
    assert "20 %" in batch.caption
    # What is parsed as one stretch is none.
    assert titled not in titles(explain(nlp, "Eat ham . I like green eggs ."))
    assert padding("batch", "", [["a"]]) is None


def test_translators_and_sentence_vectors():
    translator = trained_translator(steps=30)
    page = explain(translator, "I like green eggs.")
    written = translator("I like green eggs.")._.fodl_seq2seq["tokens"]
    grid = named(page, "fodl_seq2seq: attention")
    assert grid.columns == ["I", "like", "green", "eggs", ".", "(end)"]
    assert len(grid.values) == len(grid.rows) == len(written)
    steps = named(page, "fodl_seq2seq: symbol by symbol")
    assert steps.things == [f"{symbol} →" for symbol in [END, *written]]
    assert [choices[0]["name"] for choices in steps.choices] == [*written, END]
    gates = named(page, "fodl_seq2seq: gates of layer 1, backward")
    assert gates.columns == grid.columns
    assert translator.get_pipe("fodl_seq2seq").store_attention is False
    assert "given up" not in named(page, "fodl_seq2seq: the output").caption
    translator.get_pipe("fodl_seq2seq").beam_threshold = 2.5
    caption = named(explain(translator, "I like green eggs."), "fodl_seq2seq: the output").caption
    assert "by more than 2.5 was given up" in caption
    page = explain(trained_vectors(), "I sat. You sat.")
    assert named(page, "fodl_skipthought: the sentences as a batch").rows[0][0].text == "I"
    assert named(page, "fodl_skipthought: similar sentences").values[0][0] == pytest.approx(1, abs=1e-3)
    assert "fodl_skipthought: similar sentences" not in titles(explain(trained_vectors(), "I sat."))


def test_what_may_not_be_written_is_not_shown():
    """With a target that allows nothing but well-formed trees."""
    nlp = tree_writer(steps=3)
    pipe = nlp.get_pipe("fodl_seq2seq")
    page = explain(nlp, "I like green eggs .")
    steps = named(page, "fodl_seq2seq: symbol by symbol")
    written = nlp("I like green eggs .")._.fodl_seq2seq["tokens"]
    doc = nlp.make_doc("I like green eggs .")
    rules = pipe.target.constraint([doc])(torch.tensor([0]))
    for symbol, choices in zip([*written, END], steps.choices):
        allowed = {pipe.target.symbols[i] for i in rules.allowed()[0].nonzero().flatten().tolist()}
        assert {choice["name"] for choice in choices} <= allowed
        rules.write(torch.tensor([pipe.target.symbols.index(symbol)]))


def test_networks_of_sentences_are_shown_reading_a_sentence():
    nlp = trained_vectors(model={"cell": "lstm"})
    pipe = nlp.get_pipe("fodl_skipthought")
    (module,) = torch_modules(pipe.model.get_ref("network"))
    text = "I sat down. You sat."
    states = []
    hook = module.encoder.encoder.register_forward_hook(lambda *args: states.append(args[2]))
    nlp(text)
    hook.remove()
    title = "fodl_skipthought, first sentence: gates of layer 1, forward"
    gates = named(explain(nlp, text), title)
    assert gates.columns == ["I", "sat", "down", "."]
    units = [int(row.rsplit(" ", 1)[1]) for row in gates.rows[3:]]
    assert_allclose(np.array(gates.values[3:]).T, states[0][:4, units].detach().numpy(), atol=1e-3)
    page = explain(nlp, "I  sat. You sat.")  # White space within the first sentence is not read.
    assert title not in titles(page)
    assert page.notes == []


def test_a_component_that_cannot_be_shown_leaves_the_others(nlp):
    """spaCy's span categorizer gives its model spans and not documents."""
    other = spacy.blank("en")
    other.add_pipe("fodl_tagger", source=nlp)
    model = copy.deepcopy(DEFAULT_SPANCAT_MODEL)
    model["tok2vec"]["encode"] = {"@architectures": "spacy_fodl.RNNEncoder.v1", "width": 96, "depth": 1}
    other.add_pipe("spancat", config={"model": model})
    gold = other.make_doc("I like green eggs")
    gold.spans["sc"] = [Span(gold, 2, 4, label="food")]
    other.get_pipe("spancat").initialize(lambda: [Example(other.make_doc(gold.text), gold)], nlp=other)
    page = explain(other, "I like green eggs")
    assert "fodl_tagger: tags" in titles(page)
    assert [note.split(" can't")[0] for note in page.notes] == ["spancat"]


def test_tags_of_pairs_of_tag_and_part_of_speech():
    nlp = trained_tagger(set_pos=True)
    tagger = nlp.get_pipe("fodl_tagger")
    doc = nlp.make_doc("I walk to town")
    found = tag_windows(tagger.model, doc, tagger.class_tags())
    assert_allclose(found.probabilities, tagger.predict_proba([doc])[0], atol=1e-5)
    assert "fodl_tagger: windows" in titles(explain(nlp, doc.text))


def test_what_components_tell_stays_what_it_is():
    """Components behind see the document as in any prediction, and more results than the page shows are kept."""
    seen = []

    @Language.component("looks")
    def looks(doc):
        seen.append(doc._.fodl_seq2seq)
        return doc

    nlp = trained_translator(steps=5, beam_width=5, n_best=4)
    nlp.add_pipe("looks")
    nlp("I like ham.")
    page = explain(nlp, "I like ham.")
    assert seen[0] == seen[1]
    assert "attention" not in seen[1]
    assert len(named(page, "fodl_seq2seq: the output").texts) == 4


def test_looking_changes_nothing(nlp):
    before, weights = nlp("I like ham").to_json(), nlp.to_bytes()
    explain(nlp, "I like ham")
    assert nlp("I like ham").to_json() == before
    assert nlp.to_bytes() == weights


def test_looking_slows_nothing(nlp):
    """As many calls of each layer in a prediction afterwards as before, and no hook left in any module."""

    def calls():
        counts = Counter()
        handles = [
            module.register_forward_hook(lambda module, *_: counts.update([id(module)]))
            for _, pipe in nlp.pipeline
            for node in pipe.model.walk()
            for part in torch_modules(node)
            for module in part.modules()
        ]
        nlp("I like ham")
        for handle in handles:
            handle.remove()
        return counts

    before = calls()
    assert before
    explain(nlp, "I like green eggs .")
    assert calls() == before
    modules = [part for _, pipe in nlp.pipeline for node in pipe.model.walk() for part in torch_modules(node)]
    assert not any(one._forward_pre_hooks or one._forward_hooks for part in modules for one in part.modules())


def test_colours_can_be_told_from_their_ground(nlp):
    """The contrast of the Web Content Accessibility Guidelines 2.1, 1.4.3 and 1.4.11: 4.5 for text, 3 for marks."""

    def luminance(color):
        parts = [value / 255 for value in color]
        red, green, blue = (v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    def contrast(*colors):
        darker, lighter = sorted(map(luminance, colors))
        return (lighter + 0.05) / (darker + 0.05)

    def as_numbers(value):
        if "," in value:
            return [int(part) for part in value.split(",")]
        digits = value[1:] if len(value) == 7 else "".join(2 * digit for digit in value[1:])
        return [int(digits[i : i + 2], 16) for i in (0, 2, 4)]

    gold = Doc(nlp.vocab, words=["I", "like", "ham"], heads=[1, 1, 1], deps=["nsubj", "ROOT", "obj"])
    text = explain(nlp, "I like ham", gold).to_html()
    themes = [dict(re.findall(r"--(\w+): ([^;]+);", block)) for block in re.findall(r":root \{[^}]+\}", text)]
    assert len(themes) == 2
    of_svg = set(re.findall(r'(?:stroke|fill)="(#\w{6})"', text))
    assert len(of_svg) >= 3
    for theme in themes:
        paper = as_numbers(theme["paper"])
        for name in ("ink", "faint", "other"):
            assert contrast(as_numbers(theme[name]), paper) >= 4.5, name
        for color in [*map(as_numbers, of_svg), as_numbers(theme["mark"]), as_numbers(theme["against"])]:
            assert contrast(color, paper) >= 3, color


def test_a_page_needs_nothing_else_and_escapes_all_text(nlp):
    evil = "<script>alert(1)</script> </script><b onclick='x'>&amp; \u2028 \"quoted\""
    page = explain(nlp, evil)
    text = page.to_html()
    assert "<script>alert(1)" not in text
    assert "<b onclick" not in text
    assert text.count("<script") == 2  # The data of the player, and the code.
    assert not re.search(r"""(src|href)="(?!#)|url\((?!#)|@import|https?://(?!www\.w3\.org)""", text)
    assert len(text) < 2 * 2**20
    assert "&amp;lt;script" in page._repr_html_()
    assert 'sandbox="allow-scripts"' in page._repr_html_()


def test_labels_are_escaped_and_control_characters_replaced(nlp, tmp_path):
    pytest.importorskip("resvg_py")
    evil = "<img/src=x onerror=alert(1)>"
    doc = Doc(nlp.vocab, words=["I", "am", "currentColor", "\x0c"], heads=[1, 1, 1, 1], deps=[evil, "ROOT", "obj", "x"])
    drawing = tree_drawing("tree", "", doc[:], [1, 1, 1, 1], [token.dep_ for token in doc])
    assert "<img" not in Page([View("", "", sections=[drawing])]).to_html()
    root = ET.parse(drawing.save(tmp_path / "tree.svg")).getroot()
    texts = [text for text in root.itertext() if text.strip()]
    assert evil in texts
    assert "currentColor" in texts
    assert "\N{REPLACEMENT CHARACTER}" in texts
    assert drawing.save(tmp_path / "tree.png").read_bytes().startswith(b"\x89PNG")


def test_scripts_from_right_to_left():
    nlp = spacy.blank("ar")
    nlp.add_pipe("fodl_parser", config={"beam_width": 4})
    gold = Doc(nlp.vocab, words=["قرأ", "الولد", "كتابا"], heads=[0, 0, 0], deps=["ROOT", "nsubj", "obj"])
    nlp.initialize(lambda: [Example(Doc(nlp.vocab, words=[token.text for token in gold]), gold)])
    page = explain(nlp, "قرأ الولد كتابا")
    drawings = [section.svg for section in page.sections if "tree" in section.title]
    assert len(drawings) > 1
    assert all("direction: rtl" in svg and 'lang="ar"' in svg for svg in drawings)
    assert page.to_html().count('dir="rtl"') >= 3


def test_long_and_empty_texts(nlp):
    page = explain(nlp, "I like green eggs . " * 100)
    assert f"first {MOST_TOKENS}" in page.notes[0]
    beam = named(page, "fodl_parser: the beam over time")
    assert f"Of {2 * MOST_TOKENS} steps the first {MOST_STEPS} are drawn." in beam.caption
    assert "500 tokens" in page.notes[0]
    assert len(named(page, "fodl_tagger: tags").things) == MOST_TOKENS
    assert len(page.to_html()) < 2 * 2**20
    for text in ("", " \n "):
        assert explain(nlp, text).notes == ["There is no word in the text."]


def test_the_command(nlp, tmp_path):
    def call(*arguments):
        return CliRunner().invoke(fodl_cli, ["explain", *map(str, arguments)])

    nlp.to_disk(tmp_path / "model")
    text, page = "I like ham", tmp_path / "new" / "report.html"
    assert call(tmp_path / "model", text, "-o", page).exit_code == 0
    assert page.read_text(encoding="utf8").startswith("<!DOCTYPE html>")
    trained_vectors().to_disk(tmp_path / "vectors")
    assert call(tmp_path / "model", text, tmp_path / "vectors", "I sat. You sat.", "-o", page).exit_code == 0
    assert "fodl_skipthought: similar sentences" in page.read_text(encoding="utf8")
    gold = Doc(nlp.vocab, words=text.split(), heads=[1, 1, 1], deps=["nsubj", "ROOT", "obj"])
    DocBin(docs=[gold]).to_disk(tmp_path / "gold.spacy")
    assert call(tmp_path / "model", text, "--gold", tmp_path / "gold.spacy", "-o", page).exit_code == 0
    assert "annotated tree" in page.read_text(encoding="utf8")
    # A tokenizer would cut it otherwise.
    gold = Doc(nlp.vocab, words=["I", "like", "$5"], heads=[1, 1, 1], deps=["nsubj", "ROOT", "obj"])
    DocBin(docs=[gold]).to_disk(tmp_path / "other.spacy")
    done = call(tmp_path / "model", gold.text, "--gold", tmp_path / "other.spacy", "-o", page)
    assert (done.exit_code, "followed" in done.output) == (0, False)
    assert "annotated tree" in page.read_text(encoding="utf8")
    done = call(tmp_path / "model", "I like ham " * 70, "-o", page)
    assert (done.exit_code, "Only the first 200 were read" in done.output) == (0, True)
    nlp.get_pipe("fodl_parser").n_best = 2
    nlp.to_disk(tmp_path / "two")
    nlp.get_pipe("fodl_parser").n_best = 0
    assert call(tmp_path / "two", text, "--beam-width", 1, "-o", page).exit_code == 0
    assert "the beam over time" not in page.read_text(encoding="utf8")
    spacy.blank("en").to_disk(tmp_path / "blank")
    for arguments, error in (
        ([tmp_path / "model", text, "-o", tmp_path / "report.txt"], "F511"),
        ([tmp_path / "blank", text, "-o", page], "F301"),
        ([tmp_path / "model", "-o", page], "F517"),
        ([tmp_path / "model", text, "-o", page, "--format", "gif"], "F509"),
        ([tmp_path / "model", text, "-o", page, "--beam-width", 0], "beam_width"),
        ([tmp_path / "model", "You like ham", "-o", page, "--gold", tmp_path / "gold.spacy"], "F516"),
        ([tmp_path / "model", text, "-o", page, "--gold", tmp_path / "none.spacy"], "F401"),
    ):
        done = call(*arguments)
        assert done.exit_code == 1
        assert error in done.output


def test_every_section_is_a_picture_too(nlp, tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("resvg_py")
    page = explain(nlp, "I like $5 <b> & ham . You eat")
    page.views += explain(trained_translator(steps=2), "I like green eggs.").views
    # One of each kind: a picture takes a while.
    kinds = {section.kind: section for section in page.sections}
    assert set(kinds) == {"choices", "cells", "drawing", "player", "matrix", "texts"}
    page = Page([View("all", "", sections=[*kinds.values(), named(page, "fodl_textcat: gradient flow")])])
    for suffix in (".svg", ".png"):
        files = page.save_figures(tmp_path / suffix[1:], suffix)
        assert len(set(files)) == len(page.sections)
        for file in files:
            if suffix == ".svg":
                assert ET.parse(file).getroot().tag.endswith("svg")
            else:
                assert file.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="F512"):
        page.sections[0].save(tmp_path / "picture.gif")
    with pytest.raises(ValueError, match="F513"):
        tree_drawing("tree", "", nlp("I like ham")[:], [1, 1, 1], ["nsubj", "ROOT", "obj"]).save(tmp_path / "tree.pdf")
    assert kinds["matrix"].save(tmp_path / "matrix.pdf").read_bytes().startswith(b"%PDF")


def test_a_section_shows_itself(nlp):
    section = explain(nlp, "I like <b>").sections[0]
    assert section._repr_html_().startswith("<iframe")
    assert "<b>" not in section._repr_html_()


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(params=[(1280, 900), (390, 800)], ids=["desktop", "phone"])
def open_page(request, browser, tmp_path):
    width, height = request.param
    tab = browser.new_page(viewport={"width": width, "height": height})
    problems = []
    tab.on("console", lambda message: problems.append(message.text))
    tab.on("pageerror", lambda error: problems.append(str(error)))

    def go(page: Page):
        tab.goto(page.save(tmp_path / "page.html").as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        return tab

    yield go
    assert problems == []
    tab.close()


@pytest.mark.browser
def test_the_player_goes_to_the_final_tree_and_back(nlp, open_page):
    page = explain(nlp, "I like green <eggs> .")
    player = named(page, "fodl_parser: step by step")
    steps = player.steps
    tab = open_page(page)
    for i, step in enumerate(steps):
        assert tab.locator(".where").text_content() == f"{i} of {len(steps) - 1}"
        assert tab.locator(".stack .word").count() == len(step["stack"])
        assert tab.locator(".buffer .word").count() == len(player.words) - step["buffer"]
        assert tab.locator(".arcs g").count() == step["arcs"]
        tab.click("button.on")
    assert tab.locator(".actions").text_content() == "The tree is complete."
    assert tab.locator(".stack").text_content() == "stackROOT"
    # By keyboard.
    tab.focus(".player input")
    tab.keyboard.press("Home")
    assert tab.locator(".where").text_content().startswith("0 of")
    tab.keyboard.press("ArrowRight")
    assert tab.locator(".where").text_content().startswith("1 of")


@pytest.mark.browser
def test_a_matrix_tells_its_values(open_page):
    tab = open_page(explain(trained_vectors(), "I sat <down>. You sat."))
    tab.hover(".matrix >> nth=0 >> tbody tr:nth-child(1) td:nth-child(2)")
    assert tab.locator(".told").first.text_content() == "1 I sat <down>., 1: 1.00"
    tab.focus(".matrix tbody tr:nth-child(1) td:nth-child(2)")
    tab.keyboard.press("ArrowDown")
    assert tab.locator(".told").first.text_content().startswith("2 You sat., 1: ")
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("ArrowRight")
    assert tab.locator(".told").first.text_content().startswith("1 I sat <down>., 2: ")
    assert tab.locator(".matrix").first.locator("[tabindex='0']").count() == 1


@pytest.mark.browser
def test_the_beam_tells_its_hypotheses(nlp, open_page):
    tab = open_page(explain(nlp, "I like green eggs ."))
    circles = tab.locator("circle[data-told]")
    circles.nth(1).hover()
    section = tab.locator("section", has=tab.locator("circle[data-told]"))
    assert section.locator(".told").text_content() == circles.nth(1).get_attribute("data-told")
    # By keyboard: from step to step, and down the beam.
    circles.first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown"):
        tab.keyboard.press(key)
    assert section.locator(".told").text_content().startswith("step 4, place 2: ")
    assert section.locator("circle[tabindex='0']").count() == 1


def test_words_that_a_category_hangs_on(nlp):
    text = "I like green eggs ."
    words = named(explain(nlp, text), "fodl_textcat: words")
    doc = nlp(text)
    assert words.columns == [token.text for token in doc]
    assert words.rows == sorted(doc.cats, key=doc.cats.get, reverse=True)
    textcat = nlp.get_pipe("fodl_textcat")
    without = textcat(Doc(nlp.vocab, words=["I", "like", "eggs", "."]))
    assert words.values[0][2] == pytest.approx(doc.cats[words.rows[0]] - without.cats[words.rows[0]], abs=2e-3)
    assert words.high == pytest.approx(np.abs(words.values).max(), abs=2e-3)


def test_words_of_a_document_are_taken_as_they_are(nlp):
    page = explain(nlp, Doc(nlp.vocab, words=["I", "like ham", "."]))
    assert named(page, "fodl_tagger: tags").things == ["I", "like ham", "."]


def test_pictures_of_several_pipelines_lie_apart(nlp, tmp_path):
    pytest.importorskip("matplotlib")
    page = Page([View(name, "I", sections=explain(nlp, "I").sections[:1]) for name in ("some/model", "other")])
    files = [str(file.relative_to(tmp_path)) for file in page.save_figures(tmp_path)]
    assert files == ["1-some-model/fodl_tagger-tags.svg", "2-other/fodl_tagger-tags.svg"]


def test_trees_below_each_other_and_none_that_is_too_large(nlp):
    words = ["I", "eat", ".", "You", "walk"]
    doc = Doc(nlp.vocab, words=words, heads=[1, 1, 1, 4, 4], deps=["nsubj", "ROOT", "punct", "nsubj", "ROOT"])
    drawing = tree_drawing("trees", "", doc[:], [token.head.i for token in doc], [token.dep_ for token in doc])
    root = ET.fromstring(drawing.svg)
    assert [float(part.get("y")) for part in root] == [0, float(root[0].get("height"))]
    n = MOST_WORDS + 1
    long = Doc(nlp.vocab, words=["a"] * n)
    assert "can't be drawn" in tree_drawing("trees", "", long[:], [0] * n, ["ROOT", *["obj"] * (n - 1)])
    both = Doc(nlp.vocab, words=["a"] * n + words)
    heads, deps = [0] * n + [n + token.head.i for token in doc], ["ROOT", *["obj"] * (n - 1)] + [t.dep_ for t in doc]
    smaller = tree_drawing("trees", "", both[:], heads, deps)
    assert ET.tostring(ET.fromstring(smaller.svg)).count(b"displacy-word") == len(words)
    assert "1 tree of more than" in smaller.caption
    assert uncovered([1, 1, 1, 4, 4]) == [0, 3, 5]
    assert uncovered([0, 1]) == [0, 1, 2]


@pytest.mark.browser
def test_long_words_stay_on_the_page(nlp, open_page):
    open_page(explain(nlp, f"I like {'ham' * 100} ."))
