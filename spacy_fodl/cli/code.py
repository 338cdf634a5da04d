"""The option --code of commands that load a pipeline."""

import typer

CODE = typer.Option(None, "--code", "-c", help="Python file with what the pipeline needs, imported first")
