"""A beam over time as a picture."""

from typing import Any, Dict, List, Optional, Sequence, Tuple

from .derivation import Derivation
from .page import ENVIRONMENT
from .sections import Drawing

# Of longer derivations the picture shows the beginning.
MOST_STEPS = 80
STEP, RANK, MARGIN = 26, 22, 24


def beam_drawing(
    title: str,
    caption: str,
    tokens: Sequence[str],
    derivation: Derivation,
    gold: Optional[Sequence[Tuple[str, str]]] = None,
) -> Drawing:
    """Draw the hypotheses of all steps, a column a step, the best one on top, each joined to the one that it goes on
    from. Those that nothing goes on from were pruned.

    title, caption (str): As in Section.
    tokens (Sequence[str]): The tokens of the document.
    derivation (Derivation): What derivations() returned for one of its sentences.
    gold (Optional[Sequence[Tuple[str, str]]]): Names and labels of the actions of the gold tree, to be marked as long
        as the beam holds them.
    RETURNS (Drawing): The section.
    """
    beams = derivation.beams[:MOST_STEPS]
    best = derivation.best_places[:MOST_STEPS]
    gold_places = derivation.places_of(gold)[:MOST_STEPS] if gold else []
    nodes: List[Dict[str, Any]] = [{"x": MARGIN, "y": MARGIN, "kept": True, "best": True, "gold": bool(gold)}]
    lines: List[Dict[str, Any]] = []
    for step, beam in enumerate(beams):
        # Of the last step all are what the beam ends with.
        going_on = {one.came_from for one in beams[step + 1]} if step + 1 < len(beams) else set(range(len(beam)))
        for place, one in enumerate(beam):
            is_best = best[step] == place
            is_gold = step < len(gold_places) and gold_places[step] == place
            x, y = MARGIN + STEP * (step + 1), MARGIN + RANK * place
            top = tokens[one.stack[-1]] if one.stack and one.stack[-1] >= 0 else "ROOT"
            told = f"step {step + 1}, place {place + 1}: {one.action} with {top} on top, {one.action.probability:.2f}"
            nodes.append({"x": x, "y": y, "kept": place in going_on, "best": is_best, "gold": is_gold, "told": told})
            lines.append({"x": x, "y": y, "x0": x - STEP, "y0": MARGIN + RANK * one.came_from, "best": is_best})
    widest = max(map(len, beams))
    names: List[Dict[str, Any]] = [
        {"x": MARGIN + STEP * (step + 1), "text": f"{beam[place].action}{shifted(tokens, beam[place])}"}
        for step, (beam, place) in enumerate(zip(beams, best))
    ]
    lost = None
    if gold and len(gold_places) < len(beams):
        lost = MARGIN + STEP * (len(gold_places) + 1)
    bottom = MARGIN + RANK * widest + (16 if lost else 0)
    svg = ENVIRONMENT.get_template("beam.svg").render(
        nodes=nodes,
        lines=sorted(lines, key=lambda line: line["best"]),
        names=names,
        lost=lost,
        bottom=bottom,
        width=MARGIN * 2 + STEP * (len(beams) + 1),
        height=bottom + 8 + 6 * max(len(name["text"]) for name in names),
        title=title,
    )
    return Drawing(title, caption, svg)


def shifted(tokens: Sequence[str], hypothesis: Any) -> str:
    """The word that a SHIFT moves."""
    return f" {tokens[hypothesis.buffer[0]]}" if hypothesis.action.name == "SHIFT" else ""
