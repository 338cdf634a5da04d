"""Training to watch in TensorBoard, beside spaCy's console logger."""

import io
import sys
from collections import Counter
from pathlib import Path
from typing import IO, Any, Callable, Dict, Iterator, List, Literal, Optional, Tuple, Union

import numpy as np
from spacy.language import Language
from spacy.pipeline.tok2vec import Tok2VecListener
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.loggers import console_logger_v3
from spacy.util import registry, resolve_dot_names
from thinc.api import Config, Model, Optimizer

from ..errors import Errors
from ..explain import explain
from ..layers import torch_modules

Info = Dict[str, Any]
LogStep = Callable[[Optional[Info]], None]


def make_tensorboard_logger_v1(
    log_dir: Union[str, Path],
    inspect: List[str] = [],
    histograms: bool = True,
    train_sample: int = 100,
    figures: bool = True,
    projector_words: int = 1000,
    progress_bar: Optional[Literal["train", "eval"]] = "eval",
) -> Callable[[Language, IO, IO], Tuple[LogStep, Callable[[], None]]]:
    """spaCy's console logger, and at each evaluation for TensorBoard: losses, scores on the development set and on a
    sample of the training set (as `NAME/dev` and `NAME/train`), learning rate, words per second, histograms of all
    weights, and what the pipeline says of some sentences, as a table and as the pictures of `spacy fodl explain`. At
    the end the vectors of frequent words, for the embedding projector. Works with every component.

    log_dir (Union[str, Path]): Folder for the event files.
    inspect (List[str]): Sentences to analyse at each evaluation. Analyses and scores on training documents are those of
        the weights as they are, not of their averages.
    histograms (bool): Whether to write histograms of the weights.
    train_sample (int): Training documents to score, the first of the corpus; 0 for none.
    figures (bool): Whether to draw pictures of the sentences too. It takes seconds per sentence and evaluation.
    projector_words (int): How many words of the training documents that are scored (train_sample) to write the vectors
        of, the most frequent first; 0 for none. The vectors are those of the embedding of each component that has one.
    progress_bar (Optional[str]): As in spacy.ConsoleLogger.v3.
    RETURNS (Callable[[Language, IO, IO], Tuple[LogStep, Callable[[], None]]]): The logger.
    RAISES (ImportError): When training starts, if TensorBoard is not installed, or what draws pictures (F411).
    """
    console = console_logger_v3(progress_bar=progress_bar)

    def setup(nlp: Language, stdout: IO = sys.stdout, stderr: IO = sys.stderr) -> Tuple[LogStep, Callable[[], None]]:
        try:
            from torch.utils.tensorboard import SummaryWriter

            if inspect and figures:
                import matplotlib  # noqa: F401
                import resvg_py  # noqa: F401
        except ImportError as e:
            raise ImportError(Errors.F411) from e
        writer = SummaryWriter(str(log_dir))
        log_to_console, finalize_console = console(nlp, stdout, stderr)
        config = nlp.config.interpolate()
        # The loop keeps its optimizer to itself. A second one from the same config takes the same schedule.
        optimizer: Optimizer = registry.resolve({"optimizer": config["training"]["optimizer"]})["optimizer"]
        sample = training_sample(nlp, config, train_sample)
        last = {"words": 0, "seconds": 0.0, "step": 0}
        has_begun = False

        def log_step(info: Optional[Info]) -> None:
            nonlocal has_begun
            log_to_console(info)
            if info is None:
                return
            if not has_begun and info["step"]:  # Words that a resumed training passed over were not read now.
                last.update(words=info["words"], seconds=info["seconds"])
            has_begun = True
            # All steps since the last evaluation, or, where a training was resumed, since its beginning.
            for _ in range(info["step"] - last["step"]):
                optimizer.step_schedules()
            step = last["step"] = info["step"]
            for name, loss in info["losses"].items():
                writer.add_scalar(f"loss/{name}", float(loss), step)
            for name, score in numbers(info["other_scores"]):
                writer.add_scalar(f"{name}/dev", score, step)
            writer.add_scalar("score/dev", float(info["score"]), step)
            if sample:
                for name, score in numbers(nlp.evaluate([fresh(nlp, example) for example in sample])):
                    if name in info["other_scores"] and name != "speed":
                        writer.add_scalar(f"{name}/train", score, step)
            writer.add_scalar("learning_rate", float(optimizer.learn_rate), step)
            seconds = info["seconds"] - last["seconds"]
            if seconds > 0:
                writer.add_scalar("words_per_second", (info["words"] - last["words"]) / seconds, step)
                last.update(words=info["words"], seconds=info["seconds"])
            if histograms:
                for name, values in weights(nlp):
                    writer.add_histogram(name, values, step)
            for i, text in enumerate(inspect):
                writer.add_text(f"inspect/{i + 1}", analysis(nlp(text)), step)
                for section in explain(nlp, text).sections if figures else []:
                    picture = pixels(section.picture(".png"))
                    writer.add_image(f"inspect/{i + 1}/{section.slug}", picture, step, dataformats="HWC")
            writer.flush()

        def finalize() -> None:
            words = frequent_words(sample, projector_words)
            for name, vectors in word_vectors(nlp, words) if words else []:
                writer.add_embedding(vectors, metadata=words, tag=name, global_step=last["step"])
            writer.close()
            finalize_console()

        return log_step, finalize

    return setup


