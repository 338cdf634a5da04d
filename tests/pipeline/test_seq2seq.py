import json
import pickle
import random
import warnings

import numpy as np
import pytest
import spacy
import torch
from confection import ConfigValidationError
from sacrebleu.metrics.bleu import BLEU
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from thinc.api import fix_random_seed

import spacy_fodl.models.seq2seq as seq2seq_model
import spacy_fodl.modules.attention as attention_module
from spacy_fodl.models.extensions import add_target_extension
from spacy_fodl.models.seq2seq import Training
from spacy_fodl.models.words import are_words
from spacy_fodl.modules.seq2seq import EOS, UNK
from spacy_fodl.pipeline.seq2seq import DEFAULT_MODEL
from spacy_fodl.pipeline.targets import make_subwords_v1, make_words_v1
from spacy_fodl.training.seq2seq_scorer import make_seq2seq_scorer_v1

PAIRS = [
    ("I like green eggs.", "J'aime les œufs verts."),
    ("I like blue ham!", "J'aime le jambon bleu !"),
    ("You eat green ham.", "Vous mangez du jambon vert."),
    ("We walk to town.", "Nous marchons vers la ville."),
]
SMALL = {**DEFAULT_MODEL, "width": 24, "embed_width": 24}
WORDS = {"@misc": "spacy_fodl.Words.v1", "size": 100}


def examples_of(nlp, pairs=PAIRS):
    add_target_extension()
    examples = [Example(nlp.make_doc(text), nlp.make_doc(text)) for text, _ in pairs]
    for example, (_, target) in zip(examples, pairs):
        example.reference._.fodl_target = target
    return examples


def trained(steps=60, model=None, seed=0, pairs=PAIRS, **config):
    fix_random_seed(seed)
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_seq2seq", config={"target": WORDS, "model": {**SMALL, **(model or {})}, **config})
    examples = examples_of(nlp, pairs)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer)
    return nlp


@pytest.fixture(scope="module")
def nlp():
    return trained(beam_width=3, n_best=2, store_attention=True)


def outputs(nlp, texts):
    return [doc._.fodl_output for doc in nlp.pipe(texts)]


def test_learns_to_translate(nlp):
    assert outputs(nlp, [text for text, _ in PAIRS]) == [target for _, target in PAIRS]
    scores = nlp.evaluate(examples_of(nlp))
    assert scores["bleu"] == pytest.approx(1.0)
    assert scores["chrf"] == pytest.approx(1.0)
    default = BLEU()
    default.corpus_score(["a"], [["a"]])
    assert scores["bleu_signature"] == str(default.get_signature())
    assert "|case:mixed|eff:no|tok:13a|smooth:exp|" in scores["bleu_signature"]
    assert "|case:mixed|eff:yes|nc:6|nw:0|space:no|" in scores["chrf_signature"]


@pytest.mark.parametrize("attend_from", ["current", "previous"])
@pytest.mark.parametrize("attention", ["none", "static", "additive", "dot"])
def test_every_kind_of_attention_learns(attention, attend_from):
    nlp = trained(model={"attention": attention, "attend_from": attend_from}, store_attention=True)
    assert outputs(nlp, [text for text, _ in PAIRS]) == [target for _, target in PAIRS]
    assert (nlp(PAIRS[0][0])._.fodl_seq2seq["attention"] is None) == (attention == "none")


def test_learns_subwords():
    nlp = trained(steps=200, target={"@misc": "spacy_fodl.Subwords.v1", "size": 200})
    assert outputs(nlp, [text for text, _ in PAIRS]) == [target for _, target in PAIRS]


def test_what_is_told_of_an_output(nlp):
    doc = nlp(PAIRS[0][0])
    details = doc._.fodl_seq2seq
    assert "".join(details["tokens"]).strip() == doc._.fodl_output
    assert details["complete"] is True
    assert details["n_best"][0]["text"] == doc._.fodl_output
    scores = [one["score"] for one in details["n_best"]]
    assert len(scores) == 2
    assert scores == sorted(scores, reverse=True)
    assert details["score"] == scores[0] < 0
    attention = details["attention"]
    assert attention.shape == (len(details["tokens"]), len(doc) + 1)
    assert attention.sum(axis=1) == pytest.approx(np.ones(len(attention)), abs=1e-5)


