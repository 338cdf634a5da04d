"""The command group `python -m spacy fodl`."""

from spacy.cli._util import app
from typer import Typer

from .calibrate import calibrate
from .convert import convert
from .explain import explain_cli
from .gradient_flow import gradient_flow_cli
from .show import show
from .train import train
from .vectors import vectors

fodl_cli = Typer(
    name="fodl",
    help="Data and training for spacy-fodl components, and a look into their pipelines.",
    no_args_is_help=True,
)
fodl_cli.command("calibrate")(calibrate)
fodl_cli.command("convert")(convert)
fodl_cli.command("explain")(explain_cli)
fodl_cli.command("gradient-flow")(gradient_flow_cli)
fodl_cli.command("show")(show)
fodl_cli.command("train", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(train)
fodl_cli.command("vectors")(vectors)
app.add_typer(fodl_cli, name="fodl")


@fodl_cli.callback()
def group() -> None:
    """Data and training for spacy-fodl components, and a look into their pipelines."""
