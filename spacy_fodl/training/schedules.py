"""Schedules of learning rates and other settings."""

from itertools import islice
from typing import Iterable, Iterator

from ..errors import check_argument


def make_in_turn_v1(first: Iterable[float], steps: int, second: Iterable[float]) -> Iterator[float]:
    """One schedule, then another, as for training that is local first and global afterwards.

    first (Iterable[float]): The schedule to begin with.
    steps (int): For how many steps.
    second (Iterable[float]): The schedule after them.
    YIELDS (float): The values.
    RAISES (ValueError): If the number of steps is negative (F101).
    """
    check_argument("spacy_fodl.in_turn.v1", "steps", steps, steps >= 0, "0 or more")
    return in_turn(first, steps, second)


def in_turn(first: Iterable[float], steps: int, second: Iterable[float]) -> Iterator[float]:
    yield from islice(first, steps)
    yield from second
