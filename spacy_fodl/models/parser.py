"""The arc-standard parser."""

from dataclasses import dataclass
from typing import Iterator, List, Literal, NamedTuple, Optional, Tuple, Union, cast

import numpy as np
import torch
import torch.nn.functional as F
from spacy.attrs import DEP, IS_SPACE, SENT_START
from spacy.pipeline._parser_internals import nonproj
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d
from torch import Tensor

from ..errors import Errors, check_argument, check_training
from ..layers import Free
from ..modules.transition import TransitionScorer
from ..transition.actions import LEFT, ROOT_HEAD
from ..transition.exploration import explored_configurations
from ..transition.features import FEATURE_SETS, FeatureSet
from ..transition.oracle import gold_actions, gold_configurations
from ..transition.parts import pays, search_in_parts
from ..transition.paths import gold_paths, path_scores
from ..transition.search import Score, log_probabilities, search
from ..transition.state import Sentences
from .runs import running_model

ARCHITECTURE = "spacy_fodl.TransitionParser.v1"
# Words that are parsed together when predicting: bounds the memory, and the table of features stays close to the core.
PREDICT_WORDS = 8192

Normalization = Literal["local", "global"]


@dataclass
class Words:
    """What is parsed of a batch of documents: all tokens but white space, which the component attaches by rule."""

    tokens: np.ndarray
    """The place of each word among all tokens. *Shape:* (words,)"""
    starts: np.ndarray
    """Whether it starts a sentence: 1, -1 if it doesn't, 0 if that is open. *Shape:* (words,)"""


class Gold(NamedTuple):
    """Gold trees of a batch of documents, which the words of each sentence make up alone."""

    heads: np.ndarray
    """The head of each word as its place among all words, ROOT_HEAD for roots. *Shape:* (words,)"""
    labels: np.ndarray
    """*Shape:* (words,)"""
    known: np.ndarray
    """Whether head and label are gold, and not made up to complete a tree. *Shape:* (words,)"""
    starts: np.ndarray
    """Whether a tree starts at each word. *Shape:* (words,)"""


class Batch(NamedTuple):
    """What the model is trained on."""

    docs: List[Doc]
    words: Words
    gold: Gold


def check_labels(gold: Doc, component: str) -> None:
    """Refuse labels that look like those of lifted arcs.

    gold (Doc): A gold document.
    component (str): Who asks, for errors.
    RAISES (ValueError): If one of its labels could be taken for that of a lifted arc.
    """
    deps = gold.to_array(DEP)
    for dep in np.unique(deps).tolist():
        label = gold.vocab.strings[dep] if dep else ""
        if nonproj.is_decorated(label):
            text = text_from(gold, int(np.flatnonzero(deps == dep)[0]))
            raise ValueError(Errors.F227.format(component=component, label=label, mark=nonproj.DELIMITER, text=text))


def text_from(doc: Doc, token: int) -> str:
    """The text from a token on, as errors quote it."""
    return doc[token : token + 12].text[:60]


def words_of(docs: List[Doc]) -> Words:
    """Find what there is to parse.

    docs (List[Doc]): Documents.
    RETURNS (Words): Their words.
    """
    if not any(len(doc) for doc in docs):
        return Words(np.zeros(0, dtype="int64"), np.zeros(0, dtype="int64"))
    columns = [doc.to_array([IS_SPACE, SENT_START]) for doc in docs]
    space, starts = np.concatenate(columns).astype("int64").T
    lengths = np.array([len(doc) for doc in docs])
    starts[(lengths.cumsum() - lengths)[lengths > 0]] = 1
    tokens = np.flatnonzero(space == 0)
    return Words(tokens, np.where(starts_of_words(starts, tokens), 1, starts[tokens]))


