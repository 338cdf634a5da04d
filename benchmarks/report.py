"""Tables from result files, between markers in README.md and docs/."""

import json
import re
import statistics
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List

from .harness import RESULTS, ROOT, write_text
from .scaling import SYSTEMS as SCALING

NOT_YET = "Not measured yet."

TRANSLATORS = ("fodl", "joeynmt", "book", "additive", "dot", "static", "none")

Results = Dict[str, Dict[str, Any]]


def load(task: str) -> Results:
    return {path.stem: json.loads(path.read_text(encoding="utf8")) for path in (RESULTS / task).glob("*.json")}


# The head of tables of what was measured in turn.
RATIOS = ["medians of the rounds", "spacy-fodl", "the other", "median of the rounds' ratios"]


def table(header: List[str], rows: List[List[str]]) -> str:
    if not rows:
        return NOT_YET
    aligned = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, aligned, *rows])


def percent(mean: Dict[str, float], key: str) -> str:
    deviation = f" ± {100 * mean[f'{key}_sd']:.2f}" if f"{key}_sd" in mean else ""
    return f"{100 * mean[key]:.2f}{deviation}"


def median(result: Dict[str, Any], key: str) -> float:
    return statistics.median(run[key] for run in result["runs"])


# What the summary compares: task, the key of what is compared, its title, our system, and peers with their names.
SUMMARY = [
    (
        "tagger",
        "test_acc",
        "tagging CoNLL-2000, accuracy",
        "fodl",
        {"spacy": "spaCy's `tagger`", "spacy_averages": "with averaged weights"},
    ),
    (
        "textcat",
        "test_acc",
        "classifying IMDB reviews, accuracy",
        "fodl",
        {"spacy_bow": "spaCy's `textcat`", "spacy_ensemble": "its ensemble", "nbsvm": "NB-SVM"},
    ),
    (
        "parser",
        "test_las_acc",
        "parsing EWT, GloVe vectors, greedy, LAS",
        "local_gold",
        {
            "spacy_vectors_gold": "spaCy's `parser`, GloVe vectors",
            "spacy_gold": "no vectors",
            "spacy_encoder_gold": "on the encoder of `parser.cfg`",
            "udpipe_gold": "UDPipe 1",
        },
    ),
    ("parser", "beam_test_las_acc", "the same with a beam of 8", "local_gold", {}),
    (
        "parser",
        "test_las_acc",
        "the same trained globally, beam of 8",
        "fodl_gold",
        {"spacy_beam_gold": "spaCy's `beam_parser`, no vectors, 1,500 steps"},
    ),
    (
        "parser",
        "raw_test_las_acc",
        "parsing raw text, GloVe vectors, trained globally, beam of 8, LAS",
        "fodl_joint",
        {"spacy_joint": "spaCy's `parser`, no vectors"},
    ),
    (
        "seq2seq",
        "test_beam_bleu_acc",
        "translating Multi30k, English to French, BLEU",
        "fodl",
        {"joeynmt": "JoeyNMT's RNN"},
    ),
]


def summary() -> str:
    """Our best beside peers, a row a task."""
    rows = []
    for task, key, title, ours, peers in SUMMARY:
        results = load(task)
        if ours in results:
            theirs = [
                f"{name} {percent(results[peer]['mean'], key)}" for peer, name in peers.items() if peer in results
            ]
            rows.append([title, percent(results[ours]["mean"], key), "; ".join(theirs) or "-"])
    speeds = [
        ("tagger", "speed", "words_per_second_ratio", "tagging, words/s, times spaCy's"),
        ("parser", "speed", "words_per_second_ratio", "parsing on the same tok2vec, times spaCy's"),
        ("parser", "speed_beam", "words_per_second_ratio", "the same with a beam of 8"),
    ]
    for task, name, key, title in speeds:
        results = load(task)
        if name in results:
            rows.append([title, f"{median(results[name], key):.2f}", "1"])
    return table(["%, but for speeds", "spacy-fodl", "others"], rows)


