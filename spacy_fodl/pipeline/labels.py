"""What components with labels refuse as one."""

from typing import Any, Iterable

from ..errors import Errors


def check_label(component: str, label: Any, hint: str) -> None:
    """Refuse what is no label.

    component (str): The name of the component.
    label (Any): What should be a text.
    hint (str): What a label of this component is, for the error.
    RAISES (ValueError): If it is no text, or empty (F202).
    """
    if not isinstance(label, str) or not label:
        raise ValueError(told(component, label, hint))


def check_label_list(component: str, labels: Any, hint: str) -> None:
    """Refuse what is no list of labels, where some are given.

    component (str): The name of the component.
    labels (Any): What should be an iterable, and no single text; None if they are to be collected.
    hint (str): What to pass, for the error.
    RAISES (ValueError): If it is something else (F202).
    """
    if isinstance(labels, str) or not isinstance(labels, (Iterable, type(None))):
        raise ValueError(told(component, labels, hint))


def told(component: str, value: Any, hint: str) -> str:
    """The message of F202."""
    return Errors.F202.format(component=component, value=value, type=type(value).__name__, hint=hint)
