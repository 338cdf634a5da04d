import numpy as np
import pytest
import spacy
from spacy.tokens import Doc

from spacy_fodl.analysis import Arc, derivations
from spacy_fodl.analysis.derivation import BOTTOM, new_arc, step_rows

from ..pipeline.test_parser import SENTENCES, trained
from ..util import trained_tagger


@pytest.fixture(scope="module", params=[{}, {"beam_width": 4}, {"beam_width": 4, "normalization": "global"}])
def nlp(request):
    return trained([SENTENCES[0]], [SENTENCES[1]], [SENTENCES[2], SENTENCES[3]], **request.param)


def found(nlp, doc, **settings):
    pipe = nlp.get_pipe("fodl_parser")
    how = {"beam_width": pipe.beam_width, "normalization": pipe.normalization, **settings}
    return derivations(pipe.model, doc, pipe.arc_labels, **how)


def tree(doc):
    return {Arc(-1 if token.head == token else token.head.i, token.i, token.dep_) for token in doc}


@pytest.mark.parametrize("text", [text for text, *_ in SENTENCES])
def test_a_derivation_ends_in_the_tree_that_is_annotated(nlp, text):
    doc = nlp(Doc(nlp.vocab, words=text.split()))
    blank = Doc(nlp.vocab, words=text.split())
    (derivation,) = found(nlp, blank)
    assert derivation.tokens == list(range(len(doc)))
    assert len(derivation.beams) == len(derivation.best) == 2 * len(doc)
    assert set(derivation.arcs) == tree(doc)


def test_each_step_follows_from_the_one_before(nlp):
    doc = Doc(nlp.vocab, words=SENTENCES[3][0].split())
    (derivation,) = found(nlp, doc)
    first = derivation.best[0]
    assert (first.stack, first.buffer, first.arcs) == ([BOTTOM], list(range(7)), [])
    assert str(first.action) == "SHIFT"
    assert first.action.probability == 1
    assert first.alternatives == []
    for before, after in zip(derivation.best, derivation.best[1:]):
        if before.action.name == "SHIFT":
            assert after.stack == [*before.stack, before.buffer[0]]
            assert after.buffer == before.buffer[1:]
            assert after.arcs == before.arcs
        else:
            assert after.buffer == before.buffer
            arc = after.arcs[-1]
            assert after.arcs == [*before.arcs, arc]
            assert after.stack == [token for token in before.stack if token != arc.dependent]
            assert {arc.head, arc.dependent} == set(before.stack[-2:])
    last = derivation.best[-1]
    assert (len(last.stack), last.buffer, last.action.name) == (2, [], "ROOT")


def test_probabilities_are_among_what_is_possible(nlp):
    doc = Doc(nlp.vocab, words=SENTENCES[0][0].split())
    (derivation,) = found(nlp, doc, n_alternatives=1000)
    for beam in derivation.beams:
        for one in beam:
            everything = [one.action, *one.alternatives]
            assert sum(action.probability for action in everything) == pytest.approx(1, abs=1e-5)
            probs = [action.probability for action in one.alternatives]
            assert probs == sorted(probs, reverse=True)
            assert len({str(action) for action in everything}) == len(everything)


def test_scores_of_local_hypotheses_are_sums_of_log_probabilities(nlp):
    doc = Doc(nlp.vocab, words=SENTENCES[0][0].split())
    (derivation,) = found(nlp, doc, normalization="local")
    expected = np.log([one.action.probability for one in derivation.best]).sum()
    assert derivation.best[-1].score == pytest.approx(expected, abs=1e-4)


def test_hypotheses_of_a_beam_come_from_kept_ones():
    nlp = trained([SENTENCES[0]], beam_width=4)
    (derivation,) = found(nlp, Doc(nlp.vocab, words=SENTENCES[0][0].split()))
    widths = [len(beam) for beam in derivation.beams]
    assert widths[0] == 1
    assert max(widths) == 4
    for before, beam in zip([1, *widths], derivation.beams):
        assert all(one.came_from < before for one in beam)
        scores = [one.score for one in beam]
        assert scores == sorted(scores, reverse=True)


