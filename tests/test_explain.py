"""The page of `spacy fodl explain`, as text and in a browser."""

import re
import shutil

import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import fix_random_seed
from typer.testing import CliRunner

from spacy_fodl.analysis.page import Page
from spacy_fodl.cli import fodl_cli
from spacy_fodl.cli.explain import MOST_TOKENS, explain

from .pipeline.test_parser import SENTENCES, gold_doc
from .pipeline.test_seq2seq import trained as trained_translator
from .pipeline.test_skipthought import trained as trained_vectors
from .util import trained_tagger

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


def test_every_component_has_its_sections(nlp):
    page = explain(nlp, "I like green eggs .")
    assert kinds(page) == ["choices", "drawing", "player", "choices"]
    tags, _, player, cats = page.sections
    doc = nlp("I like green eggs .")
    assert [its[0]["name"] for its in tags.choices] == [token.tag_ for token in doc]
    assert player.words == [token.text for token in doc]
    arcs = {(head, dependent) for head, dependent, _ in player.steps[-1]["arcs"]}
    assert arcs == {(-1 if token.head == token else token.head.i, token.i) for token in doc}
    assert len(player.steps) == 2 * len(doc) + 1
    assert cats.things == sorted(doc.cats, key=doc.cats.get, reverse=True)


def test_translators_and_sentence_vectors():
    translator = trained_translator(steps=30)
    page = explain(translator, "I like green eggs.")
    assert kinds(page) == ["texts", "matrix"]
    grid = page.sections[1]
    assert grid.columns == ["I", "like", "green", "eggs", ".", "(end)"]
    assert len(grid.values) == len(grid.rows) == len(translator("I like green eggs.")._.fodl_seq2seq["tokens"])
    assert translator.get_pipe("fodl_seq2seq").store_attention is False
    page = explain(trained_vectors(), "I sat. You sat.")
    assert kinds(page) == ["matrix"]
    assert page.sections[0].values[0][0] == pytest.approx(1, abs=1e-3)
    assert kinds(explain(trained_vectors(), "I sat.")) == []


def test_looking_changes_nothing(nlp):
    before, weights = nlp("I like ham").to_json(), nlp.to_bytes()
    explain(nlp, "I like ham")
    assert nlp("I like ham").to_json() == before
    assert nlp.to_bytes() == weights


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
    assert len(page.sections[0].things) == MOST_TOKENS
    for text in ("", " \n "):
        assert explain(nlp, text).notes == ["There is no word in the text."]


def test_the_command(nlp, tmp_path):
    def call(model, output):
        arguments = ["explain", str(tmp_path / model), "I like ham", "-o", str(output)]
        return CliRunner().invoke(fodl_cli, arguments)

    nlp.to_disk(tmp_path / "model")
    page = tmp_path / "new" / "report.html"
    assert call("model", page).exit_code == 0
    assert page.read_text(encoding="utf8").startswith("<!DOCTYPE html>")
    done = call("model", tmp_path / "report.txt")
    assert done.exit_code == 1
    assert "F511" in done.output
    spacy.blank("en").to_disk(tmp_path / "blank")
    done = call("blank", page)
    assert done.exit_code == 1
    assert "F301" in done.output


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
    steps = page.sections[2].steps
    tab = open_page(page)
    for i, step in enumerate(steps):
        assert tab.locator(".where").text_content() == f"{i} of {len(steps) - 1}"
        assert tab.locator(".stack .word").count() == len(step["stack"])
        assert tab.locator(".buffer .word").count() == len(step["buffer"])
        assert tab.locator(".arcs g").count() == len(step["arcs"])
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
    tab.hover(".matrix tbody tr:nth-child(1) td:nth-child(2)")
    assert tab.locator(".told").text_content() == "1 I sat <down>., 1: 1.00"
    tab.focus(".matrix tbody tr:nth-child(2) td:nth-child(2)")
    assert tab.locator(".told").text_content().startswith("2 You sat., 1: ")
