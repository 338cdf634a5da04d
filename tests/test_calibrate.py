"""python -m spacy fodl calibrate"""

import json

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from .pipeline.test_parser import CROSSING, SENTENCES, gold_doc, trained
from .util import fodl


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A parser of two sentences, and gold of four."""
    path = tmp_path_factory.mktemp("calibrate")
    nlp = trained(SENTENCES[:2], steps=20, beam_width=4)
    for _, _, deps in SENTENCES:
        for dep in deps:
            nlp.vocab.strings.add(dep)
    nlp.to_disk(path / "model")
    docs = [gold_doc(nlp.vocab, [one]) for one in (*SENTENCES, CROSSING)]
    docs[0][2].dep_ = ""
    DocBin(docs=[*docs, Doc(nlp.vocab)]).to_disk(path / "dev.spacy")
    DocBin(docs=[Doc(nlp.vocab, words=["Eat"])]).to_disk(path / "plain.spacy")
    (path / "dev.conllu").touch()
    spacy.blank("en").to_disk(path / "blank")
    return path


def test_the_temperature_is_stored(folder, tmp_path):
    pytest.importorskip("matplotlib")
    output, numbers, plot = tmp_path / "calibrated", tmp_path / "new" / "numbers.json", tmp_path / "plot.png"
    paths = ["--output", str(output), "--json", str(numbers), "--plot", str(plot)]
    done = fodl("calibrate", str(folder / "model"), str(folder / "dev.spacy"), *paths)
    assert done.returncode == 0, done.stderr + done.stdout
    found = json.loads(numbers.read_text())
    assert found["words"] == 5 - 1 + 4 + 5 + 7 + 9
    assert "fitted to 29 words" in done.stdout
    assert found["before"]["temperature"] == 1.0
    assert sum(found["after"]["counts"]) == found["words"]
    loaded = spacy.load(output).get_pipe("fodl_parser")
    assert loaded.temperature == pytest.approx(found["after"]["temperature"])
    assert spacy.load(folder / "model").get_pipe("fodl_parser").temperature == 1.0
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_in_place_with_another_beam(folder, tmp_path):
    nlp = spacy.load(folder / "model")
    nlp.to_disk(tmp_path)
    done = fodl("calibrate", str(tmp_path), str(folder / "dev.spacy"), "--beam-width", "6", "-G")
    assert done.returncode == 0, done.stderr + done.stdout
    loaded = spacy.load(tmp_path).get_pipe("fodl_parser")
    assert loaded.temperature != 1.0
    assert loaded.beam_width == 6


def test_gold_sentences_are_given(folder, tmp_path):
    """Two sentences for the parser, which gold takes for one: with -G it has to find one root."""
    (first, heads, deps), (second, more_heads, more_deps) = SENTENCES[:2]
    n = len(heads)
    heads = [*heads, *(1 if deps == "ROOT" else head + n for head, deps in zip(more_heads, more_deps))]
    gold = (f"{first} {second}", heads, [*deps, "conj", *more_deps[1:]])
    nlp = spacy.load(folder / "model")
    DocBin(docs=[gold_doc(nlp.vocab, [gold])]).to_disk(tmp_path / "joined.spacy")
    found = []
    for options in ([], ["-G"]):
        paths = ["--output", str(tmp_path / "out"), "--json", str(tmp_path / "numbers.json")]
        done = fodl("calibrate", str(folder / "model"), str(tmp_path / "joined.spacy"), *paths, *options)
        assert done.returncode == 0, done.stderr + done.stdout
        found.append(json.loads((tmp_path / "numbers.json").read_text())["accuracy"])
    assert found[0] == pytest.approx((len(heads) - 1) / len(heads))
    assert found[0] != found[1]


def test_one_of_several_parsers(folder, tmp_path):
    nlp = spacy.load(folder / "model")
    nlp.add_pipe("fodl_parser", name="second", source=spacy.load(folder / "model"))
    nlp.to_disk(tmp_path)
    paths = [str(tmp_path), str(folder / "dev.spacy")]
    refused = fodl("calibrate", *paths)
    assert refused.returncode == 1
    assert "F313" in refused.stdout + refused.stderr
    done = fodl("calibrate", *paths, "--component", "second")
    assert done.returncode == 0, done.stderr + done.stdout
    loaded = spacy.load(tmp_path)
    assert [loaded.get_pipe(name).temperature == 1 for name in ("fodl_parser", "second")] == [True, False]


@pytest.mark.parametrize(
    "model, data, options, error",
    [
        ("model", "dev.spacy", ["--beam-width", "1"], "F311"),
        ("model", "dev.spacy", ["--beam-width", "0"], "F208"),
        ("model", "missing.spacy", [], "F401"),
        ("model", "plain.spacy", [], "F304"),
        ("model", "dev.conllu", [], "F309"),
        ("model", "dev.spacy", ["--plot", "plot.docx"], "F509"),
        ("blank", "dev.spacy", [], "F312"),
        ("model", "dev.spacy", ["--component", "parser"], "F312"),
    ],
)
def test_what_can_not_be_calibrated(folder, model, data, options, error):
    before = (folder / "model" / "fodl_parser" / "cfg").read_bytes()
    done = fodl("calibrate", str(folder / model), str(folder / data), *options)
    assert done.returncode == 1
    assert error in done.stdout + done.stderr
    assert (folder / "model" / "fodl_parser" / "cfg").read_bytes() == before


def test_a_diagram_that_can_not_be_drawn_changes_nothing(folder, tmp_path):
    before = (folder / "model" / "fodl_parser" / "cfg").read_bytes()
    data = [str(folder / "model"), str(folder / "dev.spacy"), "--plot", str(tmp_path / "plot.tga")]
    done = fodl("calibrate", *data)
    assert done.returncode == 1
    assert "tga" in done.stdout + done.stderr
    assert (folder / "model" / "fodl_parser" / "cfg").read_bytes() == before
