"""The trees of a parser, and how it comes to them."""

import html
import re
from typing import Any, Dict, Iterator, List, Optional, Sequence, Union

import numpy as np
from spacy import displacy
from spacy.tokens import Doc, Span, Token
from spacy.training import Example

from ..analysis.beam import beam_drawing
from ..analysis.derivation import Arc, Derivation, derivations
from ..analysis.sections import Drawing, Section, Texts, padding, player
from ..models.parser import words_of
from ..pipeline.parser import FodlParser
from ..transition.actions import ROOT_HEAD
from ..transition.linearize import linearize

ARROWS = "Each arrow goes from a head to its dependent."
OPTIONS = {"distance": 130, "word_spacing": 30, "collapse_punct": False, "color": "currentColor", "bg": "none"}
# Of more sentences, or stretches that were parsed by themselves, the first ones are shown step by step.
MOST_STRETCHES = 3
# Larger trees are not drawn: each level of arcs makes a picture higher, and each word wider.
MOST_WORDS = 60
# What a tree has other than the chosen one is told of so many words.
MOST_CHANGES = 6
# Less probable trees are not shown.
LEAST_SHARE = 0.01


def sections(name: str, pipe: FodlParser, before: Doc, doc: Doc, gold: Optional[Doc]) -> Iterator[Union[Section, str]]:
    """The trees of a document, and how the parser came to them.

    before, doc (Doc): The document without and with its tree; doc._.fodl_parses has the best trees of the beam.
    gold (Optional[Doc]): The same text with its annotated tree.
    """
    yield from trees(f"{name}: the tree", doc)
    found = parser_derivations(pipe, before)
    tokens = [token.text for token in before]
    batch = padding(
        f"{name}: the sentences as a batch",
        "Sentences that are parsed at the same time, the longest first. {share} % of the places are padding (hatched).",
        [[tokens[i] for i in derivation.tokens] for derivation in found],
    )
    if batch:
        yield batch
    if pipe.beam_width > 1:
        yield from other_trees(name, doc)
    annotated: Sequence[Optional[List[Arc]]] = [None] * len(found)
    if gold is not None:
        try:
            annotated = annotated_arcs(pipe, before, gold, found)
        except (TypeError, ValueError) as e:
            yield f"{name}: the annotated tree can't be followed. {e}"
        else:
            if None in annotated:
                what = "tokens lack a head or a label"
                if [token.text for token in gold] != tokens:
                    what += ", or are others than those of the text"
                yield f"{name}: the annotated tree can't be followed where {what}."
    if len(found) > MOST_STRETCHES:
        yield f"{name}: of {len(found)} sentences the first {MOST_STRETCHES} are shown step by step."
    for i, (derivation, arcs) in enumerate(zip(found[:MOST_STRETCHES], annotated)):
        which = f" (sentence {i + 1})" if len(found) > 1 else ""
        caption = (
            "The stack, its top at the end of the line; the words that are still to come; the arcs so far; and what "
            "was done next, with its probability and that of other actions. Of all this the scorer looks at a few "
            "places: s0 is the top of the stack, b0 the next word, s1.lc1 the leftmost dependent of the second word "
            "of the stack."
        )
        yield player(f"{name}: step by step{which}", caption, tokens, derivation)
        if pipe.beam_width > 1 or arcs:
            yield beam_drawing(f"{name}: the beam over time{which}", tokens, derivation, arcs)
    caption = (
        "The same trees as a row of brackets, as a model that writes texts could write them. XX is a word. Arcs that "
        "cross others are lifted, with a label that tells from where."
    )
    yield Texts(f"{name}: as brackets", caption, [brackets(derivation) for derivation in found], [""] * len(found))


def parser_derivations(pipe: FodlParser, doc: Doc) -> List[Derivation]:
    """How a parser, as it is set, comes to the trees of a document that it has not annotated."""
    return derivations(pipe.model, doc, pipe.arc_labels, beam_width=pipe.beam_width)


def annotated_arcs(pipe: FodlParser, doc: Doc, gold: Doc, found: Sequence[Derivation]) -> List[Optional[List[Arc]]]:
    """The arcs of the annotated trees of each stretch that was parsed, crossing ones lifted.

    doc, gold (Doc): The document without and with its tree.
    found (Sequence[Derivation]): The derivations of the stretches.
    RETURNS (List[Optional[List[Arc]]]): Arcs between tokens; None where heads or labels are missing.
    RAISES (ValueError): If gold has another text, a label that the parser doesn't know, or heads in a cycle.
    """
    words = words_of([doc])
    trees = pipe.gold_trees([Example(doc, gold)], words)
    arcs: List[Optional[List[Arc]]] = []
    start = 0
    for derivation in found:
        end = start + len(derivation.tokens)
        its: List[Arc] = []
        for word in range(start, end):
            head, token = int(trees.heads[word]), int(words.tokens[word])
            label = "ROOT" if head == ROOT_HEAD else pipe.arc_labels[trees.labels[word]]
            its.append(Arc(ROOT_HEAD if head == ROOT_HEAD else int(words.tokens[head]), token, label))
        arcs.append(its if trees.known[start:end].all() else None)
        start = end
    return arcs


def brackets(derivation: Derivation) -> str:
    """The trees of a derivation, linearized."""
    place = {token: i for i, token in enumerate(derivation.tokens)}
    heads, labels = [ROOT_HEAD] * len(place), ["ROOT"] * len(place)
    for arc in derivation.arcs:
        heads[place[arc.dependent]] = place.get(arc.head, ROOT_HEAD)
        labels[place[arc.dependent]] = arc.label
    return " ".join(linearize(heads, labels))


