"""Tests of threads, events and operations."""
