"""The harness on a corpus made here: jobs, result files, tables."""

import gzip
import io
import json
import os
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import spacy
import torch
from spacy.lang.en import English
from spacy.tokens import DocBin
from spacy.training import Example
from spacy.util import load_config, load_model_from_config
from spacy.vocab import Vocab
from thinc.api import Config
from typer.testing import CliRunner

from benchmarks import (
    data,
    harness,
    imdb,
    joey,
    linearized,
    memory,
    parser,
    plots,
    report,
    scaling,
    sentence_vectors,
    seq2seq,
    significance,
    tagger,
    textcat,
    training,
    worker,
)
from benchmarks.__main__ import app
from spacy_fodl.models.extensions import TARGET, add_target_extension

from .util import make_examples

SENTENCES = [("I like ham", "PRP VBP NN"), ("Eat green eggs", "VB JJ NNS"), ("I walk to town", "PRP VBP TO NN")] * 20

REVIEWS = [
    f"{label}\t{part}/{label}/{i}\tOne more {word} film.<br />It is {word} {i} times."
    for part in ("train", "test")
    for label, word in (("pos", "great"), ("neg", "awful"))
    for i in range(20)
]


def put(folder, name, text, monkeypatch, packed=False):
    """Write a file of a corpus, and let it be the one that is expected."""
    path = folder / (f"{name}.gz" if packed else name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode("utf8")) if packed else text.encode("utf8"))
    monkeypatch.setitem(data.SHA256, name, data.text_sha256(path))
    return path


def read(path):
    return list(DocBin().from_disk(path).get_docs(Vocab()))


@pytest.fixture
def corpora(tmp_path, monkeypatch):
    """A folder with local copies, of corpora that have the formats of CoNLL-2000 and IMDB."""
    text = "\n\n".join(
        "\n".join(f"{word} {tag} O" for word, tag in zip(words.split(), tags.split())) for words, tags in SENTENCES
    )
    folder = tmp_path / "data"
    for name in tagger.DATA:
        put(folder, name, text, monkeypatch, packed=True)
    monkeypatch.setattr(data, "DEV_SENTENCES", 10)
    for name, lines in zip(textcat.DATA, (REVIEWS[:40], REVIEWS[40:])):
        put(folder, name, "\n".join(lines), monkeypatch, packed=True)
    monkeypatch.setattr(imdb, "DEV_REVIEWS", 10)
    monkeypatch.setattr(imdb, "DEV_BLOCK", 1)
    return folder


