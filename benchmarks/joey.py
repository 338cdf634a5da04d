"""JoeyNMT's recurrent network (Kreutzer, Bastings and Riezler 2019), of the size of configs/translate.cfg and trained
for as long by its own command line, for the seq2seq task.

It is no dependency: the variable JOEYNMT_PYTHON names the Python of an environment into which it was installed
(pip install joeynmt importlib_metadata "sentencepiece<0.2.1")."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List

import sentencepiece
import spacy
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from spacy.tokens import DocBin

from spacy_fodl.models.extensions import TARGET, add_target_extension

from .harness import one_thread

LANGUAGES = ("en", "fr")
# JoeyNMT's command line. Its scheduler says verbose=..., which torch knew until 2.6.
COMMAND = """
import runpy
import torch.optim.lr_scheduler as schedulers
class Quiet(schedulers.ReduceLROnPlateau):
    def __init__(self, *args, verbose=None, **kwargs):
        super().__init__(*args, **kwargs)
schedulers.ReduceLROnPlateau = Quiet
runpy.run_module("joeynmt", run_name="__main__")
"""


def interpreter() -> str:
    """The Python that has JoeyNMT."""
    python = os.environ.get("JOEYNMT_PYTHON", sys.executable)
    found = subprocess.run([python, "-c", "import joeynmt, importlib_metadata"], capture_output=True)
    if found.returncode:
        raise SystemExit(
            f"{python} has no JoeyNMT. Install it into an environment of its own (pip install joeynmt "
            "importlib_metadata), and set JOEYNMT_PYTHON to the Python of that one."
        )
    return python


def train_joey(
    paths: Dict[str, str], folder: str, seed: int, budget: float, every: int, beam: int, vocabulary: int, width: int
) -> Dict[str, Any]:
    """The job of one seed: train until the processor time is spent, and score the checkpoint that was best on the
    development set.

    paths (Dict[str, str]): The splits as .spacy files.
    folder (str): Where its files go.
    seed (int): Its random seed.
    budget (float): Seconds of processor time for training, evaluations included.
    every (int): Steps between evaluations.
    beam (int): Hypotheses of the second of two searches; the first is greedy.
    vocabulary (int): Subwords of each language.
    width (int): Of embeddings and states.
    RETURNS (Dict[str, Any]): BLEU and chrF of the splits; sentences per second of processor time, without what a run on
        one sentence a split takes, which is the start of Python, imports and loading.
    """
    python, home = interpreter(), Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    gold = {split: write_texts(path, home / split) for split, path in paths.items()}
    settings = config(home, seed, every, width)
    for language in LANGUAGES:
        learn_subwords(home, language, vocabulary, settings)
    file = home / "config.yaml"
    start = time.perf_counter()
    # JSON is YAML.
    file.write_text(json.dumps(settings), encoding="utf8")
    spent = run_for([python, "-c", COMMAND, "train", str(file), "--skip-test"], budget, home / "train.log")
    figures: Dict[str, Any] = {
        "seed": seed,
        "train_seconds": round(time.perf_counter() - start, 1),
        "train_cpu_seconds": round(spent, 1),
    }
    for name, width_of_beam in (("greedy", 1), ("beam", beam)):
        settings["testing"]["beam_size"] = width_of_beam
        file.write_text(json.dumps(settings), encoding="utf8")
        spent = test_time(python, file, home, name)
        for split in ("dev", "test"):
            written = (home / f"{name}.{split}").read_text(encoding="utf8").split("\n")[: len(gold[split])]
            for key, metric in (("bleu", BLEU()), ("chrf", CHRF())):
                figures[f"{split}_{name}_{key}_acc"] = metric.corpus_score(written, [gold[split]]).score / 100
        one = dict.fromkeys(("dev", "test"), str(write_one(home)))
        file.write_text(json.dumps({**settings, "data": {**settings["data"], **one}}), encoding="utf8")
        alone = test_time(python, file, home, f"{name}.one")
        if spent > 1.5 * alone:  # Less would be noise.
            figures[f"test_{name}_texts_per_second"] = (len(gold["dev"]) + len(gold["test"]) - 2) / (spent - alone)
    return figures


def test_time(python: str, config_file: Path, home: Path, name: str) -> float:
    """Let it translate its splits. RETURNS (float): Seconds of processor time."""
    command = [python, "-c", COMMAND, "test", str(config_file), "--output-path", str(home / name)]
    return run_for(command, float("inf"), home / f"{name}.log")


def write_one(home: Path) -> Path:
    """The first sentence of the development set as a split. RETURNS (Path): Its files without their suffixes."""
    for language in LANGUAGES:
        first = (home / f"dev.{language}").read_text(encoding="utf8").partition("\n")[0]
        (home / f"one.{language}").write_text(first + "\n", encoding="utf8")
    return home / "one"


def write_texts(path: str, stem: Path) -> List[str]:
    """A split as a plain file a language. RETURNS (List[str]): The French texts."""
    add_target_extension()
    docs = list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))
    texts = {"en": [doc.text for doc in docs], "fr": [doc._.get(TARGET) for doc in docs]}
    for language, its in texts.items():
        stem.with_suffix(f".{language}").write_text("\n".join(its) + "\n", encoding="utf8")
    return texts["fr"]


def learn_subwords(home: Path, language: str, vocabulary: int, settings: Dict[str, Any]) -> None:
    """Train sentencepiece, and write down the pieces for JoeyNMT."""
    model = home / f"subwords.{language}"
    sentencepiece.SentencePieceTrainer.train(
        input=str(home / f"train.{language}"),
        model_prefix=str(model),
        vocab_size=vocabulary,
        hard_vocab_limit=False,
        character_coverage=1.0,
        minloglevel=2,
    )
    lines = Path(f"{model}.vocab").read_text(encoding="utf8").splitlines()
    special = {"<unk>", "<s>", "</s>"}
    pieces = [piece for piece in (line.split("\t")[0] for line in lines) if piece not in special]
    words = home / f"words.{language}"
    words.write_text("\n".join(["<unk>", "<pad>", "<s>", "</s>", *pieces]) + "\n", encoding="utf8")
    side = settings["data"]["src" if language == "en" else "trg"]
    side.update({"voc_file": str(words), "tokenizer_cfg": {"model_file": f"{model}.model"}})


def config(home: Path, seed: int, every: int, width: int) -> Dict[str, Any]:
    """JoeyNMT's settings: the sizes of configs/translate.cfg, its dropout and label smoothing, and attention by
    products of vectors; for the rest what the configs that come with JoeyNMT have for recurrent networks, but for
    smaller batches, which get further in little time: 500, 1,000 and 2,500 tokens were tried for minutes each."""
    side = {"level": "bpe", "tokenizer_type": "sentencepiece", "max_length": 100, "lowercase": False}
    embeddings = {"embedding_dim": width, "scale": False}
    layer = {"type": "recurrent", "rnn_type": "lstm", "embeddings": embeddings, "hidden_size": width, "dropout": 0.3}
    decoder = {
        **layer,
        "num_layers": 2,
        "hidden_dropout": 0.3,
        "input_feeding": True,
        "init_hidden": "bridge",
        "attention": "luong",
    }
    return {
        "name": "rnn",
        "use_cuda": False,
        "random_seed": seed,
        "model_dir": str(home / "model"),
        "data": {
            **{key: str(home / split) for key, split in (("train", "train"), ("dev", "dev"), ("test", "test"))},
            "dataset_type": "plain",
            "src": {"lang": "en", **side},
            "trg": {"lang": "fr", **side},
        },
        "training": {
            "optimizer": "adam",
            "learning_rate": 0.001,
            "learning_rate_min": 0.0001,
            "scheduling": "plateau",
            "patience": 3,
            "decrease_factor": 0.5,
            "label_smoothing": 0.1,
            "clip_grad_norm": 1.0,
            "batch_size": 500,
            "batch_type": "token",
            "normalization": "tokens",
            "epochs": 1000,
            "validation_freq": every,
            "logging_freq": every,
            "early_stopping_metric": "bleu",
            "keep_best_ckpts": 1,
            "overwrite": True,
        },
        "testing": {
            "batch_size": 2500,
            "batch_type": "token",
            "beam_size": 1,
            "beam_alpha": 1.0,
            "max_output_length": 100,
            "eval_metrics": ["bleu"],
        },
        "model": {
            "initializer": "xavier_uniform",
            "embed_initializer": "normal",
            "embed_init_weight": 0.1,
            "bias_initializer": "zeros",
            "init_rnn_orthogonal": False,
            "lstm_forget_gate": 0.0,
            "tied_embeddings": False,
            "tied_softmax": True,
            "encoder": {**layer, "num_layers": 1, "bidirectional": True},
            "decoder": decoder,
        },
    }


def run_for(command: List[str], seconds: float, log: Path) -> float:
    """Run a command until it ends or has used that much processor time.

    RETURNS (float): The seconds of processor time that it used.
    RAISES (SystemExit): If it failed by itself.
    """
    before = children_seconds()
    ticks = os.sysconf("SC_CLK_TCK")
    is_over = False
    with log.open("w", encoding="utf8") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=one_thread())
        while process.poll() is None and not is_over:
            time.sleep(1)
            stat = Path(f"/proc/{process.pid}/stat")
            if stat.is_file():
                fields = stat.read_text().rpartition(")")[2].split()
                is_over = sum(map(int, fields[11:13])) / ticks >= seconds
        if is_over:
            process.kill()
        if process.wait() and not is_over:
            raise SystemExit(f"JoeyNMT failed:\n{log.read_text(encoding='utf8')[-2000:]}")
    return children_seconds() - before


def children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
