"""Threads, events and operations: knows results, but no calls and no HTTP."""
