"""fodl_parser: the arc-standard parser as a component."""

import warnings
from collections import Counter
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple, Union, cast

import numpy as np
import torch
from spacy.attrs import DEP, HEAD, ORTH, SENT_START
from spacy.language import Language
from spacy.pipeline._parser_internals import nonproj
from spacy.tokens import Doc, Token
from spacy.training import Example, validate_get_examples
from spacy.util import check_lexeme_norms
from spacy.vocab import Vocab
from thinc.api import Config, Model, Optimizer

from ..errors import LABELS_ARE_ENOUGH, Errors, Warnings
from ..layers import Free
from ..models.parser import Batch, Beams, Gold, Normalization, Words, check_labels, starts_of_words, text_from, words_of
from ..transition.actions import ROOT_HEAD, n_actions
from ..transition.marginals import head_marginals
from ..transition.oracle import complete
from ..transition.search import NEVER
from .labels import check_label, check_label_list
from .settings import count, flag, one_of, real
from .structured import StructuredPipe
from .survey import survey

ROOT_LABEL = "ROOT"
# In place of a head that gold doesn't tell.
MISSING = -2
# What a space is labelled, and a word in a parser that saw no label but that of roots.
NO_LABEL = "dep"
# A warning is worth it if, of at least so many gold heads, a larger share than this one has no token: every tokenizer
# differs a little from a treebank.
MISALIGNED_HEADS = 30
MISALIGNED_SHARE = 0.2

PARSES = "fodl_parses"
HEAD_PROBS = "fodl_head_probs"
HEAD_PROB = "fodl_head_prob"
TEMPERATURE = real(1e-3, 1e3, name="temperature")

default_model_config = """
[model]
@architectures = "spacy_fodl.TransitionParser.v1"
features = "stack3"
hidden = 128

[model.tok2vec]
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = null
width = 96
depth = 4
embed_size = 2000
window_size = 1
maxout_pieces = 3
subword_features = true
"""
DEFAULT_MODEL = Config().from_str(default_model_config)["model"]


@Language.factory(
    "fodl_parser",
    assigns=[
        "token.dep",
        "token.head",
        "token.is_sent_start",
        "doc.sents",
        "doc._.fodl_parses",
        "token._.fodl_head_prob",
    ],
    default_config={
        "model": DEFAULT_MODEL,
        "beam_width": 1,
        "normalization": "local",
        "local_steps": 0,
        "explore_after": 500,
        "n_best": 0,
        "store_probs": False,
        "min_lifted": 10,
        "scorer": {"@scorers": "spacy_fodl.parser_scorer.v1"},
    },
    default_score_weights={
        "dep_uas": 0.5,
        "dep_las": 0.5,
        "dep_uas_punct": None,
        "dep_las_punct": None,
        "dep_las_per_type": None,
        "sents_p": None,
        "sents_r": None,
        "sents_f": 0.0,
    },
)
def make_fodl_parser(
    nlp: Language,
    name: str,
    model: Model,
    beam_width: int,
    normalization: Normalization,
    local_steps: int,
    explore_after: Optional[int],
    n_best: int,
    store_probs: bool,
    min_lifted: int,
    scorer: Optional[Callable],
) -> "FodlParser":
    """Make a parser.

    model (Model): Trees over the words of documents, usually spacy_fodl.TransitionParser.v1.
    beam_width (int): Hypotheses that are kept for each sentence while it is parsed; 1 for greedy parsing.
    normalization (str): What is learned: the probabilities of actions, each by itself ("local"), or of whole
        derivations among those of the beam ("global"; Andor et al. 2016, "Globally Normalized Transition-Based Neural
        Networks").
    local_steps (int): With "global", steps of training that are local first, since global training learns where the
        model finds the gold derivation now and then.
    explore_after (Optional[int]): Steps of local training on gold derivations, after which it goes on with what the
        parser does by itself, to learn how to go on after mistakes (Goldberg and Nivre 2013); None for never.
    n_best (int): Trees that are kept in doc._.fodl_parses, with their probabilities (None with a beam_width of 1); at
        most beam_width, 0 for none.
    store_probs (bool): Whether to set token._.fodl_head_prob, from 0 to 1; it stays None with a beam_width of 1.
    min_lifted (int): Crossing arcs are learned as arcs to a higher head with a combined label, such as "nsubj||ccomp".
        How often the training data has to hold one; those that are rarer are learned as plain "nsubj", and stay lifted.
    scorer (Optional[Callable]): The scoring method.
    RAISES (ValueError): If a setting is out of its range (F208).
    """
    return FodlParser(
        nlp.vocab,
        model,
        name,
        beam_width=beam_width,
        normalization=normalization,
        local_steps=local_steps,
        explore_after=explore_after,
        n_best=n_best,
        store_probs=store_probs,
        min_lifted=min_lifted,
        scorer=scorer,
    )


