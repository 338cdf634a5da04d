"""spaCy's commands with each of our components, as docs/stock-commands.md shows them."""

import configparser
import json
import os
import re
import shlex
import subprocess
import sys

import pytest
import spacy
import srsly
from spacy.cli._util import app
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.util import load_config
from typer.testing import CliRunner

from .components import COMPONENTS
from .util import ROOT

PAGE = (ROOT / "docs" / "stock-commands.md").read_text(encoding="utf8")
BASH = "".join(re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL))
INI = re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [
    "init config",
    "init fill-config",
    "debug data",
    "debug model",
    "init labels",
    "train",
    "evaluate",
    "apply",
    "benchmark speed",
    "find-threshold",
    "assemble",
    "package",
]


def documented(command, component):
    """What the page says to type after `python -m spacy`, for another component."""
    line = re.search(rf"^python -m spacy ({re.escape(command)} .*)$", BASH, re.MULTILINE)
    assert line, command
    text = line[1].replace("--pipeline fodl_tagger", f"--pipeline {','.join(component.pipeline)}")
    return shlex.split(re.sub(r"fodl_(tagger|textcat_multilabel)", component.factory, text))


def block(setting, component):
    """The config that the page shows with that setting in it, for another component."""
    (found,) = [text for text in INI if setting in text]
    found = found.replace('["fodl_tagger"]', srsly.json_dumps(component.pipeline))
    (own,) = re.findall(r"\[components\.fodl_tagger\]\n.*\n", found) or [""]
    others = "".join(own.replace("fodl_tagger", name) + "\n" for name in component.before)
    return (
        found.replace(own, others + own).replace("fodl_tagger", component.factory)
        if own
        else found.replace("fodl_tagger", component.factory)
    )


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(result):
    """The output without colours and line breaks."""
    return " ".join(re.sub(r"\x1b\[[\d;]*m", "", result.output).split())


def type_in(*arguments):
    """Run a command that must succeed, and return what it says."""
    result = call(*arguments)
    assert result.exit_code == 0, (said(result), result.exception)
    return said(result)


@pytest.fixture(scope="module", params=COMPONENTS, ids=lambda component: component.factory)
def component(request):
    return request.param


@pytest.fixture(scope="module")
def folder(component, tmp_path_factory):
    """A user's folder: corpora, and the config that `init config` makes."""
    path = tmp_path_factory.mktemp(component.factory)
    component.write_corpora(path)
    with spacy.util.working_dir(path):
        type_in(*documented("init config", component))
    return path


@pytest.fixture(scope="module")
def training(component, folder):
    """What `train` says, with the trained pipeline in the folder."""
    with spacy.util.working_dir(folder):
        return type_in(*documented("train", component), *component.training_options())


@pytest.fixture(autouse=True)
def in_the_folder(request, monkeypatch):
    if "folder" in request.fixturenames:
        monkeypatch.chdir(request.getfixturevalue("folder"))


def corpora(part="train"):
    return ["--paths.train", f"{part}.spacy", "--paths.dev", "dev.spacy"]


# -- before training


def test_init_config_writes_our_defaults(component, folder):
    config = load_config("config.cfg")
    assert config["nlp"]["pipeline"] == component.pipeline
    written = config["components"][component.factory]
    defaults = Language.get_factory_meta(component.factory).default_config
    assert {name: written[name] for name in defaults if name != "model"} == {
        name: value for name, value in defaults.items() if name != "model"
    }
    assert component.score in config["training"]["score_weights"]


def test_init_config_knows_no_better_settings_for_a_plugin(component, folder):
    type_in(
        "init",
        "config",
        "accurate.cfg",
        "--pipeline",
        ",".join(["tok2vec", *component.pipeline]),
        "--optimize",
        "accuracy",
    )
    config, plain = load_config("accurate.cfg"), load_config("config.cfg")
    assert config["components"] == plain["components"]
    assert config["paths"]["vectors"] == "en_core_web_lg"
    type_in("init", "labels", "accurate.cfg", "accurate", *corpora(), "--paths.vectors", "null")


