"""How a transition parser came to its tree: configuration by configuration, with the actions that it could have taken,
and with the hypotheses of a beam beside each other."""

import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, cast

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model

from ..errors import Errors
from ..layers import torch_modules
from ..models.parser import known_sentences, scores_to_add, words_of
from ..modules.transition import TransitionScorer
from ..transition.actions import LEFT, RIGHT, ROOT, ROOT_HEAD, SHIFT, column, n_labels
from ..transition.features import BELOW, FEATURE_SETS, TOKEN, FeatureSet
from ..transition.search import NEVER, Step, log_probabilities, search
from ..transition.state import Sentences
from .reading import token_vectors

NAMES = {SHIFT: "SHIFT", ROOT: "ROOT", LEFT: "LEFT-ARC", RIGHT: "RIGHT-ARC"}
# In place of a token, for the artificial root at the bottom of the stack.
BOTTOM = -1


@dataclass(frozen=True)
class Action:
    """An action and how probable it is in its configuration."""

    name: str
    """SHIFT, ROOT, LEFT-ARC or RIGHT-ARC."""
    label: str
    """Of the new arc; empty for SHIFT and ROOT."""
    probability: float
    """Among all actions that are possible there, from 0 to 1."""

    def __str__(self) -> str:
        return f"{self.name}({self.label})" if self.label else self.name


@dataclass(frozen=True)
class Arc:
    """An arc between tokens, by their places in the document."""

    head: int
    """ROOT_HEAD (-1) for the root of a sentence."""
    dependent: int
    label: str


@dataclass(frozen=True)
class Hypothesis:
    """A beginning of a derivation: a configuration, and the action that is taken in it."""

    stack: List[int]
    """Tokens, the top last; BOTTOM (-1) is the artificial root."""
    buffer: List[int]
    """Tokens that are still to be shifted."""
    arcs: List[Arc]
    """Made so far, before the action."""
    features: List[Tuple[str, int]]
    """The places that the scorer looks at, as far as there is a word, and the tokens there: "s0" is the top of the
    stack, "s1.lc1" the leftmost child of the word below it, "b0" the front of the buffer."""
    action: Action
    alternatives: List[Action]
    """The most probable other ones, the most probable first."""
    came_from: int
    """Which hypothesis of the step before this one goes on from; 0 at the first step."""
    score: float
    """What the scores of the actions add up to, this one included."""

    def can_become(self, heads: Dict[int, Tuple[int, str]]) -> bool:
        """Whether the action leads on to certain trees.

        heads (Dict[int, Tuple[int, str]]): The head of each token and the label of its arc.
        """
        arcs = [*self.arcs, *new_arc(self.stack, self.action)]
        if any(heads[arc.dependent] != (arc.head, arc.label) for arc in arcs):
            return False
        n_missing = Counter(head for head, _ in heads.values())
        n_missing.subtract(arc.head for arc in arcs)
        gone = {arc.dependent for arc in arcs}
        if any(n_missing[token] for token in gone):
            return False
        buffer = self.buffer[1:] if self.action.name == NAMES[SHIFT] else self.buffer
        stack = [*self.stack, *self.buffer[: len(self.buffer) - len(buffer)]]
        stack = [token for token in stack if token not in gone]
        # What can be attached at all can be attached at once, since a word waits for nothing but its dependents.
        for token in [*buffer, None]:
            while len(stack) > 1:
                below, top = stack[-2:]
                if below != BOTTOM and heads[below][0] == top and not n_missing[below]:
                    del stack[-2]
                elif heads[top][0] == (ROOT_HEAD if below == BOTTOM else below) and not n_missing[top]:
                    del stack[-1]
                    top = below
                else:
                    break
                n_missing[top if top != BOTTOM else ROOT_HEAD] -= 1
            if token is not None:
                stack.append(token)
        return len(stack) == 1


@dataclass(frozen=True)
class Derivation:
    """How one sentence, or stretch of text whose sentences were to be found, was parsed."""

    tokens: List[int]
    """The tokens of the sentence, white space left out."""
    beams: List[List[Hypothesis]]
    """For each step the hypotheses that were kept, the best first."""

    @property
    def best_places(self) -> List[int]:
        """Which hypothesis of each step leads to the best tree."""
        places: List[int] = []
        place = 0
        for beam in reversed(self.beams):
            places.append(place)
            place = beam[place].came_from
        return places[::-1]

    @property
    def best(self) -> List[Hypothesis]:
        """The derivation of the best tree, step by step."""
        return [beam[place] for beam, place in zip(self.beams, self.best_places)]

    def on_the_way_to(self, arcs: Sequence[Arc]) -> List[List[int]]:
        """Which hypotheses can still become certain trees, whatever the order of their actions.

        arcs (Sequence[Arc]): The arcs of trees over all tokens that do not cross.
        RETURNS (List[List[int]]): For each step the places of these hypotheses. Where there are none the beam has lost
            the trees.
        """
        heads = {arc.dependent: (arc.head, arc.label) for arc in arcs}
        return [[place for place, one in enumerate(beam) if one.can_become(heads)] for beam in self.beams]

    @property
    def arcs(self) -> List[Arc]:
        """The best tree. Labels of lifted arcs still say where these belong, as in "nsubj||ccomp"."""
        last = self.best[-1]
        return [*last.arcs, *new_arc(last.stack, last.action)]


