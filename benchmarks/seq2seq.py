"""Translating Multi30k from English to French: BLEU of the four kinds of attention after as many steps each, by the
length of the source; speed of training beside bare torch, and of decoding."""

import json
import os
import time
from typing import Any, Callable, Dict, List, NamedTuple, cast

import numpy as np
import spacy
import torch
import torch.nn.functional as F
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.util import load_config
from thinc.api import Adam, Config, fix_random_seed
from torch import nn

from spacy_fodl.models.extensions import TARGET, add_target_extension
from spacy_fodl.models.seq2seq import Batch, build_seq2seq_v1
from spacy_fodl.models.words import build_vocab_embed_v1, learn_words
from spacy_fodl.modules.seq2seq import EOS, Seq2Seq
from spacy_fodl.pipeline.seq2seq import FodlSeq2Seq
from spacy_fodl.training.seq2seq_scorer import score_texts

from .data import SHA256, multi30k
from .harness import RESULTS, ROOT, WORK, Options, chosen, run_job, run_jobs, write_result
from .training import timed, trained

TASK = "seq2seq"
DATA = [f"multi30k/{name}.{language}" for name in ("train", "val", "test_2016_flickr") for language in ("en", "fr")]
BEAM = 5
# What may be how far behind in that beam, on the development set; 0 is no threshold.
THRESHOLDS = [0, 4, 3, 2, 1]
# Upper bounds of the numbers of source tokens that are scored apart.
LENGTHS = [9, 12, 16, 1000]
ROUNDS = 7
# How long the kinds of attention are trained to be compared. A multiple of the steps between evaluations.
KIND_STEPS = 2400
JOEY = "joeynmt"
JOEY_DESCRIPTION = "JoeyNMT's recurrent network of the same size, trained as long"

Settings = Dict[str, Any]


def ours(name: str, **model: Any) -> Settings:
    """A config of this package with changes to its model."""
    config = load_config(ROOT / "configs" / name, interpolate=False)
    config["components"]["fodl_seq2seq"]["model"].update(model)
    return dict(config)


def kind(attention: str) -> Callable[[], Settings]:
    def config() -> Settings:
        config = ours("translate.cfg", attention=attention)
        config["training"]["max_steps"] = config["training"]["optimizer"]["learn_rate"]["total_steps"] = KIND_STEPS
        return config

    return config


class System(NamedTuple):
    description: str
    config: Callable[[], Settings]


SYSTEMS: Dict[str, System] = {
    "fodl": System("`configs/translate.cfg`, dot attention", lambda: ours("translate.cfg")),
    "additive": System(f"additive attention, {KIND_STEPS:,} steps", kind("additive")),
    "dot": System(f"dot attention, {KIND_STEPS:,} steps", kind("dot")),
    "static": System(f"static attention, {KIND_STEPS:,} steps", kind("static")),
    "none": System(f"no attention, {KIND_STEPS:,} steps", kind("none")),
    "book": System("the chapter's translator, `configs/translate_book.cfg`", lambda: ours("translate_book.cfg")),
}