def test_what_is_told_survives_saving(nlp):
    doc = nlp(PAIRS[0][0])
    for copy in (
        Doc(nlp.vocab).from_bytes(doc.to_bytes()),
        next(DocBin(docs=[doc], store_user_data=True).get_docs(nlp.vocab)),
        next(iter(nlp.pipe([PAIRS[0][0]] * 2, n_process=2))),
    ):
        assert copy._.fodl_output == doc._.fodl_output
        there, here = dict(copy._.fodl_seq2seq), dict(doc._.fodl_seq2seq)
        assert np.asarray(there.pop("attention")) == pytest.approx(here.pop("attention"), abs=1e-5)
        for details in (there, here):
            for one in (details, *details["n_best"]):
                one["score"] = round(one["score"], 4)
        assert json.loads(json.dumps(there)) == here


def test_a_document_is_translated_as_if_it_were_alone(nlp):
    texts = [text for text, _ in PAIRS] * 3 + ["", " ", "I", "\n\n", "ham " * 300]
    random.Random(0).shuffle(texts)
    assert outputs(nlp, texts) == [nlp(text)._.fodl_output for text in texts]


@pytest.mark.parametrize("text", ["", " ", "\n\n  \n"])
def test_nothing_is_written_for_nothing(nlp, text):
    doc = nlp(text)
    assert doc._.fodl_output == ""
    assert doc._.fodl_seq2seq["n_best"] == [{"text": "", "score": 0.0, "complete": True}]
    assert doc._.fodl_seq2seq["attention"].shape == (0, len(doc) + 1)
    assert outputs(nlp, [text, text]) == ["", ""]
    assert outputs(nlp, [text, PAIRS[0][0]]) == ["", PAIRS[0][1]]


def test_white_space_is_not_read(nlp):
    words, spaced = nlp("I like green eggs."), nlp("  I like\n\n green   eggs.\t")
    is_word = [not token.is_space for token in spaced]
    assert is_word.count(False) == 4
    here, there = words._.fodl_seq2seq, spaced._.fodl_seq2seq
    assert there["tokens"] == here["tokens"]
    assert there["score"] == pytest.approx(here["score"], abs=1e-5)
    np.testing.assert_allclose(there["attention"][:, [*is_word, True]], here["attention"], atol=1e-5)
    assert not there["attention"][:, [not one for one in is_word] + [False]].any()
    assert there["attention"].shape == (len(here["tokens"]), len(spaced) + 1)


def test_white_space_is_not_trained_on():
    spaced = [(text.replace(" ", "   "), target) for text, target in PAIRS]
    # Five words and three spaces are no more than five words; a source of white space alone teaches nothing.
    nlps = [trained(steps=3, pairs=pairs, max_source=5) for pairs in (PAIRS, [*spaced, (" ", "J'aime")])]
    scores = [nlp(PAIRS[0][0])._.fodl_seq2seq["score"] for nlp in nlps]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)


def test_long_sources_and_unseen_characters(nlp):
    doc = nlp("你 " * 2000)
    assert len(doc) == 2000
    details = doc._.fodl_seq2seq
    assert len(details["tokens"]) <= 3 * 2000 + 20
    assert details["attention"].shape == (len(details["tokens"]), 2001)


def test_long_sources_and_targets_can_be_learned(monkeypatch):
    """Additive attention compares them in parts, which changes nothing but the room that it takes."""
    pair = ("ham " * 2000, "du jambon " * 40)
    compared = []
    for most in (attention_module.COMPARISONS, 10**9):
        monkeypatch.setattr(attention_module, "COMPARISONS", most)
        original = attention_module.AdditiveAttention.compared

        def watched(self, queries, keys, original=original):
            compared.append(queries.shape[1] * keys.shape[1])
            return original(self, queries, keys)

        monkeypatch.setattr(attention_module.AdditiveAttention, "compared", watched)
        nlp = trained(steps=0)
        component = nlp.get_pipe("fodl_seq2seq")
        loss = component.update(examples_of(nlp, [pair]), sgd=None)["fodl_seq2seq"]
        gradients = {
            name: p.grad.clone()
            for name, p in component.model.get_ref("network").shims[0]._model.named_parameters()
            if p.grad is not None
        }
        if most < 10**9:
            expected = loss, gradients
            assert len(compared) > 1
            assert max(compared) <= most
    assert loss == pytest.approx(expected[0], abs=1e-5)
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[1][name], rtol=1e-3, atol=1e-5)


