"""Settings of components that are checked whenever they are set."""

import math
from operator import index
from typing import Any, Callable, Generic, Optional, TypeVar, cast

from ..errors import Errors

T = TypeVar("T")


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

    def __get__(self, pipe: Any, owner: Optional[type] = None) -> T:
        if pipe is None:
            return cast(T, self)  # As a property of a class does.
        if self.name not in pipe.__dict__:
            raise AttributeError(self.name)
        return cast(T, pipe.__dict__[self.name])

    def __set__(self, pipe: Any, value: Any) -> None:
        pipe.__dict__[self.name] = self.checked(pipe, value)

    def checked(self, pipe: Any, value: Any) -> T:
        """RAISES (ValueError): If the value is no good."""
        try:
            return self.take(value)
        except (TypeError, ValueError, OverflowError):
            raise refused(pipe, self.name, value, self.expected) from None


def count(least: int, or_none: str = "", name: str = "") -> Setting[Any]:
    """An integer, of numpy and torch too.

    least (int): The least that it may be.
    or_none (str): What None means, where it may be None.
    """

    def take(value: Any) -> Optional[int]:
        if value is None and or_none:
            return None
        return expect(index(value), index(value) >= least and not is_flag(value))

    return Setting(take, f"an integer, at least {least}" + (f", or null for {or_none}" if or_none else ""), name)


def real(least: float, most: float = math.inf, name: str = "") -> Setting[float]:
    """A finite number from least to most."""

    def take(value: Any) -> float:
        is_number = not isinstance(value, str) and not is_flag(value) and math.isfinite(value)
        return expect(float(value), is_number and least <= value <= most)

    return Setting(take, f"a number, at least {least:g}" + (f" and at most {most:g}" if most < math.inf else ""), name)


def flag() -> Setting[bool]:
    """True or false."""
    return Setting(lambda value: expect(bool(value), is_flag(value)), "true or false")


def one_of(*values: str) -> Setting[str]:
    """One of some texts."""
    return Setting(lambda value: expect(value, value in values), " or ".join(f'"{value}"' for value in values))


def is_flag(value: Any) -> bool:
    """Whether it is true or false, of numpy and torch too, which is a number to Python."""
    return isinstance(value, bool) or "bool" in str(getattr(value, "dtype", ""))


def refused(pipe: Any, name: str, value: Any, expected: str) -> ValueError:
    """The error for a value that a setting of a component can't have.

    pipe (Any): The component.
    name, value (str, Any): The setting, and the value.
    expected (str): What it must be.
    """
    return ValueError(Errors.F208.format(argument=name, value=value, component=pipe.name, expected=expected))


def expect(value: T, is_good: bool) -> T:
    if not is_good:
        raise ValueError
    return value
