import json
import subprocess
import sys

import pytest

from .util import trained_tagger


def spacy_fodl(*args):
    return subprocess.run([sys.executable, "-m", "spacy", "fodl", *args], capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    trained_tagger(steps=60, set_pos=True).to_disk(path)
    return str(path)


def test_show_prints_a_table_and_writes_a_report(model, tmp_path):
    (tmp_path / "scores.json").write_text(json.dumps({"tag_acc": 0.875, "pos_acc": None, "speed": 1234.5}))
    report = tmp_path / "new" / "report.md"
    done = spacy_fodl(
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
    import spacy

    spacy.blank("en").to_disk(tmp_path)
    done = spacy_fodl("show", str(tmp_path), "a")
    assert done.returncode == 1
    assert "F301" in done.stdout + done.stderr


def test_show_of_an_empty_text(model):
    assert spacy_fodl("show", model, "").returncode == 0
