import json

import numpy as np
import pytest
import spacy
from typer.testing import CliRunner

from spacy_fodl.analysis import gradient_flow
from spacy_fodl.cli import fodl_cli

from .analysis.util import classifier
from .util import run

TEXT = "I like green eggs and ham"


def call(*arguments):
    done = CliRunner().invoke(fodl_cli, ["gradient-flow", *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_fresh_networks_side_by_side(tmp_path):
    path = tmp_path / "new" / "flow.json"
    done = call("--width", 4, "--lags", 12, "--output", path)
    assert done.exit_code == 0, done.output
    written = json.loads(path.read_text())
    assert written["settings"] == {"lags": 12, "width": 4, "seed": 0}
    flows = written["flows"]
    assert list(flows) == ["rnn", "gru", "lstm"]
    for flow in flows.values():
        assert len(flow["norms"]) == 13
    assert (np.array(flows["rnn"]["norms"]) <= np.array(flows["rnn"]["bound"])).all()
    assert flows["gru"]["bound"] is flows["gru"]["keep"] is None
    assert len(flows["lstm"]["keep"]) == 13
    assert f"{flows['lstm']['norms'][12]:.1e}" in done.output


def test_the_seed_decides_and_neighbours_do_not(tmp_path):
    flows = []
    for cells, seed in (("rnn,lstm", 1), ("lstm", 1), ("lstm", 2)):
        call("--cells", cells, "--seed", seed, "--width", 3, "--lags", 2, "--output", tmp_path / "flow.json")
        flows.append(json.loads((tmp_path / "flow.json").read_text())["flows"]["lstm"])
    assert flows[0] == flows[1] != flows[2]


def test_a_trained_pipeline(tmp_path):
    nlp = classifier()
    nlp.to_disk(tmp_path / "model")
    done = call("--model", tmp_path / "model", "--text", TEXT, "--lags", 3, "--output", tmp_path / "flow.json")
    assert done.exit_code == 0, done.output
    flow = json.loads((tmp_path / "flow.json").read_text())["flows"]["fodl_textcat"]
    expected = gradient_flow(nlp.get_pipe("fodl_textcat").model, nlp(TEXT), lags=3)
    assert flow["cell"] == "lstm"
    np.testing.assert_allclose(flow["norms"], expected.norms, rtol=1e-5)


def test_the_picture(tmp_path):
    pytest.importorskip("matplotlib")
    done = call("--width", 3, "--lags", 2, "--plot", tmp_path / "flow.png")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "flow.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "arguments, error",
    [
        (["--cells", "rnn,cnn"], "F506"),
        (["--cells", "rnn,rnn"], "F506"),
        (["--lags", "-1"], "F509"),
        (["--width", "0"], "F509"),
        (["--text", "a"], "F507"),
        (["--model", "a"], "F507"),
    ],
)
def test_arguments_that_do_not_work(arguments, error):
    done = call(*arguments)
    assert done.exit_code == 1
    assert error in done.output


def test_pipelines_that_do_not_work(tmp_path):
    assert "E050" in call("--model", tmp_path / "none", "--text", "a").output
    classifier().to_disk(tmp_path / "model")
    assert "F504" in call("--model", tmp_path / "model", "--text", "").output
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(tmp_path / "blank")
    done = call("--model", tmp_path / "blank", "--text", "a")
    assert done.exit_code == 1
    assert "F508" in done.output
    assert "sentencizer" in done.output


def test_it_is_a_command_of_spacy():
    arguments = ["spacy", "fodl", "gradient-flow", "--lags", "1"]
    code = f"import sys; from spacy.cli import setup_cli; sys.argv = {arguments}; setup_cli()"
    assert "keep gates" in run(code)
