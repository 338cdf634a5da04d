import itertools

import pytest
import torch

from spacy_fodl.modules.attention import ATTENTIONS
from spacy_fodl.modules.seq2seq import EOS, NEVER, DecoderState, Seq2Seq, search
from spacy_fodl.transition.linearize import CLOSE, WORD, Brackets, delinearize

from ..util import DeviceRequired

N_IN, N_OUT = 5, 6
KINDS = list(ATTENTIONS)
FROM = ["current", "previous"]


def network(attention="additive", attend_from="current", seed=0, n_out=N_OUT, **changes):
    torch.manual_seed(seed)
    settings = {"width": 4, "encoder_depth": 1, "decoder_depth": 2, "embed_width": 3, "tied": True, **changes}
    module = Seq2Seq(N_IN, n_out, attention=attention, attend_from=attend_from, **settings)
    with torch.no_grad():
        for parameter in module.parameters():  # Far from uniform, so that outputs differ.
            parameter.normal_(std=1.5)
    return module.eval()


def sources(lengths, seed=1):
    torch.manual_seed(seed)
    return torch.randn(sum(lengths), N_IN), torch.tensor(lengths)


def log_prob(module, tokens, lengths, symbols):
    """Of one output of one source, symbol by symbol."""
    source, state = module.encode(tokens, lengths)
    total, before = 0.0, EOS
    for symbol in symbols:
        features, state, _ = module.decode(torch.tensor([[before]]), source, state)
        total += module.output(features[0, 0]).log_softmax(0)[symbol].item()
        before = symbol
    return total


@pytest.mark.parametrize("attend_from", FROM)
@pytest.mark.parametrize("attention", KINDS)
@pytest.mark.parametrize("decoder_depth", [1, 2])
def test_all_steps_at_once_equal_step_by_step(attention, attend_from, decoder_depth):
    module = network(attention, attend_from, decoder_depth=decoder_depth)
    source, first = module.encode(*sources([3, 0, 4]))
    inputs = torch.tensor([[1, 2, 3], [1, 5, 4], [1, 0, 2]])
    together, last, weights = module.decode(inputs, source, first)
    state = first
    for i in range(3):
        one, state, its_weights = module.decode(inputs[:, i : i + 1], source, state)
        torch.testing.assert_close(one[:, 0], together[:, i])
        if weights is not None:
            torch.testing.assert_close(its_weights[:, 0], weights[:, i])
    torch.testing.assert_close(state, last)


@pytest.mark.parametrize("attention", KINDS)
def test_attention_is_a_distribution_over_the_source_and_its_end(attention):
    module = network(attention)
    lengths = [3, 0, 4]
    source, state = module.encode(*sources(lengths))
    assert source.mask.sum(1).tolist() == [4, 1, 5]
    _, _, weights = module.decode(torch.tensor([[1, 2], [1, 2], [1, 2]]), source, state)
    if attention == "none":
        assert weights is None
        return
    torch.testing.assert_close(weights.sum(2), torch.ones(3, 2))
    assert (weights[~source.mask[:, None].expand_as(weights)] == 0).all()
    even = torch.tensor([0.25] * 4 + [0.0])
    assert torch.allclose(weights[0, 0], even) == (attention == "static")


