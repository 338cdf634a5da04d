"""How speed and memory of every component depend on the length of documents, the size of batches, and threads. Needs no
corpus: the pipelines have the models of configs/, after a short training on the starter corpora."""

import itertools
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Tuple

import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import load_config, minibatch
from thinc.api import Config, require_cpu, require_gpu

from spacy_fodl.training.conllu import make_conllu_corpus_v1
from spacy_fodl.training.parallel import make_parallel_corpus_v1
from spacy_fodl.training.reviews import make_review_corpus_v1
from spacy_fodl.training.running_text import make_text_corpus_v1

from .harness import ROOT, WORK, Options, chosen, run_job, write_result
from .parser import words_and_starts
from .training import keep

TASK = "scaling"
STARTER = ROOT / "spacy_fodl" / "starter"
LENGTHS = [10, 100, 1000, 10000, 50000]
BATCH_SIZES = [1, 8, 64, 512]
BEAMS = [1, 2, 4, 8, 16, 32]
GPU_BATCH_SIZES = [64, 1024]
THREADS = [1, 2]
# Words of a document where something else varies, and the batch size where that doesn't.
LENGTH, BATCH_SIZE = 20, 256
N_WORDS = 20000
WARM_UP = 30

Reader = Callable[[Language], Iterable[Example]]
Settings = Dict[str, Any]


def treebank() -> Reader:
    return make_conllu_corpus_v1(STARTER / "treebank" / "train.conllu")


class System(NamedTuple):
    description: str
    config: str
    corpus: Callable[[], Reader]
    settings: Settings = {}
    """What the component has that its config has not."""
    model: Settings = {}
    """The same of its model."""
    longest: int = LENGTHS[-1]
    has_beam: bool = False


SYSTEMS: Dict[str, System] = {
    "tagger": System("`fodl_tagger`, `configs/tagger.cfg`", "tagger.cfg", treebank),
    "parser": System(
        "`fodl_parser`, `configs/parser_fast.cfg`, sentence starts set", "parser_fast.cfg", treebank, has_beam=True
    ),
    "parser_beam": System("the same with a beam of 8", "parser_fast.cfg", treebank, {"beam_width": 8}),
    "textcat": System(
        "`fodl_textcat`, `configs/textcat.cfg`, all of a text read",
        "textcat.cfg",
        lambda: make_review_corpus_v1(STARTER / "opinions" / "train.tsv"),
        model={"max_length": 0},
    ),
    "seq2seq": System(
        "`fodl_seq2seq`, `configs/translate.cfg`, greedy, at most one symbol per word",
        "translate.cfg",
        lambda: make_parallel_corpus_v1(STARTER / "pairs" / "train.en", STARTER / "pairs" / "train.fr"),
        {"beam_width": 1, "max_ratio": 1.0, "max_extra": 1},
        longest=1000,
        has_beam=True,
    ),
    "skipthought": System(
        "`fodl_skipthought`, `configs/skipthought.cfg`, sentence starts set",
        "skipthought.cfg",
        lambda: make_text_corpus_v1(STARTER / "running" / "text.txt"),
    ),
}


def run(options: Options) -> None:
    names = chosen(options, list(SYSTEMS))
    steps, n_words = (2, 500) if options.quick else (WARM_UP, N_WORDS)
    if options.gpu >= 0:
        run_on_gpu(names, steps, n_words, options)
        return
    for name in names:
        folder = str(WORK / ("quick" if options.quick else "") / TASK / name)
        run_job({"module": __name__, "function": "warm_up", "name": name, "steps": steps, "folder": folder})
        standard = {"module": __name__, "function": "measure", "folder": folder, "n_words": n_words}
        standard.update({"length": LENGTH, "batch_size": BATCH_SIZE, "threads": 1})
        figures: Dict[str, Any] = {}
        for length in LENGTHS[1:2] if options.quick else LENGTHS:
            if length <= SYSTEMS[name].longest:
                found = run_job({**standard, "length": length})
                figures[f"length_{length}_words_per_second"] = found["words_per_second"]
                figures[f"length_{length}_mib"] = found["peak_memory_mib"]
        for size in BATCH_SIZES[:1] if options.quick else BATCH_SIZES:
            found = run_job({**standard, "batch_size": size})
            figures[f"batch_{size}_words_per_second"] = found["words_per_second"]
            figures[f"batch_{size}_mib"] = found["peak_memory_mib"]
        for width in (BEAMS[:1] if options.quick else BEAMS) if SYSTEMS[name].has_beam else []:
            found = run_job({**standard, "beam_width": width})
            figures[f"beam_{width}_words_per_second"] = found["words_per_second"]
            figures[f"beam_{width}_mib"] = found["peak_memory_mib"]
        for threads in THREADS[:1] if options.quick else THREADS:
            found = run_job({**standard, "threads": threads})
            figures[f"threads_{threads}_words_per_second"] = found["words_per_second_by_the_clock"]
        print(write_result(TASK, name, SYSTEMS[name].description, {}, [figures], options), flush=True)


