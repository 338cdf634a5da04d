"""What components share whose models work out their own loss, and some of which search with a beam."""

import hashlib
import math
from operator import index
from typing import Any, Callable, Dict, Generic, Iterable, List, Optional, Tuple, TypeVar, cast

from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.training import Example, validate_examples
from thinc.api import Optimizer, set_dropout_rate

from ..errors import Errors
from .saving import SafeSaving

T = TypeVar("T")
DIGEST = "digest"


class Setting(Generic[T]):
    """An attribute of a component that can be set at any time, and is checked whenever it is.

    take (Callable[[Any], T]): The value to keep, of one that is set; raises TypeError or ValueError if it is no good.
    expected (str): What it must be.
    """

    def __init__(self, take: Callable[[Any], T], expected: str, name: str = "") -> None:
        self.take = take
        self.expected = expected
        self.name = name

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, pipe: "LossPipe", owner: Optional[type] = None) -> T:
        return cast(T, pipe.__dict__[self.name])

    def __set__(self, pipe: "LossPipe", value: Any) -> None:
        pipe.__dict__[self.name] = self.checked(pipe, value)

    def checked(self, pipe: "LossPipe", value: Any) -> T:
        """RAISES (ValueError): If the value is no good."""
        try:
            return self.take(value)
        except (TypeError, ValueError):
            pipe._expect(self.name, value, False, self.expected)
            raise


def count(least: int, or_none: str = "") -> Setting[Any]:
    """An integer, of numpy and torch too.

    least (int): The least that it may be.
    or_none (str): What None means, where it may be None.
    """

    def take(value: Any) -> Optional[int]:
        return None if value is None and or_none else expect(index(value), index(value) >= least)

    return Setting(take, f"an integer, at least {least}" + (f", or null for {or_none}" if or_none else ""))


def real(least: float, most: float = math.inf, name: str = "") -> Setting[float]:
    """A finite number from least to most."""

    def take(value: Any) -> float:
        return expect(float(value), not isinstance(value, str) and math.isfinite(value) and least <= value <= most)

    return Setting(take, f"a number, at least {least:g}" + (f" and at most {most:g}" if most < math.inf else ""), name)


def flag() -> Setting[bool]:
    """True or false."""
    return Setting(lambda value: expect(bool(value), value in (True, False)), "true or false")


def one_of(*values: str) -> Setting[str]:
    """One of some texts."""
    return Setting(lambda value: expect(value, value in values), " or ".join(f'"{value}"' for value in values))


def expect(value: T, is_good: bool) -> T:
    if not is_good:
        raise ValueError
    return value


def digest_of(texts: List[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode("utf8")).hexdigest()


class LossPipe(SafeSaving, TrainablePipe):
    """A component of a model from models.runs: in training it takes a batch, and gives the loss. A subclass says what a
    batch is, with _batch, and may have something to do before the model runs on one, in _before_loss."""

    def _expect(self, argument: str, value: Any, is_good: bool, expected: str) -> None:
        if not is_good:
            raise ValueError(Errors.F208.format(argument=argument, value=value, component=self.name, expected=expected))

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
        RAISES (ValueError): If gold is not what the component can learn.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, f"{type(self).__name__}.update")
        if not any(len(example.predicted) for example in examples):
            return losses
        batch = self._batch(examples)
        self._before_loss(is_train=True)
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
        RETURNS (Tuple[float, None]): The loss, and None for the gradient, which only the model's own backprop knows.
        """
        examples = list(examples)
        validate_examples(examples, f"{type(self).__name__}.get_loss")
        if not any(len(example.predicted) for example in examples):
            return 0.0, None
        batch = self._batch(examples)
        self._before_loss(is_train=False)
        return float(self.model.predict(cast(Any, batch))), None

    def _batch(self, examples: List[Example]) -> Any:
        """What the model is trained on, of examples of which at least one has tokens."""

    def _before_loss(self, is_train: bool) -> None:
        """Tell the model what it needs to know for the loss."""


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
        value = self._at_least(1, "beam_width", value)
        self._expect("beam_width", value, value >= self.n_best, f"at least n_best, which is {self.n_best}")
        self._beam_width = value

    @property
    def n_best(self) -> int:
        """How many results are kept of each."""
        return self._n_best

    @n_best.setter
    def n_best(self, value: int) -> None:
        value = self._at_least(self.fewest_best, "n_best", value)
        self._expect("n_best", value, value <= self.beam_width, f"at most beam_width, which is {self.beam_width}")
        self._n_best = value

    def _at_least(self, least: int, argument: str, value: Any) -> int:
        try:
            number = index(value)  # Integers of numpy and torch too.
        except TypeError:
            number = least - 1
        self._expect(argument, value, number >= least, f"an integer, at least {least}")
        return number
