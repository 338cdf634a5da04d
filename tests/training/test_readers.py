import gzip

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.util import registry

from ..util import ROOT

TREE = """# newdoc id = one
# sent_id = 1
# text = I don't know.
1\tI\tI\tPRON\tPRP\tCase=Nom\t4\tnsubj\t_\t_
2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
2\tdo\tdo\tAUX\tVBP\t_\t4\taux\t_\t_
3\tn't\tnot\tPART\tRB\t_\t4\tadvmod\t_\t_
3.1\tghost\t_\t_\t_\t_\t_\t_\t_\t_
4\tknow\tknow\tVERB\tVB\t_\t0\troot\t_\tSpaceAfter=No
5\t.\t.\tPUNCT\t.\t_\t4\tpunct\t_\t_

# sent_id = 2
1\tGo\tgo\tVERB\tVB\t_\t0\troot\t_\t_

# newdoc id = two
1\tWhat\t_\t_\t_\t_\t_\t_\t_\t_

"""


@pytest.fixture
def nlp():
    return spacy.blank("en")


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        data = text if isinstance(text, bytes) else text.encode("utf8")
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write


def reader(name, **settings):
    return registry.readers.get(f"spacy_fodl.{name}.v1")(**settings)


# -- CoNLL-U


@pytest.mark.parametrize("name", ["tree.conllu", "tree.conllu.gz"])
def test_conllu_columns(nlp, write, name):
    first, second, third = reader("ConlluCorpus", path=write(name, TREE))(nlp)
    doc = first.reference
    assert doc.text == "I don't know. "
    assert [t.text for t in doc] == ["I", "do", "n't", "know", "."]
    assert [t.head.i for t in doc] == [3, 3, 3, 3, 3]
    assert [t.dep_ for t in doc] == ["nsubj", "aux", "advmod", "ROOT", "punct"]
    assert [t.tag_ for t in doc] == ["PRP", "VBP", "RB", "VB", "."]
    assert [t.pos_ for t in doc] == ["PRON", "AUX", "PART", "VERB", "PUNCT"]
    assert [t.lemma_ for t in doc] == ["I", "do", "not", "know", "."]
    assert str(doc[0].morph) == "Case=Nom"
    assert second.reference.text.strip() == "Go"
    what = third.reference[0]
    assert (what.text, what.lemma_, what.tag_, what.pos_, what.dep_) == ("What", "", "", "", "")
    assert not third.reference.has_annotation("DEP")


@pytest.mark.parametrize("n_sents,sizes", [(1, [5, 1, 1]), (2, [6, 1]), (10, [6, 1]), (0, [6, 1])])
def test_conllu_documents_end_where_the_treebanks_end(nlp, write, n_sents, sizes):
    examples = list(reader("ConlluCorpus", path=write("tree.conllu", TREE), n_sents=n_sents)(nlp))
    assert [len(example.reference) for example in examples] == sizes
    if n_sents != 1:
        assert [t.head.i for t in examples[0].reference] == [3, 3, 3, 3, 3, 5]
        assert [t.is_sent_start for t in examples[0].reference] == [True, False, False, False, False, True]


@pytest.mark.parametrize("given", [True, False])
def test_conllu_sentence_starts_given_or_withheld(nlp, write, given):
    example = next(iter(reader("ConlluCorpus", path=write("a.conllu", TREE), n_sents=0, sent_starts=given)(nlp)))
    assert example.predicted.has_annotation("SENT_START") == given
    assert len(list(example.reference.sents)) == 2
    assert [t.text for t in example.predicted] == [t.text for t in example.reference]
    assert not example.predicted.has_annotation("DEP")
    assert not example.predicted.has_annotation("TAG")


def test_conllu_limit(nlp, write):
    assert len(list(reader("ConlluCorpus", path=write("a.conllu", TREE), limit=2)(nlp))) == 2


ROWS = "1\tI\t_\t_\t_\t_\t0\troot\t_\t_\n2\tI\t_\t_\t_\t_\t1\tdep\t_\t_\n"


