import math

import pytest
import torch
from torch import nn

from spacy_fodl.modules.skipthought import EOS, SkipThought, log_uniform

from ..util import DeviceRequired

SIZES = {"width": 4, "depth": 1, "bidirectional": True, "pooling": "last", "embed_width": 5, "decoder_width": 6}


def network(n_in=3, n_out=9, cell="gru", **sizes):
    return SkipThought(n_in, n_out, cell=cell, **{**SIZES, **sizes})


def test_a_vector_is_that_of_its_sentence_whatever_stands_beside_it():
    model = network().eval()
    tokens, lengths = torch.randn(7, 3), torch.tensor([3, 0, 4])
    vectors = model.encode(tokens, lengths)
    assert vectors.shape == (3, 8)
    assert not vectors[1].any()
    torch.testing.assert_close(vectors[0], model.encode(tokens[:3], lengths[:1])[0])
    torch.testing.assert_close(vectors[2], model.encode(tokens[3:], lengths[2:])[0])


@pytest.mark.parametrize("direction", [0, 1])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_decoding_all_at_once_equals_one_word_after_the_other(direction, cell):
    model = network(cell=cell).eval()
    words, lengths = torch.tensor([4, 2, 7, 3, 3]), torch.tensor([3, 2])
    vectors = torch.randn(2, 8)
    states, follows = model.decode(direction, vectors, words, lengths)
    assert follows.tolist() == [4, 2, 7, EOS, 3, 3, EOS]
    (layer,) = model.decoders[direction].layers[0]
    expected = []
    for vector, written in zip(vectors, ([EOS, 4, 2, 7], [EOS, 3, 3])):
        state = None
        for word in written:
            x = model.words.weight[word] + model.thought(vector)
            output, state = layer(x[None], state)
            expected.append(output[0])
    torch.testing.assert_close(states, torch.stack(expected))


def test_the_two_decoders_share_words_but_no_states():
    model = network().eval()
    given = torch.randn(1, 8), torch.tensor([4, 2]), torch.tensor([2])
    assert not torch.allclose(model.decode(0, *given)[0], model.decode(1, *given)[0])


def test_exact_loss_is_the_cross_entropy(monkeypatch):
    monkeypatch.setattr("spacy_fodl.modules.skipthought.MAX_SCORES", 20)  # Two words at a time.
    model = network()
    states, words = torch.randn(5, 6), torch.tensor([1, 2, 8, 0, 3])
    loss, right = model.exact_loss(states, words)
    scores = model.output(states)
    torch.testing.assert_close(loss, nn.functional.cross_entropy(scores, words, reduction="sum"))
    assert right == (scores.argmax(1) == words).sum()
    assert model.exact_loss(states[:0], words[:0])[0] == 0


def test_drawn_words_follow_the_stated_distribution():
    drawn, log_odds = log_uniform(200_000, 50, torch.device("cpu"))
    expected = log_odds.exp()
    assert expected.sum().item() == pytest.approx(200_000, rel=1e-4)
    counts = drawn.bincount(minlength=50)
    assert ((counts - expected).abs() < 5 * expected.sqrt()).all()
    assert expected[0].item() == pytest.approx(200_000 * math.log(2) / math.log(51), rel=1e-5)


def test_decoders_begin_with_the_words_about_as_probable_as_they_are_frequent():
    model = network(n_out=2000)
    frequencies = log_uniform(1, 2000, torch.device("cpu"))[1].exp()
    words = frequencies.multinomial(4000, replacement=True, generator=torch.Generator().manual_seed(0))
    states, _ = model.decode(0, torch.zeros(4000, 8), words, torch.ones(4000, dtype=torch.long))
    loss = model.exact_loss(states[::2], words)[0].item() / len(words)
    entropy = -(frequencies * frequencies.log()).sum().item()
    assert entropy < math.log(2000) - 1
    assert loss == pytest.approx(entropy, abs=0.1)


def test_sampled_loss_tends_to_the_exact_one():
    torch.manual_seed(1)
    model = network(n_out=60)
    states, words = torch.randn(20, 6), torch.randint(60, (20,))
    exact = model.exact_loss(states, words)[0].item()
    means = [sum(model.sampled_loss(states, words, n).item() for _ in range(200)) / 200 for n in (3, 2000)]
    assert means[1] == pytest.approx(exact, rel=0.01)
    assert abs(means[0] - exact) > abs(means[1] - exact)


def test_gradient_of_the_sampled_loss_tends_to_the_exact_one():
    model = network(n_out=40)
    states, words = torch.randn(10, 6), torch.randint(40, (10,))
    (exact,) = torch.autograd.grad(model.exact_loss(states, words)[0], model.output.weight)
    (sampled,) = torch.autograd.grad(model.sampled_loss(states, words, 100_000), model.output.weight)
    torch.testing.assert_close(sampled, exact, atol=0.02, rtol=0.02)


def test_a_word_that_is_drawn_by_accident_is_not_counted_against_itself():
    model = network(n_out=2)
    states, words = torch.randn(3, 6), torch.tensor([0, 0, 0])
    # Only word 1 can be told from word 0; with word 0 among the others the loss would be larger than ever possible.
    model.output.bias.data = torch.tensor([50.0, -50.0])
    assert model.sampled_loss(states, words, 30).item() == pytest.approx(0, abs=1e-4)


def test_no_module_forgets_the_device():
    model = network()
    with DeviceRequired():
        vectors = model.encode(torch.randn(7, 3, device="cpu"), torch.tensor([3, 4], device="cpu"))
        words, n = torch.tensor([4, 2], device="cpu"), torch.tensor([1, 1], device="cpu")
        states, follows = model.decode(0, vectors, words, n, 0.1)
        (model.sampled_loss(states, follows, 3) + model.exact_loss(states, follows)[0]).backward()


def test_an_encoder_alone_has_no_weights_of_decoders():
    alone, whole = network(n_out=0), network()
    names = {name for name, _ in alone.named_parameters()}
    assert names == {name for name, _ in whole.named_parameters() if name.startswith("encoder.")}
