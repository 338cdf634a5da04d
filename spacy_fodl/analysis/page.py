"""A web page of pictures: one file that needs no network, and that shows itself in a notebook."""

import html
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Sequence, Union

import numpy as np
from jinja2 import Environment, FileSystemLoader

from ..errors import Errors
from .derivation import BOTTOM, Derivation

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Section:
    """A part of a page."""

    title: str
    caption: str
    """What there is to see, in a sentence or two."""


@dataclass(frozen=True)
class Choices(Section):
    """For each of some things the likeliest of several choices."""

    things: List[str]
    choices: List[List[Dict[str, Any]]]
    """For each thing dicts of a "name", a "value" from 0 to 1, and a "note" in other words, the likeliest first."""
    kind: str = "choices"


@dataclass(frozen=True)
class Drawing(Section):
    """A picture as SVG, whose text is escaped already."""

    svg: str
    kind: str = "drawing"


@dataclass(frozen=True)
class Matrix(Section):
    """Numbers as a grid of shades, with words on both axes."""

    rows: List[str]
    columns: List[str]
    values: List[List[float]]
    """From 0 (no shade) to 1 (the full one)."""
    kind: str = "matrix"


@dataclass(frozen=True)
class Texts(Section):
    """Some texts, each with a number."""

    texts: List[str]
    numbers: List[str]
    kind: str = "texts"


@dataclass(frozen=True)
class Player(Section):
    """A derivation, to be gone through step by step."""

    words: List[str]
    steps: List[Dict[str, Any]]
    """Dicts of "stack" and "buffer", lists of words' numbers (-1 for the artificial root); "arcs", lists of [head,
    dependent, label] made so far; and "actions", lists of [name, probability], the one that was taken first."""
    kind: str = "player"


@dataclass
class Page:
    """Sections below each other."""

    title: str
    text: str
    """The text that the sections are about."""
    notes: List[str] = field(default_factory=list)
    sections: List[Section] = field(default_factory=list)

    def to_html(self) -> str:
        """The page as one HTML file. All text in it is escaped."""
        # Data goes into scripts as JSON, in which the filter "tojson" escapes what HTML would take for a tag.
        environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True)
        sections = [asdict(section) for section in self.sections]
        return environment.get_template("page.html").render(page=self, sections=sections)

    def save(self, path: Union[str, Path]) -> Path:
        """Write the page.

        path (Union[str, Path]): The file, named .html. Its folder is made if need be.
        RETURNS (Path): The file.
        RAISES (ValueError): If it is named otherwise.
        """
        path = Path(path)
        if path.suffix not in (".html", ".htm"):
            raise ValueError(Errors.F511.format(path=path))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.to_html(), encoding="utf8")
        return path

    def _repr_html_(self) -> str:
        # A frame keeps styles and keys of the page apart from those of the notebook.
        source, title = (html.escape(text, quote=True) for text in (self.to_html(), self.title))
        return f'<iframe srcdoc="{source}" style="width: 100%; height: 40em; border: 0" title="{title}"></iframe>'


def player(title: str, caption: str, tokens: Sequence[str], derivation: Derivation, most_arcs: int = 4) -> Player:
    """The best derivation as a section.

    title, caption (str): As in Section.
    tokens (Sequence[str]): The tokens of the document.
    derivation (Derivation): What derivations() returned for one of its sentences.
    most_arcs (int): How many actions are shown of each step.
    RETURNS (Player): The section. Words are numbered within the sentence.
    """
    number = {token: i for i, token in enumerate(derivation.tokens)}
    number[BOTTOM] = BOTTOM

    def arcs_of(arcs: Sequence[Any]) -> List[List[Any]]:
        return [[number[arc.head], number[arc.dependent], arc.label] for arc in arcs]

    steps = [
        {
            "stack": [number[token] for token in step.stack],
            "buffer": [number[token] for token in step.buffer],
            "arcs": arcs_of(step.arcs),
            "actions": [
                [str(action), round(action.probability, 4)] for action in [step.action, *step.alternatives][:most_arcs]
            ],
        }
        for step in derivation.best
    ]
    steps.append({"stack": [BOTTOM], "buffer": [], "arcs": arcs_of(derivation.arcs), "actions": []})
    return Player(title, caption, [tokens[i] for i in derivation.tokens], steps)


def matrix(title: str, caption: str, rows: Sequence[str], columns: Sequence[str], values: np.ndarray) -> Matrix:
    """Numbers from 0 to 1 as a section.

    values (np.ndarray): *Shape:* (rows, columns)
    """
    return Matrix(title, caption, list(rows), list(columns), np.round(values.astype(float), 3).tolist())