def trees(title: str, doc: Doc) -> Iterator[Union[Drawing, str]]:
    """The trees of all sentences of a document."""
    yield tree_drawing(title, ARROWS, doc[:], [token.head.i for token in doc], [token.dep_ for token in doc])


def other_trees(name: str, doc: Doc) -> Iterator[Union[Drawing, str]]:
    """Of each stretch that was parsed the probable trees besides the one that the document has."""
    stretches = doc._.fodl_parses
    for i, stretch in enumerate(stretches[:MOST_STRETCHES]):
        which = f" (sentence {i + 1})" if len(stretches) > 1 else ""
        span = doc[stretch["start"] : stretch["end"]]
        chosen = [token.head.i for token in span], [token.dep_ for token in span]
        its_trees = [(tree["heads"], tree["deps"], tree["prob"]) for tree in stretch["trees"]]
        shares = [prob for heads, deps, prob in its_trees if (heads, deps) == chosen]
        others = [one for one in its_trees if one[:2] != chosen and one[2] >= LEAST_SHARE]
        for rank, (heads, deps, prob) in enumerate(others, 2):
            beside = f", that of the tree that was chosen {shares[0]:.2f}" if shares else ""
            pairs = zip(span, heads, deps, *chosen)
            changes = [arc_text(doc, token, head, dep) for token, head, dep, *old in pairs if [head, dep] != old]
            listed = f"{'; '.join(changes[:MOST_CHANGES])}{'; …' if len(changes) > MOST_CHANGES else ''}"
            caption = f"Its share of the beam is {prob:.2f}{beside}. It differs in: {listed}."
            yield tree_drawing(f"{name}: tree number {rank}{which}", caption, span, heads, deps)


def arc_text(doc: Doc, token: Token, head: int, label: str) -> str:
    """An arc in words."""
    return f"{token.text}: root" if head == token.i else f"{token.text}: {label} of {doc[head].text}"


def tree_drawing(
    title: str, caption: str, span: Span, heads: Sequence[int], deps: Sequence[str]
) -> Union[Drawing, str]:
    """displaCy's picture of trees, below each other.

    title, caption (str): As in Section.
    span (Span): The words.
    heads (Sequence[int]): The head of each word, as its place in the document; its own for a root.
    deps (Sequence[str]): The labels. They are escaped here, since displaCy doesn't.
    RETURNS (Union[Drawing, str]): The section, or a note where all trees are too large for one.
    """
    first = span.start
    local = [head - first for head in heads]
    bounds = uncovered(local)
    places = [(start, end) for start, end in zip(bounds, bounds[1:]) if end - start <= MOST_WORDS]
    n_large = len(bounds) - 1 - len(places)
    if n_large:
        note = f"{n_large} {'tree' if n_large == 1 else 'trees'} of more than {MOST_WORDS} words can't be drawn."
        if not places:
            return f"{title}: {note}"
        caption += f" {note}"
    drawn = []
    for start, end in places:
        arcs: List[Dict[str, Any]] = []
        for child, head in enumerate(local[start:end], start):
            if head != child:
                ends = {"start": min(child, head) - start, "end": max(child, head) - start}
                direction = "left" if child < head else "right"
                arcs.append({**ends, "label": html.escape(deps[child]), "dir": direction})
        words = [{"text": token.text, "tag": token.pos_} for token in span[start:end]]
        settings = {"lang": span.doc.lang_, "direction": span.vocab.writing_system.get("direction", "ltr")}
        drawn.append({"words": words, "arcs": arcs, "settings": settings})
    svgs = [upright(displacy.render([one], style="dep", manual=True, jupyter=False, options=OPTIONS)) for one in drawn]
    told = "; ".join(arc_text(span.doc, *one) for one in zip(span, heads, deps))
    return Drawing(title, caption, below_each_other(svgs), told)


def upright(svg: str) -> str:
    """A drawing of displaCy's with its labels upright. From right to left it draws arcs from right to left too, and has
    labels on the other side of them (side="right"), which browsers don't know: they stand on their heads."""
    if 'side="right"' not in svg:
        return svg
    x_y = r"([\d.]+,[\d.]+)"
    turned = re.sub(rf'd="M{x_y} C{x_y} {x_y} {x_y}"', r'd="M\4 C\3 \2 \1"', svg)
    return turned.replace('side="right"', 'side="left"')


def uncovered(heads: Sequence[int]) -> List[int]:
    """Where trees begin that no arc of another one covers, and the number of words.

    heads (Sequence[int]): The head of each word; its own place for a root.
    """
    covered = np.zeros(len(heads) + 1, dtype="int64")
    for child, head in enumerate(heads):
        covered[min(child, head) + 1] += 1
        covered[max(child, head) + 1] -= 1
    return [*np.flatnonzero(covered[:-1].cumsum() == 0).tolist(), len(heads)]


def below_each_other(svgs: Sequence[str]) -> str:
    """Several drawings as one."""
    if len(svgs) == 1:
        return svgs[0]
    sizes = [[float(re.findall(rf'{side}="([\d.]+)"', svg)[0]) for side in ("width", "height")] for svg in svgs]
    width, height = max(size[0] for size in sizes), sum(size[1] for size in sizes)
    y, parts = 0.0, []
    for svg, size in zip(svgs, sizes):
        parts.append(svg.replace("<svg", f'<svg y="{y:g}"', 1))
        y += size[1]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{width:g}" '
        f'height="{height:g}">{"".join(parts)}</svg>'
    )
