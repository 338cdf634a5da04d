"""What README shows works, and its tables and those in docs/ are those of the result files."""

import re

import pytest
from spacy.util import load_model_from_config, registry
from thinc.api import Config

from .util import ROOT, run_here

README = (ROOT / "README.md").read_text(encoding="utf8")


def test_python_excerpts_run(tmp_path):
    excerpts = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    printed = [run_here(code, tmp_path) for code in excerpts]
    shown = [
        "('blue', 'JJ', ",
        "('blue', 'amod', 'eggs')",
        "{'good': 0.9",
        "J'aime les œufs verts. (",
        "(256,) (256,) ",
    ]
    for text, expected in zip(printed, shown, strict=True):
        assert expected in text


def function(block):
    return {key: value for key, value in block.items() if key.startswith("@")}


EXCERPTS = re.findall(r"```ini\n(.*?)```", README, re.DOTALL)


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


def test_named_files_exist():
    for name in re.findall(r"`((?:configs|benchmarks|tests|spacy_fodl)/[\w./]*\w)`", README):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("target", ["quickstart", "test", "gpu-check"])
def test_named_commands_exist(target):
    assert f"\n{target}:" in (ROOT / "Makefile").read_text(encoding="utf8")


def test_tables_are_those_of_the_result_files():
    from benchmarks.report import pages, write_tables

    differing = [path.name for path in pages() if write_tables(path, check=True)]
    assert not differing, "run: python -m benchmarks report"
