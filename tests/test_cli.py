import hashlib
import json
import re
import subprocess
import sys

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.training import Example

from spacy_fodl.models.extensions import add_target_extension
from spacy_fodl.transition.features import FEATURE_SETS, FeatureSet

from .pipeline.test_parser import SENTENCES, trained
from .pipeline.test_trees import made
from .util import ROOT, fodl, train, trained_tagger


def in_process_of_its_own(*args):
    return subprocess.run([sys.executable, "-m", "spacy", "fodl", *args], capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    trained_tagger(steps=60, set_pos=True).to_disk(path)
    return str(path)


def test_show_prints_a_table_and_writes_a_report(model, tmp_path):
    (tmp_path / "scores.json").write_text(json.dumps({"tag_acc": 0.875, "pos_acc": None, "speed": 1234.5}))
    report = tmp_path / "new" / "report.md"
    done = in_process_of_its_own(
        "show", model, "I walk | to town", "--scores", str(tmp_path / "scores.json"), "--output", str(report)
    )
    assert done.returncode == 0, done.stderr
    assert "87.50 %" in done.stdout
    assert "1,234 words/s" in done.stdout
    (row,) = [line.split() for line in done.stdout.splitlines() if line.startswith("walk")]
    assert row[:3] == ["walk", "VBP", "VERB"]
    written = report.read_text(encoding="utf8")
    assert "| tags | 87.50 % |" in written
    assert "| \\| |" in written


def test_show_without_a_tagger(tmp_path):
    spacy.blank("en").to_disk(tmp_path)
    done = fodl("show", str(tmp_path), "a")
    assert done.returncode == 1
    assert "F301" in done.stdout + done.stderr


def test_show_of_a_tag_that_a_later_component_set(tmp_path):
    nlp = trained_tagger(steps=20)
    nlp.add_pipe("attribute_ruler").add([[{"ORTH": "ham"}]], {"TAG": "FOOD"})
    nlp.to_disk(tmp_path)
    done = fodl("show", str(tmp_path), "I like\nham")
    assert done.returncode == 0, done.stderr
    (row,) = [line.split() for line in done.stdout.splitlines() if line.startswith("ham")]
    assert row[:3] == ["ham", "FOOD", "-"]


def test_show_of_trees(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_parser")
    gold = {"heads": [1, 1, 1], "deps": ["nsubj:pass", "ROOT", "obj"]}
    examples = [Example.from_dict(nlp.make_doc("I like ham"), gold)]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(30):
        nlp.update(examples, sgd=optimizer)
    nlp.to_disk(tmp_path)
    done = in_process_of_its_own("show", str(tmp_path), "I like ham")
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    # The meaning of a subtype that spaCy's glossary doesn't know is that of its relation.
    assert ["I", "nsubj:pass", "like", "nominal", "subject"] in rows
    assert ["like", "ROOT", "root"] in rows


def test_show_of_steps(tmp_path):
    nlp = trained([SENTENCES[0]], beam_width=2)
    nlp.to_disk(tmp_path)
    done = fodl("show", str(tmp_path), "I like green eggs .", "--steps")
    assert done.returncode == 0
    assert re.search(r"ROOT +I like green eggs … +SHIFT +1\.00", done.stdout)
    assert re.search(r"ROOT I like +green eggs \. +LEFT-ARC\(nsubj\) +[01]\.\d\d +\S+ 0\.\d\d", done.stdout)
    assert "LEFT-ARC" not in fodl("show", str(tmp_path), "I like green eggs .").stdout


def test_show_of_sentences(tmp_path):
    nlp = spacy.blank("en")
    cut, pipe = nlp.add_pipe("sentencizer"), nlp.add_pipe("fodl_skipthought")
    docs = [cut(nlp.make_doc("I sat. You sat. It rained."))]
    nlp.initialize(lambda: [Example(doc, doc) for doc in docs])
    assert pipe.has_decoders
    nlp.to_disk(tmp_path)
    done = fodl("show", str(tmp_path), "I sat. It rained. I sat.")
    assert len(re.findall(r"I sat\. +I sat\. +1\.00", done.stdout)) == 2
    assert re.search(r"It rained\. +I sat\. +-?0\.\d\d", done.stdout)
    assert re.search(r"I sat\. +- +-", fodl("show", str(tmp_path), "I sat.").stdout)
    of_long = fodl("show", str(tmp_path), "I sat and you sat and it rained and we sat. It rained.").stdout
    _, _, long, short = of_long.strip().split("\n")
    assert long.index("It rained.") == short.index("I sat and")
    assert fodl("show", str(tmp_path), " ").returncode == 0


def test_show_of_two_lines_and_of_scores_that_are_none(model, tmp_path):
    report, scores = tmp_path / "report.md", tmp_path / "scores.json"
    scores.write_text("[1]")
    done = fodl("show", model, "I walk", "--scores", str(scores))
    assert done.returncode == 1
    assert "F306" in done.stdout + done.stderr
    assert fodl("show", model, "I walk\nto town", "--output", str(report)).returncode == 0
    assert "> I walk\n> to town\n" in report.read_text(encoding="utf8")


def test_show_of_an_empty_text(model):
    assert fodl("show", model, "").returncode == 0


# -- convert


def test_convert_every_format(tmp_path):
    add_target_extension()
    inputs = {
        "conllu": "1\tGo\tgo\tVERB\tVB\t_\t0\troot\t_\t_\n",
        "conll2000": "Go VB B-VP\n",
        "reviews": "pos\t1\tGo\n",
        "parallel": "Go\n",
        "text": "Go\n",
    }
    for format, text in inputs.items():
        source = tmp_path / format
        source.write_text(text)
        output = tmp_path / "new" / f"{format}.spacy"
        more = ["--target", str(source)] if format == "parallel" else []
        done = fodl("convert", format, str(source), str(output), *more)
        assert done.returncode == 0, done.stdout + done.stderr
        (doc,) = DocBin().from_disk(output).get_docs(spacy.blank("en").vocab)
        assert doc[0].text == "Go"
        if format == "parallel":
            assert doc._.fodl_target == "Go"


@pytest.mark.parametrize(
    "lang, ranges, warns",
    [
        ("fr", True, True),
        # What a tokenizer cuts into more, nobody can merge.
        ("fr", False, False),
        ("zh", False, False),
    ],
)
def test_convert_tells_of_words_that_are_parts_of_tokens(tmp_path, lang, ranges, warns):
    rows = [("1", "de", "3", "case"), ("2", "le", "3", "det"), ("3", "bois", "0", "root")]
    if ranges:
        rows = [("1-2", "du", "_", "_"), *rows]
    rows += [(str(i), "rouge", "3", "amod") for i in range(4, 9)]
    lines = ["\t".join([id_, form, *"____", head, label, "_", "_"]) + "\n" for id_, form, head, label in rows]
    source, output = tmp_path / "a.conllu", tmp_path / "a.spacy"
    source.write_text("".join(lines))
    done = fodl("convert", "conllu", str(source), str(output), "--lang", lang)
    assert done.returncode == 0
    assert output.exists()
    told = (done.stdout + done.stderr).replace("\n", " ")
    assert bool(re.search(r"25% of the words.*--merge-subtokens", told)) == warns


def test_convert_reviews_with_labels_of_ones_own(tmp_path):
    (tmp_path / "a.tsv").write_text("good\t1\tGo\nbad\t2\tStay\ngood\t3\tRun\n")
    output = tmp_path / "a.spacy"
    labels = ["--label", "good", "--label", "bad", "--label", "worse"]
    done = fodl("convert", "reviews", str(tmp_path / "a.tsv"), str(output), *labels)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'good' 2 times, 'bad' 1 times, 'worse' 0 times" in done.stdout
    doc, *_ = DocBin().from_disk(output).get_docs(spacy.blank("en").vocab)
    assert doc.cats == {"good": 1.0, "bad": 0.0, "worse": 0.0}


@pytest.mark.parametrize(
    "text,output,error", [("Go\n", "a.txt", "F303"), ("Go\n", ".", "F303"), ("\n", "a.spacy", "F304")]
)
def test_convert_makes_nothing_that_spacy_would_not_read(tmp_path, text, output, error):
    (tmp_path / "in.txt").write_text(text)
    done = fodl("convert", "text", str(tmp_path / "in.txt"), str(tmp_path / output))
    assert done.returncode == 1
    assert error in done.stdout + done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]


def test_show_of_a_wrong_path(tmp_path):
    done = fodl("show", str(tmp_path / "nowhere"), "a")
    assert done.returncode == 1
    assert "E050" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_convert_checks_sha256(tmp_path):
    (tmp_path / "a.txt").write_text("Go\n")
    output = tmp_path / "a.spacy"
    good = hashlib.sha256(b"Go\n").hexdigest()
    done = fodl("convert", "text", str(tmp_path / "a.txt"), str(output), "--sha256", "0" * 64)
    assert done.returncode == 1
    assert "F406" in done.stdout + done.stderr
    assert not output.exists()
    assert fodl("convert", "text", str(tmp_path / "a.txt"), str(output), "--sha256", good).returncode == 0


def test_convert_of_a_broken_file_leaves_nothing_behind(tmp_path):
    (tmp_path / "a").write_text("Go VB B-VP\nbroken\n")
    done = fodl("convert", "conll2000", str(tmp_path / "a"), str(tmp_path / "out" / "a.spacy"))
    assert done.returncode == 1
    assert "F403" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [["parallel"], ["text", "--target", "x"]])
