"""The adding problem: over which distance do RNN, GRU and LSTM learn to remember a number?"""

from dataclasses import dataclass
from typing import Any, Dict, List, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spacy_fodl.modules.rnn import RNNEncoder

from .harness import Options, chosen, run_jobs, write_result

TASK = "memory"
LAGS = [10, 50, 100, 200]
STEPS = 2500
# The first mark is among so many steps, and so many stand around the two marks.
SLACK = 10
WIDTH = 32
BATCH = 32
TEST_SEQUENCES = 1000
LEARNING_RATE = 0.01
GRAD_CLIP = 1.0


@dataclass
class System:
    description: str
    cell: str
    only_far: bool = False
    """Whether all training sequences have the distance that is tested, and none has a shorter one."""


SYSTEMS = {
    "rnn": System("RNN", "rnn"),
    "lstm": System("LSTM", "lstm"),
    "gru": System("GRU", "gru"),
    "rnn_far": System("RNN, no shorter distances in training", "rnn", only_far=True),
    "lstm_far": System("LSTM, no shorter distances in training", "lstm", only_far=True),
}


def run(options: Options) -> None:
    wanted = chosen(options, list(SYSTEMS), on_cpu=list(SYSTEMS))
    steps = 40 if options.quick else STEPS
    jobs = {
        system: [
            {
                "module": __name__,
                "function": "learn_to_add",
                "system": system,
                "seed": seed,
                "steps": steps,
                "lags": LAGS,
            }
            for seed in options.seeds
        ]
        for system in wanted
    }
    for system, runs in run_jobs(jobs, options):
        print(write_result(TASK, system, SYSTEMS[system].description, {}, runs, options), flush=True)


def learn_to_add(system: str, seed: int, steps: int, lags: List[int]) -> Dict[str, Any]:
    """The job of one system and seed: a network for each lag, trained from the start.

    RETURNS (Dict[str, Any]): For each lag the mean squared error on test sequences with exactly that distance between
        the marks, divided by that of always guessing the mean. At 1 nothing is learned; a network that remembers only
        the second number has 0.5.
    """
    torch.set_num_threads(1)
    errors = {f"error_{lag}": relative_error(SYSTEMS[system], lag, seed, steps) for lag in lags}
    return {"seed": seed, "steps": steps, **errors}


def adding_problem(n: int, distance: int, generator: torch.Generator) -> Tuple[Tensor, Tensor]:
    """Random numbers of which two are marked; the sum of those two is to be given at the end (Hochreiter and
    Schmidhuber 1997, section 5.4; here the distance is given, and both marks are 1 on 0).

    n (int): How many sequences.
    distance (int): Steps between the marks.
    generator (torch.Generator): Makes the numbers.
    RETURNS (Tuple[Tensor, Tensor]): Number and mark at each step, *shape* (n, distance + SLACK, 2), and the sums,
        *shape* (n,).
    """
    numbers = torch.rand((n, distance + SLACK), generator=generator, device="cpu")
    first = torch.randint(SLACK, (n,), generator=generator, device="cpu")
    places = torch.stack([first, first + distance], dim=1)
    marks = torch.zeros_like(numbers).scatter_(1, places, 1.0)
    return torch.stack([numbers, marks], dim=2), numbers.gather(1, places).sum(1)


class Adder(nn.Module):
    """The encoder of spacy_fodl.RNNEncoder.v1, and a linear layer on its last state."""

    def __init__(self, cell: str) -> None:
        super().__init__()
        self.encoder = RNNEncoder(2, cell=cell, width=WIDTH, depth=1, bidirectional=False)
        self.output = nn.Linear(WIDTH, 1)

    def forward(self, X: Tensor) -> Tensor:
        """
        X (Tensor): Sequences. *Shape:* (n, steps, 2)
        RETURNS (Tensor): *Shape:* (n,)
        """
        n, steps, _ = X.shape
        states = self.encoder(X.flatten(0, 1), torch.full((n,), steps, device=X.device))
        return self.output(states.view(n, steps, WIDTH)[:, -1]).squeeze(1)


def relative_error(system: System, lag: int, seed: int, steps: int) -> float:
    """Train on distances from 1 to lag, so that there is something near to begin with, or on lag alone; and test on lag
    alone."""
    torch.manual_seed(seed)
    training, testing = (torch.Generator().manual_seed(2 * seed + i) for i in (0, 1))
    model = Adder(system.cell)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    decay = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    for _ in range(steps):
        distance = lag if system.only_far else int(torch.randint(1, lag + 1, (), generator=training))
        X, sums = adding_problem(BATCH, distance, training)
        optimizer.zero_grad()
        F.mse_loss(model(X), sums).backward()
        nn.utils.clip_grad_norm_(model.parameters(), GRAD_CLIP)
        optimizer.step()
        decay.step()
    X, sums = adding_problem(TEST_SEQUENCES, lag, testing)
    with torch.no_grad():
        error = F.mse_loss(model(X), sums)
    return float(error / sums.var(correction=0))
