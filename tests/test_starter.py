"""The starter treebank is sound: trees, tags, and the pairs of tag and part of speech."""

import pytest
from spacy.glossary import GLOSSARY

from .util import ROOT

FOLDER = ROOT / "spacy_fodl" / "starter" / "treebank"
UPOS = set("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X".split())
PUNCTUATION = set(". , : `` '' -LRB- -RRB- HYPH NFP".split())
# Which parts of speech a tag may stand for, where it isn't free.
PAIRS = {
    "NN": {"NOUN", "PRON", "SYM"},
    "NNS": {"NOUN"},
    "NNP": {"PROPN"},
    "PRP": {"PRON"},
    "PRP$": {"PRON"},
    "MD": {"AUX"},
    "CC": {"CCONJ"},
    "CD": {"NUM"},
    "TO": {"PART"},
    "IN": {"ADP", "SCONJ"},
    "VB": {"VERB", "AUX"},
    "VBD": {"VERB", "AUX"},
    "VBZ": {"VERB", "AUX"},
    "VBP": {"VERB", "AUX"},
}


def read(split):
    blocks = (FOLDER / f"{split}.conllu").read_text(encoding="utf8").strip().split("\n\n")
    for block in blocks:
        lines = block.split("\n")
        comments = dict(line[2:].split(" = ", 1) for line in lines if line.startswith("#"))
        yield comments, [line.split("\t") for line in lines if not line.startswith("#")]


SENTENCES = [(split, *sentence) for split in ("train", "dev", "test") for sentence in read(split)]


@pytest.mark.parametrize("split,comments,rows", SENTENCES, ids=lambda value: None)
def test_sentence(split, comments, rows):
    assert [row[0] for row in rows] == [str(i + 1) for i in range(len(rows))]
    assert all(len(row) == 10 for row in rows)
    text = "".join(row[1] + ("" if row[9] == "SpaceAfter=No" else " ") for row in rows).strip()
    assert text == comments["text"]
    for _, form, lemma, upos, xpos, *_ in rows:
        assert form
        assert lemma
        assert upos in UPOS
        assert xpos in GLOSSARY
        assert upos in PAIRS.get(xpos, UPOS), f"{form} {xpos} {upos}"
        assert (upos == "PUNCT") == (xpos in PUNCTUATION), f"{form} {xpos} {upos}"


@pytest.mark.parametrize("split,comments,rows", SENTENCES, ids=lambda value: None)
def test_tree(split, comments, rows):
    heads = [int(row[6]) for row in rows]
    assert heads.count(0) == 1
    assert [row[7] for row in rows if row[6] == "0"] == ["root"]
    for i in range(len(heads)):
        seen = set()
        while i >= 0:
            assert i not in seen, "a cycle"
            seen.add(i)
            i = heads[i] - 1


def test_no_sentence_twice():
    texts = [comments["text"] for _, comments, _ in SENTENCES]
    assert len(set(texts)) == len(texts) >= 250
