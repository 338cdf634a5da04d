"""fodl_tagger: the neural n-gram tagger as a component."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Hashable, Iterable, Iterator, List, Optional, Set, Tuple, Union, cast

import numpy as np
from spacy.attrs import POS, TAG
from spacy.language import Language
from spacy.parts_of_speech import IDS as UPOS
from spacy.pipeline.tagger import Tagger
from spacy.pipeline.tok2vec import Tok2VecListener
from spacy.scorer import Scorer
from spacy.tokens import Doc, Token
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.util import check_lexeme_norms
from spacy.vocab import Vocab
from thinc.api import CategoricalCrossentropy, Config, Model
from thinc.types import Floats2d, Ints2d

from ..errors import LABELS_ARE_ENOUGH, Errors
from .labels import check_label, check_label_list
from .saving import SafeSaving
from .survey import survey

PROBS = "fodl_tag_probs"
MISSING = -1

default_model_config = """
[model]
@architectures = "spacy_fodl.NGramTagger.v1"
before = 2
after = 2
hidden = [512, 256]
grad_clip = 1.0

[model.tok2vec]
@architectures = "spacy.Tok2Vec.v2"

[model.tok2vec.embed]
@architectures = "spacy.MultiHashEmbed.v2"
width = 96
attrs = ["NORM", "PREFIX", "SUFFIX", "SHAPE"]
rows = [5000, 1000, 2500, 2500]
include_static_vectors = false

[model.tok2vec.encode]
@architectures = "spacy.MaxoutWindowEncoder.v2"
width = 96
depth = 1
window_size = 1
maxout_pieces = 3
"""
DEFAULT_MODEL = Config().from_str(default_model_config)["model"]


def get_tag_probs(token: Token) -> Optional[np.ndarray]:
    """The getter of token._.fodl_tag_probs. It has no access to the component: any pickled Doc would then hold it."""
    probs = token.doc._.get(PROBS)
    return None if probs is None or len(probs) != len(token.doc) else probs[token.i]


def split_class(label: str) -> Tuple[str, str]:
    """'NN|NOUN' → ('NN', 'NOUN'). Tags may hold the separator, universal parts of speech don't."""
    tag, _, pos = label.rpartition("|")
    return tag, pos


def aligned(example: Example, attr: str) -> List[Optional[int]]:
    """The gold values of an attribute for the predicted tokens: what Example.get_aligned gives, without working out an
    alignment where both sides have the same tokens."""
    gold = example.reference.to_array(["ORTH", attr])
    if np.array_equal(gold[:, 0], example.predicted.to_array("ORTH")):
        return cast(List[Optional[int]], gold[:, 1].tolist())
    return cast(List[Optional[int]], example.get_aligned(attr))


@Language.factory(
    "fodl_tagger",
    assigns=["token.tag"],
    default_config={
        "model": DEFAULT_MODEL,
        "overwrite": False,
        "label_smoothing": 0.0,
        "set_pos": False,
        "store_probs": False,
        "scorer": {"@scorers": "spacy.tagger_scorer.v1"},
    },
    default_score_weights={"tag_acc": 1.0, "pos_acc": None},
)
def make_fodl_tagger(
    nlp: Language,
    name: str,
    model: Model,
    overwrite: bool,
    label_smoothing: float,
    set_pos: bool,
    store_probs: bool,
    scorer: Optional[Callable],
) -> "FodlTagger":
    """Make a tagger.

    model (Model[List[Doc], List[Floats2d]]): Scores for each tag, usually spacy_fodl.NGramTagger.v1.
    overwrite (bool): Whether to replace tags that are already set.
    label_smoothing (float): Share of the probability that training spreads over the tags that are not gold: 0 or more,
        and below (n - 1) / n for n tags.
    set_pos (bool): Whether to learn and set universal parts of speech, `token.pos_`, along with the tags.
    store_probs (bool): Whether to keep the tag distribution in `token._.fodl_tag_probs`.
    scorer (Optional[Callable]): The scoring method.
    RAISES (ValueError): If label_smoothing is not 0 or more and below 1 (F208).
    """
    return FodlTagger(
        nlp.vocab,
        model,
        name,
        overwrite=overwrite,
        label_smoothing=label_smoothing,
        set_pos=set_pos,
        store_probs=store_probs,
        scorer=scorer,
    )


@dataclass
class TagGuesses:
    """What FodlTagger.predict returns, an entry a document."""

    tags: List[np.ndarray]
    """Indices into FodlTagger.labels. *Shape:* (tokens,)"""
    pos: Optional[List[np.ndarray]] = None
    """Universal parts of speech, as the integers of spacy.symbols; None without set_pos. *Shape:* (tokens,)"""
    probs: Optional[List[np.ndarray]] = None
    """Tag distributions; None without store_probs. *Shape:* (tokens, labels)"""


