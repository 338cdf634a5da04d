"""spacy fodl calibrate: make the probabilities of a parser's heads true."""

from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, cast

import numpy as np
import spacy
import srsly
import typer
from spacy.cli._util import import_code, setup_gpu
from spacy.language import Language
from spacy.training import Corpus, Example
from spacy.util import minibatch
from wasabi import msg, table

from ..analysis.calibration import ArcEvidence, Reliability, fit_temperature, head_probs, reliability
from ..analysis.plots import plot_reliability
from ..errors import Errors
from ..pipeline.parser import MISSING, FodlParser
from .code import CODE

BATCH = 128
# Of fewer words a calibration error is mostly chance.
FEW_WORDS = 1000
PLOTS = (".png", ".svg", ".pdf")
NO_WORD = -1


def calibrate(
    model: str = typer.Argument(..., help="Package name or folder of a trained pipeline with a fodl_parser"),
    data: Path = typer.Argument(..., help=".spacy file with gold trees that it was not trained on"),
    component: Optional[str] = typer.Option(None, help="Name of the parser, if there are several"),
    beam_width: Optional[int] = typer.Option(None, help="Hypotheses a sentence; if not as in the pipeline, kept there"),
    gold_preproc: bool = typer.Option(False, "--gold-preproc", "-G", help="Parse gold sentences and tokens"),
    output: Optional[Path] = typer.Option(None, "--output", "-o", help="Folder for the pipeline; if not, its own"),
    json: Optional[Path] = typer.Option(None, help="JSON file for the numbers"),
    plot: Optional[Path] = typer.Option(None, "--plot", "-p", help="Reliability diagram to draw, .png, .svg or .pdf"),
    code: Optional[Path] = CODE,
    use_gpu: int = typer.Option(-1, "--gpu-id", "-g", help="GPU ID or -1 for CPU"),
) -> None:
    """Fit one temperature, by which the scores of trees are divided before they become probabilities, and store it in
    the pipeline. Prints how far probabilities of heads and their accuracy are apart, before and after, among the words
    whose gold heads are known: a word that is no token counts for nothing."""
    try:
        import_code(code)
        setup_gpu(use_gpu, silent=True)
        nlp = spacy.load(model)
        folder = output or Path(model)
        if not output and not folder.is_dir():
            raise ValueError(Errors.F310.format(model=model))
        name = parser_name(nlp, model, component)
        parser = cast(FodlParser, nlp.get_pipe(name))
        if beam_width is not None:
            parser.beam_width = beam_width
            nlp.get_pipe_config(name)["beam_width"] = beam_width
        if parser.beam_width == 1:
            raise ValueError(Errors.F311.format(component=name))
        if not data.is_file():
            raise ValueError(Errors.F401.format(path=data))
        if data.suffix != ".spacy":
            raise ValueError(Errors.F309.format(path=data))
        if plot and plot.suffix.lower() not in PLOTS:
            raise ValueError(
                Errors.F509.format(argument="--plot", value=str(plot), expected=f"named {' or '.join(PLOTS)}")
            )
        examples = list(Corpus(data, gold_preproc=gold_preproc)(nlp))
        if gold_preproc:
            give_sentences(examples)
        evidence = arc_evidence(nlp, parser, examples)
        if not len(evidence.correct):
            raise ValueError(Errors.F304.format(path=data, what="gold trees (token.head and token.dep)"))
        before, temperature = parser.temperature, fit_temperature(evidence)
        found = {
            when: reliability(head_probs(evidence, value), evidence.correct)
            for when, value in (("before", before), ("after", temperature))
        }
        if not 0.01 < temperature < 100:
            msg.warn(f"The temperature {temperature:.3f} is extreme: is there enough data, and is some of it wrong?")
        if len(evidence.correct) < FEW_WORDS:
            msg.warn(f"A temperature fitted to {len(evidence.correct):,} words is not much of a measurement.")
        # What a missing library makes fail comes first: the pipeline is unchanged then.
        report(found, {"before": before, "after": temperature}, evidence, json, plot)
        parser.temperature = temperature
        folder.parent.mkdir(parents=True, exist_ok=True)
        nlp.to_disk(folder)
        msg.good(f"Stored the temperature {temperature:.3f} in {folder}")
    except (ImportError, OSError, ValueError) as e:
        msg.fail(str(e), exits=1)


def give_sentences(examples: List[Example]) -> None:
    """Set the sentence starts of gold documents, where there are any, in predicted ones with the same tokens."""
    for example in examples:
        if example.reference.has_annotation("SENT_START"):
            for token, gold in zip(example.predicted, example.reference):
                token.is_sent_start = gold.is_sent_start