@pytest.mark.parametrize(
    "bad,line,message",
    [
        ("1\tI\tI\tPRON\n", 1, "expected 10 columns separated by tabs, and found 4"),
        ("1\tI\t_\t_\t_\t_\tx\tdep\t_\t_\n", 1, "'x' is no head"),
        ("1\tI\t_\tDETT\t_\t_\t0\troot\t_\t_\n", 1, "'DETT' is no universal part of speech"),
        ("1\tI\t_\t_\t_\t_\t7\tdep\t_\t_\n", 1, "'7' is no head"),
        ("# c\n1\tI\t_\t_\t_\t_\t0\troot\t_\t_\n3\tI\t_\t_\t_\t_\t1\tdep\t_\t_\n", 3, "word 2 of the sentence"),
        ("1\tI\t_\t_\t_\t_\t2\tdep\t_\t_\n1.1\tI\t_\t_\t_\t_\t_\t_\t_\t_\n", 1, "head 2 is outside"),
        ("1\t\t_\t_\t_\t_\t0\troot\t_\t_\n", 1, "word 1 has no form"),
        ("1\tI\t_\t_\t_\t_\t0\troot\t_\t_\n2\tI\t_\t_\t_\t_\t2\tdep\t_\t_\n", 2, "word 2 is its own head"),
        ("1\tI\t_\t_\t_\t_\t2\tdep\t_\t_\n2\tI\t_\t_\t_\t_\t1\tdep\t_\t_\n", 1, "words 1, 2 no head leads"),
        ("2-1\tI\t_\t_\t_\t_\t_\t_\t_\t_\n1\tI\t_\t_\t_\t_\t0\troot\t_\t_\n", 1, "'2-1' is no range"),
        (ROWS + "3-2\tI\t_\t_\t_\t_\t_\t_\t_\t_\n3\tI\t_\t_\t_\t_\t1\tdep\t_\t_\n", 3, "'3-2' is no range"),
        (
            "1-3\tI\t_\t_\t_\t_\t_\t_\t_\t_\n" + ROWS.replace("\n2", "\n2-3\tI\t_\t_\t_\t_\t_\t_\t_\t_\n2"),
            3,
            "within another",
        ),
        ("1-9\tI\t_\t_\t_\t_\t_\t_\t_\t_\n" + ROWS, 1, "has 2 words, and a range up to word 9"),
        ("# c\n1.1\tI\t_\t_\t_\t_\t_\t_\t_\t_\n", 2, "has no words"),
        (ROWS + "3\tI\t_\t_\t_\t_\t03\tdep\t_\t_\n", 3, "word 3 is its own head"),
        (ROWS + "3\tI\t_\t_\t_\t_\t4\tdep\t_\t_\n4\tI\t_\t_\t_\t_\t3\tdep\t_\t_\n", 3, "words 3, 4 no head"),
        ("1-x\tI\t_\t_\t_\t_\t_\t_\t_\t_\n1\tI\t_\t_\t_\t_\t0\troot\t_\t_\n", 1, "'1-x' is no range"),
    ],
)
def test_conllu_names_the_wrong_line(nlp, write, bad, line, message):
    with pytest.raises(ValueError, match=rf"F403.*Line {line} of .*bad\.conllu.*{message}"):
        list(reader("ConlluCorpus", path=write("bad.conllu", bad))(nlp))


def test_conllu_equals_spacys_converter_on_the_starter_treebank(nlp):
    from spacy.training.converters import conllu_to_docs

    path = ROOT / "spacy_fodl" / "starter" / "treebank" / "test.conllu"
    theirs = list(conllu_to_docs(path.read_text(encoding="utf8"), n_sents=1))
    ours = [example.reference for example in reader("ConlluCorpus", path=path)(nlp)]
    assert [doc.text.strip() for doc in ours] == [doc.text.strip() for doc in theirs]
    for a, b in zip(ours, theirs):
        for field in ("tag_", "pos_", "dep_", "lemma_"):
            assert [getattr(t, field) for t in a] == [getattr(t, field) for t in b]
        assert [t.head.i for t in a] == [t.head.i for t in b]


# -- CoNLL-2000


CHUNKS = "He PRP B-NP\nreckons VBZ B-VP\n. . O\n\nThe DT B-NP\ndeficit NN I-NP\n\nGo VB B-VP\n"


