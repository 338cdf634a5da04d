import io

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_config

from ..util import ROOT, make_examples

SCHEDULE = {"@schedules": "warmup_linear.v1", "warmup_steps": 10, "total_steps": 40, "initial_rate": 0.01}


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """What a short training of a pipeline of two components wrote, and what it printed."""
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="the extra 'tensorboard' is not installed"
    )
    folder = tmp_path_factory.mktemp("run")
    blank = spacy.blank("en")
    DocBin(docs=[example.reference for example in make_examples(blank)]).to_disk(folder / "train.spacy")
    config = load_config(ROOT / "configs" / "tagger.cfg", interpolate=False)
    config["paths"].update(train=str(folder / "train.spacy"), dev=str(folder / "train.spacy"))
    config["nlp"]["pipeline"] = ["fodl_tagger", "morphologizer"]
    config["components"]["morphologizer"] = {"factory": "morphologizer"}
    config["training"].update(max_steps=30, eval_frequency=10)
    config["training"]["optimizer"]["learn_rate"] = SCHEDULE
    config["training"]["logger"] = {
        "@loggers": "spacy_fodl.TensorBoardLogger.v1",
        "log_dir": str(folder / "logs"),
        "inspect": ["I like <b>ham</b> | eggs"],
    }
    printed = io.StringIO()
    train(init_nlp(config), stdout=printed, stderr=io.StringIO())
    reader = accumulator.EventAccumulator(str(folder / "logs"), size_guidance={accumulator.HISTOGRAMS: 0})
    reader.Reload()
    return reader, printed.getvalue(), folder / "logs"


def scalars(events, tag):
    return {event.step: event.value for event in events[0].Scalars(tag)}


def test_losses_and_scores_of_every_component(events):
    for tag in ("loss/fodl_tagger", "loss/morphologizer", "tag_acc/dev", "pos_acc/dev", "score/dev", "tag_acc/train"):
        assert list(scalars(events, tag)) == [0, 10, 20, 30], tag
    assert scalars(events, "tag_acc/dev")[30] > scalars(events, "tag_acc/dev")[0]


def test_training_scores_are_those_of_the_weights_as_they_are(events):
    # Both sides are the same documents here, and the averages of 30 steps lag behind the weights.
    assert scalars(events, "tag_acc/train")[30] >= scalars(events, "tag_acc/dev")[30]


def test_learning_rate_follows_the_schedule(events):
    rate = scalars(events, "learning_rate")
    assert rate[0] < rate[10] == pytest.approx(0.01)
    assert rate[10] > rate[20] > rate[30]


def test_learning_rate_follows_the_schedule_after_steps_that_it_was_not_told_of(events, tmp_path):
    # A resumed training passes over what was done before.
    nlp = spacy.blank("en")
    nlp.config["training"]["optimizer"]["learn_rate"] = SCHEDULE
    make = spacy.util.registry.loggers.get("spacy_fodl.TensorBoardLogger.v1")
    log_step, finalize = make(str(tmp_path), train_sample=0)(nlp, io.StringIO(), io.StringIO())
    told = {"losses": {}, "other_scores": {}, "score": 0.0, "words": 0, "seconds": 0.0, "epoch": 0, "checkpoints": []}
    log_step({**told, "step": 20, "words": 9000, "seconds": 1.0})
    log_step(None)
    log_step({**told, "step": 30, "words": 9200, "seconds": 3.0})
    finalize()
    reader = type(events[0])(str(tmp_path))
    reader.Reload()
    assert {event.step: event.value for event in reader.Scalars("learning_rate")} == {
        step: scalars(events, "learning_rate")[step] for step in (20, 30)
    }
    # Nor were those words read since this process began.
    assert [(event.step, event.value) for event in reader.Scalars("words_per_second")] == [(30, 100.0)]


def test_weights_of_thinc_and_torch(events):
    names = events[0].Tags()["histograms"]
    assert any(name.startswith("fodl_tagger/") and name.endswith("hidden.0.weight") for name in names)
    assert any(name.startswith("fodl_tagger/") and name.endswith("softmax/W") for name in names)
    assert any(name.startswith("morphologizer/") for name in names)


def test_inspected_sentences(events):
    written = events[0].Tensors("inspect/1/text_summary")
    assert [event.step for event in written] == [0, 10, 20, 30]
    text = written[-1].tensor_proto.string_val[0].decode("utf8")
    assert "| token | tag | pos |" in text
    assert "| I | PRP | PRON |" in text
    assert "&lt;" in text
    assert "<" not in text
    assert "&#124;" in text


def test_pictures_of_inspected_sentences(events):
    names = [name for name in events[0].Tags()["images"] if name.startswith("inspect/1/")]
    assert set(names) == {"inspect/1/fodl_tagger-tags", "inspect/1/fodl_tagger-windows"}
    pictures = events[0].Images("inspect/1/fodl_tagger-tags")
    assert [event.step for event in pictures] == [0, 10, 20, 30]
    # What is learned is seen.
    assert pictures[0].encoded_image_string != pictures[-1].encoded_image_string


def test_vectors_for_the_projector(events):
    for name in ("fodl_tagger", "morphologizer"):
        (vectors,) = events[2].glob(f"*/{name}/tensors.tsv")
        (words,) = events[2].glob(f"*/{name}/metadata.tsv")
        lines = words.read_text(encoding="utf8").splitlines()
        assert "ham" in lines
        assert len(vectors.read_text(encoding="utf8").splitlines()) == len(lines) == len(set(lines))
    assert (events[2] / "projector_config.pbtxt").exists()


def test_the_console_shows_what_spacys_logger_shows(events):
    assert "TAG_ACC" in events[1]
    assert events[1].count("\n") > 4


def test_without_tensorboard_it_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    logger = spacy.util.registry.loggers.get("spacy_fodl.TensorBoardLogger.v1")("unused")
    with pytest.raises(ImportError, match=r"F411.*spacy-fodl\[tensorboard\]"):
        logger(spacy.blank("en"), io.StringIO(), io.StringIO())
