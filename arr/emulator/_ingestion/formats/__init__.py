"""Formats of models, one file or a few for each."""
