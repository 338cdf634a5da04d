"""What all tasks share: jobs in processes of their own, and the files that hold their results."""

import datetime
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

ROOT = Path(__file__).parent.parent
WORK = Path(__file__).parent / "work"
RESULTS = Path(__file__).parent / "results"
SETTINGS = ("seed", "max_epochs", "eval_steps")
PACKAGES = ["spacy", "thinc", "torch", "numpy", "safetensors"]

Job = Dict[str, Any]
Run = Dict[str, Any]


@dataclass
class Options:
    """What the command line asks for. A task is a module with a function run(options)."""

    data: Path
    """Folder with local copies of the corpora."""
    quick: bool
    """Little data, one seed, few rounds: shows in minutes that everything runs. Its figures go to the work folder."""
    systems: Optional[List[str]]
    """Which systems of the task; None for all."""
    seeds: List[int]
    at_once: int
    """How many jobs run at the same time, on one thread each."""
    add: bool = False
    """Keep the runs of other seeds that a result file holds."""
    gpu: int = -1
    """The GPU that jobs run on; -1 for the CPU."""
    kept: bool = False
    """Score the pipelines that an earlier run kept, and train only what is missing."""


def chosen(options: Options, known: Sequence[str], on_cpu: Sequence[str] = ()) -> List[str]:
    """The systems to run: those that the command line names, or all that are known.

    options (Options): What the command line asks for.
    known (Sequence[str]): The systems of the task.
    on_cpu (Sequence[str]): Those of them that don't run on a GPU.
    RETURNS (List[str]): Their names.
    RAISES (SystemExit): If one is named that is not known, or doesn't run where it should.
    """
    for system in options.systems or []:
        if system not in known:
            raise SystemExit(f"There is no system '{system}'. Known: {', '.join(known)}")
        if options.gpu >= 0 and system in on_cpu:
            raise SystemExit(f"The system '{system}' runs on a CPU only. Leave --gpu-id out.")
    return options.systems or [system for system in known if options.gpu < 0 or system not in on_cpu]


def one_thread() -> Dict[str, str]:
    """The environment of a job: every library on one thread."""
    names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS"]
    return {**os.environ, **dict.fromkeys(names, "1")}


def run_job(job: Job) -> Run:
    """Run one job, as benchmarks.worker does it, in a process of its own, and return its figures.

    job (Job): What to do: a dict with the keys "module" and "function", and the arguments of the function.
    RETURNS (Run): What the function returned, and the peak memory of the process in MiB.
    """
    command = [sys.executable, "-m", "benchmarks.worker"]
    done = subprocess.run(
        command, input=json.dumps(job), stdout=subprocess.PIPE, text=True, cwd=ROOT, env=one_thread(), check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def run_jobs(jobs: Dict[str, List[Job]], options: Options) -> Iterator[Tuple[str, List[Run]]]:
    """Run the jobs of several systems, in order.

    jobs (Dict[str, List[Job]]): The jobs of each system.
    options (Options): How many run at the same time, and on which device.
    YIELDS (Tuple[str, List[Run]]): A system and the figures of its jobs, as soon as there are all.
    """
    with ThreadPoolExecutor(options.at_once) as pool:
        running = {
            system: [pool.submit(run_job, {**job, "gpu": options.gpu}) for job in its] for system, its in jobs.items()
        }
        for system, its in running.items():
            yield system, [job.result() for job in its]


def peak_memory() -> float:
    """Peak memory of this process in MiB."""
    status = Path("/proc/self/status")
    if status.is_file():  # Not getrusage, which on Linux counts the memory of the parent, that tokenized a corpus.
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) / 2**10
    import resource  # Not on Windows, where corpora can be converted all the same.

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def memory_now() -> float:
    """What this process holds in memory, in MiB; needs /proc."""
    return int(re.findall(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())[0]) / 2**10


def commit() -> str:
    """The commit that is checked out, with a mark where the code differs from it."""

    def git(*args: str) -> str:
        return subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True).stdout.strip()

    changed = git("status", "--porcelain", "--", "spacy_fodl", "configs", "benchmarks", ":!benchmarks/results")
    return git("rev-parse", "--short=12", "HEAD") + ("+changes" if changed else "")


def command() -> str:
    """What was typed, without the folder of the corpora: that is the machine's own."""
    arguments = re.sub(r" --data[ =]\S+", "", " ".join(["", *sys.argv[1:]]))
    return f"python -m benchmarks{arguments}"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a file that is there in whole or, if the process is stopped, as it was."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf8")
    os.replace(part, path)


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def summary(runs: List[Run]) -> Dict[str, float]:
    """The mean of each figure that all runs have, and the deviation of those that are scores."""
    figures = [
        key
        for key, value in runs[0].items()
        if isinstance(value, (int, float)) and key not in SETTINGS and all(key in run for run in runs)
    ]
    means = {key: statistics.fmean(run[key] for run in runs) for key in figures}
    if len(runs) > 1:
        means.update({f"{key}_sd": statistics.stdev(run[key] for run in runs) for key in figures if is_score(key)})
    return means


def is_score(key: str) -> bool:
    return "acc" in key or key.startswith("error")


def write_result(
    task: str,
    system: str,
    description: str,
    data: Dict[str, str],
    runs: List[Run],
    options: Options,
    packages: Sequence[str] = (),
) -> Path:
    """Write the file of one system. It replaces the one of an earlier run, or adds to it if the options say so.

    task, system (str): What it is the result of; they name the file.
    description (str): What the system is, for a reader of the tables.
    data (Dict[str, str]): SHA-256 of the files that the figures rest on.
    runs (List[Run]): The figures, one dict a seed or round.
    options (Options): Where the file goes, and whether to keep runs of other seeds.
    packages (Sequence[str]): Packages that the figures rest on, besides PACKAGES.
    RETURNS (Path): The file.
    """
    path = (WORK / "quick" if options.quick else RESULTS) / task / f"{system}.json"
    versions = {
        "python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in [*PACKAGES, *packages]},
    }
    same = {"description": description, "data": data, "versions": versions, "processor": processor()}
    devices = {key: ", ".join(sorted({run.get(key, "") for run in runs})) for key in ("gpu", "trained_on")}
    same.update({key: name for key, name in devices.items() if name})
    runs = [{**run, "commit": commit(), "command": command()} for run in runs]
    earlier = json.loads(path.read_text(encoding="utf8")) if path.is_file() else {}
    is_elsewhere = bool(earlier) and {key: earlier.get(key, "") for key in devices} != devices
    if earlier and (options.add or is_elsewhere):
        if is_elsewhere or {key: earlier.get(key) for key in same} != same:
            # Too late to refuse: the figures are there. Those that don't go with them are put aside.
            aside = WORK / "aside" / task / f"{system}-{earlier['date']}.json"
            aside.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, aside)
            print(f"{path} holds runs of another system or under other conditions. They are now in {aside}.")
        else:
            seeds = {run.get("seed") for run in runs}
            defaults = {key: earlier[key] for key in ("commit", "command")}
            kept = [{**defaults, **run} for run in earlier["runs"] if run.get("seed") not in seeds]
            runs = sorted([*kept, *runs], key=lambda run: run.get("seed", -1))
    result = {
        "task": task,
        "system": system,
        **same,
        "mean": summary(runs),
        "runs": runs,
        "command": "; ".join(sorted({run["command"] for run in runs})),
        "commit": ", ".join(sorted({run["commit"] for run in runs})),
        "date": datetime.date.today().isoformat(),
        "cores": os.cpu_count(),
        "threads": 1,
        "jobs_at_once": options.at_once,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(result, indent=1) + "\n")
    return path
