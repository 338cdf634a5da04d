"""project.yml: every step finds what it needs, and the short workflow runs from treebank to package."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import spacy
from weasel.util import load_project_config

from .util import ROOT

DATA = "data-folder"


@pytest.fixture
def checkout(tmp_path):
    """A copy of what the steps use: they write into the folder of project.yml."""
    folder = tmp_path / "checkout"
    ignored = shutil.ignore_patterns("__pycache__", "work", "results")
    for name in ("spacy_fodl", "configs", "benchmarks"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "project.yml", folder)
    return folder


@pytest.fixture
def project(tmp_path):
    """project.yml as spaCy reads it, which also checks that workflows name commands that exist."""
    shutil.copy(ROOT / "project.yml", tmp_path)
    return load_project_config(tmp_path, overrides={"vars.data": DATA})


def within(path, folders):
    return any(Path(path).is_relative_to(folder) for folder in folders)


def files(command, project):
    """What looks like a file of the project in the scripts of a command."""
    made = [folder.split("/")[0] for folder in project["directories"]]
    words = [word for script in command["script"] for word in shlex.split(script)]
    return [word for word in words if word.split("/")[0] in {*made, "spacy_fodl", DATA}]


@pytest.mark.parametrize(
    ("page", "step"), [("linearized-trees.md", "linearized-train"), ("sentence-vectors.md", "running-train")]
)
def test_settings_for_little_data_are_those_of_the_quickstart(project, page, step):
    (shown,) = re.findall(r"```bash\n(    --.*?)```", (ROOT / "docs" / page).read_text(encoding="utf8"), re.DOTALL)
    told = shlex.split(shown.replace("\\\n", " "))
    (command,) = [command for command in project["commands"] if command["name"] == step]
    typed = shlex.split(command["script"][0])
    assert dict(zip(told[::2], told[1::2])) == {
        name: value for name, value in zip(typed, typed[1:]) if name.startswith(("--components", "--training"))
    }


def test_every_step_finds_its_files_and_says_what_it_writes(project):
    commands = {command["name"]: command for command in project["commands"]}
    made = [folder.split("/")[0] for folder in project["directories"]]
    for steps in project["workflows"].values():
        written = []
        for step in steps:
            command = commands[step]
            assert command["help"]
            assert command["deps"]
            assert command["outputs"]
            for dep in command["deps"]:
                in_repository = not within(dep, [*made, DATA]) and (ROOT / dep).exists()
                assert in_repository or within(dep, [DATA, *written]), f"{step} needs {dep}"
            written += command["outputs"]
            for file in files(command, project):
                shown = [*command["deps"], *command["outputs"]]
                holds_an_output = any(Path(output).is_relative_to(file) for output in command["outputs"])
                assert within(file, [DATA, *shown]) or holds_an_output, f"{step} says nothing of {file}"
    assert {step for steps in project["workflows"].values() for step in steps} == set(commands)


def test_all_holds_the_workflows_of_every_component(project):
    workflows = dict(project["workflows"])
    everything = workflows.pop("all")
    expected = [
        step for name, steps in workflows.items() if name not in ("smoke", "corpora", "attention") for step in steps
    ]
    assert everything == expected


def test_corpora_land_where_the_conversions_look_for_them(project):
    from benchmarks.data import SHA256
    from benchmarks.imdb import ARCHIVE

    found = set()
    for asset in project["assets"]:
        assert asset["dest"].startswith(f"{DATA}/")
        assert asset["url"].startswith("https://")
        assert asset["description"]
        assert asset["dest"].split("/")[-1] == asset["url"].split("/")[-1]
        name = asset["dest"].removeprefix(f"{DATA}/")
        found.add(name if name == ARCHIVE else name.removesuffix(".gz"))
    assert found == {name for name in SHA256 if not name.startswith("imdb/")} | {ARCHIVE}


def test_what_a_project_writes_is_not_committed(project):
    ignored = (ROOT / ".gitignore").read_text(encoding="utf8").splitlines()
    folders = {folder.split("/")[0] for folder in project["directories"]}
    assert all(f"/{folder}/" in ignored for folder in {*folders, "data"})


def run_project(folder, *arguments):
    """Without a package index: the build of the package has to do without one."""
    return subprocess.run(
        [sys.executable, "-m", "spacy", "project", "run", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PIP_NO_INDEX": "1"},
    )


@pytest.mark.slow
@pytest.mark.thorough
def test_the_smoke_workflow_from_treebank_to_package(checkout, tmp_path):
    done = run_project(checkout, "smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    scores = json.loads((checkout / "metrics" / "smoke.json").read_text(encoding="utf8"))
    assert 0.1 < scores["tag_acc"] < 1
    (package,) = (checkout / "packages").glob("*/dist/*.tar.gz")
    with tarfile.open(package) as archive:
        # Python 3.11.3 and older ones, but for later 3.10s, have no filters.
        archive.extractall(tmp_path / "package", **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    (config,) = (tmp_path / "package").rglob("config.cfg")
    assert all(token.tag_ for token in spacy.load(config.parent)("The woman went to the bank."))
    (requirements,) = (tmp_path / "package").rglob("requires.txt")
    assert "spacy-fodl" in requirements.read_text(encoding="utf8")
    again = run_project(checkout, "smoke")
    assert again.returncode == 0
    assert again.stdout.count("nothing changed") == 4


@pytest.mark.slow
def test_another_file_stops_the_workflow(checkout, tmp_path):
    folder = tmp_path / "data" / "conll2000"
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        (folder / f"{split}.txt").write_text("I PRP O\n")
    done = run_project(checkout, "tagger", ".", "--vars.data", str(tmp_path / "data"))
    assert done.returncode != 0
    assert "another file" in done.stderr
    assert not (checkout / "corpus" / "conll2000").exists()
    assert not list((checkout / "training").iterdir())