def run(options: Options) -> None:
    folder = WORK / ("quick" if options.quick else "") / "multi30k"
    wanted = chosen(options, [*SYSTEMS, JOEY, "bridge"], on_cpu=[JOEY, "bridge"])
    if JOEY in wanted and not options.systems and "JOEYNMT_PYTHON" not in os.environ:
        wanted.remove(JOEY)
        print("JoeyNMT is left out: JOEYNMT_PYTHON doesn't say where it is. See benchmarks/joey.py.", flush=True)
    paths = multi30k(options.data, folder, limit=100 if options.quick else None)
    splits = {f"{split}_path": str(path) for split, path in paths.items()}
    jobs: Dict[str, List[Dict[str, Any]]] = {}
    for system in wanted:
        if system in SYSTEMS:
            steps = 20 if options.quick else 0
            job = {
                "module": __name__,
                "function": "train_translator",
                "system": system,
                "steps": steps,
                "kept": options.kept,
                **splits,
            }
            keep = WORK / ("quick" if options.quick else "") / "seq2seq"
            jobs[system] = [{**job, "seed": seed, "keep_in": str(keep / f"{system}_{seed}")} for seed in options.seeds]
    sums = {name: SHA256[name] for name in DATA}
    for system, runs in run_jobs(jobs, options):
        packages = ["sacrebleu", "sentencepiece"]
        print(write_result(TASK, system, SYSTEMS[system].description, sums, runs, options, packages), flush=True)
    if JOEY in wanted:
        translate = ours("translate.cfg")["components"]["fodl_seq2seq"]
        job = {
            "module": f"{__package__}.joey",
            "function": "train_joey",
            "paths": {split: str(path) for split, path in paths.items()},
            "budget": 45 if options.quick else seconds_of_ours(),
            "every": 1 if options.quick else 500,
            "beam": BEAM,
            "vocabulary": translate["target"]["size"],
            "width": translate["model"]["width"],
        }
        runs = [
            run_job({**job, "seed": seed, "folder": str(folder.parent / "joey" / str(seed))}) for seed in options.seeds
        ]
        print(write_result(TASK, JOEY, JOEY_DESCRIPTION, sums, runs, options, ["sacrebleu"]), flush=True)
    if "bridge" in wanted:
        rounds = 2 if options.quick else ROUNDS
        job = {"module": __name__, "function": "compare_bridge", "train_path": splits["train_path"], "rounds": rounds}
        description = "a translator over plain vectors of words in Thinc against the same network in a bare loop"
        print(write_result(TASK, "bridge", description, sums, run_job(job)["rounds"], options), flush=True)


def seconds_of_ours() -> float:
    """What configs/translate.cfg takes in seconds of processor time, by its result file.

    RAISES (SystemExit): If there is none of a training on a CPU.
    """
    path = RESULTS / TASK / "fodl.json"
    mean = json.loads(path.read_text(encoding="utf8"))["mean"] if path.is_file() else {}
    if "train_cpu_seconds" not in mean:
        raise SystemExit(f"{JOEY} is trained for as long as the system 'fodl' on a CPU: run that one there first.")
    return float(mean["train_cpu_seconds"])


def train_translator(
    system: str, seed: int, steps: int, keep_in: str, train_path: str, dev_path: str, test_path: str, kept: bool = False
) -> Dict[str, Any]:
    """The job of one system and seed: train, keep the model that is best on the development set, and score it once on
    the test set.

    RETURNS (Dict[str, Any]): BLEU and chrF as shares, greedy and with a beam, the latter also for sources of some
        lengths; sentences a second of processor time; seconds of training.
    """
    torch.set_num_threads(1)
    config = SYSTEMS[system].config()
    config["paths"].update({"train": train_path, "dev": dev_path})
    config["system"]["seed"] = seed
    # The beam is for the end: on the way the development set is translated greedily.
    config["components"]["fodl_seq2seq"]["beam_width"] = 1
    if steps:
        config["training"].update({"max_steps": steps, "eval_frequency": steps})
    nlp, costs = trained(Config(config), keep_in, kept)
    component = cast(FodlSeq2Seq, nlp.get_pipe("fodl_seq2seq"))
    figures: Dict[str, Any] = {"seed": seed, "steps": config["training"]["max_steps"]}
    for name, path in (("dev", dev_path), ("test", test_path)):
        for how, width in (("greedy", 1), ("beam", BEAM)):
            component.beam_width = width
            figures.update(tested(nlp, path, f"{name}_{how}"))
    for threshold in THRESHOLDS:
        component.beam_threshold = threshold
        found = tested(nlp, dev_path, f"threshold{threshold}")
        figures.update({key: value for key, value in found.items() if "_to" not in key})
    return {**figures, **costs}


