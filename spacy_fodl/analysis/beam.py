"""A beam over time as a picture."""

from typing import Any, Dict, List, Optional, Sequence

from .derivation import Arc, Derivation, Hypothesis
from .page import ENVIRONMENT
from .sections import Drawing

# Of longer derivations the picture shows the beginning.
MOST_STEPS = 80
STEP, RANK, MARGIN = 26, 22, 24


def beam_drawing(
    title: str, tokens: Sequence[str], derivation: Derivation, gold: Optional[Sequence[Arc]] = None
) -> Drawing:
    """Draw the hypotheses of all steps, a column a step, the best one on top, each joined to the one that it goes on
    from. Those that nothing goes on from are hollow.

    title (str): As in Section.
    tokens (Sequence[str]): The tokens of the document.
    derivation (Derivation): What derivations() returned for one of its sentences.
    gold (Optional[Sequence[Arc]]): The annotated tree, without crossing arcs: hypotheses that can still become it are
        marked.
    RETURNS (Drawing): The section, with a caption.
    """
    n_steps = min(len(derivation.beams), MOST_STEPS)
    beams, best = derivation.beams[:n_steps], derivation.best_places
    right = derivation.on_the_way_to(gold) if gold else [[]] * len(derivation.beams)
    nodes: List[Dict[str, Any]] = [{"x": MARGIN, "y": MARGIN, "kept": True, "best": True, "gold": bool(gold)}]
    lines: List[Dict[str, Any]] = []
    for step, beam in enumerate(beams):
        is_last = step + 1 == len(derivation.beams)
        going_on = {one.came_from for one in derivation.beams[step + 1]} if not is_last else set(range(len(beam)))
        for place, one in enumerate(beam):
            is_best = best[step] == place
            x, y = MARGIN + STEP * (step + 1), MARGIN + RANK * place
            told = (
                f"step {step + 1}, place {place + 1}: {one.action}{shifted(tokens, one)}, probability "
                f"{one.action.probability:.2f}; score so far {one.score:.2f}"
            )
            nodes.append(
                {
                    "x": x,
                    "y": y,
                    "kept": place in going_on,
                    "best": is_best,
                    "gold": place in right[step],
                    "told": told,
                    "at": f"{step},{place}",
                }
            )
            lines.append({"x": x, "y": y, "x0": x - STEP, "y0": MARGIN + RANK * one.came_from, "best": is_best})
    names: List[Dict[str, Any]] = [
        {"x": MARGIN + STEP * (step + 1), "text": f"{beam[place].action}{shifted(tokens, beam[place])}"}
        for step, (beam, place) in enumerate(zip(beams, best))
    ]
    lost = next((step for step in range(n_steps) if gold and not right[step]), None)
    bottom = MARGIN + RANK * max(map(len, beams)) + (0 if lost is None else 16)
    svg = ENVIRONMENT.get_template("beam.svg").render(
        nodes=nodes,
        lines=sorted(lines, key=lambda line: line["best"]),
        names=names,
        lost=None if lost is None else MARGIN + STEP * (lost + 1),
        bottom=bottom,
        width=MARGIN * 2 + STEP * (n_steps + 1),
        height=bottom + 8 + 6 * max(len(name["text"]) for name in names),
        title=title,
    )
    caption = (
        "Each column is a step, each circle a hypothesis, the best on top, joined to the one that it goes on from. "
        "A hollow one is a hypothesis that none of the next column goes on from. The blue line is the derivation of "
        "the best tree, whose actions stand below."
    )
    told = f"The best derivation: {', '.join(name['text'] for name in names)}."
    if n_steps < len(derivation.beams):
        caption += f" Of {len(derivation.beams)} steps the first {n_steps} are drawn."
    if gold:
        caption += " Circles with an orange ring can still become the annotated tree."
        if lost is None:
            caption += " The beam never loses it."
        else:
            caption += " The cross is where the beam loses it."
            told += f" The beam loses the annotated tree at step {lost + 1}."
    return Drawing(title, caption, svg, told)


def shifted(tokens: Sequence[str], hypothesis: Hypothesis) -> str:
    """The word that a SHIFT moves, for behind its name."""
    return f" {tokens[hypothesis.buffer[0]]}" if hypothesis.action.name == "SHIFT" else ""
