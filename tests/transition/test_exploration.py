import random
from functools import lru_cache

import torch
from hypothesis import given
from hypothesis import strategies as st

from spacy_fodl.transition.actions import LEFT, RIGHT, ROOT, ROOT_HEAD, SHIFT, column, n_actions
from spacy_fodl.transition.exploration import explored_configurations
from spacy_fodl.transition.features import FEATURE_SETS
from spacy_fodl.transition.oracle import gold_actions, gold_configurations

from ..util import DeviceRequired
from .strategies import Naive, projective_trees
from .test_oracle import row_of
from .test_search import N_LABELS, naive_rows, sentences_of

FEATURES = FEATURE_SETS["syntaxnet"]


def scores_for(actions):
    """A score that makes a search take these actions, step by step."""
    steps = iter(actions)

    def score(rows, valid):
        scores = torch.zeros((len(rows), n_actions(N_LABELS)))
        return scores.scatter(1, next(steps)[: len(rows), None], 1.0)

    return score


@given(st.lists(projective_trees(), min_size=1, max_size=4), st.data())
def test_on_the_way_of_gold_it_is_the_static_oracle(trees, data):
    trees = sorted(trees, key=len, reverse=True)
    heads = row_of(trees)
    sentences = sentences_of(list(map(len, trees)))
    labels = torch.tensor(data.draw(st.lists(st.integers(0, 2), min_size=len(heads), max_size=len(heads))))
    known = torch.tensor(data.draw(st.lists(st.booleans(), min_size=len(heads), max_size=len(heads))))
    kinds, words = gold_actions(heads)
    columns = column(kinds, labels[words], N_LABELS)
    rows = (2 * sentences.first[:, None] + torch.arange(2 * len(trees[0]))).clamp(max=len(columns) - 1)
    gold = sentences, heads, labels, known, FEATURES, N_LABELS
    expected = gold_configurations(*gold)
    found = explored_configurations(*gold, scores_for(columns[rows].T))
    for here, there in zip(found, expected):
        assert torch.equal(here, there)


def reachable(heads):
    """The gold arcs that can still be made from a configuration of one tree, by trying everything."""
    n = len(heads)

    def after(stack, buffer):
        if buffer < n:
            yield SHIFT, (*stack, buffer), buffer + 1, 0
        if len(stack) == 2 and buffer == n:
            yield ROOT, stack[:1], buffer, int(heads[stack[1]] == ROOT_HEAD)
        if len(stack) > 2:
            yield LEFT, (*stack[:-2], stack[-1]), buffer, int(heads[stack[-2]] == stack[-1])
            yield RIGHT, stack[:-1], buffer, int(heads[stack[-1]] == stack[-2])

    @lru_cache(None)
    def best(stack, buffer):
        return (
            max(gain + best(*then) for _, *then, gain in after(stack, buffer)) if (len(stack), buffer) != (1, n) else 0
        )

    return lambda stack, buffer: {kind: gain + best(*then) for kind, *then, gain in after(stack, buffer)}


def test_what_is_said_after_mistakes_loses_nothing():
    """But in some of the odder configurations, which random actions come to more often than a parser."""
    draw = random.Random(0)
    n_said = n_wrong = n_steps = 0
    for _ in range(400):
        heads = projective_tree(draw, draw.randint(2, 7))
        n = len(heads)
        worth, naive, taken, said = reachable(tuple(heads)), Naive(n), [], []
        for _ in range(2 * n):
            worths = worth(tuple(naive.stack), naive.buffer)
            said.append((naive_rows(naive, FEATURES, n), worths))
            good = [kind for kind in worths if worths[kind] == max(worths.values())]
            kind = draw.choice(good if draw.random() < 0.8 else list(worths))
            taken.append(torch.tensor([int(column(torch.tensor(kind), torch.tensor(0), N_LABELS))]))
            naive.apply(kind)
        labels, known = torch.zeros(n, dtype=torch.long), torch.ones(n, dtype=torch.bool)
        gold = sentences_of([n]), torch.tensor(heads), labels, known, FEATURES, N_LABELS
        found = explored_configurations(*gold, scores_for(taken))
        by_rows = {tuple(rows): worths for rows, worths in said}
        for rows, action in zip(found.rows.tolist(), found.actions.tolist()):
            worths = by_rows[tuple(rows)]
            kind = action if action < LEFT else LEFT if action < LEFT + N_LABELS else RIGHT
            n_wrong += worths[kind] < max(worths.values())
        n_said += len(found.actions)
        n_steps += 2 * n
    assert n_wrong <= 0.001 * n_said
    assert n_said > 0.95 * n_steps


def test_what_is_said_after_a_mistake():
    """I like eggs, with "like" taken for a dependent of "eggs": what "I" hangs on has its head already, and so has
    what "eggs" would hang on. The last word has to be the root all the same."""
    heads, labels = torch.tensor([1, ROOT_HEAD, 1]), torch.tensor([0, 1, 2])
    taken = [SHIFT, SHIFT, SHIFT, LEFT, LEFT, ROOT]
    columns = [column(torch.tensor([kind]), torch.tensor([0]), N_LABELS) for kind in taken]
    known = torch.ones(3, dtype=torch.bool)
    found = explored_configurations(sentences_of([3]), heads, labels, known, FEATURES, N_LABELS, scores_for(columns))
    right = column(torch.tensor([SHIFT, SHIFT, LEFT, RIGHT]), torch.tensor([0, 0, 0, 2]), N_LABELS).tolist()
    # Behind "I like eggs" on the stack LEFT was taken, where RIGHT was right; then nothing is, and ROOT at the end.
    assert found.actions.tolist() == [*right, ROOT]


def projective_tree(draw, n):
    heads = [ROOT_HEAD] * n

    def grow(first, last, head):
        if first == last:
            return
        root = draw.randrange(first, last)
        heads[root] = head
        for begin, end in ((first, root), (root + 1, last)):
            while begin < end:
                cut = draw.randint(begin + 1, end)
                grow(begin, cut, root)
                begin = cut

    grow(0, n, ROOT_HEAD)
    return heads


def test_no_tensor_without_a_device():
    heads = row_of([[1, ROOT_HEAD, 3, 1], [ROOT_HEAD]])
    sentences = sentences_of([4, 1])
    known = torch.ones(5, dtype=torch.bool)
    scores = torch.randn((5, n_actions(N_LABELS)), generator=torch.Generator().manual_seed(0))
    with DeviceRequired():
        found = explored_configurations(
            sentences, heads, heads.clamp(min=0), known, FEATURES, N_LABELS, lambda rows, valid: scores[: len(rows)]
        )
    assert len(found.actions)
