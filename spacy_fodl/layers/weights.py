"""Weights of a torch module as safetensors with a JSON header: nothing in the file can run code."""

import json
from typing import Any, Dict, Tuple

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor, nn

FORMAT = 1
HEADER = "spacy_fodl"


def named_tensors(module: nn.Module) -> Dict[str, Tensor]:
    """The parameters and persistent buffers of a module by name, tied ones once."""
    persistent = module.state_dict().keys()
    tensors: Dict[str, Tensor] = dict(module.named_parameters())
    tensors.update((name, buffer) for name, buffer in module.named_buffers() if name in persistent)
    return tensors


def dump_weights(module: nn.Module, arguments: Dict[str, Any]) -> bytes:
    """Serialize a module. The header goes into the metadata of the safetensors file, so any safetensors tool reads it.

    module (nn.Module): The module.
    arguments (Dict[str, Any]): The constructor arguments that rebuild it, as JSON can hold them.
    RETURNS (bytes): The content of a safetensors file.
    """
    header = {"format": FORMAT, "module": type(module).__name__, "arguments": arguments}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in named_tensors(module).items()}
    return safetensors.torch.save(tensors, metadata={HEADER: json.dumps(header, sort_keys=True)})


def parse_weights(data: bytes) -> Tuple[Dict[str, Any], Dict[str, Tensor]]:
    """Read what dump_weights wrote.

    data (bytes): The content of a safetensors file.
    RETURNS (Tuple[Dict[str, Any], Dict[str, Tensor]]): The header and the tensors, on the CPU.
    RAISES (ValueError): If the data is truncated, damaged or has no header of ours.
    """
    try:
        tensors = safetensors.torch.load(data)
    except (SafetensorError, KeyError) as e:
        raise ValueError(f"it is not a complete safetensors file ({e})") from e
    # The layout of the format: a little-endian length of 8 bytes, then that many bytes of JSON, then the tensors.
    length = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    if HEADER not in metadata:
        raise ValueError(f"it has no '{HEADER}' entry in its metadata, so it was not written by spacy-fodl")
    header = json.loads(metadata[HEADER])
    kinds = {"format": int, "module": str, "arguments": dict}
    if not isinstance(header, dict) or not all(isinstance(header.get(key), kind) for key, kind in kinds.items()):
        raise ValueError(f"its header is damaged: {metadata[HEADER][:80]}")
    return header, tensors
