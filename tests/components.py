"""Our components as a table, for tests that treat them all alike. A new component is an entry in COMPONENTS."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from spacy_fodl.training.conllu import make_conllu_corpus_v1
from spacy_fodl.training.parallel import make_parallel_corpus_v1
from spacy_fodl.training.reviews import make_review_corpus_v1
from spacy_fodl.training.running_text import make_text_corpus_v1

from .util import ROOT

STARTER = ROOT / "spacy_fodl" / "starter"


@dataclass(frozen=True)
class Component:
    factory: str
    corpus: Callable[[str], Callable[[Language], Iterable[Example]]]
    """From "train" or "dev" to a reader of the starter corpus."""
    score: str
    """The score that `evaluate` must report."""
    floor: float
    """What that score reaches after `steps` steps on the starter corpus, and guessing doesn't."""
    annotated: Callable[[Doc], bool]
    """Whether a document carries what the component sets."""
    torch_layer: str
    """The name under which `debug model` lists the network."""
    setting: Tuple[str, Any]
    """A setting and a value that is not its default."""
    steps: int = 60
    overrides: Dict[str, Any] = field(default_factory=dict)
    """Further settings of the config for that training."""
    relabel: Optional[Callable[[Any], Any]] = lambda labels: [*labels, "EXTRA"]
    """From the file of `init labels` to one that the training data alone wouldn't give; None without labels."""
    is_known_to_evaluate: bool = True
    """Whether `evaluate` knows the score by name."""
    stock: Optional[Tuple[str, str]] = None
    """spaCy's component of that kind, and the heading under which `debug data` prints its statistics."""
    threshold: str = "Failed to look up"
    """How `find-threshold` ends. "Best threshold" if there is one to be found."""
    threshold_score: str = ""
    """The score that it looks at, if it is another."""
    before: Tuple[str, ...] = ()
    """Components of spaCy's that it needs before it in a pipeline."""
    needs_annotation: bool = True
    """Whether it learns from annotation, and not from any text."""

    @property
    def pipeline(self) -> List[str]:
        return [*self.before, self.factory]

    def write_corpora(self, folder: Path) -> None:
        """Make train.spacy and dev.spacy there."""
        for part in ("train", "dev"):
            docs = [example.reference for example in self.corpus(part)(spacy.blank("en"))]
            DocBin(docs=docs, store_user_data=True).to_disk(folder / f"{part}.spacy")

    def training_options(self) -> List[str]:
        options = {"training.max_steps": self.steps, "training.eval_frequency": self.steps // 2, **self.overrides}
        return [text for name, value in options.items() for text in (f"--{name}", str(value))]


def treebank(part: str) -> Callable[[Language], Iterable[Example]]:
    return make_conllu_corpus_v1(STARTER / "treebank" / f"{part}.conllu")


def tenses(part: str) -> Callable[[Language], Iterable[Example]]:
    """The opinions, sorted by something that is learned from few of them."""

    def read(nlp: Language) -> Iterable[Example]:
        for example in make_review_corpus_v1(STARTER / "opinions" / f"{part}.tsv")(nlp):
            past = any(token.lower_ in ("was", "were") for token in example.predicted)
            yield Example.from_dict(example.predicted, {"cats": {"past": past, "present": not past}})

    return read


def traits(part: str) -> Callable[[Language], Iterable[Example]]:
    """The opinions with categories that don't exclude each other."""

    def read(nlp: Language) -> Iterable[Example]:
        for example in tenses(part)(nlp):
            cats = {"past": example.reference.cats["past"], "comma": "," in example.reference.text}
            yield Example.from_dict(example.predicted, {"cats": cats})

    return read


def pairs(part: str) -> Callable[[Language], Iterable[Example]]:
    folder = STARTER / "pairs"
    return make_parallel_corpus_v1(folder / f"{part}.en", folder / f"{part}.fr", limit=300 if part == "train" else 20)


def running(part: str) -> Callable[[Language], Iterable[Example]]:
    """The running text in pieces of two sentences."""

    def read(nlp: Language) -> Iterable[Example]:
        for i, example in enumerate(make_text_corpus_v1(STARTER / "running" / "text.txt")(nlp)):
            sentences = list(example.reference.sents) if (i < 18) == (part == "train") else []
            for j in range(0, len(sentences), 2):
                doc = example.reference[sentences[j].start : sentences[j : j + 2][-1].end].as_doc()
                yield Example(nlp.make_doc(doc.text), doc)

    return read


COMPONENTS = [
    Component(
        "fodl_tagger",
        corpus=treebank,
        score="tag_acc",
        floor=0.45,
        annotated=lambda doc: doc.has_annotation("TAG", require_complete=True),
        torch_layer="torch(NGramEncoder)",
        setting=("store_probs", True),
        stock=("tagger", "Part-of-speech Tagging"),
    ),
    Component(
        "fodl_parser",
        corpus=treebank,
        score="dep_las",
        floor=0.35,
        annotated=lambda doc: doc.has_annotation("DEP", require_complete=True),
        torch_layer="torch(TransitionScorer)",
        setting=("min_lifted", 3),
        steps=80,
        overrides={"training.optimizer.learn_rate": 0.003},
        stock=("parser", "Dependency Parsing"),
    ),
    Component(
        "fodl_textcat",
        corpus=tenses,
        score="cats_score",
        floor=0.9,
        annotated=lambda doc: set(doc.cats) == {"past", "present"},
        torch_layer="torch(RNNPooling)",
        setting=("threshold", 0.2),
        overrides={"training.optimizer.learn_rate": 0.01},
        steps=160,
        stock=("textcat", "Text Classification (Exclusive Classes)"),
        threshold="All scores are identical",
    ),
    Component(
        "fodl_textcat_multilabel",
        corpus=traits,
        score="cats_score",
        floor=0.9,
        annotated=lambda doc: set(doc.cats) == {"past", "comma"},
        torch_layer="torch(RNNPooling)",
        setting=("threshold", 0.2),
        overrides={"training.optimizer.learn_rate": 0.003},
        stock=("textcat_multilabel", "Text Classification (Multilabel)"),
        threshold="Best threshold",
        threshold_score="cats_macro_f",
    ),
    Component(
        "fodl_seq2seq",
        corpus=pairs,
        score="chrf",
        floor=0.12,
        annotated=lambda doc: isinstance(doc.user_data.get(("._.", "fodl_output", None, None)), str),
        torch_layer="torch(Seq2Seq)",
        setting=("beam_width", 2),
        overrides={
            "components.fodl_seq2seq.target.size": 200,
            "components.fodl_seq2seq.max_ratio": 1.0,
            "training.optimizer.learn_rate": 0.005,
        },
        steps=80,
        relabel=None,
        is_known_to_evaluate=False,
    ),
    Component(
        "fodl_skipthought",
        corpus=running,
        score="thought_acc",
        floor=0.13,
        annotated=lambda doc: doc.user_data.get(("._.", "fodl_sentence_vectors", None, None)) is not None,
        torch_layer="torch(SkipThought)",
        setting=("vocab_size", 300),
        overrides={
            "components.fodl_skipthought.vocab_size": 500,
            "training.optimizer.learn_rate": 0.005,
            "components.fodl_skipthought.model.width": 32,
        },
        steps=20,
        relabel=None,
        is_known_to_evaluate=False,
        before=("sentencizer",),
        needs_annotation=False,
    ),
]
