"""Runs one job: reads it as JSON from standard input and writes its figures as the last line of standard output.

The key "gpu" of a job names the GPU that it runs on, if it does. Figures of speed and memory are then left out: most of
them are of the processor."""

import importlib
import json
import sys

import torch
from thinc.api import require_gpu, set_gpu_allocator

from .harness import Job, Run, peak_memory

LEFT_OUT = ("words_per_second", "texts_per_second", "cpu_seconds")


def figures_of(job: Job) -> Run:
    """Do a job.

    job (Job): Which function, with what.
    RETURNS (Run): What it returned, less what says nothing on this device; on a CPU with the peak memory in MiB.
    """
    job = dict(job)
    function = getattr(importlib.import_module(job.pop("module")), job.pop("function"))
    gpu = job.pop("gpu", -1)
    if gpu >= 0:
        require_gpu(gpu)
        set_gpu_allocator("pytorch")
    figures: Run = function(**job)
    if gpu < 0:
        return {**figures, "peak_memory_mib": round(peak_memory())}
    kept = {key: value for key, value in figures.items() if not key.endswith(LEFT_OUT)}
    return {**kept, "gpu": torch.cuda.get_device_name(gpu)}


if __name__ == "__main__":
    print(json.dumps(figures_of(json.load(sys.stdin))))