def test_an_output_without_an_end_is_cut_and_says_so():
    nlp = trained(steps=0, max_ratio=1.0, max_extra=4, store_attention=True)
    network = nlp.get_pipe("fodl_seq2seq").model.get_ref("network").shims[0]._model
    network.output.bias.data[EOS] = -1000.0
    details = nlp(PAIRS[0][0])._.fodl_seq2seq
    assert details["complete"] is False
    assert len(details["tokens"]) == len(nlp.make_doc(PAIRS[0][0])) + 4 == len(details["attention"])


def test_the_beam_keeps_what_is_near_the_best(nlp, tmp_path):
    texts = [text for text, _ in PAIRS]
    every = list(nlp.pipe(texts))
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    loaded.get_pipe("fodl_seq2seq").beam_threshold = 0.5
    near = list(loaded.pipe(texts))
    assert [doc._.fodl_output for doc in near] == [doc._.fodl_output for doc in every]
    assert all(len(doc._.fodl_seq2seq["n_best"]) == 2 for doc in every)
    assert min(len(doc._.fodl_seq2seq["n_best"]) for doc in near) == 1


def test_the_beam_can_be_set_after_loading(nlp, tmp_path):
    nlp.to_disk(tmp_path)
    component = spacy.load(tmp_path).get_pipe("fodl_seq2seq")
    assert (component.beam_width, component.n_best) == (3, 2)
    with pytest.raises(ValueError, match="F208.*beam_width.*n_best"):
        component.beam_width = 1
    with pytest.raises(ValueError, match="F208.*n_best"):
        component.n_best = 4
    component.n_best = component.beam_width = 1
    with pytest.raises(ValueError, match="F208.*beam_width"):
        component.beam_width = 0


def test_round_trips(nlp, tmp_path):
    expected = outputs(nlp, [text for text, _ in PAIRS])
    nlp.to_disk(tmp_path)
    assert outputs(spacy.load(tmp_path), [text for text, _ in PAIRS]) == expected
    other = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert outputs(other, [text for text, _ in PAIRS]) == expected


def test_a_vocabulary_that_does_not_fit_the_weights(nlp, tmp_path):
    nlp.to_disk(tmp_path / "one")
    other = spacy.blank("en").from_config(nlp.config)
    component = other.get_pipe("fodl_seq2seq").from_disk(tmp_path / "one" / "fodl_seq2seq", exclude=["vocab"])
    component.target.from_dict({"kind": "words", "lang": "xx", "words": ["a ", "b "]})
    with pytest.raises(ValueError, match="F214"):
        other("I like ham")
    pairs = [(text, target.replace("ville", "mer")) for text, target in PAIRS]
    as_large = trained(steps=0, pairs=pairs).get_pipe("fodl_seq2seq")
    assert len(as_large.target.symbols) == len(nlp.get_pipe("fodl_seq2seq").target.symbols)
    with pytest.raises(ValueError, match="F226.*target symbols"):
        as_large.from_disk(tmp_path / "one" / "fodl_seq2seq", exclude=["vocab", "cfg"])
    subwords = {"components": {"fodl_seq2seq": {"target": {"@misc": "spacy_fodl.Subwords.v1", "size": 100}}}}
    config = nlp.config.copy()
    config["components"]["fodl_seq2seq"]["target"] = subwords["components"]["fodl_seq2seq"]["target"]
    with pytest.raises(ValueError, match="F213"):
        spacy.blank("en").from_config(config).get_pipe("fodl_seq2seq").from_disk(
            tmp_path / "one" / "fodl_seq2seq", exclude=["vocab"]
        )
    config["components"]["fodl_seq2seq"]["target"] = {**WORDS, "lang": "fr"}
    with pytest.raises(ValueError, match="F225.*lang = 'xx'.*lang = 'fr'"):
        spacy.blank("en").from_config(config).get_pipe("fodl_seq2seq").from_disk(
            tmp_path / "one" / "fodl_seq2seq", exclude=["vocab"]
        )