def training_sample(nlp: Language, config: Config, n: int) -> List[Example]:
    if not n:
        return []
    (corpus,) = resolve_dot_names(config, [config["training"]["train_corpus"]])
    sample: List[Example] = []
    for example in corpus(nlp):
        if len(sample) == n:
            break
        sample.append(example)
    return sample


def fresh(nlp: Language, example: Example) -> Example:
    """The example with a predicted document that no component has seen."""
    old = example.predicted
    predicted = Doc(nlp.vocab, words=[t.text for t in old], spaces=[bool(t.whitespace_) for t in old])
    return Example(predicted, example.reference)


def numbers(scores: Dict[str, Any]) -> Iterator[Tuple[str, float]]:
    for name, score in scores.items():
        if isinstance(score, (int, float)):
            yield name, float(score)


def weights(nlp: Language) -> Iterator[Tuple[str, Any]]:
    """The weights of all components, torch's included, by name."""
    for pipe_name, pipe in nlp.pipeline:
        model = getattr(pipe, "model", None)
        for i, node in enumerate(model.walk() if model is not None else ()):
            for name in node.param_names:
                if node.has_param(name):
                    yield f"{pipe_name}/{i}_{node.name}/{name}", node.ops.to_numpy(node.get_param(name))
            for module in torch_modules(node):
                for name, parameter in module.named_parameters():
                    yield f"{pipe_name}/{i}_{node.name}/{name}", parameter.detach().cpu().numpy()


def pixels(png: bytes) -> np.ndarray:
    """*Shape:* (height, width, 3)"""
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def frequent_words(examples: List[Example], n: int) -> List[str]:
    """The n most frequent words of some examples."""
    counts = Counter(token.text for example in examples for token in example.reference if not token.is_space)
    return [word for word, _ in counts.most_common(n)]


def word_vectors(nlp: Language, words: List[str]) -> Iterator[Tuple[str, np.ndarray]]:
    """The vectors of words by themselves, as each component embeds them. *Shape:* (words, width)"""
    docs = [Doc(nlp.vocab, words=[word]) for word in words]
    for name, pipe in nlp.pipeline:
        model = getattr(pipe, "model", None)
        if not isinstance(model, Model) or any(isinstance(node, Tok2VecListener) for node in model.walk()):
            continue
        embed = next((node.get_ref("embed") for node in model.walk() if node.has_ref("embed")), None)
        if embed is None and model.has_ref("tok2vec"):
            embed = model.get_ref("tok2vec")
        if embed is not None:
            rows = [embed.ops.to_numpy(vectors) for vectors in embed.predict(docs)]
            yield name, np.concatenate(rows)


def analysis(doc: Doc) -> str:
    """What a pipeline says of a document, as Markdown."""
    parts = []
    columns = [name for name in ("tag_", "pos_", "dep_", "ent_type_") if any(getattr(token, name) for token in doc)]
    if columns:
        has_heads = doc.has_annotation("DEP")
        header = ["token", *(name.strip("_") for name in columns), *(["head"] if has_heads else [])]
        rows = [
            [token.text, *(getattr(token, name) for name in columns), *([token.head.text] if has_heads else [])]
            for token in doc
        ]
        lines = [header, ["---"] * len(header), *rows]
        parts.append("\n".join("| " + " | ".join(escaped(cell) for cell in line) + " |" for line in lines))
    else:
        parts.append(escaped(doc.text))
    if doc.cats:
        parts.append(", ".join(f"{escaped(label)} {score:.3f}" for label, score in doc.cats.items()))
    return "\n\n".join(parts)


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;").replace("\n", " ")
