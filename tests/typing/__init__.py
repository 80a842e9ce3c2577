"""Cases for type checkers, run by tests/test_types.py; nothing here is ever executed."""
