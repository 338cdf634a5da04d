"""fodl_skipthought: vectors of sentences as a component."""

import contextlib
import math
import warnings
from collections import Counter
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple, Union, cast

import numpy as np
from spacy.attrs import IS_SPACE, LOWER
from spacy.errors import Errors as SpacyErrors
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_get_examples
from spacy.training.alignment_array import AlignmentArray
from spacy.util import minibatch
from spacy.vocab import Vocab
from thinc.api import Config, Model

from ..errors import FIND_SENTENCES, Errors, Warnings
from ..layers import rebuild, torch_modules
from ..models.skipthought import Batch, Loss, Sentences
from ..models.words import are_words, places_in
from ..modules.skipthought import UNKNOWN, SkipThought
from .sentence_vectors import set_sentence_vectors
from .settings import count, flag
from .structured import LossPipe
from .survey import survey

SCORED_DOCS = 32
DECODERS = "decoders"
# What exp can still be taken of.
MAX_LOG = 700.0

default_model_config = """
[model]
@architectures = "spacy_fodl.SkipThought.v1"
cell = "gru"
width = 128
embed_width = 128
decoder_width = 128

[model.tok2vec]
@architectures = "spacy.MultiHashEmbed.v2"
width = 128
attrs = ["NORM", "PREFIX", "SUFFIX", "SHAPE"]
rows = [5000, 1000, 2500, 2500]
include_static_vectors = false
"""
DEFAULT_MODEL = Config().from_str(default_model_config)["model"]


class Found(NamedTuple):
    """The sentences of a document."""

    starts: np.ndarray
    """The first token of each. *Shape:* (sentences,)"""
    vectors: np.ndarray
    """The vector of each. *Shape:* (sentences, width)"""


@Language.factory(
    "fodl_skipthought",
    requires=["doc.sents"],
    assigns=["doc._.fodl_sentence_vectors", "doc.user_hooks", "doc.user_span_hooks"],
    default_config={"model": DEFAULT_MODEL, "vocab_size": 20000, "score_words": 100000, "save_decoders": True},
    default_score_weights={"thought_acc": 1.0, "thought_perplexity": None},
)
def make_fodl_skipthought(
    nlp: Language, name: str, model: Model, vocab_size: int, score_words: int, save_decoders: bool
) -> "FodlSkipThought":
    """Make a component that gives sentences vectors.

    model (Model): Vectors of sentences, usually spacy_fodl.SkipThought.v1.
    vocab_size (int): How many words the decoders know, the most frequent in lower case, the end of a sentence and one
        number for all other words included.
    score_words (int): From how many words scores are estimated, the first ones of the examples, since all words that
        the decoders know are scored for each; 0 for all words.
    save_decoders (bool): Whether the decoders are saved too. They are needed to train and to score, not for vectors.
    """
    return FodlSkipThought(
        nlp.vocab, model, name, vocab_size=vocab_size, score_words=score_words, save_decoders=save_decoders
    )


