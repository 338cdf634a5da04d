"""Drawings of what the analysis found. Nothing here opens a window or needs a screen."""

import io
import re
from typing import TYPE_CHECKING, Dict, Literal, Optional, Sequence

import numpy as np

from ..errors import Errors
from .calibration import Reliability
from .gates import LSTMGates
from .gradients import GradientFlow

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

TITLES = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}
# Beyond so many decades below the largest value a picture shows nothing more.
DECADES = 30
# What XML can't hold (section 2.2 of XML 1.0).
UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Letters of a column's name and of any label, and rows of a table: a picture of any text has a size to be looked at.
NAME, LONGEST, MOST_ROWS = 30, 400, 150


def plot_gradient_flow(flows: Dict[str, GradientFlow]) -> "Figure":
    """Draw the norms over the lags, a panel a network, on one logarithmic axis.

    flows (Dict[str, GradientFlow]): What gradient_flow returned, by title; the titles "rnn", "gru" and "lstm" are
        written as usual.
    RETURNS (Figure): The figure; figure.savefig(path) writes it.
    RAISES (ImportError): If matplotlib is not installed (F505).
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
    RAISES (ImportError): If matplotlib is not installed (F505).
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
    labels = [plain(text) for text in gates.tokens]
    panels[-1].set_xticks(range(len(labels)), labels, rotation=60, ha="right", fontsize="small")
    return figure


def plot_reliability(found: Dict[str, Reliability]) -> "Figure":
    """Draw reliability diagrams side by side: accuracy over confidence, where the diagonal would be perfect, and below
    them how many predictions are in each bin.

    found (Dict[str, Reliability]): What reliability returned, by title.
    RETURNS (Figure): The figure; figure.savefig(path) writes it.
    RAISES (ImportError): If matplotlib is not installed (F505).
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


def plot_bars(names: Sequence[str], values: Sequence[float], texts: Sequence[str]) -> "Figure":
    """Draw a bar a name, from 0 to 1, with a text at its end.

    names, values, texts: One of each a bar.
    RETURNS (Figure): The figure.
    RAISES (ImportError): If matplotlib is not installed (F505).
    """
    figure = new_figure(8.0, 0.28 * len(names) + 0.7)
    axes = figure.subplots()
    axes.barh(range(len(names)), values, color="C0", alpha=0.8)
    axes.set_yticks(range(len(names)), [plain(name) for name in names])
    for i, (value, text) in enumerate(zip(values, texts)):
        axes.text(value + 0.02, i, plain(text), va="center", fontsize="small")
    axes.set_ylim(len(names) - 0.4, -0.6)
    # Room for the texts behind the bars.
    axes.set_xlim(0, 1.1 + 0.013 * max(map(len, texts), default=0))
    axes.set_xticks([0, 0.5, 1])
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def plot_matrix(
    rows: Sequence[str], columns: Sequence[str], values: np.ndarray, low: float = 0.0, high: float = 1.0
) -> "Figure":
    """Draw numbers as shades.

    rows, columns (Sequence[str]): Their names.
    values (np.ndarray): *Shape:* (rows, columns)
    low (float): What has no shade, where no value is below 0.
    high (float): What has the full shade; -high has that of another colour.
    RETURNS (Figure): The figure.
    RAISES (ImportError): If matplotlib is not installed (F505).
    """
    width = max([len(name) for name in rows], default=0)
    figure = new_figure(0.3 * len(columns) + 0.09 * width + 1.4, 0.25 * len(rows) + 1.3)
    axes = figure.subplots()
    is_signed = bool((values < 0).any())
    least = -high if is_signed else low
    image = axes.imshow(
        values, aspect="auto", interpolation="nearest", cmap=shades_of(is_signed), vmin=least, vmax=high
    )
    names = [plain(name if len(name) <= NAME else f"{name[: NAME - 1]}…") for name in columns]
    axes.set_xticks(range(len(columns)), names, rotation=60, ha="right", fontsize="small")
    axes.set_yticks(range(len(rows)), [plain(name) for name in rows], fontsize="small")
    figure.colorbar(image, ax=axes, shrink=0.8, pad=0.02)
    return figure


