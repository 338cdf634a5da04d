"""fodl_textcat and fodl_textcat_multilabel: recurrent text classifiers as components."""

from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple, cast

import numpy as np
from spacy.errors import Errors as SpacyErrors
from spacy.language import Language
from spacy.pipeline.textcat import TextCategorizer
from spacy.pipeline.textcat_multilabel import MultiLabel_TextCategorizer
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from thinc.api import Config, Model
from thinc.types import Floats2d

from ..errors import LABELS_ARE_ENOUGH, Errors
from ..models.ngrams import counters, learn_ratios
from .labels import check_label, check_label_list
from .saving import SafeSaving
from .survey import Survey, survey

default_model_config = """
[model]
@architectures = "spacy_fodl.RNNTextCat.v1"
exclusive_classes = true
cell = "lstm"
width = 64
bidirectional = true
pooling = "max"
max_length = 500
truncate = "both"
grad_clip = 1.0

[model.tok2vec]
@architectures = "spacy.MultiHashEmbed.v2"
width = 64
attrs = ["NORM", "PREFIX", "SUFFIX", "SHAPE"]
rows = [5000, 1000, 2500, 2500]
include_static_vectors = false
"""
DEFAULT_MODEL: Dict[str, Any] = Config().from_str(default_model_config)["model"]

# Those of spaCy's own classifiers.
SCORE_WEIGHTS: Dict[str, Optional[float]] = {
    "cats_score": 1.0,
    "cats_score_desc": None,
    "cats_micro_p": None,
    "cats_micro_r": None,
    "cats_micro_f": None,
    "cats_macro_p": None,
    "cats_macro_r": None,
    "cats_macro_f": None,
    "cats_macro_auc": None,
    "cats_f_per_type": None,
}


@Language.factory(
    "fodl_textcat",
    assigns=["doc.cats"],
    default_config={"model": DEFAULT_MODEL, "threshold": 0.0, "scorer": {"@scorers": "spacy.textcat_scorer.v2"}},
    default_score_weights=SCORE_WEIGHTS,
)
def make_fodl_textcat(
    nlp: Language, name: str, model: Model, threshold: float, scorer: Optional[Callable]
) -> "FodlTextCat":
    """Make a classifier for categories that exclude each other.

    model (Model[List[Doc], Floats2d]): Probabilities of the categories, usually spacy_fodl.RNNTextCat.v1.
    threshold (float): Not used by the scorer: of categories that exclude each other the best one is predicted.
    scorer (Optional[Callable]): The scoring method.
    """
    return FodlTextCat(nlp.vocab, model, name, threshold=threshold, scorer=scorer)


@Language.factory(
    "fodl_textcat_multilabel",
    assigns=["doc.cats"],
    default_config={
        "model": {**DEFAULT_MODEL, "exclusive_classes": False},
        "threshold": 0.5,
        "scorer": {"@scorers": "spacy.textcat_multilabel_scorer.v2"},
    },
    default_score_weights=SCORE_WEIGHTS,
)
def make_fodl_textcat_multilabel(
    nlp: Language, name: str, model: Model, threshold: float, scorer: Optional[Callable]
) -> "FodlTextCatMultiLabel":
    """Make a classifier for categories of which any number may be true.

    model (Model[List[Doc], Floats2d]): Scores between 0 and 1, usually spacy_fodl.RNNTextCat.v1 with
        exclusive_classes = false.
    threshold (float): The score from which on the scorer counts a category as predicted.
    scorer (Optional[Callable]): The scoring method.
    """
    return FodlTextCatMultiLabel(nlp.vocab, model, name, threshold=threshold, scorer=scorer)


HINT = "A label is a category, such as 'positive'."


