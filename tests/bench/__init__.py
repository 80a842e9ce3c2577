"""Benchmarks: ``python -m tests.bench`` compares the package with its peers in one run."""
