import json
import shutil

import pytest
import spacy

from ..util import trained_tagger


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved")
    trained_tagger(steps=2).to_disk(path)
    return path


@pytest.fixture
def folder(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "pipeline")
    return tmp_path / "pipeline"


def test_the_files(saved):
    assert sorted(p.name for p in (saved / "fodl_tagger").iterdir()) == ["cfg", "files.json", "model"]


def test_a_cut_model_is_named(folder):
    model = folder / "fodl_tagger" / "model"
    model.write_bytes(model.read_bytes()[:1000])
    with pytest.raises(ValueError, match="F008.*'model'.*fodl_tagger"):
        spacy.load(folder)


@pytest.mark.parametrize("name", ["cfg", "model", "files.json"])
def test_a_missing_file_is_named(folder, name):
    (folder / "fodl_tagger" / name).unlink()
    with pytest.raises(ValueError, match=f"F009.*fodl_tagger.*'{name}' is missing"):
        spacy.load(folder)


@pytest.mark.parametrize("content", ["{", "[]", "null", "3", '["cfg"]'])
def test_a_damaged_manifest_is_named(folder, content):
    (folder / "fodl_tagger" / "files.json").write_text(content)
    with pytest.raises(ValueError, match=r"F012.*files\.json is damaged|F009"):
        spacy.load(folder)


def test_a_manifest_that_leaves_parts_out_is_not_trusted(folder):
    (folder / "fodl_tagger" / "files.json").write_text("{}")
    with pytest.raises(ValueError, match="F009.*'cfg' is missing"):
        spacy.load(folder)


def test_a_part_saved_over_an_older_whole_is_noticed(folder):
    trained_tagger(steps=1).get_pipe("fodl_tagger").to_disk(folder / "fodl_tagger", exclude=["model", "vocab"])
    with pytest.raises(ValueError, match="F009.*'model' is missing"):
        spacy.load(folder)


def test_files_of_two_trainings_are_noticed(folder, tmp_path):
    trained_tagger(steps=4).to_disk(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "fodl_tagger" / "model", folder / "fodl_tagger" / "model")
    with pytest.raises(ValueError, match="F008.*'model'"):
        spacy.load(folder)


def test_the_whole_component_folder_of_another_architecture_is_noticed(folder, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec")
    model = {
        "@architectures": "spacy_fodl.NGramTagger.v1",
        "tok2vec": {"@architectures": "spacy.Tok2VecListener.v1", "width": 96},
    }
    nlp.add_pipe("fodl_tagger", config={"model": model})
    with pytest.raises(ValueError, match="F010.*fodl_tagger.*mismatched structure"):
        nlp.get_pipe("fodl_tagger").from_disk(folder / "fodl_tagger", exclude=["vocab"])


def test_other_settings_of_the_torch_layer_are_noticed(folder):
    with pytest.raises(ValueError, match="F005.*activation = relu.*activation = gelu"):
        spacy.load(folder, config={"components.fodl_tagger.model.activation": "gelu"})


def test_damaged_bytes():
    data = trained_tagger(steps=1).get_pipe("fodl_tagger").to_bytes()
    with pytest.raises(ValueError, match="F010.*fodl_tagger"):
        spacy.blank("en").add_pipe("fodl_tagger").from_bytes(data[: len(data) // 2])


def test_saving_that_fails_leaves_the_old_files(folder, monkeypatch):
    nlp = spacy.load(folder)
    before = {p.name: p.read_bytes() for p in (folder / "fodl_tagger").iterdir()}

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("thinc.model.Model.to_disk", fail)
    with pytest.raises(OSError, match="disk full"):
        nlp.get_pipe("fodl_tagger").to_disk(folder / "fodl_tagger")
    assert {p.name: p.read_bytes() for p in (folder / "fodl_tagger").iterdir()} == before


def test_saving_over_an_older_save(folder):
    nlp = trained_tagger(steps=3)
    (folder / "fodl_tagger" / "notes.txt").write_text("mine")
    nlp.to_disk(folder)
    spacy.load(folder)
    assert (folder / "fodl_tagger" / "notes.txt").read_text() == "mine"


def test_exclude(folder):
    tagger = spacy.load(folder).get_pipe("fodl_tagger")
    tagger.to_disk(folder / "part", exclude=["model"])
    assert sorted(json.loads((folder / "part" / "files.json").read_text())) == ["cfg"]
    blank = spacy.blank("en").add_pipe("fodl_tagger").from_disk(folder / "part", exclude=["model", "vocab"])
    assert blank.labels == tagger.labels
    blank = spacy.blank("en").add_pipe("fodl_tagger").from_disk(folder / "fodl_tagger", exclude=["model", "vocab"])
    assert blank.labels == tagger.labels


def test_no_pickle_in_the_files(saved):
    for file in (saved / "fodl_tagger").iterdir():
        assert b"torch._utils" not in file.read_bytes()
        assert not file.read_bytes().startswith(b"PK")
