"""The one bridge from torch to Thinc."""

from .settings import Free, Kept
from .torch_layer import TorchLayer, flatten, loss_from_torch, rebuild, tokens_to_torch, torch_modules

__all__ = ["Free", "Kept", "TorchLayer", "flatten", "loss_from_torch", "rebuild", "tokens_to_torch", "torch_modules"]
