"""The wheel works where nothing of the source is."""

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin

from .components import COMPONENTS
from .util import ROOT

# A wheel takes a while: the components that need a package of their own to run, or another component.
PACKAGED = [component for component in COMPONENTS if component.factory in ("fodl_seq2seq", "fodl_skipthought")]

# What the source distribution holds besides the package.
SOURCES = ("configs", "benchmarks", "docs", "notebooks", "tests")

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
    # Without the caller's PYTHONPATH, which would reach into the clean environment.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=cwd, env=env, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    # In a copy: a build leaves metadata in the source folder, which would go stale there and hide the installed ones.
    source = tmp_path_factory.mktemp("source") / "checkout"
    source.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "MANIFEST.in", "project.yml", "mkdocs.yml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("spacy_fodl", *SOURCES):
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
    folders = [ROOT / name for name in SOURCES]
    expected = {
        str(path.relative_to(ROOT))
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and not {"__pycache__", "work"} & set(path.parts)
    }
    assert expected <= names
    assert {"project.yml", "mkdocs.yml"} <= names


@pytest.fixture(scope="module")
def clean(dist, tmp_path_factory):
    """The Python of an environment with our wheel and what it requires, and nothing else."""
    (wheel,) = dist.glob("*.whl")
    env = tmp_path_factory.mktemp("clean") / "env"
    venv.create(env, with_pip=True)
    python = env / "bin" / "python"
    call(python, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", wheel)
    return python


@pytest.mark.slow
@pytest.mark.thorough
def test_the_wheel_works_in_a_clean_environment(clean, tmp_path):
    site = call(clean, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])").strip()
    # In an empty folder, so that the checkout isn't importable.
    code = USE.format(site=str(Path(site)), folder=str(tmp_path / "model"))
    assert call(clean, "-c", code, cwd=tmp_path).strip() == "['PRP', 'VBP', 'NN']"
    assert "show" in call(clean, "-m", "spacy", "fodl", "--help", cwd=tmp_path)


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("component", PACKAGED, ids=lambda component: component.factory)
def test_a_packaged_pipeline_works_in_a_clean_environment(component, clean, tmp_path):
    name = component.factory
    component.write_corpora(tmp_path)
    (tmp_path / "text.txt").write_text("The cat sleeps.")
    call(clean, "-m", "spacy", "init", "config", "config.cfg", "--pipeline", ",".join(component.pipeline), cwd=tmp_path)
    corpora = ["--paths.train", "train.spacy", "--paths.dev", "dev.spacy"]
    options = [*corpora, *component.training_options(), "--training.max_steps", 2]
    call(clean, "-m", "spacy", "train", "config.cfg", "--output", ".", *options, cwd=tmp_path)
    # Not with the clean Python: making a wheel takes the package `build`.
    package = [tmp_path / "model-last", tmp_path, "--name", name, "--build", "wheel"]
    call(sys.executable, "-m", "spacy", "package", *package)
    # Its requirements, spacy-fodl among them, must be met by what is there: no index is asked.
    (wheel,) = tmp_path.glob("*/dist/*.whl")
    call(clean, "-m", "pip", "install", "--quiet", "--no-index", wheel)
    call(clean, "-m", "spacy", "apply", f"en_{name}", "text.txt", "annotated.spacy", cwd=tmp_path)
    (doc,) = DocBin().from_disk(tmp_path / "annotated.spacy").get_docs(spacy.blank("en").vocab)
    assert component.annotated(doc)
