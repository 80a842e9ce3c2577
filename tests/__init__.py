"""Tests of arr."""
