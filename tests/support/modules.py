"""Which modules a program brings into an interpreter."""

from __future__ import annotations

import subprocess
import sys
from typing import Set

from .threads import LIMIT, ROOT

_PRELUDE = """import sys
sys.path.append({root!r})
before = set(sys.modules)
"""


def modules_added(program: str) -> Set[str]:
    """Run a program in an interpreter with nothing else in it; return what it has imported.

    Nothing else: no site-packages. The files with code that lie there (an editable install has
    one) import modules, too, which would be taken for the program's, or hide that it needs them.
    """
    code = _PRELUDE.format(root=str(ROOT)) + program + "\nprint(*set(sys.modules) - before)"
    found = subprocess.run([sys.executable, "-ISc", code], capture_output=True, text=True,
                           timeout=LIMIT * 3)
    assert (found.returncode, found.stderr) == (0, ""), found.stderr
    return set(found.stdout.split())
