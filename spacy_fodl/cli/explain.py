"""spacy fodl explain: what the components of a pipeline do with a text, as a web page."""

from pathlib import Path
from typing import List, Optional

import spacy
import typer
from spacy.cli._util import import_code
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from wasabi import msg

from ..analysis.page import Page
from ..errors import Errors
from ..explain import explain
from ..pipeline.parser import FodlParser
from ..pipeline.seq2seq import FodlSeq2Seq
from .code import CODE


def explain_cli(
    models_and_texts: List[str] = typer.Argument(
        ..., metavar="MODEL TEXT [MODEL TEXT ...]", help="Package name or folder of a trained pipeline, and a text"
    ),
    output: Path = typer.Option(Path("report.html"), "--output", "-o", help="The page, a file named .html"),
    figures: Optional[Path] = typer.Option(None, "--figures", "-f", help="Folder for each part as a picture"),
    suffix: str = typer.Option("svg", "--format", help="Of the pictures: svg or png"),
    beam_width: Optional[int] = typer.Option(
        None, help="Hypotheses that a parser or translator keeps, as in its config"
    ),
    gold: Optional[Path] = typer.Option(
        None, help="File .spacy with the text and its tree, to see where the beam of a parser loses it"
    ),
    code: Optional[Path] = CODE,
) -> None:
    """Write a web page that shows what the components of a pipeline do with a text: tags and the windows they come
    from, trees and how the parser came to them step by step, its beam over time, what a decoder writes and looks at,
    categories, similar sentences, gates and gradients of recurrent networks. It is one file that needs no network."""
    try:
        if len(models_and_texts) % 2:
            raise ValueError(Errors.F517.format(model=models_and_texts[-1]))
        if suffix not in ("svg", "png"):
            raise ValueError(Errors.F509.format(argument="--format", value=suffix, expected="svg or png"))
        import_code(code)
        page = Page([])
        for model, text in zip(models_and_texts[::2], models_and_texts[1::2]):
            nlp = spacy.load(model)
            if beam_width is not None:
                use_beam(nlp, beam_width)
            has_parser = any(isinstance(pipe, FodlParser) for _, pipe in nlp.pipeline)
            tree = annotated(nlp, gold, text) if gold and has_parser else None
            # With a tree its tokens are read: those of the tokenizer may be others.
            (view,) = explain(nlp, text if tree is None else tree, tree).views
            if not view.sections and not view.notes:
                raise ValueError(Errors.F301.format(model=model, pipes=", ".join(nlp.pipe_names) or "none"))
            view.title = f"A look into {model}"
            if gold and not has_parser:
                msg.warn(f"{model} has no fodl_parser whose beam could lose the tree of {gold}")
            for note in view.notes:
                msg.warn(note)
            page.views.append(view)
        msg.good(f"Wrote {page.save(output)}")
        if figures:
            msg.good(f"Wrote {len(page.save_figures(figures, f'.{suffix}'))} pictures to {figures}")
    except (ImportError, OSError, ValueError) as e:
        msg.fail(str(e), exits=1)


def use_beam(nlp: Language, beam_width: int) -> None:
    """Have the parsers and translators of a pipeline keep so many hypotheses, and tell no more than these."""
    for _, pipe in nlp.pipeline:
        if isinstance(pipe, (FodlParser, FodlSeq2Seq)):
            pipe.n_best = min(pipe.n_best, max(beam_width, pipe.fewest_best))
            pipe.beam_width = beam_width


def annotated(nlp: Language, path: Path, text: str) -> Doc:
    """The document with a text out of a file."""
    if not path.is_file():
        raise ValueError(Errors.F401.format(path=path))
    for doc in DocBin().from_disk(path).get_docs(nlp.vocab):
        if doc.text.strip() == text.strip():
            return doc
    raise ValueError(Errors.F516.format(path=path, text=text[:60]))
