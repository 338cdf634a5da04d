"""spacy fodl train: spacy train that a kill can't spoil and that can be resumed."""

import sys
from pathlib import Path
from typing import Optional

import typer
from spacy.cli._util import import_code, parse_config_overrides, setup_gpu, show_validation_error
from spacy.training.initialize import init_nlp
from spacy.util import load_config
from wasabi import msg

from ..training.loop import train as train_nlp
from ..training.state import ResumeError


def train(
    ctx: typer.Context,
    config_path: Path = typer.Argument(..., help="Path to config file", exists=True, dir_okay=False),
    output: Path = typer.Option(..., "--output", "-o", help="Folder for the trained pipelines"),
    resume: bool = typer.Option(False, help="Go on after the last evaluation of an earlier run, if there was one"),
    code: Optional[Path] = typer.Option(None, "--code", "-c", help="Python file with registered functions"),
    use_gpu: int = typer.Option(-1, "--gpu-id", "-g", help="GPU ID or -1 for CPU"),
) -> None:
    """Train like `spacy train`, with the same config and overrides, but write every pipeline whole or not at
    all, and after an interruption --resume from the last evaluation. model-best and model-last are links into
    checkpoints/; the logger spacy_fodl.Checkpoint.v1 says how many of these to keep."""
    overrides = parse_config_overrides(ctx.args)
    import_code(code)
    output.mkdir(parents=True, exist_ok=True)
    setup_gpu(use_gpu)
    with show_validation_error(config_path):
        config = load_config(config_path, overrides=overrides, interpolate=False)
    try:
        with show_validation_error(config_path, hint_fill=False):
            nlp = init_nlp(config, use_gpu=use_gpu)
    except (OSError, ValueError) as e:
        # Missing files, and what spaCy and we have numbered, say by themselves what to do.
        if isinstance(e, OSError) or str(e).startswith("["):
            msg.fail(str(e), exits=1)
        raise
    try:
        train_nlp(nlp, output, resume=resume, use_gpu=use_gpu, stdout=sys.stdout, stderr=sys.stderr)
    except ResumeError as e:
        msg.fail(str(e), exits=1)
    except KeyboardInterrupt:
        msg.fail("Interrupted. The same command with --resume goes on after the last evaluation.")
        raise typer.Exit(130) from None