@pytest.fixture
def options(corpora, tmp_path, monkeypatch):
    for module in (harness, scaling, tagger, textcat):
        monkeypatch.setattr(module, "WORK", tmp_path / "work")
    monkeypatch.setattr(harness, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    return harness.Options(data=corpora, quick=True, systems=None, seeds=[0], at_once=1)


def test_splits_are_apart_and_stay_the_same(corpora, tmp_path):
    sizes = []
    for name in ("a", "b"):
        paths = data.conll2000(corpora, tmp_path / name)
        docs = {split: read(path) for split, path in paths.items()}
        sizes.append({split: len(found) for split, found in docs.items()})
    assert sizes[0] == sizes[1] == {"train": 50, "dev": 10, "test": 60}
    assert (tmp_path / "a" / "dev.spacy").read_bytes() == (tmp_path / "b" / "dev.spacy").read_bytes()
    assert [(t.text, t.tag_) for t in docs["test"][0]] == [("I", "PRP"), ("like", "VBP"), ("ham", "NN")]


def test_another_file_is_refused(corpora, tmp_path):
    (corpora / f"{tagger.DATA[0]}.gz").write_bytes(gzip.compress(b"other X O"))
    with pytest.raises(SystemExit, match="another file"):
        data.conll2000(corpora, tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SystemExit, match=r"train\.txt is missing, and .*train\.txt\.gz too.*--data"):
        data.conll2000(tmp_path, tmp_path)


def test_a_file_that_was_cut_short_is_named(corpora, tmp_path):
    path = corpora / f"{tagger.DATA[0]}.gz"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(SystemExit, match=r"train\.txt\.gz can't be unpacked"):
        data.conll2000(corpora, tmp_path)


TREEBANK = """# newdoc id = a
1\tCats\tcat\tNOUN\tNNS\tNumber=Plur\t2\tnsubj\t_\t_
2\tsleep\tsleep\tVERB\tVBP\t_\t0\troot\t_\tSpaceAfter=No
3\t.\t.\tPUNCT\t.\t_\t2\tpunct\t_\t_

1\tEat\teat\tVERB\tVB\t_\t0\troot\t_\t_

"""


@pytest.mark.parametrize("packed", [True, False])
def test_a_treebank_keeps_its_trees(packed, tmp_path, monkeypatch):
    for split in ("train", "dev", "test"):
        put(tmp_path, f"ud_english_ewt/en_ewt-ud-{split}.conllu", TREEBANK, monkeypatch, packed)
    paths = data.ewt(tmp_path, tmp_path / "out")
    assert list(paths) == ["train", "dev", "test"]
    for path in paths.values():
        (doc,) = read(path)
        assert doc.text == "Cats sleep. Eat "
        first, second = (sentence.as_doc() for sentence in doc.sents)
        assert [t.text for t in second] == ["Eat"]
        assert [(t.lemma_, t.pos_, t.tag_, t.dep_, t.head.i) for t in first] == [
            ("cat", "NOUN", "NNS", "nsubj", 1),
            ("sleep", "VERB", "VBP", "ROOT", 1),
            (".", "PUNCT", ".", "punct", 1),
        ]
        assert str(first[0].morph) == "Number=Plur"
        assert [t.is_sent_start for t in first] == [True, False, False]
    put(
        tmp_path, "ud_english_ewt/en_ewt-ud-dev.conllu", TREEBANK + 5 * TREEBANK.partition("\n")[2], monkeypatch, packed
    )
    counts = [len(list(doc.sents)) for doc in read(data.ewt(tmp_path, tmp_path / "out")["dev"])]
    assert counts == [10, 2]
    assert len(read(data.ewt(tmp_path, tmp_path / "out", limit=1)["dev"])) == 1


def test_pairs_keep_their_translations(tmp_path, monkeypatch):
    for name in ("train", "val", "test_2016_flickr"):
        put(tmp_path, f"multi30k/{name}.en", f"A dog.\nThe {name}\n", monkeypatch, packed=name == "train")
        put(tmp_path, f"multi30k/{name}.fr", "Un chien. \nDeux\n", monkeypatch)
    paths = data.multi30k(tmp_path, tmp_path / "out")
    docs = {split: read(path) for split, path in paths.items()}
    assert {split: [doc.text for doc in its] for split, its in docs.items()} == {
        "train": ["A dog.", "The train"],
        "dev": ["A dog.", "The val"],
        "test": ["A dog.", "The test_2016_flickr"],
    }
    assert [doc._.get(TARGET) for doc in docs["dev"]] == ["Un chien.", "Deux"]


def reviews(split):
    """Lines as in the local copies, and what upstream has in their place."""
    lines = {}
    for label, stars in (("pos", 9), ("neg", 2)):
        for number in range(12):
            text = f"{split} {label} {number}<br />"
            lines[f"{label}\t{split}/{label}/{number}_{stars}\t{text} end "] = f"{text}\x85\tend\n"
    return lines


@pytest.fixture
def imdb_folders(tmp_path, monkeypatch):
    """The same reviews as files of lines, and as upstream's archive."""
    lines, archived = tmp_path / "lines", tmp_path / "archived" / imdb.ARCHIVE
    archived.parent.mkdir(parents=True)
    with tarfile.open(archived, "w:gz") as archive:
        for split in ("train", "test"):
            its = reviews(split)
            put(lines, f"imdb/{split}.tsv", "".join(f"{line}\n" for line in its), monkeypatch, packed=True)
            monkeypatch.setitem(imdb.FOLDED_SHA256, split, imdb.folded_sha256(its))
            members = {f"{line.split()[1]}.txt": text for line, text in its.items()}
            for name, text in {**members, "train/unsup/0_0.txt": "?", "README": "?"}.items():
                info = tarfile.TarInfo(f"aclImdb/{name}")
                info.size = len(text.encode("utf8"))
                archive.addfile(info, io.BytesIO(text.encode("utf8")))
    monkeypatch.setattr(imdb, "DEV_REVIEWS", 8)
    monkeypatch.setattr(imdb, "DEV_BLOCK", 2)
    return lines, tmp_path / "archived"


def test_reviews_are_the_same_from_lines_and_from_the_archive(imdb_folders, tmp_path):
    found = []
    for folder in imdb_folders:
        paths = imdb.imdb(folder, tmp_path / "out")
        found.append({split: [(doc.text, doc.cats) for doc in read(path)] for split, path in paths.items()})
    assert found[0] == found[1]
    splits = found[0]
    assert {split: len(its) for split, its in splits.items()} == {"train": 16, "dev": 8, "test": 24}
    assert sum(cats["pos"] for _, cats in splits["dev"]) == 4
    numbers = sorted((text.split()[1], int(text.split()[2])) for text, _ in splits["dev"])
    assert all(b == (a[0], a[1] + 1) for a, b in zip(numbers[::2], numbers[1::2])), "no blocks of neighbours"
    assert not {text for text, _ in splits["train"]} & {text for text, _ in splits["dev"]}
    for text, cats in splits["test"]:
        _, label, number, _ = text.split()
        assert text == f"test {label} {number}  end "
        assert cats == {"pos": float(label == "pos"), "neg": float(label == "neg")}
    assert len({label for text, _ in splits["test"][:8] for label in text.split()[1:2]}) == 2, "not shuffled"


def test_an_archive_with_other_reviews_is_refused(imdb_folders, tmp_path, monkeypatch):
    monkeypatch.setitem(imdb.FOLDED_SHA256, "test", "0")
    with pytest.raises(SystemExit, match="24 reviews of 'test' .* others"):
        imdb.imdb(imdb_folders[1], tmp_path / "out")
    path = imdb_folders[1] / imdb.ARCHIVE
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SystemExit, match="can't be unpacked"):
        imdb.imdb(imdb_folders[1], tmp_path / "out")