def test_convert_wants_a_target_for_parallel_text_only(tmp_path, arguments):
    (tmp_path / "a").write_text("Go\n")
    format, *more = arguments
    done = fodl("convert", format, str(tmp_path / "a"), str(tmp_path / "a.spacy"), *more)
    assert done.returncode == 1
    assert "F302" in done.stdout + done.stderr


def test_show_tells_the_repairs_of_a_tree(tmp_path):
    nlp = made(constrained=False)
    nlp.to_disk(tmp_path)
    n_repairs = nlp("Eat ham")._.fodl_repairs
    assert n_repairs > 0
    done = fodl("show", str(tmp_path), "Eat ham")
    assert re.search(rf"output +score +repairs\b.*-?\d\.\d\d +{n_repairs}\b", done.stdout, re.DOTALL), done.stdout


@pytest.mark.parametrize("format", ["text", "reviews"])
def test_convert_counts_sentences_of_treebanks_only(tmp_path, format):
    (tmp_path / "a").write_text("Go\n")
    done = fodl("convert", format, str(tmp_path / "a"), str(tmp_path / "a.spacy"), "--n-sents", "1")
    assert done.returncode == 1
    assert "F307" in done.stdout + done.stderr
    assert not (tmp_path / "a.spacy").exists()


def test_a_pipeline_may_need_code(tmp_path, monkeypatch):
    code = tmp_path / "tiny.py"
    code.write_text(
        "from spacy_fodl.transition.features import FEATURE_SETS, FeatureSet\n"
        "FEATURE_SETS['tiny'] = FeatureSet('tiny', n_stack=2, n_buffer=1, children=[], labels=False)\n"
    )
    monkeypatch.setitem(FEATURE_SETS, "tiny", FeatureSet("tiny", n_stack=2, n_buffer=1, children=[], labels=False))
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_parser", config={"model": {"features": "tiny"}})
    gold = {"heads": [1, 1, 3, 1], "deps": ["nsubj", "ROOT", "amod", "obj"]}
    train(nlp, [Example.from_dict(nlp.make_doc("I like green eggs"), gold)], steps=2).to_disk(tmp_path / "model")
    del FEATURE_SETS["tiny"]
    without = fodl("show", tmp_path / "model", "I like ham")
    assert without.returncode == 1
    assert "F101" in without.stdout
    assert "stack3, syntaxnet" in without.stdout
    assert fodl("show", tmp_path / "model", "I like ham", "--code", code).returncode == 0
    explained = fodl("explain", tmp_path / "model", "I like ham", "--code", code, "-o", tmp_path / "page.html")
    assert explained.returncode == 0, explained.stdout


def test_train_says_what_is_missing_without_a_traceback(tmp_path):
    config = ROOT / "configs" / "tagger.cfg"
    missing = fodl("train", config, "--output", tmp_path, "--paths.train", "trian.spacy", "--paths.dev", "dev.spacy")
    assert missing.returncode == 1
    assert "trian.spacy" in missing.stdout
    assert not missing.stderr
    DocBin(docs=[spacy.blank("en")("A text without tags.")]).to_disk(tmp_path / "train.spacy")
    paths = ("--paths.train", tmp_path / "train.spacy", "--paths.dev", tmp_path / "train.spacy")
    untagged = fodl("train", config, "--output", tmp_path, *paths)
    assert untagged.returncode == 1
    assert "F201" in untagged.stdout
    assert not untagged.stderr
