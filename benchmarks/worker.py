"""Runs one job: reads it as JSON from standard input and writes its figures as the last line of standard output."""

import importlib
import json
import sys

from .harness import peak_memory


def main() -> None:
    job = json.load(sys.stdin)
    function = getattr(importlib.import_module(job.pop("module")), job.pop("function"))
    figures = function(**job)
    print(json.dumps({**figures, "peak_memory_mib": round(peak_memory())}))


if __name__ == "__main__":
    main()