def get_head_prob(token: Token) -> Optional[float]:
    """The getter of token._.fodl_head_prob.

    token (Token): The token.
    RETURNS (Optional[float]): From 0 to 1; None where it was not stored, or the number of tokens has changed since.
    """
    probs = token.doc._.get(HEAD_PROBS)
    return None if probs is None or len(probs) != len(token.doc) else float(probs[token.i])


class Hypotheses(NamedTuple):
    """The beam of a document, in stretches of tokens that were parsed together."""

    heads: np.ndarray
    """As in Parse, for each tree. *Shape:* (trees, tokens)"""
    deps: np.ndarray
    """*Shape:* (trees, tokens)"""
    scores: np.ndarray
    """-inf where there are fewer trees. *Shape:* (trees, stretches)"""
    bounds: List[int]
    """Where stretches begin, and the number of tokens."""
    cut_tokens: np.ndarray
    """The tokens that each action of the best derivations decided about; the number of tokens for none. *Shape:*
    (actions, 2)"""
    cut_odds: np.ndarray
    """The odds of what the beam gave up then, as in Cuts of transition/search.py. *Shape:* (actions,)"""


class Parse(NamedTuple):
    """A tree over the tokens of a document."""

    heads: np.ndarray
    """The head of each token as its place in the document, its own place for the root of a sentence. *Shape:*
    (tokens,)"""
    deps: np.ndarray
    """The labels, as hashes of the StringStore. *Shape:* (tokens,), uint64"""
    beam: Optional[Hypotheses] = None
    """Where the component is to tell more than the best tree."""