def test_sentences_are_in_the_order_of_the_text(nlp):
    words = [*SENTENCES[1][0].split(), "\n", *SENTENCES[3][0].split()]
    starts = [i in (0, 5) for i in range(len(words))]
    derived = found(nlp, Doc(nlp.vocab, words=words, sent_starts=starts))
    assert [one.tokens for one in derived] == [[0, 1, 2, 3], list(range(5, 12))]
    # Without known starts the whole is one stretch, with as many roots as sentences.
    (derivation,) = found(nlp, Doc(nlp.vocab, words=words))
    assert len(derivation.beams) == 2 * (len(words) - 1)


def test_looking_changes_nothing(nlp):
    doc = Doc(nlp.vocab, words=SENTENCES[0][0].split())
    before = nlp(doc.copy()).to_json()
    weights = nlp.to_bytes()
    found(nlp, doc)
    assert doc.to_json() == Doc(nlp.vocab, words=SENTENCES[0][0].split()).to_json()
    assert nlp.to_bytes() == weights
    assert nlp(doc.copy()).to_json() == before


def test_bad_input(nlp):
    tagger = trained_tagger(steps=1)
    with pytest.raises(ValueError, match="F510"):
        derivations(tagger.get_pipe("fodl_tagger").model, tagger.make_doc("a"), [])
    for text in ("", " \n "):
        with pytest.raises(ValueError, match="F504"):
            found(nlp, nlp.make_doc(text))
    pipe = spacy.blank("en").add_pipe("fodl_parser")
    with pytest.raises(ValueError, match="F001"):
        derivations(pipe.model, nlp.make_doc("a"), [])
    doc = nlp.make_doc("I like ham")
    for name, value in (("beam_width", 0), ("normalization", "Local"), ("n_alternatives", -1)):
        with pytest.raises(ValueError, match=f"F509.*{name}"):
            found(nlp, doc, **{name: value})
    parser = nlp.get_pipe("fodl_parser")
    with pytest.raises(ValueError, match="F509.*labels"):
        derivations(parser.model, doc, parser.arc_labels[1:])


def test_the_places_that_are_looked_at(nlp):
    doc = Doc(nlp.vocab, words=SENTENCES[3][0].split())
    (derivation,) = found(nlp, doc)
    for step in derivation.best:
        places = dict(step.features)
        stack = [token for token in step.stack if token != BOTTOM]
        assert [places[f"s{i}"] for i in range(3) if f"s{i}" in places] == stack[::-1][:3]
        assert [places[f"b{i}"] for i in range(2) if f"b{i}" in places] == step.buffer[:2]
        for i, word in enumerate(stack[::-1][:2]):
            children = sorted(arc.dependent for arc in step.arcs if arc.head == word)
            left, right = [c for c in children if c < word], [c for c in children if c > word]
            assert places.get(f"s{i}.lc1") == (left[0] if left else None)
            assert places.get(f"s{i}.rc1") == (right[-1] if right else None)


def test_the_way_to_a_tree(nlp):
    """A hypothesis is on the way to a tree if one of its continuations ends in it, by going through all of them."""
    doc = Doc(nlp.vocab, words=["eggs", "like", "ham"])
    (derivation,) = found(nlp, doc, beam_width=10**4)
    last = derivation.beams[-1]
    trees = [frozenset([*one.arcs, *new_arc(one.stack, one.action)]) for one in last]
    for arcs in set(trees[:: len(trees) // 7]):
        places = {place for place, tree in enumerate(trees) if tree == arcs}
        expected = [places]
        for beam in reversed(derivation.beams[1:]):
            expected.append({beam[place].came_from for place in expected[-1]})
        assert derivation.on_the_way_to(list(arcs)) == [sorted(places) for places in expected[::-1]]


def test_words_of_a_stack_keep_their_order_in_any_script(nlp):
    """Two words of a right-to-left script beside each other are one run that a display turns as a whole."""
    words = "שם eats أكل ٣".split()
    (derivation,) = found(nlp, Doc(nlp.vocab, words=words))
    first = step_rows(words, derivation)[0]
    assert first[1] == "\u2068שם\u2069 eats \u2068أكل\u2069 \u2068٣\u2069"