def starts_of_words(starts: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Whether a sentence starts with each word. One that starts with white space starts, for us, with the word behind.

    starts (np.ndarray): 1 where a sentence starts. *Shape:* (all tokens,)
    tokens (np.ndarray): The place of each word among the tokens. *Shape:* (words,)
    RETURNS (np.ndarray): *Shape:* (words,), of bool
    """
    so_far = (starts == 1).cumsum()[tokens]
    return np.diff(so_far, prepend=0) > 0


def build_transition_parser_v1(
    tok2vec: Model[List[Doc], List[Floats2d]],
    features: str = "stack3",
    hidden: int = 128,
    activation: Literal["relu", "gelu", "mish", "silu", "tanh", "cube"] = "relu",
    label_width: int = 32,
    dropout: Optional[float] = None,
    grad_clip: float = 0.0,
    nO: Optional[int] = None,
) -> Model:
    """An arc-standard transition parser (Nivre 2004) that scores actions with a feed-forward network over token vectors
    at places of the configuration (Chen and Manning 2014). All sentences of a batch are parsed in lockstep.

    tok2vec (Model[List[Doc], List[Floats2d]]): Makes the token vectors.
    features (str): What the scores look at. "stack3": three words of the stack, two of the buffer, and the outermost
        children of the upper two. "syntaxnet": words at its twenty places (Andor et al. 2016), and labels at twelve.
        Or another name in spacy_fodl.transition.features.FEATURE_SETS.
    hidden (int): Width of the hidden layer.
    activation (str): The non-linearity after it: "relu", "gelu", "mish", "silu", "tanh" or "cube" (Chen and Manning
        2014).
    label_width (int): Width of the vectors of labels; of no effect with "stack3".
    dropout (Optional[float]): Rate on the token vectors and, in local training, the hidden layer; None to follow
        [training] dropout.
    grad_clip (float): Bound on the global norm of the torch layer's gradients; 0 for none.
    nO (Optional[int]): Number of actions; None to infer it from the labels.
    RETURNS (Model): The model. It takes documents and gives Beams; in training it takes a Batch and gives the loss.
    RAISES (ValueError): If a number is out of its range, or there is no such feature set.
    """
    known = f"one of {', '.join(FEATURE_SETS)}"
    check_argument(ARCHITECTURE, "features", features, features in FEATURE_SETS, known)
    check_argument(ARCHITECTURE, "hidden", hidden, hidden > 0, "positive")
    check_argument(ARCHITECTURE, "label_width", label_width, label_width > 0, "positive")
    check_training(ARCHITECTURE, dropout, grad_clip)
    feature_set = FEATURE_SETS[features]
    return running_model(
        "transition_parser",
        tok2vec,
        TransitionScorer,
        make_run,
        arguments={
            "n_tokens": feature_set.n_tokens,
            "n_labels": feature_set.n_labels,
            "label_width": label_width if feature_set.n_labels else 0,
            "hidden": hidden,
            "activation": activation,
        },
        nO=nO,
        dropout=dropout,
        grad_clip=grad_clip,
        attrs={
            "features": Free(features),
            "beam_width": Free(1),
            "normalization": Free("local"),
            "explores": Free(False),
            "n_trees": Free(1),
            "weigh_cuts": Free(False),
            # Saved with the weights: the steps of training so far, and how the last one normalized.
            "steps": 0,
            "trained": "local",
        },
    )


def make_run(model: Model, X: Union[List[Doc], Batch]) -> Tuple[List[Doc], Union["Training", "Prediction"]]:
    """What to do with an input, for running_model.

    RETURNS (Tuple[List[Doc], Union[Training, Prediction]]): The documents, and a Training for a Batch, or else what
        predicts.
    """
    features = FEATURE_SETS[model.attrs["features"].value]
    settings = {name: model.attrs[name].value for name in ("beam_width", "normalization")}
    if isinstance(X, Batch):
        return X.docs, Training(X.words, X.gold, features, **settings, explores=model.attrs["explores"].value)
    told = {name: model.attrs[name].value for name in ("n_trees", "weigh_cuts")}
    return X, Prediction(words_of(X), features, **settings, **told)


class Beams(NamedTuple):
    """What was found for the words of a batch of documents, in stretches of words that were parsed together: sentences,
    as far as their starts were known."""

    heads: np.ndarray
    """The head of each word, ROOT_HEAD for roots, in the trees of the beam, the best first. *Shape:* (trees, words)"""
    labels: np.ndarray
    """Its label, 0 for roots. *Shape:* (trees, words)"""
    scores: np.ndarray
    """The score of each tree, -inf where there are fewer. *Shape:* (trees, stretches)"""
    starts: np.ndarray
    """The first word of each stretch. *Shape:* (stretches,)"""
    cut_stretches: np.ndarray
    """Where more than one tree is wanted, the stretch of each action of the best trees, in their order. *Shape:*
    (actions,)"""
    cut_words: np.ndarray
    """The words that it decided about, as in Cuts of transition/search.py; the number of words for none. *Shape:*
    (actions, 2)"""
    cut_odds: np.ndarray
    """The odds of what was given up, as there. *Shape:* (actions,)"""


@dataclass
class Prediction:
    """Parses the words of a batch with the scorer that it is called with.

    words (Words): The words.
    features (FeatureSet): What the scores look at.
    beam_width (int): Hypotheses a sentence.
    normalization (str): Whether the scores of the beam are log-probabilities of actions ("local") or plain ("global").
    n_trees (int): How many trees are wanted.
    weigh_cuts (bool): Whether what the beam gives up is looked at.
    """

    words: Words
    features: FeatureSet
    beam_width: int
    normalization: Normalization
    n_trees: int
    weigh_cuts: bool

    def __call__(self, scorer: TransitionScorer, tokens: Tensor, lengths: Tensor, dropout: float) -> Beams:
        n_words, device = len(self.words.tokens), tokens.device
        places = torch.from_numpy(self.words.tokens).to(device)
        starts = torch.from_numpy(self.words.starts).to(device)
        first = torch.nonzero(starts == 1)[:, 0]
        heads, labels = torch.zeros((2, self.n_trees, n_words), dtype=torch.long, device=device)
        scores = torch.zeros((self.n_trees, len(first)), dtype=torch.double, device=device)
        nothing = first.new_zeros((0, 2))
        cuts = [(nothing[:, 0], nothing, tokens[0, :0])]
        for which, words, sentences in known_sentences(starts):
            table = scorer.table(tokens[places[words]])
            if self.beam_width == 1:
                look = search_in_parts if pays(sentences) else search
                found = look(sentences, self.features, best_first(scorer, table))
            else:
                score = scores_to_add(scorer, table, self.normalization)
                found = search(sentences, self.features, score, self.beam_width, self.weigh_cuts)
            its_heads = found.heads[: self.n_trees]
            heads[:, words] = torch.where(its_heads == ROOT_HEAD, ROOT_HEAD, words[its_heads])
            labels[:, words] = found.labels[: self.n_trees]
            scores[:, which] = found.scores[: self.n_trees]
            if found.cuts is not None:
                decided = F.pad(words, (0, 2), value=n_words)[found.cuts.words]
                cuts.append((which[found.cuts.sentences], decided, found.cuts.odds))
        of_cuts = [torch.cat(column) for column in zip(*cuts)]
        order = torch.argsort(of_cuts[0], stable=True)
        arrays = [heads, labels, scores, first, *(column[order] for column in of_cuts)]
        return Beams(*(array.cpu().numpy() for array in arrays))


def best_first(scorer: TransitionScorer, table: Tensor) -> Score:
    """Scores to compare actions by, which need not add up to anything."""
    return lambda rows, valid: cast(Tensor, scorer.output(scorer.hidden(table, rows)))


def scores_to_add(scorer: TransitionScorer, table: Tensor, normalization: Normalization) -> Score:
    """Local: log-probabilities among the possible actions. Global: these, and the worth of the configuration where they
    are taken, whatever action it is. Sums of them can be anything that sums of unnormalized scores can, and training
    that was local before goes on from where it was.

    scorer (TransitionScorer): The scorer.
    table (Tensor): What its `table` made of the tokens.
    normalization (str): "local" or "global".
    RETURNS (Score): The function; see transition/search.py.
    """

    def score(rows: Tensor, valid: Tensor) -> Tensor:
        hidden = scorer.hidden(table, rows)
        log_probs = log_probabilities(scorer.output(hidden), valid)
        return log_probs if normalization == "local" else log_probs + scorer.worth(hidden)

    return score


@dataclass
class Training:
    """The loss of training, as a sum, as the losses of spaCy's components are, so that none outweighs another on a
    shared tok2vec.

    Local: the cross-entropy of each gold action among those that are possible, on the way of gold, or, exploring, on
    the way that the scores take.

    Global (Andor et al. 2016, section 2.3): the cross-entropy of gold derivations among the derivations of the beam, up
    to where they leave it; of trees that are known as a whole.

    words (Words): The words.
    gold (Gold): Their trees.
    features, beam_width, normalization: As in Prediction.
    explores (bool): Whether local training takes the way that the scores take.
    """

    words: Words
    gold: Gold
    features: FeatureSet
    beam_width: int
    normalization: Normalization
    explores: bool

    def __call__(self, scorer: TransitionScorer, tokens: Tensor, lengths: Tensor, dropout: float) -> Tensor:
        n_labels = (scorer.output.out_features - LEFT) // 2
        table = scorer.table(tokens[torch.from_numpy(self.words.tokens).to(tokens.device)])
        if self.normalization == "local":
            return tokens.sum() * 0 + self.local_loss(scorer, table, n_labels, dropout)
        return tokens.sum() * 0 + self.global_loss(scorer, table, n_labels)

    def local_loss(
        self, scorer: TransitionScorer, table: Tensor, n_labels: int, dropout: float
    ) -> Union[Tensor, float]:
        # Gold derivations need no scores. On a GPU their many small steps would take longer than all the rest.
        device = table.device if self.explores else torch.device("cpu")
        heads, labels, known, gold_starts = self.gold_on(device)
        gold = self.sentences(gold_starts), heads, labels, known, self.features, n_labels
        if not self.explores or not len(heads):
            found = gold_configurations(*gold)
        else:
            with torch.no_grad():
                found = explored_configurations(*gold, best_first(scorer, table))
        if not len(found.actions):
            return 0.0
        rows, valid, actions = (tensor.to(table.device) for tensor in found)
        hidden = F.dropout(scorer.hidden(table, rows), dropout, scorer.training)
        return F.nll_loss(log_probabilities(scorer.output(hidden), valid), actions, reduction="sum")

    def global_loss(self, scorer: TransitionScorer, table: Tensor, n_labels: int) -> Union[Tensor, float]:
        heads, labels, known, gold_starts = self.gold_on(table.device)
        sentences = self.windows(gold_starts, known)
        if not len(sentences.sizes):
            return 0.0
        kinds, words = gold_actions(heads)
        steps = 2 * sentences.first[:, None] + torch.arange(2 * int(sentences.sizes[0]), device=table.device)
        steps = steps.clamp(max=len(kinds) - 1)
        # Without dropout on hidden units: the search has to see the scores that are learned from. On token vectors,
        # which both share, there is some.
        score = scores_to_add(scorer, table, "global")
        with torch.no_grad():
            gold = kinds[steps], labels[words[steps]]
            found = gold_paths(sentences, *gold, self.features, score, self.beam_width, n_labels)
        totals = path_scores(found, score(found.rows, found.valid))
        return (totals.logsumexp(1) - totals[:, -1]).sum()

    def gold_on(self, device: torch.device) -> List[Tensor]:
        return [torch.from_numpy(array).to(device) for array in self.gold]

    def sentences(self, gold_starts: Tensor) -> Sentences:
        """The trees.

        gold_starts (Tensor): Whether a tree starts at each word. *Shape:* (words,)
        """
        first = torch.nonzero(gold_starts)[:, 0]
        return self.stretches(first, torch.diff(first, append=first.new_full((1,), len(gold_starts))))

    def windows(self, gold_starts: Tensor, known: Tensor) -> Sentences:
        """Each tree together with the next one, if it isn't known where that one starts: what runs over the end of a
        sentence has to be worse there and further on. Trees of which something is unknown are left out.

        gold_starts (Tensor): Whether a tree starts at each word. *Shape:* (words,)
        known (Tensor): Whether head and label of each word are gold. *Shape:* (words,)
        """
        first = torch.nonzero(gold_starts)[:, 0]
        bounds = F.pad(first, (0, 1), value=len(gold_starts))
        unknown = F.pad((~known).cumsum(0), (1, 0))[bounds]
        is_whole = F.pad(unknown.diff() == 0, (0, 1))
        is_open = F.pad(torch.from_numpy(self.words.starts).to(first.device)[first] != 1, (0, 1))
        ends = torch.where((is_whole & is_open)[1:], F.pad(bounds, (0, 1))[2:], bounds[1:])
        return self.stretches(first[is_whole[:-1]], (ends - first)[is_whole[:-1]])

    def stretches(self, first: Tensor, sizes: Tensor) -> Sentences:
        """Stretches of gold trees. The buffer shows what comes behind, up to where a sentence is known to start.

        That a sentence may start anywhere is learned even from words of which it is known that they start none: with
        ROOT never among the alternatives its score would stay what it was by chance, and the parser would take texts
        without sentence starts to pieces."""
        starts = torch.from_numpy(self.words.starts).to(first.device)
        n = len(starts)
        bounds = torch.cat([torch.nonzero(starts == 1)[:, 0], starts.new_full((1,), n)])
        ends = bounds[torch.searchsorted(bounds, first, right=True)]
        order = torch.argsort(sizes, descending=True, stable=True)
        may_start, may_go_on = allowed(starts)
        return Sentences(n, first[order], sizes[order], ends[order], torch.ones_like(may_start), may_go_on)


def known_sentences(starts: Tensor) -> Iterator[Tuple[Tensor, Tensor, Sentences]]:
    """Cut the words into stretches that are known to begin a sentence, and group those of similar length.

    starts (Tensor): 1 where a sentence starts, -1 where none does, 0 where that is open. *Shape:* (words,)
    YIELDS (Tuple[Tensor, Tensor, Sentences]): The stretches of a group, by their order in the text, *shape*
        (stretches,); their words, *shape* (words,); and what there is to parse, numbered by their places among those.
    """
    first = torch.nonzero(starts == 1)[:, 0]
    sizes = torch.diff(first, append=first.new_full((1,), len(starts)))
    order = torch.argsort(sizes, descending=True, stable=True)
    first, sizes = first[order], sizes[order]
    group = torch.div(sizes.cumsum(0), PREDICT_WORDS, rounding_mode="floor")
    counts = torch.unique_consecutive(group, return_counts=True)[1].tolist() if len(group) else []
    for which, its_first, its_sizes in zip(order.split(counts), first.split(counts), sizes.split(counts)):
        n = int(its_sizes.sum())
        begin = its_sizes.cumsum(0) - its_sizes
        words = torch.arange(n, device=starts.device)
        words = words + (its_first - begin).repeat_interleave(its_sizes, output_size=n)
        yield which, words, Sentences(n, begin, its_sizes, begin + its_sizes, *allowed(starts[words]))


def allowed(starts: Tensor) -> Tuple[Tensor, Tensor]:
    """Where a sentence may start, and where the one before may go on. *Shape:* (words + 1,)"""
    starts = F.pad(starts, (0, 1))
    return starts != -1, starts != 1
