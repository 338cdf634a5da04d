import os

import pytest
import torch
from thinc.api import fix_random_seed

# On several threads sums come out a little differently. Not only in tests: fixtures of a module come before "seeded",
# and processes that tests start know nothing of either.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True)
def seeded():
    """The same random numbers for every test, whatever ran before, on one thread."""
    torch.set_num_threads(1)
    fix_random_seed(0)


def pytest_collection_modifyitems(items):
    if os.environ.get("CI") != "true":
        skip = pytest.mark.skip(reason="thorough: set CI=true to run it")
        for item in items:
            if "thorough" in item.keywords:
                item.add_marker(skip)
    if not torch.cuda.is_available():
        skip = pytest.mark.skip(reason="no CUDA device on this machine")
        for item in items:
            if "gpu" in item.keywords:
                item.add_marker(skip)
