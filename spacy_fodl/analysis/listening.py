"""Models that take the vectors of another component."""

from spacy.pipeline.tok2vec import Tok2VecListener
from spacy.tokens import Doc
from thinc.api import Model

from ..errors import Errors


def check_passed(model: Model, doc: Doc) -> None:
    """
    model (Model): The model of a component.
    doc (Doc): A document that it is to read.
    RAISES (ValueError): If it listens to a component that the document has not passed.
    """
    if len(doc) and not len(doc.tensor) and any(isinstance(node, Tok2VecListener) for node in model.walk()):
        raise ValueError(Errors.F209.format(component=model.name))
