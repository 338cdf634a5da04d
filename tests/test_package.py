"""The wheel works where nothing of the source is."""

import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from .util import ROOT

USE = """
import spacy, pathlib, spacy_fodl
from spacy.training import Example
assert pathlib.Path(spacy_fodl.__file__).is_relative_to({site!r}), spacy_fodl.__file__
nlp = spacy.blank("en")
nlp.add_pipe("fodl_tagger")
examples = [Example.from_dict(nlp.make_doc("I like ham"), {{"tags": ["PRP", "VBP", "NN"]}})]
optimizer = nlp.initialize(lambda: examples)
for _ in range(40):
    nlp.update(examples, sgd=optimizer)
nlp.to_disk({folder!r})
print([token.tag_ for token in spacy.load({folder!r})("I like ham")])
"""


def call(*command, cwd=None):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=cwd, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    # In a copy: a build leaves metadata in the source folder, which would go stale there and hide the installed ones.
    source = tmp_path_factory.mktemp("source") / "checkout"
    source.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "MANIFEST.in", "project.yml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("spacy_fodl", "configs", "benchmarks", "tests"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "work"))
    call(sys.executable, "-m", "build", "--outdir", folder, source)
    return folder


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_its_data_only(dist):
    (wheel,) = dist.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {name for name in names if not name.split("/")[0].endswith(".dist-info")}
    expected = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "spacy_fodl").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert package == expected
    assert any(name.endswith("starter/treebank/train.conllu") for name in names)
    assert any(name.endswith("LICENSE") for name in names)


@pytest.mark.slow
def test_the_source_distribution_trains_and_tests_too(dist):
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    folders = [ROOT / name for name in ("configs", "benchmarks", "tests")]
    expected = {
        str(path.relative_to(ROOT))
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and not {"__pycache__", "work"} & set(path.parts)
    }
    assert expected <= names
    assert "project.yml" in names


@pytest.mark.slow
def test_the_wheel_works_in_a_clean_environment(dist, tmp_path):
    (wheel,) = dist.glob("*.whl")
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    call(python, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", wheel)
    site = call(python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])").strip()
    # In an empty folder, so that the checkout isn't importable.
    code = USE.format(site=str(Path(site)), folder=str(tmp_path / "model"))
    assert call(python, "-c", code, cwd=tmp_path).strip() == "['PRP', 'VBP', 'NN']"
    assert "show" in call(python, "-m", "spacy", "fodl", "--help", cwd=tmp_path)
