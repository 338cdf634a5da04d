"""What the components of a pipeline do with a text, as a page of pictures."""

from .pipelines import explain

__all__ = ["explain"]
