"""Random trees, and what a simple parser with explicit stacks makes of actions, to compare with."""

from hypothesis import strategies as st

from spacy_fodl.transition.actions import LEFT, RIGHT, ROOT, ROOT_HEAD, SHIFT


@st.composite
def projective_trees(draw, max_words=12):
    """The heads of a random projective tree: a word, then a division of what is on each side of it among subtrees."""

    def grow(first, last, head, heads):
        # The subtree over [first, last), all below `head`.
        if first == last:
            return
        root = draw(st.integers(first, last - 1))
        heads[root] = head
        for a, b in ((first, root), (root + 1, last)):
            while a < b:
                end = draw(st.integers(a + 1, b))
                grow(a, end, root, heads)
                a = end

    n = draw(st.integers(1, max_words))
    heads = [None] * n
    grow(0, n, ROOT_HEAD, heads)
    return heads


class Naive:
    """The arc-standard system as textbooks write it down."""

    def __init__(self, n, may_start=None, may_continue=None):
        self.n = n
        self.stack, self.buffer = [ROOT_HEAD], 0
        self.heads, self.labels = [None] * n, [0] * n
        self.may_start = may_start or [True] * n
        self.may_continue = may_continue or [True] * n

    def valid(self):
        at_end = self.buffer == self.n
        alone = len(self.stack) == 1
        return [
            not at_end and (alone or self.may_continue[self.buffer]),
            len(self.stack) == 2 and (at_end or self.may_start[self.buffer]),
            len(self.stack) > 2,
            len(self.stack) > 2,
        ]

    def apply(self, kind, label=0):
        if kind == SHIFT:
            self.stack.append(self.buffer)
            self.buffer += 1
            return
        dependent = self.stack.pop(-2 if kind == LEFT else -1)
        self.heads[dependent] = self.stack[-1]
        self.labels[dependent] = label

    def children(self, word):
        return [i for i, head in enumerate(self.heads) if head == word and word is not None]


__all__ = ["LEFT", "RIGHT", "ROOT", "SHIFT", "Naive", "projective_trees"]
