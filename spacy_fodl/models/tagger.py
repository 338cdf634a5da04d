"""The neural n-gram tagger."""

from typing import List, Literal, Optional, cast

from spacy.tokens import Doc
from thinc.api import Model, Softmax_v2, chain, with_array, zero_init
from thinc.types import Floats2d

from ..errors import check_argument, check_training
from ..layers import TorchLayer
from ..modules.ngram import NGramEncoder

ARCHITECTURE = "spacy_fodl.NGramTagger.v1"


def build_ngram_tagger_v1(
    tok2vec: Model[List[Doc], List[Floats2d]],
    before: int = 2,
    after: int = 2,
    hidden: List[int] = [512, 256],
    activation: Literal["relu", "gelu", "mish", "silu", "tanh"] = "relu",
    dropout: Optional[float] = None,
    grad_clip: float = 0.0,
    normalize: bool = False,
    nO: Optional[int] = None,
) -> Model[List[Doc], List[Floats2d]]:
    """Tag each token by a feed-forward network over a window of token vectors (Bengio et al. 2003; Collobert et al.
    2011, section 3.2.1). It fits spaCy's own `tagger` as well as `fodl_tagger`.

    tok2vec (Model[List[Doc], List[Floats2d]]): Makes the token vectors. Anything that gives an array per document:
        spacy.Tok2Vec.v2, an embedding alone, or spacy.Tok2VecListener.v1.
    before (int): Tokens of left context; 2 and no right context make the classic 3-gram model.
    after (int): Tokens of right context.
    hidden (List[int]): Widths of the hidden layers.
    activation (str): The non-linearity after each hidden layer: "relu", "gelu", "mish", "silu" or "tanh".
    dropout (Optional[float]): Dropout rate after each hidden layer; None to follow [training] dropout.
    grad_clip (float): Bound on the global norm of the torch layer's gradients; 0 for none.
    normalize (bool): Whether the scores of prediction are probabilities; tagging needs only their order.
    nO (Optional[int]): Number of tags; None to infer it from the data.
    RETURNS (Model[List[Doc], List[Floats2d]]): The model; scores of *shape* (tokens, nO) a document.
    RAISES (ValueError): If a number is out of its range or hidden is empty (F101).
    """
    at_least = "0 or more"
    check_argument(ARCHITECTURE, "before", before, before >= 0, at_least)
    check_argument(ARCHITECTURE, "after", after, after >= 0, at_least)
    check_argument(
        ARCHITECTURE, "hidden", hidden, bool(hidden) and min(hidden) > 0, "a list of one or more positive widths"
    )
    check_training(ARCHITECTURE, dropout, grad_clip)
    ngram = TorchLayer(
        NGramEncoder,
        nI=tok2vec.maybe_get_dim("nO"),
        nO=hidden[-1],
        arguments={"before": before, "after": after, "hidden": hidden, "activation": activation},
        dropout=dropout,
        grad_clip=grad_clip,
    )
    softmax = Softmax_v2(nO, hidden[-1], init_W=zero_init, normalize_outputs=normalize)
    head: Model[List[Floats2d], List[Floats2d]] = with_array(softmax)
    model = cast(Model[List[Doc], List[Floats2d]], chain(tok2vec, ngram, head))
    model.set_ref("tok2vec", tok2vec)
    # The names that spaCy's tagger gives to them.
    model.set_ref("softmax", softmax)
    model.set_ref("output_layer", softmax)
    return model
