"""Parsing UD English-EWT: accuracy beside spaCy's parser, with gold sentences, without them, and on raw text; what
beams and global training bring; how true probabilities are; speed and memory."""

import itertools
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Tuple, Union, cast

import torch
from spacy.cli.init_config import init_config
from spacy.language import Language
from spacy.pipeline.dep_parser import parser_score
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.batchers import minibatch_by_words
from spacy.training.initialize import init_nlp
from spacy.util import load_config, registry
from thinc.api import Config

from spacy_fodl.analysis.calibration import fit_temperature, head_probs, reliability
from spacy_fodl.cli.calibrate import arc_evidence
from spacy_fodl.pipeline.parser import FodlParser
from spacy_fodl.training.conllu import make_conllu_corpus_v1

from .data import checked, checksums, glove, glove_checksum
from .harness import ROOT, WORK, Options, chosen, memory_now, peak_memory, run_job, run_jobs, write_result
from .training import trained
from .udpipe import TAGGER_ITERATIONS

TASK = "parser"
SPLITS = ["train", "dev", "test"]
DATA = [f"ud_english_ewt/en_ewt-ud-{split}.conllu" for split in SPLITS]
# Divides all numbers of steps, so that what training ends with is a candidate too.
EVAL_STEPS = 500
ROUNDS = 7
# Documents parsed at once where speeds are compared: spaCy's default.
BATCH_SIZE = 1000
VECTOR_WIDTH = 50
WITH_VECTORS = ["fodl", "local", "spacy_vectors", "spacy_encoder"]
# The beam of configs/parser.cfg, and those that are tried with what it made.
BEAM = 8
BEAMS = [1, 2, 4, 8, 16, 32]
STREAM_WORDS = 1_000_000
LENGTHS = [100, 1000, 10000, 50000]
# Sentences a document where the parser has to find them.
N_SENTS = 10
# What parsers are trained on. Those that have to find the sentences are tested on raw text too, as users run them.
TRAINED = ["gold", "joint"]

Settings = Dict[str, Any]


class Input(NamedTuple):
    """What a parser is given."""

    description: str
    n_sents: int
    sent_starts: bool
    from_text: bool


INPUTS = {
    "gold": Input("gold tokens and sentences", 1, True, False),
    "joint": Input(f"gold tokens, {N_SENTS} sentences a document", N_SENTS, False, False),
    "raw": Input("raw text", N_SENTS, False, True),
}


def ours(name: str) -> Settings:
    return dict(load_config(ROOT / "configs" / name, interpolate=False))


def with_vectors() -> Settings:
    """configs/parser.cfg with GloVe vectors beside its other embeddings, as its head says."""
    config = ours("parser.cfg")
    config["paths"]["vectors"] = str(glove())
    tok2vec = config["components"]["fodl_parser"]["model"]["tok2vec"]
    tok2vec["embed"]["*"]["vectors"] = {"@architectures": "spacy_fodl.StaticEmbed.v1"}
    tok2vec["encode"]["nI"] += VECTOR_WIDTH
    return config


def local() -> Settings:
    """The same, trained locally and decoded greedily."""
    config = with_vectors()
    config["components"]["fodl_parser"].update({"normalization": "local", "beam_width": 1})
    return config


def spacy_parser(component: str = "parser") -> Settings:
    """What `spacy init config --pipeline parser` writes, with averaged weights, which improve it. How long it is
    trained and on how many words at once is set as for the others."""
    config = Config(init_config(lang="en", pipeline=["parser"], silent=True))
    config["training"]["optimizer"]["use_averages"] = True
    config["components"]["parser"]["factory"] = component
    return dict(config)


def spacy_vectors() -> Settings:
    """The same with GloVe vectors."""
    config = spacy_parser()
    config["paths"]["vectors"] = str(glove())
    config["components"]["tok2vec"]["model"]["embed"]["include_static_vectors"] = True
    return config


