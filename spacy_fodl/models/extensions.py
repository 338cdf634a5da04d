"""Attributes of documents that readers, models and components share."""

from spacy.tokens import Doc

TARGET = "fodl_target"


def add_target_extension() -> None:
    """Register doc._.fodl_target, the text that a document should be turned into."""
    if not Doc.has_extension(TARGET):
        Doc.set_extension(TARGET, default=None)
