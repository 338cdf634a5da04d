"""What docs/ shows works. Its tables are checked beside those of README."""

import os
import re
import shlex
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from spacy_fodl.cli import fodl_cli

from .util import ROOT, run_here

PAGES = {path.name: path.read_text(encoding="utf8") for path in (ROOT / "docs").glob("*.md")}
COMMANDS = [line for text in PAGES.values() for line in re.findall(r"^python -m spacy fodl (.*)$", text, re.MULTILINE)]


@pytest.mark.parametrize("page", PAGES)
def test_python_excerpts_run(page, tmp_path):
    pytest.importorskip("matplotlib")
    for code in re.findall(r"```python\n(.*?)```", PAGES[page], re.DOTALL):
        assert run_here(code, tmp_path)


@pytest.mark.parametrize(
    "command", [line for line in COMMANDS if not re.search("--model|training/|benchmarks/work/", line)]
)
def test_commands_run(command, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(fodl_cli, shlex.split(command))
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("page", PAGES)
def test_pictures_are_there(page):
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", PAGES[page]):
        assert (ROOT / "docs" / picture).is_file()


def test_the_site_builds(tmp_path):
    """With links between pages, and to their parts, that hold."""
    pytest.importorskip("mkdocs", reason="the extra 'docs' is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    )
    assert done.returncode == 0, done.stderr
    assert {path.parent.name for path in tmp_path.glob("*/index.html")} == {page[:-3] for page in PAGES} - {"index"}
