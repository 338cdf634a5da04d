"""The trees of a parser, and how it comes to them."""

from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import torch
from spacy import displacy
from spacy.tokens import Doc
from spacy.training import Example

from ..analysis.beam import beam_drawing
from ..analysis.derivation import NAMES, Derivation, derivations
from ..analysis.sections import Drawing, Section, Texts, player
from ..models.parser import words_of
from ..pipeline.parser import FodlParser
from ..transition.actions import LEFT, RIGHT, ROOT_HEAD
from ..transition.linearize import linearize
from ..transition.oracle import gold_actions

ARROWS = "Each arrow goes from a head to its dependent."
OPTIONS = {"distance": 95, "collapse_punct": False, "color": "currentColor", "bg": "none"}
# Of more sentences, or stretches that were parsed by themselves, the first ones are shown step by step.
MOST_STRETCHES = 3
# Less probable trees are not shown.
LEAST_SHARE = 0.01


def sections(name: str, pipe: FodlParser, before: Doc, doc: Doc, gold: Optional[Doc]) -> Iterator[Section]:
    """
    before, doc (Doc): The document without and with its tree; doc._.fodl_parses has the best trees of the beam.
    gold (Optional[Doc]): The same text with its annotated tree.
    """
    yield from trees(f"{name}: the tree", doc)
    if pipe.beam_width > 1:
        yield from other_trees(name, doc)
    found = parser_derivations(pipe, before)
    annotated = annotated_actions(pipe, before, gold, found) if gold is not None else [None] * len(found)
    tokens = [token.text for token in before]
    for i, (derivation, actions) in enumerate(zip(found[:MOST_STRETCHES], annotated)):
        which = f" (sentence {i + 1})" if len(found) > 1 else ""
        caption = (
            "The stack, its top on the right; the words that are still to come; the arcs so far; and what was done "
            "next, with its probability and that of other actions. Of all this the scorer looks at a few places: s0 is "
            "the top of the stack, b0 the next word, s1.lc1 the leftmost dependent of the second word of the stack."
        )
        yield player(f"{name}: step by step{which}", caption, tokens, derivation)
        if pipe.beam_width > 1:
            caption = (
                "Each column is a step, each circle a hypothesis, the best on top, joined to the one that it goes on "
                "from. Hollow circles were pruned. The blue line is the derivation of the best tree, whose actions "
                "stand below."
            )
            if actions:
                caption += " Circles in orange are the annotated tree; a cross is where the beam loses it."
            yield beam_drawing(f"{name}: the beam over time{which}", caption, tokens, derivation, actions)
    caption = "The same trees as a row of brackets, as a model that writes texts could write them. XX is a word."
    yield Texts(f"{name}: as brackets", caption, [brackets(derivation) for derivation in found], [""] * len(found))


def parser_derivations(pipe: FodlParser, doc: Doc) -> List[Derivation]:
    """How a parser, as it is set, comes to the trees of a document that it has not annotated."""
    return derivations(
        pipe.model, doc, pipe.arc_labels, beam_width=pipe.beam_width, normalization=pipe.model.attrs["trained"]
    )


def annotated_actions(
    pipe: FodlParser, doc: Doc, gold: Doc, found: Sequence[Derivation]
) -> List[Optional[List[Tuple[str, str]]]]:
    """The actions that build the annotated trees of each stretch that was parsed.

    doc, gold (Doc): The document without and with its tree.
    RETURNS (List[Optional[List[Tuple[str, str]]]]): Names and labels; None where heads are missing.
    """
    words = words_of([doc])
    trees = pipe.gold_trees([Example(doc, gold)], words)
    actions: List[Optional[List[Tuple[str, str]]]] = []
    start = 0
    for derivation in found:
        end = start + len(derivation.tokens)
        its_heads = trees.heads[start:end]
        heads = torch.from_numpy(its_heads - start * (its_heads != ROOT_HEAD))
        kinds, of_words = (column.tolist() for column in gold_actions(heads))
        labels = [pipe.arc_labels[label] for label in trees.labels[start:end].tolist()]
        named = [(NAMES[kind], labels[word] if kind in (LEFT, RIGHT) else "") for kind, word in zip(kinds, of_words)]
        actions.append(named if trees.known[start:end].all() else None)
        start = end
    return actions


def brackets(derivation: Derivation) -> str:
    """The trees of a derivation, linearized."""
    place = {token: i for i, token in enumerate(derivation.tokens)}
    heads, labels = [ROOT_HEAD] * len(place), ["ROOT"] * len(place)
    for arc in derivation.arcs:
        heads[place[arc.dependent]] = place.get(arc.head, ROOT_HEAD)
        labels[place[arc.dependent]] = arc.label
    return " ".join(linearize(heads, labels))


def trees(title: str, doc: Doc) -> Iterator[Drawing]:
    """The tree of each sentence."""
    sents = list(doc.sents)
    for i, sent in enumerate(sents):
        which = f" (sentence {i + 1})" if len(sents) > 1 else ""
        yield Drawing(f"{title}{which}", ARROWS, drawn(displacy.parse_deps(sent, OPTIONS)))


def other_trees(name: str, doc: Doc) -> Iterator[Drawing]:
    """Of each stretch that was parsed the trees that are next to the best one."""
    stretches = doc._.fodl_parses
    for i, stretch in enumerate(stretches[:MOST_STRETCHES]):
        which = f" (sentence {i + 1})" if len(stretches) > 1 else ""
        first, last = stretch["start"], stretch["end"]
        best = stretch["trees"][0]
        words = [{"text": token.text, "tag": token.pos_} for token in doc[first:last]]
        for rank, tree in enumerate(stretch["trees"][1:], 2):
            if tree["prob"] < LEAST_SHARE:
                break
            arcs = [
                {
                    "start": min(child, head) - first,
                    "end": max(child, head) - first,
                    "label": label,
                    "dir": "left" if child < head else "right",
                }
                for child, head, label in zip(range(first, last), tree["heads"], tree["deps"])
                if child != head
            ]
            caption = f"Its share of the beam is {tree['prob']:.2f}, that of the best tree {best['prob']:.2f}. {ARROWS}"
            yield Drawing(f"{name}: tree number {rank}{which}", caption, drawn({"words": words, "arcs": arcs}))


def drawn(parsed: Dict[str, Any]) -> str:
    """displaCy's picture of words and arcs."""
    svg: str = displacy.render([parsed], style="dep", manual=True, jupyter=False, options=OPTIONS)
    return svg
