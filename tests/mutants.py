"""Small mistakes in the package, drawn at random: the tests must notice them.

By hand: ``nice -n 15 python -m tests.mutants --count 150 --seed 7``. Each mutant changes one token
or drops one statement, in a copy of this tree. Tests of the mirrored folder run first, those before
the others whose names are like the file's; then those of the same half of the package, but for
browsers and samples. A mutant that fails none of them survives.
The same seed gives the same mutants. With ``--only`` they are drawn from the paths that begin so.
"""

from __future__ import annotations

import argparse
import ast
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tokenize
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Iterator, NamedTuple, Sequence

if TYPE_CHECKING:
    from typing_extensions import TypeGuard

ROOT = Path(__file__).parent.parent
LIMIT = 600.0  # seconds for a run of tests without a mutant
TOKENS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "+": "-", "-": "+",
          "*": "+", "/": "*", "//": "*", "%": "*", "<<": ">>", ">>": "<<", "&": "|", "|": "&",
          "+=": "-=", "-=": "+=", "and": "or", "or": "and", "not": "", "is": "is not",
          "in": "not in", "True": "False", "False": "True", "break": "continue",
          "continue": "break", "if": "if not", "while": "while not"}
HALVES = {"arr/emulator": ("tests/emulator", "tests/test_pytest_plugin.py"),
          "arr": ("tests/client", "tests/http", "tests/runtime", "tests/hosts",
                  "tests/test_pytest_plugin.py", "tests/test_testing_tools.py",
                  "tests/test_types.py")}
NO_TESTS = 5  # pytest's word for it, where all are slow
LIKEST = 3  # files of tests that run first, of those in the mirrored folder
NEAREST = {**{f"arr/emulator/_{name}/": f"tests/emulator/{name}"
              for name in ("http", "ingestion", "service", "web")},
           "arr/emulator/": "tests/emulator", "arr/_http/": "tests/http",
           "arr/_runtime/": "tests/runtime", "arr/unity/": "tests/hosts",
           "arr/testing.py": "tests", "arr/pytest_plugin.py": "tests", "arr/": "tests/client"}


class Mutant(NamedTuple):
    """One change of one file: the text between two offsets is replaced."""

    path: str
    line: int
    start: int
    end: int
    text: str

    def apply(self, source: str) -> str:
        return source[:self.start] + self.text + source[self.end:]


class Places:
    """A file's text, with offsets for what ``ast`` and ``tokenize`` call places."""

    def __init__(self, source: str) -> None:
        self.lines = source.splitlines(keepends=True)
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line))

    def of_token(self, place: tuple[int, int]) -> int:
        return self._starts[place[0] - 1] + place[1]

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return the offsets of a node, whose columns count bytes."""
        ends = ((node.lineno, node.col_offset),  # type: ignore[attr-defined]
                (node.end_lineno, node.end_col_offset))  # type: ignore[attr-defined]
        start, end = (self.of_token((line, len(self.lines[line - 1].encode()[:column].decode())))
                      for line, column in ends)
        return start, end


def mutants(path: str, source: str) -> list[Mutant]:
    """Return all mutants of a file, some of which are no Python any more."""
    tree, places = ast.parse(source), Places(source)
    kept = [places.span(node) for node in _never_run(tree)]
    found = list(_of_tokens(path, source, places)) + list(_of_statements(path, tree, places))
    return [mutant for mutant in found
            if not any(start <= mutant.start < end for start, end in kept)]


def _of_tokens(path: str, source: str, places: Places) -> Iterator[Mutant]:
    before = ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        text = TOKENS.get(token.string) if token.type in (tokenize.OP, tokenize.NAME) else None
        if token.type == tokenize.NUMBER:
            text = f"({token.string} + 1)"
        stars = token.string == "*" and not (before in ")]" or before[-1].isalnum())
        if text is not None and not stars:
            start, end = places.of_token(token.start), places.of_token(token.end)
            yield Mutant(path, token.start[0], start, end, text)
        before = token.string.strip() or "("


def _of_statements(path: str, tree: ast.Module, places: Places) -> Iterator[Mutant]:
    for node in ast.walk(tree):
        if _can_be_dropped(node):
            yield Mutant(path, node.lineno, *places.span(node), "pass")
        elif isinstance(node, ast.Return) and node.value is not None:
            if not (isinstance(node.value, ast.Constant) and node.value.value is None):
                yield Mutant(path, node.lineno, *places.span(node.value), "None")


def _can_be_dropped(node: ast.AST) -> TypeGuard[ast.stmt]:
    """Say whether a statement is missed by its effect only: no NameError tells of it."""
    if isinstance(node, ast.Assign):
        return all(isinstance(target, (ast.Attribute, ast.Subscript)) for target in node.targets)
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant)
    return isinstance(node, (ast.AugAssign, ast.Delete, ast.Raise))


def _never_run(tree: ast.Module) -> Iterator[ast.AST]:
    """Return annotations and what stands under TYPE_CHECKING."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield node
        for name in ("annotation", "returns"):
            if getattr(node, name, None) is not None:
                yield getattr(node, name)


