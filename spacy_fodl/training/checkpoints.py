"""Pipelines by step, and best and last among them, so that a process killed at any moment leaves whole ones only."""

import os
import shutil
import sys
from pathlib import Path
from typing import IO, Any, Callable, Dict, Iterable, List, Optional, Tuple

from spacy.language import Language
from spacy.training.loop import DIR_MODEL_BEST, DIR_MODEL_LAST

from ..errors import check_argument

NAME = "spacy_fodl.Checkpoint.v1"
CHECKPOINTS = "checkpoints"
RESUME = "resume"

LogStep = Callable[[Optional[Dict[str, Any]]], None]
Logger = Callable[[Language, IO, IO], Tuple[LogStep, Callable[[], None]]]


def make_checkpoint_v1(logger: Logger, keep: int = 3) -> Logger:
    """A logger around another one that keeps the pipelines of the last evaluations as checkpoints/step-N, beside
    model-best and model-last. Works in `spacy train` and in `spacy fodl train`, which can also resume.

    logger (Logger): The logger that reports the training.
    keep (int): How many to keep.
    RETURNS (Logger): The logger.
    RAISES (ValueError): If keep is less than 1 (F101).
    """
    check_argument(NAME, "keep", keep, keep >= 1, "at least 1")

    def setup(nlp: Language, stdout: IO = sys.stdout, stderr: IO = sys.stderr) -> Tuple[LogStep, Callable[[], None]]:
        log_step, finalize = logger(nlp, stdout, stderr)

        def log_and_keep(info: Optional[Dict[str, Any]]) -> None:
            log_step(info)
            if info and info.get("output_path"):
                last = Path(info["output_path"])
                checkpoints = Checkpoints(last.parent, keep)
                # In `spacy fodl train`, model-last is a link to a checkpoint that is there already.
                if last.resolve().parent != checkpoints.folder.resolve():
                    checkpoints.forget_after(info["step"])
                    checkpoints.write(info["step"], lambda path: shutil.copytree(last, path))
                checkpoints.prune(spare=steps(last.parent / RESUME))

        return log_and_keep, finalize

    return setup


class Checkpoints:
    """The folder of the pipelines by step.

    output (Path): The output folder of the training.
    keep (int): How many of the last ones survive; those that model-best and model-last link to do in any case.
    """

    def __init__(self, output: Path, keep: int = 1) -> None:
        self.output = output
        self.folder = output / CHECKPOINTS
        self.keep = keep

    def path(self, step: int) -> Path:
        return self.folder / f"step-{step}"

    def write(self, step: int, save: Callable[[Path], Any]) -> Path:
        write_folder(self.path(step), save)
        return self.path(step)

    def link(self, name: str, step: int) -> None:
        """Make model-best or model-last stand for the pipeline of a step, from one moment to the next."""
        link = self.output / name
        part = self.output / f".{name}.part"
        remove(part)
        try:
            os.symlink(Path(CHECKPOINTS) / f"step-{step}", part, target_is_directory=True)
        except OSError:  # A system or a file system without links: a copy, and an instant with none of the two.
            shutil.copytree(self.path(step), part)
            remove(link)
        else:
            if link.exists() and not link.is_symlink():
                remove(link)
        os.replace(part, link)

    def forget_after(self, step: int) -> None:
        """Remove what an earlier training left."""
        for number in steps(self.folder):
            if number >= step:
                remove(self.path(number))

    def prune(self, spare: Iterable[int] = ()) -> None:
        """Remove all but the last ones, those that are linked to, and those of some steps."""
        linked = {(self.output / name).resolve() for name in (DIR_MODEL_BEST, DIR_MODEL_LAST)}
        for number in steps(self.folder)[: -self.keep]:
            if number not in spare and self.path(number).resolve() not in linked:
                remove(self.path(number))


def steps(folder: Path) -> List[int]:
    """The N of the folders step-N, in order."""
    names = (path.name.removeprefix("step-") for path in folder.glob("step-*"))
    return sorted(int(name) for name in names if name.isdecimal())


def write_folder(path: Path, save: Callable[[Path], Any]) -> None:
    """Have a folder written beside its place, and put it there when it is complete."""
    part = path.with_name(f".{path.name}.part")
    remove(part)
    path.parent.mkdir(parents=True, exist_ok=True)
    save(part)
    remove(path)
    os.rename(part, path)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there. A folder first loses its name, so that no half of it is ever
    taken for the whole."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        doomed = path.with_name(f".{path.name}.removed")
        shutil.rmtree(doomed, ignore_errors=True)
        os.rename(path, doomed)
        shutil.rmtree(doomed)
