"""Plain torch modules: tensors in, tensors out. Nothing here knows spaCy or Thinc."""
