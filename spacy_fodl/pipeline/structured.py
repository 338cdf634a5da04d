"""What components share whose models work out their own loss, and some of which search with a beam."""

import hashlib
from typing import Any, Dict, Iterable, List, Optional, Tuple, cast

from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.training import Example, validate_examples
from thinc.api import Optimizer, set_dropout_rate

from ..errors import Errors
from .saving import SafeSaving
from .settings import count, refused

DIGEST = "digest"


def digest_of(texts: List[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode("utf8")).hexdigest()


class LossPipe(SafeSaving, TrainablePipe):
    """A component of a model from models.runs: in training it takes a batch, and gives the loss. A subclass says what a
    batch is, with _batch, and may have something to do before the model runs on one, in _before_loss."""

    def _keep_digest(self, of: List[str]) -> None:
        """Write to the model what the outputs of its weights stand for."""
        self.model.attrs[DIGEST] = digest_of(of)

    def _check_digest(self, of: List[str], what: str) -> None:
        """RAISES (ValueError): If the outputs of the weights stand for something else."""
        if self.model.attrs.get(DIGEST, "") not in ("", digest_of(of)):
            raise ValueError(Errors.F226.format(component=self.name, what=what))

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Learn from a batch of examples.

        examples (Iterable[Example]): The examples.
        drop (float): The dropout rate.
        sgd (Optional[Optimizer]): The optimizer; None to leave the gradients for finish_update.
        losses (Optional[Dict[str, float]]): Losses to add to, by component.
        RETURNS (Dict[str, float]): The losses.
        RAISES (ValueError): If gold is not what the component can learn: F204, F210 and F227 of a parser, F212
            and F214 of a translator, F217, F218 and F222 of sentence vectors.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, f"{type(self).__name__}.update")
        if not any(len(example.predicted) for example in examples):
            return losses
        batch = self._batch(examples)
        self._before_loss(batch, is_train=True)
        set_dropout_rate(self.model, drop)
        loss, backprop = self.model.begin_update(batch)
        backprop(1.0)
        if sgd not in (None, False):
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def get_loss(self, examples: Iterable[Example], scores: Any = None) -> Tuple[float, None]:
        """The loss on some examples, without learning from them.

        examples (Iterable[Example]): The examples.
        scores (Any): Not used: the model works out its own loss.
        RETURNS (Tuple[float, None]): The loss, for fodl_parser a sum over actions, or in global training over
            sentences, otherwise a mean; and None for the
            gradient, which only the model's own backprop knows.
        """
        examples = list(examples)
        validate_examples(examples, f"{type(self).__name__}.get_loss")
        if not any(len(example.predicted) for example in examples):
            return 0.0, None
        batch = self._batch(examples)
        self._before_loss(batch, is_train=False)
        return float(self.model.predict(cast(Any, batch))), None

    def _batch(self, examples: List[Example]) -> Any:
        """What the model is trained on, of examples of which at least one has tokens."""

    def _before_loss(self, batch: Any, is_train: bool) -> None:
        """Tell the model what it needs to know for the loss, or the user what is wrong with the batch."""


class StructuredPipe(LossPipe):
    """A LossPipe that searches with a beam."""

    fewest_best = 0
    """The least n_best."""

    def _set_beam(self, beam_width: int, n_best: int) -> None:
        self._n_best = self.fewest_best
        self.beam_width = beam_width
        self.n_best = n_best

    @property
    def beam_width(self) -> int:
        """Hypotheses that are kept for each sentence, or document; 1 to take what is best at each step."""
        return self._beam_width

    @beam_width.setter
    def beam_width(self, value: int) -> None:
        value = count(1, name="beam_width").checked(self, value)
        if value < self.n_best:
            raise refused(self, "beam_width", value, f"at least n_best, which is {self.n_best}")
        self._beam_width = value

    @property
    def n_best(self) -> int:
        """How many results are kept of each."""
        return self._n_best

    @n_best.setter
    def n_best(self, value: int) -> None:
        value = count(self.fewest_best, name="n_best").checked(self, value)
        if value > self.beam_width:
            raise refused(self, "n_best", value, f"at most beam_width, which is {self.beam_width}")
        self._n_best = value
