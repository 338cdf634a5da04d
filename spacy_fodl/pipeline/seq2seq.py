"""fodl_seq2seq: texts from texts as a component."""

import math
import warnings
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple, Union, cast

import numpy as np
from spacy.errors import Errors as SpacyErrors
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, Model

from ..errors import KEEP_USER_DATA, Errors, Warnings
from ..models.extensions import TARGET, add_target_extension
from ..models.seq2seq import Batch, Output, Query, Result, SearchSettings
from ..models.words import are_words
from .settings import count, flag, real
from .structured import StructuredPipe
from .survey import survey
from .targets import Target

OUTPUT = "fodl_output"
DETAILS = "fodl_seq2seq"
# More training examples that are too long than this share are worth a warning.
MANY_LONG = 0.1
# What is done with the text that was written for a document.
Handler = Callable[[Doc, str], None]

default_model_config = """
[model]
@architectures = "spacy_fodl.Seq2Seq.v1"
attention = "additive"
width = 128
embed_width = 128

[model.tok2vec]
@architectures = "spacy.MultiHashEmbed.v2"
width = 128
attrs = ["NORM", "PREFIX", "SUFFIX", "SHAPE"]
rows = [5000, 1000, 2500, 2500]
include_static_vectors = false
"""
DEFAULT_MODEL = Config().from_str(default_model_config)["model"]


def make_set_text_v1() -> Handler:
    """Set doc._.fodl_output to the text, and no more."""
    return set_text


def set_text(doc: Doc, text: str) -> None:
    doc._.set(OUTPUT, text)


@Language.factory(
    "fodl_seq2seq",
    assigns=["doc._.fodl_output", "doc._.fodl_seq2seq"],
    default_config={
        "model": DEFAULT_MODEL,
        "target": {"@misc": "spacy_fodl.Subwords.v1", "size": 8000, "model_type": "unigram"},
        "output": {"@misc": "spacy_fodl.SetText.v1"},
        "beam_width": 1,
        "n_best": 1,
        "length_power": 1.0,
        "beam_threshold": 0.0,
        "max_ratio": 3.0,
        "max_extra": 20,
        "store_attention": False,
        "max_source": 0,
        "max_target": 0,
        "scorer": {"@scorers": "spacy_fodl.seq2seq_scorer.v1"},
    },
    default_score_weights={"bleu": 1.0, "chrf": 0.0, "bleu_signature": None, "chrf_signature": None},
)
def make_fodl_seq2seq(
    nlp: Language,
    name: str,
    model: Model,
    target: Target,
    output: Handler,
    beam_width: int,
    n_best: int,
    length_power: float,
    beam_threshold: float,
    max_ratio: float,
    max_extra: int,
    store_attention: bool,
    max_source: int,
    max_target: int,
    scorer: Optional[Callable],
) -> "FodlSeq2Seq":
    """Make a component that writes a text for each document.

    model (Model): Outputs for documents, usually spacy_fodl.Seq2Seq.v1.
    target (Target): The symbols that it writes: spacy_fodl.Subwords.v1, spacy_fodl.Words.v1 or
        spacy_fodl.TreeSymbols.v1.
    output (Callable[[Doc, str], None]): Called with each document and its text: spacy_fodl.SetText.v1,
        spacy_fodl.SetTree.v1, or a function of your own.
    beam_width (int): Hypotheses that are kept for each document; 1 takes the best symbol at each step.
    n_best (int): How many outputs to keep, if there are so many; at most beam_width.
    length_power (float): The log-probability of an output is divided by its length to this power, so that short ones
        are not always better.
    beam_threshold (float): What is further than this behind the best of the same length, in natural logarithms of
        probabilities, leaves the beam, so that there are fewer outputs; 0 for no threshold.
    max_ratio (float): How many symbols an output may have for each token of the document but white space,
    max_extra (int): and so many more.
    store_attention (bool): Whether to keep the weights of attention, doc._.fodl_seq2seq["attention"]. *Shape:*
        (symbols, tokens + 1)
    max_source, max_target (int): Examples with more words or symbols are not trained on; 0 for no limit.
    scorer (Optional[Callable]): The scoring method.
    RAISES (ValueError): If a setting is out of its range (F208).
    """
    return FodlSeq2Seq(
        nlp.vocab,
        model,
        name,
        target=target,
        output=output,
        beam_width=beam_width,
        n_best=n_best,
        length_power=length_power,
        beam_threshold=beam_threshold,
        max_ratio=max_ratio,
        max_extra=max_extra,
        store_attention=store_attention,
        max_source=max_source,
        max_target=max_target,
        scorer=scorer,
    )


