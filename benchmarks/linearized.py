"""Parsing UD English-EWT by writing trees as texts: accuracy, malformed trees and time beside the transition parser, on
the test sentences of up to 30 tokens."""

import time
from pathlib import Path
from typing import Any, Dict, List, cast

import spacy
import torch
from spacy.language import Language
from spacy.util import load_config
from thinc.api import Config

from spacy_fodl.pipeline.seq2seq import FodlSeq2Seq
from spacy_fodl.pipeline.trees import TreeSymbols

from .data import checked, checksums
from .harness import ROOT, WORK, Job, Options, chosen, run_jobs, write_result
from .parser import DATA, INPUTS, SPLITS, corpus, read, scores, train_parser
from .training import trained

TASK = "linearized"
LONGEST = 30
DESCRIPTIONS = {
    "fodl_seq2seq": "`fodl_seq2seq`, `configs/parse_seq2seq.cfg`",
    "fodl_parser": "`fodl_parser`, `configs/parser.cfg`",
}


def run(options: Options) -> None:
    paths = {split: str(checked(options.data, name)) for split, name in zip(SPLITS, DATA)}
    jobs = {system: jobs_of(system, paths, options) for system in chosen(options, list(DESCRIPTIONS))}
    for system, runs in run_jobs(jobs, options):
        description = f"{DESCRIPTIONS[system]}; {INPUTS['gold'].description}"
        print(write_result(TASK, system, description, checksums(options.data, DATA), runs, options), flush=True)


def jobs_of(system: str, paths: Dict[str, str], options: Options) -> List[Job]:
    function = "train_writer" if system == "fodl_seq2seq" else "train_reader"
    folder = WORK / ("quick" if options.quick else "") / TASK
    job = {"module": __name__, "function": function, "paths": paths, "quick": options.quick, "kept": options.kept}
    return [{**job, "seed": seed, "keep_in": str(folder / f"{system}_{seed}")} for seed in options.seeds]


def train_writer(paths: Dict[str, str], quick: bool, seed: int, keep_in: str, kept: bool = False) -> Dict[str, Any]:
    """The job of the component that writes trees: train, and test it with its constraint and without."""
    torch.set_num_threads(1)
    config = dict(load_config(ROOT / "configs" / "parse_seq2seq.cfg", interpolate=False))
    limit = 30 if quick else 0
    for split in ("train", "dev"):
        its = corpus(paths[split], "gold", limit)
        config["corpora"][split] = {"@readers": "spacy_fodl.TreeTargets.v1", "corpus": its}
    config["system"]["seed"] = seed
    if quick:
        config["training"].update({"max_steps": 20, "eval_frequency": 20})
    nlp, costs = trained(Config(config), keep_in, kept)
    component = cast(FodlSeq2Seq, nlp.get_pipe("fodl_seq2seq"))
    figures: Dict[str, Any] = {"seed": seed, "steps": config["training"]["max_steps"]}
    for name, width, constrained in (("greedy", 1, True), ("beam", component.beam_width, True), ("free", 1, False)):
        component.beam_width = width
        cast(TreeSymbols, component.target).constrained = constrained
        figures.update(tested(nlp, paths["test"], limit, name))
    return {**figures, **costs}


def train_reader(paths: Dict[str, str], quick: bool, seed: int, keep_in: str, kept: bool = False) -> Dict[str, Any]:
    """The job of the transition parser: train it as the parser benchmark does, and test it on the same sentences."""
    steps, limit = (20, 30) if quick else (4500, 0)
    found = train_parser("scratch", "gold", paths, seed, steps, limit, keep_in, kept)
    nlp = spacy.load(Path(keep_in))
    # What it cost. Its scores are of other sentences.
    costs = {name: value for name, value in found.items() if name in ("seed", "steps", "model_mib") or "train" in name}
    figures: Dict[str, Any] = dict(costs)
    for name, width in (("greedy", 1), ("beam", 8)):
        nlp.get_pipe("fodl_parser").beam_width = width  # type: ignore[attr-defined]
        figures.update(tested(nlp, paths["test"], limit, name))
    return figures


def tested(nlp: Language, path: str, limit: int, prefix: str) -> Dict[str, float]:
    """Attachment scores and the share of malformed trees as shares, and words per second of processor time."""
    examples = [one for one in read(nlp, path, "gold", limit) if len(one.predicted) <= LONGEST]
    cpu = time.process_time()
    docs = list(nlp.pipe(example.predicted for example in examples))
    cpu = time.process_time() - cpu
    figures = {f"{prefix}_{key}": value for key, value in scores(examples).items()}
    if "fodl_seq2seq" in nlp.pipe_names:
        figures[f"{prefix}_malformed_acc"] = sum(doc._.fodl_repairs > 0 for doc in docs) / len(docs)
    return {**figures, f"{prefix}_words_per_second": round(sum(map(len, docs)) / cpu)}