@pytest.mark.parametrize("attention", ["additive", "dot"])
def test_scores_of_attention_are_those_of_the_papers(attention):
    """Bahdanau et al. (2015): v tanh(W s + U h + b). Luong et al. (2015), "general": s W h."""
    module = network(attention)
    source, _ = module.encode(*sources([3, 2]))
    queries = torch.randn(2, 5, 4)
    found = module.attention.scores(queries, source)
    weights = {name: parameter.detach() for name, parameter in module.attention.named_parameters()}
    for i, steps in enumerate(queries):
        for j, s in enumerate(steps):
            for k, h in enumerate(source.states[i]):
                if attention == "dot":
                    expected = h @ weights["query.weight"] @ s
                else:
                    hidden = weights["query.weight"] @ s + weights["query.bias"] + weights["key.weight"] @ h
                    expected = weights["score.weight"][0] @ torch.tanh(hidden)
                torch.testing.assert_close(found[i, j, k], expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("attention", ["additive", "dot"])
def test_which_state_attends(attention):
    """The state before a step knows nothing of its input, the one after it does."""
    for attend_from in FROM:
        module = network(attention, attend_from)
        source, state = module.encode(*sources([4, 4]))
        *_, one = module.decode(torch.tensor([[2, 3], [2, 3]]), source, state)
        *_, other = module.decode(torch.tensor([[4, 3], [4, 3]]), source, state)
        assert torch.equal(one[:, 0], other[:, 0]) == (attend_from == "previous")
        assert not torch.allclose(one[:, 1], other[:, 1])


@pytest.mark.parametrize("attend_from", FROM)
@pytest.mark.parametrize("attention", KINDS)
def test_a_source_is_read_as_if_it_were_alone(attention, attend_from):
    module = network(attention, attend_from)
    tokens, lengths = sources([3, 1, 6, 0])
    together = search(module, *module.encode(tokens, lengths), torch.tensor([9, 9, 9, 9]), width=3, n_best=3)
    for i, part in enumerate(tokens.split(lengths.tolist())):
        alone = search(module, *module.encode(part, lengths[i : i + 1]), torch.tensor([9]), width=3, n_best=3)
        longest = alone.symbols.shape[2]
        assert together.lengths[i].tolist() == alone.lengths[0].tolist()
        assert together.symbols[i, :, :longest].tolist() == alone.symbols[0].tolist()
        torch.testing.assert_close(together.scores[i], alone.scores[0])


@pytest.mark.parametrize("attend_from", FROM)
def test_greedy_takes_the_best_symbol_at_each_step(attend_from):
    module = network(attend_from=attend_from)
    lengths = [3, 2, 5, 1, 4]
    tokens, sizes = sources(lengths)
    found = search(module, *module.encode(tokens, sizes), torch.tensor([7] * 5))
    for i, part in enumerate(tokens.split(lengths)):
        source, state = module.encode(part, sizes[i : i + 1])
        written, total = [], 0.0
        while len(written) < 7 and EOS not in written:
            before = torch.tensor([[written[-1] if written else EOS]])
            features, state, _ = module.decode(before, source, state)
            scores = module.output(features[0, 0]).log_softmax(0)
            written.append(int(scores.argmax()))
            total += scores.max().item()
        assert found.symbols[i, 0, : found.lengths[i, 0]].tolist() == written
        assert found.scores[i, 0].item() == pytest.approx(total / len(written), abs=1e-5)
        assert found.complete[i, 0] == (written[-1] == EOS)


@pytest.mark.parametrize("length_power", [0.0, 1.0])
def test_a_beam_as_wide_as_the_space_finds_the_best_outputs(length_power):
    """All outputs of at most three symbols out of four."""
    n_out, limit = 4, 3
    module = network(n_out=n_out)
    tokens, lengths = sources([3])
    others = [symbol for symbol in range(n_out) if symbol != EOS]
    every = [(*begin, EOS) for n in range(limit) for begin in itertools.product(others, repeat=n)]
    every += list(itertools.product(others, repeat=limit))
    scored = {one: log_prob(module, tokens, lengths, one) / len(one) ** length_power for one in every}
    ranked = sorted(scored, key=lambda one: (one[-1] != EOS, -scored[one]))
    found = search(
        module, *module.encode(tokens, lengths), torch.tensor([limit]), width=64, n_best=10, length_power=length_power
    )
    rows = [row[:n] for row, n in zip(found.symbols[0].tolist(), found.lengths[0].tolist())]
    assert rows == [list(one) for one in ranked[:10]]
    assert found.scores[0].tolist() == pytest.approx([scored[one] for one in ranked[:10]], abs=1e-4)
    assert found.complete[0].tolist() == [one[-1] == EOS for one in ranked[:10]]


def beam_by_hand(step, limit, width, threshold):
    """Outputs with their scores, of a beam that is a list.

    step (Callable): From what was written to the log-probabilities of all symbols.
    """
    beam, ended = {(): 0.0}, {}
    for n in range(1, limit + 1):
        longer = {(*one, k): total + p for one, total in beam.items() for k, p in enumerate(step(one))}
        ranked = sorted(longer, key=lambda one: -longer[one])[: 2 * width]
        near = [one for one in ranked if longer[one] >= longer[ranked[0]] - threshold]
        ends = [one for one in ranked[:width] if one in near and (EOS in one or n == limit)]
        ended.update((one, longer[one] / n) for one in ends)
        beam = {one: longer[one] for one in [one for one in near if EOS not in one][:width]}
        if len(ended) >= width or not beam:
            break
    return sorted(ended.items(), key=lambda one: (EOS not in one[0], -one[1]))[:width]


@pytest.mark.parametrize("attend_from", FROM)
@pytest.mark.parametrize("threshold", [float("inf"), 1.0, 0.1])
@pytest.mark.parametrize("width", [1, 2, 4])
def test_a_beam_goes_on_with_the_best_that_are_not_too_far_behind(width, threshold, attend_from):
    module = network("dot", attend_from, n_out=5)
    with torch.no_grad():
        module.output.weight.mul_(4)
        module.output.bias[EOS] = -1.0
    lengths, limits = [3, 2, 5, 4, 1, 6], [8, 3, 8, 5, 8, 8]
    tokens, sizes = sources(lengths)
    source, state = module.encode(tokens, sizes)
    found = search(
        module, source, state, torch.tensor(limits), width, n_best=width, threshold=threshold, keep_weights=True
    )
    for i in range(len(lengths)):
        its, row = (source.take(torch.tensor([i])), state.take(torch.tensor([i])))

        def log_probs(written, its=its, row=row):
            features, *_ = module.decode(torch.tensor([[EOS, *written]]), its, row)
            return module.output(features[0, -1]).log_softmax(0).tolist()

        expected = beam_by_hand(log_probs, limits[i], width, threshold)
        rows = [tuple(row[:n]) for row, n in zip(found.symbols[i].tolist(), found.lengths[i].tolist()) if n]
        assert rows == [one for one, _ in expected]
        assert found.scores[i, : len(rows)].tolist() == pytest.approx([score for _, score in expected], abs=1e-4)
        assert found.complete[i].tolist() == [EOS in one for one in rows] + [False] * (width - len(rows))
        _, _, weights = module.decode(torch.tensor([[EOS, *rows[0][:-1]]]), its, row)
        torch.testing.assert_close(found.weights[i, : len(rows[0])], weights[0], rtol=0, atol=1e-5)
        assert (found.weights[i, len(rows[0]) :] == 0).all()


@pytest.mark.parametrize("threshold", [float("inf"), 3.0, 1.0])
def test_an_end_far_behind_is_no_output(monkeypatch, threshold):
    """Ten times the same symbol, then EOS, which is the third best at each step before."""
    module = network(n_out=4)

    def decode(inputs, source, state, beams):
        n = state.hidden[0, :, :1] + 1
        ready = (n > 10).float()
        going, ending = torch.tensor([0.05, 0.01, 0.93, 0.01]).log(), torch.tensor([0.01, 0.97, 0.01, 0.01]).log()
        return (ready * ending + (1 - ready) * going)[:, None], state._replace(hidden=n.expand(2, -1, -1)), None

    monkeypatch.setattr(module, "decode", decode)
    module.output = torch.nn.Identity()
    source, state = module.encode(*sources([2]))
    state = DecoderState(torch.zeros(2, 1, 1), torch.zeros(2, 1, 1))
    found = search(module, source, state, torch.tensor([20]), width=3, n_best=3, threshold=threshold)
    assert found.symbols[0, 0, : found.lengths[0, 0]].tolist() == [2] * 10 + [EOS]


def test_a_loop_does_not_beat_what_is_complete(monkeypatch):
    """EOS with 0.4 at first; what goes on goes on for ever, with 0.99 a step."""
    module = network(n_out=3)

    def decode(inputs, source, state, beams):
        first = (inputs == EOS).float()[..., None]
        fresh, loop = torch.tensor([1e-6, 0.4, 0.6]).log(), torch.tensor([1e-6, 0.01, 0.99]).log()
        return first * fresh + (1 - first) * loop, state, None

    monkeypatch.setattr(module, "decode", decode)
    module.output = torch.nn.Identity()
    source, state = module.encode(*sources([2]))
    found = search(module, source, state, torch.tensor([23]), width=2, n_best=2)
    assert found.complete[0, 0]
    assert found.symbols[0, 0, : found.lengths[0, 0]].tolist()[-1] == EOS
    ends = found.complete[0].tolist()
    assert ends == sorted(ends, reverse=True)


def test_fewer_outputs_than_asked_for():
    module = network(n_out=2)
    found = search(module, *module.encode(*sources([2])), torch.tensor([2]), width=8, n_best=8)
    n_found = int((found.lengths[0] > 0).sum())
    assert 1 <= n_found < 8
    assert (found.scores[0, n_found:] == NEVER).all()
    assert (found.scores[0, :n_found] > NEVER).all()


def test_finished_sources_leave_the_work(monkeypatch):
    module = network()
    rows = []
    decode = module.decode
    monkeypatch.setattr(module, "decode", lambda *args, **more: rows.append(len(args[0])) or decode(*args, **more))
    limits = [2, 5, 3]
    with torch.no_grad():
        module.output.bias[EOS] = -100.0
    found = search(module, *module.encode(*sources([3, 3, 3])), torch.tensor(limits), width=2)
    # One hypothesis a source at first, then two.
    assert rows == [3, 6, 4, 2, 2]
    assert found.lengths[:, 0].tolist() == limits
    assert not found.complete.any()


def test_a_source_has_left_when_as_many_outputs_have_ended_as_its_beam_is_wide(monkeypatch):
    module = network(n_out=4)
    rows = []

    def decode(inputs, source, state, beams):
        rows.append(len(inputs))
        return torch.tensor([0.25, 0.3, 0.4, 0.05]).log().expand(len(inputs), 1, -1), state, None

    monkeypatch.setattr(module, "decode", decode)
    module.output = torch.nn.Identity()
    source, state = module.encode(*sources([2]))
    found = search(module, source, state, torch.tensor([9]), width=2, n_best=2, length_power=0.0)
    # One ends at once, and its place is taken; then the best of the others ends.
    assert rows == [1, 2]
    assert [row[:n] for row, n in zip(found.symbols[0].tolist(), found.lengths[0].tolist())] == [[EOS], [2, EOS]]


def test_no_sources():
    module = network()
    source, state = module.encode(torch.zeros(0, N_IN), torch.zeros(2, dtype=torch.long))
    found = search(module, source, state, torch.tensor([3, 3]))
    assert found.symbols.shape[:2] == (2, 1)


@pytest.mark.parametrize("attend_from", FROM)
@pytest.mark.parametrize("attention", KINDS)
@pytest.mark.parametrize("tied", [True, False])
def test_everything_learns(attention, attend_from, tied):
    module = network(attention, attend_from, tied=tied).train()
    source, state = module.encode(*sources([3, 2]), 0.1)
    features, _, _ = module.decode(torch.tensor([[1, 2, 3], [1, 4, 0]]), source, state, 0.1)
    module.output(features).square().sum().backward()
    idle = [name for name, p in module.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert idle == []


def test_no_tensor_without_a_device():
    module = network()
    tokens, lengths = sources([3, 2])
    limits = torch.tensor([4, 4])
    for attend_from in FROM:
        module = network(attend_from=attend_from)
        with DeviceRequired():
            source, state = module.encode(tokens, lengths)
            module.decode(torch.ones_like(limits)[:, None], source, state)[0].sum().backward()
            search(module, source, state, limits, width=2, keep_weights=True)


@pytest.mark.parametrize("width", [1, 3, 8])
def test_nothing_is_written_that_may_not_be(width):
    """Rows of brackets, in a beam that reorders its hypotheses; they end where they have to."""
    names = ["<unk>", "<eos>", WORD, CLOSE, "(a", "(b"]
    kinds = [Brackets.OTHER, Brackets.ENDS, Brackets.IS_WORD, Brackets.CLOSES, Brackets.OPENS, Brackets.OPENS]
    module = network(n_out=len(names))
    lengths = [4, 2, 3, 1]
    tokens, sizes = sources(lengths)
    source, state = module.encode(tokens, sizes)
    brackets = Brackets(torch.tensor(kinds), sizes.clone())
    # What has to be written is written, whatever the limit.
    limits = torch.tensor([1, 2, 30, 4])
    found = search(module, source, state, limits, width, n_best=min(width, 3), constraint=brackets)
    assert (found.lengths[:, 0] > 0).all()
    assert found.complete[found.lengths > 0].all()
    for i, n in enumerate(lengths):
        for symbols, length, score in zip(found.symbols[i].tolist(), found.lengths[i].tolist(), found.scores[i]):
            if not length:
                continue
            assert length == 3 * n + 1
            assert delinearize([names[symbol] for symbol in symbols[: length - 1]], n).repairs == 0
            first = sum(lengths[:i])
            alone = log_prob(module, tokens[first : first + n], torch.tensor([n]), symbols[:length])
            assert float(score) * length == pytest.approx(alone, abs=1e-3)
