import numpy as np
import pytest
import spacy

from spacy_fodl.analysis import tag_windows

from ..util import trained_tagger


@pytest.fixture(scope="module")
def nlp():
    return trained_tagger()


def test_probabilities_are_those_of_the_tagger(nlp):
    doc = nlp.make_doc("I like green eggs")
    tagger = nlp.get_pipe("fodl_tagger")
    found = tag_windows(tagger.model, doc)
    assert found.offsets == [-2, -1, 0, 1, 2]
    np.testing.assert_allclose(found.probabilities, tagger.predict_proba([doc])[0], atol=1e-5)
    assert found.influence.shape == (4, 5)


def test_influence_is_what_an_empty_place_changes(nlp):
    tagger = nlp.get_pipe("fodl_tagger")
    found = tag_windows(tagger.model, nlp.make_doc("I like green eggs"))
    # By hand: the vector of "like" gone, at its own place in its own window.
    (vectors,) = tagger.model.get_ref("tok2vec").predict([nlp.make_doc("I like green eggs")])
    without = vectors.copy()
    without[1] = 0
    rest = [node for node in tagger.model.layers if node is not tagger.model.get_ref("tok2vec")]
    scores = [without]
    for node in rest:
        scores = node.predict(scores)
    probs = np.exp(scores[0][1]) / np.exp(scores[0][1]).sum()
    best = found.probabilities[1].argmax()
    assert found.influence[1, 2] == pytest.approx(found.probabilities[1, best] - probs[best], abs=1e-5)
    assert found.influence[:, 2].max() > 1e-3


def test_what_cannot_be_looked_into(nlp):
    tagger = nlp.get_pipe("fodl_tagger")
    with pytest.raises(ValueError, match="F504"):
        tag_windows(tagger.model, nlp.make_doc(""))
    blank = spacy.blank("en")
    blank.add_pipe("fodl_tagger")
    with pytest.raises(ValueError, match="F001"):
        tag_windows(blank.get_pipe("fodl_tagger").model, nlp.make_doc("I"))
    blank.add_pipe("fodl_textcat")
    with pytest.raises(ValueError, match="F514"):
        tag_windows(blank.get_pipe("fodl_textcat").model, nlp.make_doc("I"))