@pytest.mark.parametrize(
    "corpus,file",
    [
        ("conll2000", "conll2000/test.txt"),
        ("ewt", "ud_english_ewt/en_ewt-ud-test.conllu"),
        ("imdb", "imdb/test.tsv"),
        ("multi30k", "multi30k/test_2016_flickr.fr"),
    ],
)
def test_the_command_fails_on_another_file_and_writes_nothing(corpus, file, tmp_path, monkeypatch):
    for name in data.SHA256:
        if name.startswith(f"{file.split('/')[0]}/"):
            put(tmp_path, name, "I PRP O\n", monkeypatch)
    (tmp_path / file).write_text("You PRP O\n")
    done = CliRunner().invoke(app, ["corpora", corpus, str(tmp_path / "out"), "--data", str(tmp_path)])
    assert done.exit_code != 0
    assert "another file" in str(done.exception or done.output)
    assert not (tmp_path / "out").exists()


def test_an_unknown_corpus_is_refused_with_those_that_there_are(tmp_path):
    done = CliRunner().invoke(app, ["corpora", "ptb", str(tmp_path / "out")])
    assert done.exit_code != 0
    assert "conll2000, ewt, imdb, multi30k" in str(done.exception or done.output)


@pytest.mark.slow
@pytest.mark.skipif("FODL_DATA" not in os.environ, reason="FODL_DATA names no folder with local copies of the corpora")
def test_the_corpora_have_the_counts_of_their_descriptions(tmp_path):
    folder = Path(os.environ["FODL_DATA"])
    published = imdb.published_lines(folder)
    assert {split: imdb.folded_sha256(lines) for split, lines in published.items()} == imdb.FOLDED_SHA256
    train, dev = imdb.cut(published["train"])
    assert (len(train), len(dev), len(published["test"])) == (22500, 2500, 25000)
    counts = {}
    for name, make in (("conll2000", data.conll2000), ("ewt", data.ewt), ("multi30k", data.multi30k)):
        paths = make(folder, tmp_path / name)
        counts[name] = [len(DocBin().from_disk(path)) for path in paths.values()]
    assert counts == {
        "conll2000": [8036, 900, 2012],
        "ewt": [1485, 396, 403],
        "multi30k": [29000, 1014, 1000],
    }


@pytest.fixture
def here(monkeypatch):
    """Jobs within this process: a new one for each would spend most of the time on imports."""

    def run_job(job):
        figures = worker.figures_of(json.loads(json.dumps(job)))
        return json.loads(json.dumps({**figures, "peak_memory_mib": 100}))

    for module in (harness, parser, scaling, seq2seq, textcat):
        monkeypatch.setattr(module, "run_job", run_job)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
def test_the_tagger_task_from_corpus_to_tables(options, tmp_path):
    tagger.run(replace(options, systems=["fodl", "spacy", "speed", "bridge"]))
    folder = tmp_path / "work" / "quick" / "tagger"
    assert not (tmp_path / "results").exists()
    result = json.loads((folder / "fodl.json").read_text())
    assert {"commit", "command", "data", "versions", "processor", "threads", "date"} < set(result)
    assert result["data"] == {name: data.SHA256[name] for name in tagger.DATA}
    (run,) = result["runs"]
    assert 0 <= run["test_acc"] <= 1
    assert run["words_per_second"] > 0
    assert run["peak_memory_mib"] > 50
    assert run["model_mib"] > 1
    folder.parent.rename(tmp_path / "results")
    text = "".join(f"<!-- {name} -->\nwritten before\n<!-- end -->\n" for name in report.TABLES)
    shown = report.rendered(text)
    assert "written before" not in shown
    assert "configs/tagger.cfg" in shown
    assert report.rendered(shown) == shown


