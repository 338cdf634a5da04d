"""Registered architectures: Thinc models around the torch modules."""