def shades_of(is_signed: bool) -> "Colormap":
    """The colours of the page: blue, and for negative numbers orange, which colour-blind people can tell apart."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("shades", [*(["#c85a00"] if is_signed else []), "#ffffff", "#005ab5"])


def plot_table(
    rows: Sequence[Sequence[str]],
    header: Sequence[str] = (),
    shades: Optional[Sequence[Sequence[float]]] = None,
) -> "Figure":
    """Draw texts in rows and columns.

    rows (Sequence[Sequence[str]]): The texts.
    header (Sequence[str]): The names of the columns, if they have any.
    shades (Optional[Sequence[Sequence[float]]]): How strong the ground of each is, from 0 to 1; NaN for hatching.
    RETURNS (Figure): The figure.
    RAISES (ImportError): If matplotlib is not installed (F505).
    """
    if len(rows) > MOST_ROWS:
        rows = [*rows[:MOST_ROWS], ["…", *[""] * (len(rows[0]) - 1)]]
        shades = None if shades is None else [*shades[:MOST_ROWS], [0.0] * len(rows[0])]
    lines = [[plain(text) for text in row] for row in [*([header] if header else []), *rows]]
    widths = [0.085 * max(map(len, column)) + 0.25 for column in zip(*lines)]
    edges = np.cumsum([0.0, *widths])
    figure = new_figure(edges[-1] + 0.1, 0.26 * len(lines) + 0.1, layout=None)
    from matplotlib.patches import Rectangle

    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-0.05, edges[-1] + 0.05)
    axes.set_ylim(len(lines) + 0.05, -0.05)
    axes.axis("off")
    blues = shades_of(is_signed=False)
    for y, line in enumerate(lines):
        is_header = bool(header) and y == 0
        for x, text in enumerate(line):
            shade = 0.0 if shades is None or is_header else shades[y - bool(header)][x]
            if shades is not None and not is_header:
                # Half of the scale, so that black remains legible.
                color, hatch = ("none", "////") if np.isnan(shade) else (blues(shade / 2), None)
                corner = (edges[x], y)
                axes.add_patch(
                    Rectangle(corner, widths[x], 1, facecolor=color, hatch=hatch, edgecolor="0.75", linewidth=0.5)
                )
            weight = "bold" if is_header else "normal"
            axes.text(edges[x] + 0.1, y + 0.5, text, va="center", fontsize=9, weight=weight, family="DejaVu Sans")
    return figure


def plain(text: str) -> str:
    """A text for a label: a $ would begin a formula, and control characters are no XML."""
    text = text.replace("$", r"\$").replace("\n", "⏎")
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")


def as_bytes(figure: "Figure", suffix: str) -> bytes:
    """A figure as the content of a file.

    suffix (str): Of the file: .svg, .png or .pdf.
    """
    from matplotlib import rc_context

    file = io.BytesIO()
    # Letters stay letters, and the same figure gives the same file.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "spacy-fodl"}):
        figure.savefig(file, format=suffix[1:], dpi=150, metadata={"Date": None} if suffix == ".svg" else None)
    return file.getvalue()


def png_of_svg(svg: str) -> bytes:
    """
    svg (str): A drawing.
    RETURNS (bytes): The same as PNG, twice as large.
    RAISES (ImportError): If resvg_py is not installed (F505).
    """
    try:
        from resvg_py import svg_to_bytes
    except ImportError as e:
        raise ImportError(Errors.F505) from e
    return bytes(svg_to_bytes(svg_string=svg, zoom=2, background="#ffffff", sans_serif_family="DejaVu Sans"))


def new_figure(width: float, height: float, layout: Optional[Literal["constrained"]] = "constrained") -> "Figure":
    """An empty figure of a size in inches, apart from pyplot, which would look for a screen."""
    try:
        from matplotlib.figure import Figure
    except ImportError as e:
        raise ImportError(Errors.F505) from e
    figure = Figure(figsize=(width, height), layout=layout)
    engine = figure.get_layout_engine()
    if engine is not None:
        # Room for letters of another font, where a viewer of SVG lacks this one.
        engine.set(w_pad=0.12)  # type: ignore[call-arg]
    return figure