@pytest.mark.parametrize("n_sents,sizes", [(1, [3, 2, 1]), (2, [5, 1])])
def test_conll2000(nlp, write, n_sents, sizes):
    examples = list(reader("Conll2000Corpus", path=write("a.txt.gz", CHUNKS), n_sents=n_sents)(nlp))
    assert [len(example.predicted) for example in examples] == sizes
    doc = examples[0].reference
    assert [(t.text, t.tag_) for t in doc][:3] == [("He", "PRP"), ("reckons", "VBZ"), (".", ".")]
    assert (doc.ents[0].text, doc.ents[0].label_) == ("He", "NP")
    assert doc.vocab is nlp.vocab


def test_conll2000_names_the_wrong_line(nlp, write):
    with pytest.raises(ValueError, match=r"Line 2 of .*bad\.txt.*word, tag and chunk"):
        list(reader("Conll2000Corpus", path=write("bad.txt", "He PRP B-NP\nreckons VBZ\n"))(nlp))


# -- Reviews


def test_reviews_from_lines(nlp, write):
    text = "pos\ttrain/pos/0_9\tGood.<br />Very\u0085 good.\nneg\tx\tBad.\ttab\n"
    first, second = reader("ReviewCorpus", path=write("a.tsv.gz", text))(nlp)
    assert first.predicted.text == "Good. Very\u0085 good."
    assert first.reference.cats == {"pos": 1.0, "neg": 0.0}
    assert second.predicted.text == "Bad.\ttab"
    assert second.reference.cats == {"pos": 0.0, "neg": 1.0}
    assert first.predicted.cats == {}


def test_reviews_from_lines_without_ids(nlp, write):
    first, second = reader("ReviewCorpus", path=write("a.tsv", "pos\tGood.\n\nneg\tBad.\n\n"))(nlp)
    assert (first.predicted.text, second.predicted.text) == ("Good.", "Bad.")
    assert second.reference.cats == {"pos": 0.0, "neg": 1.0}
    with pytest.raises(ValueError, match="Line 2 of .*one tab, as in the first line"):
        list(reader("ReviewCorpus", path=write("b.tsv", "pos\tGood.\nneg\tBad,\tvery.\n"))(nlp))
    with pytest.raises(ValueError, match="Line 1 of .*label and text, or label, id and text"):
        list(reader("ReviewCorpus", path=write("c.tsv", "pos Good.\n"))(nlp))


def test_reviews_keep_the_markup_on_request(nlp, write):
    (example,) = reader("ReviewCorpus", path=write("a.tsv", "pos\tx\ta<br />b\n"), replace_breaks=False)(nlp)
    assert example.predicted.text == "a<br />b"


def test_reviews_from_folders(nlp, tmp_path):
    for label, texts in {"pos": ["Good.", "Fine."], "neg": ["Bad."]}.items():
        (tmp_path / label).mkdir()
        for i, text in enumerate(texts):
            (tmp_path / label / f"{i}_9.txt").write_text(text, encoding="utf8")
    examples = list(reader("ReviewCorpus", path=tmp_path)(nlp))
    assert [(e.predicted.text, e.reference.cats["pos"]) for e in examples] == [("Good.", 1), ("Fine.", 1), ("Bad.", 0)]


def test_reviews_with_labels_of_ones_own(nlp, write):
    path = write("a.tsv", "sport\t1\tA goal.\nweather\t2\tRain.\n")
    examples = list(reader("ReviewCorpus", path=path, labels=["sport", "weather", "law"])(nlp))
    assert examples[1].reference.cats == {"sport": 0.0, "weather": 1.0, "law": 0.0}


@pytest.mark.parametrize(
    "bad,message", [("pos\tonly two\n", "label, id and text"), ("good\tx\ty\n", "'good' is none of pos, neg")]
)
def test_reviews_name_the_wrong_line(nlp, write, bad, message):
    with pytest.raises(ValueError, match=f"Line 2 of .*bad.tsv.*{message}"):
        list(reader("ReviewCorpus", path=write("bad.tsv", "pos\ta\tb\n" + bad))(nlp))


def test_reviews_name_the_missing_folder(nlp, tmp_path):
    with pytest.raises(ValueError, match="F405.*'pos'"):
        list(reader("ReviewCorpus", path=tmp_path)(nlp))


# -- Parallel text


