"""Sequence to sequence: from the tokens of a document to target symbols."""

import math
from dataclasses import dataclass
from typing import Callable, Dict, List, Literal, NamedTuple, Optional, Tuple, Union

import numpy as np
import torch
import torch.nn.functional as F
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d
from torch import Tensor

from ..errors import check_argument, check_training
from ..layers import Free
from ..modules.attention import ATTENTIONS, COMPARISONS
from ..modules.seq2seq import EOS, Constraint, Seq2Seq, search
from .runs import running_model
from .words import are_words

ARCHITECTURE = "spacy_fodl.Seq2Seq.v1"
# Places that are worked on together when predicting, padding included.
PREDICT_PLACES = 8192
# Pairs of a place of the source and one of the target that are compared at the same time in training.
TRAIN_COMPARISONS = COMPARISONS
IGNORE = -1
# Of an output, so that every limit is a number that an integer can hold.
MOST_SYMBOLS = 10**9


class Batch(NamedTuple):
    """What the model is trained on."""

    docs: List[Doc]
    targets: List[Optional[List[int]]]
    """The symbols of each document's target, without EOS; None for those that don't count."""


class Query(NamedTuple):
    """What outputs are looked for with."""

    docs: List[Doc]
    settings: "SearchSettings"


class Output(NamedTuple):
    """An output for a document."""

    symbols: List[int]
    """Without EOS."""
    score: float
    """The sum of the log-probabilities of its symbols, EOS included, divided by a power of their number."""
    complete: bool
    """Whether it ended by itself, and not at the longest length that is allowed."""


class Result(NamedTuple):
    """What was found for a document."""

    outputs: List[Output]
    """The best first."""
    attention: Optional[np.ndarray]
    """The weights of the source tokens and of EOS behind them at each symbol of the best output, its EOS included;
    0 for white space. None if not asked for, or of a kind of attention that has none. *Shape:* (symbols, tokens + 1)"""


def build_seq2seq_v1(
    tok2vec: Model[List[Doc], List[Floats2d]],
    attention: str = "additive",
    attend_from: Literal["current", "previous"] = "current",
    width: int = 256,
    encoder_depth: int = 1,
    decoder_depth: int = 2,
    embed_width: int = 256,
    tied: bool = True,
    label_smoothing: float = 0.1,
    scheduled_sampling: float = 0.0,
    dropout: Optional[float] = None,
    grad_clip: float = 1.0,
    nO: Optional[int] = None,
) -> Model:
    """A recurrent encoder-decoder: an LSTM reads the token vectors in both directions, a second one writes symbols.

    tok2vec (Model[List[Doc], List[Floats2d]]): Makes the token vectors: an embedding, spacy.Tok2Vec.v2 or a listener.
    attention (str): What the decoder sees of the source at each step: "none", only what its first state holds
        (Sutskever, Vinyals and Le 2014); "static", the mean of all states; "additive", what it chooses by a small
        network (Bahdanau, Cho and Bengio 2015); "dot", by a product (Luong, Pham and Manning 2015); or another name in
        spacy_fodl.modules.attention.ATTENTIONS.
    attend_from (str): Which state of the decoder chooses: the "current" one of its lowest layer, whereby a known target
        is computed all at once, or the one of the "previous" step (as Bahdanau et al.), step by step.
    width (int): Width of the states of the decoder, and of one direction of the encoder.
    encoder_depth, decoder_depth (int): Layers on top of each other.
    embed_width (int): Width of the vectors of symbols.
    tied (bool): Whether the scores of symbols use these vectors as weights too.
    label_smoothing (float): Share of the probability that training spreads over all symbols (Szegedy et al. 2016,
        "Rethinking the Inception Architecture for Computer Vision", section 7).
    scheduled_sampling (float): Share of the inputs of the decoder that training replaces by what it would have written
        itself (Bengio et al. 2015, "Scheduled Sampling for Sequence Prediction with Recurrent Neural Networks"; in two
        passes as Mihaylova and Martins 2019, "Scheduled Sampling for Transformers").
    dropout (Optional[float]): Rate on token vectors, symbols, states, between layers and before the output; None to
        follow [training] dropout.
    grad_clip (float): Bound on the global norm of the torch layer's gradients; 0 for none.
    nO (Optional[int]): Number of symbols; None to infer it.
    RETURNS (Model): The model. In prediction it takes a Query, or documents (greedy search), and gives a Result each;
        in training it takes a Batch and gives the mean loss of its symbols. The losses of other components are sums, so
        on a tok2vec that it shares with them it weighs little. White space is not read.
    RAISES (ValueError): If a number is out of its range, or there is no such attention (F101).
    """
    check_argument(ARCHITECTURE, "attention", attention, attention in ATTENTIONS, f"one of {', '.join(ATTENTIONS)}")
    for name, value in (
        ("width", width),
        ("encoder_depth", encoder_depth),
        ("decoder_depth", decoder_depth),
        ("embed_width", embed_width),
    ):
        check_argument(ARCHITECTURE, name, value, value > 0, "positive")
    for name, share in (("label_smoothing", label_smoothing), ("scheduled_sampling", scheduled_sampling)):
        check_argument(ARCHITECTURE, name, share, 0 <= share < 1, "0 or more and below 1")
    check_training(ARCHITECTURE, dropout, grad_clip)
    return running_model(
        "seq2seq",
        tok2vec,
        Seq2Seq,
        make_run,
        arguments={
            "attention": attention,
            "attend_from": attend_from,
            "width": width,
            "encoder_depth": encoder_depth,
            "decoder_depth": decoder_depth,
            "embed_width": embed_width,
            "tied": tied,
        },
        nO=nO,
        dropout=dropout,
        grad_clip=grad_clip,
        attrs={
            "label_smoothing": Free(label_smoothing),
            "scheduled_sampling": Free(scheduled_sampling),
        },
    )


