"""The parts of a page: what there is to see, as plain data. Each shows itself in a notebook, and can be saved as a
picture."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Union

import numpy as np

from ..errors import Errors
from . import plots
from .derivation import BOTTOM, Derivation, step_rows

PICTURES = (".svg", ".png", ".pdf")


@dataclass(frozen=True)
class Section(ABC):
    """A part of a page."""

    title: str
    caption: str
    """What there is to see, in a sentence or two."""

    @property
    def slug(self) -> str:
        """The title as the name of a file."""
        return slug_of(self.title)

    def save(self, path: Union[str, Path]) -> Path:
        """Write the section as a picture on white ground.

        path (Union[str, Path]): The file, named .svg, .png or .pdf. Its folder is made if need be.
        RETURNS (Path): The file.
        RAISES (ValueError): If it is named otherwise (F512), or for a drawing .pdf (F513).
        RAISES (ImportError): If the extra `viz` is not installed (F505).
        """
        path = Path(path)
        if path.suffix not in PICTURES:
            raise ValueError(Errors.F512.format(path=path, known=", ".join(PICTURES)))
        data = self.picture(path.suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    @abstractmethod
    def picture(self, suffix: str) -> bytes:
        """The section as the content of a file.

        suffix (str): Of the file, as in save.
        """

    def _repr_html_(self) -> str:
        from .page import Page, View

        return Page([View("", "", sections=[self])])._repr_html_()


@dataclass(frozen=True)
class Plotted(Section):
    """A part whose picture is matplotlib's."""

    def picture(self, suffix: str) -> bytes:
        return plots.as_bytes(self.figure(), suffix)

    @abstractmethod
    def figure(self) -> "plots.Figure":
        """The section as a figure of matplotlib's."""


@dataclass(frozen=True)
class Choices(Plotted):
    """For each of some things the likeliest of several choices."""

    things: List[str]
    choices: List[List[Dict[str, Any]]]
    """For each thing dicts of a "name", a "value" from 0 to 1, and a "note" in other words, the likeliest first."""
    kind: str = "choices"

    def figure(self) -> "plots.Figure":
        texts = [
            " · ".join(f"{choice['name']} {choice['value']:.2f}".strip() for choice in choices)
            for choices in self.choices
        ]
        return plots.plot_bars(self.things, [choices[0]["value"] for choices in self.choices], texts)


@dataclass(frozen=True)
class Drawing(Section):
    """A picture as SVG, whose text is escaped already and has the colour of what is around it (currentColor)."""

    svg: str = field(repr=False)
    told: str = ""
    """What there is to see, for those who don't see it."""
    kind: str = "drawing"

    def picture(self, suffix: str) -> bytes:
        svg = plots.UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", self.svg)
        # The page gives the ground, and a picture has to bring its own.
        end = svg.index(">", svg.index("<svg")) + 1
        svg = f'{svg[:end]}<rect width="100%" height="100%" fill="#ffffff"/>{svg[end:]}'
        if suffix == ".svg":
            return svg.encode("utf8")
        if suffix != ".png":
            raise ValueError(Errors.F513.format(title=self.title, suffix=suffix))
        return plots.png_of_svg(svg)


@dataclass(frozen=True)
class Matrix(Plotted):
    """Numbers as a grid of shades, with words on both axes."""

    rows: List[str]
    columns: List[str]
    values: List[List[float]]
    low: float = 0.0
    """What has no shade. If it isn't 0, no value is below it."""
    high: float = 1.0
    """What has the full shade. Its opposite has the full shade of another colour."""
    kind: str = "matrix"

    def figure(self) -> "plots.Figure":
        return plots.plot_matrix(self.rows, self.columns, np.array(self.values), self.low, self.high)


@dataclass(frozen=True)
class Cell:
    """A word on a ground of some shade."""

    text: str
    shade: float = 0.0
    """From 0 to 1."""
    is_empty: bool = False
    """Whether it is filled by nothing."""


