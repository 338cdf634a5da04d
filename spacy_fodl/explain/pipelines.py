"""From a pipeline and a text to a page."""

import contextlib
from typing import Any, Iterator, Optional

from spacy.language import Language
from spacy.tokens import Doc

from ..analysis.page import Page, View
from ..analysis.sections import Section, padding
from ..pipeline.parser import FodlParser
from ..pipeline.seq2seq import FodlSeq2Seq
from ..pipeline.skipthought import FodlSkipThought
from ..pipeline.tagger import FodlTagger
from ..pipeline.textcat import RecurrentCategorizer
from . import others, parser, recurrent, seq2seq, tagger

# Of longer texts a page shows the beginning.
MOST_TOKENS = 200
# Trees of the beam that are shown besides the best one are these less one.
MOST_TREES = 3


def explain(nlp: Language, text: str, gold: Optional[Doc] = None) -> Page:
    """Show what the components of this package in a pipeline, and recurrent networks in any other, do with a text.

    nlp (Language): A trained pipeline.
    text (str): The text. Of more than 200 tokens the first 200 are looked at.
    gold (Optional[Doc]): The same text with its tree: then the beam of a parser shows where it loses that one.
    RETURNS (Page): The page. A notebook shows it as it is; page.save("report.html") writes it, and so does
        page.sections[0].save("picture.svg") one of its parts.
    """
    doc = nlp.make_doc(text)
    view = View(f"A look into {nlp.meta['lang']}_{nlp.meta['name']}", text)
    if len(doc) > MOST_TOKENS:
        view.notes.append(f"The text has {len(doc):,} tokens. The first {MOST_TOKENS} are shown.")
        doc = nlp.make_doc(doc[:MOST_TOKENS].text)
        view.text, gold = doc.text, None
    if not any(not token.is_space for token in doc):
        view.notes.append("There is no word in the text.")
        return Page([view])
    for name, pipe in nlp.pipeline:
        before = doc.copy()
        with keeping_details(pipe):
            doc = pipe(doc)
        view.sections += sections(name, pipe, before, doc, gold)
    # The sentences of a short text are read side by side.
    if doc.has_annotation("SENT_START"):
        caption = (
            "Sentences that are read at the same time, the longest first. {share} % of the places are padding "
            "(hatched), which no state of a network sees."
        )
        batch = padding("The sentences as a batch", caption, [[token.text for token in sent] for sent in doc.sents])
        view.sections += [batch] if batch else []
    return Page([view])


@contextlib.contextmanager
def keeping_details(pipe: Any) -> Iterator[None]:
    """Have a component keep for a while what it leaves away otherwise."""
    wanted = {}
    if isinstance(pipe, FodlSeq2Seq):
        wanted = {"store_attention": True, "n_best": min(MOST_TREES, pipe.beam_width)}
    elif isinstance(pipe, FodlParser):
        wanted = {"store_probs": True, "n_best": min(MOST_TREES, pipe.beam_width)}
    kept = {attr: getattr(pipe, attr) for attr in wanted}
    try:
        for attr, value in wanted.items():
            setattr(pipe, attr, value)
        yield
    finally:
        for attr, value in kept.items():
            setattr(pipe, attr, value)


def sections(name: str, pipe: Any, before: Doc, doc: Doc, gold: Optional[Doc]) -> Iterator[Section]:
    """What a component has to show.

    before, doc (Doc): The document without and with its annotation.
    gold (Optional[Doc]): As in explain.
    """
    if isinstance(pipe, FodlTagger):
        yield from tagger.sections(name, pipe, before)
    elif isinstance(pipe, FodlParser):
        yield from parser.sections(name, pipe, before, doc, gold)
    elif isinstance(pipe, RecurrentCategorizer):
        yield others.categories(name, pipe, doc)
    elif isinstance(pipe, FodlSeq2Seq):
        yield from seq2seq.sections(name, pipe, before, doc)
    elif isinstance(pipe, FodlSkipThought):
        yield from others.similarities(name, doc)
    yield from recurrent.sections(name, pipe, before)
