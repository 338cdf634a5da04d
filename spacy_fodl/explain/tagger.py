"""The windows and the tags of an n-gram tagger."""

from typing import Iterator

import numpy as np
from spacy.glossary import GLOSSARY
from spacy.tokens import Doc

from ..analysis.sections import Cell, Cells, Choices, Section
from ..analysis.windows import has_windows, tag_windows
from ..pipeline.tagger import FodlTagger

TOP_TAGS = 3


def sections(name: str, pipe: FodlTagger, doc: Doc) -> Iterator[Section]:
    """The tags of a document, and the windows that they were found by.

    doc (Doc): As the components before this one leave it.
    """
    (probs,) = pipe.predict_proba([doc])
    choices = []
    for row in probs:
        best = row.argsort()[::-1][:TOP_TAGS]
        named = [(pipe.labels[i], float(row[i])) for i in best]
        choices.append([{"name": tag, "value": p, "note": GLOSSARY.get(tag, "")} for tag, p in named])
    caption = f"The {TOP_TAGS} most probable tags of each token, and what the first one means."
    yield Choices(f"{name}: tags", caption, [token.text for token in doc], choices)
    if has_windows(pipe.model):
        yield windows(name, pipe, doc)


def windows(name: str, pipe: FodlTagger, doc: Doc) -> Section:
    """What the tagger sees at each token of a document."""
    found = tag_windows(pipe.model, doc, pipe.class_tags() if pipe.cfg["set_pos"] else None)
    rows = []
    for i, influence in enumerate(found.influence):
        places = [i + offset for offset in found.offsets]
        # What speaks against the tag has no shade.
        shades = np.round(influence.clip(min=0), 3).tolist()
        rows.append(
            [
                Cell(doc[place].text, shade) if 0 <= place < len(doc) else Cell("", is_empty=True)
                for place, shade in zip(places, shades)
            ]
        )
    caption = (
        "What the network sees of the text at each token: a window of words, or beyond the bounds of the text learned "
        "vectors (hatched). The darker a word, the less probable the tag would be without its vector."
    )
    columns = [f"{offset:+d}" if offset else "the word" for offset in found.offsets]
    return Cells(f"{name}: windows", caption, columns, rows)
