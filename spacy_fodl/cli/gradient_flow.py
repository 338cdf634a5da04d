"""spacy fodl gradient-flow: how much of a gradient comes back through time, in numbers and as a picture."""

from pathlib import Path
from typing import Any, Dict, List, Optional

import spacy
import srsly
import torch
import typer
from thinc.api import Model
from wasabi import msg, table

from ..analysis import GradientFlow, gradient_flow, plot_gradient_flow, rnn_gradient_flow
from ..analysis.recurrent import has_encoder
from ..errors import Errors
from ..modules.rnn import CELLS, RNNEncoder

Flows = Dict[str, GradientFlow]
# The lags that the printed table shows, as far as they were measured.
SHOWN = [0, 1, 2, 5, 10, 20, 50, 100, 200]


def gradient_flow_cli(
    cells: str = typer.Option("rnn,gru,lstm", help="Fresh networks to compare, with commas between them"),
    width: int = typer.Option(32, help="Width of their states and of their random input"),
    lags: int = typer.Option(50, help="How many tokens to look back"),
    seed: int = typer.Option(0, help="Of their weights and their input"),
    model: Optional[str] = typer.Option(None, help="Instead: package name or folder of a trained pipeline"),
    text: Optional[str] = typer.Option(None, help="What the trained pipeline reads"),
    output: Optional[Path] = typer.Option(None, "--output", "-o", help="JSON file for all numbers"),
    plot: Optional[Path] = typer.Option(None, "--plot", "-p", help="Picture to draw, .png, .svg or .pdf"),
) -> None:
    """Print how strongly the last state of a recurrent network depends on the tokens before, and what bounds it."""
    try:
        settings: Dict[str, Any] = {"lags": at_least("--lags", lags, 0)}
        if model is None and text is None:
            settings.update({"width": at_least("--width", width, 1), "seed": seed})
            flows = fresh_flows(cells, width, lags, seed)
        elif model is None or text is None:
            raise ValueError(Errors.F507)
        else:
            settings.update({"model": model, "text": text})
            flows = trained_flows(model, text, lags)
        header = ["lag", *flow_columns(flows)]
        print(table(flow_rows(flows), header=header, divider=True, aligns=["r"] * len(header)))
        if output:
            output.parent.mkdir(parents=True, exist_ok=True)
            srsly.write_json(output, {"settings": settings, "flows": {k: numbers(flow) for k, flow in flows.items()}})
            msg.good(f"Wrote {output}")
        if plot:
            figure = plot_gradient_flow(flows)
            plot.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(plot, dpi=80)
            msg.good(f"Wrote {plot}")
    except (ImportError, OSError, ValueError) as e:
        msg.fail(str(e), exits=1)


def at_least(argument: str, value: int, least: int) -> int:
    if value < least:
        raise ValueError(Errors.F509.format(argument=argument, value=value, expected=f"{least} or more"))
    return value


def fresh_flows(cells: str, width: int, lags: int, seed: int) -> Flows:
    """Networks with fresh weights on the same random input, apart from the weights of any other.

    cells (str): Keys of CELLS, with commas between them.
    width (int): Width of the states and of the input.
    lags (int): How far to look back.
    seed (int): Of weights and input.
    RETURNS (Flows): By cell.
    RAISES (ValueError): If a cell is unknown or there twice.
    """
    names = [name.strip() for name in cells.split(",")]
    if len(set(names)) < len(names) or not set(names) <= set(CELLS):
        raise ValueError(Errors.F506.format(cells=repr(cells), known=", ".join(CELLS)))
    flows = {}
    for name in names:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            vectors = torch.randn(lags + 1, width, device="cpu")
            encoder = RNNEncoder(width, cell=name, width=width, depth=1, bidirectional=False)
        flows[name] = rnn_gradient_flow(encoder, vectors, lags=lags)
    return flows


def trained_flows(model: str, text: str, lags: int) -> Flows:
    """The first layer of every recurrent encoder in a pipeline, read forwards.

    RETURNS (Flows): By component.
    RAISES (ValueError): If there is none, or no token in the text.
    """
    nlp = spacy.load(model)
    doc = nlp(text)
    models = {name: getattr(pipe, "model", None) for name, pipe in nlp.pipeline}
    found = {name: network for name, network in models.items() if isinstance(network, Model) and has_encoder(network)}
    if not found:
        raise ValueError(Errors.F508.format(model=model, pipes=", ".join(nlp.pipe_names) or "none"))
    return {name: gradient_flow(network, doc, lags=lags) for name, network in found.items()}


def flow_columns(flows: Flows) -> List[str]:
    """A column for each line of the picture."""
    columns = []
    for title, flow in flows.items():
        columns.append(title)
        if flow.bound is not None:
            columns.append("its bound")
        if flow.keep is not None:
            columns.append("keep gates")
    return columns


def flow_rows(flows: Flows) -> List[List[str]]:
    last = max(len(flow.norms) for flow in flows.values()) - 1
    rows = []
    for lag in sorted({lag for lag in SHOWN if lag < last} | {last}):
        lines = [line for flow in flows.values() for line in (flow.norms, flow.bound, flow.keep) if line is not None]
        rows.append([str(lag), *(f"{line[lag]:.1e}" for line in lines)])
    return rows


def numbers(flow: GradientFlow) -> Dict[str, Any]:
    """What JSON keeps of a flow."""
    lines = {"norms": flow.norms, "bound": flow.bound, "keep": flow.keep}
    return {
        "cell": flow.cell,
        "width": flow.width,
        **{name: None if line is None else line.tolist() for name, line in lines.items()},
    }
