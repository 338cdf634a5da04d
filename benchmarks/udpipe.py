"""UDPipe 1 (Straka and Straková 2017), trained by its own trainer on the same treebank, for the parser task."""

import gzip
import time
from pathlib import Path
from typing import Any, Dict, List

# Of the tagger, whose default is 20. Each takes minutes, and after the first 5 they add some .3 % of accuracy.
TAGGER_ITERATIONS = 5


def train_udpipe(paths: Dict[str, str], limit: int, iterations: int, keep_in: str) -> Dict[str, Any]:
    """The job of training its tagger and parser with their default settings but for iterations, and scoring the parser
    on gold tokens and sentences with the tags that the tagger finds.

    iterations (int): Of the parser.
    keep_in (str): The file for its model.
    RETURNS (Dict[str, Any]): Attachment scores over all words as shares, and over all but punctuation; words per second
        of processor time of tagger and parser together; seconds of training.
    """
    from ufal import udpipe

    data = {split: sentences(path, limit) for split, path in paths.items()}
    error = udpipe.ProcessingError()
    start, cpu_start = time.perf_counter(), time.process_time()
    steps = ("none", f"iterations={TAGGER_ITERATIONS}", f"iterations={iterations}")
    trained = udpipe.Trainer.train("morphodita_parsito", data["train"], data["dev"], *steps, error)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    if error.occurred():
        raise SystemExit(f"UDPipe: {error.message}")
    Path(keep_in).parent.mkdir(parents=True, exist_ok=True)
    Path(keep_in).write_bytes(trained)
    model = udpipe.Model.load(keep_in)
    figures: Dict[str, Any] = {"iterations": iterations, "tagger_iterations": TAGGER_ITERATIONS}
    figures["model_mib"] = round(len(trained) / 2**20, 2)
    for split in ("dev", "test"):
        # What the loop over them gives are copies.
        parsed = list(data[split])
        gold = arcs(parsed)
        start = time.process_time()
        for sentence in parsed:
            sentence.unlinkAllNodes()
            if not (model.tag(sentence, model.DEFAULT) and model.parse(sentence, model.DEFAULT)):
                raise SystemExit("UDPipe can't tag or parse a sentence.")
        spent = time.process_time() - start
        found = arcs(parsed)
        figures.update({f"{split}_{key}": value for key, value in attachment(gold, found).items()})
        figures[f"{split}_words_per_second"] = round(sum(map(len, gold)) / spent)
    return {**figures, "train_seconds": round(seconds, 1), "train_cpu_seconds": round(cpu_seconds, 1)}


def sentences(path: str, limit: int) -> Any:
    from ufal import udpipe

    with gzip.open(path, "rt", encoding="utf8") if path.endswith(".gz") else open(path, encoding="utf8") as file:
        text = file.read()
    reader = udpipe.InputFormat.newConlluInputFormat()
    reader.setText(text)
    found, one, error = udpipe.Sentences(), udpipe.Sentence(), udpipe.ProcessingError()
    while (not limit or len(found) < limit) and reader.nextSentence(one, error):
        found.append(one)
        one = udpipe.Sentence()
    return found


def arcs(parsed: List[Any]) -> List[List[Any]]:
    """The head and label of each word of sentences."""
    return [[(word.head, word.deprel) for word in list(sentence.words)[1:]] for sentence in parsed]


def attachment(gold: List[List[Any]], found: List[List[Any]]) -> Dict[str, float]:
    """Attachment scores of pairs of head and label."""
    pairs = [pair for sides in zip(gold, found) for pair in zip(*sides)]
    others = [(one, other) for one, other in pairs if one[1] != "punct"]
    return {
        "las_acc": share([one == other for one, other in pairs]),
        "uas_acc": share([one[0] == other[0] for one, other in pairs]),
        "las_acc_without_punct": share([one == other for one, other in others]),
        "uas_acc_without_punct": share([one[0] == other[0] for one, other in others]),
    }


def share(values: List[bool]) -> float:
    return sum(values) / len(values)
