"""What the looks into recurrent networks share: finding the encoder in a model, and what one of its layers reads."""

import contextlib
import copy
from typing import Any, List, Literal, Tuple, cast

import torch
from spacy.tokens import Doc
from thinc.api import Model
from torch import Tensor, nn

from ..errors import Errors
from ..layers import torch_modules
from ..models.words import are_words
from ..modules.rnn import CELLS, RNNEncoder, RNNPooling
from ..modules.seq2seq import Seq2Seq
from ..modules.skipthought import SkipThought
from .reading import check_readable

END = "(end)"


class Read(Exception):
    """The encoder has got what it reads."""


Direction = Literal["forward", "backward"]


def find_encoders(model: Model) -> List[RNNEncoder]:
    """The recurrent encoders that read documents in a model: one in its tok2vec, for example, and one above that.

    model (Model): A Thinc model, such as that of a component.
    RETURNS (List[RNNEncoder]): At least one.
    RAISES (ValueError): If there is none (F501), or one has no weights yet (F001).
    """
    found = []
    for node in model.walk():
        if is_recurrent(node):
            encoders = [
                part for module in torch_modules(node) for part in module.modules() if isinstance(part, RNNEncoder)
            ]
            if not encoders:
                raise ValueError(Errors.F001.format(name=node.name))
            # Behind the first come decoders.
            found.append(encoders[0])
    if not found:
        raise ValueError(Errors.F501.format(model=model.name))
    return found


def has_encoder(model: Model) -> bool:
    """Whether there is a recurrent encoder in a model, with weights or without."""
    return any(is_recurrent(node) for node in model.walk())


def is_recurrent(node: Model) -> bool:
    """Whether a node is a recurrent layer of ours."""
    # A layer without weights has no module yet, but bears its name.
    return node.name in [f"torch({module.__name__})" for module in (RNNEncoder, RNNPooling, Seq2Seq, SkipThought)]


def read_vectors(model: Model, doc: Doc, which: int = 0) -> Tuple[RNNEncoder, Tensor, List[str]]:
    """What the encoder of a model gets to read of a document.

    model (Model): A model over documents that holds a recurrent encoder. Behind a listener the document must have
        passed the component that is listened to.
    doc (Doc): The document.
    which (int): Which encoder, if there are several, as find_encoders has them.
    RETURNS (Tuple[RNNEncoder, Tensor, List[str]]): The encoder; the vectors, *shape* (tokens, width); and the texts of
        these tokens, fewer than in the document where the model truncates, or reads no white space.
    RAISES (ValueError): If the model holds no encoder (F501) or not so many (F509), has no weights (F001), or reads
        nothing of the document (F504), also since another component has to be first (F209).
    """
    encoders = find_encoders(model)
    if which not in range(len(encoders)):
        raise ValueError(Errors.F509.format(argument="encoder", value=which, expected=f"from 0 to {len(encoders) - 1}"))
    encoder = encoders[which]
    check_readable(model, doc)
    seen: List[Tensor] = []

    def keep(module: nn.Module, inputs: Tuple[Any, ...]) -> None:
        seen.append(inputs[0].detach())
        # What comes after it, such as the search of a translator, may take long.
        raise Read

    hook = encoder.register_forward_pre_hook(keep)
    try:
        with contextlib.suppress(Read):
            model.predict([doc])
    finally:
        hook.remove()
    if not seen:
        raise ValueError(Errors.F504)
    read = [doc[i].text for i in read_tokens(model, encoder, doc)]
    # A translator reads the end of its source too.
    return encoder, seen[0], [*read, *[END] * (len(seen[0]) - len(read))]


def read_tokens(model: Model, encoder: RNNEncoder, doc: Doc) -> List[int]:
    """The places of the tokens that an encoder reads of a document: a classifier may truncate, and a translator reads
    no white space."""
    places = torch.arange(len(doc), device="cpu")
    for node in model.walk():
        for module in torch_modules(node):
            if isinstance(module, RNNPooling) and module.encoder is encoder:
                places, _ = module.truncated(places, torch.tensor([len(doc)], device="cpu"))
            elif isinstance(module, Seq2Seq) and module.encoder is encoder:
                places = places[torch.from_numpy(are_words([doc])[0])]
    return cast(List[int], places.tolist())


def layer_inputs(
    encoder: RNNEncoder, vectors: Tensor, layer: int = 0, direction: Direction = "forward"
) -> Tuple[nn.RNNBase, Tensor]:
    """One direction of one layer, and what it reads. Both are copies in double precision on the CPU: gradients over
    many tokens leave the range of single precision.

    encoder (RNNEncoder): The encoder.
    vectors (Tensor): The vectors of one document. *Shape:* (tokens, n_in)
    layer (int): Which layer, from 0.
    direction (str): "forward" or "backward".
    RETURNS (Tuple[nn.RNNBase, Tensor]): The layer and its inputs in the order in which it reads them, *shape*
        (tokens, width of the layer below).
    RAISES (ValueError): If the encoder has no such layer or direction (F503).
    """
    directions = ("forward", "backward")[: encoder.directions]
    if layer not in range(len(encoder.layers)) or direction not in directions:
        raise ValueError(
            Errors.F503.format(
                layer=layer, direction=direction, last=len(encoder.layers) - 1, directions=" and ".join(directions)
            )
        )
    layers: Any = copy.deepcopy(encoder.layers).cpu().double()
    X = vectors.detach().cpu().double()
    with torch.no_grad():
        for there, *back in layers[:layer]:
            X = torch.cat([there(X)[0], *(cell(X.flip(0))[0].flip(0) for cell in back)], dim=1)
    is_forward = direction == "forward"
    return layers[layer][directions.index(direction)], X if is_forward else X.flip(0)


def cell_name(cell: nn.RNNBase) -> str:
    """Its key in CELLS."""
    return next(name for name, module in CELLS.items() if type(cell) is module)
