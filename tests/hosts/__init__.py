"""Tests inside hosts: asyncio, tkinter, frame loops, Unity's component."""