def tagger_accuracy() -> str:
    results = load("tagger")
    rows = []
    for system in ("fodl", "spacy", "spacy_averages", "window2", "gram3", "book"):
        if system in results:
            mean = results[system]["mean"]
            numbers = [number(mean, key) for key in ("model_mib", "peak_memory_mib")]
            rows.append([results[system]["description"], percent(mean, "test_acc"), *numbers])
    return table(["system", "test accuracy, %", "model, MiB", "peak memory, MiB"], rows)


def tagger_sweep() -> str:
    results = load("tagger")
    grams = {n: results[f"gram{n}"]["mean"] for n in range(1, 6) if f"gram{n}" in results}
    rows = [["test accuracy, %", *(percent(mean, "test_acc") for mean in grams.values())]] if grams else []
    return table(["n (the word and n - 1 before it)", *map(str, grams)], rows)


def tagger_speed() -> str:
    results = load("tagger")
    rows = []
    if "speed" in results:
        for what, title in (("words_per_second", "tagging"), ("train_words_per_second", "training")):
            speeds = [median(results["speed"], f"{who}_{what}") for who in ("fodl", "spacy")]
            ratio = median(results["speed"], f"{what}_ratio")
            rows.append([f"{title}, words/s", *(f"{speed:,.0f}" for speed in speeds), f"{ratio:.2f}"])
    if "bridge" in results:
        times = [median(results["bridge"], f"{who}_ms") for who in ("thinc", "bare")]
        ratio = statistics.median(run["bare_ms"] / run["thinc_ms"] for run in results["bridge"]["runs"])
        title = "training step of the window network in Thinc, and in bare torch, ms"
        rows.append([title, *(f"{ms:.1f}" for ms in times), f"{ratio:.2f}"])
    return table(RATIOS, rows)


def textcat_accuracy() -> str:
    results = load("textcat")
    rows = []
    for system in (
        "fodl",
        "network",
        "book",
        "spacy_ensemble",
        "spacy_bow",
        "nbsvm",
        "nbsvm_all",
        "tfidf",
        "tfidf_all",
    ):
        if system in results:
            mean = results[system]["mean"]
            costs = [minutes(mean, digits=1), number(mean, "texts_per_second")]
            rows.append([results[system]["description"], percent(mean, "test_acc"), *costs])
    return table(["system", "test accuracy, %", "training, min", "prediction, reviews/s"], rows)


def textcat_bridge() -> str:
    results = load("textcat")
    rows = []
    if "bridge" in results:
        speeds = [median(results["bridge"], f"{who}_words_per_second") for who in ("thinc", "bare")]
        title = "training step of a bidirectional LSTM in Thinc, and of torch's own in a bare padded loop, words/s"
        ratio = median(results["bridge"], "ratio")
        rows.append([title, *(f"{speed:,.0f}" for speed in speeds), f"{ratio:.2f}"])
    return table(RATIOS, rows)


def minutes(mean: Dict[str, float], digits: int = 0) -> str:
    """What training took: of the processor, or on a GPU by the clock."""
    if "train_cpu_seconds" in mean:
        return f"{mean['train_cpu_seconds'] / 60:.{digits}f}"
    return f"{mean['train_seconds'] / 60:.1f} on a GPU"


def number(mean: Dict[str, float], key: str) -> str:
    """A figure, if it was measured."""
    return f"{mean[key]:,.0f}" if key in mean else "-"


def seq2seq_accuracy() -> str:
    results = load("seq2seq")
    rows = []
    for system in TRANSLATORS:
        if system in results:
            mean = results[system]["mean"]
            figures = [percent(mean, f"test_{key}") for key in ("greedy_bleu_acc", "beam_bleu_acc", "beam_chrf_acc")]
            costs = [minutes(mean), number(mean, "test_beam_texts_per_second")]
            rows.append([results[system]["description"], *figures, *costs])
    return table(["translator", "BLEU, greedy", "BLEU", "chrF", "training, min", "sentences/s"], rows)


