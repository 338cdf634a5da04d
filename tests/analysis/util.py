"""A small recurrent classifier."""

import spacy
from spacy.language import Language
from spacy.training import Example

EMBED = {
    "@architectures": "spacy.MultiHashEmbed.v2",
    "width": 6,
    "attrs": ["NORM"],
    "rows": [100],
    "include_static_vectors": False,
}
TEXTS = [("I like green eggs", "good"), ("I hate ham", "bad")]


def classifier(tok2vec: dict = EMBED, **settings) -> Language:
    """A pipeline with fodl_textcat, initialized and trained two steps."""
    nlp = spacy.blank("en")
    if tok2vec["@architectures"] == "spacy.Tok2VecListener.v1":
        encode = {"@architectures": "spacy_fodl.RNNEncoder.v1", "width": 6, "cell": "lstm"}
        model = {"@architectures": "spacy.Tok2Vec.v2", "embed": EMBED, "encode": encode}
        nlp.add_pipe("tok2vec", config={"model": model})
    model = {"@architectures": "spacy_fodl.RNNTextCat.v1", "tok2vec": tok2vec, "width": 4, **settings}
    nlp.add_pipe("fodl_textcat", config={"model": model})
    examples = [
        Example.from_dict(nlp.make_doc(text), {"cats": {label: float(label == cat) for label in ("good", "bad")}})
        for text, cat in TEXTS
    ]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(2):
        nlp.update(examples, sgd=optimizer)
    return nlp
