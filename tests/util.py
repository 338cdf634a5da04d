"""Helpers that several tests share."""

import contextlib
import io
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any, List, NamedTuple

import spacy
import torch
from spacy.language import Language
from spacy.training import Example
from torch.overrides import TorchFunctionMode
from typer.testing import CliRunner

from spacy_fodl.cli import fodl_cli

ROOT = Path(__file__).parent.parent

SENTENCES = [
    ("I like green eggs", ["PRP", "VBP", "JJ", "NNS"], ["PRON", "VERB", "ADJ", "NOUN"]),
    ("Eat blue ham", ["VB", "JJ", "NN"], ["VERB", "ADJ", "NOUN"]),
    ("I walk to work", ["PRP", "VBP", "TO", "VB"], ["PRON", "VERB", "PART", "VERB"]),
    ("You walk to town", ["PRP", "VBP", "IN", "NN"], ["PRON", "VERB", "ADP", "NOUN"]),
    ("If eggs like ham", ["IN", "NNS", "VBP", "NN"], ["SCONJ", "NOUN", "VERB", "NOUN"]),
]


def make_examples(nlp: Language) -> List[Example]:
    return [Example.from_dict(nlp.make_doc(text), {"tags": tags, "pos": pos}) for text, tags, pos in SENTENCES]


def train(nlp: Language, examples: List[Example], steps: int = 40) -> Language:
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer)
    return nlp


def trained_tagger(steps: int = 40, **config) -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_tagger", config=config)
    return train(nlp, make_examples(nlp), steps)


FACTORIES = {
    getattr(torch, name)
    for name in "arange empty eye full linspace ones rand randint randn randperm scalar_tensor tensor zeros".split()
}


class DeviceRequired(TorchFunctionMode):
    """Makes every torch function that creates a tensor from nothing fail if it isn't told on which device: such a
    tensor would land on the CPU while the model is on a GPU. Needs no GPU to find that out."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in FACTORIES and kwargs.get("device") is None:
            raise AssertionError(f"torch.{func.__name__} was called without device=")
        return func(*args, **kwargs)


def run(code: str, timeout: int = 120) -> str:
    """Run Python code in a process of its own, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_here(code: str, folder: Path) -> str:
    """Run Python code that a page shows, in a folder, and return what it prints. A process of its own would spend
    seconds on imports."""
    printed = io.StringIO()
    before = os.getcwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "<excerpt>", "exec"), {"__name__": "__main__"})
    finally:
        os.chdir(before)
    return printed.getvalue()


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def fodl(*arguments: Any) -> Done:
    """`python -m spacy fodl` within this process."""
    done = CliRunner().invoke(fodl_cli, [str(argument) for argument in arguments])
    failed = done.exception is not None and not isinstance(done.exception, SystemExit)
    trace = "".join(traceback.format_exception(done.exception)) if failed else ""
    return Done(done.exit_code, done.output, trace)
