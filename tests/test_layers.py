"""The layers of the package: a file imports only from the rows below its own, or from its left."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple

import pytest

import arr

PACKAGE = Path(arr.__file__).parent

# From the bottom up. Within a row, a file may import from those on its left: no cycles.
ROWS = (
    ("_version", "_fields", "_results", "_event", "_workers", "_exit", "_gate", "_dispatcher"),
    ("_entries", "_task", "_async", "_slots", "_models", "_routes", "_account", "_replies",
     "_flights"),
    ("_connections", "_transport"),
    ("_tokens",),
    ("_calls",),
    ("_polling", "_inspector"),
    ("_session",),
    ("_frontend", "_remote_manager"),
    ("__init__",),
    ("cpp", "testing", "_schedule", "_unity_events", "unity", "pytest_plugin"),
)
HEIGHT = {name: (row, column) for row, names in enumerate(ROWS)
          for column, name in enumerate(names)}
FILES = sorted(PACKAGE.glob("*.py"))
EMULATOR = sorted((PACKAGE / "emulator").glob("*.py"))


def _name(path: Path) -> str:
    return path.stem


def _full_name(path: Path) -> str:
    return f"{path.parent.name}.{path.stem}"


class Import(NamedTuple):
    """One import statement: the module named, as ``arr._event`` or ``requests``."""

    module: str
    line: int
    typing_only: bool
    deferred: bool  # inside a function: it runs when that is called


def imports(path: Path, package: str) -> List[Import]:
    return list(_walk(ast.parse(path.read_text("utf-8")), package, False, False))


def _walk(node: ast.AST, package: str, typing_only: bool, deferred: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, node.lineno, typing_only, deferred)
    elif isinstance(node, ast.ImportFrom):
        parents = package.split(".")
        base = ".".join(parents[:len(parents) - node.level + 1]) if node.level else ""
        if node.module:
            yield Import(".".join(filter(None, (base, node.module))), node.lineno, typing_only,
                         deferred)
        else:  # from . import _routes
            for alias in node.names:
                yield Import(f"{base}.{alias.name}", node.lineno, typing_only, deferred)
    elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        for statement in node.body:
            yield from _walk(statement, package, True, deferred)
        for statement in node.orelse:
            yield from _walk(statement, package, typing_only, deferred)
    else:
        inside = deferred or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for child in ast.iter_child_nodes(node):
            yield from _walk(child, package, typing_only, inside)


def _inner(module: str) -> str:
    """Return the name of one of our files that a module is, or nothing."""
    if module == "arr" or (module.startswith("arr.") and module.split(".")[1] not in HEIGHT):
        return "__init__"
    return module.split(".")[1] if module.startswith("arr.") else ""


def test_every_file_of_the_package_has_its_layer() -> None:
    assert sorted(path.stem for path in FILES) == sorted(HEIGHT)


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_file_imports_only_from_lower_layers(path: Path) -> None:
    row, column = HEIGHT[path.stem]
    wrong = []
    for found in imports(path, "arr"):
        name = _inner(found.module)
        if name and not found.typing_only and name != "emulator":
            other_row, other_column = HEIGHT[name]
            if (other_row, other_column) >= (row, column):
                wrong.append(f"{path.name}:{found.line} imports {found.module}")
    assert not wrong


@pytest.mark.parametrize("path", FILES + EMULATOR, ids=_full_name)
def test_only_the_transport_imports_requests_and_its_connections_urllib3(path: Path) -> None:
    """In the client, that is; the emulator may reach Blob containers with them."""
    found = {each.module.split(".")[0] for each in imports(path, "arr")}
    if path == PACKAGE / "_transport.py":
        assert {"requests", "urllib3"} <= found
    elif path == PACKAGE / "_connections.py":
        assert "urllib3" in found and "requests" not in found
    elif path.parent == PACKAGE:
        assert not found & {"requests", "urllib3"}


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_transport_and_emulator_are_imported_within_functions_only(path: Path) -> None:
    for found in imports(path, "arr"):
        if found.module in ("arr._transport", "arr._connections", "arr.emulator"):
            allowed = path.name == "_transport.py"  # which is itself imported late
            assert allowed or found.deferred or found.typing_only, f"line {found.line}"


@pytest.mark.parametrize("path", EMULATOR, ids=_name)
def test_emulator_imports_nothing_from_the_client(path: Path) -> None:
    for found in imports(path, "arr.emulator"):
        inside = found.module == "arr.emulator" or found.module.startswith("arr.emulator.")
        assert inside or not found.module.split(".")[0] == "arr", f"line {found.line}"


@pytest.mark.parametrize("path", FILES + EMULATOR, ids=_full_name)
def test_file_has_at_most_400_lines(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400


def test_the_walk_sees_what_it_must_see(tmp_path: Path) -> None:
    source = tmp_path / "_example.py"
    source.write_text("import requests.adapters\nfrom . import _calls\nfrom ._event import Event\n"
                      "from .emulator import Emulator\nif TYPE_CHECKING:\n"
                      "    from ._async import x\n"
                      "def f():\n    from ._transport import Transport\n", "utf-8")
    found: Dict[str, Import] = {each.module: each for each in imports(source, "arr")}
    assert set(found) == {"requests.adapters", "arr._calls", "arr._event", "arr.emulator",
                          "arr._async", "arr._transport"}
    assert found["arr._async"].typing_only and found["arr._transport"].deferred
