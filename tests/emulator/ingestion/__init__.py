"""Tests of models and containers."""