def test_init_fill_config_adds_what_is_missing_and_keeps_the_rest(component, folder):
    name, value = component.setting
    defaults = Language.get_factory_meta(component.factory).default_config
    architecture = defaults["model"]["@architectures"]
    (folder / "base.cfg").write_text(
        block('factory = "', component)
        + f"{name} = {srsly.json_dumps(value)}\n\n"
        + f'[components.{component.factory}.model]\n@architectures = "{architecture}"\n'
    )
    assert "Auto-filled" in type_in(*documented("init fill-config", component))
    filled = load_config("filled.cfg")["components"][component.factory]
    assert filled[name] == value != defaults[name]
    for missing in set(defaults) - {name, "model"}:
        assert filled[missing] == defaults[missing]
    # The config of the network, which is nested, grows by the defaults of the architectures.
    written = load_config("config.cfg")["components"][component.factory]
    assert filled["model"] == written["model"]
    assert "already complete" in type_in("init", "fill-config", "filled.cfg", "again.cfg")


def test_debug_data_says_nothing_of_a_plugin_but_checks_it(component, folder):
    output = type_in(*documented("debug data", component))
    train = list(DocBin().from_disk("train.spacy").get_docs(spacy.blank("en").vocab))
    assert "Pipeline can be initialized with data" in output
    assert f"Training pipeline: {', '.join(component.pipeline)}" in output
    assert f"{len(train)} training docs" in output
    if component.stock:
        stock, heading = component.stock
        assert heading not in output
        type_in("init", "config", "stock.cfg", "--pipeline", stock)
        assert heading in type_in("debug", "data", "stock.cfg", *corpora())


def test_debug_data_of_a_corpus_without_annotation(component, folder):
    nlp = spacy.blank("en")
    DocBin(docs=[nlp("Nobody annotated this.")] * 3).to_disk("bare.spacy")
    result = call("debug", "data", "config.cfg", *corpora("bare"))
    assert result.exit_code == 1
    assert ("F201" in str(result.exception)) == component.needs_annotation


def test_debug_model_lists_the_layers(component, folder):
    output = type_in(*documented("debug model", component))
    assert "model looks good" in output
    layers = re.split(r"Layer \d+: ", output)
    (ours,) = [text for text in layers if f"'{component.torch_layer}'" in text]
    assert re.search(r"dim nO: \d+", ours)
    # Thinc's weights are shown, those within the torch layer can't be.
    assert "- param" in output
    assert "- param" not in ours


def test_debug_model_without_data(component, folder):
    result = call("debug", "model", "config.cfg", component.factory)
    assert result.exit_code == 1
    assert "provide a valid 'train_corpus'" in said(result)


def test_init_labels_makes_what_train_reads(component, folder):
    if component.relabel is None:
        assert "No label data found" in type_in(*documented("init labels", component))
        return
    type_in(*documented("init labels", component))
    file = folder / "labels" / f"{component.factory}.json"
    found = srsly.read_json(file)
    labels = component.relabel(found)
    assert found
    assert found != labels
    srsly.write_json(file, labels)
    config = (folder / "config.cfg").read_text() + "\n" + block("spacy.read_labels.v1", component)
    (folder / "with_labels.cfg").write_text(config)
    type_in("train", "with_labels.cfg", "--output", "short", *corpora(), "--training.max_steps", "1")
    pipe = spacy.load("short/model-last").get_pipe(component.factory)
    assert json.loads(json.dumps(pipe.label_data)) == labels
    # With labels, no examples are needed.
    type_in("assemble", "with_labels.cfg", "untrained")
    assert json.loads(json.dumps(spacy.load("untrained").get_pipe(component.factory).label_data)) == labels


# -- training and after


def test_train_reports_and_saves_the_score(component, folder, training):
    assert component.score.upper() in training
    assert "Saved pipeline" in training
    performance = spacy.load("training/model-best").meta["performance"]
    assert performance[component.score] >= component.floor
    assert 0 < performance[f"{component.factory}_loss"] < float("inf")


def test_evaluate_prints_and_saves_the_score(component, folder, training):
    output = type_in(*documented("evaluate", component))
    type_in(*documented("evaluate", component)[:-1], "component_scores.json", "--per-component")
    score = srsly.read_json("component_scores.json")[component.factory][component.score]
    assert score == pytest.approx(spacy.load("training/model-best").meta["performance"][component.score])
    if component.is_known_to_evaluate:
        assert srsly.read_json("scores.json")[component.score] == score
        assert f" {score * 100:.2f}" in output


def test_apply_annotates(component, folder, training):
    texts = ["The cat sleeps.", "We walked home."]
    srsly.write_jsonl("texts.jsonl", [{"text": text} for text in texts])
    type_in(*documented("apply", component))
    docs = list(DocBin().from_disk("annotated.spacy").get_docs(spacy.blank("en").vocab))
    assert [doc.text for doc in docs] == texts
    assert all(component.annotated(doc) for doc in docs)
    assert not any(component.annotated(spacy.blank("en")(text)) for text in texts)


