from itertools import count, islice, repeat

import pytest
from spacy.util import registry
from thinc.api import Config

from spacy_fodl.training.schedules import make_in_turn_v1

CONFIG = """
[rate]
@schedules = "spacy_fodl.in_turn.v1"
steps = 4

[rate.first]
@schedules = "warmup_linear.v1"
initial_rate = 1.0
warmup_steps = 2
total_steps = 4

[rate.second]
@schedules = "constant.v1"
rate = 0.25
"""


def test_one_schedule_after_the_other():
    rates = registry.resolve(Config().from_str(CONFIG))["rate"]
    assert list(islice(rates, 7)) == [0.0, 0.5, 1.0, 0.5, 0.25, 0.25, 0.25]


def test_the_second_starts_from_its_beginning():
    assert list(islice(make_in_turn_v1(repeat(9), 2, count()), 5)) == [9, 9, 0, 1, 2]
    assert list(islice(make_in_turn_v1(repeat(9), 0, count()), 2)) == [0, 1]


def test_negative_steps():
    with pytest.raises(ValueError, match="F101.*steps"):
        make_in_turn_v1(repeat(1), -1, repeat(2))
