"""One picture a task: accuracy against speed, ours and peers, from the result files."""

from pathlib import Path
from typing import Dict, List, NamedTuple

from .harness import ROOT
from .report import load

FOLDER = ROOT / "docs" / "images" / "benchmarks"
# Blue and orange stay apart for those who don't tell red from green; the shapes do so in print.
OURS = ("#0072b2", "o")
PEER = ("#d55e00", "s")


class Point(NamedTuple):
    """A system in a picture."""

    system: str
    name: str
    speed: str
    score: str
    is_ours: bool = True


class Plot(NamedTuple):
    speed: str
    score: str
    points: List[Point]


def points(speed: str, score: str, ours: Dict[str, str], peers: Dict[str, str]) -> List[Point]:
    return [
        Point(system, name, speed, score, names is ours) for names in (ours, peers) for system, name in names.items()
    ]


PLOTS: Dict[str, Plot] = {
    "tagger": Plot(
        "words/s, tokenized",
        "accuracy, %",
        points(
            "words_per_second",
            "test_acc",
            {"fodl": "fodl_tagger", "window2": "window of 5, no encoder", "gram3": "past 3-gram"},
            {"spacy": "spaCy's tagger", "spacy_averages": "spaCy's tagger, averaged weights"},
        ),
    ),
    "textcat": Plot(
        "reviews/s, from raw text",
        "accuracy, %",
        points(
            "texts_per_second",
            "test_acc",
            {"fodl": "fodl_textcat", "book": "the chapter's LSTM"},
            {
                "spacy_bow": "spaCy, bag of words",
                "spacy_ensemble": "spaCy, ensemble",
                "nbsvm": "NB-SVM",
                "tfidf": "TF-IDF",
            },
        ),
    ),
    "parser": Plot(
        "words/s, tokenized",
        "LAS, punctuation counted, %",
        [
            *points(
                "test_words_per_second",
                "test_las_acc",
                {
                    "local_gold": "local, greedy, GloVe",
                    "fodl_gold": "global, beam 8, GloVe",
                    "fast_gold": "parser_fast",
                },
                {
                    "spacy_gold": "spaCy's parser",
                    "spacy_vectors_gold": "spaCy's parser, GloVe",
                    "spacy_encoder_gold": "spaCy's parser, our encoder",
                    "spacy_beam_gold": "spaCy's beam_parser",
                    "udpipe_gold": "UDPipe 1",
                },
            ),
            Point("local_gold", "local, beam 8, GloVe", "beam_test_words_per_second", "beam_test_las_acc"),
            Point("fast_gold", "parser_fast, beam 8", "beam_test_words_per_second", "beam_test_las_acc"),
        ],
    ),
    "seq2seq": Plot(
        "sentences/s, beam of 5",
        "BLEU",
        points(
            "test_beam_texts_per_second",
            "test_beam_bleu_acc",
            {
                "fodl": "dot attention",
                "book": "the chapter's",
                "additive": "additive, 2,400 steps",
                "dot": "dot, 2,400 steps",
                "static": "static, 2,400 steps",
                "none": "no attention, 2,400 steps",
            },
            {"joeynmt": "JoeyNMT's RNN"},
        ),
    ),
    "linearized": Plot(
        "words/s, tokenized",
        "LAS, punctuation counted, %",
        [
            Point(system, f"{system}, {title}", f"{how}_words_per_second", f"{how}_las_acc")
            for system in ("fodl_seq2seq", "fodl_parser")
            for how, title in (("greedy", "greedy"), ("beam", "with its beam"), ("free", "unconstrained"))
        ],
    ),
    "sentence_vectors": Plot(
        "reviews/s, tokenized",
        "accuracy, %",
        points(
            "texts_per_second",
            "test_acc",
            {"fodl": "skip-thought", "untrained": "the same, untrained"},
            {"glove": "mean of GloVe", "tfidf": "TF-IDF"},
        ),
    ),
}


def draw() -> List[Path]:
    """Draw the pictures of all tasks that have results. RETURNS (List[Path]): Their files."""
    import matplotlib

    matplotlib.use("Agg")
    # The same figures make the same file.
    matplotlib.rcParams["svg.hashsalt"] = "spacy-fodl"
    import matplotlib.pyplot as plt
    from adjustText import adjust_text
    from matplotlib.ticker import LogLocator, NullFormatter

    FOLDER.mkdir(parents=True, exist_ok=True)
    files = []
    for task, plot in PLOTS.items():
        results = load(task)
        means = {system: result["mean"] for system, result in results.items()}
        found = [one for one in plot.points if {one.speed, one.score} <= set(means.get(one.system, {}))]
        if not found:
            continue
        figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
        names = []
        for point in found:
            mean = results[point.system]["mean"]
            x, y = mean[point.speed], 100 * mean[point.score]
            color, marker = OURS if point.is_ours else PEER
            axes.errorbar(x, y, yerr=100 * mean.get(f"{point.score}_sd", 0), fmt=marker, color=color)
            # With room for the marker, of which adjust_text knows the middle alone.
            names.append(axes.text(x, y, f"  {point.name}", fontsize=8))
        for name, (color, marker) in (("this package", OURS), ("others", PEER)):
            axes.plot([], [], marker, color=color, label=name)
        figure.legend(loc="outside upper right", ncols=2, fontsize="small")
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.margins(x=0.3, y=0.15)
        axes.set_xlabel(f"{plot.speed} (one thread, logarithmic)")
        axes.set_ylabel(plot.score)
        axes.grid(alpha=0.3)
        figure.draw_without_rendering()
        adjust_text(names, ax=axes, expand=(1.15, 1.9), arrowprops={"arrowstyle": "-", "color": "gray", "lw": 0.5})
        files.append(FOLDER / f"{task}.svg")
        figure.savefig(files[-1], metadata={"Date": None})
        plt.close(figure)
    return files
