"""Tests of sockets and HTTP."""