def test_benchmark_speed(component, folder, training):
    output = type_in(*documented("benchmark speed", component), "--batch-size", 4, "--batches", 30, "--warmup", 1)
    assert float(re.search(r"Mean: ([\d.]+) words/s", output)[1]) > 0


def test_find_threshold(component, folder, training):
    arguments = documented("find-threshold", component)[:-1]
    result = call(*arguments, component.threshold_score or component.score)
    assert component.threshold in said(result)
    assert (result.exit_code == 0) == (component.threshold != "Failed to look up"), result.exception


def test_assemble_from_a_trained_pipeline(component, folder, training):
    (folder / "parts.cfg").write_text(block("source = ", component))
    type_in(*documented("assemble", component))
    text = "The cat sleeps."
    doc = spacy.load("assembled")(text)
    assert component.annotated(doc)
    assert doc.to_json() == spacy.load("training/model-best")(text).to_json()


def test_assemble_without_labels(component, folder):
    result = call("assemble", "config.cfg", "fresh")
    if not component.needs_annotation:
        assert result.exit_code == 0
        return
    assert result.exit_code == 1
    assert "F201" in str(result.exception)
    # What is written is learned from examples alone.
    way = "source the component" if component.factory == "fodl_seq2seq" else f"components.{component.factory}.labels]"
    assert way in str(result.exception)
    assert not (folder / "fresh").exists()


def test_package_requires_us(component, folder, training):
    (folder / "sources").mkdir()
    arguments = documented("package", component)
    arguments[arguments.index("packages")] = "sources"
    type_in(*arguments, "--build", "none")
    (package,) = (folder / "sources").iterdir()
    meta = srsly.read_json(package / "meta.json")
    assert any(requirement.startswith("spacy-fodl>=") for requirement in meta["requirements"])
    assert component.factory in meta["components"]


@pytest.mark.slow
def test_package_makes_a_wheel_that_loads_by_name(component, folder, training):
    (folder / "packages").mkdir()
    # In a process of its own: the build writes to the terminal past what a test can capture.
    build = [sys.executable, "-m", "spacy", *documented("package", component)]
    subprocess.run(build, check=True, capture_output=True, timeout=600)
    (wheel,) = re.findall(
        r"^python -m pip install (.*\.whl)$", BASH.replace("fodl_tagger", component.factory), re.MULTILINE
    )
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", "site", wheel]
    subprocess.run(install, check=True, capture_output=True, timeout=600)
    metadata = next((folder / "site").glob("*.dist-info/METADATA")).read_text(encoding="utf8")
    assert "Requires-Dist: spacy-fodl" in metadata
    code = f"""
import spacy
from spacy.tokens import DocBin
nlp = spacy.load("en_{component.factory}")
assert "site" in nlp.path.parts, nlp.path
DocBin(docs=[nlp("The cat sleeps.")], store_user_data=True).to_disk("by_name.spacy")
"""
    paths = [str(folder / "site"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    subprocess.run([sys.executable, "-c", code], check=True, env=env, timeout=120)
    (doc,) = DocBin().from_disk("by_name.spacy").get_docs(spacy.blank("en").vocab)
    assert component.annotated(doc)


# -- the page


def matrix():
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]
    head, _, *body = rows
    names = [name.strip("`") for name in head[1:]]
    return {re.findall(r"`(.+?)`", row[0])[0]: dict(zip(names, row[1:], strict=True)) for row in body}


def test_the_matrix_has_every_component_and_command():
    setup = configparser.ConfigParser(delimiters=("=",))
    setup.read(ROOT / "setup.cfg", encoding="utf8")
    entries = setup["options.entry_points"]["spacy_factories"].strip().splitlines()
    registered = {entry.split("=")[0].strip() for entry in entries}
    assert registered == {component.factory for component in COMPONENTS}
    assert list(matrix()) == COMMANDS
    assert all(set(cells) == registered for cells in matrix().values())


def test_the_matrix_says_what_the_tests_find():
    for component in COMPONENTS:
        for command, cells in matrix().items():
            works = command != "find-threshold" or component.threshold == "Best threshold"
            works &= command != "init labels" or component.relabel is not None
            assert cells[component.factory].startswith("✓") == works, (component.factory, command)


def test_every_limit_is_referred_to():
    limits = re.findall(r"^(\d+)\. ", PAGE, re.MULTILINE)
    assert limits == [str(i + 1) for i in range(len(limits))]
    assert set(re.findall(r"\[(\d+)\]", PAGE)) == set(limits)
