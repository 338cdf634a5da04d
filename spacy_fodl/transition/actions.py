"""The actions of the arc-standard system (Nivre 2004, "Incrementality in Deterministic Dependency Parsing").

A score vector has a column for each action: SHIFT, ROOT, then LEFT-ARC and then RIGHT-ARC with each label. ROOT is the
RIGHT-ARC from the artificial root, which alone has no label of its own."""

from torch import Tensor

SHIFT, ROOT, LEFT, RIGHT = range(4)
KINDS = 4
# The head of a word that hangs on the artificial root.
ROOT_HEAD = -1


def n_actions(n_labels: int) -> int:
    return 2 + 2 * n_labels


def n_labels(n_actions: int) -> int:
    return (n_actions - 2) // 2


def column(kind: Tensor, label: Tensor, n_labels: int) -> Tensor:
    """The column of each action.

    kind (Tensor): SHIFT, ROOT, LEFT or RIGHT. *Shape:* (actions,)
    label (Tensor): The label of LEFT and RIGHT; ignored for the others. *Shape:* (actions,)
    n_labels (int): Number of labels.
    RETURNS (Tensor): *Shape:* (actions,)
    """
    return kind + (kind == LEFT) * label + (kind == RIGHT) * (n_labels - 1 + label)