def spacy_encoder() -> Settings:
    """spaCy's parser on the tok2vec of with_vectors."""
    config, mine = spacy_parser(), with_vectors()
    config["paths"]["vectors"] = mine["paths"]["vectors"]
    tok2vec = mine["components"]["fodl_parser"]["model"]["tok2vec"]
    config["components"]["tok2vec"]["model"] = tok2vec
    width = tok2vec["encode"]["width"]
    # What the word embeddings of this package need in a component of spaCy's.
    config["initialize"]["before_init"] = {"@callbacks": "spacy_fodl.count_words.v1", "corpus": "${corpora.train}"}
    config["components"]["parser"]["model"]["tok2vec"]["width"] = width
    config["training"]["dropout"] = mine["training"]["dropout"]
    # But for the clipping, which spaCy's parser has by default.
    config["training"]["optimizer"] = {**mine["training"]["optimizer"], "grad_clip": 1.0}
    return config


class System(NamedTuple):
    description: str
    config: Callable[[], Settings]
    steps: int
    batch_words: int


SYSTEMS: Dict[str, System] = {
    "fodl": System("`fodl_parser`, `configs/parser.cfg` with GloVe vectors", with_vectors, 4500, 1500),
    "local": System(
        "`fodl_parser`, `configs/parser.cfg` with GloVe vectors, trained locally, greedy", local, 4500, 1500
    ),
    "scratch": System("`fodl_parser`, `configs/parser.cfg`", lambda: ours("parser.cfg"), 4500, 1500),
    "fast": System("`fodl_parser`, `configs/parser_fast.cfg`", lambda: ours("parser_fast.cfg"), 6000, 1000),
    "syntaxnet": System(
        "`fodl_tagger` and `fodl_parser`, `configs/parser_syntaxnet.cfg`",
        lambda: ours("parser_syntaxnet.cfg"),
        6000,
        1000,
    ),
    "spacy": System("spaCy's `parser`, the model that `init config` writes", spacy_parser, 6000, 1000),
    "spacy_vectors": System("spaCy's `parser`, that model with GloVe vectors", spacy_vectors, 6000, 1000),
    "spacy_encoder": System(
        "spaCy's `parser` on the encoder of `configs/parser.cfg`, with GloVe vectors", spacy_encoder, 4500, 1500
    ),
    # Its steps take so long that 6,000 would be hours: these are two thirds of the time of "fodl".
    "spacy_beam": System("spaCy's `beam_parser`, 1,500 steps", lambda: spacy_parser("beam_parser"), 1500, 1000),
}
UDPIPE = "udpipe_gold"
DIFFERENCES = "differences"
# Which systems the paired bootstrap compares, and with which beams.
PAIRS = [
    [["fodl_gold", BEAM], ["local_gold", BEAM]],
    [["local_gold", BEAM], ["local_gold", 1]],
    [["fodl_gold", BEAM], ["spacy_gold", 1]],
    [["local_gold", 1], ["spacy_vectors_gold", 1]],
    [["local_gold", 1], ["spacy_encoder_gold", 1]],
    [["fast_gold", 1], ["spacy_gold", 1]],
    [["fast_gold", BEAM], ["spacy_gold", 1]],
]
COMPARISONS = {
    "speed": ("`configs/parser_fast.cfg` against spaCy's `parser`", "compare_speed"),
    "speed_beam": (f"the same, both with a beam of {BEAM}", "compare_speed"),
    "long": ("single documents, `configs/parser_fast.cfg`", "measure_long"),
    "stream": (
        f"many documents one after the other, `configs/parser_fast.cfg` with a beam of {BEAM}",
        "measure_stream",
    ),
}


