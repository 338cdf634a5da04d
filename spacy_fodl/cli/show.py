"""spacy fodl show: what a pipeline says of a text, as tables."""

from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import numpy as np
import spacy
import srsly
import typer
from spacy.cli._util import import_code
from spacy.glossary import GLOSSARY
from spacy.language import Language
from spacy.tokens import Doc
from wasabi import msg, table

from ..analysis.derivation import Derivation, step_rows
from ..analysis.sentences import sentence_similarities
from ..errors import Errors
from ..explain.parser import parser_derivations
from ..pipeline.parser import FodlParser
from ..pipeline.seq2seq import FodlSeq2Seq
from ..pipeline.skipthought import FodlSkipThought
from ..pipeline.tagger import FodlTagger
from ..pipeline.textcat import RecurrentCategorizer
from ..pipeline.trees import REPAIRS, TreeSymbols
from .code import CODE

Row = List[str]
SCORES = ["score", "value"]
# Of columns: longer cells push those to their right out of line, but most sentences fit.
MAX_WIDTH = 60
# From no weight to all of it.
SHADES = "·░▒▓█"


def show(
    model: str = typer.Argument(..., help="Package name or folder of a trained pipeline"),
    text: str = typer.Argument(..., help="The text to analyse"),
    scores: Optional[Path] = typer.Option(None, help="JSON file of `spacy evaluate --output` to print beside it"),
    output: Optional[Path] = typer.Option(None, "--output", "-o", help="Markdown file to write the report to"),
    steps: bool = typer.Option(False, "--steps", help="Print how a fodl_parser came to its trees, action by action"),
    code: Optional[Path] = CODE,
) -> None:
    """Analyse a text and print each token with its tag, the tag's probability, the next best tag and what the tag
    means, with its head and relation, the categories of the text with their scores, what was written for it with what
    the writer looked at, and of each sentence the one that is most like it."""
    try:
        import_code(code)
        nlp = spacy.load(model)
        for _, pipe in nlp.pipeline:
            if isinstance(pipe, FodlSeq2Seq):
                pipe.store_attention = True
            elif isinstance(pipe, FodlParser):
                pipe.store_probs = True
        accuracies = score_rows(read_scores(scores)) if scores else []
    except (OSError, ValueError) as e:
        msg.fail(str(e), exits=1)
    doc = nlp(text)
    shown = list(views(nlp, doc, derived(nlp, text) if steps else {}))
    if not shown:
        msg.fail(Errors.F301.format(model=model, pipes=", ".join(nlp.pipe_names) or "none"), exits=1)
    if accuracies:
        print(table(accuracies, header=SCORES, divider=True, max_col=MAX_WIDTH, aligns=("l", "r")))
    for _, (header, *rows) in shown:
        print(table(rows, header=header, divider=True, max_col=MAX_WIDTH))
    if output:
        parts = [f"# What {model} says"]
        if accuracies:
            parts += [
                f"Its scores ({scores}):",
                markdown([SCORES, *accuracies]),
            ]
        parts.append("> " + text.replace("\n", "\n> "))
        for caption, rows in shown:
            parts += [caption, markdown(rows)]
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text("\n\n".join(parts) + "\n", encoding="utf8")
        msg.good(f"Wrote {output}")


def views(nlp: Language, doc: Doc, found: Dict[str, List[Derivation]]) -> Iterator[Tuple[str, List[Row]]]:
    """For each component that can be shown a caption and a table with its header, and one for each derivation that was
    found."""
    for name, pipe in nlp.pipeline:
        if isinstance(pipe, FodlTagger):
            yield "Each tag with its probability, and the next best tag with its own.", tag_rows(nlp, name, doc)
        elif isinstance(pipe, FodlParser):
            yield "Each token with its relation to its head.", parse_rows(doc)
            tokens = [one_line(token.text) for token in doc]
            header = ["stack", "buffer", "action", "probability", "next best"]
            for derivation in found.get(name, ()):
                rows = [header, *step_rows(tokens, derivation)]
                yield "Each step: what is on the stack and in the buffer, and what is done.", rows
        elif isinstance(pipe, RecurrentCategorizer):
            scores = sorted(((doc.cats[label], label) for label in pipe.labels), reverse=True)
            rows = [[label, f"{score:.2f}"] for score, label in scores]
            yield "Each category with its score.", [["category", "score"], *rows]
        elif isinstance(pipe, FodlSeq2Seq):
            details = doc._.fodl_seq2seq
            rows = [[one["text"], f"{one['score']:.2f}"] for one in details["n_best"]]
            header = ["output", "score"]
            if doc.has_extension(REPAIRS) and doc._.get(REPAIRS) is not None:
                # Only the first was read as a tree.
                repairs = [str(doc._.get(REPAIRS)), *[""] * len(rows[1:])]
                header, rows = [*header, "repairs"], [[*row, n] for row, n in zip(rows, repairs)]
            yield "What was written, with its score.", [header, *rows]
            attention = details.get("attention")
            # A later component may have merged or split tokens.
            if attention is not None and attention.shape[1] == len(doc) + 1 and len(attention):
                caption = "What was looked at in writing each piece: of the source's tokens, and of its end."
                yield caption, attention_rows(doc, details["tokens"], details["attention"])
            if isinstance(pipe.target, TreeSymbols):
                yield "Each token with its relation to its head, as the output says.", parse_rows(doc)
        elif isinstance(pipe, FodlSkipThought):
            yield "Each sentence, and the other one whose vector is most similar.", similar_rows(doc)


