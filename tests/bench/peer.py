"""The loopback server as a child process, and what it counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import TracebackType
from typing import Dict, Optional, Type

ACCOUNT = "0b3c1d52-7a1e-4f5e-9a70-6c2f1f0a1b2c"


def compiled_environment() -> Dict[str, str]:
    """Return an environment for a Python whose start is timed: it may keep compiled files.

    An installed package has them, and a benchmark must not time the compiler because an
    environment keeps Python from writing them.
    """
    return {name: value for name, value in os.environ.items()
            if name != "PYTHONDONTWRITEBYTECODE"}


class Peer:
    """The fast server, as a context manager."""

    def __init__(self, token_seconds: float = 86400, certificate: Optional[str] = None) -> None:
        command = [sys.executable, "-m", "tests.bench.server", str(token_seconds)]
        self._process = subprocess.Popen(command + ([certificate] if certificate else []),
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"

    def counts(self, line: str = "") -> Dict[str, float]:
        """Return requests, connections, sts and cpu so far; a line is a command to the server."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        found: Dict[str, float] = json.loads(self._process.stdout.readline())
        return found

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()