class RecurrentCategorizer(SafeSaving, TextCategorizer):
    """What our two classifiers change in spaCy's: a document's scores don't depend on the others in its batch, nor does
    training on those without annotation; unknown categories are errors; word embeddings learn their words."""

    def predict(self, docs: Iterable[Doc]) -> Floats2d:
        """Score documents without changing them. Empty ones get what the classifier expects of a text unread.

        docs (Iterable[Doc]): The documents.
        RETURNS (Floats2d): The score of each category of `labels`. *Shape:* (documents, labels)
        """
        docs = list(docs)
        return self.model.predict(docs) if docs else self.model.ops.alloc2f(0, len(self.labels))

    def add_label(self, label: str) -> int:
        """Add a category. Possible before initialization only.

        label (str): The category.
        RETURNS (int): 0 if it was there already, otherwise 1.
        RAISES (ValueError): If it is no string (F202), or the output layer has its final size (F203).
        """
        check_label(self.name, label, HINT)
        if label in self.labels:
            return 0
        if self.model.get_ref("output_layer").has_param("W"):
            raise ValueError(Errors.F203.format(component=self.name, labels=label, n=len(self.labels)))
        return int(super().add_label(label))

    def get_loss(self, examples: Iterable[Example], scores: Floats2d) -> Tuple[float, Floats2d]:  # type: ignore[override]
        """The mean squared difference from the gold categories, as spaCy's classifiers report it, and the gradient of
        the cross-entropy. What is not annotated doesn't count.

        examples (Iterable[Example]): The examples.
        scores (Floats2d): The scores. *Shape:* (documents, labels)
        RETURNS (Tuple[float, Floats2d]): The loss and the gradient in the shape of the scores.
        RAISES (ValueError): If a gold category that is true is unknown (F204), a value is neither 0 nor 1 (spaCy's
            E851), or, in fodl_textcat, several are true (E895).
        """
        examples = list(examples)
        validate_examples(examples, f"{type(self).__name__}.get_loss")
        self._validate_categories(examples)
        for example in examples:
            for label, value in example.reference.cats.items():
                if value and label not in self.labels:
                    text = example.reference.text[:60]
                    raise ValueError(Errors.F204.format(component=self.name, label=label, text=text))
        truths, known = self._examples_to_truth(examples)
        gradient = (scores - truths) * self.model.ops.asarray2f(cast(Floats2d, known))
        return float((gradient**2).mean()), gradient

    def _examples_to_truth(self, examples: Iterable[Example]) -> Tuple[Any, np.ndarray]:
        truths, known = super()._examples_to_truth(examples)
        if not self.support_missing_values:
            known[[not any(example.reference.cats.values()) for example in examples]] = 0.0
        return truths, known

    def _survey(
        self, get_examples: Callable[[], Iterable[Example]], labels: Optional[Iterable[str]]
    ) -> Tuple[List[str], Survey]:
        """Read the training examples once, which for long texts takes a while: learn how n-grams go with the
        categories, and check the annotations.

        labels (Optional[Iterable[str]]): The categories, if they are given.
        RETURNS (Tuple[List[str], Survey]): The categories, given or found, and what else was.
        RAISES (ValueError): If there are neither, or a value of an annotation is wrong.
        """
        validate_get_examples(get_examples, f"{type(self).__name__}.initialize")
        check_label_list(self.name, labels, "Pass a list such as ['good', 'bad'].")
        labels = None if labels is None else list(labels)
        for label in labels or ():
            check_label(self.name, label, HINT)
        found: Dict[str, None] = {}
        ratio_counts = counters(self.model, self.support_missing_values)

        def look(example: Example) -> None:
            self._validate_categories([example])
            found.update(dict.fromkeys(example.reference.cats))
            for counts in ratio_counts:
                counts.add(example.predicted, example.reference.cats)

        surveyed = survey(self.model, get_examples, look)
        categories = list(found if labels is None else labels)
        if not categories or not surveyed.sample:
            what = "category (doc.cats)" if surveyed.sample else "document"
            hint = LABELS_ARE_ENOUGH.format(component=self.name)
            raise ValueError(Errors.F201.format(component=self.name, n=surveyed.n_examples, what=what, hint=hint))
        new = [category for category in categories if category not in self.labels]
        if new and self.model.get_ref("output_layer").has_param("W"):
            raise ValueError(Errors.F203.format(component=self.name, labels=", ".join(new), n=len(self.labels)))

        def take() -> None:
            for counts in ratio_counts:
                learn_ratios(counts, dict.fromkeys([*self.labels, *categories]))
            surveyed.take_words()

        return categories, surveyed._replace(take_words=take)


class FodlTextCat(RecurrentCategorizer):
    """spaCy's TextCategorizer around a recurrent network.

    vocab (Vocab): The shared vocabulary.
    model (Model[List[Doc], Floats2d]): Probabilities of the categories.
    name (str): The name of the component in the pipeline.
    threshold, scorer: As in make_fodl_textcat.
    """

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[Iterable[str]] = None,
        positive_label: Optional[str] = None,
    ) -> None:
        """Collect the categories, let word embeddings learn their words, and infer the shapes of the model.

        get_examples (Callable[[], Iterable[Example]]): Returns the training examples.
        nlp (Optional[Language]): The pipeline.
        labels (Optional[Iterable[str]]): The categories; None to collect them from the examples.
        positive_label (Optional[str]): Of two categories, the one whose precision, recall and F-score count.
        RAISES (ValueError): If the examples hold no document or no category (F201), labels are no list of strings
            (F202), there are other categories than at an earlier initialization (F203), or fewer than two (spaCy's
            E867), a value is neither 0 nor 1 (E851), several are true of a document (E895), or positive_label is none
            of exactly two (E919, E920).
        """
        labels, surveyed = self._survey(get_examples, labels)
        # What spaCy would refuse when the model has learned from the examples already.
        known = tuple(dict.fromkeys([*self.labels, *labels]))
        if len(known) < 2:
            raise ValueError(SpacyErrors.E867)
        if positive_label is not None:
            if positive_label not in known:
                raise ValueError(SpacyErrors.E920.format(pos_label=positive_label, labels=known))
            if len(known) != 2:
                raise ValueError(SpacyErrors.E919.format(pos_label=positive_label, labels=known))
        surveyed.take_words()
        super().initialize(lambda: surveyed.sample, nlp=nlp, labels=labels, positive_label=positive_label)


class FodlTextCatMultiLabel(RecurrentCategorizer, MultiLabel_TextCategorizer):
    """spaCy's MultiLabel_TextCategorizer around a recurrent network.

    vocab (Vocab): The shared vocabulary.
    model (Model[List[Doc], Floats2d]): Scores between 0 and 1.
    name (str): The name of the component in the pipeline.
    threshold, scorer: As in make_fodl_textcat_multilabel.
    """

    def initialize(  # type: ignore[override]
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[Iterable[str]] = None,
    ) -> None:
        """Collect the categories, let word embeddings learn their words, and infer the shapes of the model.

        get_examples (Callable[[], Iterable[Example]]): Returns the training examples.
        nlp (Optional[Language]): The pipeline.
        labels (Optional[Iterable[str]]): The categories; None to collect them from the examples.
        RAISES (ValueError): If the examples hold no document or no category (F201), labels are no list of strings
            (F202), there are other categories than at an earlier initialization (F203), or a value is neither 0 nor 1
            (spaCy's E851).
        """
        labels, surveyed = self._survey(get_examples, labels)
        surveyed.take_words()
        super().initialize(lambda: surveyed.sample, nlp=nlp, labels=labels)
