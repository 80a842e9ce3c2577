"""Tests that run the samples."""
