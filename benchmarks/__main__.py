"""python -m benchmarks TASK: run a benchmark, write the tables, or make the corpora."""

import importlib
from pathlib import Path
from typing import List, Optional

import typer

from .data import conll2000, ewt, multi30k
from .harness import Options
from .imdb import imdb
from .plots import draw
from .report import pages, write_tables

# Those that keep the pipelines that they train.
KEEPING = ["linearized", "parser", "sentence_vectors", "seq2seq"]
TASKS = ["linearized", "memory", "parser", "scaling", "sentence_vectors", "seq2seq", "tagger", "textcat"]
CORPORA = {"conll2000": conll2000, "ewt": ewt, "imdb": imdb, "multi30k": multi30k}
DATA = typer.Option(Path("data"), envvar="FODL_DATA", help="Folder with local copies of the corpora")

app = typer.Typer(help=__doc__, no_args_is_help=True)


@app.command()
def report(check: bool = typer.Option(False, help="Write nothing; fail if a table differs")) -> None:
    """Write the tables in README.md and docs/, and the pictures beside them, from the result files."""
    if not check:
        draw()
    differing = [path.name for path in pages() if write_tables(path, check=check)]
    if differing and check:
        files = " and ".join(differing)
        raise SystemExit(f"The result files hold other figures than {files}. Run: python -m benchmarks report")


@app.command()
def corpora(
    name: str = typer.Argument(..., help=", ".join(CORPORA)),
    output: Path = typer.Argument(..., help="Folder for the .spacy files"),
    data: Path = DATA,
) -> None:
    """Check a corpus by its SHA-256 and convert it to the .spacy files that the benchmarks use."""
    if name not in CORPORA:
        raise SystemExit(f"There is no corpus '{name}'. Known: {', '.join(CORPORA)}")
    for path in CORPORA[name](data, output).values():
        print(path)


def add_task(name: str, tasks: List[str], about: Optional[str]) -> None:
    def task(
        quick: bool = typer.Option(False, help="Little data, one seed: does everything run?"),
        system: Optional[List[str]] = typer.Option(None, help="Only these systems; may be given several times"),
        seed: List[int] = typer.Option([0, 1, 2], help="May be given several times"),
        add: bool = typer.Option(False, help="Keep the runs of other seeds in the result files"),
        jobs: int = typer.Option(1, help="Trainings at the same time, on one thread each"),
        gpu_id: int = typer.Option(-1, help="Train and test on this GPU, without figures of speed; -1 for the CPU"),
        kept: bool = typer.Option(False, help="Score pipelines that an earlier run kept; train only what is missing"),
        data: Path = DATA,
    ) -> None:
        if kept and not set(tasks) <= set(KEEPING):
            raise SystemExit(f"--kept is for tasks that keep pipelines: {', '.join(KEEPING)}")
        seeds = seed[:1] if quick else seed
        options = Options(
            data=data,
            quick=quick,
            systems=system or None,
            seeds=seeds,
            at_once=jobs,
            add=add,
            gpu=gpu_id,
            kept=kept,
        )
        for one in tasks:
            importlib.import_module(f"benchmarks.{one}").run(options)

    app.command(name, help=about)(task)


for task_name in TASKS:
    add_task(task_name, [task_name], importlib.import_module(f"benchmarks.{task_name}").__doc__)
add_task("all", TASKS, "All tasks, one after the other. Without --quick that takes days.")

if __name__ == "__main__":
    app(prog_name="python -m benchmarks")
