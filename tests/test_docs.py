"""What docs/ shows works. Its tables are checked beside those of README."""

import gzip
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import typer
from spacy.language import Language
from spacy.util import load_model_from_config, registry
from thinc.api import Config
from typer.testing import CliRunner

from spacy_fodl.cli import fodl_cli
from spacy_fodl.modules.attention import ATTENTIONS
from spacy_fodl.transition.features import FEATURE_SETS

from . import reference
from .components import COMPONENTS
from .util import ROOT, run_here

PAGES = {path.name: path.read_text(encoding="utf8") for path in (ROOT / "docs").glob("*.md")}
COMMANDS = [
    line
    for text in PAGES.values()
    for line in re.findall(r"^python -m spacy fodl (.*)$", text.replace("\\\n", " "), re.MULTILINE)
]


# What the excerpts of a page print, among other things.
PRINTED = {
    "extending.md": [
        "J'aime les œufs verts. [1. 1.",
        "('green', 'amod', 'eggs')",
        "shorten",
        "['PRP', 'VBP', 'JJ', 'NNS']",
    ],
    "linearized-trees.md": ["('eggs', 'obj', 'like')", "('sleep', 'ROOT', 'sleep')"],
    "parser.md": ["('blue', 'amod', 'eggs')"],
    "seq2seq.md": ["J'aime les œufs verts. ("],
    "skipthought.md": ["(256,) (256,) "],
    "tagger.md": ["('blue', 'JJ', "],
    "textcat.md": ["{'good': 0.9"],
}


@pytest.fixture
def as_before():
    """What an excerpt adds to these tables is gone afterwards."""
    tables = [(table, dict(table)) for table in (ATTENTIONS, FEATURE_SETS)]
    yield
    for table, before in tables:
        table.clear()
        table.update(before)


# Those of start.md need a pipeline that its commands train.
@pytest.mark.parametrize("page", sorted(PAGES.keys() - {"start.md"}))
def test_python_excerpts_run(page, tmp_path, as_before):
    pytest.importorskip("matplotlib")
    excerpts = re.findall(r"```python\n(.*?)```", PAGES[page], re.DOTALL)
    printed = "".join(run_here(code, tmp_path) for code in excerpts)
    assert printed or not excerpts
    for expected in PRINTED.get(page, []):
        assert expected in printed


def write_the_files_of_a_user(folder):
    """What the commands of the pages take for granted."""
    starter = ROOT / "spacy_fodl" / "starter"
    for part in ("train", "dev", "test"):
        shutil.copy(starter / "treebank" / f"{part}.conllu", folder / f"my-{part}.conllu")
        lines = (starter / "opinions" / f"{part}.tsv").read_text(encoding="utf8").splitlines()
        names = {"pos": "good", "neg": "bad"}
        rows = [f"{names[label]}\t{text}\n" for label, _, text in (line.split("\t", 2) for line in lines)]
        (folder / f"my-{part}.tsv").write_text("".join(rows), encoding="utf8")
    shutil.copy(folder / "my-dev.tsv", folder / "texts.tsv")
    for name in ("book", "train", "dev"):
        shutil.copy(starter / "running" / "text.txt", folder / f"{name}.txt")
    for language in ("en", "fr"):
        for name in ("text", "train", "dev"):
            shutil.copy(starter / "pairs" / f"dev.{language}", folder / f"{name}.{language}")
    with gzip.open(folder / "treebank.conllu.gz", "wb") as file:
        file.write((folder / "my-dev.conllu").read_bytes())
    with gzip.open(folder / "train.txt.gz", "wt", encoding="utf8") as file:
        file.write("I PRP B-NP\nsleep VBP B-VP\n\n")


# Not those that need a pipeline which another command trains, or a large file.
@pytest.mark.parametrize(
    "command",
    [line for line in COMMANDS if not re.search("--model|training/|benchmarks/work/|GoogleNews|^train ", line)],
)
def test_commands_run(command, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    write_the_files_of_a_user(tmp_path)
    done = CliRunner().invoke(fodl_cli, shlex.split(command, comments=True))
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


def test_tables_of_arguments_are_those_of_the_docstrings():
    differing = [page for page, text in PAGES.items() if reference.filled(text) != text]
    assert not differing, "run: python -m tests.reference"


def test_all_that_is_registered_is_told_of():
    told = set(re.findall(r"<!-- arguments of (\S+) -->", "".join(PAGES.values())))
    assert told == set(reference.functions())


def settings(factory):
    """The table of settings of a component: names and what is said of defaults."""
    (table,) = re.findall(
        rf"^\| setting of `{factory}` \|.*\n\| ---.*\n((?:\|.*\n)+)", "".join(PAGES.values()), re.MULTILINE
    )
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.MULTILINE))


@pytest.mark.parametrize("factory", [component.factory for component in COMPONENTS])
def test_settings_are_told_with_their_defaults(factory):
    defaults = Language.get_factory_meta(factory).default_config
    told = settings(factory)
    assert told.keys() == defaults.keys()
    for name, value in defaults.items():
        if name == "model":
            continue
        if isinstance(value, dict):
            value = next(iter(value.values()))  # The name of the function.
            assert told[name].strip("`") == value
        else:
            assert told[name] == f"`{json.dumps(value)}`"


def test_commands_and_options_are_there():
    """The commands of the reference are those that there are, and no page shows an option that isn't there."""
    group = typer.main.get_command(fodl_cli)
    headings = re.findall(r"^## ([a-z-]+)$", PAGES["command-line.md"], re.MULTILINE)
    assert sorted(headings) == sorted(group.commands)
    for line in COMMANDS:
        name, *arguments = shlex.split(line, comments=True)
        known = {option for parameter in group.commands[name].params for option in parameter.opts}
        used = {argument for argument in arguments if argument.startswith("--")}
        if name != "train":  # Its settings are those of the config.
            assert used <= known, line


def function(block):
    return {key: value for key, value in block.items() if key.startswith("@")}


EXCERPTS = re.findall(r"```ini\n(.*?)```", PAGES["architectures.md"] + PAGES["readers.md"], re.DOTALL)


@pytest.mark.parametrize("excerpt", EXCERPTS, ids=lambda excerpt: excerpt.split("]")[0].strip("["))
def test_config_excerpts_fit_the_config(excerpt, tmp_path):
    """Put in place of what the config has there, every excerpt makes a config that spaCy takes."""
    config = Config().from_disk(ROOT / "configs" / "tagger.cfg", interpolate=False)
    for section, settings in re.findall(r"\[(.*?)\]\n((?:.+\n)*)", excerpt):
        *path, name = section.split(".")
        block = config
        for part in path:
            block = block.setdefault(part, {})
        values = Config().from_str(f"[x]\n{settings}", interpolate=False)["x"]
        # A block with another function replaces the old one, with the same it changes the settings.
        old = block.get(name) or {}
        same = function(old) == function(values)
        block[name] = {**(old if same else {}), **values}
    config["paths"].update(train=str(tmp_path), dev=str(tmp_path))
    text = config.to_str()
    nlp = load_model_from_config(Config().from_str(text), auto_fill=True)
    registry.resolve(nlp.config.interpolate()["corpora"])
    registry.resolve({"before_init": nlp.config.interpolate()["initialize"]["before_init"]})
