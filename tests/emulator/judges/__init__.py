"""Clients that others have written, as judges of the emulator."""
