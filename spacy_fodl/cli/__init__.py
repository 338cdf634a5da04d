"""The command group `python -m spacy fodl`."""

from spacy.cli._util import app
from typer import Typer

from .show import show

fodl_cli = Typer(name="fodl", help="Look into pipelines with spacy-fodl components.", no_args_is_help=True)
fodl_cli.command("show")(show)
app.add_typer(fodl_cli, name="fodl")


@fodl_cli.callback()
def group() -> None:
    """Look into pipelines with spacy-fodl components."""
