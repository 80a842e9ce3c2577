"""Tests of requests, replies, tokens and connections."""
