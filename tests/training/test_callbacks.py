import spacy
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from thinc.api import Config

from ..util import make_examples

CONFIG = """
[nlp]
lang = "en"
pipeline = ["tok2vec", "tagger"]

[components]

[components.tok2vec]
factory = "tok2vec"

[components.tok2vec.model]
@architectures = "spacy_fodl.VocabEmbed.v1"
width = 8
size = 100

[components.tagger]
factory = "tagger"

[components.tagger.model]
@architectures = "spacy_fodl.NGramTagger.v1"

[components.tagger.model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
width = 8

[corpora]

[corpora.train]
@readers = "spacy.Corpus.v1"
path = null

[corpora.dev]
@readers = "spacy.Corpus.v1"
path = null

[training]
seed = 0
gpu_allocator = null

[initialize]

[initialize.before_init]
@callbacks = "spacy_fodl.count_words.v1"
corpus = ${corpora.train}
"""


def test_count_words_serves_spacys_own_components(tmp_path):
    blank = spacy.blank("en")
    examples = make_examples(blank)
    DocBin(docs=[example.reference for example in examples]).to_disk(tmp_path / "train.spacy")
    config = Config().from_str(CONFIG)
    for corpus in ("train", "dev"):
        config["corpora"][corpus]["path"] = str(tmp_path / "train.spacy")
    nlp = init_nlp(config)
    hashes = nlp.get_pipe("tok2vec").model.layers[0].attrs["hashes"]
    words = {word.lower() for example in examples for word in example.reference.text.split()}
    assert {nlp.vocab.strings[key] for key in hashes.tolist()} == words
    nlp.update(make_examples(nlp), sgd=nlp.resume_training())
    assert all(token.tag_ for token in nlp("I like ham"))