def tested(nlp: Language, path: str, prefix: str) -> Dict[str, float]:
    gold = [example.reference for example in Corpus(path)(nlp)]
    cpu = time.process_time()
    docs = list(nlp.pipe(doc.text for doc in gold))
    cpu = time.process_time() - cpu
    examples = [Example(doc, reference) for doc, reference in zip(docs, gold)]
    scores = score_texts(examples)
    figures = {
        f"{prefix}_bleu_acc": scores["bleu"],
        f"{prefix}_chrf_acc": scores["chrf"],
        f"{prefix}_texts_per_second": len(examples) / cpu,
    }
    shortest = 0
    for longest in LENGTHS:
        part = [example for example in examples if shortest < len(example.predicted) <= longest]
        shortest = longest
        figures[f"{prefix}_to{longest}_bleu_acc"] = score_texts(part)["bleu"] if part else 0.0
    return figures


def compare_bridge(train_path: str, rounds: int, steps: int = 5) -> Dict[str, Any]:
    """The job of comparing a training step (forward, backward, Adam) of a translator as a Thinc model with the same
    network and the same embedding of source words in a bare torch loop, in turn, on the same batch."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    fix_random_seed(0)
    add_target_extension()
    examples = list(Corpus(train_path, limit=64)(spacy.blank("en")))
    docs = [example.predicted for example in examples]
    n_symbols, width = 6000, 256
    draw = np.random.default_rng(0)
    targets = [draw.integers(2, n_symbols, len(example.reference._.get(TARGET).split())) for example in examples]
    as_lists = [target.tolist() for target in targets]
    embed = build_vocab_embed_v1(width, 8000)
    learn_words(embed, docs)
    model = build_seq2seq_v1(embed, nO=n_symbols)
    model.initialize(X=docs[:10])
    thinc_optimizer = Adam(0.001, grad_clip=0.0, use_averages=False)

    def bridged() -> None:
        _, backprop = model.begin_update(Batch(docs, as_lists))
        backprop(1.0)
        model.finish_update(thinc_optimizer)

    bare = BareTranslator(docs, cast(Dict[str, Any], model.get_ref("network").shims[0].built_with))  # type: ignore[attr-defined]
    optimizer = torch.optim.Adam(bare.parameters(), lr=0.001)
    longest = max(map(len, targets)) + 1
    gold = torch.full((len(docs), longest), -1)
    for row, target in zip(gold, targets):
        row[: len(target)] = torch.from_numpy(target)
        row[len(target)] = EOS

    def alone() -> None:
        optimizer.zero_grad()
        bare(gold).backward()
        nn.utils.clip_grad_norm_(bare.parameters(), 1.0)
        optimizer.step()

    n_out = sum(map(len, targets)) + len(targets)
    figures = []
    for _ in range(rounds):
        seconds = {"thinc": timed(bridged, steps), "bare": timed(alone, steps)}
        speeds = {f"{name}_symbols_per_second": n_out / s for name, s in seconds.items()}
        figures.append({**speeds, "ratio": seconds["bare"] / seconds["thinc"]})
    return {"rounds": figures}


class BareTranslator(nn.Module):
    """The network with an embedding of source words in plain torch, and a batch of sources that stays."""

    def __init__(self, docs: List[Doc], arguments: Dict[str, Any]) -> None:
        super().__init__()
        ids: Dict[str, int] = {}
        rows = [[ids.setdefault(token.lower_, len(ids)) for token in doc] for doc in docs]
        self.words = nn.Embedding(len(ids), arguments["n_in"])
        self.network = Seq2Seq(**arguments)
        self.rows = torch.tensor([row for doc in rows for row in doc])
        self.lengths = torch.tensor([len(doc) for doc in rows])

    def forward(self, gold: torch.Tensor) -> torch.Tensor:
        source, state = self.network.encode(self.words(self.rows), self.lengths)
        features, _, _ = self.network.decode(F.pad(gold.clamp(min=0), (1, -1), value=EOS), source, state)
        there = gold >= 0
        return F.cross_entropy(self.network.output(features[there]), gold[there], label_smoothing=0.1)