def seq2seq_lengths() -> str:
    """BLEU by the number of source tokens: a row a system."""
    results = load("seq2seq")
    found = [results[system] for system in TRANSLATORS if system in results and system != "joeynmt"]
    keys = [key for key in (found[0]["mean"] if found else {}) if re.fullmatch(r"test_beam_to\d+_bleu_acc", key)]
    bounds = sorted(int(key[12:-9]) for key in keys)
    names = [f"{first + 1} to {last}" for first, last in zip([0, *bounds], bounds[:-1])]
    names += [f"more than {n}" for n in bounds[-2:-1]]
    rows = [
        [result["description"], *(percent(result["mean"], f"test_beam_to{n}_bleu_acc") for n in bounds)]
        for result in found
    ]
    return table(["BLEU of sources with so many tokens", *names], rows)


def seq2seq_thresholds() -> str:
    """The translator with other thresholds of its beam: a column a threshold."""
    results = load("seq2seq")
    mean = results["fodl"]["mean"] if "fodl" in results else {}
    found = [key[9:-9] for key in mean if re.fullmatch(r"threshold\d+_bleu_acc", key)]
    if not found:
        return NOT_YET
    rows = [
        ["BLEU on the development set", *(percent(mean, f"threshold{n}_bleu_acc") for n in found)],
        ["sentences/s", *(number(mean, f"threshold{n}_texts_per_second") for n in found)],
    ]
    return table(["threshold of the beam", *("none" if n == "0" else n for n in found)], rows)


def seq2seq_bridge() -> str:
    results = load("seq2seq")
    rows = []
    if "bridge" in results:
        speeds = [median(results["bridge"], f"{who}_symbols_per_second") for who in ("thinc", "bare")]
        ratio = median(results["bridge"], "ratio")
        title = "training step of a translator in Thinc, and of the same network in a bare loop, target symbols/s"
        rows.append([title, *(f"{speed:,.0f}" for speed in speeds), f"{ratio:.2f}"])
    return table(RATIOS, rows)


def linearized_accuracy() -> str:
    results = load("linearized")
    rows = []
    titles = {"greedy": "greedy", "beam": "with its beam", "free": "greedy, without its constraint"}
    for system in ("fodl_seq2seq", "fodl_parser"):
        mean = results[system]["mean"] if system in results else {}
        for how, title in titles.items():
            if f"{how}_las_acc" in mean:
                name = f"{results[system]['description'].partition('; ')[0]}, {title}"
                malformed = percent(mean, f"{how}_malformed_acc") if f"{how}_malformed_acc" in mean else "-"
                figures = [percent(mean, f"{how}_{key}") for key in ("uas_acc", "las_acc")]
                rows.append([name, *figures, malformed, number(mean, f"{how}_words_per_second"), minutes(mean)])
    return table(["parser", "UAS", "LAS", "malformed trees, %", "words/s", "training, min"], rows)


def sentence_vectors_accuracy() -> str:
    results = load("sentence_vectors")
    rows = []
    for system in ("fodl", "untrained", "glove", "tfidf"):
        if system in results:
            mean = results[system]["mean"]
            width = f"{mean['width']:.0f}" if "width" in mean else "-"
            cost = minutes(mean) if system == "fodl" else "-"
            rows.append([results[system]["description"], width, percent(mean, "test_acc"), cost])
    return table(["vector of a review", "width", "test accuracy, %", "training without labels, min"], rows)


def parser_accuracy() -> str:
    results = load("parser")
    rows = []
    for given in ("gold", "joint", "raw"):
        for system in (
            "fodl",
            "local",
            "scratch",
            "fast",
            "syntaxnet",
            "spacy_encoder",
            "spacy_vectors",
            "spacy",
            "spacy_beam",
            "udpipe",
        ):
            result = results.get(f"{system}_{'joint' if given == 'raw' else given}")
            if result:
                name, _, what = result["description"].partition("; ")
                what = "raw text" if given == "raw" else what
                rows.append([f"{name}; {what}", *parser_figures(result, "", given)])
                if "beam_test_las_acc" in result["mean"]:
                    rows.append([f"the same with a beam of 8; {what}", *parser_figures(result, "beam_", given)])
    return table(
        ["parser, and what it is given", "UAS", "LAS", "LAS without punctuation", "sentences F", "words/s"], rows
    )


