"""The layers: a file imports from its own wing and from wings below it, and nowhere in a circle.

Imports for types count as all others do: they tie a reader just as well.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Set

import pytest

import arr

ROOT = Path(arr.__file__).parent.parent

# From the bottom up; a folder stands for all files in it.
CLIENT = ("_version _fields _results", "_runtime", "_params _models _routes _account", "_http",
          "_core", "_calls", "_polling _inspector", "_session", "_frontend _remote_manager",
          "__init__", "cpp testing unity", "pytest_plugin")
EMULATOR = ("_clock _arguments", "_http _ingestion", "_service", "_web", "_emulator",
            "__init__ _cli __main__")
HEIGHT = {f"{half}.{wing}": row for half, rows in (("arr", CLIENT), ("arr.emulator", EMULATOR))
          for row, wings in enumerate(rows) for wing in wings.split()}

# Parents and children that name each other, in types only: (the one that is made later, its maker).
PAIRS = {("arr._runtime.operation", "arr._runtime.future"),
         ("arr._session", "arr._frontend"),
         ("arr.unity._events", "arr.unity._component")}


class Import(NamedTuple):
    """One import statement: the module named, as ``arr._runtime.events`` or ``requests``."""

    module: str
    line: int
    typing_only: bool
    deferred: bool  # inside a function: it runs when that is called


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


FILES = {_module(path): path for path in sorted((ROOT / "arr").rglob("*.py"))}


def imports(source: str, module: str) -> List[Import]:
    """Return the imports of a file; ``module`` is its name, as ``arr.unity.__init__``."""
    return list(_walk(ast.parse(source), module.split("."), False, False))


def _walk(node: ast.AST, module: List[str], typing_only: bool, deferred: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, node.lineno, typing_only, deferred)
    elif isinstance(node, ast.ImportFrom):
        base = module[:len(module) - node.level] if node.level else []
        name = ".".join(base + (node.module.split(".") if node.module else []))
        for alias in node.names:  # from . import _routes: a file; else something in one
            inner = f"{name}.{alias.name}"
            known = inner in FILES or f"{inner}.__init__" in FILES
            yield Import(inner if known else name, node.lineno, typing_only, deferred)
    elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        for statement in node.body:
            yield from _walk(statement, module, True, deferred)
        for statement in node.orelse:
            yield from _walk(statement, module, typing_only, deferred)
    else:
        inside = deferred or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for child in ast.iter_child_nodes(node):
            yield from _walk(child, module, typing_only, inside)


def _ours(found: Import) -> str:
    """Return the name of the file of ours that an import names, or nothing."""
    return found.module if found.module in FILES else (
        f"{found.module}.__init__" if f"{found.module}.__init__" in FILES else "")


IMPORTS = {name: imports(path.read_text("utf-8"), name) for name, path in FILES.items()}


def _wing(name: str) -> str:
    depth = 3 if name.startswith("arr.emulator.") else 2
    return ".".join(name.split(".")[:depth])


def test_every_file_has_its_wing() -> None:
    assert {_wing(name) for name in FILES} == set(HEIGHT)


def test_nothing_is_imported_from_a_wing_above() -> None:
    wrong = [f"{name}:{found.line} imports {found.module}"
             for name, all_imports in IMPORTS.items() for found in all_imports
             if _wing(_ours(found)) in HEIGHT and _half(name) == _half(_ours(found))
             and HEIGHT[_wing(_ours(found))] > HEIGHT[_wing(name)]
             and (name, _ours(found)) not in PAIRS]
    assert not wrong


def _half(name: str) -> str:
    return "emulator" if name.startswith("arr.emulator.") else "client"


def test_there_is_no_circle_of_imports() -> None:
    assert _circles({name: {_ours(found) for found in all_imports} - {"", name}
                     for name, all_imports in IMPORTS.items()}) == {}


def _circles(graph: Dict[str, Set[str]]) -> Dict[str, Set[str]]:
    """Return what is left once all are taken away that import nobody who is left."""
    left = {name: {other for other in others if (name, other) not in PAIRS}
            for name, others in graph.items()}
    while True:
        free = [name for name, others in left.items() if not others & set(left)]
        if not free:
            return left
        for name in free:
            del left[name]


@pytest.mark.parametrize("pair", sorted(PAIRS), ids=str)
def test_a_pair_names_each_other_in_types_only(pair: tuple[str, str]) -> None:
    upwards = [found for found in IMPORTS[pair[0]] if _ours(found) == pair[1]]
    assert upwards and all(found.typing_only or found.deferred for found in upwards)


def test_the_two_halves_do_not_know_each_other() -> None:
    """Not even a constant: else both could be wrong in the same way. Only tools start a service."""
    across = {name for name, all_imports in IMPORTS.items() for found in all_imports
              if _ours(found) and _half(name) != _half(_ours(found))}
    assert across <= {"arr.pytest_plugin"}


def test_only_the_http_folders_import_requests_and_urllib3() -> None:
    users = {name for name, all_imports in IMPORTS.items() for found in all_imports
             if found.module.split(".")[0] in ("requests", "urllib3")}
    blobs = "arr.emulator._ingestion.containers.blob_requests"
    assert users == {"arr._http.transport", "arr._http.connections", blobs,
                     blobs.replace("blob_requests", "local_names")}


def test_what_loads_slowly_is_imported_within_functions_only() -> None:
    slow = {"arr._http.transport", "arr._http.connections", "arr.emulator.__init__"}
    early = {name for name, all_imports in IMPORTS.items() for found in all_imports
             if _ours(found) in slow and _half(name) == "client"
             and not (found.deferred or found.typing_only)}
    assert early == {"arr._http.transport"}  # which is itself imported late


@pytest.mark.parametrize("name", FILES)
def test_file_has_at_most_400_lines(name: str) -> None:
    assert len(FILES[name].read_text("utf-8").splitlines()) <= 400


def test_the_walk_sees_what_it_must_see() -> None:
    found = {each.module: each for each in imports(
        "import requests.adapters\nfrom .. import _calls\nfrom .._fields import Alias\n"
        "from ..emulator import Emulator\nif TYPE_CHECKING:\n    from .operation import IAsync\n"
        "def f():\n    from .._http.transport import Transport\n", "arr._runtime.example")}
    assert set(found) == {"requests.adapters", "arr._calls", "arr._fields", "arr.emulator",
                          "arr._runtime.operation", "arr._http.transport"}
    assert found["arr._runtime.operation"].typing_only and found["arr._http.transport"].deferred


def test_a_turned_import_is_a_circle() -> None:
    assert _circles({"a": {"b"}, "b": {"c"}, "c": set(), "d": {"a"}}) == {}
    assert set(_circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": set()})) == {"a", "b", "c"}
