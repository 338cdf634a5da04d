"""The arc-standard transition system on batches: torch tensors in and out, with no parameters. Nothing here knows spaCy
or Thinc."""
