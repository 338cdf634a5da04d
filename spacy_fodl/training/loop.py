"""spaCy's training loop with checkpoints that a killed process can't spoil, and from which a training resumes."""

import sys
from pathlib import Path
from typing import IO, Any, Callable, Dict, Iterator, List, Optional, Tuple

from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training import Example
from spacy.training.loop import (
    DIR_MODEL_BEST,
    DIR_MODEL_LAST,
    create_before_to_disk_callback,
    create_evaluation_callback,
    create_train_batches,
    train_while_improving,
    update_meta,
)
from spacy.util import registry, resolve_dot_names
from thinc.api import Config, Optimizer, fix_random_seed, set_gpu_allocator
from wasabi import Printer

from ..errors import Errors
from .checkpoints import CHECKPOINTS, NAME, RESUME, Checkpoints, remove, steps, write_folder
from .state import ResumeError, get_random, read_state, restore_state, save_state, set_random

Score = Tuple[float, Dict[str, Any]]
Batch = Tuple[int, List[Example]]


def train(
    nlp: Language,
    output: Path,
    *,
    resume: bool = False,
    use_gpu: int = -1,
    stdout: IO = sys.stdout,
    stderr: IO = sys.stderr,
) -> None:
    """Train a pipeline as `spacy train` does: same config, same loggers, and the same weights, unless a component draws
    from Python's generator while it is updated (spaCy's `ner` and `parser` do on long documents): here the order of the
    data has a generator of its own. Beyond it, the pipelines are written whole or not at all, and a training that was
    interrupted goes on, on the CPU to the same weights as without the interruption.

    nlp (Language): The pipeline, initialized, with the full config.
    output (Path): Folder for model-best, model-last (links into checkpoints/) and resume/.
    resume (bool): Go on from the last evaluation of an earlier run with this output folder, if there was one.
    use_gpu (int): The GPU, already required; -1 for the CPU.
    stdout, stderr (IO): Where messages and the logger write.
    RAISES (ResumeError): If there is something to resume and it is damaged or of another config, or if there are only
        pipelines that can't be resumed.
    """
    printer = Printer(no_print=True)
    config = nlp.config.interpolate()
    if config["training"]["seed"] is not None:
        fix_random_seed(config["training"]["seed"])
    if use_gpu >= 0 and config["training"]["gpu_allocator"]:
        set_gpu_allocator(config["training"]["gpu_allocator"])
    T = registry.resolve(config["training"], schema=ConfigSchemaTraining)
    train_corpus, dev_corpus = resolve_dot_names(config, [T["train_corpus"], T["dev_corpus"]])
    optimizer, frozen = T["optimizer"], T["frozen_components"]
    checkpoints = Checkpoints(output, kept(config))
    earlier = steps(output / RESUME)
    progress: Progress
    if resume and earlier:
        resumed = Resumed(nlp, optimizer, output / RESUME / f"step-{earlier[-1]}")
        best = max(resumed.scores)[1]
        # A kill may have come between the state and the links.
        if not (output / DIR_MODEL_LAST).exists():
            checkpoints.link(DIR_MODEL_LAST, resumed.last_step)
        if checkpoints.path(best).is_dir():
            checkpoints.link(DIR_MODEL_BEST, best)
        stdout.write(printer.info(f"Resuming after step {resumed.last_step}") + "\n")
        progress = resumed
    else:
        if resume and any((output / name).exists() for name in (DIR_MODEL_BEST, DIR_MODEL_LAST)):
            raise ResumeError(Errors.F414.format(path=output))
        if resume:
            stdout.write(printer.info(f"Nothing to resume in {output}: starting at step 0") + "\n")
        elif earlier:
            stdout.write(
                printer.warn(f"Replacing the training in {output}, which had reached step {earlier[-1]}") + "\n"
            )
        for path in [
            output / DIR_MODEL_BEST,
            output / DIR_MODEL_LAST,
            *(output / CHECKPOINTS).glob("*step-*"),
            *(output / RESUME).glob("*step-*"),
        ]:
            remove(path)
        progress = Progress(nlp)
        stdout.write(printer.info(f"Pipeline: {nlp.pipe_names}") + "\n")
    before_to_disk = create_before_to_disk_callback(T["before_to_disk"])

    def save_pipeline(step: int) -> None:
        with nlp.use_params(optimizer.averages):
            checkpoints.write(step, before_to_disk(nlp).to_disk)

    def save(step: int, scores: List[Tuple[float, int]], is_best: bool) -> None:
        save_pipeline(step)
        state = output / RESUME / f"step-{step}"
        write_folder(state, lambda path: save_state(path, nlp, optimizer, step, scores, progress.data_random))
        checkpoints.link(DIR_MODEL_LAST, step)
        if is_best:
            checkpoints.link(DIR_MODEL_BEST, step)
        checkpoints.prune(spare={step, max(scores)[1]})
        for number in steps(output / RESUME)[:-1]:
            remove(output / RESUME / f"step-{number}")

    training = train_while_improving(
        progress,  # type: ignore[arg-type]
        optimizer,
        progress.batches(create_train_batches(nlp, train_corpus, T["batcher"], T["max_epochs"])),
        progress.evaluation(create_evaluation_callback(nlp, dev_corpus, T["score_weights"])),
        dropout=T["dropout"],
        accumulate_gradient=T["accumulate_gradient"],
        patience=T["patience"],
        max_steps=T["max_steps"],
        eval_frequency=T["eval_frequency"],
        exclude=frozen,
        annotating_components=T["annotating_components"],
        before_update=progress.callback(T["before_update"]),
    )
    with nlp.select_pipes(disable=frozen):
        log_step, finalize = T["logger"](nlp, stdout, stderr)
    info: Optional[Dict[str, Any]] = None
    try:
        for _, step_info, is_best in training:
            if progress.passing:
                continue
            info = step_info
            if is_best is not None:
                with nlp.select_pipes(disable=frozen):
                    update_meta(T, nlp, info)
                save(info["step"], [(float(score), step) for score, step in info["checkpoints"]], is_best)
                info["output_path"] = str(output / DIR_MODEL_LAST)
            log_step(info if is_best is not None else None)
            if is_best is not None:
                stdout.flush()  # A log in a file shows how far it is.
    finally:
        finalize()
    if info is None:
        stdout.write(printer.info("There is nothing left to do: the training was complete") + "\n")
    elif info["score"] is None:  # The last steps were not evaluated. As in `spacy train`, model-last has them.
        save_pipeline(info["step"])
        checkpoints.link(DIR_MODEL_LAST, info["step"])
        checkpoints.prune(spare=steps(output / RESUME))
    stdout.write(printer.good("Saved pipeline to output directory", output / DIR_MODEL_LAST) + "\n")