class FodlTagger(SafeSaving, Tagger):
    """spaCy's Tagger with tag probabilities and, on request, universal parts of speech.

    vocab (Vocab): The shared vocabulary.
    model (Model[List[Doc], List[Floats2d]]): Scores for each label.
    name (str): The name of the component in the pipeline.
    overwrite, label_smoothing, set_pos, store_probs, scorer: As in make_fodl_tagger.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "fodl_tagger",
        *,
        overwrite: bool = False,
        label_smoothing: float = 0.0,
        set_pos: bool = False,
        store_probs: bool = False,
        scorer: Optional[Callable] = None,
    ) -> None:
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                Errors.F208.format(
                    argument="label_smoothing", value=label_smoothing, component=name, expected="0 or more and below 1"
                )
            )
        super().__init__(vocab, model, name, overwrite=overwrite, scorer=scorer, label_smoothing=label_smoothing)
        # Negative examples, spaCy's neg_prefix, are not offered: a gold tag is a tag, even if it begins with "!".
        del self.cfg["neg_prefix"]
        self.cfg["set_pos"] = set_pos
        self.store_probs = store_probs
        if not Token.has_extension(PROBS):
            Token.set_extension(PROBS, getter=get_tag_probs)
        if not Doc.has_extension(PROBS):
            Doc.set_extension(PROBS, default=None)

    @property
    def classes(self) -> Tuple[str, ...]:
        """What the columns of the model's output stand for: the tags, or with set_pos each pair of tag and universal
        part of speech, as in "IN|SCONJ"."""
        return tuple(self.cfg["labels"])

    @property
    def labels(self) -> Tuple[str, ...]:
        """The tags."""
        if not self.cfg["set_pos"]:
            return self.classes
        return tuple(dict.fromkeys(split_class(label)[0] for label in self.classes))

    @property
    def label_data(self) -> Tuple[str, ...]:
        """What `spacy init labels` writes and initialize takes as labels: the classes."""
        return self.classes

    def add_label(self, label: str) -> int:
        """Add a tag, or with set_pos a pair as in "NN|NOUN". Possible before initialization only.

        label (str): The label.
        RETURNS (int): 0 if it was there already, otherwise 1.
        RAISES (ValueError): If it is no string (F202), not of that form (F205), or the output layer has its final size
            (F203).
        """
        if label in self.classes:
            return 0
        self._set_classes(self._with_labels([label]))
        return 1

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Any = None,
    ) -> None:
        """Collect the labels, let word embeddings learn their words, and infer the shapes of the model.

        get_examples (Callable[[], Iterable[Example]]): Returns the training examples.
        nlp (Optional[Language]): The pipeline.
        labels (Optional[Iterable[str]]): The labels, as label_data gives them; None to collect them from the examples.
        RAISES (ValueError): If the labels are not strings (F202) or of the form that set_pos needs (F205), there are
            neither labels nor tags in the examples (F201), the component was initialized before with other labels
            (F203), or nO doesn't fit (F207). It then stays as it was.
        """
        validate_get_examples(get_examples, "FodlTagger.initialize")
        check_lexeme_norms(self.vocab, "tagger")
        check_label_list(self.name, labels, "Pass a list such as ['DT', 'NN'].")
        found: Set[str] = set()

        def look(example: Example) -> None:
            if labels is None:
                found.update(self._annotated_classes(example.reference))

        sample, n_examples, take_words = survey(self.model, get_examples, look, needs_all=labels is None)
        classes = self._with_labels(sorted(found, key=self._order) if labels is None else labels)
        if not classes or not sample:
            what = "token.tag_" if not self.cfg["set_pos"] else "token.tag_ together with token.pos_"
            hint = LABELS_ARE_ENOUGH.format(component=self.name)
            raise ValueError(
                Errors.F201.format(component=self.name, n=n_examples, what=what if sample else "token", hint=hint)
            )
        outputs = self.model.get_ref("output_layer").maybe_get_dim("nO")
        if outputs not in (None, len(classes)):
            raise ValueError(Errors.F207.format(component=self.name, found=outputs, expected=len(classes)))
        docs = [example.predicted for example in sample]
        take_words()
        self.model.initialize(X=docs, Y=[self.model.ops.alloc2f(len(doc), len(classes)) for doc in docs])
        self._set_classes(classes)

    def _with_labels(self, labels: Iterable[str]) -> List[str]:
        """The classes with some more at their end."""
        classes = list(self.classes)
        for label in labels:
            check_label(self.name, label, "A label is a tag, such as 'NN'.")
            if label in classes:
                continue
            if self.cfg["set_pos"]:
                tag, pos = split_class(label)
                if not tag or not pos or pos not in UPOS:
                    raise ValueError(Errors.F205.format(component=self.name, label=label))
            classes.append(label)
        new = classes[len(self.classes) :]
        if new and self.model.get_ref("output_layer").has_param("W"):
            raise ValueError(Errors.F203.format(component=self.name, labels=", ".join(new), n=len(self.classes)))
        return classes

    def _set_classes(self, classes: List[str]) -> None:
        self.cfg["labels"] = classes
        for label in (*classes, *self.labels):
            self.vocab.strings.add(label)

    def _order(self, label: str) -> Tuple[str, ...]:
        return split_class(label) if self.cfg["set_pos"] else (label,)

    def predict(self, docs: Iterable[Doc]) -> TagGuesses:
        """Find the tags of documents without changing them.

        docs (Iterable[Doc]): The documents.
        RETURNS (TagGuesses): Tags, and what the settings ask for besides.
        """
        docs = list(docs)
        if not self.cfg["set_pos"] and not self.store_probs:
            return TagGuesses([self.model.ops.to_numpy(scores.argmax(axis=1)) for scores in self._scores(docs)])
        class_probs = self._class_probs(docs)
        probs = self._tag_probs(class_probs)
        tags = [p.argmax(axis=1) for p in probs]
        pos = None
        if self.cfg["set_pos"]:
            pos = self._pos(docs, tags, class_probs)
        return TagGuesses(tags, pos, probs if self.store_probs else None)

    def predict_proba(self, docs: Union[Doc, Iterable[Doc]]) -> List[np.ndarray]:
        """Find the probability of each tag for each token, without changing the documents. They must have passed the
        components before this one, if it listens to one of them.

        docs (Union[Doc, Iterable[Doc]]): The documents.
        RETURNS (List[np.ndarray]): An array a document. Columns are in the order of `labels`, each row sums to 1.
            *Shape:* (tokens, labels)
        RAISES (ValueError): If it listens to a component that a document has not passed (F209).
        """
        docs = [docs] if isinstance(docs, Doc) else list(docs)
        listens = any(isinstance(node, Tok2VecListener) for node in self.model.walk())
        if listens and any(len(doc) and not len(doc.tensor) for doc in docs):
            raise ValueError(Errors.F209.format(component=self.name))
        return self._tag_probs(self._class_probs(docs))

    def set_annotations(self, docs: Union[Doc, Iterable[Doc]], guesses: TagGuesses) -> None:
        """Write what predict found to the documents.

        docs (Union[Doc, Iterable[Doc]]): The documents.
        guesses (TagGuesses): What predict returned for them.
        """
        docs = [docs] if isinstance(docs, Doc) else list(docs)
        super().set_annotations(docs, guesses.tags)
        if guesses.pos is not None:
            for doc, pos in zip(docs, guesses.pos):
                old = doc.to_array(POS)
                doc.from_array(POS, cast(Ints2d, pos if self.cfg["overwrite"] else np.where(old == 0, pos, old)))
        if guesses.probs is not None:
            for doc, probs in zip(docs, guesses.probs):
                doc._.set(PROBS, probs)

    def get_loss(self, examples: Iterable[Example], scores: List[Floats2d]) -> Tuple[float, List[Floats2d]]:
        """Cross-entropy of the gold classes. Tokens without a gold class, or aligned to several that differ, don't
        count.

        examples (Iterable[Example]): The examples.
        scores (List[Floats2d]): Class probabilities, an array an example. *Shape:* (tokens, classes)
        RETURNS (Tuple[float, List[Floats2d]]): The loss, as the sum over the tokens of the squared gradient (what
            spaCy's tagger reports too), and the gradient in the shape of the scores.
        RAISES (ValueError): If a gold class is not among those that the component was initialized with (F204).
        """
        examples = list(examples)
        validate_examples(examples, "FodlTagger.get_loss")
        ops = self.model.ops
        index = self._gold_index()
        gold = ops.asarray1i([i for example in examples for i in self._gold(example, index)])
        smoothing = self.cfg["label_smoothing"] if len(self.classes) > 1 else 0.0  # One class leaves nothing to spread.
        loss_func = CategoricalCrossentropy(normalize=False, missing_value=MISSING, label_smoothing=smoothing)
        gradient, loss = loss_func(ops.flatten(scores), gold)
        return float(loss), ops.unflatten(gradient, ops.asarray1i([len(s) for s in scores]))

    def score(self, examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
        """Score examples: what the scorer gives, and with set_pos the accuracy of the parts of speech, `pos_acc`.

        examples (Iterable[Example]): The examples.
        RETURNS (Dict[str, Any]): The scores.
        """
        examples = list(examples)
        scores = cast(Dict[str, Any], super().score(examples, **kwargs))
        if self.cfg["set_pos"] and self.scorer is not None:
            scores.update(Scorer.score_token_attr(examples, "pos", **kwargs))
        return scores

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> "FodlTagger":
        with self._own_settings():
            super().from_disk(path, exclude=exclude)
        return self

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "FodlTagger":
        with self._own_settings():
            super().from_bytes(bytes_data, exclude=exclude)
        return self

    @contextlib.contextmanager
    def _own_settings(self) -> Iterator[None]:
        """While loading: spaCy lets saved settings win over those of the config. Here the config decides, and what the
        labels depend on has to be the same."""
        own = {name: self.cfg[name] for name in ("overwrite", "label_smoothing", "set_pos")}
        yield
        found = self.cfg["set_pos"]
        self.cfg.update(own)
        if found != own["set_pos"]:
            raise ValueError(Errors.F206.format(component=self.name, found=found, expected=own["set_pos"]))
        self._set_classes(list(self.classes))

    def _scores(self, docs: List[Doc]) -> List[Floats2d]:
        if not any(len(doc) for doc in docs):
            return [self.model.ops.alloc2f(0, len(self.classes)) for _ in docs]
        return cast(List[Floats2d], self.model.predict(docs))

    def _class_probs(self, docs: List[Doc]) -> List[np.ndarray]:
        ops = self.model.ops
        scores = self._scores(docs)
        if not self.model.get_ref("output_layer").attrs["softmax_normalize"]:
            scores = [ops.softmax(s) for s in scores]
        return [ops.to_numpy(s) for s in scores]

    def _tag_probs(self, class_probs: List[np.ndarray]) -> List[np.ndarray]:
        """Probabilities of classes to those of tags. *Shape:* (tokens, classes) → (tokens, labels)"""
        if not self.cfg["set_pos"]:
            return class_probs
        belongs = self.class_tags()
        return [probs @ belongs for probs in class_probs]

    def class_tags(self) -> np.ndarray:
        """Which class belongs to which tag. *Shape:* (classes, labels), of 0 and 1."""
        tags = np.array([split_class(label)[0] for label in self.classes], dtype=object)
        return (tags[:, None] == np.array(self.labels, dtype=object)).astype("float32")

    def _pos(self, docs: List[Doc], tags: List[np.ndarray], class_probs: List[np.ndarray]) -> List[np.ndarray]:
        """The likeliest part of speech among those that were seen with the tag: the one that is set already, if it
        stays, otherwise the predicted one. *Shape:* (tokens,) a document, as the integers of spacy.symbols."""
        ids = np.array([UPOS[split_class(label)[1]] for label in self.classes], dtype="uint64")
        belongs = self.class_tags().T
        index = {self.vocab.strings[label]: i for i, label in enumerate(self.labels)}
        pos = []
        for doc, chosen, probs in zip(docs, tags, class_probs):
            standing = chosen
            if not self.cfg["overwrite"] and doc.has_annotation("TAG"):
                old = doc.to_array(TAG).tolist()
                standing = np.array([index.get(o, c) for o, c in zip(old, chosen.tolist())], dtype=int)
            pos.append(ids[np.where(belongs[standing], probs, -1).argmax(axis=1)])
        return pos

    def _annotated_classes(self, doc: Doc) -> Iterator[str]:
        for token in doc:
            if not self.cfg["set_pos"] and token.tag_:
                yield token.tag_
            elif token.tag_ and token.pos_:
                yield f"{token.tag_}|{token.pos_}"

    def _gold_index(self) -> Dict[Hashable, int]:
        strings = self.vocab.strings
        if not self.cfg["set_pos"]:
            return {strings[label]: i for i, label in enumerate(self.classes)}
        pairs = [split_class(label) for label in self.classes]
        return {(strings[tag], int(UPOS[pos])): i for i, (tag, pos) in enumerate(pairs)}

    def _gold(self, example: Example, index: Dict[Hashable, int]) -> List[int]:
        """The class of each predicted token; MISSING where it has none. 0 is spaCy's id of no tag, None stands for no
        clear alignment."""
        tags, pos = aligned(example, "TAG"), aligned(example, "POS") if self.cfg["set_pos"] else None
        gold: Iterable[Hashable] = tags
        if pos is not None:
            gold = [(t, p) if t and p else None for t, p in zip(tags, pos)]
        try:
            return [index[key] if key else MISSING for key in gold]
        except KeyError as e:
            unknown = e.args[0] if isinstance(e.args[0], tuple) else (e.args[0],)
            label = "|".join(str(example.reference.vocab.strings[part]) for part in unknown)
            text = example.reference.text[:60]
            raise ValueError(Errors.F204.format(component=self.name, label=label, text=text)) from None
