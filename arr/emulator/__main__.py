"""Runs the command line for ``python -m arr.emulator``."""

from ._cli import main

raise SystemExit(main())