def kept(config: Config) -> int:
    logger = config["training"]["logger"]
    return int(logger.get("keep", 3)) if logger.get("@loggers") == NAME else 1


class Progress:
    """A training from its start, as spaCy's loop sees the pipeline. The order of the data follows from generators of
    its own, so that it can be had again without what the components draw in between.

    nlp (Language): The pipeline.
    """

    passing = False

    def __init__(self, nlp: Language) -> None:
        self.nlp = nlp
        self.data_random = get_random()

    @property
    def pipeline(self) -> List[Tuple[str, Callable]]:
        return self.nlp.pipeline

    def update(self, *args: Any, **kwargs: Any) -> None:
        self.nlp.update(*args, **kwargs)

    def use_params(self, params: Dict[Tuple[int, str], Any]) -> Any:
        return self.nlp.use_params(params)

    def batches(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        own = self.data_random
        while True:
            others = get_random()
            set_random(own)
            batch = next(batches, None)
            own = get_random()
            set_random(others)
            if batch is None:
                return
            yield batch

    def evaluation(self, evaluate: Callable[[], Score]) -> Callable[[], Score]:
        return evaluate

    def callback(self, before_update: Optional[Callable]) -> Optional[Callable]:
        return before_update and (lambda _, args: before_update(self.nlp, args))


class Resumed(Progress):
    """A training that goes on. spaCy's loop runs from its start, so that batches, schedules and patience are where they
    were, but until the last saved step nothing is updated and each evaluation gives the score that it gave. Then the
    weights, the optimizer and the random generators are put back.

    nlp (Language): The pipeline.
    optimizer (Optimizer): The optimizer of the loop.
    path (Path): The state to resume from.
    RAISES (ResumeError): If the state is damaged (F412) or belongs to another config (F413).
    """

    passing = True

    def __init__(self, nlp: Language, optimizer: Optimizer, path: Path) -> None:
        super().__init__(nlp)
        self.optimizer = optimizer
        self.path = path
        self.state = read_state(path, nlp)
        self.last_step: int = self.state["step"]
        self.scores: List[Tuple[float, int]] = [(score, step) for score, step in self.state["scores"]]
        self.data_random = self.state["data_random"]

    @property
    def pipeline(self) -> List[Tuple[str, Callable]]:
        return [] if self.passing else super().pipeline

    def update(self, *args: Any, **kwargs: Any) -> None:
        if not self.passing:
            super().update(*args, **kwargs)

    def batches(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for step, batch in enumerate(super().batches(batches)):
            if step == self.last_step + 1:
                restore_state(self.path, self.state, self.nlp, self.optimizer)
                self.passing = False
            yield batch

    def evaluation(self, evaluate: Callable[[], Score]) -> Callable[[], Score]:
        recorded = iter(self.scores)
        return lambda: (next(recorded)[0], {}) if self.passing else evaluate()

    def callback(self, before_update: Optional[Callable]) -> Optional[Callable]:
        return before_update and (lambda _, args: None if self.passing else before_update(self.nlp, args))
