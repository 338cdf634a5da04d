"""The starter opinions and the running text are what their README says."""

import re
from collections import Counter

import pytest
import spacy

from spacy_fodl.training.parallel import make_parallel_corpus_v1
from spacy_fodl.training.reviews import make_review_corpus_v1
from spacy_fodl.training.running_text import make_text_corpus_v1

from .util import ROOT

FOLDER = ROOT / "spacy_fodl" / "starter"
SIZES = {"train": 320, "dev": 40, "test": 120}
KINDS = {"plain", "negation", "contrast", "indirect"}


def opinions(split):
    lines = (FOLDER / "opinions" / f"{split}.tsv").read_text(encoding="utf8").splitlines()
    return [line.split("\t") for line in lines]


@pytest.mark.parametrize("split", SIZES)
def test_opinions(split):
    rows = opinions(split)
    assert len(rows) == SIZES[split]
    labels = Counter(label for label, _, _ in rows)
    assert labels["pos"] == labels["neg"] == SIZES[split] / 2
    for _, id_, text in rows:
        named, _, kind, _ = id_.split("/")
        assert (named, kind in KINDS) == (split, True)
        assert 5 <= len(text.split()) <= 45
        assert text == text.strip()
    assert len(list(make_review_corpus_v1(FOLDER / "opinions" / f"{split}.tsv")(spacy.blank("en")))) == len(rows)


def test_opinions_are_split_by_topic_and_no_text_stands_twice():
    topics = {split: {id_.split("/")[1] for _, id_, _ in opinions(split)} for split in SIZES}
    assert len(set.union(*topics.values())) == sum(map(len, topics.values())) == 12
    texts = [text.lower() for split in SIZES for _, _, text in opinions(split)]
    assert len(set(texts)) == len(texts)


def test_running_text():
    examples = list(make_text_corpus_v1(FOLDER / "running" / "text.txt")(spacy.blank("en")))
    assert len(examples) == 22
    sentences = [sent.text for example in examples for sent in example.reference.sents]
    assert len(sentences) == len(set(sentences)) == 352


# -- Pairs

PAIRS = {"train": 2574, "dev": 120, "test": 160}


def side(split, lang):
    return (FOLDER / "pairs" / f"{split}.{lang}").read_text(encoding="utf8").splitlines()


def words(sentence):
    return re.findall(r"[^\W_]+", sentence.lower())


@pytest.mark.parametrize("split", PAIRS)
def test_pairs(split):
    reader = make_parallel_corpus_v1(FOLDER / "pairs" / f"{split}.en", FOLDER / "pairs" / f"{split}.fr")
    assert len(list(reader(spacy.blank("en")))) == PAIRS[split]
    assert all(line == line.strip() != "" for lang in ("en", "fr") for line in side(split, lang))


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_pairs_are_new_combinations_of_words_that_occur_in_training(lang):
    lines = {split: side(split, lang) for split in PAIRS}
    everything = [line for split in PAIRS for line in lines[split]]
    assert len(set(everything)) == len(everything)
    counts = Counter(word for line in lines["train"] for word in words(line))
    assert 330 <= len(counts) <= 450
    assert min(counts[word] for split in ("dev", "test") for line in lines[split] for word in words(line)) >= 5
