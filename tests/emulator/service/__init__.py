"""Tests of sessions, ingestions, tokens and faults."""
