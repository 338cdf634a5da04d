"""Readers, scorers, loggers and callbacks that a config can name."""
