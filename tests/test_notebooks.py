"""The notebooks run from top to bottom."""

import pytest

from .util import ROOT


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_it_runs(path, tmp_path):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert len([output for output in shown if "text/html" in output.get("data", {})]) == 4
    printed = "".join(output.get("text", "") for output in shown)
    assert "accuracy on sentences that it has not seen: 0." in printed
    assert "BLEU: " in printed


def test_they_hold_no_outputs():
    """What they show comes from whoever runs them."""
    nbformat = pytest.importorskip("nbformat")
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
