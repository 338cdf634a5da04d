"""What an n-gram tagger sees of a text: its windows, and how much each word in them counts."""

from dataclasses import dataclass
from typing import List, Optional

import numpy as np
import torch
import torch.nn.functional as F
from spacy.tokens import Doc
from thinc.api import Model, xp2torch

from ..errors import Errors
from ..layers import torch_modules
from ..modules.ngram import NGramEncoder
from .reading import token_vectors


@dataclass(frozen=True)
class TagWindows:
    """The windows of all tokens of a document."""

    offsets: List[int]
    """Where the places of a window are, from the token that is tagged: -2, -1, 0, for example."""
    probabilities: np.ndarray
    """Of each tag. *Shape:* (tokens, tags)"""
    influence: np.ndarray
    """By how much the probability of the most probable tag falls where a place of the window is empty: zeros instead of
    the word's vector. *Shape:* (tokens, places)"""


@torch.no_grad()
def tag_windows(model: Model, doc: Doc, class_tags: Optional[np.ndarray] = None) -> TagWindows:
    """Look into the windows of a tagger.

    model (Model): A spacy_fodl.NGramTagger.v1 with weights: nlp.get_pipe("fodl_tagger").model.
    doc (Doc): The document. Behind a listener it must have passed the component that is listened to.
    class_tags (Optional[np.ndarray]): Where the model tells pairs of tag and part of speech, which class belongs to
        which tag: nlp.get_pipe("fodl_tagger").class_tags(). *Shape:* (classes, tags), of 0 and 1
    RETURNS (TagWindows): The windows.
    RAISES (ValueError): If the model is no n-gram tagger (F514) or has no weights (F001), or the document is empty
        (F504) or has not passed the component that is listened to (F209).
    """
    encoder = find_ngram_encoder(model)
    device = encoder.padding.device
    tokens = token_vectors(model, doc, device)
    n = len(tokens)
    table = torch.cat([tokens, encoder.padding, tokens.new_zeros((1, tokens.shape[1]))])
    windows = encoder.window_rows(torch.tensor([n], device=device), n)
    # As they are, and then each place in turn empty.
    n_places = windows.shape[1]
    variants = windows.repeat(n_places + 1, 1, 1)
    variants[torch.arange(1, n_places + 1, device=device), :, torch.arange(n_places, device=device)] = n + 2
    output = model.get_ref("softmax")
    weights, bias = (xp2torch(output.get_param(name), device=device) for name in ("W", "b"))
    hidden = [encoder.of_windows(F.embedding(rows, table)) for rows in variants]
    probs = [torch.softmax(one @ weights.T + bias, dim=1) for one in hidden]
    if class_tags is not None:
        probs = [one @ torch.from_numpy(class_tags).to(device) for one in probs]
    full, *without = probs
    best = full.argmax(1, keepdim=True)
    influence = [(full.gather(1, best) - one.gather(1, best))[:, 0] for one in without]
    return TagWindows(encoder.offsets.tolist(), full.cpu().numpy(), torch.stack(influence, dim=1).cpu().numpy())


def has_windows(model: Model) -> bool:
    """Whether a model is an n-gram tagger, with weights or without."""
    return any(node.name == f"torch({NGramEncoder.__name__})" for node in model.walk())


def find_ngram_encoder(model: Model) -> NGramEncoder:
    """The window network in the model of a tagger."""
    if not has_windows(model):
        raise ValueError(Errors.F514.format(model=model.name))
    for node in model.walk():
        for module in torch_modules(node):
            if isinstance(module, NGramEncoder):
                return module
    raise ValueError(Errors.F001.format(name=model.name))