def derivations(
    model: Model,
    doc: Doc,
    labels: Sequence[str],
    *,
    beam_width: int = 1,
    normalization: Optional[str] = None,
    n_alternatives: int = 3,
) -> List[Derivation]:
    """Parse a document and tell how.

    model (Model): A spacy_fodl.TransitionParser.v1 with weights: nlp.get_pipe("fodl_parser").model.
    doc (Doc): The document. Behind a listener it must have passed the component that is listened to.
    labels (Sequence[str]): The labels of arcs, in the order of the model: nlp.get_pipe("fodl_parser").arc_labels.
    beam_width (int): Hypotheses that are kept.
    normalization (Optional[str]): "local" or "global"; None for what the model was trained for, as the component does.
    n_alternatives (int): How many other actions are told.
    RETURNS (List[Derivation]): One a sentence, as far as their starts are known, in the order of the text.
    RAISES (ValueError): If the model is no transition parser (F510) or has no weights (F001), the document has no words
        (F504) or has not passed the component that is listened to (F209), or an argument is out of its range (F509).
    """
    scorer, features = find_scorer(model)
    normalization = model.attrs["trained"] if normalization is None else normalization
    n_known = n_labels(scorer.output.out_features)
    for name, value, is_good, expected in (
        ("beam_width", beam_width, beam_width >= 1, "at least 1"),
        ("normalization", normalization, normalization in ("local", "global"), '"local" or "global"'),
        ("n_alternatives", n_alternatives, n_alternatives >= 0, "0 or more"),
        ("labels", list(labels), len(labels) == n_known, f"the {n_known} labels of the model"),
    ):
        if not is_good:
            raise ValueError(Errors.F509.format(argument=name, value=value, expected=expected))
    words = words_of([doc])
    if not len(words.tokens):
        raise ValueError(Errors.F504)
    device = scorer.bias.device
    tokens = token_vectors(model, doc, device)[torch.from_numpy(words.tokens).to(device)]
    found: List[Tuple[int, Derivation]] = []
    with torch.no_grad():
        for which, its_words, sentences in known_sentences(torch.from_numpy(words.starts).to(device)):
            score = scores_to_add(scorer, scorer.table(tokens[its_words]), cast(Any, normalization))
            history = search(sentences, features, score, beam_width, keep_history=True).history
            assert history is not None
            places = words.tokens[its_words.cpu().numpy()]
            nodes = history.nodes.tolist()
            for i, number in enumerate(which.tolist()):
                beams = list(
                    beams_of(history.steps, nodes, sentences, i, beam_width, places, labels, features, n_alternatives)
                )
                first, size = int(sentences.first[i]), int(sentences.sizes[i])
                found.append((number, Derivation(places[first : first + size].tolist(), beams)))
    return [derivation for _, derivation in sorted(found, key=lambda pair: pair[0])]


def find_scorer(model: Model) -> Tuple[TransitionScorer, FeatureSet]:
    """The scorer in the model of a parser, and what it looks at."""
    if "features" not in model.attrs or not model.has_ref("network"):
        raise ValueError(Errors.F510.format(model=model.name))
    network = model.get_ref("network")
    modules = torch_modules(network)
    if not modules:
        raise ValueError(Errors.F001.format(name=network.name))
    return cast(TransitionScorer, modules[0]), FEATURE_SETS[model.attrs["features"].value]


