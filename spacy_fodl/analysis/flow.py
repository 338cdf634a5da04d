"""The gradient flow of a network as a part of a page."""

import math
from dataclasses import dataclass
from typing import Any, Dict, Optional

import numpy as np

from . import plots
from .gradients import GradientFlow
from .page import ENVIRONMENT
from .sections import Drawing

WIDTH, HEIGHT = 420, 220
LEFT, TOP = 60, 34


@dataclass(frozen=True)
class FlowDrawing(Drawing):
    """Norms over lags, on a logarithmic scale."""

    flows: Optional[Dict[str, GradientFlow]] = None
    """By title, for a figure of matplotlib's."""

    def picture(self, suffix: str) -> bytes:
        return plots.as_bytes(plots.plot_gradient_flow(self.flows or {}), suffix)


def flow_drawing(title: str, caption: str, flow: GradientFlow) -> FlowDrawing:
    """Draw norms over lags.

    title, caption (str): As in Section.
    flow (GradientFlow): What gradient_flow returned, of two lags or more.
    RETURNS (FlowDrawing): The section.
    """
    named = [("gradient", flow.norms, "#2f7cc0", "none"), ("its bound", flow.bound, "#d9730d", "7 4")]
    named.append(("keep gates", flow.keep, "#7a8a2a", "2 3"))
    shown = [(name, values, color, dashes) for name, values, color, dashes in named if values is not None]
    positive = np.concatenate([values[values > 0] for _, values, *_ in shown] or [np.ones(1)])
    # A network of zeros has nothing that a logarithm could show.
    top = math.ceil(np.log10(positive.max(initial=1e-300)))
    bottom = max(math.floor(np.log10(positive.min(initial=1.0))), top - plots.DECADES)
    bottom = min(bottom, top - 1)
    step = WIDTH / max(1, len(flow.norms) - 1)

    def height(value: float) -> float:
        return round(TOP + HEIGHT * (top - math.log10(value)) / (top - bottom), 1)

    lines = [
        {
            "name": name,
            "color": color,
            "dashes": dashes,
            "key": LEFT + 130 * i,
            "points": " ".join(
                f"{LEFT + step * lag:.1f},{height(value)}"
                for lag, value in enumerate(values.tolist())
                if value >= 10.0**bottom
            ),
        }
        for i, (name, values, color, dashes) in enumerate(shown)
    ]
    every = max(1, math.ceil((top - bottom) / 6))
    ticks = [{"y": height(10.0**power), "text": f"1e{power}"} for power in range(top, bottom - 1, -every)]
    some = max(1, math.ceil((len(flow.norms) - 1) / 8))
    lags: Any = [{"x": round(LEFT + step * lag, 1), "text": lag} for lag in range(0, len(flow.norms), some)]
    svg = ENVIRONMENT.get_template("flow.svg").render(
        title=title,
        width=LEFT + WIDTH + 20,
        height=TOP + HEIGHT + 44,
        left=LEFT,
        right=LEFT + WIDTH,
        bottom=TOP + HEIGHT,
        ticks=ticks,
        lags=lags,
        lines=lines,
    )
    last = len(flow.norms) - 1
    told = f"The gradient is {flow.norms[0]:.1e} at lag 0 and {flow.norms[last]:.1e} at lag {last}."
    return FlowDrawing(title, caption, svg, told, flows={flow.cell: flow})