@pytest.mark.slow
@pytest.mark.thorough
def test_the_parser_task_from_treebank_to_tables(here, options, corpora, tmp_path, monkeypatch):
    for name in parser.DATA:
        text = (harness.ROOT / "spacy_fodl" / "starter" / "treebank" / name.split("-")[-1]).read_text(encoding="utf8")
        put(corpora, name, text, monkeypatch)
    parser.run(replace(options, systems=["scratch_gold", "spacy_joint", *parser.COMPARISONS]))
    monkeypatch.setattr(
        parser, "PAIRS", [[["scratch_gold", 2], ["scratch_gold", 1]], [["fodl_gold", 1], ["scratch_gold", 1]]]
    )
    parser.run(replace(options, systems=["differences"]))
    folder = tmp_path / "work" / "quick" / "parser"
    (run,) = json.loads((folder / "scratch_gold.json").read_text())["runs"]
    assert 0 <= run["test_las_acc"] <= run["test_uas_acc"] <= 1
    assert run["test_uas_acc"] > 0
    assert run["test_sents_acc"] == 1
    (joint,) = json.loads((folder / "spacy_joint.json").read_text())["runs"]
    assert joint["test_sents_acc"] < 1
    assert 0 <= joint["raw_test_las_acc"] <= 1
    speed = json.loads((folder / "speed.json").read_text())["mean"]
    assert speed["decoding_words_per_second_ratio"] > 0
    folder.parent.rename(tmp_path / "results")
    (scratch,) = json.loads((tmp_path / "results" / "parser" / "scratch_gold.json").read_text())["runs"]
    for width in (1, 32):
        assert 0 <= scratch[f"beam{width}_dev_las_acc"] <= 1
    assert 0 <= scratch["error_calibration_after"] <= 1
    (stream,) = json.loads((tmp_path / "results" / "parser" / "stream.json").read_text())["runs"]
    assert stream["words"] >= 2000
    markers = [f"<!-- parser-{name} -->\n<!-- end -->\n" for name in ("accuracy", "speed", "long", "stream")]
    assert [len(report.rendered(text).splitlines()) - 2 for text in markers] == [2 + 3, 2 + 5, 2 + 4, 2 + 1]
    assert "| scratch_gold, beam 2, less scratch_gold, beam 1 | 1 |" in report.parser_differences()
    path = tmp_path / "results" / "parser" / "scratch_gold.json"
    path.rename(path.with_name("fodl_gold.json"))
    assert [
        len(report.rendered(f"<!-- parser-{name} -->\n<!-- end -->\n").splitlines()) - 2
        for name in ("beam", "calibration")
    ] == [4, 3]


@pytest.mark.slow
def test_a_locally_trained_parser_is_scored_greedily_and_with_a_beam(tmp_path, monkeypatch):
    treebank = harness.ROOT / "spacy_fodl" / "starter" / "treebank"
    paths = {split: str(treebank / f"{split}.conllu") for split in parser.SPLITS}
    monkeypatch.setattr(parser, "with_vectors", lambda: parser.ours("parser.cfg"))
    run = parser.train_parser("local", "gold", paths, 0, 30, 30, str(tmp_path / "model"))
    assert 0 <= run["test_las_acc"] <= run["test_uas_acc"] <= 1
    assert 0 < run["beam_test_uas_acc"] <= 1
    assert run["beam_test_uas_acc"] != run["test_uas_acc"]
    assert "temperature" not in run


def test_runs_of_other_seeds_can_be_kept(options, tmp_path, monkeypatch):
    options = replace(options, quick=False)
    for seed, add in ((1, False), (0, True), (1, True)):
        monkeypatch.setattr(harness, "commit", lambda: f"commit{seed}{add}")  # noqa: B023
        runs = [{"seed": seed, "test_acc": seed / 2}]
        path = harness.write_result("tagger", "fodl", "small", {}, runs, replace(options, add=add))
    result = json.loads(path.read_text())
    assert [run["seed"] for run in result["runs"]] == [0, 1]
    assert result["mean"]["test_acc"] == 0.25
    assert result["commit"] == "commit0True, commit1True"
    # Without a seed there is one run, which is replaced.
    for value in (0.5, 0.75):
        path = harness.write_result("tagger", "linear", "small", {}, [{"test_acc": value}], replace(options, add=True))
    assert [run["test_acc"] for run in json.loads(path.read_text())["runs"]] == [0.75]
    # What doesn't go together is put aside, and lost neither way.
    path = harness.write_result("tagger", "fodl", "large", {}, runs, replace(options, add=True))
    assert [run["seed"] for run in json.loads(path.read_text())["runs"]] == [1]
    (aside,) = (tmp_path / "work" / "aside" / "tagger").iterdir()
    assert json.loads(aside.read_text()) == result


@pytest.mark.slow
def test_udpipe_on_the_same_treebank(options, corpora, tmp_path, monkeypatch):
    pytest.importorskip("ufal.udpipe", reason="ufal.udpipe is not installed")
    for name in parser.DATA:
        text = (harness.ROOT / "spacy_fodl" / "starter" / "treebank" / name.split("-")[-1]).read_text(encoding="utf8")
        put(corpora, name, text, monkeypatch)
    parser.run(replace(options, systems=["udpipe_gold"]))
    (run,) = json.loads((tmp_path / "work" / "quick" / "parser" / "udpipe_gold.json").read_text())["runs"]
    assert 0 < run["test_las_acc"] <= run["test_uas_acc"] < 1


def test_joeynmt_is_asked_for_where_it_is_missing(monkeypatch):
    monkeypatch.setenv("JOEYNMT_PYTHON", sys.executable)
    monkeypatch.setattr(joey.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=1))
    with pytest.raises(SystemExit, match="JOEYNMT_PYTHON"):
        joey.interpreter()


def test_joeynmt_is_trained_as_long_as_ours(tmp_path, monkeypatch):
    monkeypatch.setattr(seq2seq, "RESULTS", tmp_path)
    with pytest.raises(SystemExit, match="run that one there first"):
        seq2seq.seconds_of_ours()
    (tmp_path / "seq2seq").mkdir()
    (tmp_path / "seq2seq" / "fodl.json").write_text(json.dumps({"mean": {"train_cpu_seconds": 12.5}}))
    assert seq2seq.seconds_of_ours() == 12.5


