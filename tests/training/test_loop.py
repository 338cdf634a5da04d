"""Checkpoints, and trainings that are interrupted."""

import io
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import spacy
from spacy.language import DEFAULT_CONFIG_PATH
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as spacy_train
from spacy.util import load_config
from thinc.api import Config

from spacy_fodl.models.extensions import add_target_extension
from spacy_fodl.training import checkpoints as checkpoints_module
from spacy_fodl.training.checkpoints import make_checkpoint_v1
from spacy_fodl.training.conllu import make_conllu_corpus_v1
from spacy_fodl.training.loop import train

from ..util import ROOT, make_examples

CHECKPOINT = {"@loggers": "spacy_fodl.Checkpoint.v1", "keep": 2, "logger": {"@loggers": "spacy.ConsoleLogger.v3"}}
# A tok2vec with a listener, data that is read as a stream and changed at random, and a schedule.
STREAM = """
[nlp]
lang = "en"
pipeline = ["tok2vec","tagger"]
[components]
[components.tok2vec]
factory = "tok2vec"
[components.tagger]
factory = "tagger"
[components.tagger.model]
@architectures = "spacy.Tagger.v2"
[components.tagger.model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
width = 96
[corpora]
[corpora.train]
@readers = "spacy.Corpus.v1"
path = ${paths.train}
[corpora.train.augmenter]
@augmenters = "spacy.lower_case.v1"
level = 0.5
[corpora.dev]
@readers = "spacy.Corpus.v1"
path = ${paths.dev}
[paths]
train = null
dev = null
[training]
max_epochs = -1
[training.optimizer]
@optimizers = "Adam.v1"
[training.optimizer.learn_rate]
@schedules = "warmup_linear.v1"
warmup_steps = 10
total_steps = 40
initial_rate = 0.01
"""


