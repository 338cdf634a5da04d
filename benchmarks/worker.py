"""Runs one job: reads it as JSON from standard input and writes its figures as the last line of standard output.

The key "gpu" of a job names the GPU that it runs on, if it does. What it took of the processor then says little: such
figures are left out."""

import importlib
import json
import sys

import torch
from thinc.api import require_gpu, set_gpu_allocator

from .harness import Job, Run, peak_memory

OF_THE_PROCESSOR = ("words_per_second", "texts_per_second", "cpu_seconds")


def figures_of(job: Job) -> Run:
    """Do a job. RETURNS (Run): What its function returned, less what says nothing on this device."""
    job = dict(job)
    function = getattr(importlib.import_module(job.pop("module")), job.pop("function"))
    gpu = job.pop("gpu", -1)
    if gpu >= 0:
        require_gpu(gpu)
        set_gpu_allocator("pytorch")
    figures = function(**job)
    if gpu >= 0:
        figures = {key: value for key, value in figures.items() if not key.endswith(OF_THE_PROCESSOR)}
        figures["gpu"] = torch.cuda.get_device_name(gpu)
    return figures


def main() -> None:
    figures = figures_of(json.load(sys.stdin))
    print(json.dumps({**figures, "peak_memory_mib": round(peak_memory())}))


if __name__ == "__main__":
    main()