class FodlSeq2Seq(StructuredPipe):
    """Writes a text for each document: a translation, for example. It learns from doc._.fodl_target of gold documents.

    vocab (Vocab): The shared vocabulary.
    model (Model): Outputs for documents.
    name (str): The name of the component in the pipeline.
    target, output, beam_width, n_best, length_power, beam_threshold, max_ratio, max_extra, store_attention, max_source,
        max_target, scorer: As in make_fodl_seq2seq. All but target, output and scorer can be set at any time.
    """

    fewest_best = 1
    length_power = real(0)
    beam_threshold = real(0)
    max_ratio = real(0)
    max_extra = count(1)
    store_attention = flag()
    max_source = count(0)
    max_target = count(0)

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "fodl_seq2seq",
        *,
        target: Target,
        output: Handler = set_text,
        beam_width: int = 1,
        n_best: int = 1,
        length_power: float = 1.0,
        beam_threshold: float = 0.0,
        max_ratio: float = 3.0,
        max_extra: int = 20,
        store_attention: bool = False,
        max_source: int = 0,
        max_target: int = 0,
        scorer: Optional[Callable] = None,
    ) -> None:
        self.vocab = vocab
        self.model = model
        self.name = name
        self.target = target
        self.output = output
        self.scorer = scorer
        self.length_power = length_power
        self.beam_threshold = beam_threshold
        self.max_ratio = max_ratio
        self.max_extra = max_extra
        self.store_attention = store_attention
        self.max_source = max_source
        self.max_target = max_target
        self._set_beam(beam_width, n_best)
        self.cfg: Dict[str, Any] = {"target": {}}
        add_target_extension()
        for extension in (OUTPUT, DETAILS):
            if not Doc.has_extension(extension):
                Doc.set_extension(extension, default=None)

    @property
    def labels(self) -> Tuple[str, ...]:
        """Nothing: it writes symbols, and has no labels."""
        return ()

    @property
    def label_data(self) -> None:
        """Nothing."""
        return None

    def initialize(
        self, get_examples: Callable[[], Iterable[Example]], *, nlp: Optional[Language] = None, labels: Any = None
    ) -> None:
        """Learn the symbols of the targets, let word embeddings learn their words, and infer the shapes of the model.

        get_examples (Callable[[], Iterable[Example]]): Returns the training examples.
        nlp (Optional[Language]): The pipeline.
        labels (Any): Not used.
        RAISES (ValueError): If no example has a target (F201), one is no text (F212), all are longer than max_source or
            max_target (F228), the vocabulary can't learn them (F215, F216, F229), or the model has another number of
            outputs (F214), also from an earlier initialization (F223).
        """
        validate_get_examples(get_examples, "FodlSeq2Seq.initialize")
        texts: List[str] = []
        lengths: List[int] = []
        has_target = False

        def look(example: Example) -> bool:
            nonlocal has_target
            text = self._gold(example)
            has_target = has_target or bool(text and text.strip())
            n_words = int(are_words([example.predicted])[0].sum())
            if text is None or not n_words:
                return False
            texts.append(text)
            lengths.append(n_words)
            return True

        sample, n_examples, take_words = survey(self.model, get_examples, look)
        if not sample or not any(text.strip() for text in texts):
            what = "word in documents with a target" if has_target else "text in doc._.fodl_target"
            raise ValueError(Errors.F201.format(component=self.name, n=n_examples, what=what, hint=KEEP_USER_DATA))
        before = self.target.to_dict() if self.target.symbols else None
        self.target.learn(texts)
        try:
            self._check_lengths(texts, lengths)
            n_symbols = len(self.target.symbols)
            network = self.model.get_ref("network")
            if network.maybe_get_dim("nO") not in (None, n_symbols):
                error = Errors.F223 if before else Errors.F214
                raise ValueError(error.format(component=self.name, found=network.get_dim("nO"), expected=n_symbols))
        except ValueError:
            if before:
                self.target.from_dict(before)
            raise
        network.set_dim("nO", n_symbols, force=True)
        take_words()
        self.model.initialize(X=[example.predicted for example in sample])
        self.cfg["target"] = self.target.to_dict()
        self._keep_digest(self.target.symbols)

    def _check_lengths(self, texts: List[str], lengths: List[int]) -> None:
        """Tell how many examples are left out of training, if they are many.

        texts (List[str]): Their targets.
        lengths (List[int]): Their words.
        RAISES (ValueError): If all are.
        """
        n_long = sum(
            self._is_long(n_words, len(self.target.encode(text)) if self.max_target else 0)
            for text, n_words in zip(texts, lengths)
        )
        limits = " or ".join(
            f"{name} = {getattr(self, name)}" for name in ("max_source", "max_target") if getattr(self, name)
        )
        told = {"component": self.name, "n": len(texts), "limits": limits}
        if n_long == len(texts):
            raise ValueError(Errors.F228.format(**told))
        if n_long > MANY_LONG * len(texts):
            warnings.warn(Warnings.W202.format(share=n_long / len(texts), **told), stacklevel=3)

    def _is_long(self, n_words: int, n_symbols: int) -> bool:
        """Whether an example is longer than max_source or max_target allow."""
        return 0 < self.max_source < n_words or 0 < self.max_target < n_symbols

    def _gold(self, example: Example) -> Optional[str]:
        text = example.reference._.get(TARGET)
        if text is not None and not isinstance(text, str):
            raise ValueError(
                Errors.F212.format(
                    component=self.name, type=type(text).__name__, value=text, text=example.reference.text[:60]
                )
            )
        return text

    def predict(self, docs: Iterable[Doc]) -> List[Result]:
        """Find outputs for documents without changing them.

        docs (Iterable[Doc]): The documents.
        RETURNS (List[Result]): What was found for each, the best first. Nothing is written for a document without
            words.
        RAISES (ValueError): If the component is not initialized (spaCy's E109), its symbols don't fit the weights
            (F214), or scores are not finite (F224).
        """
        docs = list(docs)
        self._check_target()
        has_words = [bool(its.any()) for its in are_words(docs)]
        if not any(has_words):
            return [self._nothing(doc) for doc in docs]
        settings = SearchSettings(
            beam_width=self.beam_width,
            n_best=self.n_best,
            length_power=self.length_power,
            threshold=self.beam_threshold or math.inf,
            max_ratio=self.max_ratio,
            max_extra=self.max_extra,
            keep_attention=self.store_attention,
            constraint=self.target.constraint(docs),
        )
        results = self.model.predict(cast(Any, Query(docs, settings)))
        for i, doc in enumerate(docs):
            if not has_words[i]:
                results[i] = self._nothing(doc)
            elif not results[i].outputs:
                raise ValueError(Errors.F224.format(component=self.name, text=doc.text[:60]))
        return results

    def _nothing(self, doc: Doc) -> Result:
        """What is written for a document without words."""
        shape = (0, len(doc) + 1)
        return Result([Output([], 0.0, True)], np.zeros(shape, dtype="float32") if self.store_attention else None)

    def _check_target(self) -> None:
        """The symbols have to be those that the weights were trained for."""
        if not self.target.symbols:
            raise ValueError(SpacyErrors.E109.format(name=self.name))
        found = self.model.get_ref("network").maybe_get_dim("nO")
        if found not in (None, len(self.target.symbols)):
            raise ValueError(Errors.F214.format(component=self.name, found=found, expected=len(self.target.symbols)))

    def set_annotations(self, docs: Union[Doc, Iterable[Doc]], results: List[Result]) -> None:
        """Give the best text to output, and set doc._.fodl_seq2seq: a dict of "tokens", "score", "complete", "n_best"
        (dicts of "text", "score" and "complete"), and with store_attention "attention".

        docs (Union[Doc, Iterable[Doc]]): The documents.
        results (List[Result]): What predict returned for them.
        """
        docs = [docs] if isinstance(docs, Doc) else list(docs)
        symbols = self.target.symbols
        for doc, result in zip(docs, results):
            texts = [self.target.decode(output.symbols) for output in result.outputs]
            best = result.outputs[0]
            details: Dict[str, Any] = {
                "tokens": [symbols[symbol] for symbol in best.symbols],
                "score": best.score,
                "complete": best.complete,
                "n_best": [
                    {"text": text, "score": output.score, "complete": output.complete}
                    for text, output in zip(texts, result.outputs)
                ],
            }
            if self.store_attention:
                # None if the model chooses nothing to look at.
                details["attention"] = None if result.attention is None else result.attention[: len(best.symbols)]
            doc._.set(DETAILS, details)
            self.output(doc, texts[0])

    def _batch(self, examples: List[Example]) -> Batch:
        """Examples without a target, or longer than max_source or max_target, don't count."""
        self._check_target()
        targets: List[Optional[List[int]]] = []
        for example in examples:
            text, n_words = self._gold(example), int(are_words([example.predicted])[0].sum())
            symbols = None if text is None or not n_words else self.target.encode(text)
            if symbols is not None and self._is_long(n_words, len(symbols)):
                symbols = None
            targets.append(symbols)
        return Batch([example.predicted for example in examples], targets)

    def _take_loaded(self) -> None:
        if self.cfg["target"]:
            self.target.from_dict(self.cfg["target"])
            self._check_target()
            self._check_digest(self.target.symbols, "target symbols")