def tag_rows(nlp: Language, name: str, doc: Doc) -> List[Row]:
    """A header and a row a token."""
    tagger = nlp.get_pipe(name)
    assert isinstance(tagger, FodlTagger)
    has_pos = any(token.pos_ for token in doc)
    rows = [["token", "tag", *(["pos"] if has_pos else []), "probability", "next best", "meaning"]]
    (probs,) = tagger.predict_proba([doc])
    for token, p in zip(doc, probs):
        order = p.argsort()[::-1]
        rival = f"{tagger.labels[order[1]]} {p[order[1]]:.2f}" if len(order) > 1 else ""
        # A later component may have set another tag.
        chosen = f"{p[tagger.labels.index(token.tag_)]:.2f}" if token.tag_ in tagger.labels else "-"
        pos = [token.pos_] if has_pos else []
        rows.append([one_line(token.text), token.tag_, *pos, chosen, rival, GLOSSARY.get(token.tag_, "")])
    return rows


def attention_rows(doc: Doc, written: List[str], attention: np.ndarray) -> List[Row]:
    """A header with the tokens of the source, and a row a symbol: the darker, the more weight."""
    rows = [["", *(one_line(token.text) for token in doc), "(end)"]]
    for symbol, weights in zip(written, attention):
        places = (weights * len(SHADES)).astype(int).clip(max=len(SHADES) - 1)
        rows.append([one_line(symbol), *(SHADES[place] * 2 for place in places)])
    return rows


def derived(nlp: Language, text: str) -> Dict[str, List[Derivation]]:
    """How each parser comes to its trees, on what the components before it leave."""
    found = {}
    doc = nlp.make_doc(text)
    for name, pipe in nlp.pipeline:
        if isinstance(pipe, FodlParser) and any(not token.is_space for token in doc):
            found[name] = parser_derivations(pipe, doc)
        doc = pipe(doc)
    return found


def similar_rows(doc: Doc) -> List[Row]:
    """A header and a row a sentence."""
    rows = [["sentence", "most like it", "similarity"]]
    sentences, cosines = sentence_similarities(doc)
    if len(sentences) < 2:
        return [*rows, *([one_line(sentence.text.strip()), "-", "-"] for sentence in sentences)]
    np.fill_diagonal(cosines, -2)
    for sentence, its in zip(sentences, cosines):
        nearest = sentences[its.argmax()]
        rows.append([one_line(sentence.text.strip()), one_line(nearest.text.strip()), f"{its.max():.2f}"])
    return rows


def parse_rows(doc: Doc) -> List[Row]:
    """A header and a row a token."""
    has_probs = doc.has_extension("fodl_head_probs") and doc._.fodl_head_probs is not None
    rows = [["token", "relation", "head", *(["probability"] if has_probs else []), "meaning"]]
    for token in doc:
        head = "" if token.head.i == token.i else one_line(token.head.text)
        # The glossary knows relations, but few of their subtypes, such as "acl:relcl".
        meaning = GLOSSARY.get(token.dep_) or GLOSSARY.get(token.dep_.split(":")[0], "")
        # None where a later component has merged or split tokens.
        value = token._.fodl_head_prob if has_probs else None
        prob = ["-" if value is None else f"{value:.2f}"] if has_probs else []
        rows.append([one_line(token.text), token.dep_, head, *prob, meaning])
    return rows


def one_line(text: str) -> str:
    return text.replace("\n", "⏎")


def read_scores(path: Path) -> Dict[str, Any]:
    scores = srsly.read_json(path)
    if not isinstance(scores, dict):
        raise ValueError(Errors.F306.format(path=path))
    return scores


def score_rows(scores: Dict[str, Any]) -> List[Row]:
    named = {
        "token_acc": "tokens",
        "tag_acc": "tags",
        "pos_acc": "parts of speech",
        "dep_uas": "heads, without punctuation",
        "dep_las": "heads and relations, without punctuation",
        "sents_f": "sentences, F",
        "cats_macro_f": "categories, macro F",
        "bleu": "BLEU",
        "chrf": "chrF",
        "thought_acc": "words of neighbours",
    }
    # With --per-component the scores are those of the components.
    for its_scores in [value for value in scores.values() if isinstance(value, dict)]:
        scores = {**its_scores, **scores}
    rows = [[title, f"{100 * scores[key]:.2f} %"] for key, title in named.items() if scores.get(key) is not None]
    if scores.get("speed"):
        rows.append(["speed", f"{scores['speed']:,.0f} words/s"])
    return rows


def markdown(rows: List[Row]) -> str:
    header, *body = rows
    lines = [header, ["---"] * len(header), *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