def make_run(model: Model, X: Union[List[Doc], Query, Batch]) -> Tuple[List[Doc], Union["Training", "Prediction"]]:
    """What to do with an input, for running_model.

    RETURNS (Tuple[List[Doc], Union[Training, Prediction]]): The documents, and a Training for a Batch, or else what
        predicts.
    """
    if isinstance(X, Batch):
        shares = (model.attrs[name].value for name in ("label_smoothing", "scheduled_sampling"))
        return X.docs, Training(are_words(X.docs), X.targets, *shares)
    docs, settings = X if isinstance(X, Query) else (X, SearchSettings())
    return docs, Prediction(are_words(docs), settings)


def words_alone(tokens: Tensor, words: List[np.ndarray]) -> Tuple[Tensor, Tensor]:
    """The vectors of words out of those of all tokens, and their numbers a document.

    tokens (Tensor): *Shape:* (tokens, width)
    words (List[np.ndarray]): Whether each token is a word.
    RETURNS (Tuple[Tensor, Tensor]): *Shapes:* (words, width), (documents,)
    """
    lengths = torch.tensor([int(its.sum()) for its in words], device=tokens.device)
    every = np.concatenate([np.zeros(0, dtype=bool), *words])
    return (tokens if every.all() else tokens[torch.from_numpy(every).to(tokens.device)]), lengths


class SearchSettings(NamedTuple):
    """How outputs are looked for."""

    beam_width: int = 1
    """Hypotheses a document."""
    n_best: int = 1
    """Outputs that are wanted, at most beam_width."""
    length_power: float = 1.0
    """The sum of log-probabilities is divided by the number of symbols to this power."""
    threshold: float = math.inf
    """How far behind the best of its step a hypothesis may be, as a difference of log-probabilities."""
    max_ratio: float = 3.0
    """The longest output has max_ratio * (words of the source) + max_extra symbols, EOS included."""
    max_extra: int = 20
    """See max_ratio."""
    keep_attention: bool = False
    """Whether Result.attention is wanted."""
    constraint: Optional[Callable[[Tensor], Constraint]] = None
    """Given the numbers of some documents, what may be written for them."""


@dataclass
class Training:
    """The mean cross-entropy of the symbols of known targets, each given the ones before it (teacher forcing).

    words (List[np.ndarray]): Whether each token is read. *Shape:* (tokens,) a document
    targets (List[Optional[List[int]]]): As in Batch.
    label_smoothing, scheduled_sampling (float): As in build_seq2seq_v1.
    """

    words: List[np.ndarray]
    targets: List[Optional[List[int]]]
    label_smoothing: float
    scheduled_sampling: float

    def __call__(self, network: Seq2Seq, tokens: Tensor, lengths: Tensor, dropout: float) -> Tensor:
        targets = {i: target for i, target in enumerate(self.targets) if target is not None}
        if not targets:
            return tokens.sum() * 0
        tokens, lengths = words_alone(tokens, self.words)
        parts = []
        for documents in self.groups(targets, lengths.tolist()):
            its_targets = [targets[document] for document in documents]
            parts.append(self.decoded(network, *some_documents(tokens, lengths, documents), its_targets, dropout))
        features, gold = (torch.cat(column) for column in zip(*parts))
        return F.cross_entropy(network.output(features), gold, label_smoothing=self.label_smoothing)

    @staticmethod
    def groups(targets: Dict[int, List[int]], lengths: List[int]) -> List[List[int]]:
        """All documents with a target, or groups of similar length where together they would take too much room: a long
        source or target pads all others of its group."""
        steps = {document: len(target) + 1 for document, target in targets.items()}
        its_lengths = {document: lengths[document] for document in targets}
        if len(targets) * (max(its_lengths.values()) + 1) * max(steps.values()) <= TRAIN_COMPARISONS:
            return [list(targets)]
        return by_length(its_lengths, TRAIN_COMPARISONS, steps)

    def decoded(
        self, network: Seq2Seq, tokens: Tensor, lengths: Tensor, targets: List[List[int]], dropout: float
    ) -> Tuple[Tensor, Tensor]:
        """What scores of symbols are made of, at each symbol of the targets, and these symbols. *Shape:* (symbols,
        embed_width), (symbols,)"""
        device = tokens.device
        source, state = network.encode(tokens, lengths, dropout)
        rows = np.full((len(targets), max(map(len, targets)) + 1), IGNORE, dtype="int64")
        for row, target in zip(rows, targets):
            row[: len(target)] = target
            row[len(target)] = EOS
        gold = torch.from_numpy(rows).to(device)
        inputs = F.pad(gold.clamp(min=0), (1, -1), value=EOS)
        if self.scheduled_sampling and network.training:
            with torch.no_grad():
                features, _, _ = network.decode(inputs, source, state, dropout)
                own = F.pad(network.output(features).argmax(2), (1, -1), value=EOS)
            inputs = torch.where(torch.rand(inputs.shape, device=device) < self.scheduled_sampling, own, inputs)
        features, _, _ = network.decode(inputs, source, state, dropout)
        there = gold != IGNORE
        return features[there], gold[there]


