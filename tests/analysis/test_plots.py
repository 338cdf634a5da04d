import builtins

import numpy as np
import pytest
import torch

from spacy_fodl.analysis import LSTMGates, plot_gates, plot_gradient_flow, rnn_gradient_flow
from spacy_fodl.modules.rnn import RNNEncoder

GATES = LSTMGates(["I", "$5", "$6", "ham\n"], *(np.full((4, 3), value) for value in (0.1, 0.2, 0.3, 0.4, -2.0, 0.5)))


def flow(cell):
    encoder = RNNEncoder(3, cell=cell, width=4, depth=1, bidirectional=False)
    return rnn_gradient_flow(encoder, torch.randn(12, 3), lags=10)


def test_a_panel_a_network_on_one_axis(tmp_path):
    pytest.importorskip("matplotlib")
    figure = plot_gradient_flow({"rnn": flow("rnn"), "mine": flow("lstm")})
    panels = figure.get_axes()
    assert [panel.get_title() for panel in panels] == ["RNN", "mine"]
    assert [[line.get_label() for line in panel.lines] for panel in panels] == [
        ["gradient", "bound"],
        ["gradient", "keep gates"],
    ]
    assert all(panel.get_yscale() == "log" for panel in panels)
    assert panels[0].get_ylim() == panels[1].get_ylim()
    figure.savefig(tmp_path / "flow.png")
    assert (tmp_path / "flow.png").read_bytes().startswith(b"\x89PNG")


def test_a_map_a_gate_with_the_tokens_below(tmp_path):
    pytest.importorskip("matplotlib")
    figure = plot_gates(GATES)
    maps = [axes for axes in figure.get_axes() if axes.get_images()]
    assert [axes.get_ylabel() for axes in maps] == ["keep", "write", "output", "cell"]
    np.testing.assert_array_equal(maps[3].get_images()[0].get_array(), GATES.cell.T)
    assert [label.get_text() for label in maps[3].get_xticklabels()] == ["I", r"\$5", r"\$6", "ham⏎"]
    figure.savefig(tmp_path / "gates.svg")


def test_the_extra_is_named_where_matplotlib_is_missing(monkeypatch):
    load = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"F505.*spacy-fodl\[viz\]"):
        plot_gates(GATES)