def run(options: Options) -> None:
    paths = {split: str(checked(options.data, name)) for split, name in zip(SPLITS, DATA)}
    sums = checksums(options.data, DATA)
    known = [f"{system}_{name}" for system in SYSTEMS for name in TRAINED]
    on_cpu = [UDPIPE, *COMPARISONS, DIFFERENCES]
    wanted = chosen(options, [*known, *on_cpu], on_cpu)
    jobs = {name: trainings(name, paths, options) for name in wanted if name in known}
    for name, runs in run_jobs(jobs, options):
        system, _, given = name.rpartition("_")
        description = f"{SYSTEMS[system].description}; {INPUTS[given].description}"
        used = {**sums, **glove_checksum()} if system in WITH_VECTORS else sums
        print(write_result(TASK, name, description, used, runs, options), flush=True)
    if UDPIPE in wanted:
        limit, iterations = (30, 1) if options.quick else (0, 10)
        module = f"{__package__}.udpipe"
        job = {"module": module, "function": "train_udpipe", "paths": paths, "limit": limit, "iterations": iterations}
        job["keep_in"] = str(WORK / ("quick" if options.quick else "") / "parser" / "udpipe.model")
        description = f"UDPipe 1, its tagger ({TAGGER_ITERATIONS} iterations) and parser; {INPUTS['gold'].description}"
        print(write_result(TASK, UDPIPE, description, sums, [run_job(job)], options, ["ufal.udpipe"]), flush=True)
    if DIFFERENCES in wanted:
        module, limit = f"{__package__}.significance", 30 if options.quick else 0
        job = {"module": module, "function": "compare_models", "test_path": paths["test"], "limit": limit}
        rounds = run_job({**job, "models": str(models_folder(options)), "pairs": PAIRS})["rounds"]
        if rounds:
            description = "paired bootstrap over the sentences of the test set, of the models that were kept"
            compared = {
                run[which].partition(", ")[0].rpartition("_")[0] for run in rounds for which in ("first", "second")
            }
            used = {**sums, **glove_checksum()} if compared & set(WITH_VECTORS) else sums
            print(write_result(TASK, DIFFERENCES, description, used, rounds, options), flush=True)
    for name in wanted:
        if name in COMPARISONS:
            description, function = COMPARISONS[name]
            job = {"module": __name__, "function": function, "paths": paths, **comparison(name, options.quick)}
            print(write_result(TASK, name, description, sums, run_job(job)["rounds"], options), flush=True)


def comparison(name: str, quick: bool) -> Dict[str, Any]:
    """The arguments of a comparison."""
    warm_up = 2 if quick else 100
    if name == "long":
        return {"lengths": [20, 200] if quick else LENGTHS, "warm_up": warm_up}
    if name == "stream":
        return {"n_words": 2000 if quick else STREAM_WORDS, "warm_up": warm_up}
    rounds, limit = (2, 200) if quick else (ROUNDS, 2000)
    return {"rounds": rounds, "warm_up": warm_up, "limit": limit, "width": BEAM if name == "speed_beam" else 1}


def models_folder(options: Options) -> Path:
    return WORK / ("quick" if options.quick else "") / "parser" / "models"


def trainings(name: str, paths: Dict[str, str], options: Options) -> List[Dict[str, Any]]:
    system, _, given = name.rpartition("_")
    return [
        {
            "module": __name__,
            "function": "train_parser",
            "system": system,
            "given": given,
            "paths": paths,
            "seed": seed,
            "steps": 10 if options.quick else SYSTEMS[system].steps,
            "limit": 30 if options.quick else 0,
            "keep_in": str(models_folder(options) / f"{name}_{seed}"),
            "kept": options.kept,
        }
        for seed in options.seeds
    ]


def corpus(path: str, given: str, limit: int = 0) -> Settings:
    """The block of a config that reads a treebank."""
    n_sents, sent_starts, from_text = INPUTS[given][1:]
    block = {"@readers": "spacy_fodl.ConlluCorpus.v1", "path": path, "n_sents": n_sents, "limit": limit}
    if from_text:
        return {"@readers": "spacy_fodl_benchmarks.AsText.v1", "corpus": {**block, "sent_starts": False}}
    return {**block, "sent_starts": sent_starts}


@registry.readers("spacy_fodl_benchmarks.AsText.v1")
def make_as_text(corpus: Callable[[Language], Iterable[Example]]) -> Callable[[Language], Iterable[Example]]:
    """The documents of a corpus as a pipeline meets them: from their text, cut by its tokenizer."""

    def read(nlp: Language) -> Iterable[Example]:
        for example in corpus(nlp):
            yield Example(nlp.make_doc(example.reference.text), example.reference)

    return read