def _is_python(source: str) -> bool:
    try:
        compile(source, "mutant", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def nearest(path: str) -> tuple[str, ...]:
    """Return the tests of the mirrored folder, those first whose names share the file's words."""
    folder = next(tests for begin, tests in NEAREST.items() if path.startswith(begin))
    words = {word[:4] for word in Path(path).stem.split("_") if word}
    files = sorted((ROOT / folder).glob("test_*.py"), key=lambda file: -sum(
        word[:4] in words for word in file.stem.split("_")[1:]))
    return tuple(file.relative_to(ROOT).as_posix() for file in files)


class Copy:
    """A copy of the tree, in which one mutant at a time lives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "tree"
        ignored = shutil.ignore_patterns(".git", "*.pyc", ".venv*", ".mypy_cache", "build")
        shutil.copytree(ROOT, self.folder, ignore=ignored)
        self.seconds_as_it_is = lru_cache(maxsize=None)(self._seconds_as_it_is)

    def killer(self, mutant: Mutant, source: str) -> str:
        """Return the first test that fails, or nothing."""
        file, near = self.folder / mutant.path, nearest(mutant.path)
        half = next(tests for begin, tests in HALVES.items() if mutant.path.startswith(begin))
        stages = [(near[:LIKEST], near, ()), (near[LIKEST:], near, ()), (half, half, near)]
        for tests, timed, left_out in stages:
            limit = 60.0 + 3.0 * self.seconds_as_it_is(tuple(sorted(timed)))
            file.write_text(mutant.apply(source), encoding="utf-8")
            try:
                failed = self._failed(tests, limit, left_out) if tests else ""
            finally:
                file.write_text(source, encoding="utf-8")
            if failed:
                return failed
        return ""

    def _seconds_as_it_is(self, tests: Sequence[str]) -> float:
        begin = time.monotonic()
        failed = self._failed(tests, LIMIT)
        if failed:
            raise SystemExit(f"without any mutant these tests must pass: {failed}")
        return time.monotonic() - begin

    def _failed(self, tests: Sequence[str], limit: float, left_out: Sequence[str] = ()) -> str:
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-m", "not slow",
                   "-p", "no:cacheprovider", "--ignore-glob=*test_browser*",
                   *(f"--ignore={name}" for name in left_out), *tests]
        # Bytecode is found by the second of a file's time: one mutant could run as another.
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        with subprocess.Popen(command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              start_new_session=True) as process:
            try:
                output, _ = process.communicate(timeout=limit)
            except subprocess.TimeoutExpired:
                return "they hang"
            finally:
                _end_all(process)
        lines = [line for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))]
        if process.returncode in (0, NO_TESTS):
            return ""
        return (lines or output.splitlines() or ["?"])[-1]


def _end_all(process: subprocess.Popen[str]) -> None:
    """End what the tests have started, too: a mutant may have kept it from ending."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (OSError, AttributeError):
        process.kill()


def draw(only: str, count: int, seed: int) -> list[tuple[Mutant, str]]:
    """Return so many mutants, each with its file's text."""
    found: list[tuple[Mutant, str]] = []
    for file in sorted((ROOT / "arr").rglob("*.py")):
        path, source = file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")
        if path.startswith(only):
            found += [(mutant, source) for mutant in mutants(path, source)]
    random.Random(seed).shuffle(found)
    good = (each for each in found if _is_python(each[0].apply(each[1])))
    return list(islice(good, count))


def main() -> None:
    """Draw mutants, try each, and say which were left alive."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="arr/", help="the beginning of the paths to draw from")
    options = parser.parse_args()
    drawn, killed = draw(options.only, options.count, options.seed), 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Copy(Path(folder))
        for number, (mutant, source) in enumerate(drawn, 1):
            begin = time.monotonic()
            killer = copy.killer(mutant, source)
            killed += bool(killer)
            before = " ".join(source[mutant.start:mutant.end].split())
            line = source.splitlines()[mutant.line - 1].strip()
            print(f"{number}. {mutant.path}:{mutant.line}: {before!r} -> {mutant.text!r} in: {line}"
                  f"\n    {killer or 'SURVIVES'} ({time.monotonic() - begin:.0f} s)", flush=True)
    print(f"{killed} of {len(drawn)} killed")


if __name__ == "__main__":
    main()
