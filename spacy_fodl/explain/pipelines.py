"""From a pipeline and a text to a page."""

import contextlib
from typing import Any, Iterator, Optional, Union

from spacy.language import Language
from spacy.tokens import Doc, Span

from ..analysis.page import Page, View
from ..analysis.sections import Section
from ..pipeline.parser import FodlParser
from ..pipeline.seq2seq import FodlSeq2Seq
from ..pipeline.skipthought import FodlSkipThought
from ..pipeline.tagger import FodlTagger
from ..pipeline.textcat import RecurrentCategorizer
from . import others, parser, recurrent, seq2seq, tagger

# Of longer texts the beginning is looked at.
MOST_TOKENS = 200
# Trees of the beam, and outputs, that are shown: the best one and the next ones.
MOST_BEST = 3


def explain(nlp: Language, text: Union[str, Doc], gold: Optional[Doc] = None) -> Page:
    """Show what the components of this package in a pipeline, and recurrent networks in any other, do with a text.
    Nothing that the pipeline does changes, now or afterwards.

    nlp (Language): A trained pipeline.
    text (Union[str, Doc]): The text, or the words of a document. Of more than 200 tokens the first 200 are looked at.
    gold (Optional[Doc]): The same text with its tree: then the beam of a parser shows where it loses that one.
    RETURNS (Page): The page. A notebook shows it as it is; page.save("report.html") writes it, and
        page.sections[0].save("picture.svg") one of its parts. What can't be shown is told in page.notes.
    """
    doc = nlp.make_doc(text) if isinstance(text, str) else of_words(text[:])
    text = doc.text
    view = View(
        f"A look into {nlp.meta['lang']}_{nlp.meta['name']}", text, direction=nlp.vocab.writing_system["direction"]
    )
    if len(doc) > MOST_TOKENS:
        view.notes.append(f"The text has {len(doc):,} tokens. Only the first {MOST_TOKENS} were read.")
        if gold is not None:
            view.notes.append("The annotated tree is not followed: it is that of the whole text.")
        doc = of_words(doc[:MOST_TOKENS])
        view.text, gold = doc.text, None
    if not any(not token.is_space for token in doc):
        view.notes.append("There is no word in the text.")
        return Page([view])
    for name, pipe in nlp.pipeline:
        before = doc.copy()
        doc = pipe(doc)
        try:
            for part in sections(name, pipe, before, gold):
                if isinstance(part, Section):
                    view.sections.append(part)
                else:
                    view.notes.append(part)
        except Exception as e:
            # A component of another package may read something else than documents: the others are shown all the same.
            view.notes.append(f"{name} can't be shown in full. {type(e).__name__}: {e}")
    return Page([view])


def of_words(span: Span) -> Doc:
    """A document of the words of another one, without its annotation."""
    return Doc(span.vocab, words=[token.text for token in span], spaces=[bool(token.whitespace_) for token in span])


def sections(name: str, pipe: Any, before: Doc, gold: Optional[Doc]) -> Iterator[Union[Section, str]]:
    """What a component has to show, and notes of what it has not.

    before (Doc): The document as the components before this one leave it.
    gold (Optional[Doc]): As in explain.
    """
    if isinstance(pipe, FodlTagger):
        yield from tagger.sections(name, pipe, before)
    elif isinstance(pipe, FodlParser):
        yield from parser.sections(name, pipe, before, in_full(pipe, before), gold)
    elif isinstance(pipe, RecurrentCategorizer):
        yield from others.categories(name, pipe, before, pipe(before.copy()))
    elif isinstance(pipe, FodlSeq2Seq):
        yield from seq2seq.sections(name, pipe, before, in_full(pipe, before))
    elif isinstance(pipe, FodlSkipThought):
        yield from others.thoughts(name, pipe(before.copy()))
    yield from recurrent.sections(name, pipe, before)


def in_full(pipe: Union[FodlParser, FodlSeq2Seq], before: Doc) -> Doc:
    """An annotated copy of a document, with what the component may be set to leave away."""
    with keeping_details(pipe):
        return pipe(before.copy())


@contextlib.contextmanager
def keeping_details(pipe: Union[FodlParser, FodlSeq2Seq]) -> Iterator[None]:
    """Have a component tell all that it knows for a while."""
    what = "store_probs" if isinstance(pipe, FodlParser) else "store_attention"
    stored, n_best = getattr(pipe, what), pipe.n_best
    try:
        setattr(pipe, what, True)
        pipe.n_best = max(n_best, min(MOST_BEST, pipe.beam_width))
        yield
    finally:
        setattr(pipe, what, stored)
        pipe.n_best = n_best
