"""Scores of texts that were written for texts."""

from typing import Any, Callable, Dict, Iterable, List, Tuple

from spacy.training import Example

from ..models.extensions import TARGET, add_target_extension

OUTPUT = "fodl_output"


def make_seq2seq_scorer_v1() -> Callable[[Iterable[Example]], Dict[str, Any]]:
    """A scorer of doc._.fodl_output against the gold doc._.fodl_target: corpus BLEU (Papineni et al. 2002) and chrF
    (Popović 2015) by sacrebleu, as shares of 1, with their signatures. Documents without a target don't count."""
    return score_texts


def score_texts(examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    written, gold = written_and_gold(examples)
    if not gold:
        return {"bleu": None, "chrf": None}
    scores: Dict[str, Any] = {}
    for name, metric in (("bleu", BLEU()), ("chrf", CHRF())):
        scores[name] = metric.corpus_score(written, [gold]).score / 100
        scores[f"{name}_signature"] = str(metric.get_signature())
    return scores


def written_and_gold(examples: Iterable[Example]) -> Tuple[List[str], List[str]]:
    """What was written for the examples that have a target, and the targets."""
    add_target_extension()
    written, gold = [], []
    for example in examples:
        target = example.reference._.get(TARGET)
        if target is not None:
            written.append(example.predicted._.get(OUTPUT) or "")
            gold.append(target)
    return written, gold
