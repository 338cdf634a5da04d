"""Skip-thought: from the sentences of documents to vectors."""

from dataclasses import dataclass
from typing import List, Literal, NamedTuple, Optional, Tuple, Union

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d
from torch import Tensor

from ..errors import check_argument, check_training
from ..layers import Free
from ..modules.skipthought import SkipThought
from .runs import running_model

ARCHITECTURE = "spacy_fodl.SkipThought.v1"


class Sentences(NamedTuple):
    """The sentences of some documents."""

    docs: List[Doc]
    is_read: np.ndarray
    """Whether the encoder reads a token: not white space. *Shape:* (tokens of all documents,), bool"""
    lengths: np.ndarray
    """Tokens of each sentence that are read, document by document. *Shape:* (sentences,), int64"""
    owners: np.ndarray
    """The document of each. *Shape:* (sentences,), int64"""


class Batch(NamedTuple):
    """What the model is trained on."""

    sentences: Sentences
    words: np.ndarray
    """The words of the sentences by the decoders' numbers. *Shape:* (tokens that are read,), int64"""
    pairs: np.ndarray
    """Two sentences, by their numbers, of which the second follows upon the first. *Shape:* (pairs, 2), int64"""


class Loss(NamedTuple):
    """How well sentences were foreseen from their neighbours."""

    value: float
    """The sum of the negative logarithms of the probabilities of words, each given those before it."""
    n_right: int
    """How many words were the likeliest ones."""
    n_words: int
    """How many there are, the ends of sentences included."""

    def __float__(self) -> float:
        """The mean."""
        return self.value / max(1, self.n_words)


def build_skip_thought_v1(
    tok2vec: Model[List[Doc], List[Floats2d]],
    cell: Literal["gru", "lstm"] = "gru",
    width: int = 300,
    depth: int = 1,
    bidirectional: bool = True,
    pooling: Literal["last", "max", "mean", "max+mean"] = "last",
    embed_width: int = 200,
    decoder_width: int = 300,
    n_samples: int = 1000,
    max_words: int = 50,
    dropout: Optional[float] = None,
    grad_clip: float = 5.0,
    nO: Optional[int] = None,
) -> Model:
    """Sentence vectors from which the sentences before and after can be foreseen (Kiros et al. 2015, "Skip-Thought
    Vectors"): a recurrent encoder, and two decoders for training.

    tok2vec (Model[List[Doc], List[Floats2d]]): Makes the token vectors: an embedding, spacy.Tok2Vec.v2 or a listener.
    cell (str): "gru", as in the paper, or "lstm", of encoder and decoders.
    width (int): Width of the encoder's states, of one direction.
    depth (int): Layers of the encoder on top of each other.
    bidirectional (bool): Whether it reads from right to left too.
    pooling (str): What becomes of its states: "last", as in the paper, "max", "mean", or both of them ("max+mean").
    embed_width (int): Width of the decoders' vectors of words.
    decoder_width (int): Width of the decoders' states.
    n_samples (int): Number of negative samples: words that training tells each right one from. 0 for all words, which
        is exact and slow; so is a number as large as the vocabulary.
    max_words (int): Words of a neighbouring sentence that the decoders have to write; 0 for all.
    dropout (Optional[float]): Rate on token vectors, sentence vectors, and the decoders' inputs and states; None to
        follow [training] dropout.
    grad_clip (float): Bound on the global norm of the torch layer's gradients; 0 for none.
    nO (Optional[int]): How many words the decoders know; None to infer it.
    RETURNS (Model): The model. It takes Sentences, or documents to read each as one sentence, and gives a vector each,
        an array of *shape* (sentences, width of a vector), and a Loss for a Batch; in training it takes a Batch and
        gives the mean loss of its words.
    RAISES (ValueError): If a number is out of its range (F101).
    """
    for name, value in (
        ("width", width),
        ("depth", depth),
        ("embed_width", embed_width),
        ("decoder_width", decoder_width),
    ):
        check_argument(ARCHITECTURE, name, value, value > 0, "positive")
    check_argument(ARCHITECTURE, "cell", cell, cell in ("gru", "lstm"), '"gru" or "lstm"')
    check_argument(ARCHITECTURE, "n_samples", n_samples, n_samples >= 0, "0 for all words, or more")
    check_argument(ARCHITECTURE, "max_words", max_words, max_words >= 0, "0 for all words, or more")
    check_training(ARCHITECTURE, dropout, grad_clip)
    return running_model(
        "skipthought",
        tok2vec,
        SkipThought,
        make_run,
        arguments={
            "cell": cell,
            "width": width,
            "depth": depth,
            "bidirectional": bidirectional,
            "pooling": pooling,
            "embed_width": embed_width,
            "decoder_width": decoder_width,
        },
        nO=nO,
        dropout=dropout,
        grad_clip=grad_clip,
        attrs={"n_samples": Free(n_samples), "max_words": Free(max_words)},
    )


