"""The one bridge from torch to Thinc."""

from .settings import Free, Kept
from .torch_layer import TorchLayer, flatten, torch_modules

__all__ = ["Free", "Kept", "TorchLayer", "flatten", "torch_modules"]