def train_parser(
    system: str, given: str, paths: Dict[str, str], seed: int, steps: int, limit: int, keep_in: str, kept: bool = False
) -> Dict[str, Any]:
    """The job of one system, kind of input and seed: train, keep the model that is best on the development set, and
    score it once on the test set (those of ours that are trained locally with a beam too).

    RETURNS (Dict[str, Any]): Attachment scores as shares, with punctuation counted (las, uas) and not (as spaCy
        counts); the F-score of sentences; words per second of processor time in parsing; seconds of training.
    """
    torch.set_num_threads(1)
    config = SYSTEMS[system].config()
    for split in ("train", "dev"):
        config["corpora"][split] = corpus(paths[split], given, limit)
    config["system"]["seed"] = seed
    config["training"].update({"max_steps": steps, "max_epochs": 0, "patience": 0, "eval_frequency": EVAL_STEPS})
    config["training"]["batcher"]["size"] = SYSTEMS[system].batch_words
    component = config["components"].get("fodl_parser", {})
    if limit and "local_steps" in component:
        component["local_steps"] = min(component["local_steps"], steps // 2)
        component["explore_after"] = min(component["explore_after"], steps // 4)
    best, costs = trained(Config(config), keep_in, kept)
    figures: Dict[str, Any] = {"seed": seed, "steps": steps}
    tests = {"dev": (paths["dev"], given), "test": (paths["test"], given)}
    if given == "joint":
        tests["raw_test"] = (paths["test"], "raw")
    for name, (path, its_input) in tests.items():
        figures.update(tested(best, path, its_input, limit, name))
    if component.get("normalization") == "local":
        best.get_pipe("fodl_parser").beam_width = BEAM  # type: ignore[attr-defined]
        for name, (path, its_input) in tests.items():
            figures.update(tested(best, path, its_input, limit, f"beam_{name}"))
    elif component.get("normalization") == "global":
        parser = best.get_pipe("fodl_parser")
        for width in BEAMS:
            parser.beam_width = width  # type: ignore[attr-defined]
            figures.update(tested(best, paths["dev"], given, limit, f"beam{width}_dev"))
        parser.beam_width = BEAM  # type: ignore[attr-defined]
        figures.update(calibrated(best, paths, given, limit))
    return {**figures, **costs}


def read(nlp: Language, path: str, given: str, limit: int) -> List[Example]:
    return list(registry.resolve({"reader": corpus(path, given, limit)})["reader"](nlp))


def tested(nlp: Language, path: str, given: str, limit: int, prefix: str) -> Dict[str, float]:
    """Scores and words per second of processor time on a treebank."""
    examples = read(nlp, path, given, limit)
    cpu = time.process_time()
    for _ in nlp.pipe(example.predicted for example in examples):
        pass
    cpu = time.process_time() - cpu
    n_words = sum(len(example.predicted) for example in examples)
    figures = {f"{prefix}_{key}": value for key, value in scores(examples).items()}
    return {**figures, f"{prefix}_words_per_second": round(n_words / cpu)}


def calibrated(nlp: Language, paths: Dict[str, str], given: str, limit: int) -> Dict[str, float]:
    """Fit the temperature on the development set, and measure on the test set how true probabilities of heads are
    without and with it."""
    parser = cast(FodlParser, nlp.get_pipe("fodl_parser"))
    evidence = {split: arc_evidence(nlp, parser, read(nlp, paths[split], given, limit)) for split in ("dev", "test")}
    temperature = fit_temperature(evidence["dev"])
    correct = evidence["test"].correct
    return {
        "temperature": temperature,
        **{
            f"error_calibration_{when}": reliability(head_probs(evidence["test"], value), correct).error
            for when, value in (("before", 1.0), ("after", temperature))
        },
    }


def scores(examples: List[Example]) -> Dict[str, float]:
    counted, left_out = parser_score(examples, ignore_labels=[]), parser_score(examples)
    return {
        "las_acc": counted["dep_las"],
        "uas_acc": counted["dep_uas"],
        "las_acc_without_punct": left_out["dep_las"],
        "uas_acc_without_punct": left_out["dep_uas"],
        "sents_acc": counted["sents_f"],
    }


def listening() -> Settings:
    """configs/parser_fast.cfg with its tok2vec as a component of its own, as spaCy's parser has it."""
    config = ours("parser_fast.cfg")
    model = config["components"]["fodl_parser"]["model"]
    config["components"]["tok2vec"] = {"factory": "tok2vec", "model": model["tok2vec"]}
    model["tok2vec"] = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96, "upstream": "*"}
    config["nlp"]["pipeline"] = ["tok2vec", "fodl_parser"]
    return config


def on_same_tok2vec() -> Settings:
    config = spacy_parser()
    config["components"]["tok2vec"] = listening()["components"]["tok2vec"]
    return config


def compare_speed(paths: Dict[str, str], rounds: int, warm_up: int, limit: int, width: int) -> Dict[str, Any]:
    """The job of comparing words per second with spaCy's parser on the same tok2vec, in turn: each round trains both on
    the same batches, and parses the same documents with both, decoding (all that the parser does after the tok2vec,
    annotations included) timed by itself too. Times are the processor's. Both are trained a little first, since what
    untrained parsers do costs other times; locally, and then set to the width of the beam."""
    torch.set_num_threads(1)
    pipelines: Dict[str, Language] = {}
    mine = listening()
    # Most of a training explores, which takes longer.
    mine["components"]["fodl_parser"]["explore_after"] = warm_up
    for name, config in (("fodl", mine), ("spacy", on_same_tok2vec())):
        for split in ("train", "dev"):
            config["corpora"][split] = corpus(paths[split], "gold", limit)
        pipelines[name] = init_nlp(Config(config))
    examples = {name: list(make_conllu_corpus_v1(paths["train"], limit=limit)(nlp)) for name, nlp in pipelines.items()}
    for name, nlp in pipelines.items():
        optimizer = nlp.resume_training()
        batches = list(minibatch_by_words(examples[name], size=1000))
        for step in range(warm_up):
            nlp.update(batches[step % len(batches)], sgd=optimizer, drop=0.1)
    pipelines["fodl"].get_pipe("fodl_parser").beam_width = width  # type: ignore[attr-defined]
    pipelines["spacy"].get_pipe("parser").cfg["beam_width"] = width  # type: ignore[attr-defined]
    figures: List[Dict[str, float]] = []
    for _ in range(rounds):
        figure: Dict[str, float] = {}
        for name in reversed(list(pipelines)) if len(figures) % 2 else list(pipelines):
            nlp = pipelines[name]
            figure[f"{name}_train_words_per_second"] = training_speed(nlp, examples[name])
            figure[f"{name}_decoding_words_per_second"] = decoding_speed(nlp, examples[name])
            figure[f"{name}_words_per_second"] = pipe_speed(nlp, examples[name])
        for what in ("train_words_per_second", "decoding_words_per_second", "words_per_second"):
            figure[f"{what}_ratio"] = figure[f"fodl_{what}"] / figure[f"spacy_{what}"]
        figures.append(figure)
    return {"rounds": figures}


def warmed_up(paths: Dict[str, str], warm_up: int) -> Language:
    """configs/parser_fast.cfg after a short training."""
    config = ours("parser_fast.cfg")
    for split in ("train", "dev"):
        config["corpora"][split] = corpus(paths[split], "joint", 200)
    nlp = init_nlp(Config(config))
    examples = list(make_conllu_corpus_v1(paths["train"], n_sents=N_SENTS, sent_starts=False, limit=200)(nlp))
    batches = list(minibatch_by_words(examples, size=1000))
    optimizer = nlp.resume_training()
    for step in range(warm_up):
        nlp.update(batches[step % len(batches)], sgd=optimizer, drop=0.1)
    return nlp


def measure_stream(paths: Dict[str, str], n_words: int, warm_up: int) -> Dict[str, Any]:
    """The job of parsing many words as a stream of documents, with a beam and probabilities, and looking at the memory
    of the process on the way.

    RETURNS (Dict[str, Any]): Words per second of processor time; memory in MiB after each tenth of the words.
    """
    torch.set_num_threads(1)
    nlp = warmed_up(paths, warm_up)
    parser = cast(FodlParser, nlp.get_pipe("fodl_parser"))
    parser.beam_width, parser.store_probs = BEAM, True
    texts = [example.reference.text for example in make_conllu_corpus_v1(paths["train"], n_sents=N_SENTS)(nlp)]
    figures: Dict[str, Any] = {}
    seen, tenth, start = 0, 1, time.process_time()
    for doc in nlp.pipe(itertools.cycle(texts)):
        seen += len(doc)
        if seen >= tenth * n_words / 10:
            figures[f"after_{tenth}0_percent_mib"] = memory_now()
            tenth += 1
        if seen >= n_words:
            break
    return {"rounds": [{"words": seen, "words_per_second": seen / (time.process_time() - start), **figures}]}


def measure_long(paths: Dict[str, str], lengths: List[int], warm_up: int) -> Dict[str, Any]:
    """The job of parsing single documents of growing length, with and without their sentence starts, after a short
    training.

    RETURNS (Dict[str, Any]): Words per second of processor time, and peak memory of the process so far in MiB, by
        length.
    """
    torch.set_num_threads(1)
    nlp = warmed_up(paths, warm_up)
    words, starts = words_and_starts(make_conllu_corpus_v1(paths["train"])(nlp))
    nlp("What is only done once.")
    figures: Dict[str, Any] = {}
    for given in ("known", "open"):
        for length in lengths:
            known = starts[:length] if given == "known" else None
            doc = Doc(nlp.vocab, words=words[:length], sent_starts=known)
            start = time.process_time()
            nlp(doc)
            figures[f"{given}_{length}_words_per_second"] = length / (time.process_time() - start)
            figures[f"{given}_{length}_mib"] = peak_memory()
    return {"rounds": [figures]}


def words_and_starts(examples: Iterable[Example]) -> Tuple[List[str], List[Union[bool, int, None]]]:
    """The words of single sentences one after the other, and whether each starts one."""
    words: List[str] = []
    starts: List[Union[bool, int, None]] = []
    for example in examples:
        words += [token.text for token in example.reference]
        starts += [True, *[False] * (len(example.reference) - 1)]
    return words, starts


def fresh(examples: List[Example]) -> List[Doc]:
    docs = [example.reference for example in examples]
    return [
        Doc(doc.vocab, words=[token.text for token in doc], sent_starts=[i == 0 for i in range(len(doc))])
        for doc in docs
    ]


def training_speed(nlp: Language, examples: List[Example]) -> float:
    """Words per second of nlp.update in batches of about 1,000 words."""
    optimizer = nlp.resume_training()
    parts = [Example(doc, example.reference) for doc, example in zip(fresh(examples), examples)]
    batches = list(minibatch_by_words(parts, size=1000))
    start = time.process_time()
    for batch in batches:
        nlp.update(batch, sgd=optimizer, drop=0.1)
    return sum(map(len, fresh(examples))) / (time.process_time() - start)


def decoding_speed(nlp: Language, examples: List[Example]) -> float:
    """Through `pipe`: spaCy's sorts documents by length there, without which its beam is slower."""
    tok2vec, parser = (cast(TrainablePipe, pipe) for _, pipe in nlp.pipeline)
    docs, seconds = fresh(examples), 0.0
    for i in range(0, len(docs), BATCH_SIZE):
        part = docs[i : i + BATCH_SIZE]
        tok2vec.set_annotations(part, tok2vec.predict(part))
        start = time.process_time()
        for _ in parser.pipe(part, batch_size=BATCH_SIZE):
            pass
        seconds += time.process_time() - start
    return sum(map(len, docs)) / seconds


def pipe_speed(nlp: Language, examples: List[Example]) -> float:
    docs = fresh(examples)
    start = time.process_time()
    for _ in nlp.pipe(docs, batch_size=BATCH_SIZE):
        pass
    return sum(map(len, docs)) / (time.process_time() - start)
