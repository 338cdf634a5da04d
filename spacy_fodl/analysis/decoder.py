"""What a sequence-to-sequence model thinks at each step of what it writes."""

from typing import Callable, List, Optional, Sequence

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model

from ..errors import Errors
from ..layers import torch_modules
from ..models.seq2seq import words_alone
from ..models.words import are_words
from ..modules.seq2seq import EOS, Constraint, Seq2Seq
from .reading import token_vectors


@torch.no_grad()
def decoder_steps(
    model: Model, doc: Doc, symbols: Sequence[int], constraint: Optional[Callable[[torch.Tensor], Constraint]] = None
) -> np.ndarray:
    """The distributions of the symbols of an output, each given the ones before it: first EOS is fed to the decoder,
    then what was written.

    model (Model): A spacy_fodl.Seq2Seq.v1 with weights: nlp.get_pipe("fodl_seq2seq").model.
    doc (Doc): The source. Behind a listener it must have passed the component that is listened to. The encoder
        reads no white space.
    symbols (Sequence[int]): The numbers of the symbols, without EOS.
    constraint (Optional[Callable[[Tensor], Constraint]]): What may be written, as the target of the component says:
        nlp.get_pipe("fodl_seq2seq").target.constraint([doc]).
    RETURNS (np.ndarray): The last row is what comes after the last symbol. What the constraint forbids has 0, the
        others what the network gives them. *Shape:* (symbols + 1, size of the vocabulary)
    RAISES (ValueError): If the model is of another kind (F515) or has no weights (F001), or the document has no words
        (F504) or has not passed the component that is listened to (F209).
    """
    network = find_seq2seq(model)
    device = network.end_of_source.device
    tokens = token_vectors(model, doc, device)
    tokens, lengths = words_alone(tokens, are_words([doc]))
    if not len(tokens):
        raise ValueError(Errors.F504)
    source, state = network.encode(tokens, lengths)
    inputs: List[int] = [EOS, *symbols]
    features, _, _ = network.decode(torch.tensor([inputs], device=device), source, state)
    probs = torch.softmax(network.output(features[0]), dim=1)
    if constraint is not None:
        first = torch.zeros(1, dtype=torch.long, device=device)
        rules = constraint(first)
        # A row a source is what it begins with.
        rules.take(first)
        allowed = [rules.allowed()]
        for symbol in symbols:
            rules.write(torch.tensor([symbol], device=device))
            allowed.append(rules.allowed())
        probs = probs * torch.cat(allowed)
    found: np.ndarray = probs.cpu().numpy()
    return found


def find_seq2seq(model: Model) -> Seq2Seq:
    """The network in a sequence-to-sequence model."""
    network = model.get_ref("network") if model.has_ref("network") else None
    if network is None or network.name != f"torch({Seq2Seq.__name__})":
        raise ValueError(Errors.F515.format(model=model.name))
    for module in torch_modules(network):
        if isinstance(module, Seq2Seq):
            return module
    raise ValueError(Errors.F001.format(name=network.name))
