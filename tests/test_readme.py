"""What README shows works, and its tables and those in docs/ are those of the result files."""

import re

import pytest

from .util import ROOT, run_here

README = (ROOT / "README.md").read_text(encoding="utf8")


def test_python_excerpts_run(tmp_path):
    excerpts = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    printed = [run_here(code, tmp_path) for code in excerpts]
    for text, expected in zip(printed, ["('blue', 'amod', 'eggs', "], strict=True):
        assert expected in text


def test_named_files_exist():
    for name in re.findall(r"`((?:configs|benchmarks|tests|spacy_fodl)/[\w./]*\w)`", README):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("target", ["quickstart", "test", "gpu-check"])
def test_named_commands_exist(target):
    assert f"\n{target}:" in (ROOT / "Makefile").read_text(encoding="utf8")


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_tables_are_those_of_the_result_files():
    from benchmarks.report import pages, write_tables

    differing = [path.name for path in pages() if write_tables(path, check=True)]
    assert not differing, "run: python -m benchmarks report"
