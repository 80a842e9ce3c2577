"""What the service knows and does: sessions, ingestions, tokens, faults. No text of the wire."""
