"""What a sequence-to-sequence model thinks at each step of what it writes."""

from typing import List, Sequence

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model, xp2torch

from ..errors import Errors
from ..layers import torch_modules
from ..modules.seq2seq import EOS, Seq2Seq


@torch.no_grad()
def decoder_steps(model: Model, doc: Doc, symbols: Sequence[int]) -> np.ndarray:
    """The distributions of the symbols of an output, each given the ones before it: first EOS is fed to the decoder,
    then what was written.

    model (Model): A spacy_fodl.Seq2Seq.v1 with weights: nlp.get_pipe("fodl_seq2seq").model.
    doc (Doc): The source. Behind a listener it must have passed the component that is listened to.
    symbols (Sequence[int]): The numbers of the symbols, without EOS.
    RETURNS (np.ndarray): The last row is what comes after the last symbol. What a constraint forbids is not left out.
        *Shape:* (symbols + 1, size of the vocabulary)
    RAISES (ValueError): If the model is of another kind or has no weights, or the document is empty.
    """
    network = find_seq2seq(model)
    if not len(doc):
        raise ValueError(Errors.F504)
    (vectors,) = model.get_ref("tok2vec").predict([doc])
    device = network.end_of_source.device
    tokens = xp2torch(vectors, device=device)
    source, state = network.encode(tokens, torch.tensor([len(tokens)], device=device))
    inputs: List[int] = [EOS, *symbols]
    features, _, _ = network.decode(torch.tensor([inputs], device=device), source, state)
    found: np.ndarray = torch.softmax(network.output(features[0]), dim=1).cpu().numpy()
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