def parser_name(nlp: Language, model: str, wanted: Optional[str]) -> str:
    """RAISES (ValueError): If no parser has the wanted name, or none is wanted and there are none or several."""
    names = [name for name, pipe in nlp.pipeline if isinstance(pipe, FodlParser)]
    if wanted is None and len(names) > 1:
        raise ValueError(Errors.F313.format(model=model, parsers=", ".join(names)))
    if not names or wanted not in (None, *names):
        what = "fodl_parser" if wanted is None else f"fodl_parser named '{wanted}'"
        raise ValueError(Errors.F312.format(model=model, what=what, pipes=", ".join(nlp.pipe_names) or "none"))
    return wanted or names[0]


def arc_evidence(nlp: Language, parser: FodlParser, examples: List[Example]) -> ArcEvidence:
    """What the beams say of each word with a gold head, white space aside.

    nlp (Language): The pipeline; what stands before the parser is run first.
    parser (FodlParser): Its parser.
    examples (List[Example]): The examples.
    RETURNS (ArcEvidence): Of all their words.
    """
    parts: List[Tuple[np.ndarray, ...]] = []
    n_stretches = n_words = 0
    for batch in minibatch(examples, BATCH):
        docs = [example.predicted for example in batch]
        for _, pipe in nlp.pipeline:
            if pipe is parser:
                break
            docs = list(pipe.pipe(docs) if hasattr(pipe, "pipe") else map(pipe, docs))
        for example, doc, beam in zip(batch, docs, parser.beams(docs)):
            aligned = zip(*example.get_aligned_parse(projectivize=False))
            gold = np.array([head if dep and head is not None else MISSING for head, dep in aligned], dtype="int64")
            counts = (gold != MISSING) & np.array([not token.is_space for token in doc], dtype=bool)
            which = np.searchsorted(beam.bounds, np.arange(len(doc)), side="right") - 1 + n_stretches
            n_stretches += beam.scores.shape[1]
            agrees, correct = beam.heads == beam.heads[0], beam.heads[0] == gold
            number = np.append(np.where(counts, n_words + counts.cumsum() - 1, NO_WORD), NO_WORD)
            n_words += int(counts.sum())
            cut_words = number[beam.cut_tokens]
            parts.append((beam.scores, which[counts], agrees[:, counts], correct[counts], cut_words, beam.cut_odds))
    nothing = np.zeros((parser.beam_width, 0))
    empty = (nothing, nothing[0], nothing, nothing[0], np.zeros((0, 2)), nothing[0])
    scores, stretches, agrees, correct, cut_words, odds = zip(*(parts or [empty]))
    words = np.concatenate(cut_words).astype("int64")
    return ArcEvidence(
        np.concatenate(scores, axis=1),
        np.concatenate(stretches).astype("int64"),
        np.concatenate(agrees, axis=1).astype(bool),
        np.concatenate(correct).astype(bool),
        np.where(words == NO_WORD, n_words, words),
        np.concatenate(odds),
    )


def report(
    found: Dict[str, Reliability],
    temperatures: Dict[str, float],
    evidence: ArcEvidence,
    json: Optional[Path],
    plot: Optional[Path],
) -> None:
    accuracy = evidence.correct.mean()
    rows = [
        [
            name,
            f"{len(evidence.correct):,}",
            f"{temperatures[name]:.3f}",
            f"{confidence_of(one):.2%}",
            f"{accuracy:.2%}",
            f"{one.error:.2%}",
        ]
        for name, one in found.items()
    ]
    header = ["", "words", "temperature", "mean probability", "accuracy of heads", "calibration error"]
    print(table(rows, header=header, divider=True, aligns=("l", "r", "r", "r", "r", "r")))
    if json:
        figures: Dict[str, Any] = {"words": len(evidence.correct), "accuracy": float(accuracy)}
        for name, one in found.items():
            bins = {key: value.tolist() for key, value in one._asdict().items()}
            figures[name] = {"temperature": temperatures[name], "expected_calibration_error": one.error, **bins}
        json.parent.mkdir(parents=True, exist_ok=True)
        srsly.write_json(json, figures)
        msg.good(f"Wrote {json}")
    if plot:
        plot.parent.mkdir(parents=True, exist_ok=True)
        plot_reliability(found).savefig(plot, dpi=80)
        msg.good(f"Wrote {plot}")


def confidence_of(found: Reliability) -> float:
    return float((found.counts * found.confidence).sum() / found.counts.sum())
