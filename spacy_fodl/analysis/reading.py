"""What a model makes of the tokens of a document."""

import torch
from spacy.pipeline.tok2vec import Tok2VecListener
from spacy.tokens import Doc
from thinc.api import Model, xp2torch
from torch import Tensor

from ..errors import Errors


def check_readable(model: Model, doc: Doc) -> None:
    """See whether a model can read a document.

    model (Model): The model of a component.
    doc (Doc): The document.
    RAISES (ValueError): If it is empty (F504), or the model listens to a component that it has not passed (F209).
    """
    if not len(doc):
        raise ValueError(Errors.F504)
    if not len(doc.tensor) and any(isinstance(node, Tok2VecListener) for node in model.walk()):
        raise ValueError(Errors.F209.format(component=model.name))


def token_vectors(model: Model, doc: Doc, device: torch.device) -> Tensor:
    """The vectors that the tok2vec of a model makes.

    model (Model): The model of a component, with a reference "tok2vec".
    doc (Doc): The document.
    device (torch.device): Where they are wanted.
    RETURNS (Tensor): *Shape:* (tokens, width)
    RAISES (ValueError): As check_readable.
    """
    check_readable(model, doc)
    (vectors,) = model.get_ref("tok2vec").predict([doc])
    tokens: Tensor = xp2torch(vectors, device=device)
    return tokens
