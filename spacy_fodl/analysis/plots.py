"""Drawings of what the analysis found. Nothing here opens a window or needs a screen."""

from typing import TYPE_CHECKING, Dict

import numpy as np

from ..errors import Errors
from .calibration import Reliability
from .gates import LSTMGates
from .gradients import GradientFlow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}
# Beyond so many decades below the largest value a picture shows nothing more.
DECADES = 30


def plot_gradient_flow(flows: Dict[str, GradientFlow]) -> "Figure":
    """Draw the norms over the lags, a panel a network, on one logarithmic axis.

    flows (Dict[str, GradientFlow]): What gradient_flow returned, by title; the titles "rnn", "gru" and "lstm" are
        written as usual.
    RETURNS (Figure): The figure; figure.savefig(path) writes it.
    RAISES (ImportError): If matplotlib is not installed.
    """
    figure = new_figure(3.2 * len(flows) + 0.6, 3.2)
    panels = figure.subplots(1, len(flows), sharey=True, squeeze=False)[0]
    for panel, (title, flow) in zip(panels, flows.items()):
        lines = [(flow.norms, "C0-", "gradient"), (flow.bound, "C1--", "bound"), (flow.keep, "C2:", "keep gates")]
        for values, style, label in lines:
            if values is not None:
                panel.plot(range(len(values)), np.where(values > 0, values, np.nan), style, label=label)
        panel.set_yscale("log")
        panel.set_title(TITLES.get(title, title))
        panel.set_xlabel("lag k")
        panel.grid(alpha=0.3)
        panel.legend(fontsize="small")
    panels[0].set_ylabel(r"$\|\partial h_T / \partial x_{T-k}\|$")
    bottom, top = panels[0].get_ylim()
    panels[0].set_ylim(max(bottom, top * 10.0**-DECADES), top)
    return figure


def plot_gates(gates: LSTMGates) -> "Figure":
    """Draw the gates and the cell as heat maps, a column a token and a row a unit.

    gates (LSTMGates): What lstm_gates returned.
    RETURNS (Figure): The figure; figure.savefig(path) writes it.
    RAISES (ImportError): If matplotlib is not installed.
    """
    figure = new_figure(max(4.0, 0.35 * len(gates.tokens) + 2.0), 8.0)
    panels = figure.subplots(4, 1, sharex=True)
    reach = float(np.abs(gates.cell).max()) or 1.0
    for panel, name in zip(panels, ("keep", "write", "output", "cell")):
        values = getattr(gates, name).T
        limits = {"vmin": -reach, "vmax": reach, "cmap": "RdBu_r"} if name == "cell" else {"vmin": 0.0, "vmax": 1.0}
        image = panel.imshow(values, aspect="auto", interpolation="nearest", **limits)
        panel.set_ylabel(name)
        panel.set_yticks([])
        figure.colorbar(image, ax=panel)
    # A $ would begin a formula.
    labels = [text.replace("$", r"\$").replace("\n", "⏎") for text in gates.tokens]
    panels[-1].set_xticks(range(len(labels)), labels, rotation=60, ha="right", fontsize="small")
    return figure


def plot_reliability(found: Dict[str, Reliability]) -> "Figure":
    """Draw reliability diagrams side by side: accuracy over confidence, where the diagonal would be perfect, and below
    them how many predictions are in each bin.

    found (Dict[str, Reliability]): What reliability returned, by title.
    RETURNS (Figure): The figure; figure.savefig(path) writes it.
    RAISES (ImportError): If matplotlib is not installed.
    """
    figure = new_figure(3.4 * len(found) + 0.4, 4.6)
    panels = figure.subplots(2, len(found), sharex=True, sharey="row", squeeze=False, height_ratios=[3, 1])
    for column, (title, one) in enumerate(found.items()):
        upper, lower = panels[:, column]
        there = one.counts > 0
        width = np.diff(one.edges)
        upper.plot([0, 1], [0, 1], "k--", linewidth=1, label="perfect")
        upper.bar(one.edges[:-1][there], one.accuracy[there], width[there], align="edge", alpha=0.6, label="accuracy")
        upper.plot(one.confidence[there], one.accuracy[there], "C1o", markersize=4, label="mean of the bin")
        upper.set_title(f"{title}: error {one.error:.2%}")
        upper.set_ylim(0, 1)
        upper.legend(fontsize="small", loc="upper left")
        lower.bar(one.edges[:-1], one.counts, width, align="edge", color="C7")
        lower.set_yscale("log")
        lower.set_xlabel("probability of the head")
    panels[0, 0].set_ylabel("share of right heads")
    panels[1, 0].set_ylabel("words")
    return figure


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of a size in inches, apart from pyplot, which would look for a screen."""
    try:
        from matplotlib.figure import Figure
    except ImportError as e:
        raise ImportError(Errors.F505) from e
    return Figure(figsize=(width, height), layout="constrained")
