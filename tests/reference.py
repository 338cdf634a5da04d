"""The tables of arguments in docs/, from the docstrings of registered functions.

python -m tests.reference writes them between `<!-- arguments of ... -->` and `<!-- end -->`."""

import configparser
import inspect
import re
from typing import Any, Callable, Dict, List

import catalogue

from .util import ROOT

MARKED = re.compile(r"(<!-- arguments of (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
PAGES = sorted((ROOT / "docs").glob("*.md"))
LITERALS = {True: "true", False: "false", None: "null"}


def functions() -> Dict[str, Callable]:
    """All registered functions but the factories, by name."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf8")
    found: Dict[str, Callable] = {}
    for kind, lines in setup["options.entry_points"].items():
        if kind not in ("spacy_factories", "spacy_cli"):
            registry = catalogue.create(*kind.split("_", 1), entry_points=True)
            names = [line.split(" = ")[0] for line in lines.strip().splitlines()]
            found.update({name: registry.get(name) for name in names})
    return found


def meanings(function: Callable) -> Dict[str, str]:
    """What the docstring says of each argument."""
    paragraphs = re.findall(
        r"^([a-z]\w*(?:, \w+)*) \(.+?\): (.*(?:\n    .*)*)", inspect.cleandoc(function.__doc__ or ""), re.MULTILINE
    )
    return {name: " ".join(text.split()) for names, text in paragraphs for name in names.split(", ")}


def as_config(value: Any) -> str:
    """A default as a config would have it."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return "[" + ", ".join(map(as_config, value)) + "]"
    return str(value) if type(value) in (int, float) else LITERALS[value]


def table(function: Callable) -> str:
    said = meanings(function)
    rows: List[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        is_needed = parameter.default is parameter.empty
        text = re.sub(r"\bNone\b", "null", said[name][0].lower() + said[name][1:].rstrip("."))
        default = "required" if is_needed else f"`{as_config(parameter.default)}`"
        rows.append(f"| `{name}` | {default} | {text.replace('|', chr(92) + '|')} |\n")
    return "| argument | default | meaning |\n| --- | --- | --- |\n" + "".join(rows) if rows else "No arguments.\n"


def filled(text: str) -> str:
    """A page with the tables of the docstrings."""
    known = functions()
    return MARKED.sub(lambda match: match[1] + table(known[match[2]]) + match[3], text)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled(page.read_text(encoding="utf8")), encoding="utf8")
