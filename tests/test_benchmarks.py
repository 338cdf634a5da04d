"""The harness on a corpus made here: jobs, result files, tables."""

import gzip
import json
from dataclasses import replace

import pytest
import torch

from benchmarks import data, harness, memory, report, tagger

SENTENCES = [("I like ham", "PRP VBP NN"), ("Eat green eggs", "VB JJ NNS"), ("I walk to town", "PRP VBP TO NN")] * 20


@pytest.fixture
def corpora(tmp_path, monkeypatch):
    """A folder with local copies, of a corpus that has the format of CoNLL-2000."""
    text = "\n\n".join(
        "\n".join(f"{word} {tag} O" for word, tag in zip(words.split(), tags.split())) for words, tags in SENTENCES
    )
    folder = tmp_path / "data"
    (folder / "conll2000").mkdir(parents=True)
    for name in tagger.DATA:
        (folder / name).write_bytes(gzip.compress(text.encode("utf8")))
        monkeypatch.setitem(data.SHA256, name, harness.sha256(folder / name))
    monkeypatch.setattr(data, "DEV_SENTENCES", 10)
    return folder


@pytest.fixture
def options(corpora, tmp_path, monkeypatch):
    for module in (harness, tagger):
        monkeypatch.setattr(module, "WORK", tmp_path / "work")
    monkeypatch.setattr(harness, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    return harness.Options(data=corpora, quick=True, systems=None, seeds=[0], at_once=1)


def test_splits_are_apart_and_stay_the_same(corpora, tmp_path):
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    sizes = []
    for name in ("a", "b"):
        paths = data.conll2000(corpora, tmp_path / name)
        docs = {split: list(DocBin().from_disk(path).get_docs(Vocab())) for split, path in paths.items()}
        sizes.append({split: len(found) for split, found in docs.items()})
    assert sizes[0] == sizes[1] == {"train": 50, "dev": 10, "test": 60}
    assert (tmp_path / "a" / "dev.spacy").read_bytes() == (tmp_path / "b" / "dev.spacy").read_bytes()
    assert [(t.text, t.tag_) for t in docs["test"][0]] == [("I", "PRP"), ("like", "VBP"), ("ham", "NN")]


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


def test_the_memory_task_from_training_to_table(options, tmp_path, monkeypatch):
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
