"""Treebanks as data for sequence-to-sequence components."""

from typing import Callable, Iterable, List, Optional

from spacy.language import Language
from spacy.pipeline._parser_internals import nonproj
from spacy.training import Example

from ..errors import Errors
from ..models.extensions import TARGET, add_target_extension
from ..models.parser import check_labels
from ..transition.actions import ROOT_HEAD
from ..transition.linearize import linearize

READER = "spacy_fodl.TreeTargets.v1"


def make_tree_targets_v1(
    corpus: Callable[[Language], Iterable[Example]],
) -> Callable[[Language], Iterable[Example]]:
    """Linearize the trees of a corpus: doc._.fodl_target of its gold documents is what a sequence-to-sequence component
    has to write to tell them. Arcs that cross others are lifted (Nivre and Nilsson 2005). A document gets no target
    where a head is missing, a token covers several gold tokens, or one hangs on a gold token that was split.

    corpus (Callable[[Language], Iterable[Example]]): Reads examples with heads and labels.
    RETURNS (Callable[[Language], Iterable[Example]]): Reads the same examples with targets. It raises a ValueError for
        what is no tree, and for labels that can't be written.
    """
    add_target_extension()

    def read(nlp: Language) -> Iterable[Example]:
        for example in corpus(nlp):
            symbols = symbols_of(example)
            example.reference._.set(TARGET, None if symbols is None else " ".join(symbols))
            yield example

    return read


def symbols_of(example: Example) -> Optional[List[str]]:
    """The gold trees of an example over the words of the predicted document; None if something of them is unknown.

    example (Example): The example.
    RETURNS (Optional[List[str]]): The symbols.
    RAISES (ValueError): If the heads form a cycle, or a word that has a head is labelled as a root, or a label could be
        taken for that of a lifted arc.
    """
    if not example.reference.has_annotation("DEP"):
        return None
    check_labels(example.reference, READER)
    heads, labels = example.get_aligned_parse(projectivize=True)
    words = [token.i for token in example.predicted if not token.is_space]
    places = {word: place for place, word in enumerate(words)}
    if any(not labels[word] or heads[word] not in places for word in words):
        return None
    for word in words:
        if labels[word].split(nonproj.DELIMITER)[0] == "ROOT" and heads[word] != word:
            told = {"word": example.predicted[word], "text": example.reference.text[:60]}
            raise ValueError(Errors.F211.format(component=READER, **told))
    own = [ROOT_HEAD if heads[word] == word else places[heads[word]] for word in words]
    try:
        return linearize(own, [labels[word] for word in words])
    except ValueError as e:
        raise ValueError(Errors.F415.format(text=example.reference.text[:60], reason=e)) from e
