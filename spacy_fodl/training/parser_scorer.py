"""Scores of dependency parsers."""

from typing import Any, Callable, Dict, Iterable, List

from spacy.pipeline.dep_parser import parser_score
from spacy.training import Example


def make_parser_scorer_v1() -> Callable[[Iterable[Example]], Dict[str, Any]]:
    """A scorer that reports attachment twice: `dep_uas` and `dep_las` without punctuation, as spaCy counts, and
    `dep_uas_punct` and `dep_las_punct` over all words, as papers and the CoNLL shared tasks do."""
    return score_parses


def score_parses(examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
    examples = list(examples)
    scores: Dict[str, Any] = parser_score(examples, **kwargs)
    nothing_ignored: List[str] = []
    all_words = parser_score(examples, **{**kwargs, "ignore_labels": nothing_ignored})
    return {**scores, "dep_uas_punct": all_words["dep_uas"], "dep_las_punct": all_words["dep_las"]}
