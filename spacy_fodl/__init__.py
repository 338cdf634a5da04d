"""spacy-fodl: classic neural sequence models as trainable spaCy components."""

from .about import __version__

__all__ = ["__version__"]