def beams_of(
    steps: List[Step],
    nodes: List[List[int]],
    sentences: Sentences,
    sentence: int,
    width: int,
    places: np.ndarray,
    labels: Sequence[str],
    features: FeatureSet,
    n_alternatives: int,
) -> Iterator[List[Hypothesis]]:
    """The hypotheses of a sentence, step by step.

    steps (List[Step]): What happened to all sentences.
    nodes (List[List[int]]): The columns of each node of a stack.
    sentences (Sentences): What was parsed.
    sentence (int): Which of them.
    width (int): Hypotheses a sentence.
    labels, features, n_alternatives: As in derivations.
    places (np.ndarray): The token of each word that was parsed. *Shape:* (words,)
    """
    end = int(sentences.first[sentence] + sentences.sizes[sentence])
    arcs: List[List[Arc]] = [[]]
    sums = [0.0]
    for step in steps[: 2 * int(sentences.sizes[sentence])]:
        rows = slice(sentence * width, (sentence + 1) * width)
        log_probs = log_probabilities(step.scores[rows], step.valid[rows])
        taken = column(step.kind[rows], step.label[rows], len(labels)).tolist()
        tops, fronts = step.top[rows].tolist(), step.buffer[rows].tolist()
        origins = [0] if step.came_from is None else step.came_from[sentence].tolist()
        beam = []
        # A sentence may have fewer derivations than the beam is wide.
        for place in range(int((step.totals[sentence] != NEVER).sum())):
            origin = origins[place]
            actions = ranked(log_probs[origin], labels)
            (action,) = [action for i, action in actions if i == taken[place]]
            others = [action for i, action in actions if i != taken[place] and action.probability > 0]
            stack = stack_of(nodes, tops[origin], places, sentences.root)
            buffer = places[fronts[origin] : end].tolist()
            seen = [(name, int(places[i])) for name, i in looked_at(nodes, tops[origin], features) if i < len(places)]
            seen += [(f"b{i}", token) for i, token in enumerate(buffer[: features.n_buffer])]
            score = sums[origin] + float(step.scores[rows][origin, taken[place]])
            beam.append(Hypothesis(stack, buffer, arcs[origin], seen, action, others[:n_alternatives], origin, score))
        arcs = [[*one.arcs, *new_arc(one.stack, one.action)] for one in beam]
        sums = [one.score for one in beam]
        yield beam


def ranked(log_probs: torch.Tensor, labels: Sequence[str]) -> List[Tuple[int, Action]]:
    """All actions with their columns, the most probable first.

    log_probs (torch.Tensor): *Shape:* (actions,)
    """
    arcs = [(NAMES[kind], label) for kind in (LEFT, RIGHT) for label in labels]
    names = [(NAMES[SHIFT], ""), (NAMES[ROOT], ""), *arcs]
    probs = log_probs.exp().tolist()
    order = log_probs.argsort(descending=True, stable=True).tolist()
    return [(i, Action(name=names[i][0], label=names[i][1], probability=probs[i])) for i in order]


def stack_of(nodes: List[List[int]], top: int, places: np.ndarray, root: int) -> List[int]:
    """The tokens of a stack, the top last."""
    stack: List[int] = []
    while top:  # Node 0 lies below the root.
        top, word = nodes[top][BELOW], nodes[top][TOKEN]
        stack.append(BOTTOM if word == root else int(places[word]))
    return stack[::-1]


def looked_at(nodes: List[List[int]], top: int, features: FeatureSet) -> Iterator[Tuple[str, int]]:
    """The names of the places in the stack that the scorer looks at, and the words there."""
    names = iter(features.token_names)
    for columns in features.stack_columns:
        yield from ((name, word) for word, name in zip(nodes[top][columns], names))
        top = nodes[top][BELOW]


def step_rows(tokens: Sequence[str], derivation: Derivation, most: int = 4) -> List[List[str]]:
    """The derivation of the best tree as rows of texts.

    tokens (Sequence[str]): The tokens of the document.
    derivation (Derivation): What derivations() returned.
    most (int): How many words of the stack, its upper ones, and of the buffer are written out.
    RETURNS (List[List[str]]): For each step the stack, the buffer, the action, its probability and the next best one.
        Words of right-to-left scripts stand between marks, as isolated() sets them.
    """
    tokens = [isolated(token) for token in tokens]
    rows = []
    for step in derivation.best:
        stack = ["ROOT" if i == BOTTOM else tokens[i] for i in step.stack]
        buffer = [tokens[i] for i in step.buffer]
        rivals = [f"{one} {one.probability:.2f}" for one in step.alternatives[:1]]
        rows.append(
            [
                f"{'… ' if len(stack) > most else ''}{' '.join(stack[-most:])}",
                f"{' '.join(buffer[:most])}{' …' if len(buffer) > most else ''}",
                str(step.action),
                f"{step.action.probability:.2f}",
                *(rivals or [""]),
            ]
        )
    return rows


def isolated(word: str) -> str:
    """A word between the marks that keep those of right-to-left scripts in the order of the words of a stack, of which
    a display would otherwise turn several at once (Unicode Standard Annex 9, section 2.4)."""
    is_turned = any(unicodedata.bidirectional(letter) in ("R", "AL", "AN") for letter in word)
    return f"\u2068{word}\u2069" if is_turned else word


def new_arc(stack: List[int], action: Action) -> List[Arc]:
    """The arc that an action makes; none for SHIFT."""
    if action.name == NAMES[SHIFT]:
        return []
    below, top = stack[-2:]
    if action.name == NAMES[ROOT]:
        return [Arc(ROOT_HEAD, top, "ROOT")]
    return [Arc(top, below, action.label) if action.name == NAMES[LEFT] else Arc(below, top, action.label)]
