"""The state of Thinc's optimizer as plain arrays under names that hold in another process."""

from typing import Any, Dict, Tuple

import numpy as np
from thinc.api import Model, Optimizer
from thinc.util import to_numpy

ARRAYS = ("mom1", "mom2", "averages")
Names = Dict[str, int]


def owners(models: Dict[str, Model]) -> Tuple[Names, Names]:
    """What the numbers in an optimizer's keys stand for. They count the objects of one process; the place of a node in
    its model's walk is the same in every process that builds the model from the same config.

    models (Dict[str, Model]): The models by component.
    RETURNS (Tuple[Names, Names]): The ids of the nodes and those of their shims, which are counted separately.
    """
    nodes: Names = {}
    shims: Names = {}
    for component, model in models.items():
        for i, node in enumerate(model.walk()):
            nodes[f"{component}/{i}"] = node.id
            shims.update({f"{component}/{i}.{j}": shim.id for j, shim in enumerate(node.shims)})
    return nodes, shims


def dump_optimizer(optimizer: Optimizer, models: Dict[str, Model]) -> Tuple[Dict[str, np.ndarray], Dict[str, int]]:
    """The moments, averages and update counts of all parameters.

    optimizer (Optimizer): The optimizer. Its schedules are not included: they follow from the step.
    models (Dict[str, Model]): The models that it trains, by component.
    RETURNS (Tuple[Dict[str, np.ndarray], Dict[str, int]]): Arrays and counts by name.
    """
    nodes, shims = owners(models)
    parameters = {(node.id, name) for model in models.values() for node in model.walk() for name in node.param_names}
    node_names, shim_names = ({number: name for name, number in ids.items()} for ids in (nodes, shims))

    def named(key: Tuple[int, str]) -> str:
        number, parameter = key
        return f"{(node_names if key in parameters else shim_names)[number]}/{parameter}"

    arrays = {}
    for kind in ARRAYS:
        for key, array in (getattr(optimizer, kind) or {}).items():
            arrays[f"{kind}/{named(key)}"] = np.ascontiguousarray(to_numpy(array))
    return arrays, {named(key): count for key, count in optimizer.nr_update.items()}


def load_optimizer(
    optimizer: Optimizer, models: Dict[str, Model], arrays: Dict[str, np.ndarray], counts: Dict[str, int]
) -> None:
    """Put back what dump_optimizer returned.

    optimizer (Optimizer): An optimizer from the same config.
    models (Dict[str, Model]): The models by component, built from the same config.
    arrays (Dict[str, np.ndarray]): The arrays.
    counts (Dict[str, int]): The counts.
    RAISES (KeyError): If a name belongs to none of the models.
    """
    nodes, shims = owners(models)
    ids = {**nodes, **shims}
    ops = {name: model.ops for name, model in models.items()}

    def key(name: str) -> Tuple[int, str]:
        owner, _, parameter = name.rpartition("/")
        return ids[owner], parameter

    restored: Dict[str, Dict[Tuple[int, str], Any]] = {kind: {} for kind in ARRAYS}
    for full_name, array in arrays.items():
        kind, _, name = full_name.partition("/")
        component = name.rpartition("/")[0].rpartition("/")[0]
        # A copy: the optimizer works in place, and what a file gave may be read-only.
        restored[kind][key(name)] = ops[component].asarray(array.copy())
    for kind, its in restored.items():
        if getattr(optimizer, kind) is not None:
            getattr(optimizer, kind).update(its)
    optimizer.nr_update.update({key(name): count for name, count in counts.items()})
