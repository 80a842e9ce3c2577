"""State and commands: sessions, ingestions, tokens, throttling, faults. Knows no protocol."""