def test_what_joeynmt_is_given(tmp_path):
    add_target_extension()
    nlp = spacy.blank("en")
    docs = [nlp.make_doc(text) for text in ("I like green eggs.", "You eat ham.")]
    for doc, target in zip(docs, ("J'aime les œufs verts.", "Tu manges du jambon.")):
        doc._.fodl_target = target
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "train.spacy")
    assert joey.write_texts(str(tmp_path / "train.spacy"), tmp_path / "train") == [doc._.fodl_target for doc in docs]
    assert (tmp_path / "train.en").read_text(encoding="utf8") == "I like green eggs.\nYou eat ham.\n"
    settings = joey.config(tmp_path, 0, 500, 16)
    joey.learn_subwords(tmp_path, "fr", 40, settings)
    words = (tmp_path / "words.fr").read_text(encoding="utf8").splitlines()
    assert words[:4] == ["<unk>", "<pad>", "<s>", "</s>"]
    assert len(set(words)) == len(words) > 10
    assert settings["data"]["trg"]["voc_file"] == str(tmp_path / "words.fr")


def test_a_command_runs_for_its_processor_time(tmp_path):
    loop = "while True: pass"
    assert 1 <= joey.run_for([sys.executable, "-c", loop], 1, tmp_path / "log") < 30
    joey.run_for([sys.executable, "-c", "print('done')"], 100, tmp_path / "log")
    assert (tmp_path / "log").read_text() == "done\n"
    with pytest.raises(SystemExit, match="no such thing"):
        joey.run_for([sys.executable, "-c", "raise ValueError('no such thing')"], 100, tmp_path / "log")


@pytest.mark.slow
def test_the_seq2seq_task_from_corpus_to_tables(here, options, corpora, tmp_path, monkeypatch):
    for name in seq2seq.DATA:
        part, language = name.split("/")[1].split(".")
        part = {"train": "train", "val": "dev", "test_2016_flickr": "test"}[part]
        text = (harness.ROOT / "spacy_fodl" / "starter" / "pairs" / f"{part}.{language}").read_text(encoding="utf8")
        put(corpora, name, text, monkeypatch)
    small = {"width": 16, "embed_width": 16}
    config = seq2seq.ours("translate.cfg", **small)
    config["components"]["fodl_seq2seq"]["target"]["size"] = 200
    monkeypatch.setattr(seq2seq, "SYSTEMS", {"fodl": seq2seq.System("small", lambda: config)})
    folder = tmp_path / "corpus"
    paths = {f"{split}_path": str(path) for split, path in data.multi30k(corpora, folder, limit=40).items()}
    found = seq2seq.train_translator("fodl", 0, 5, str(tmp_path / "model"), **paths)
    for how in ("greedy", "beam"):
        assert 0 <= found[f"test_{how}_bleu_acc"] <= 1
        assert found[f"test_{how}_texts_per_second"] > 0
    seq2seq.run(replace(options, systems=["bridge"]))
    results = tmp_path / "work" / "quick" / "seq2seq"
    harness.write_result("seq2seq", "fodl", "small", {}, [found], options)
    results.parent.rename(tmp_path / "results")
    shown = [
        report.rendered(f"<!-- seq2seq-{name} -->\n<!-- end -->\n")
        for name in ("accuracy", "lengths", "thresholds", "bridge")
    ]
    assert [len(text.splitlines()) - 2 for text in shown] == [3, 3, 4, 3]
    assert "1 to 9" in shown[1]


@pytest.mark.slow
@pytest.mark.thorough
def test_the_linearized_task_from_treebank_to_tables(here, options, corpora, tmp_path, monkeypatch):
    monkeypatch.setattr(linearized, "WORK", tmp_path / "work")
    for name in parser.DATA:
        text = (harness.ROOT / "spacy_fodl" / "starter" / "treebank" / name.split("-")[-1]).read_text(encoding="utf8")
        put(corpora, name, text, monkeypatch)
    linearized.run(options)
    folder = tmp_path / "work" / "quick" / "linearized"
    (run,) = json.loads((folder / "fodl_seq2seq.json").read_text())["runs"]
    assert run["greedy_malformed_acc"] == run["beam_malformed_acc"] == 0
    assert run["free_malformed_acc"] > 0.9  # After so little training.
    assert 0 <= run["beam_las_acc"] <= run["beam_uas_acc"] <= 1
    folder.parent.rename(tmp_path / "results")
    assert len(report.rendered("<!-- linearized-accuracy -->\n<!-- end -->\n").splitlines()) == 2 + 2 + 3 + 2


@pytest.mark.slow
def test_the_sentence_vectors_task_from_corpus_to_tables(here, options, tmp_path, monkeypatch):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    monkeypatch.setattr(sentence_vectors, "WORK", tmp_path / "work")
    sentence_vectors.run(replace(options, systems=["fodl", "untrained", "tfidf"]))
    folder = tmp_path / "work" / "quick" / "sentence_vectors"
    results = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    assert results["fodl"]["mean"]["test_acc"] > 0.9
    assert results["fodl"]["mean"]["width"] == results["untrained"]["mean"]["width"] == 600
    assert results["fodl"]["mean"]["thought_perplexity"] > 1
    folder.parent.rename(tmp_path / "results")
    assert len(report.rendered("<!-- sentence-vectors-accuracy -->\n<!-- end -->\n").splitlines()) == 2 + 2 + 3


