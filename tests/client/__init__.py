"""Tests of the frontend, sessions, waits and all that users call."""
