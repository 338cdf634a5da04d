"""spacy fodl show: what a pipeline says of a text, as a table."""

from pathlib import Path
from typing import List, Optional

import spacy
import srsly
import typer
from spacy.language import Language
from spacy.tokens import Doc
from wasabi import msg, table

from ..errors import Errors
from ..pipeline.tagger import FodlTagger

HEADER = ("token", "tag", "probability", "next best", "meaning")


def show(
    model: str = typer.Argument(..., help="Package name or folder of a trained pipeline"),
    text: str = typer.Argument(..., help="The text to analyse"),
    scores: Optional[Path] = typer.Option(None, help="JSON file of `spacy evaluate --output` to print beside it"),
    output: Optional[Path] = typer.Option(None, "--output", "-o", help="Markdown file to write the report to"),
) -> None:
    """Tag a text and print each token with its tag, the tag's probability, the next best tag and what the tag means."""
    nlp = spacy.load(model)
    names = [name for name, pipe in nlp.pipeline if isinstance(pipe, FodlTagger)]
    if not names:
        msg.fail(Errors.F301.format(model=model, pipes=", ".join(nlp.pipe_names) or "none"), exits=1)
    accuracies = score_rows(srsly.read_json(scores)) if scores else []
    doc = nlp(text)
    rows = tag_rows(nlp, names[0], doc)
    if accuracies:
        print(table(accuracies, header=("score", "value"), divider=True, aligns=("l", "r")))
    print(table(rows, header=HEADER, divider=True, aligns=("l", "l", "r", "l", "l")))
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        parts = [f"# {model}", f"> {text}", markdown(rows, HEADER)]
        if accuracies:
            parts.insert(1, markdown(accuracies, ("score", "value")))
        output.write_text("\n\n".join(parts) + "\n", encoding="utf8")
        msg.good(f"Wrote {output}")


def tag_rows(nlp: Language, name: str, doc: Doc) -> List[List[str]]:
    tagger = nlp.get_pipe(name)
    assert isinstance(tagger, FodlTagger)
    (probs,) = tagger.predict_proba([doc])
    rows = []
    for token, p in zip(doc, probs):
        order = p.argsort()[::-1]
        rival = f"{tagger.labels[order[1]]} {p[order[1]]:.2f}" if len(order) > 1 else ""
        chosen = tagger.labels.index(token.tag_) if token.tag_ in tagger.labels else order[0]
        rows.append([token.text, token.tag_, f"{p[chosen]:.2f}", rival, spacy.explain(token.tag_) or ""])
    return rows


def score_rows(scores: dict) -> List[List[str]]:
    named = {"token_acc": "tokenization", "tag_acc": "tags", "pos_acc": "parts of speech"}
    rows = [[title, f"{100 * scores[key]:.2f} %"] for key, title in named.items() if scores.get(key) is not None]
    if scores.get("speed"):
        rows.append(["speed", f"{scores['speed']:,.0f} words/s"])
    return rows


def markdown(rows: List[List[str]], header: tuple) -> str:
    lines = [list(header), ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
