import numpy as np
import pytest
import spacy

from spacy_fodl.analysis import decoder_steps
from spacy_fodl.modules.seq2seq import EOS

from ..pipeline.test_seq2seq import trained


@pytest.fixture(scope="module", params=["current", "previous"])
def nlp(request):
    return trained(steps=40, model={"attend_from": request.param})


def test_what_a_greedy_decoder_writes_is_likeliest_at_each_step(nlp):
    pipe, doc = nlp.get_pipe("fodl_seq2seq"), nlp.make_doc("I like green eggs.")
    (result,) = pipe.predict([doc])
    (output,) = result.outputs
    steps = decoder_steps(pipe.model, doc, output.symbols)
    np.testing.assert_allclose(steps.sum(axis=1), 1, atol=1e-5)
    assert steps.argmax(axis=1).tolist() == [*output.symbols, EOS]
    score = np.log(steps.max(axis=1)).sum() / len(steps)
    assert score == pytest.approx(output.score, abs=1e-4)


def test_white_space_is_not_read(nlp):
    model, symbols = nlp.get_pipe("fodl_seq2seq").model, [3, 4]
    steps = [decoder_steps(model, nlp.make_doc(text), symbols) for text in ("I like ham.", " I  like\nham.")]
    np.testing.assert_allclose(*steps, atol=1e-6)


def test_what_cannot_be_looked_into(nlp):
    model = nlp.get_pipe("fodl_seq2seq").model
    for text in ("", "  "):
        with pytest.raises(ValueError, match="F504"):
            decoder_steps(model, nlp.make_doc(text), [])
    blank = spacy.blank("en")
    for name, error in (("fodl_seq2seq", "F001"), ("fodl_parser", "F515"), ("fodl_tagger", "F515")):
        with pytest.raises(ValueError, match=error):
            decoder_steps(blank.add_pipe(name).model, nlp.make_doc("I"), [])