def parser_figures(result: Dict[str, Any], how: str, given: str) -> List[str]:
    mean = result["mean"]
    keys = ("uas_acc", "las_acc", "las_acc_without_punct")
    prefix = f"{how}{'raw_' if given == 'raw' else ''}test"
    figures = [percent(mean, f"{prefix}_{key}") for key in keys]
    found = "" if given == "gold" else percent(mean, f"{prefix}_sents_acc")
    return [*figures, found, number(mean, f"{prefix}_words_per_second")]


def parser_differences() -> str:
    results = load("parser")
    rows = [
        [
            f"{run['first']}, less {run['second']}",
            f"{run['seeds']}",
            f"{100 * run['difference']:+.2f}",
            f"{run['p']:.4f}" if run["p"] >= 0.0001 else "< 0.0001",
        ]
        for run in (results["differences"]["runs"] if "differences" in results else [])
    ]
    return table(["LAS of systems, by name", "seeds", "difference", "p"], rows)


def parser_beam() -> str:
    """The globally trained parser with other beams than it was trained with: a column a beam."""
    results = load("parser")
    if "fodl_gold" not in results:
        return NOT_YET
    mean = results["fodl_gold"]["mean"]
    beams = sorted(int(key[4:-12]) for key in mean if re.fullmatch(r"beam\d+_dev_las_acc", key))
    rows = [
        ["LAS on the development set", *(percent(mean, f"beam{n}_dev_las_acc") for n in beams)],
        ["words/s", *(number(mean, f"beam{n}_dev_words_per_second") for n in beams)],
    ]
    return table(["beam", *map(str, beams)], rows)


def parser_calibration() -> str:
    results = load("parser")
    rows = []
    for given in ("gold", "joint"):
        result = results.get(f"fodl_{given}")
        if result:
            mean = result["mean"]
            errors = [percent(mean, f"error_calibration_{when}") for when in ("before", "after")]
            rows.append([result["description"].partition("; ")[2], f"{mean['temperature']:.2f}", *errors])
    return table(["what is given", "temperature", "calibration error before, %", "after, %"], rows)


def parser_speed() -> str:
    results = load("parser")
    rows = []
    titles = {
        "words_per_second": "parsing, words/s",
        "decoding_words_per_second": "decoding alone, words/s",
        "train_words_per_second": "training, words/s",
    }
    for name, addition in (("speed", "greedy"), ("speed_beam", "with a beam of 8")):
        for what, title in titles.items() if name in results else ():
            if name == "speed_beam" and what.startswith("train"):
                continue  # Both train as they do without a beam.
            speeds = [median(results[name], f"{who}_{what}") for who in ("fodl", "spacy")]
            ratio = median(results[name], f"{what}_ratio")
            first, _, unit = title.partition(",")
            shown = first if what.startswith("train") else f"{first} {addition}"
            rows.append([f"{shown},{unit}", *(f"{speed:,.0f}" for speed in speeds), f"{ratio:.2f}"])
    return table(RATIOS, rows)


def parser_stream() -> str:
    """Memory while many words go by."""
    results = load("parser")
    if "stream" not in results:
        return NOT_YET
    mean = results["stream"]["mean"]
    tenths = [1, 2, 5, 10]
    memory = [f"{mean[f'after_{n}0_percent_mib']:,.0f}" for n in tenths]
    header = [f"{mean['words'] * n / 10:,.0f}" for n in tenths]
    return table(["words parsed so far", *header], [["memory of the process, MiB", *memory]])


def parser_long() -> str:
    """Single documents: a column a length."""
    results = load("parser")
    if "long" not in results:
        return NOT_YET
    mean = results["long"]["mean"]
    lengths = sorted({int(key.split("_")[1]) for key in mean if key.startswith("known_")})
    rows = []
    highest = 0.0
    for given, title in (("known", "sentence starts set"), ("open", "sentences to be found")):
        rows.append([f"{title}, words/s", *(f"{mean[f'{given}_{n}_words_per_second']:,.0f}" for n in lengths)])
        peaks = []
        for n in lengths:
            # A process has one peak, which what is measured later can't be seen below.
            peak = mean[f"{given}_{n}_mib"]
            peaks.append(f"{'≤ ' * (peak <= highest)}{peak:,.0f}")
            highest = max(highest, peak)
        rows.append([f"{title}, peak memory, MiB", *peaks])
    return table(["words in a document", *(f"{n:,}" for n in lengths)], rows)