class Killed(BaseException):
    """Stands for a process that is gone: nothing may catch it."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "all.spacy"
    examples = make_examples(spacy.blank("en"))
    DocBin(docs=[example.reference for example in examples for _ in range(4)]).to_disk(path)
    return path


def make_config(corpus, kind="ours", **training):
    if kind == "stream":
        base = load_config(DEFAULT_CONFIG_PATH).merge(Config().from_str(STREAM, interpolate=False))
    else:
        base = load_config(ROOT / "configs/tagger.cfg")
    config = base.merge(
        {
            "paths": {"train": str(corpus), "dev": str(corpus)},
            "training": {"eval_frequency": 4, "max_steps": 17, "patience": 0, **training},
        }
    )
    config["training"]["batcher"] = {"@batchers": "spacy.batch_by_sequence.v1", "size": 3, "get_length": None}
    return config


def run(config, output, how=train, **kwargs):
    log = io.StringIO()
    nlp = init_nlp(Config(config))
    how(nlp, output, stdout=log, stderr=log, **kwargs)
    return log.getvalue()


def weights(path):
    return {name: pipe.model.to_bytes() for name, pipe in spacy.load(path).pipeline}


@pytest.fixture(scope="module")
def uninterrupted(corpus, tmp_path_factory):
    output = tmp_path_factory.mktemp("uninterrupted")
    run(make_config(corpus), output)
    return {name: weights(output / name) for name in ("model-best", "model-last")}


def test_trains_as_spacy_does(corpus, uninterrupted, tmp_path):
    run(make_config(corpus), tmp_path, spacy_train)
    for name, expected in uninterrupted.items():
        assert weights(tmp_path / name) == expected


@pytest.mark.parametrize("kind", ["ours", "stream"])
@pytest.mark.parametrize("averages", [True, False])
def test_a_resumed_training_reaches_the_same_weights_and_scores(corpus, tmp_path, kind, averages):
    optimizer = {"use_averages": averages}
    whole = run(make_config(corpus, kind, optimizer=optimizer), tmp_path / "whole")
    first = run(make_config(corpus, kind, optimizer=optimizer, max_steps=6), tmp_path / "parts")
    second = run(make_config(corpus, kind, optimizer=optimizer), tmp_path / "parts", resume=True)
    assert weights(tmp_path / "whole/model-last") == weights(tmp_path / "parts/model-last")
    assert weights(tmp_path / "whole/model-best") == weights(tmp_path / "parts/model-best")

    def rows(log):
        return [line.split() for line in log.splitlines() if line.strip()[:1].isdigit()]

    assert len(rows(whole)) == 5
    assert rows(first)[:2] + rows(second) == rows(whole)


@pytest.mark.parametrize("name", ["fodl_seq2seq", "fodl_skipthought"])
def test_components_that_draw_for_themselves_resume_too(name, tmp_path):
    """What scheduled sampling and the samples of words draw goes on where it was."""
    nlp = spacy.blank("en")
    treebank = make_conllu_corpus_v1(ROOT / "spacy_fodl/starter/treebank/train.conllu", n_sents=3, limit=12)
    add_target_extension()
    docs = [example.reference for example in treebank(nlp)]
    for doc in docs:
        doc._.fodl_target = doc.text
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "texts.spacy")
    with_draws = {
        "fodl_seq2seq": {"attention": "dot", "scheduled_sampling": 0.5, "width": 16, "embed_width": 16},
        "fodl_skipthought": {"width": 16, "n_samples": 8},
    }
    nlp.add_pipe(name, config={"model": {**nlp.get_factory_meta(name).default_config["model"], **with_draws[name]}})
    corpus = {"@readers": "spacy.Corpus.v1", "path": str(tmp_path / "texts.spacy"), "gold_preproc": False}
    config = nlp.config.merge({"corpora": {"train": corpus, "dev": corpus}})
    config["training"].update({"eval_frequency": 4, "max_steps": 8, "patience": 0, "dropout": 0.2})
    config["training"]["batcher"] = {"@batchers": "spacy.batch_by_sequence.v1", "size": 3, "get_length": None}
    if name == "fodl_skipthought":
        config["corpora"]["train"] = {"@readers": "spacy_fodl.ConlluCorpus.v1"} | {
            "path": str(ROOT / "spacy_fodl/starter/treebank/train.conllu"),
            "n_sents": 3,
            "limit": 12,
        }
        config["corpora"]["dev"] = config["corpora"]["train"]
    run(config, tmp_path / "whole")
    run(config.merge({"training": {"max_steps": 4}}), tmp_path / "parts")
    run(config, tmp_path / "parts", resume=True)
    assert weights(tmp_path / "whole/model-last") == weights(tmp_path / "parts/model-last")


def test_a_resumed_training_turns_to_global_when_it_should(tmp_path):
    """What counts steps in a component comes back too."""
    nlp = spacy.blank("en")
    treebank = make_conllu_corpus_v1(ROOT / "spacy_fodl/starter/treebank/train.conllu", limit=30)
    DocBin(docs=[example.reference for example in treebank(nlp)]).to_disk(tmp_path / "trees.spacy")
    config = load_config(ROOT / "configs/parser_fast.cfg")
    config = config.merge(
        {
            "paths": {"train": str(tmp_path / "trees.spacy"), "dev": str(tmp_path / "trees.spacy")},
            "components": {"fodl_parser": {"beam_width": 2, "normalization": "global", "local_steps": 7}},
            "training": {"eval_frequency": 5, "max_steps": 10, "patience": 0},
        }
    )
    run(config, tmp_path / "whole")
    run(config.merge({"training": {"max_steps": 5}}), tmp_path / "parts")
    run(config, tmp_path / "parts", resume=True)
    assert weights(tmp_path / "whole/model-last") == weights(tmp_path / "parts/model-last")
    attrs = spacy.load(tmp_path / "parts/model-last").get_pipe("fodl_parser").model.attrs
    assert (attrs["steps"], attrs["trained"]) == (11, "global")  # Step 0 counts.


def test_resuming_a_complete_training_changes_nothing(corpus, tmp_path):
    config = make_config(corpus, max_steps=8)
    run(config, tmp_path)
    before = weights(tmp_path / "model-last")
    assert "complete" in run(config, tmp_path, resume=True)
    assert weights(tmp_path / "model-last") == before


def test_resuming_after_steps_that_were_not_evaluated(corpus, tmp_path):
    run(make_config(corpus, max_steps=6), tmp_path)
    before = weights(tmp_path / "model-last")
    run(make_config(corpus, max_steps=4), tmp_path, resume=True)
    assert weights(tmp_path / "model-last") == before
    assert (tmp_path / "checkpoints" / "step-4").is_dir()


def test_with_nothing_to_resume_a_training_begins(corpus, uninterrupted, tmp_path):
    assert "Nothing to resume" in run(make_config(corpus), tmp_path, resume=True)
    assert weights(tmp_path / "model-last") == uninterrupted["model-last"]


def test_pipelines_that_cannot_be_resumed_are_not_replaced(corpus, tmp_path):
    run(make_config(corpus, max_steps=4), tmp_path, spacy_train)
    before = weights(tmp_path / "model-best")
    with pytest.raises(ValueError, match="F414"):
        run(make_config(corpus, max_steps=8), tmp_path, resume=True)
    assert weights(tmp_path / "model-best") == before


def test_a_new_training_removes_an_old_one(corpus, tmp_path):
    run(make_config(corpus), tmp_path, spacy_train)
    run(make_config(corpus, max_steps=4), tmp_path)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["step-4"]
    (tmp_path / "resume" / "mine.txt").write_text("not of a training")
    assert "Replacing" in run(make_config(corpus, max_steps=4), tmp_path)
    assert (tmp_path / "resume" / "mine.txt").is_file()


def test_spacy_leaves_our_links_alone(corpus, tmp_path):
    run(make_config(corpus, max_steps=4), tmp_path)
    # spaCy can't remove a link: it stops before it has changed anything.
    with pytest.raises(OSError, match="E901"):
        run(make_config(corpus, max_steps=2), tmp_path, spacy_train)
    assert weights(tmp_path / "model-best")


def test_another_config_is_refused(corpus, tmp_path):
    run(make_config(corpus, max_steps=4), tmp_path)
    before = weights(tmp_path / "model-last")
    with pytest.raises(ValueError, match=r"F413.*training\.dropout was 0\.1, now it is 0\.3"):
        run(make_config(corpus, dropout=0.3), tmp_path, resume=True)
    assert weights(tmp_path / "model-last") == before


@pytest.mark.parametrize("file", ["state.json", "arrays.safetensors", "fodl_tagger.model"])
@pytest.mark.parametrize("damage", ["cut", "missing"])
def test_a_damaged_state_is_refused(corpus, tmp_path, file, damage):
    run(make_config(corpus, max_steps=4), tmp_path)
    path = tmp_path / "resume" / "step-4" / file
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    else:
        path.unlink()
    with pytest.raises(ValueError, match="F412"):
        run(make_config(corpus), tmp_path, resume=True)
    assert weights(tmp_path / "model-last")


# -- killed


def kill_at(monkeypatch, moment):
    """Have the process die just before its file operation number `moment`, counted over all that change names."""
    count = [0]

    def dying(operation):
        def operate(*args, **kwargs):
            if count[0] == moment:
                raise Killed
            count[0] += 1
            return operation(*args, **kwargs)

        return operate

    for name in ("rename", "replace", "symlink"):
        monkeypatch.setattr(os, name, dying(getattr(os, name)))
    monkeypatch.setattr(checkpoints_module.shutil, "rmtree", dying(checkpoints_module.shutil.rmtree))
    return count


@pytest.mark.slow
def test_killed_at_any_file_operation_the_pipelines_load_and_the_training_resumes(corpus, tmp_path):
    with pytest.MonkeyPatch.context() as monkeypatch:
        count = kill_at(monkeypatch, moment=None)
        run(make_config(corpus, max_steps=9), tmp_path / "counted")
    expected = {name: weights(tmp_path / "counted" / name) for name in ("model-best", "model-last")}
    operations = count[0]
    assert operations > 20
    # Every fourth: enough to meet all kinds of operation.
    for moment in range(1, operations, 4):
        output = tmp_path / str(moment)
        with pytest.MonkeyPatch.context() as monkeypatch:
            kill_at(monkeypatch, moment)
            with pytest.raises(Killed):
                run(make_config(corpus, max_steps=9), output)
        for name in ("model-best", "model-last"):
            if os.path.lexists(output / name):
                assert weights(output / name), (moment, name)
        run(make_config(corpus, max_steps=9), output, resume=True)
        for name in expected:
            assert weights(output / name) == expected[name], (moment, name)


def everything_in(folder):
    """Also while something in it is removed, over which Path.rglob stumbles."""
    return {os.path.join(root, name) for root, folders, files in os.walk(folder) for name in [*folders, *files]}


@pytest.mark.slow
def test_kill_9_at_random_moments(corpus, uninterrupted, tmp_path):
    config = tmp_path / "config.cfg"
    make_config(corpus).to_disk(config)
    output = tmp_path / "output"
    command = [sys.executable, "-m", "spacy", "fodl", "train", str(config), "--output", str(output), "--resume"]
    moments = random.Random(0)
    for _ in range(4):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT)
        # From its first file on, the process saves most of the time.
        deadline = time.monotonic() + 60
        seen = everything_in(output)
        while process.poll() is None and everything_in(output) <= seen and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        for name in ("model-best", "model-last"):
            if os.path.lexists(output / name):
                assert weights(output / name)
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    for name, expected in uninterrupted.items():
        assert weights(output / name) == expected


# -- spacy_fodl.Checkpoint.v1


@pytest.mark.parametrize("how", [train, spacy_train])
def test_the_last_checkpoints_are_kept(corpus, uninterrupted, tmp_path, how):
    (tmp_path / "checkpoints" / "step-999").mkdir(parents=True)
    run(make_config(corpus, logger=CHECKPOINT), tmp_path, how)
    kept = {path.name for path in (tmp_path / "checkpoints").iterdir()}
    best = (tmp_path / "model-best").resolve().name
    # The last one of our own loop is that of step 17, after the last evaluation.
    assert kept == ({"step-16", "step-17", best} if how is train else {"step-12", "step-16"})
    assert all(weights(tmp_path / "checkpoints" / name) for name in kept)
    assert weights(tmp_path / "model-last") == uninterrupted["model-last"]


def test_a_checkpoint_is_the_pipeline_of_its_step(corpus, tmp_path):
    run(make_config(corpus, max_steps=8), tmp_path / "short")
    run(make_config(corpus, logger={**CHECKPOINT, "keep": 9}), tmp_path / "long")
    assert weights(tmp_path / "short/model-last") == weights(tmp_path / "long/checkpoints/step-8")


def test_without_links_pipelines_are_copied(corpus, uninterrupted, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("no links here")

    monkeypatch.setattr(os, "symlink", refuse)
    run(make_config(corpus), tmp_path)
    for name, expected in uninterrupted.items():
        assert not (tmp_path / name).is_symlink()
        assert weights(tmp_path / name) == expected


def test_keeping_no_checkpoint_is_refused():
    with pytest.raises(ValueError, match="F101"):
        make_checkpoint_v1(lambda *args: None, keep=0)


def test_the_command_resumes_and_reports_errors(corpus, tmp_path):
    config = tmp_path / "config.cfg"
    make_config(corpus).to_disk(config)
    command = [sys.executable, "-m", "spacy", "fodl", "train", str(config), "--output", str(tmp_path / "new" / "out")]

    def type_in(*more):
        return subprocess.run([*command, *more], capture_output=True, text=True, cwd=ROOT, timeout=120)

    assert type_in("--training.max_steps", "4").returncode == 0
    done = type_in("--resume", "--training.max_steps", "9")
    assert done.returncode == 0, done.stderr
    assert "Resuming after step 4" in done.stdout
    done = type_in("--resume", "--training.dropout", "0.3")
    assert done.returncode == 1
    assert "F413" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert Path(tmp_path / "new" / "out" / "model-last").resolve().name == "step-9"