class FodlSkipThought(LossPipe):
    """Gives each sentence a vector, from which the sentences before and after it could be foreseen: sentences that
    stand in similar surroundings get similar ones. It learns from running text, without labels.

    The sentences are those that the document has: of a senter, sentencizer or parser before it in the pipeline. In
    training they may also be those of the gold document, where none are set.

    vocab (Vocab): The shared vocabulary.
    model (Model): Vectors of sentences.
    name (str): The name of the component in the pipeline.
    vocab_size, score_words, save_decoders: As in make_fodl_skipthought. The latter two can be set at any time.
    """

    vocab_size = count(3)
    score_words = count(0)
    save_decoders = flag()

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "fodl_skipthought",
        *,
        vocab_size: int = 20000,
        score_words: int = 100000,
        save_decoders: bool = True,
    ) -> None:
        self.vocab = vocab
        self.model = model
        self.name = name
        self.vocab_size = vocab_size
        self.score_words = score_words
        self.save_decoders = save_decoders
        self.cfg: Dict[str, Any] = {"words": []}
        self._take_words([])

    @property
    def labels(self) -> Tuple[str, ...]:
        """Nothing: it has no labels."""
        return ()

    @property
    def label_data(self) -> None:
        """Nothing."""
        return None

    @property
    def has_decoders(self) -> bool:
        """Whether the model can be trained and scored. False for one that was saved without its decoders."""
        return self.model.get_ref("network").maybe_get_dim("nO") != 0

    def initialize(
        self, get_examples: Callable[[], Iterable[Example]], *, nlp: Optional[Language] = None, labels: Any = None
    ) -> None:
        """Learn the words of the decoders, let word embeddings learn theirs, and infer the shapes of the model.

        get_examples (Callable[[], Iterable[Example]]): Returns the training examples.
        nlp (Optional[Language]): The pipeline.
        labels (Any): Not used.
        RAISES (ValueError): If the examples hold no word, or no document that could have two sentences (F201).
        """
        validate_get_examples(get_examples, "FodlSkipThought.initialize")
        counts: Counter = Counter()
        n_with_neighbours = 0

        def look(example: Example) -> None:
            nonlocal n_with_neighbours
            starts = known_starts(example)
            n_with_neighbours += len(example.predicted) > 1 if starts is None else len(starts) > 1
            values = example.predicted.to_array([LOWER, IS_SPACE])
            counts.update(values[values[:, 1] == 0, 0].tolist())

        sample, n_examples, take_words = survey(self.model, get_examples, look)
        if not counts or not n_with_neighbours:
            what = "document of two sentences or more" if counts else "word"
            raise ValueError(Errors.F201.format(component=self.name, n=n_examples, what=what, hint=FIND_SENTENCES))
        words = {self.vocab.strings[key]: n for key, n in counts.items()}
        ranked = sorted(words, key=lambda word: (-words[word], word))
        self._take_words(ranked[: self.vocab_size - 2])
        self.model.get_ref("network").set_dim("nO", len(self.cfg["words"]) + 2, force=True)
        take_words()
        self.model.initialize(X=[example.predicted for example in sample])
        self._keep_digest(self.cfg["words"])

    def _take_words(self, words: List[str]) -> None:
        self.cfg["words"] = words
        keys = np.array([self.vocab.strings.add(word) for word in words], dtype="uint64")
        order = np.argsort(keys)
        self._keys, self._numbers = keys[order], order + UNKNOWN + 1

    def _take_loaded(self) -> None:
        self._take_words(list(self.cfg["words"]))
        if self.has_decoders and self.cfg["words"]:
            self._check_digest(self.cfg["words"], "words of the decoders")

    def _check_words(self) -> None:
        """The words have to be those that the decoders were trained for."""
        found = self.model.get_ref("network").maybe_get_dim("nO")
        expected = len(self.cfg["words"]) + 2
        if found not in (None, 0, expected):
            raise ValueError(Errors.F222.format(component=self.name, found=found, expected=expected))

    def _words(self, docs: List[Doc], is_read: np.ndarray) -> np.ndarray:
        keys = np.concatenate([doc.to_array(LOWER) for doc in docs])[is_read]
        places = places_in(self._keys, keys)
        return np.where(places < 0, UNKNOWN, self._numbers[places])

    def predict(self, docs: Iterable[Doc]) -> List[Found]:
        """Make the vectors of sentences without changing the documents.

        docs (Iterable[Doc]): The documents.
        RETURNS (List[Found]): The sentences of each, with their vectors.
        RAISES (ValueError): If a document has no sentence starts (F217).
        RAISES (KeyError): If the component is not initialized; nlp(text) says E109.
        """
        docs = list(docs)
        starts = [self._starts(doc, None) for doc in docs]
        if not any(len(doc) for doc in docs):
            # The width of a vector, or E109 as for documents with tokens.
            modules = torch_modules(self.model.get_ref("network"))
            if not modules:
                raise ValueError(SpacyErrors.E109.format(name=self.name))
            width = cast(SkipThought, modules[0]).encoder.n_pooled
            return [Found(its, np.zeros((0, width), dtype="float32")) for its in starts]
        vectors = self.model.predict(cast(Any, sentences_of(docs, starts)))
        parts = np.split(vectors, np.cumsum([len(its) for its in starts])[:-1])
        return [Found(*found) for found in zip(starts, parts)]

    def set_annotations(self, docs: Union[Doc, Iterable[Doc]], found: List[Found]) -> None:
        """Write the vectors to the documents: see set_sentence_vectors.

        docs (Union[Doc, Iterable[Doc]]): The documents.
        found (List[Found]): What predict returned for them.
        """
        docs = [docs] if isinstance(docs, Doc) else list(docs)
        for doc, (starts, vectors) in zip(docs, found):
            # A copy, or each Doc would hold on to the vectors of the whole batch.
            set_sentence_vectors(doc, starts, vectors.copy())

    def _starts(self, doc: Doc, gold: Optional[Example]) -> np.ndarray:
        starts = sentence_starts(doc) if gold is None else known_starts(gold)
        if starts is None:
            raise ValueError(Errors.F217.format(component=self.name, text=doc.text[:60]))
        return starts

    def _expect_decoders(self) -> None:
        if not self.has_decoders:
            raise ValueError(Errors.F218.format(component=self.name))

    def _batch(self, examples: List[Example]) -> Batch:
        self._expect_decoders()
        self._check_words()
        docs = [example.predicted for example in examples]
        sentences = sentences_of(docs, [self._starts(example.predicted, example) for example in examples])
        return Batch(sentences, self._words(docs, sentences.is_read), neighbours(sentences))

    def _before_loss(self, batch: Batch, is_train: bool) -> None:
        if is_train and not len(batch.pairs):
            warnings.warn(Warnings.W203.format(component=self.name), stacklevel=3)

    def score(self, examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
        """How well neighbouring sentences are foreseen from vectors.

        examples (Iterable[Example]): The examples. No more are looked at once score_words words are, 32 at a time.
        RETURNS (Dict[str, Any]): thought_acc, the share of their words, and of their ends, that the decoders think
            the likeliest, given the words before; thought_perplexity, the geometric mean of one over the
            probability of a word. None without decoders, or where no document has two sentences.
        RAISES (ValueError): If a document has no sentence starts (F217), or words and decoders don't fit (F222).
        """
        loss, n_right, n_words = 0.0, 0, 0
        for part in minibatch(examples, SCORED_DOCS) if self.has_decoders else ():
            if 0 < self.score_words <= n_words:
                break
            if any(len(example.predicted) for example in part):
                found = cast(Loss, self.model.predict(cast(Any, self._batch(part))))
                loss, n_right, n_words = loss + found.value, n_right + found.n_right, n_words + found.n_words
        return {
            "thought_acc": n_right / n_words if n_words else None,
            "thought_perplexity": math.exp(min(loss / n_words, MAX_LOG)) if n_words else None,
        }

    def to_disk(self, path: Any, *, exclude: Iterable[str] = ()) -> None:
        """Save the component. See SafeSaving.

        path (Any): The folder; made if it isn't there.
        exclude (Iterable[str]): Names of parts to leave out: "cfg", "model", "vocab" or "decoders".
        """
        with self._saved_model(exclude) as rest:
            super().to_disk(path, exclude=rest)

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialize the component.

        exclude (Iterable[str]): Names of parts to leave out: "cfg", "model", "vocab" or "decoders".
        RETURNS (bytes): The data.
        """
        with self._saved_model(exclude) as rest:
            return super().to_bytes(exclude=rest)

    @contextlib.contextmanager
    def _saved_model(self, exclude: Iterable[str]) -> Iterator[List[str]]:
        """Have the model without its decoders for a while, if they are to be left out, and give what else is."""
        model, words = self.model, self.cfg["words"]
        rest = [name for name in exclude if name != DECODERS]
        leave_out = DECODERS in exclude or not self.save_decoders
        try:
            if leave_out and self.has_decoders and torch_modules(model.get_ref("network")):
                self.model = without_decoders(model)
                self.cfg["words"] = []
            yield rest
        finally:
            self.model, self.cfg["words"] = model, words


def without_decoders(model: Model) -> Model:
    """A copy of a model that can do everything but be trained or scored."""
    lean = model.copy()
    # The copy of a model lacks its references.
    network = list(lean.walk())[list(model.walk()).index(model.get_ref("network"))]
    network.set_dim("nO", 0, force=True)
    rebuild(network, n_out=0)
    return lean


def sentence_starts(doc: Doc) -> Optional[np.ndarray]:
    """The first token of each sentence; None if the document doesn't say. *Shape:* (sentences,)"""
    if len(doc) > 1 and not doc.has_annotation("SENT_START"):
        return None
    return np.array([sentence.start for sentence in doc.sents] if len(doc) else [], dtype="int64")


def known_starts(example: Example) -> Optional[np.ndarray]:
    """The sentence starts of the document, or where it has none those of the gold document."""
    found = sentence_starts(example.predicted)
    if found is None and example.reference.has_annotation("SENT_START"):
        y2x = example.alignment.y2x
        # The first token of a sentence may be white space that the document lacks.
        aligned = (y2x[i] for sentence in example.reference.sents for i in first_aligned(y2x, sentence))
        found = np.unique([0, *(int(places[0]) for places in aligned)])
    return found


def first_aligned(y2x: AlignmentArray, sentence: Span) -> List[int]:
    """The first token of a gold sentence that is aligned with any; none, or one."""
    return [i for i in range(sentence.start, sentence.end) if len(y2x[i])][:1]


def sentences_of(docs: List[Doc], starts: List[np.ndarray]) -> Sentences:
    """What the model takes, of documents with known sentence starts. White space is not read."""
    is_read = are_words(docs)
    lengths = [np.add.reduceat(its, at, dtype="int64") for its, at in zip(is_read, starts) if len(at)]
    owners = np.repeat(np.arange(len(docs)), [len(its) for its in starts])
    none = np.zeros(0, dtype="int64")
    return Sentences(docs, np.concatenate([none.astype(bool), *is_read]), np.concatenate([none, *lengths]), owners)


def neighbours(sentences: Sentences) -> np.ndarray:
    """Pairs of sentences that follow one upon the other, those of white space left out. *Shape:* (pairs, 2)"""
    read = np.flatnonzero(sentences.lengths)
    pairs = np.stack([read[:-1], read[1:]], axis=1)
    return pairs[sentences.owners[pairs[:, 0]] == sentences.owners[pairs[:, 1]]]