@pytest.mark.parametrize(
    "limits, told",
    [
        ({"max_source": 1}, "max_source = 1,"),
        ({"max_target": 1}, "max_target = 1,"),
        ({"max_source": 1, "max_target": 1}, "max_source = 1 or max_target = 1,"),
    ],
)
def test_nothing_but_examples_that_are_too_long(limits, told):
    with pytest.raises(ValueError, match=f"F228.*All .* longer than {told}"):
        trained(steps=0, **limits)


def test_many_examples_that_are_too_long_are_told():
    pairs = [("I like ham", "a b"), *[("I like green eggs and ham.", "a b")] * 2]
    with pytest.warns(UserWarning, match="W202.*67%.*max_source = 3:"):
        trained(steps=0, pairs=pairs, max_source=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained(steps=0, pairs=[*pairs[:1] * 20, *pairs], max_source=3)


def test_a_component_that_was_refused_other_lengths_is_what_it_was():
    nlp = trained(steps=0)
    component = nlp.get_pipe("fodl_seq2seq")
    before = component.target.to_dict()
    component.max_source = 1
    with pytest.raises(ValueError, match="F228"):
        component.initialize(lambda: examples_of(nlp, [("Other words", "D'autres mots.")]))
    assert component.target.to_dict() == before


def test_examples_without_targets_or_too_long_teach_nothing(nlp):
    fresh = trained(steps=2, max_source=6, max_target=8)
    component = fresh.get_pipe("fodl_seq2seq")
    pairs = [("I like ham", None), ("I like green eggs and ham.", "a"), ("I like ham", "J'aime " * 9), (" ", "Rien.")]
    for pair in pairs:
        assert component.get_loss(examples_of(fresh, [pair]))[0] == 0
    together = component.get_loss(examples_of(fresh, [*pairs, ("I like ham", "a")]))[0]
    assert together == pytest.approx(component.get_loss(examples_of(fresh, [("I like ham", "a")]))[0], abs=1e-5)
    losses = {}
    fresh.update(examples_of(fresh, pairs), sgd=fresh.create_optimizer(), losses=losses)
    fresh.update(examples_of(fresh, pairs[-1:]), sgd=fresh.create_optimizer(), losses=losses)
    assert losses == {"fodl_seq2seq": 0}
    assert component.get_loss(examples_of(fresh, [("I like ham", "")]))[0] > 0


def loss_of(nlp, pairs, **changes):
    """The loss of a batch by the model, with other settings."""
    component = nlp.get_pipe("fodl_seq2seq")
    batch = component._batch(examples_of(nlp, pairs))
    network = component.model.get_ref("network")
    module = network.shims[0]._model.eval()
    lengths = torch.tensor([len(doc) for doc in batch.docs])
    tokens = torch.from_numpy(np.concatenate(component.model.get_ref("tok2vec").predict(batch.docs)))
    settings = {"label_smoothing": 0.0, "scheduled_sampling": 0.0, **changes}
    return module, tokens, lengths, batch.targets, Training(are_words(batch.docs), batch.targets, **settings)


def test_the_loss_is_the_smoothed_cross_entropy_of_each_symbol(nlp):
    """Szegedy et al. (2016), section 7: a share of the gold distribution is spread over all symbols."""
    module, tokens, lengths, targets, training = loss_of(nlp, PAIRS, label_smoothing=0.2)
    losses = []
    for one, n, target in zip(tokens.split(lengths.tolist()), lengths, targets):
        source, state = module.encode(one, n[None])
        features, _, _ = module.decode(torch.tensor([[EOS, *target]]), source, state)
        for log_probs, gold in zip(module.output(features[0]).log_softmax(1), [*target, EOS]):
            losses.append(-0.8 * log_probs[gold] - 0.2 * log_probs.mean())
    assert training(module, tokens, lengths, 0.0).item() == pytest.approx(torch.stack(losses).mean().item(), abs=1e-4)


def test_scheduled_sampling_gives_the_decoder_what_it_would_have_written(nlp, monkeypatch):
    fresh = trained(steps=2)
    module, tokens, lengths, targets, training = loss_of(fresh, PAIRS, scheduled_sampling=0.5)
    seen, decode = [], module.decode

    def watched(inputs, *args):
        seen.append(inputs)
        return decode(inputs, *args)

    monkeypatch.setattr(module, "decode", watched)
    monkeypatch.setattr(torch, "rand", lambda shape, device: torch.arange(shape[1]).expand(shape) % 2 * 1.0)
    module.train()
    training(module, tokens, lengths, 0.0)
    gold, mixed = seen
    assert gold[0, : len(targets[0]) + 1].tolist() == [EOS, *targets[0]]
    own = module.output(decode(gold, *module.encode(tokens, lengths))[0]).argmax(2)
    assert (mixed[:, 0] == EOS).all()
    assert torch.equal(mixed[:, 1::2], gold[:, 1::2])  # Where the draw is 1.
    assert torch.equal(mixed[:, 2::2], own[:, 1:-1:2])  # Where it is 0.
    assert not torch.equal(mixed, gold)


def test_a_long_source_does_not_pad_all_others(nlp, monkeypatch):
    pairs = [*PAIRS, ("ham " * 400, "Du jambon."), ("I", "Je")]
    module, tokens, lengths, _, training = loss_of(nlp, pairs)
    expected = training(module, tokens, lengths, 0.0).item()
    monkeypatch.setattr(seq2seq_model, "TRAIN_COMPARISONS", 5000)
    sizes, encode = [], module.encode

    def watched(tokens, lengths, dropout):
        sizes.append(lengths.tolist())
        return encode(tokens, lengths, dropout)

    monkeypatch.setattr(module, "encode", watched)
    assert training(module, tokens, lengths, 0.0).item() == pytest.approx(expected, abs=1e-5)
    assert sizes[0] == [400]
    assert sorted(sizes[1]) == sorted(lengths.tolist())[:-1]


def test_a_long_target_does_not_pad_all_others(nlp, monkeypatch):
    pairs = [*PAIRS * 4, ("ham", "Du jambon. " * 200)]
    module, tokens, lengths, _, training = loss_of(nlp, pairs)
    expected = training(module, tokens, lengths, 0.0).item()
    monkeypatch.setattr(seq2seq_model, "TRAIN_COMPARISONS", 2500)
    n_groups, decode = [], module.decode

    def watched(inputs, source, state, dropout):
        n_groups.append(inputs.shape)
        return decode(inputs, source, state, dropout)

    monkeypatch.setattr(module, "decode", watched)
    assert training(module, tokens, lengths, 0.0).item() == pytest.approx(expected, abs=1e-5)
    assert [n for n, steps in n_groups if steps > 100] == [1]
    assert len(n_groups) <= 3


def test_weights_that_are_not_finite_are_told_of():
    nlp = trained(steps=1)
    nlp.get_pipe("fodl_seq2seq").model.get_ref("network").shims[0]._model.output.bias.data[:] = float("nan")
    with pytest.raises(ValueError, match="F224.*I like ham"):
        nlp("I like ham")


def test_a_damaged_subword_model_is_told_of():
    target = make_subwords_v1(size=60)
    target.learn([text for _, text in PAIRS])
    data = target.to_dict()
    nlp = trained(steps=1, target={"@misc": "spacy_fodl.Subwords.v1", "size": 60})
    component = nlp.get_pipe("fodl_seq2seq")
    component.cfg["target"] = {**data, "model": data["model"][:400]}
    with pytest.raises(ValueError, match="F010.*sentencepiece"):
        component.from_bytes(component.to_bytes())


@pytest.mark.parametrize("target", [None, "subwords"])
def test_targets_of_another_kind(target):
    with pytest.raises(ConfigValidationError, match="target"):
        spacy.blank("en").add_pipe("fodl_seq2seq", config={"target": target})


def test_targets_that_are_no_texts():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_seq2seq", config={"target": WORDS, "model": SMALL})
    with pytest.raises(ValueError, match="F212"):
        nlp.initialize(lambda: examples_of(nlp, [("I like ham", 3)]))
    for pair, lacks in (
        (("I", None), "no text in doc._.fodl_target in the 1 .*store_user_data"),
        (("I", " "), "no text in doc._.fodl_target"),
        (("", "Rien."), "no word in documents with a target"),
        (("  ", "Rien."), "no word in documents with a target"),
    ):
        with pytest.raises(ValueError, match=f"F201.*{lacks}"):
            nlp.initialize(lambda pair=pair: examples_of(nlp, [pair]))


def test_settings_out_of_range():
    for setting in (
        {"max_extra": 0},
        {"max_ratio": -1.0},
        {"n_best": 2},
        {"beam_width": 0},
        {"max_target": -1},
        {"length_power": -1.0},
        {"beam_threshold": -1.0},
    ):
        with pytest.raises(ValueError, match=rf"F208.*{next(iter(setting))}"):
            spacy.blank("en").add_pipe("fodl_seq2seq", config=setting)
    for setting in ({"width": 0}, {"label_smoothing": 1.0}, {"dropout": 1.0}, {"grad_clip": -1.0}):
        with pytest.raises(ValueError, match=rf"F101.*{next(iter(setting))}"):
            spacy.blank("en").add_pipe("fodl_seq2seq", config={"model": {**DEFAULT_MODEL, **setting}})
    for make in (make_subwords_v1, make_words_v1):
        with pytest.raises(ValueError, match="F101.*size"):
            make(size=3)
    with pytest.raises(ValueError, match="F101.*lang"):
        make_words_v1(lang="zz")
    with pytest.raises(ValueError, match="F101.*model_type"):
        make_subwords_v1(model_type="chars")


def test_settings_are_checked_whenever_they_are_set():
    nlp = trained(steps=0)
    component = nlp.get_pipe("fodl_seq2seq")
    for name, values in (
        ("length_power", [-1.0, float("nan"), "x"]),
        ("beam_threshold", [-1.0, float("inf"), None]),
        ("max_ratio", [-5.0, float("inf"), None, True, 10**400]),
        ("max_extra", [0, -30, 2.5, torch.tensor(True)]),
        ("max_source", [-1, "5"]),
        ("store_attention", ["no", None, 1]),
    ):
        before = getattr(component, name)
        for value in values:
            with pytest.raises(ValueError, match=f"F208.*{name}"):
                setattr(component, name, value)
        assert getattr(component, name) == before
    component.max_ratio, component.max_extra = 1e30, 1
    nlp.get_pipe("fodl_seq2seq").model.get_ref("network").shims[0]._model.output.bias.data[EOS] = 100
    assert outputs(nlp, ["I like ham"]) == [""]


def test_a_pipeline_that_has_predicted_can_be_pickled(nlp):
    expected = outputs(nlp, [PAIRS[0][0]])
    assert outputs(pickle.loads(pickle.dumps(nlp)), [PAIRS[0][0]]) == expected


def test_not_initialized():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_seq2seq")
    with pytest.raises(ValueError, match="E109"):
        nlp("I like ham")


def test_the_same_seed_gives_the_same_outputs():
    first, second = (trained(steps=3, model={"scheduled_sampling": 0.5}) for _ in range(2))
    assert first.get_pipe("fodl_seq2seq").model.to_bytes() == second.get_pipe("fodl_seq2seq").model.to_bytes()


def test_scheduled_sampling_learns_too():
    nlp = trained(model={"scheduled_sampling": 0.3}, steps=90)
    assert outputs(nlp, [text for text, _ in PAIRS]) == [target for _, target in PAIRS]


def test_another_handler_of_outputs():
    from spacy.util import registry

    @registry.misc("tests.SetUpper.v1")
    def make():
        return lambda doc, text: doc._.set("fodl_output", text.upper())

    nlp = trained(output={"@misc": "tests.SetUpper.v1"})
    assert nlp(PAIRS[0][0])._.fodl_output == PAIRS[0][1].upper()


@pytest.mark.parametrize("target", [make_subwords_v1(size=300), make_words_v1(size=300, lang="fr")])
def test_texts_come_back(target):
    texts = [text for _, text in PAIRS]
    assert target.symbols == []
    target.learn([*texts, ""])
    assert target.symbols[:2] == ["<unk>", "<eos>"]
    for text in [*texts, ""]:
        symbols = target.encode(text)
        assert EOS not in symbols
        assert target.decode([*symbols, EOS]) == text
        assert max(symbols, default=0) < len(target.symbols)
    assert UNK in target.encode("你")
    again = type(target)(*((300, "unigram") if "Subwords" in type(target).__name__ else (300, "fr")))
    again.from_dict(json.loads(json.dumps(target.to_dict())))
    assert again.encode(texts[0]) == target.encode(texts[0])
    assert again.symbols == target.symbols


def test_the_most_frequent_words_get_symbols():
    target = make_words_v1(size=4)
    target.learn(["a a b b c"])
    assert target.symbols[2:] == ["a ", "b "]
    assert target.encode("a c") == [2, UNK]
    assert target.decode([2, UNK, 3]) == "a <unk> b"


def test_scores_count_documents_with_a_target_only(nlp):
    score = make_seq2seq_scorer_v1()
    examples = examples_of(nlp, [*PAIRS, ("I", None)])
    for example, (_, target) in zip(examples, [*PAIRS, ("", "")]):
        example.predicted._.fodl_output = target
    assert score(examples)["bleu"] == pytest.approx(1.0)
    assert score(examples[-1:])["bleu"] is None
    examples[0].predicted._.fodl_output = None
    assert score(examples)["bleu"] < 1


def test_behind_a_listener():
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": {"@architectures": "spacy.HashEmbedCNN.v2", **CNN}})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 24, "upstream": "*"}
    nlp.add_pipe("fodl_seq2seq", config={"target": WORDS, "model": {**SMALL, "tok2vec": listener}})
    examples = examples_of(nlp)
    examples.append(examples_of(nlp, [("Nothing to learn", None)])[0])
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    before = nlp.get_pipe("tok2vec").model.to_bytes()
    for _ in range(60):
        nlp.update(examples[:-1], sgd=optimizer)
    assert outputs(nlp, [text for text, _ in PAIRS]) == [target for _, target in PAIRS]
    assert nlp.get_pipe("tok2vec").model.to_bytes() != before
    nlp.update(examples, sgd=optimizer)


CNN = {
    "pretrained_vectors": None,
    "width": 24,
    "depth": 1,
    "embed_size": 200,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
}


def test_initializing_again_with_other_targets_is_refused_and_breaks_nothing():
    tok2vec = {"@architectures": "spacy_fodl.VocabEmbed.v1", "width": 24, "size": 100}
    nlp = trained(steps=30, model={"tok2vec": tok2vec})
    expected = outputs(nlp, [text for text, _ in PAIRS])
    with pytest.raises(ValueError, match="F223.*new component"):
        nlp.initialize(lambda: examples_of(nlp, [*PAIRS, ("You run.", "Vous courez très vite aujourd'hui.")]))
    assert outputs(nlp, [text for text, _ in PAIRS]) == expected


def test_learning_before_initializing():
    nlp = spacy.blank("en")
    nlp.add_pipe("fodl_seq2seq")
    for learn in (nlp.get_pipe("fodl_seq2seq").get_loss, nlp.get_pipe("fodl_seq2seq").update):
        with pytest.raises(ValueError, match="E109"):
            learn(examples_of(nlp))


def test_too_few_subwords_and_long_targets():
    with pytest.raises(ValueError, match="F215.*size"):
        make_subwords_v1(size=4).learn(["small data here"])
    target = make_subwords_v1(size=60)
    text = "Wait … ½ cup of m², \ufb01sh! " * 400
    target.learn([text])
    assert target.decode(target.encode(text)) == text.strip()


def test_words_at_line_ends_are_the_same_words():
    target = make_words_v1(size=20)
    target.learn(["one\ntwo  three", "two one"])
    assert target.symbols[2:] == ["one ", "two ", "three "]
    assert target.decode(target.encode("one\ntwo\tthree")) == "one two three"
