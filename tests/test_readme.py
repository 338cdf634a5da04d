"""What README shows works, and its tables are those of the result files."""

import re

import pytest

from .util import ROOT, run

README = (ROOT / "README.md").read_text(encoding="utf8")


def test_python_excerpts_run(tmp_path):
    excerpts = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert excerpts
    for code in excerpts:
        printed = run(f"import os; os.chdir({str(tmp_path)!r})\n{code}")
        assert "('blue', 'JJ', " in printed


def test_config_excerpts_are_in_the_config():
    config = (ROOT / "configs" / "tagger.cfg").read_text(encoding="utf8")
    for excerpt in re.findall(r"```ini\n(.*?)```", README, re.DOTALL):
        for line in excerpt.splitlines():
            assert line in config.splitlines()


def test_named_files_exist():
    for name in re.findall(r"`((?:configs|benchmarks|tests|spacy_fodl)/[\w./]*\w)`", README):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("target", ["quickstart", "test", "gpu-check"])
def test_named_commands_exist(target):
    assert f"\n{target}:" in (ROOT / "Makefile").read_text(encoding="utf8")


def test_tables_are_those_of_the_result_files():
    from benchmarks.report import rendered

    assert rendered(README) == README, "run: python -m benchmarks report"
