"""All that a training needs to go on in another process as if nothing had happened."""

import json
import random
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import safetensors.numpy
import torch
from safetensors import SafetensorError
from spacy.language import Language
from thinc.api import Config, Model, Optimizer

from ..errors import Errors
from ..layers.optimizer import dump_optimizer, load_optimizer

FORMAT = 1
STATE = "state.json"
ARRAYS = "arrays.safetensors"
TORCH_RANDOM = "random/torch"
# Settings that may change when a training is resumed: how long it goes on, and how it is watched.
FREE = ("training.logger.", "training.max_steps", "training.patience")

Random = Dict[str, Any]


class ResumeError(ValueError):
    """A training can't be resumed."""


def get_random() -> Random:
    """The state of the generators of Python and numpy, as JSON can hold it."""
    version, numbers, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state()
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [kind, np.asarray(keys).tolist(), int(position), int(has_gauss), float(cached)],
    }


def set_random(state: Random) -> None:
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, np.asarray(keys, dtype="uint32"), position, has_gauss, cached))


def trained_models(nlp: Language) -> Dict[str, Model]:
    """The models of the trainable components by name, each once."""
    models = {name: getattr(pipe, "model", None) for name, pipe in nlp.pipeline}
    return {name: model for name, model in models.items() if isinstance(model, Model)}


def flat_settings(config: Config) -> Dict[str, str]:
    """The settings of a config that decide how a training goes, by their dotted names."""
    flat = {}

    def walk(value: Any, name: str) -> None:
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                walk(inner, f"{name}.{key}" if name else str(key))
        elif not name.startswith(FREE):
            flat[name] = json.dumps(value, default=str)

    walk({key: config[key] for key in ("nlp", "components", "corpora", "training", "initialize")}, "")
    # Only whether the corpus is read as a stream (-1) changes the order of the batches.
    flat["training.max_epochs"] = str(int(config["training"]["max_epochs"]) < 0)
    return flat


def save_state(
    path: Path, nlp: Language, optimizer: Optimizer, step: int, scores: List[Tuple[float, int]], data_random: Random
) -> None:
    """Write a folder from which read_state and restore_state resume a training.

    path (Path): The folder to make.
    nlp (Language): The pipeline, with the weights as they are and not their averages.
    optimizer (Optimizer): The optimizer.
    step (int): The last step that was done.
    scores (List[Tuple[float, int]]): The score and step of each evaluation.
    data_random (Random): The generators from which the order of the training data follows, as they were at the start.
    """
    path.mkdir(parents=True)
    models = trained_models(nlp)
    arrays, counts = dump_optimizer(optimizer, models)
    arrays[TORCH_RANDOM] = torch.get_rng_state().numpy()
    safetensors.numpy.save_file(arrays, path / ARRAYS)
    for name, model in models.items():
        (path / f"{name}.model").write_bytes(model.to_bytes())
    state = {
        "format": FORMAT,
        "step": step,
        "scores": scores,
        "counts": counts,
        "random": get_random(),
        "data_random": data_random,
        "settings": flat_settings(nlp.config.interpolate()),
    }
    (path / STATE).write_text(json.dumps(state), encoding="utf8")


def read_state(path: Path, nlp: Language) -> Dict[str, Any]:
    """Read what is known about an interrupted training, and check that it is this one.

    path (Path): A folder that save_state made.
    nlp (Language): The pipeline, initialized from the config.
    RETURNS (Dict[str, Any]): What save_state was told.
    RAISES (ResumeError): If the folder is damaged (F412) or the config is another one (F413).
    """
    try:
        state = json.loads((path / STATE).read_text(encoding="utf8"))
        known = state["format"] == FORMAT
        before, now = state["settings"], flat_settings(nlp.config.interpolate())
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise ResumeError(Errors.F412.format(path=path, reason=repr(e))) from e
    if not known:
        raise ResumeError(Errors.F412.format(path=path, reason=f"its format is {state['format']}, known is {FORMAT}"))
    different = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if different:
        name = different[0]
        raise ResumeError(
            Errors.F413.format(
                path=path, names=", ".join(different), name=name, before=before.get(name), now=now.get(name)
            )
        )
    return dict(state)


def restore_state(path: Path, state: Dict[str, Any], nlp: Language, optimizer: Optimizer) -> None:
    """Put weights, optimizer and random generators back to where they were.

    path (Path): The folder.
    state (Dict[str, Any]): What read_state returned for it.
    nlp (Language): The pipeline.
    optimizer (Optimizer): A fresh optimizer from the same config.
    RAISES (ResumeError): If the folder is damaged (F412).
    """
    models = trained_models(nlp)
    try:
        arrays = safetensors.numpy.load_file(path / ARRAYS)
        torch_random = arrays.pop(TORCH_RANDOM)
        for name, model in models.items():
            model.from_bytes((path / f"{name}.model").read_bytes())
        load_optimizer(optimizer, models, arrays, state["counts"])
    except (OSError, ValueError, KeyError, SafetensorError) as e:
        raise ResumeError(Errors.F412.format(path=path, reason=repr(e))) from e
    set_random(state["random"])
    torch.set_rng_state(torch.from_numpy(torch_random.copy()))