@pytest.mark.slow
def test_the_textcat_task_from_corpus_to_tables(here, options, tmp_path):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    textcat.run(replace(options, systems=["spacy_bow", "nbsvm", "nbsvm_all", "tfidf"]))
    folder = tmp_path / "work" / "quick" / "textcat"
    results = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    assert all(set(result["data"]) == set(textcat.DATA) for result in results.values())
    assert "scikit-learn" in results["nbsvm"]["versions"]
    assert results["nbsvm"]["mean"]["test_acc"] == results["tfidf"]["mean"]["test_acc"] == 1.0
    assert [name for name, result in results.items() if "dev_acc" not in result["mean"]] == ["nbsvm_all"]
    (run,) = results["spacy_bow"]["runs"]
    assert 0 <= run["test_acc"] <= 1
    assert run["texts_per_second"] > 0
    folder.parent.rename(tmp_path / "results")
    shown = report.rendered("<!-- textcat-accuracy -->\n<!-- end -->\n")
    assert len(shown.splitlines()) == 2 + 2 + 4
    assert f"scikit-learn {results['nbsvm']['versions']['scikit-learn']}" in report.setting_of("textcat")


def test_every_config_of_textcat_has_the_model_that_its_name_says():
    config = Config(textcat.SYSTEMS["spacy_bow"].config())
    assert config["components"]["textcat"]["model"]["@architectures"] == "spacy.TextCatBOW.v3"
    nlp = load_model_from_config(Config(textcat.SYSTEMS["spacy_ensemble"].config()), auto_fill=True)
    assert nlp.config["components"]["textcat"]["model"]["@architectures"] == "spacy.TextCatEnsemble.v2"


def test_accuracy_of_categories_is_the_share_of_texts_with_the_gold_one_on_top(monkeypatch):
    nlp = English()
    examples = []
    for label in ("pos", "pos", "neg"):
        cats = {name: float(name == label) for name in ("pos", "neg")}
        examples.append(Example.from_dict(nlp.make_doc("Well."), {"cats": cats}))

    def pipe(docs):
        for doc in docs:
            doc.cats = {"pos": 0.6, "neg": 0.4}
            yield doc

    monkeypatch.setattr(nlp, "pipe", pipe)
    assert training.cats_accuracy(nlp, examples) == pytest.approx(2 / 3)


def test_log_count_ratios_are_those_of_the_paper():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    from scipy.sparse import csr_matrix

    from benchmarks.linear import LogCountRatio

    X = csr_matrix([[1, 0, 1], [1, 1, 0], [0, 1, 1]])
    scaled = LogCountRatio().fit_transform(X, ["pos", "pos", "neg"])
    p, q = np.array([3, 2, 2]) / 7, np.array([1, 2, 2]) / 5
    assert scaled.toarray() == pytest.approx(X.toarray() * np.log(p / q))


def test_check_finds_a_table_that_differs(options, tmp_path, monkeypatch):
    monkeypatch.setitem(report.TABLES, "tagger-speed", lambda: "| new |")
    path = tmp_path / "page.md"
    path.write_text("a\n<!-- tagger-speed -->\n| old |\n<!-- end -->\nb\n")
    assert report.write_tables(path, check=True)
    assert "old" in path.read_text()
    assert report.write_tables(path)
    assert path.read_text() == "a\n<!-- tagger-speed -->\n| new |\n<!-- end -->\nb\n"
    assert not report.write_tables(path, check=True)


def test_summary_has_means_and_deviations():
    runs = [{"seed": 1, "test_acc": 0.9, "speed": 10}, {"seed": 2, "test_acc": 0.8, "speed": 20}]
    summary = harness.summary(runs)
    assert summary["test_acc"] == pytest.approx(0.85)
    assert summary["test_acc_sd"] == pytest.approx(0.0707, abs=1e-4)
    assert summary["speed"] == 15
    assert "seed" not in summary


def test_the_command_names_no_folder_of_this_machine(options, monkeypatch):
    monkeypatch.setattr("sys.argv", ["benchmarks", "tagger", "--data", "/home/me/data", "--jobs", "2", "--data=/x"])
    assert harness.command() == "python -m benchmarks tagger --jobs 2"


def test_a_text_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "result.json"
    harness.write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        harness.write_text(path, "new" * 10000 + "\ud800")
    assert path.read_text() == "old"
    harness.write_text(path, "new")
    assert path.read_text() == "new"
    assert [found.name for found in tmp_path.glob("*.json")] == ["result.json"]


@pytest.mark.parametrize("distance", [1, 30])
def test_the_adding_problem_marks_two_numbers_at_that_distance(distance):
    X, sums = memory.adding_problem(50, distance, torch.Generator().manual_seed(0))
    assert X.shape == (50, distance + memory.SLACK, 2)
    numbers, marks = X.unbind(2)
    places = marks.nonzero()[:, 1].view(50, 2)
    assert (places[:, 1] - places[:, 0] == distance).all()
    assert len(places[:, 0].unique()) > 5
    torch.testing.assert_close((numbers * marks).sum(1), sums)
    assert marks.sum() == 100


