"""spacy fodl explain: what the components of a pipeline do with a text, as a web page."""

import contextlib
from pathlib import Path
from typing import Any, Iterator, List

import spacy
import typer
from spacy import displacy
from spacy.glossary import GLOSSARY
from spacy.language import Language
from spacy.tokens import Doc
from wasabi import msg

from ..analysis.derivation import Derivation, derivations
from ..analysis.page import Choices, Drawing, Page, Section, Texts, matrix, player
from ..analysis.sentences import sentence_similarities
from ..errors import Errors
from ..pipeline.parser import FodlParser
from ..pipeline.seq2seq import FodlSeq2Seq
from ..pipeline.skipthought import FodlSkipThought
from ..pipeline.tagger import FodlTagger
from ..pipeline.textcat import RecurrentCategorizer
from ..pipeline.trees import TreeSymbols

# Of longer texts a page shows the beginning.
MOST_TOKENS = 200
TOP_TAGS = 3


def explain_cli(
    model: str = typer.Argument(..., help="Package name or folder of a trained pipeline"),
    text: str = typer.Argument(..., help="The text to look at"),
    output: Path = typer.Option(Path("report.html"), "--output", "-o", help="The page, a file named .html"),
) -> None:
    """Write a web page that shows what the components of a pipeline do with a text: tags with their probabilities,
    trees and how the parser came to them step by step, attention, categories and similar sentences. It is one file that
    needs no network."""
    try:
        nlp = spacy.load(model)
        page = explain(nlp, text)
        if not page.sections and not page.notes:
            raise ValueError(Errors.F301.format(model=model, pipes=", ".join(nlp.pipe_names) or "none"))
        msg.good(f"Wrote {page.save(output)}")
    except (OSError, ValueError) as e:
        msg.fail(str(e), exits=1)


def explain(nlp: Language, text: str) -> Page:
    """Show what the components of this package in a pipeline do with a text.

    nlp (Language): A trained pipeline.
    text (str): The text. Of more than 200 tokens the first 200 are looked at.
    RETURNS (Page): The page. A notebook shows it as it is; page.save("report.html") writes it.
    """
    doc = nlp.make_doc(text)
    page = Page(f"A look into {nlp.meta['lang']}_{nlp.meta['name']}", text)
    if len(doc) > MOST_TOKENS:
        page.notes.append(f"The text has {len(doc):,} tokens. The first {MOST_TOKENS} are shown.")
        doc = nlp.make_doc(doc[:MOST_TOKENS].text)
        page.text = doc.text
    if not any(not token.is_space for token in doc):
        page.notes.append("There is no word in the text.")
        return page
    for name, pipe in nlp.pipeline:
        before = doc.copy()
        with keeping_details(pipe):
            doc = pipe(doc)
        page.sections += sections(name, pipe, before, doc)
    return page


@contextlib.contextmanager
def keeping_details(pipe: Any) -> Iterator[None]:
    """Have a component keep for a while what it leaves away otherwise."""
    kinds = {FodlSeq2Seq: "store_attention", FodlParser: "store_probs"}
    kept = [(attr, getattr(pipe, attr)) for kind, attr in kinds.items() if isinstance(pipe, kind)]
    try:
        for attr, _ in kept:
            setattr(pipe, attr, True)
        yield
    finally:
        for attr, value in kept:
            setattr(pipe, attr, value)


def sections(name: str, pipe: Any, before: Doc, doc: Doc) -> Iterator[Section]:
    """What a component has to show.

    before, doc (Doc): The document without and with its annotation.
    """
    if isinstance(pipe, FodlTagger):
        yield tags(name, pipe, before)
    elif isinstance(pipe, FodlParser):
        yield tree(f"{name}: the tree", doc)
        yield from steps(name, pipe, before)
    elif isinstance(pipe, RecurrentCategorizer):
        labels = sorted(pipe.labels, key=lambda label: -doc.cats[label])
        choices = [[{"name": "", "value": doc.cats[label], "note": label}] for label in labels]
        yield Choices(f"{name}: categories", "How probable each category is.", labels, choices)
    elif isinstance(pipe, FodlSeq2Seq):
        details = doc._.fodl_seq2seq
        texts = [one["text"] for one in details["n_best"]]
        numbers = [f"{one['score']:.2f}" for one in details["n_best"]]
        caption = "What was written, with the logarithm of its probability by its length."
        yield Texts(f"{name}: the output", caption, texts, numbers)
        attention = details.get("attention")
        if attention is not None and len(attention):
            caption = "What was looked at in writing each piece (a row): tokens of the text, and its end."
            columns = [*(token.text for token in doc), "(end)"]
            yield matrix(f"{name}: attention", caption, details["tokens"], columns, attention)
        if isinstance(pipe.target, TreeSymbols):
            yield tree(f"{name}: the tree that was written", doc)
    elif isinstance(pipe, FodlSkipThought):
        yield from similarities(name, doc)


def tags(name: str, pipe: FodlTagger, doc: Doc) -> Section:
    (probs,) = pipe.predict_proba([doc])
    choices = []
    for row in probs:
        best = row.argsort()[::-1][:TOP_TAGS]
        named = [(pipe.labels[i], float(row[i])) for i in best]
        choices.append([{"name": tag, "value": p, "note": meaning(tag)} for tag, p in named])
    caption = (
        f"The {TOP_TAGS} most probable tags of each token. What a tag means appears where the pointer rests on it."
    )
    return Choices(f"{name}: tags", caption, [token.text for token in doc], choices)


def tree(title: str, doc: Doc) -> Drawing:
    options = {"distance": 110, "collapse_punct": False, "color": "currentColor", "bg": "none"}
    svg = displacy.render(list(doc.sents), style="dep", jupyter=False, options=options)
    return Drawing(title, "Each arrow goes from a head to its dependent.", svg)


def parser_derivations(pipe: FodlParser, doc: Doc) -> List[Derivation]:
    """How a parser, as it is set, comes to the trees of a document that it has not annotated."""
    return derivations(pipe.model, doc, pipe.arc_labels, beam_width=pipe.beam_width, normalization=pipe.normalization)


def steps(name: str, pipe: FodlParser, doc: Doc) -> Iterator[Section]:
    found = parser_derivations(pipe, doc)
    tokens = [token.text for token in doc]
    caption = (
        "The stack, its top on the right; the words that are still to come; the arcs so far; and what was done next, "
        "with its probability and that of other actions."
    )
    for i, derivation in enumerate(found):
        which = f" (sentence {i + 1})" if len(found) > 1 else ""
        yield player(f"{name}: step by step{which}", caption, tokens, derivation)


def similarities(name: str, doc: Doc) -> Iterator[Section]:
    sentences, cosines = sentence_similarities(doc)
    if len(sentences) < 2:
        return
    names = [one if len(one) < 40 else f"{one[:38]}…" for one in (s.text.strip() for s in sentences)]
    numbers: List[str] = [f"{i + 1}" for i in range(len(names))]
    rows = [f"{number} {one}" for number, one in zip(numbers, names)]
    caption = "How similar the sentences are: the cosine of their vectors. What is below 0 has no shade."
    yield matrix(f"{name}: similar sentences", caption, rows, numbers, cosines)


def meaning(tag: str) -> str:
    return GLOSSARY.get(tag, "")
