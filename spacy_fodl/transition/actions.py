"""The actions of the arc-standard system (Nivre 2004, "Incrementality in Deterministic Dependency Parsing").

A score vector has a column for each action: SHIFT, ROOT, then LEFT-ARC and then RIGHT-ARC with each label. ROOT is the
RIGHT-ARC from the artificial root, which alone has no label of its own."""

from typing import Tuple

from torch import Tensor

SHIFT, ROOT, LEFT, RIGHT = range(4)
KINDS = 4
# The head of a word that hangs on the artificial root.
ROOT_HEAD = -1


def n_actions(n_labels: int) -> int:
    """How many actions there are with so many labels: SHIFT, ROOT, and two arcs a label."""
    return 2 + 2 * n_labels


def n_labels(n_actions: int) -> int:
    """How many labels so many actions have: the inverse of n_actions."""
    return (n_actions - 2) // 2


def column(kind: Tensor, label: Tensor, n_labels: int) -> Tensor:
    """The column of each action.

    kind (Tensor): SHIFT, ROOT, LEFT or RIGHT. *Shape:* (actions,)
    label (Tensor): The label of LEFT and RIGHT; ignored for the others. *Shape:* (actions,)
    n_labels (int): Number of labels.
    RETURNS (Tensor): *Shape:* (actions,)
    """
    return kind + (kind == LEFT) * label + (kind == RIGHT) * (n_labels - 1 + label)


def kind_and_label(column: Tensor, n_labels: int) -> Tuple[Tensor, Tensor]:
    """What the actions of some columns are.

    column (Tensor): *Shape:* (actions,)
    n_labels (int): Number of labels.
    RETURNS (Tuple[Tensor, Tensor]): SHIFT, ROOT, LEFT or RIGHT, and the label, 0 for SHIFT and ROOT. *Shape:*
        (actions,)
    """
    is_right = column >= LEFT + n_labels
    kind = column.clamp(max=LEFT) + is_right
    return kind, column - kind - is_right * (n_labels - 1)