def test_a_network_learns_to_add_near_numbers(monkeypatch):
    monkeypatch.setattr(memory, "TEST_SEQUENCES", 200)
    assert memory.relative_error(memory.SYSTEMS["lstm"], 1, 0, steps=500) < 0.5
    assert memory.relative_error(memory.SYSTEMS["lstm"], 1, 0, steps=1) > 0.9


@pytest.mark.parametrize("system, expected", [("rnn_far", {7}), ("rnn", set(range(1, 8)))])
def test_distances_in_training(system, expected, monkeypatch):
    asked = []
    make = memory.adding_problem

    def noted(n, distance, generator):
        asked.append(distance)
        return make(n, distance, generator)

    monkeypatch.setattr(memory, "adding_problem", noted)
    memory.relative_error(memory.SYSTEMS[system], 7, 0, steps=60)
    assert set(asked[:-1]) == expected
    assert asked[-1] == 7


def test_a_seed_repeats_itself():
    errors = [memory.relative_error(memory.SYSTEMS["rnn"], 3, seed, steps=5) for seed in (0, 0, 1)]
    assert errors[0] == errors[1] != errors[2]


def test_the_memory_task_from_training_to_table(here, options, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "LAGS", [1, 5])
    memory.run(replace(options, systems=["rnn", "lstm"]))
    (tmp_path / "work" / "quick").rename(tmp_path / "results")
    result = json.loads((tmp_path / "results" / "memory" / "lstm.json").read_text())
    assert result["mean"]["error_5"] > 0
    assert report.memory().splitlines()[0] == "| distance | 1 | 5 |"
    assert [line.split(" | ")[0] for line in report.memory().splitlines()[2:]] == ["| RNN", "| LSTM"]
    assert "1 seeds" in report.memory_setting()
    with pytest.raises(SystemExit, match=r"cnn.*rnn, lstm, gru, rnn_far, lstm_far"):
        memory.run(replace(options, systems=["cnn"]))


def test_the_scaling_task_from_starter_corpora_to_tables(here, options, tmp_path, monkeypatch):
    scaling.run(replace(options, systems=["parser_beam", "seq2seq"]))
    (tmp_path / "work" / "quick").rename(tmp_path / "results")
    lines = report.rendered("<!-- scaling-length -->\n<!-- end -->").splitlines()
    assert lines[1] == "| words/s by words in a document | 100 |"
    assert len(lines) == 3 + 2 + 1
    assert "| 100 |\n" in report.rendered("<!-- scaling-memory -->\n<!-- end -->")
    (run,) = json.loads((tmp_path / "results" / "scaling" / "parser_beam.json").read_text())["runs"]
    assert run["length_100_words_per_second"] > 0
    # A component that was not measured with other beams has no row.
    lines = report.rendered("<!-- scaling-beam -->\n<!-- end -->").splitlines()
    assert lines[1] == "| words/s by hypotheses in the beam | 1 |"
    assert len(lines) == 3 + 1 + 1
    assert "`configs/translate.cfg`" in lines[3]


def test_all_words_of_a_document_count(monkeypatch):
    """Also if there is but one that has more than there should be."""
    ticks = iter(range(100))
    monkeypatch.setattr(scaling.time, "process_time", lambda: next(ticks))
    monkeypatch.setattr(scaling.time, "perf_counter", lambda: next(ticks))
    nlp = spacy.blank("en")
    assert scaling.speeds(nlp, length=50, batch_size=1, n_words=20) == (50 / 2, 50 / 2)
    assert scaling.speeds(nlp, length=5, batch_size=1, n_words=20) == (20 / 2, 20 / 2)


@pytest.fixture
def with_gpu(monkeypatch):
    """What a GPU looks like to the harness. The work is done on the CPU all the same."""
    asked = []
    monkeypatch.setattr(worker, "require_gpu", asked.append)
    monkeypatch.setattr(worker, "set_gpu_allocator", asked.append)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "Some GPU")
    return asked


def do_nothing():
    return {"test_acc": 0.5, "texts_per_second": 7, "train_cpu_seconds": 60.0, "train_seconds": 90.0}


def test_a_job_on_a_gpu_tells_nothing_of_the_processor(with_gpu):
    job = {"module": __name__, "function": "do_nothing"}
    assert worker.figures_of({**job, "gpu": 1}) == {"test_acc": 0.5, "train_seconds": 90.0, "gpu": "Some GPU"}
    assert with_gpu == [1, "pytorch"]
    assert {*do_nothing(), "peak_memory_mib"} == set(worker.figures_of({**job, "gpu": -1}))
    assert with_gpu == [1, "pytorch"]


