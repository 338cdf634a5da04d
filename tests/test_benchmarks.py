"""The harness on a corpus made here: jobs, result files, tables."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest
from spacy.lang.en import English
from spacy.tokens import DocBin
from spacy.training import Example
from spacy.util import load_model_from_config
from spacy.vocab import Vocab
from thinc.api import Config

from benchmarks import data, harness, report, tagger, textcat, training

SENTENCES = [("I like ham", "PRP VBP NN"), ("Eat green eggs", "VB JJ NNS"), ("I walk to town", "PRP VBP TO NN")] * 20

REVIEWS = [
    f"{label}\t{part}/{label}/{i}\tOne more {word} film.<br />It is {word} {i} times."
    for part in ("train", "test")
    for label, word in (("pos", "great"), ("neg", "awful"))
    for i in range(20)
]


@pytest.fixture
def corpora(tmp_path, monkeypatch):
    """A folder with local copies, of corpora that have the formats of CoNLL-2000 and IMDB."""
    text = "\n\n".join(
        "\n".join(f"{word} {tag} O" for word, tag in zip(words.split(), tags.split())) for words, tags in SENTENCES
    )
    folder = tmp_path / "data"
    (folder / "conll2000").mkdir(parents=True)
    for name in tagger.DATA:
        (folder / name).write_bytes(gzip.compress(text.encode("utf8")))
        monkeypatch.setitem(data.SHA256, name, harness.sha256(folder / name))
    monkeypatch.setattr(data, "DEV_SENTENCES", 10)
    (folder / "imdb").mkdir()
    for name, lines in zip(textcat.DATA, (REVIEWS[:40], REVIEWS[40:])):
        (folder / name).write_bytes(gzip.compress("\n".join(lines).encode("utf8")))
        monkeypatch.setitem(data.SHA256, name, harness.sha256(folder / name))
    monkeypatch.setattr(data, "DEV_REVIEWS", 5)
    return folder


@pytest.fixture
def options(corpora, tmp_path, monkeypatch):
    for module in (harness, tagger, textcat):
        monkeypatch.setattr(module, "WORK", tmp_path / "work")
    monkeypatch.setattr(harness, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    return harness.Options(data=corpora, quick=True, systems=None, seeds=[0], at_once=1)


def read(path):
    return list(DocBin().from_disk(path).get_docs(Vocab()))


def test_splits_are_apart_and_stay_the_same(corpora, tmp_path):
    sizes = []
    for name in ("a", "b"):
        paths = data.conll2000(corpora, tmp_path / name)
        docs = {split: read(path) for split, path in paths.items()}
        sizes.append({split: len(found) for split, found in docs.items()})
    assert sizes[0] == sizes[1] == {"train": 50, "dev": 10, "test": 60}
    assert (tmp_path / "a" / "dev.spacy").read_bytes() == (tmp_path / "b" / "dev.spacy").read_bytes()
    assert [(t.text, t.tag_) for t in docs["test"][0]] == [("I", "PRP"), ("like", "VBP"), ("ham", "NN")]


def test_reviews_are_drawn_apart_balanced_and_shuffled(corpora, tmp_path):
    docs = {split: read(path) for split, path in data.imdb(corpora, tmp_path / "a").items()}
    assert {split: len(found) for split, found in docs.items()} == {"train": 30, "dev": 10, "test": 40}
    published = {line.split("\t")[2].replace("<br />", " ") for line in REVIEWS[:40]}
    assert sorted(doc.text for doc in docs["train"] + docs["dev"]) == sorted(published)
    assert sum(doc.cats["pos"] for doc in docs["dev"]) == 5
    assert all(
        doc.cats == {"pos": float("great" in doc.text), "neg": float("awful" in doc.text)} for doc in docs["test"]
    )
    for found in docs.values():
        labels = [doc.cats["pos"] for doc in found]
        assert labels not in (sorted(labels), sorted(labels, reverse=True))
    data.imdb(corpora, tmp_path / "b")
    assert all(
        (tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in ("dev.spacy", "test.spacy")
    )


def test_reviews_are_tokenized_again_only_for_another_source(corpora, tmp_path):
    paths = data.imdb(corpora, tmp_path)
    paths["dev"].write_bytes(b"kept")
    assert data.imdb(corpora, tmp_path) == paths
    assert paths["dev"].read_bytes() == b"kept"
    data.imdb(corpora, tmp_path, limit=4)
    assert len(read(paths["dev"])) == 4


def test_another_file_is_refused(corpora, tmp_path):
    (corpora / tagger.DATA[0]).write_bytes(gzip.compress(b"other X O"))
    with pytest.raises(SystemExit, match="another file"):
        data.conll2000(corpora, tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SystemExit, match=r"train\.txt\.gz is missing.*--data"):
        data.conll2000(tmp_path, tmp_path)


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
    text = "".join(f"<!-- {name} -->\nold\n<!-- end -->\n" for name in report.TABLES)
    shown = report.rendered(text)
    assert "old" not in shown
    assert "configs/tagger.cfg" in shown
    assert report.rendered(shown) == shown


@pytest.mark.slow
def test_the_textcat_task_from_corpus_to_tables(options, tmp_path):
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
    assert f"scikit-learn {results['nbsvm']['versions']['scikit-learn']}" in report.textcat_setting()


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