def scaling(what: str, title: str, unit: str = "words_per_second") -> str:
    """A row a component that was measured so, a column a value of what varies."""
    results = load("scaling")
    found = [results[name] for name in SCALING if name in results]
    pattern = re.compile(rf"{what}_(\d+)_{unit}")
    found = [result for result in found if any(map(pattern.fullmatch, result["mean"]))]
    values = sorted({int(match[1]) for result in found for match in map(pattern.fullmatch, result["mean"]) if match})
    rows = []
    for result in found:
        figures = [result["mean"].get(f"{what}_{value}_{unit}") for value in values]
        # Beams vary in the rows of what is greedy elsewhere.
        described = result["description"].replace(", greedy", "") if what == "beam" else result["description"]
        rows.append([described, *("-" if figure is None else f"{figure:,.0f}" for figure in figures)])
    return table([title, *(f"{value:,}" for value in values)], rows)


def tagger_setting() -> str:
    """On what the figures of the tagger were measured."""
    results = load("tagger")
    trained = [result for system, result in results.items() if system not in ("speed", "bridge")]
    return setting(list(results.values()), trained)


def memory() -> str:
    """Relative errors of the adding problem: a row a system, a column a lag."""
    results = load("memory")
    found = [results[system] for system in ("rnn", "gru", "lstm", "rnn_far", "lstm_far") if system in results]
    lags = sorted({int(key.split("_")[1]) for result in found for key in result["runs"][0] if "error_" in key})
    rows = [[result["description"], *(relative(result["mean"], f"error_{lag}") for lag in lags)] for result in found]
    return table(["distance", *map(str, lags)], rows)


def relative(mean: Dict[str, float], key: str) -> str:
    deviation = f" ± {mean[f'{key}_sd']:.3f}" if f"{key}_sd" in mean else ""
    return f"{mean[key]:.3f}{deviation}"


def memory_setting() -> str:
    """On what the figures of the memory task were measured."""
    results = list(load("memory").values())
    return setting(results, results)


def setting(results: List[Dict[str, Any]], trained: List[Dict[str, Any]]) -> str:
    """What the results of a task have in common.

    results (List[Dict[str, Any]]): All of them.
    trained (List[Dict[str, Any]]): Those that have a run for each seed.
    RETURNS (str): A line for below the tables.
    """
    if not results:
        return NOT_YET
    seeds = one_of([len(result["runs"]) for result in trained], "numbers of seeds")
    return f"Means over {seeds} seeds ± standard deviation; {measured_on(results)}."


def setting_of(task: str) -> str:
    """The same for tasks whose systems have different numbers of seeds."""
    results = list(load(task).values())
    if not results:
        return NOT_YET
    return f"One run, or means over seeds ± standard deviation; times of the processor; {measured_on(results)}."


def measured_on(results: List[Dict[str, Any]]) -> str:
    """The processor, versions and commits of results, those of a GPU apart."""
    devices = sorted({result.get("gpu", "") for result in results})
    return "; ".join(setting_on(device, results) for device in devices)


def setting_on(gpu: str, results: List[Dict[str, Any]]) -> str:
    """The same of the results of one GPU, or of none."""
    results = [result for result in results if result.get("gpu", "") == gpu]
    versions: Dict[str, List[str]] = {}
    for result in results:
        for package, version in result["versions"].items():
            versions.setdefault(package, []).append(version)
    parts = [
        f"rows without speeds on one {gpu}"
        if gpu
        else f"one thread of an {one_of([result['processor'] for result in results], 'processors')}",
        ", ".join(f"{package} {one_of(its, f'versions of {package}')}" for package, its in versions.items()),
        *sorted(
            {f"rows with minutes on a GPU trained on an {one['trained_on']}" for one in results if "trained_on" in one}
        ),
        f"commits {', '.join(sorted({commit for result in results for commit in result['commit'].split(', ')}))}",
    ]
    return "; ".join(parts)