def test_results_of_devices_are_kept_apart(options, with_gpu, tmp_path, capsys):
    job = {"module": __name__, "function": "do_nothing"}
    for gpu in (-1, 0):
        runs = [{"seed": 0, **worker.figures_of({**job, "gpu": gpu})}]
        harness.write_result("textcat", "fodl", "ours", {}, runs, replace(options, quick=False, add=True))
    assert "under other conditions" in capsys.readouterr().out
    assert len(list((tmp_path / "work" / "aside" / "textcat").iterdir())) == 1
    mean = json.loads((tmp_path / "results" / "textcat" / "fodl.json").read_text())["mean"]
    assert mean == {"test_acc": 0.5, "train_seconds": 90.0}
    harness.write_result("textcat", "book", "the book's", {}, [do_nothing()], replace(options, quick=False))
    assert "| ours | 50.00 | 1.5 on a GPU | - |\n| the book's | 50.00 | 1.0 | 7 |" in report.textcat_accuracy()
    assert report.setting_of("textcat").count("torch ") == 2
    assert "rows without speeds on one Some GPU" in report.setting_of("textcat")


def test_what_runs_on_a_cpu_only_is_refused_on_a_gpu(options):
    on_gpu = replace(options, gpu=0)
    assert harness.chosen(on_gpu, ["fodl", "speed"], on_cpu=["speed"]) == ["fodl"]
    for task, system in ((tagger, "speed"), (textcat, "nbsvm"), (memory, "rnn"), (seq2seq, "joeynmt")):
        with pytest.raises(SystemExit, match=f"'{system}' runs on a CPU only"):
            task.run(replace(on_gpu, systems=[system]))


def test_a_pipeline_that_is_kept_is_not_trained_again(tmp_path, capsys):
    config = load_config(harness.ROOT / "configs" / "tagger.cfg", interpolate=False)
    nlp = spacy.blank("en")
    docs = [example.reference for example in make_examples(nlp)]
    DocBin(docs=docs).to_disk(tmp_path / "train.spacy")
    config["paths"].update({split: str(tmp_path / "train.spacy") for split in ("train", "dev")})
    config["training"].update({"max_steps": 2, "eval_frequency": 1})
    first, costs = training.trained(Config(config), str(tmp_path / "kept"), kept=True)
    assert costs["train_cpu_seconds"] > 0
    DocBin(docs=docs).to_disk(tmp_path / "elsewhere.spacy")
    config["paths"]["train"] = str(tmp_path / "elsewhere.spacy")
    again, the_same = training.trained(Config(config), str(tmp_path / "kept"), kept=True)
    assert again.get_pipe("fodl_tagger").to_bytes() == first.get_pipe("fodl_tagger").to_bytes()
    assert the_same == costs
    config["training"]["max_steps"] = 3
    other, _ = training.trained(Config(config), str(tmp_path / "kept"), kept=True)
    assert "another config" in capsys.readouterr().err
    assert other.get_pipe("fodl_tagger").to_bytes() != first.get_pipe("fodl_tagger").to_bytes()


def test_only_tasks_that_keep_pipelines_take_them():
    done = CliRunner().invoke(app, ["tagger", "--kept"])
    assert done.exit_code
    assert "linearized, parser, sentence_vectors, seq2seq" in str(done.exception)


@pytest.mark.parametrize(
    ("task", "known"),
    [
        ("gpu", ["speed"]),
        ("linearized", linearized.DESCRIPTIONS),
        ("memory", memory.SYSTEMS),
        (
            "parser",
            [
                *(f"{system}_{given}" for system in parser.SYSTEMS for given in parser.TRAINED),
                parser.UDPIPE,
                parser.DIFFERENCES,
                *parser.COMPARISONS,
            ],
        ),
        ("scaling", scaling.SYSTEMS),
        ("sentence_vectors", [*sentence_vectors.SYSTEMS, sentence_vectors.TFIDF]),
        ("seq2seq", [*seq2seq.SYSTEMS, seq2seq.JOEY, "bridge"]),
        ("tagger", [*tagger.SYSTEMS, *tagger.COMPARISONS]),
        ("textcat", [*textcat.SYSTEMS, *textcat.LINEAR, "bridge"]),
    ],
)
def test_every_result_is_of_a_system_that_there_is(task, known):
    assert set(report.load(task)) <= set(known)


def test_pictures_are_drawn_of_what_was_measured(tmp_path, monkeypatch):
    pytest.importorskip("adjustText")
    monkeypatch.setattr(plots, "FOLDER", tmp_path)
    files = plots.draw()
    drawn = {
        task for task, plot in plots.PLOTS.items() if {point.system for point in plot.points} & set(report.load(task))
    }
    assert {file.stem for file in files} == drawn
    assert {file.name for file in (harness.ROOT / "docs" / "images" / "benchmarks").iterdir()} == {
        file.name for file in files
    }
    before = [file.read_bytes() for file in files]
    assert [file.read_bytes() for file in plots.draw()] == before


def test_the_paired_bootstrap_tells_luck_from_difference():
    draw = np.random.default_rng(0)
    words = draw.integers(5, 30, 300)
    right = draw.binomial(words, 0.8)
    assert significance.paired_bootstrap(np.minimum(right + 1, words), right, words) == 0
    assert significance.paired_bootstrap(right, right, words) == 1
    other = draw.binomial(words, 0.8)
    assert 0.02 < significance.paired_bootstrap(other, right, words) < 0.98