def make_run(model: Model, X: Union[List[Doc], Sentences, Batch]) -> Tuple[List[Doc], Union["Training", "Encoding"]]:
    """What to do with an input, for running_model.

    RETURNS (Tuple[List[Doc], Union[Training, Encoding]]): The documents, and a Training for a Batch, or else what
        predicts.
    """
    if isinstance(X, Batch):
        return X.sentences.docs, Training(X, model.attrs["n_samples"].value, model.attrs["max_words"].value)
    return (X.docs, Encoding(X)) if isinstance(X, Sentences) else (X, Encoding(None))


@dataclass
class Encoding:
    """The vectors of sentences."""

    sentences: Optional[Sentences]
    """None to read each document as one."""

    def __call__(self, network: SkipThought, tokens: Tensor, lengths: Tensor, dropout: float) -> np.ndarray:
        if self.sentences is None:
            return network.encode(tokens, lengths).cpu().numpy()
        return encoded(network, self.sentences, tokens).cpu().numpy()


@dataclass
class Training:
    """How well the decoders foresee the words of neighbouring sentences: in training the mean of the losses, and
    otherwise a Loss, for which all words are scored."""

    batch: Batch
    n_samples: int
    max_words: int

    def __call__(self, network: SkipThought, tokens: Tensor, lengths: Tensor, dropout: float) -> Union[Tensor, Loss]:
        sentences, words, pairs = self.batch
        total, n_right, n_words = tokens.sum() * 0, 0, 0
        vectors = encoded(network, sentences, tokens, dropout)
        for direction, (given, foreseen) in enumerate(((1, 0), (0, 1)) if len(pairs) else ()):
            rows, n = some_words(sentences.lengths, pairs[:, foreseen], self.max_words)
            cut = n < sentences.lengths[pairs[:, foreseen]]
            states, follows = network.decode(
                direction,
                vectors[as_tensor(pairs[:, given], tokens)],
                as_tensor(words[rows], tokens),
                as_tensor(n, tokens),
                dropout,
            )
            if cut.any():  # Where the rest was cut off, the sentence doesn't end.
                ends = (n + 1).cumsum() - 1
                foretold = as_tensor(np.delete(np.arange(len(follows)), ends[cut]), tokens)
                states, follows = states[foretold], follows[foretold]
            n_words += len(follows)
            if network.training and 0 < self.n_samples < network.n_words:
                total = total + network.sampled_loss(states, follows, self.n_samples)
            else:
                loss, right = network.exact_loss(states, follows)
                total, n_right = total + loss, n_right + int(right)
        return total / max(1, n_words) if network.training else Loss(float(total), n_right, n_words)


def encoded(network: SkipThought, sentences: Sentences, tokens: Tensor, dropout: float = 0.0) -> Tensor:
    """The vectors of sentences. *Shape:* (sentences, n_pooled)"""
    if not sentences.is_read.all():
        tokens = tokens[as_tensor(np.flatnonzero(sentences.is_read), tokens)]
    return network.encode(tokens, as_tensor(sentences.lengths, tokens), dropout)


def as_tensor(numbers: np.ndarray, like: Tensor) -> Tensor:
    """Integers as a tensor on the device of another one."""
    return torch.from_numpy(np.ascontiguousarray(numbers, dtype="int64")).to(like.device)


def some_words(lengths: np.ndarray, which: np.ndarray, most: int) -> Tuple[np.ndarray, np.ndarray]:
    """Where the first words of some sentences stand, and how many they are of each."""
    n = lengths[which]
    if most:
        n = n.clip(max=most)
    starts = (lengths.cumsum() - lengths)[which]
    return np.arange(n.sum()) + np.repeat(starts - (n.cumsum() - n), n), n
