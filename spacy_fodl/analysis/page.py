"""A web page of pictures: one file that needs no network, and that shows itself in a notebook."""

import html
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Union

from jinja2 import Environment, FileSystemLoader

from ..errors import Errors
from .sections import Section, slug_of

TEMPLATES = Path(__file__).parent / "templates"
# Data goes into scripts as JSON, in which the filter "tojson" escapes what HTML would take for a tag.
ENVIRONMENT = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)


@dataclass
class View:
    """What there is to see of a text."""

    title: str
    """Its heading."""
    text: str
    """The text."""
    notes: List[str] = field(default_factory=list)
    """What could not be shown, and why."""
    sections: List[Section] = field(default_factory=list)
    """Its parts."""
    direction: str = "ltr"
    """Of the script: "ltr" or "rtl"."""

    def to_dict(self) -> Dict[str, Any]:
        """What the template reads."""
        # What the template reads of a section besides its fields.
        sections = [{**asdict(section), "slug": section.slug} for section in self.sections]
        return {**vars(self), "sections": sections}


@dataclass
class Page:
    """Views below each other."""

    views: List[View]

    @property
    def sections(self) -> List[Section]:
        """Those of all views."""
        return [section for view in self.views for section in view.sections]

    @property
    def notes(self) -> List[str]:
        """Those of all views."""
        return [note for view in self.views for note in view.notes]

    @property
    def title(self) -> str:
        """The title of its view; of several, a general one."""
        return self.views[0].title if len(self.views) == 1 else "A look inside"

    def to_html(self) -> str:
        """The page as one HTML file. All text in it is escaped."""
        views = [view.to_dict() for view in self.views]
        return ENVIRONMENT.get_template("page.html").render(views=views, title=self.title)

    def save(self, path: Union[str, Path]) -> Path:
        """Write the page.

        path (Union[str, Path]): The file, named .html or .htm. Its folder is made if need be.
        RETURNS (Path): The file.
        RAISES (ValueError): If it is named otherwise (F511).
        """
        path = Path(path)
        if path.suffix not in (".html", ".htm"):
            raise ValueError(Errors.F511.format(path=path))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.to_html(), encoding="utf8")
        return path

    def save_figures(self, folder: Union[str, Path], suffix: str = ".svg") -> List[Path]:
        """Write each section as a picture, named after its title, of several views each into a folder of its own.

        folder (Union[str, Path]): Where to. It is made if need be.
        suffix (str): .svg or .png.
        RETURNS (List[Path]): The files.
        RAISES (ImportError): If the extra `viz` is not installed (F505).
        RAISES (ValueError): If the suffix is another one (F512, F513).
        """
        files = []
        for number, view in enumerate(self.views, 1):
            its = Path(folder) / f"{number}-{slug_of(view.title)}" if len(self.views) > 1 else Path(folder)
            names: Dict[str, int] = {}
            for section in view.sections:
                n = names[section.slug] = names.get(section.slug, 0) + 1
                files.append(section.save(its / f"{section.slug}{f'-{n}' if n > 1 else ''}{suffix}"))
        return files

    def _repr_html_(self) -> str:
        return in_frame(self.to_html(), self.title)


def in_frame(source: str, title: str) -> str:
    """A page within a page: a frame keeps styles and keys of both apart, and gives it no rights of the outer one."""
    source, title = (html.escape(text, quote=True) for text in (source, title))
    style = "width: 100%; height: 40em; border: 0"
    return f'<iframe sandbox="allow-scripts" srcdoc="{source}" style="{style}" title="{title}"></iframe>'