@dataclass(frozen=True)
class Cells(Plotted):
    """Words in rows and columns."""

    columns: List[str]
    """Their titles; none if empty."""
    rows: List[List[Cell]]
    kind: str = "cells"

    def figure(self) -> "plots.Figure":
        texts = [[cell.text for cell in row] for row in self.rows]
        shades = [[np.nan if cell.is_empty else cell.shade for cell in row] for row in self.rows]
        return plots.plot_table(texts, header=self.columns, shades=shades)


@dataclass(frozen=True)
class Texts(Plotted):
    """Some texts, each with a number."""

    texts: List[str]
    numbers: List[str]
    kind: str = "texts"

    def figure(self) -> "plots.Figure":
        return plots.plot_table([list(pair) for pair in zip(self.texts, self.numbers)])


@dataclass(frozen=True)
class Player(Plotted):
    """A derivation, to be gone through step by step."""

    words: List[str]
    arcs: List[List[Any]]
    """[head, dependent, label] of each arc, in the order in which they are made. Words are given by their numbers, the
    artificial root as -1."""
    steps: List[Dict[str, Any]]
    """Dicts of "stack", words' numbers; "buffer", the number of its first word, behind which are all that follow it;
    "arcs", how many have been made; "actions", lists of [name, probability], the one that was taken first; and
    "features", lists of [place, word's number]."""
    rows: List[List[str]]
    """The same as texts, as step_rows gives them."""
    kind: str = "player"

    def figure(self) -> "plots.Figure":
        return plots.plot_table(self.rows, header=["stack", "buffer", "action", "probability", "next best"])


def slug_of(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower()).strip("-")


def player(
    title: str,
    caption: str,
    tokens: Sequence[str],
    derivation: Derivation,
    most_actions: int = 4,
) -> Player:
    """The best derivation as a section.

    title, caption (str): As in Section.
    tokens (Sequence[str]): The tokens of the document.
    derivation (Derivation): What derivations() returned for one of its sentences.
    most_actions (int): How many actions are shown of each step.
    RETURNS (Player): The section. Words are numbered within the sentence.
    """
    number = {token: i for i, token in enumerate(derivation.tokens)}
    number[BOTTOM] = BOTTOM
    words = [tokens[i] for i in derivation.tokens]
    arcs: List[List[Any]] = [[number[arc.head], number[arc.dependent], arc.label] for arc in derivation.arcs]
    steps: List[Dict[str, Any]] = [
        {
            "stack": [number[token] for token in step.stack],
            "buffer": len(number) - 1 - len(step.buffer),
            "arcs": len(step.arcs),
            "actions": [
                [str(action), round(action.probability, 4)]
                for action in [step.action, *step.alternatives][:most_actions]
            ],
            "features": [[name, number[token]] for name, token in step.features if token in number],
        }
        for step in derivation.best
    ]
    last = {"stack": [BOTTOM], "buffer": len(words), "arcs": len(arcs), "actions": [], "features": []}
    return Player(title, caption, words, arcs, [*steps, last], step_rows(tokens, derivation))


def matrix(
    title: str,
    caption: str,
    rows: Sequence[str],
    columns: Sequence[str],
    values: np.ndarray,
    low: float = 0.0,
    high: float = 1.0,
) -> Matrix:
    """Numbers as a section.

    title, caption (str): As in Section.
    rows, columns (Sequence[str]): Their names.
    values (np.ndarray): *Shape:* (rows, columns)
    low, high (float): As in Matrix.
    """
    return Matrix(title, caption, list(rows), list(columns), np.round(values.astype(float), 3).tolist(), low, high)


def padding(title: str, caption: str, texts: Sequence[Sequence[str]]) -> Optional[Cells]:
    """Texts side by side as one batch, the longest first, as a section; None for fewer than two.

    title (str): As in Section.
    caption (str): As in Section. What it says of {share} is the percentage of the places that hold no word.
    texts (Sequence[Sequence[str]]): The words of each text.
    """
    if len(texts) < 2:
        return None
    rows = sorted(texts, key=len, reverse=True)
    longest = len(rows[0])
    filled = [[*map(Cell, row), *[Cell("", is_empty=True)] * (longest - len(row))] for row in rows]
    share = 100 * (1 - sum(map(len, rows)) / max(1, longest * len(rows)))
    return Cells(title, caption.format(share=f"{share:.0f}"), [], filled)
