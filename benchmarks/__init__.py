"""Benchmarks: python -m benchmarks TASK. Every figure in README comes from a file that these write."""