def test_parallel_text(nlp, write, tmp_path):
    source, target = write("a.en.gz", "A dog.\nTwo cats.\n"), write("a.fr", " Un chien. \nDeux chats.\n")
    examples = list(reader("ParallelCorpus", source=source, target=target)(nlp))
    assert [(e.predicted.text, e.reference._.fodl_target) for e in examples] == [
        ("A dog.", "Un chien."),
        ("Two cats.", "Deux chats."),
    ]
    assert examples[0].predicted._.fodl_target is None
    DocBin(docs=[e.reference for e in examples], store_user_data=True).to_disk(tmp_path / "a.spacy")
    docs = DocBin().from_disk(tmp_path / "a.spacy").get_docs(nlp.vocab)
    assert [doc._.fodl_target for doc in docs] == ["Un chien.", "Deux chats."]


@pytest.mark.parametrize("left,right", [("a\nb\nc\nd\n", "a\nb\n"), ("a\nb\n", "a\nb\nc\nd\n")])
def test_parallel_text_of_unequal_length(nlp, write, left, right):
    counts = (left.count("\n"), right.count("\n"))
    with pytest.raises(ValueError, match=rf"F404.*l\.txt has {counts[0]} lines and .*r\.txt has {counts[1]}"):
        list(reader("ParallelCorpus", source=write("l.txt", left), target=write("r.txt", right))(nlp))


# -- Running text


def test_running_text(nlp, write):
    first, second = reader("TextCorpus", path=write("a.txt", "It rained. Hard.\nWe left.\n\n\nA new day.\n"))(nlp)
    assert first.predicted.text.strip() == "It rained. Hard. We left."
    assert [s.text for s in first.predicted.sents] == ["It rained. Hard.", "We left."]
    assert [s.text for s in first.reference.sents] == ["It rained. Hard.", "We left."]
    assert second.predicted.text.strip() == "A new day."


def test_a_book_is_cut_into_documents(nlp, write):
    path = write("a.txt", "".join(f"Line {i}.\n" for i in range(5)) + "\nEnd.\n")
    for most, sizes in ((0, [5, 1]), (2, [2, 2, 1, 1]), (5, [5, 1])):
        examples = list(reader("TextCorpus", path=path, max_sents=most)(nlp))
        assert [len(list(example.reference.sents)) for example in examples] == sizes
    assert len(list(reader("TextCorpus", path=write("b.txt", "It rained.\n" * 450))(nlp))) == 3


# -- All


SETTINGS = {
    "Conll2000Corpus": ["path"],
    "ConlluCorpus": ["path"],
    "ParallelCorpus": ["source", "target"],
    "ReviewCorpus": ["path"],
    "TextCorpus": ["path"],
}


@pytest.mark.parametrize("name", SETTINGS)
def test_missing_file(nlp, name, tmp_path):
    with pytest.raises(ValueError, match="F401.*nowhere"):
        list(reader(name, **{key: tmp_path / "nowhere" for key in SETTINGS[name]})(nlp))


@pytest.mark.parametrize("name", SETTINGS)
def test_negative_numbers(name):
    counts = ["limit", *(["n_sents"] if name.startswith("Conll") else [])]
    for count in counts:
        with pytest.raises(ValueError, match=f"F101.*{count}"):
            reader(name, **{key: "a" for key in SETTINGS[name]}, **{count: -1})


@pytest.mark.parametrize("name", SETTINGS)
def test_empty_file(nlp, name, write):
    assert list(reader(name, **{key: write("empty", "") for key in SETTINGS[name]})(nlp)) == []


@pytest.mark.parametrize("name", SETTINGS)
def test_broken_gzip_file(nlp, name, tmp_path):
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(TREE.encode("utf8"))[:-12])
    with pytest.raises(ValueError, match=r"F402.*cut\.gz can|F403"):
        list(reader(name, **{key: path for key in SETTINGS[name]})(nlp))


def test_text_that_is_not_utf8(nlp, write):
    with pytest.raises(ValueError, match=r"F403.*Line 2 of .*not UTF-8"):
        list(reader("TextCorpus", path=write("a.txt", b"fine\nb\xff\n"))(nlp))


def test_reading_is_a_stream(nlp, write):
    """The first document comes before the rest of the file is looked at."""
    path = write("a.conllu", TREE + "broken\n")
    assert next(iter(reader("ConlluCorpus", path=path)(nlp))).reference.text == "I don't know. "