def gpu_speed() -> str:
    """A row a component: one thread, and a GPU with batches of some sizes."""
    results = load("gpu")
    mean = results["speed"]["mean"] if results else {}
    sizes = sorted({int(key.split("_")[-4]) for key in mean if "_gpu_" in key})
    rows = []
    for name, system in SCALING.items():
        if f"{name}_cpu_by_the_clock" in mean:
            keys = [f"{name}_cpu_by_the_clock", *(f"{name}_gpu_{size}_by_the_clock" for size in sizes)]
            ratio = mean[keys[-1]] / mean[keys[0]]
            rows.append([system.description, *(f"{mean[key]:,.0f}" for key in keys), f"{ratio:.1f}"])
    header = ["words/s", "one thread", *(f"GPU, batches of up to {size:,}" for size in sizes), "last by first"]
    return table(header, rows)


def gpu_setting() -> str:
    results = load("gpu")
    if not results:
        return NOT_YET
    result = results["speed"]
    versions = ", ".join(f"{package} {version}" for package, version in result["versions"].items())
    devices = f"one {result['gpu']} and one thread of an {result['processor']}"
    return f"One run, by the clock; {devices}; {versions}; commit {result['commit']}."


def one_of(values: List[Any], what: str) -> Any:
    """The value that all files share. Figures of different settings don't belong into one table."""
    if len(set(values)) != 1:
        raise SystemExit(f"The result files differ in their {what}: {sorted(set(values))}. Run the benchmark again.")
    return values[0]


TABLES: Dict[str, Callable[[], str]] = {
    "summary": summary,
    "tagger-accuracy": tagger_accuracy,
    "tagger-sweep": tagger_sweep,
    "tagger-speed": tagger_speed,
    "tagger-setting": tagger_setting,
    "memory": memory,
    "memory-setting": memory_setting,
    "textcat-accuracy": textcat_accuracy,
    "textcat-setting": partial(setting_of, "textcat"),
    "textcat-bridge": textcat_bridge,
    "seq2seq-accuracy": seq2seq_accuracy,
    "seq2seq-lengths": seq2seq_lengths,
    "seq2seq-thresholds": seq2seq_thresholds,
    "seq2seq-bridge": seq2seq_bridge,
    "seq2seq-setting": partial(setting_of, "seq2seq"),
    "linearized-accuracy": linearized_accuracy,
    "linearized-setting": partial(setting_of, "linearized"),
    "sentence-vectors-accuracy": sentence_vectors_accuracy,
    "sentence-vectors-setting": partial(setting_of, "sentence_vectors"),
    "parser-accuracy": parser_accuracy,
    "parser-differences": parser_differences,
    "parser-beam": parser_beam,
    "parser-calibration": parser_calibration,
    "parser-speed": parser_speed,
    "parser-stream": parser_stream,
    "parser-long": parser_long,
    "parser-setting": partial(setting_of, "parser"),
    "gpu-speed": gpu_speed,
    "gpu-setting": gpu_setting,
    "scaling-length": partial(scaling, "length", "words/s by words in a document"),
    "scaling-memory": partial(scaling, "length", "peak memory in MiB, the same", "mib"),
    "scaling-batch": partial(scaling, "batch", "words/s by documents in a batch"),
    "scaling-batch-memory": partial(scaling, "batch", "peak memory in MiB, the same", "mib"),
    "scaling-beam": partial(scaling, "beam", "words/s by hypotheses in the beam"),
    "scaling-beam-memory": partial(scaling, "beam", "peak memory in MiB, the same", "mib"),
    "scaling-threads": partial(scaling, "threads", "words/s by the clock, by threads of torch"),
    "scaling-setting": partial(setting_of, "scaling"),
}


def rendered(text: str) -> str:
    """A text with every table between its markers made anew."""
    for name, make in TABLES.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if pattern.search(text):
            text = pattern.sub(lambda match: f"{match[1]}{make()}\n{match[2]}", text)  # noqa: B023
    return text


def pages() -> List[Path]:
    """The files that may hold tables."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def write_tables(path: Path = ROOT / "README.md", check: bool = False) -> bool:
    """Make the tables of a file anew.

    path (Path): A Markdown file with markers.
    check (bool): Write nothing.
    RETURNS (bool): Whether the file differs, or did before it was written.
    """
    old = path.read_text(encoding="utf8")
    new = rendered(old)
    if new != old and not check:
        write_text(path, new)
    return new != old