def run_on_gpu(names: List[str], steps: int, n_words: int, options: Options) -> None:
    """One file for all components: they are measured in one process, in which the GPU is started once."""
    job = {"module": __name__, "function": "compare_devices", "names": names, "steps": steps, "n_words": n_words}
    folder = str(WORK / ("quick" if options.quick else "") / TASK / "gpu")
    found = run_job({**job, "folder": folder, "device": options.gpu})
    print(write_result("gpu", "speed", "one GPU and one thread of the processor", {}, [found], options), flush=True)


def warm_up(name: str, steps: int, folder: str) -> Dict[str, Any]:
    """The job of making a pipeline: what untrained components write or build would take other times."""
    torch.set_num_threads(1)
    system = SYSTEMS[name]
    config = load_config(ROOT / "configs" / system.config, interpolate=False)
    reader = system.corpus()
    component = config["components"][config["nlp"]["pipeline"][-1]]
    component.update(system.settings)
    component["model"].update(system.model)
    config["corpora"]["train"] = config["corpora"]["dev"] = {
        "@readers": "spacy_fodl_benchmarks.Starter.v1",
        "name": name,
    }
    nlp = init_nlp(Config(config))
    examples = list(itertools.islice(reader(nlp), 500))
    optimizer = nlp.resume_training()
    batches = itertools.cycle(minibatch(examples, 32))
    for batch in itertools.islice(batches, steps):
        nlp.update(batch, sgd=optimizer, annotates=config["training"]["annotating_components"])
    for pipe in list(nlp.pipe_names):
        if pipe in ("sentencizer", "senter"):
            nlp.remove_pipe(pipe)  # Sentence starts are set.
    keep(nlp, folder)
    return {}


@spacy.registry.readers("spacy_fodl_benchmarks.Starter.v1")
def make_starter(name: str) -> Reader:
    return SYSTEMS[name].corpus()


def measure(
    folder: str, length: int, batch_size: int, threads: int, n_words: int, beam_width: int = 0
) -> Dict[str, float]:
    """The job of one setting: words per second of nlp.pipe over tokenized documents, of processor time and by the
    clock.

    beam_width (int): Of the last component; 0 for what it was kept with.
    """
    torch.set_num_threads(threads)
    nlp = spacy.load(Path(folder))
    if beam_width:
        nlp.pipeline[-1][1].beam_width = beam_width  # type: ignore[attr-defined]
    cpu, clock = speeds(nlp, length, batch_size, n_words)
    return {"words_per_second": cpu, "words_per_second_by_the_clock": clock}


def speeds(nlp: Language, length: int, batch_size: int, n_words: int) -> Tuple[float, float]:
    """Words per second in documents of a length, of processor time and by the clock.

    n_words (int): How many there are, or one document if that is more.
    """
    words, starts = words_and_starts(treebank()(nlp))
    all_words, all_starts = itertools.cycle(words), itertools.cycle(starts)
    docs = []
    for _ in range(max(1, n_words // length)):
        its = list(itertools.islice(all_starts, length))
        docs.append(Doc(nlp.vocab, words=list(itertools.islice(all_words, length)), sent_starts=[True, *its[1:]]))
    nlp(docs[0][:10].as_doc())  # What is only done once.
    cpu, clock = time.process_time(), time.perf_counter()
    for _ in nlp.pipe(docs, batch_size=batch_size):
        pass
    n_parsed = len(docs) * length
    return n_parsed / (time.process_time() - cpu), n_parsed / (time.perf_counter() - clock)


def compare_devices(names: List[str], folder: str, steps: int, n_words: int, device: int) -> Dict[str, Any]:
    """The job of the GPU: words per second of nlp.pipe by the clock there, in batches of some sizes, and of a tenth of
    these words on a thread of the same machine's processor."""
    torch.set_num_threads(1)
    figures: Dict[str, Any] = {}
    for name in names:
        require_gpu(device)
        warm_up(name, steps, folder)
        nlp = spacy.load(Path(folder))
        for size in GPU_BATCH_SIZES:
            speeds(nlp, LENGTH, size, n_words)  # Kernels are chosen, and some compiled, when they are first met.
            figures[f"{name}_gpu_{size}_by_the_clock"] = speeds(nlp, LENGTH, size, n_words)[1]
        require_cpu()
        nlp = spacy.load(Path(folder))
        figures[f"{name}_cpu_by_the_clock"] = speeds(nlp, LENGTH, BATCH_SIZE, n_words // 10)[1]
    figures["gpu"] = torch.cuda.get_device_name(device)
    return figures
