"""The page of `spacy fodl explain`, as text and in a browser."""

import re
import shutil
import xml.etree.ElementTree as ET
from collections import Counter

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from thinc.api import fix_random_seed
from typer.testing import CliRunner

from spacy_fodl.analysis.page import Page
from spacy_fodl.analysis.sections import padding
from spacy_fodl.cli import fodl_cli
from spacy_fodl.explain import explain
from spacy_fodl.explain.pipelines import MOST_TOKENS
from spacy_fodl.layers import torch_modules
from spacy_fodl.pipeline.targets import END
from spacy_fodl.transition.linearize import delinearize

from ..pipeline.test_parser import SENTENCES, gold_doc
from ..pipeline.test_seq2seq import trained as trained_translator
from ..pipeline.test_skipthought import trained as trained_vectors
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


def test_a_beam_shows_other_trees_and_itself(nlp):
    page, doc = explain(nlp, "I like green eggs ."), nlp("I like green eggs .")
    assert "fodl_parser: the tree" in titles(page)
    assert nlp.get_pipe("fodl_parser").n_best == 0
    beam = ET.fromstring(named(page, "fodl_parser: the beam over time").svg)
    circles = [one for one in beam.iter() if one.tag.endswith("circle")]
    assert 2 * len(doc) + 1 < len(circles) <= 3 * 2 * len(doc) + 1
    with nlp.select_pipes(enable="fodl_parser"):
        parser = nlp.get_pipe("fodl_parser")
        parser.n_best = 3
        (stretch,) = nlp("I like green eggs .")._.fodl_parses
        parser.n_best = 0
    others = [section for section in page.sections if "tree number" in section.title]
    assert len(others) == sum(tree["prob"] >= 0.01 for tree in stretch["trees"][1:])
    parser.beam_width = 1
    try:
        assert not [title for title in titles(explain(nlp, "I like ham")) if "beam" in title or "number" in title]
    finally:
        parser.beam_width = 3


def test_the_annotated_tree_is_followed_through_the_beam(nlp):
    text = "I like green eggs ."
    words, doc = text.split(), nlp(text)
    heads, deps = [token.head.i for token in doc], [token.dep_ for token in doc]

    def rings(heads, deps):
        gold = Doc(nlp.vocab, words=words, heads=heads, deps=deps)
        svg = named(explain(nlp, text, gold), "fodl_parser: the beam over time").svg
        return svg.count('r="9"'), "loses the gold tree" in svg

    assert rings(heads, deps) == (2 * len(doc) + 1, False)
    # Nothing is right: it is lost where the first arc should be.
    n_rings, is_lost = rings([4, 4, 4, 4, 4], ["obj", "obj", "obj", "obj", "ROOT"])
    assert is_lost
    assert 1 <= n_rings <= 2 * len(doc)


def test_the_trees_as_brackets(nlp):
    page = explain(nlp, "I like ham")
    (text,) = named(page, "fodl_parser: as brackets").texts
    symbols = text.split()
    doc = nlp("I like ham")
    assert delinearize(symbols, 3).heads == [-1 if token.head == token else token.head.i for token in doc]


def test_sentences_side_by_side(nlp):
    doc = nlp("I like ham . I eat")
    page = explain(nlp, doc.text)
    n_sents = len(list(doc.sents))
    batches = [section for section in page.sections if section.title == "The sentences as a batch"]
    assert len(batches) == (n_sents > 1)
    batch = padding("batch", "{share} %", [["a"], ["b", "c", "d"]])
    assert [[cell.text for cell in row] for row in batch.rows] == [["b", "c", "d"], ["a", "", ""]]
    assert batch.caption == "33 %"
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
    page = explain(trained_vectors(), "I sat. You sat.")
    assert named(page, "fodl_skipthought: similar sentences").values[0][0] == pytest.approx(1, abs=1e-3)
    assert "fodl_skipthought: similar sentences" not in titles(explain(trained_vectors(), "I sat."))


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
    assert "&lt;script&gt;" in page._repr_html_() or "&amp;lt;script" in page._repr_html_()


def test_long_and_empty_texts(nlp):
    page = explain(nlp, "I like green eggs . " * 100)
    assert f"first {MOST_TOKENS}" in page.notes[0]
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
    assert call(tmp_path / "model", text, "--beam-width", 1, "-o", page).exit_code == 0
    assert "the beam over time" not in page.read_text(encoding="utf8")
    spacy.blank("en").to_disk(tmp_path / "blank")
    for arguments, error in (
        ([tmp_path / "model", text, "-o", tmp_path / "report.txt"], "F511"),
        ([tmp_path / "blank", text, "-o", page], "F301"),
        ([tmp_path / "model", "-o", page], "F517"),
        ([tmp_path / "model", text, "-o", page, "--format", "gif"], "F509"),
        ([tmp_path / "model", text, "-o", page, "--beam-width", 0], "beam_width"),
        ([tmp_path / "model", "You like ham", "-o", page, "--gold", tmp_path / "gold.spacy"], "F516"),
    ):
        done = call(*arguments)
        assert done.exit_code == 1
        assert error in done.output


def test_every_section_is_a_picture_too(nlp, tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("resvg_py")
    page = explain(nlp, "I like $5 <b> & ham . You eat")
    page.views += explain(trained_translator(steps=2), "I like green eggs.").views
    assert {section.kind for section in page.sections} == {"choices", "cells", "drawing", "player", "matrix", "texts"}
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
        named(page, "fodl_parser: the tree").save(tmp_path / "picture.pdf")


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