class FodlParser(StructuredPipe):
    """A dependency parser that finds the sentences too. Arcs that cross others are learned lifted, with a label that
    tells from where, and put back afterwards (Nivre and Nilsson 2005, "Pseudo-Projective Dependency Parsing").

    Sentence starts that are set already, True or False, are kept. White space is attached to the word before it.

    vocab (Vocab): The shared vocabulary.
    model (Model): Trees over the words of documents.
    name (str): The name of the component in the pipeline.
    beam_width, normalization, local_steps, explore_after, n_best, store_probs, min_lifted, scorer: As in
        make_fodl_parser. All but scorer can be set at any time, and are checked then (F208). A trained model is used as
        it was trained; normalization counts for further training.
    """

    normalization = one_of("local", "global")
    local_steps = count(0)
    explore_after = count(0, or_none="never")
    store_probs = flag()
    min_lifted = count(1)

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "fodl_parser",
        *,
        beam_width: int = 1,
        normalization: Normalization = "local",
        local_steps: int = 0,
        explore_after: Optional[int] = 500,
        n_best: int = 0,
        store_probs: bool = False,
        min_lifted: int = 10,
        scorer: Optional[Callable] = None,
    ) -> None:
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.min_lifted = min_lifted
        self.normalization = normalization
        self.local_steps = local_steps
        self.explore_after = explore_after
        self.store_probs = store_probs
        self._set_beam(beam_width, n_best)
        for extension in (PARSES, HEAD_PROBS):
            if not Doc.has_extension(extension):
                Doc.set_extension(extension, default=None)
        if not Token.has_extension(HEAD_PROB):
            Token.set_extension(HEAD_PROB, getter=get_head_prob)
        self.cfg: Dict[str, Any] = {"labels": [], "temperature": 1.0}

    @property
    def temperature(self) -> float:
        """What the scores of trees are divided by before they become probabilities, as `python -m spacy fodl calibrate`
        fits it."""
        return cast(float, self.cfg["temperature"])

    @temperature.setter
    def temperature(self, value: float) -> None:
        self.cfg["temperature"] = TEMPERATURE.checked(self, value)

    @property
    def arc_labels(self) -> Tuple[str, ...]:
        """The labels of arcs between words, in the order of the model's output. "nsubj||ccomp" stands for a "nsubj"
        that was lifted from under a "ccomp"."""
        return tuple(self.cfg["labels"])

    @property
    def labels(self) -> Tuple[str, ...]:
        """The labels that a token can get."""
        return tuple(dict.fromkeys([ROOT_LABEL, *[label.split(nonproj.DELIMITER)[0] for label in self.arc_labels]]))

    @property
    def label_data(self) -> Tuple[str, ...]:
        """What `spacy init labels` writes and initialize takes as labels: the labels of arcs between words."""
        return self.arc_labels

    def add_label(self, label: str) -> int:
        """Add a label of arcs between words. Possible before initialization only.

        label (str): The label.
        RETURNS (int): 0 if it was there already, otherwise 1.
        RAISES (ValueError): If it is no string (F202), or the output layer has its final size (F203).
        """
        if label == ROOT_LABEL or label in self.arc_labels:
            return 0
        self._set_labels(self._with_labels([label]))
        return 1

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[List[str]] = None,
    ) -> None:
        """Collect the labels, let word embeddings learn their words, and infer the shapes of the model.

        get_examples (Callable[[], Iterable[Example]]): Returns the training examples.
        nlp (Optional[Language]): The pipeline.
        labels (Optional[List[str]]): The labels, as label_data gives them; None to collect them from the examples.
        RAISES (ValueError): If there are neither labels nor trees in the examples (F201), labels are no strings (F202),
            a gold label holds "||" (F227), the component was initialized before with other labels (F203) or an nO
            that doesn't fit (F207), or gold heads form a cycle (F210) or bear the label of roots (F211).
        """
        validate_get_examples(get_examples, "FodlParser.initialize")
        check_lexeme_norms(self.vocab, "parser")
        check_label_list(self.name, labels, "Pass a list such as ['nsubj', 'obj'].")
        found: Counter = Counter()
        labels_of_roots: Set[str] = set()
        needs_trees = labels is None and not self.arc_labels

        def look(example: Example) -> None:
            if labels is None and example.reference.has_annotation("DEP"):
                found.update(self._arc_labels_of(example))
                labels_of_roots.update(token.dep_ for token in example.reference if token.head.i == token.i)

        sample, n_examples, take_words = survey(self.model, get_examples, look, needs_all=labels is None)
        # Where nobody told the heads, every word is its own.
        no_heads = not found and any(label and label.upper() != ROOT_LABEL for label in labels_of_roots)
        if not sample or no_heads or (needs_trees and not labels_of_roots):
            what = "token" if not sample else "token.head" if no_heads else "token.dep_ and token.head"
            hint = LABELS_ARE_ENOUGH.format(component=self.name)
            raise ValueError(Errors.F201.format(component=self.name, n=n_examples, what=what, hint=hint))
        if labels is None:
            n_heads, share = misaligned_heads(sample, self.name)
            if n_heads >= MISALIGNED_HEADS and share > MISALIGNED_SHARE:
                told = {"component": self.name, "share": share, "n": len(sample)}
                warnings.warn(Warnings.W201.format(**told), stacklevel=2)
        wanted = labels if labels is not None else sorted(self._often_enough(found))
        all_labels = self._with_labels(wanted) or [NO_LABEL]
        scorer = self.model.get_ref("network")
        outputs = scorer.maybe_get_dim("nO")
        if outputs not in (None, n_actions(len(all_labels))):
            raise ValueError(
                Errors.F207.format(component=self.name, found=outputs, expected=n_actions(len(all_labels)))
            )
        scorer.set_dim("nO", n_actions(len(all_labels)), force=True)
        take_words()
        self.model.initialize(X=[example.predicted for example in sample])
        self.model.attrs.update({"steps": 0, "trained": "local"})
        self.temperature = 1.0
        self._set_labels(all_labels)

    def predict(self, docs: Iterable[Doc]) -> List[Parse]:
        """Find the trees of documents without changing them.

        docs (Iterable[Doc]): The documents.
        RETURNS (List[Parse]): A tree a document. Arcs that cross others are still lifted.
        """
        return self._parses(list(docs), in_full=self.n_best > 0 or self.store_probs, weigh_cuts=self.store_probs)

    def _parses(self, docs: List[Doc], in_full: bool, weigh_cuts: bool) -> List[Parse]:
        """
        docs (List[Doc]): The documents.
        in_full (bool): Whether more than the best tree is told of the beam,
        weigh_cuts (bool): and what it gave up.
        """
        words = words_of(docs)
        n_trees = self.beam_width if in_full else 1
        self._prepare(self.model.attrs["trained"], n_trees, weigh_cuts)
        found = self.model.predict(docs) if len(words.tokens) else no_words(n_trees)
        heads, deps = self._over_tokens(docs, words, found.heads, found.labels)
        ends = np.cumsum([len(doc) for doc in docs], dtype="int64")
        begins = first_tokens(docs, words, found.starts) if in_full else np.zeros(0, dtype="int64")
        which = np.searchsorted(ends, begins, side="right")
        stretches = np.searchsorted(which, np.arange(len(docs) + 1))
        cuts = np.searchsorted(which[found.cut_stretches], np.arange(len(docs) + 1))
        parses = []
        for i, (doc, last) in enumerate(zip(docs, ends.tolist())):
            first = last - len(doc)
            its_heads, its_deps = heads[:, first:last] - first, deps[:, first:last]
            beam = None
            if in_full:
                here = slice(stretches[i], stretches[i + 1])
                its = begins[here] - first
                bounds = [0, *its[1:].tolist(), len(doc)] if len(its) else [0]
                cut = slice(cuts[i], cuts[i + 1])
                decided = found.cut_words[cut]
                is_word = decided < len(words.tokens)
                cut_tokens = np.where(is_word, words.tokens[np.where(is_word, decided, 0)] - first, len(doc))
                scores = found.scores[:, here]
                beam = Hypotheses(its_heads, its_deps, scores, bounds, cut_tokens, found.cut_odds[cut])
            parses.append(Parse(its_heads[0], its_deps[0], beam))
        return parses

    def _prepare(self, normalization: str, n_trees: int = 1, weigh_cuts: bool = False) -> None:
        self.model.attrs["beam_width"] = Free(self.beam_width)
        self.model.attrs["normalization"] = Free(normalization)
        self.model.attrs["n_trees"] = Free(n_trees)
        self.model.attrs["weigh_cuts"] = Free(weigh_cuts)

    def _over_tokens(
        self, docs: List[Doc], words: Words, heads: np.ndarray, labels: np.ndarray
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Trees over words to trees over all tokens: heads, as places among all tokens, and labels, as hashes. *Shape:*
        (trees, words) → (trees, tokens)"""
        n_tokens = sum(len(doc) for doc in docs)
        strings = self.vocab.strings
        hashes = np.array([strings.add(label) for label in self.arc_labels], dtype="uint64")
        full = np.tile(np.arange(n_tokens), (len(heads), 1))
        deps = np.full(full.shape, strings.add(NO_LABEL), dtype="uint64")
        if len(words.tokens):
            is_root = heads == ROOT_HEAD
            full[:, words.tokens] = np.where(is_root, words.tokens, words.tokens[heads])
            deps[:, words.tokens] = np.where(is_root, strings.add(ROOT_LABEL), hashes[labels])
        if len(words.tokens) < n_tokens:
            spaces, their_heads = attached_space(docs, words)
            full[:, spaces] = their_heads
            deps[:, spaces[spaces == their_heads]] = strings.add(ROOT_LABEL)
        return full, deps

    def set_annotations(self, docs: Union[Doc, Iterable[Doc]], parses: List[Parse]) -> None:
        """Set head, dep and sentence starts; with n_best doc._.fodl_parses, a list of dicts of "start", "end" and
        "trees", each tree a dict of "heads", places in the document, "deps" and "prob"; with store_probs
        doc._.fodl_head_probs, *shape* (tokens,).

        docs (Union[Doc, Iterable[Doc]]): The documents.
        parses (List[Parse]): What predict returned for them.
        """
        docs = [docs] if isinstance(docs, Doc) else list(docs)
        decorated = self._decorated()
        for doc, parse in zip(docs, parses):
            if len(doc):
                write_tree(doc, parse.heads, parse.deps, decorated)
            for stored in (PARSES, HEAD_PROBS):  # What was told of another tree.
                if ("._.", stored, None, None) in doc.user_data:
                    doc._.set(stored, None)
            if parse.beam is not None:
                self._write_beam(doc, put_back(doc, parse.beam, decorated))

    def beams(self, docs: Iterable[Doc]) -> List[Hypotheses]:
        """The beams of documents, with lifted arcs where they belong. Documents stay as they are.

        docs (Iterable[Doc]): The documents, as the components before this one leave them.
        RETURNS (List[Hypotheses]): The trees, the best first.
        """
        docs = list(docs)
        parses = self._parses(docs, in_full=True, weigh_cuts=True)
        decorated = self._decorated()
        return [put_back(doc, cast(Hypotheses, parse.beam), decorated) for doc, parse in zip(docs, parses)]

    def _decorated(self) -> Set[int]:
        """The labels of lifted arcs, as hashes."""
        return {self.vocab.strings[label] for label in self.arc_labels if nonproj.is_decorated(label)}

    def _write_beam(self, doc: Doc, beam: Hypotheses) -> None:
        """Set what is told of the beam besides the best tree."""
        if self.n_best:
            parses = []
            for i, (first, last) in enumerate(zip(beam.bounds, beam.bounds[1:])):
                there = np.flatnonzero(beam.scores[:, i] > NEVER)
                shares = softmax(beam.scores[there, i] / self.temperature)
                trees = self._merged(beam.heads[there, first:last], beam.deps[there, first:last], shares)
                parses.append({"start": first, "end": last, "trees": trees})
            doc._.set(PARSES, parses)
        if self.store_probs:
            chosen, _ = tree_of(doc)
            doc._.set(HEAD_PROBS, self._head_probs(beam, chosen) if self.beam_width > 1 else None)

    def _head_probs(self, beam: Hypotheses, chosen: np.ndarray) -> np.ndarray:
        """The probability of the head of each token. *Shape:* (tokens,)"""
        if len(beam.bounds) == 1:  # Nothing but white space.
            return np.ones(len(chosen), dtype="float32")
        stretches = np.arange(len(beam.bounds) - 1).repeat(np.diff(beam.bounds))
        arrays = (beam.scores, stretches, beam.heads == chosen, beam.cut_tokens, beam.cut_odds)
        scores, which, agrees, words, odds = map(torch.from_numpy, arrays)
        temperature = torch.tensor(self.temperature, device="cpu")
        return head_marginals(scores, which, agrees, words, odds, temperature).float().clamp(max=1).numpy()

    def _merged(self, heads: np.ndarray, deps: np.ndarray, shares: np.ndarray) -> List[Dict[str, Any]]:
        """The first of some trees, and the most probable others, each once."""
        together: Dict[bytes, List[Any]] = {}
        for tree, share in enumerate(shares.tolist()):
            together.setdefault(heads[tree].tobytes() + deps[tree].tobytes(), [tree, 0.0])[1] += share
        strings = self.vocab.strings
        first, *others = together.values()
        return [
            {
                "heads": heads[tree].tolist(),
                "deps": [strings[dep] for dep in deps[tree].tolist()],
                "prob": share if self.beam_width > 1 else None,
            }
            for tree, share in [first, *sorted(others, key=lambda one: -one[1])][: self.n_best]
        ]

    def _before_loss(self, batch: Batch, is_train: bool) -> None:
        attrs = self.model.attrs
        if is_train:
            now = "local" if attrs["steps"] < self.local_steps else self.normalization
            if now != attrs["trained"]:  # Scores of another scale.
                attrs["trained"] = now
                self.temperature = 1.0
        explores = self.explore_after is not None and attrs["steps"] >= self.explore_after
        attrs["explores"] = Free(is_train and explores)
        self._prepare(attrs["trained"])

    def finish_update(self, sgd: Optimizer) -> None:
        """Update the weights.

        sgd (Optimizer): The optimizer.
        """
        super().finish_update(sgd)
        self.model.attrs["steps"] += 1

    def _batch(self, examples: List[Example]) -> Batch:
        docs = [example.predicted for example in examples]
        words = words_of(docs)
        return Batch(docs, words, self.gold_trees(examples, words))

    def gold_trees(self, examples: List[Example], words: Words) -> Gold:
        """The gold trees over the words of all examples, as they are learned: crossing arcs lifted, and with a head for
        every word.

        examples (List[Example]): The examples.
        words (Words): The words of their predicted documents.
        RETURNS (Gold): Heads and labels, and which of them are gold.
        RAISES (ValueError): If heads form a cycle (F210), or a label is unknown (F204) or holds "||" (F227).
        """
        parts = [aligned_parse(example, self.name) for example in examples]
        offsets = np.cumsum([0, *[len(part.heads) for part in parts]])
        place = np.full(offsets[-1] + 1, -1)
        place[words.tokens] = np.arange(len(words.tokens))
        heads = np.concatenate([np.where(p.heads < 0, -1, p.heads + o) for p, o in zip(parts, offsets)])
        roots = (heads == np.arange(len(heads)))[words.tokens]
        heads = place[heads[words.tokens]]
        deps = np.concatenate([part.deps for part in parts])[words.tokens]
        labels = self._label_ids(deps)
        known = (heads >= 0) & (deps != 0)

        heads = np.where(known, np.where(roots, ROOT_HEAD, heads), MISSING)
        starts = starts_of_words(np.concatenate([part.starts for part in parts]), words.tokens)
        starts = np.where(words.starts != 0, words.starts == 1, starts)
        unknown = np.flatnonzero((heads >= 0) & (labels < 0))
        if len(unknown):
            label, token = self.vocab.strings[int(deps[unknown[0]])], words.tokens[unknown[0]]
            which = int(np.searchsorted(offsets, token, side="right")) - 1
            text = text_from(examples[which].predicted, int(token - offsets[which]))
            raise ValueError(Errors.F204.format(component=self.name, label=label, text=text))
        heads, known = completed(heads, starts)
        return Gold(heads, labels.clip(min=0), known, starts)

    def _label_ids(self, deps: np.ndarray) -> np.ndarray:
        """The column of each label, -1 for unknown ones. A lifted arc that is too rare counts as a plain one."""
        strings = self.vocab.strings
        index = {label: i for i, label in enumerate(self.arc_labels)}
        kinds, inverse = np.unique(deps, return_inverse=True)
        names = [strings[kind] if kind else "" for kind in kinds.tolist()]
        ids = [index.get(name, index.get(name.split(nonproj.DELIMITER)[0], -1)) for name in names]
        return np.array(ids, dtype="int64")[inverse]

    def _arc_labels_of(self, example: Example) -> Iterator[str]:
        heads, deps = projective(example.reference, self.name)
        strings = self.vocab.strings
        for i, (head, dep) in enumerate(zip(heads.tolist(), deps.tolist())):
            if dep and head != i:
                if strings[dep].split(nonproj.DELIMITER)[0] == ROOT_LABEL:
                    gold = example.reference
                    text = text_from(gold, i)
                    raise ValueError(Errors.F211.format(component=self.name, word=gold[i].text, text=text))
                yield strings[dep]

    def _often_enough(self, found: Counter) -> Set[str]:
        """The labels, without those of arcs that were lifted too seldom."""
        return {
            label if count >= self.min_lifted else label.split(nonproj.DELIMITER)[0] for label, count in found.items()
        }

    def _with_labels(self, labels: Iterable[str]) -> List[str]:
        """The labels with some more at their end."""
        together = list(self.arc_labels)
        for label in labels:
            check_label(self.name, label, "A label is a dependency relation, such as 'nsubj'.")
            # An arc lifted from under "ccomp" is learned as "nsubj||ccomp", and as "nsubj" where that is too rare.
            for one in (label, label.split(nonproj.DELIMITER)[0]):
                if one not in (*together, ROOT_LABEL):
                    together.append(one)
        new = together[len(self.arc_labels) :]
        if new and self.arc_labels and self.model.get_ref("network").maybe_get_dim("nO"):
            raise ValueError(Errors.F203.format(component=self.name, labels=", ".join(new), n=len(self.arc_labels)))
        return together

    def _set_labels(self, labels: List[str]) -> None:
        self.cfg["labels"] = labels
        for label in (*labels, *self.labels):
            self.vocab.strings.add(label)


def write_tree(doc: Doc, heads: np.ndarray, deps: np.ndarray, decorated: Set[int]) -> None:
    """Set the tree of a document, with lifted arcs where they belong.

    doc (Doc): The document.
    heads, deps (np.ndarray): As in Parse.
    decorated (Set[int]): The labels of lifted arcs.
    """
    relative = (heads - np.arange(len(heads))).astype("uint64")
    doc.from_array([HEAD, DEP], cast(Any, np.stack([relative, deps], axis=1)))
    if not decorated.isdisjoint(deps.tolist()):
        nonproj.deprojectivize(doc)


def put_back(doc: Doc, beam: Hypotheses, decorated: Set[int]) -> Hypotheses:
    """The beam of a document with lifted arcs where they belong."""
    if not decorated:
        return beam
    heads, deps = beam.heads.copy(), beam.deps.copy()
    for tree, its_deps in enumerate(deps.tolist()):
        if decorated.isdisjoint(its_deps):
            continue
        copy = Doc(doc.vocab, words=[token.text for token in doc])
        write_tree(copy, heads[tree], deps[tree], decorated)
        heads[tree], deps[tree] = tree_of(copy)
    return beam._replace(heads=heads, deps=deps)


def tree_of(doc: Doc) -> Tuple[np.ndarray, np.ndarray]:
    """The head of each token as its place, and its label. *Shape:* (tokens,)"""
    columns = doc.to_array([HEAD, DEP])
    return np.arange(len(doc)) + columns[:, 0].astype("int64"), columns[:, 1]


def first_tokens(docs: List[Doc], words: Words, starts: np.ndarray) -> np.ndarray:
    """Where stretches of words begin among all tokens: with the white space that a sentence starts with, if it does.

    starts (np.ndarray): The first word of each. *Shape:* (stretches,)
    RETURNS (np.ndarray): *Shape:* (stretches,)
    """
    flags = np.concatenate([doc.to_array(SENT_START) for doc in docs]) == 1
    set_at = np.append(np.flatnonzero(flags), len(flags))
    ends = np.cumsum([0, *map(len, docs)])
    first = words.tokens[starts]
    begin_of_doc = ends[np.searchsorted(ends, first, side="right") - 1]
    # The sentence of a document of white space that lies in between has a start too, which is not that of this one.
    before = np.maximum(np.where(starts > 0, words.tokens[starts - 1], -1), begin_of_doc - 1)
    return np.minimum(set_at[np.searchsorted(set_at, before, side="right")], first)


def no_words(n_trees: int) -> Beams:
    """What the model would find where there is nothing to parse."""
    nothing = np.zeros((n_trees, 0), dtype="int64")
    scores = nothing.astype("float64")
    odds = scores[0].astype("float32")
    return Beams(nothing, nothing, scores, nothing[0], nothing[0], np.zeros((0, 2), dtype="int64"), odds)


def softmax(scores: np.ndarray) -> np.ndarray:
    shares = np.exp(scores.astype("float64") - scores.max(initial=NEVER))
    return cast(np.ndarray, shares / shares.sum())


class AlignedParse(NamedTuple):
    """A gold tree over the tokens of the predicted document."""

    heads: np.ndarray
    """The head of each token as its place in the document; MISSING where there is none. *Shape:* (tokens,)"""
    deps: np.ndarray
    """The labels, as hashes of the StringStore; 0 where there is none. *Shape:* (tokens,), uint64"""
    starts: np.ndarray
    """1 where a sentence starts. *Shape:* (tokens,)"""


def projective(doc: Doc, component: str) -> Tuple[np.ndarray, np.ndarray]:
    """The tree of a document with crossing arcs lifted.

    doc (Doc): The document.
    component (str): Who asks, for errors.
    RETURNS (Tuple[np.ndarray, np.ndarray]): The head of each token as its place, and the labels, as hashes. *Shape:*
        (tokens,)
    RAISES (ValueError): If the heads form a cycle, or a label could be taken for that of a lifted arc.
    """
    check_labels(doc, component)
    columns = doc.to_array([HEAD, DEP])
    deps = columns[:, 1]
    annotated = deps != 0
    heads = np.arange(len(doc)) + columns[:, 0].astype("int64")
    # Only a token with an arc over it can be in the way of one.
    is_arc = annotated & (heads != np.arange(len(heads)))
    in_cycle = np.flatnonzero(cyclic(np.where(is_arc, heads, ROOT_HEAD)))
    if len(in_cycle):
        raise ValueError(Errors.F210.format(component=component, text=text_from(doc, int(in_cycle[0]))))
    arcs = np.flatnonzero(is_arc)
    changes = np.zeros(len(heads) + 1, dtype="int64")
    np.add.at(changes, np.minimum(arcs, heads[arcs]) + 1, 1)
    np.add.at(changes, np.maximum(arcs, heads[arcs]), -1)
    is_covered = changes[:-1].cumsum() > 0
    as_list = out_of_the_way(
        np.where(annotated, heads, np.arange(len(heads))).tolist(), np.flatnonzero(~annotated & is_covered).tolist()
    )
    if nonproj.is_nonproj_tree(as_list):
        names = [token.dep_ for token in doc]
        lifted, lifted_names = nonproj.projectivize(as_list, names)
        heads = np.where(annotated, np.array(lifted), heads)
        changed = [doc.vocab.strings.add(name) for name in lifted_names]
        deps = np.where(annotated, np.array(changed, dtype="uint64"), deps)
    return heads, deps


def out_of_the_way(heads: List[int], missing: List[int]) -> List[int]:
    """Heads for tokens that have none, so that no arc over them counts as crossing: the nearest token on the left that
    is not below them, or else on the right.

    heads (List[int]): The head of each token; of those without one, any.
    missing (List[int]): Which those are.
    RETURNS (List[int]): The heads.
    """
    heads = list(heads)
    for token in missing:
        heads[token] = token
    for token in missing:
        for other in [*range(token - 1, -1, -1), *range(token + 1, len(heads))]:
            if token not in nonproj.ancestors(other, heads):
                heads[token] = other
                break
    return heads


def aligned_parse(example: Example, component: str) -> AlignedParse:
    """What Example.get_aligned_parse and get_aligned_sent_starts give, as arrays, and without working out an alignment
    where both sides have the same tokens."""
    gold, predicted = example.reference, example.predicted
    n = len(predicted)
    nothing = np.full(n, MISSING)
    if not gold.has_annotation("DEP"):
        return AlignedParse(nothing, np.zeros(n, dtype="uint64"), np.zeros(n, dtype="int64"))
    heads, deps = projective(gold, component)
    has_head = deps != 0
    # A token without a head looks to spaCy like a sentence of its own.
    starts = (gold.to_array(SENT_START).astype("int64") == 1) & has_head
    if len(gold) == n and np.array_equal(gold.to_array(ORTH), predicted.to_array(ORTH)):
        return AlignedParse(np.where(has_head, heads, MISSING), deps, starts + 0)
    to_gold, to_predicted = example.alignment.x2y, example.alignment.y2x
    # As in spaCy: a token takes part if it stands for one gold token, or for a part of it, and the head of that one
    # is a token.
    gold_of = single(to_gold, n)
    predicted_of = single(to_predicted, len(gold))
    there = gold_of >= 0
    source = gold_of[there]
    found = predicted_of[heads[source]]
    its_heads, its_deps = nothing.copy(), np.zeros(n, dtype="uint64")
    its_heads[there] = np.where(has_head[source] & (found >= 0), found, MISSING)
    its_deps[there] = np.where(its_heads[there] >= 0, deps[source], 0)
    its_starts = np.array([start is True for start in example.get_aligned_sent_starts()])
    its_starts[there] &= has_head[source]
    return AlignedParse(its_heads, its_deps, its_starts + 0)


def misaligned_heads(examples: List[Example], component: str) -> Tuple[int, float]:
    """How many gold heads there are, and the share of them that no token of the predicted documents has."""
    n_heads = n_kept = 0
    for example in examples:
        has_head = aligned_parse(example, component).heads != MISSING
        gold_of = single(example.alignment.x2y, len(has_head))
        n_heads += np.count_nonzero(example.reference.to_array(DEP))
        n_kept += len(np.unique(gold_of[has_head]))
    return n_heads, 1 - n_kept / n_heads if n_heads else 0.0


def single(alignment: Any, n: int) -> np.ndarray:
    """The one token that each of n is aligned to; -1 where there are none or several. *Shape:* (n,)"""
    lengths = np.asarray(alignment.lengths)
    first = np.cumsum(lengths) - lengths
    data = np.append(np.asarray(alignment[:], dtype="int64"), -1)
    return np.where(lengths == 1, data[first.clip(max=len(data) - 1)], -1)


def cyclic(heads: np.ndarray) -> np.ndarray:
    """Which words never come to a root, or to a word without a head, by following heads. *Shape:* (words,), of bool"""
    ancestors = np.append(np.where(heads < 0, len(heads), heads), len(heads))
    for _ in range(len(heads).bit_length()):
        ancestors = ancestors[ancestors]
    return ancestors[:-1] != len(heads)


def completed(heads: np.ndarray, starts: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Trees with a head for every word.

    heads (np.ndarray): The head of each word, ROOT_HEAD for roots, MISSING where there is none. *Shape:* (words,)
    starts (np.ndarray): Whether a tree starts at each word. *Shape:* (words,), of bool
    RETURNS (Tuple[np.ndarray, np.ndarray]): The heads, and whether they are gold. *Shape:* (words,)
    """
    if not len(heads):
        return heads, heads == 0
    tree = np.cumsum(starts) - 1
    heads = np.where((heads >= 0) & (tree[heads.clip(min=0)] != tree), MISSING, heads)
    n_trees = int(tree[-1]) + 1
    is_whole = np.bincount(tree[heads == ROOT_HEAD], minlength=n_trees) == 1
    is_whole[tree[heads == MISSING]] = False
    full = heads.copy()
    bounds = np.append(np.flatnonzero(starts), len(heads))
    for i in np.flatnonzero(~is_whole).tolist():
        first, last = bounds[i : i + 2].tolist()
        local = [head - first if head >= 0 else head for head in heads[first:last].tolist()]
        filled = complete([None if head == MISSING else head for head in local])
        full[first:last] = [head if head == ROOT_HEAD else head + first for head in filled]
    return full, full == heads


def attached_space(docs: List[Doc], words: Words) -> Tuple[np.ndarray, np.ndarray]:
    """White space hangs on the word before it in its sentence, as far as sentence starts were set, or else on the one
    behind it. A sentence of white space alone hangs on its first token.

    RETURNS (Tuple[np.ndarray, np.ndarray]): The white space, and its heads, as places among all tokens. *Shape:*
        (spaces,)
    """
    starts = np.concatenate([doc.to_array(SENT_START) for doc in docs]) == 1
    lengths = np.array([len(doc) for doc in docs])
    starts[(lengths.cumsum() - lengths)[lengths > 0]] = True
    spaces = np.setdiff1d(np.arange(len(starts)), words.tokens)
    # The number of the sentence of each token, and of none at both ends.
    sentence = np.cumsum(starts)
    own = sentence[spaces]
    after = np.searchsorted(words.tokens, spaces)
    padded = np.concatenate([[-1], words.tokens, [-1]])
    numbers = np.concatenate([[0], sentence[words.tokens], [0]])
    behind = np.where(numbers[after + 1] == own, padded[after + 1], np.searchsorted(sentence, own))
    return spaces, np.where(numbers[after] == own, padded[after], behind)
