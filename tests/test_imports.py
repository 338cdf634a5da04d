"""The rooms of the package and the one way that imports may point."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "spacy_fodl"

# Who may know whom. `errors` and `about` are open to all.
ALLOWED = {
    "modules": set(),
    "transition": set(),
    "layers": {"modules", "transition"},
    "models": {"layers", "modules", "transition"},
    "pipeline": {"models", "layers", "modules", "transition"},
    "analysis": {"models", "layers", "modules", "transition"},
    "explain": {"pipeline", "analysis", "models", "layers", "modules", "transition"},
    "training": {"explain", "models", "layers", "modules", "transition"},
    "cli": {"training", "explain", "pipeline", "analysis", "models", "layers", "modules", "transition"},
    "starter": set(),
}
OPEN = {"about", "errors"}
# What a room may not import from outside.
FOREIGN = {"modules": {"spacy", "thinc"}, "transition": {"spacy", "thinc"}}
FILES = sorted(PACKAGE.rglob("*.py"))


def imported(path):
    """The absolute names of what a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            parts = ["spacy_fodl", *path.parent.relative_to(PACKAGE).parts]
            yield [*parts[: len(parts) + 1 - node.level], *(node.module or "").split(".")]
        elif isinstance(node, ast.ImportFrom):
            yield node.module.split(".")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    room, *rest = path.relative_to(PACKAGE).parts
    if not rest:
        return
    for name in imported(path):
        if name[0] == "spacy_fodl" and len(name) > 1 and name[1] != room:
            assert name[1] in ALLOWED[room] | OPEN, f"{path} imports {'.'.join(name)}"
        assert name[0] not in FOREIGN.get(room, ()), f"{path} imports {'.'.join(name)}"


def test_every_room_is_known():
    rooms = {path.relative_to(PACKAGE).parts[0] for path in FILES if len(path.relative_to(PACKAGE).parts) > 1}
    assert rooms <= set(ALLOWED)


def test_only_the_bridge_touches_shims():
    for path in FILES:
        if path.relative_to(PACKAGE).parts[0] != "layers":
            assert "shim" not in path.read_text(encoding="utf8").lower(), path