@dataclass
class Prediction:
    """Looks for the best outputs, for sources of similar length together.

    words (List[np.ndarray]): As in Training.
    settings (SearchSettings): How.
    """

    words: List[np.ndarray]
    settings: SearchSettings

    def __call__(self, network: Seq2Seq, tokens: Tensor, lengths: Tensor, dropout: float) -> List[Result]:
        tokens, lengths = words_alone(tokens, self.words)
        results: List[Result] = [Result([], None)] * len(lengths)
        there = {document: n for document, n in enumerate(lengths.tolist()) if n}
        for documents in by_length(there, PREDICT_PLACES // self.settings.beam_width):
            its = some_documents(tokens, lengths, documents)
            constraint = None
            if self.settings.constraint is not None:
                constraint = self.settings.constraint(torch.tensor(documents, device=tokens.device))
            for document, result in zip(documents, self.found(network, *its, constraint)):
                results[document] = self.over_tokens(result, self.words[document])
        return results

    def found(
        self, network: Seq2Seq, tokens: Tensor, lengths: Tensor, constraint: Optional[Constraint]
    ) -> List[Result]:
        how = self.settings
        limits = (lengths.double() * how.max_ratio).clamp(max=MOST_SYMBOLS).long() + how.max_extra
        source, state = network.encode(tokens, lengths)
        found = search(
            network,
            source,
            state,
            limits,
            how.beam_width,
            how.n_best,
            how.length_power,
            how.threshold,
            how.keep_attention,
            constraint,
        )
        symbols, sizes, scores, complete = (column.tolist() for column in found[:4])
        weights = None if found.weights is None else found.weights.cpu().numpy()
        results = []
        for i, n_words in enumerate(lengths.tolist()):
            outputs = [
                Output(row[: n - is_complete], score, is_complete)
                for row, n, score, is_complete in zip(symbols[i], sizes[i], scores[i], complete[i])
                if n
            ]
            its = None if weights is None else weights[i, : sizes[i][0], : n_words + 1].copy()
            results.append(Result(outputs, its))
        return results

    @staticmethod
    def over_tokens(result: Result, words: np.ndarray) -> Result:
        if result.attention is None or words.all():
            return result
        full = np.zeros((len(result.attention), len(words) + 1), dtype=result.attention.dtype)
        full[:, np.append(words, True)] = result.attention
        return result._replace(attention=full)


def some_documents(tokens: Tensor, lengths: Tensor, documents: List[int]) -> Tuple[Tensor, Tensor]:
    """The vectors and lengths of some of the documents, in their order."""
    which = torch.tensor(documents, device=tokens.device)
    n = lengths[which]
    rows = torch.arange(int(n.sum()), device=tokens.device)
    starts = (lengths.cumsum(0) - lengths)[which] - (n.cumsum(0) - n)
    return tokens[rows + starts.repeat_interleave(n, output_size=len(rows))], n


def by_length(lengths: Dict[int, int], room: int, steps: Optional[Dict[int, int]] = None) -> List[List[int]]:
    """Groups of documents of similar length. Padded, none takes more room than that, but for single documents.

    lengths (Dict[int, int]): The tokens of each document.
    room (int): How many places, or pairs of a place and a step, a group may take.
    steps (Optional[Dict[int, int]]): The steps of each document, where they count too.
    RETURNS (List[List[int]]): The documents of each group, the longest first.
    """
    steps = steps or dict.fromkeys(lengths, 1)
    groups: List[List[int]] = []
    longest = most_steps = 0
    for document in sorted(lengths, key=lambda one: (-lengths[one], -steps[one])):
        its_steps = steps[document]
        if groups and (len(groups[-1]) + 1) * (longest + 1) * max(most_steps, its_steps) <= room:
            groups[-1].append(document)
            most_steps = max(most_steps, its_steps)
        else:
            groups.append([document])
            longest, most_steps = lengths[document], its_steps
    return groups
