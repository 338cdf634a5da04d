"""The one bridge from torch to Thinc."""

from .torch_layer import TorchLayer

__all__ = ["TorchLayer"]
