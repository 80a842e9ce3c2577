"""Mutated replies for every call: each must end once, with a defined result, and none may hang.

By hand: ``python -m tests.fuzz --count 200000 --seed 7``. The count is shared out among the calls
and the token service. The same seed gives the same replies.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
import time
from collections import Counter
from copy import deepcopy
from typing import Any, Dict, List, Optional

from arr import ARRResult

from .support.fault_server import Request, Wire, reply
from .support.rig import CASE, CASES, Case, Rig, check_message, key_account, static_account

TOKEN_ROUTE = "token"
ROUTES = tuple(case.name for case in CASES) + (TOKEN_ROUTE,)
STATUSES = (100, 101, 103, 199, 200, 201, 202, 204, 205, 206, 300, 302, 304, 400, 401, 403, 404,
            409, 418, 422, 429, 500, 502, 503, 504, 599, 600, 999)
HEADERS = (b"Content-Length: 0", b"Content-Length: 5", b"Content-Length: -1",
           b"Content-Length: 99999999999999999999", b"Content-Length: 1e3",
           b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", b"Connection: close",
           b"Transfer-Encoding: chunked, chunked", b"Content-Encoding: gzip",
           b"Content-Encoding: identity", b"Location: http://127.0.0.1:1/", b"MS-CV: \x00\xff",
           b"Retry-After: 99999999999", b"Retry-After: Wed, 99 Foo", b": empty", b"no colon",
           b" folded", b"\x00: \x00", b"Content-Type: text/html; charset=utf-7",
           b"Set-Cookie: a=b", b"X: " + b"y" * 70_000, b"Trailer: X", b"Upgrade: h2c")
PIECES = (b"\r\n", b"\n", b"\r\n\r\n", b"\x00", b"\xff\xfe", b'"', b"{", b"}", b"[", b"]", b",",
          b":", b"null", b"NaN", b"-Infinity", b"1e999", b"9" * 5000, b"[" * 3000, b'\\ud800',
          b"\\u0000", b"%00", b"HTTP/1.1 200 OK\r\n\r\n", b"0\r\n\r\n", b"5\r\nhello\r\n",
          b"-3\r\nabc\r\n", b"\xc3\x28", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"true", b"''")
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 1e308, 10 ** 40, 65536, "", " ", "x" * 5000, "\x00", "\ud800",
    "../..", "\u202e", "a\r\nb", [], {}, [[]], {"a": {}}, "Ready", "99:99:99", "1.2:3:4.5",
    "-1:00:00", "\u0661\u0662", ["Ready"], "Success", ".", "..", "4:0:0", 55010)


def mutate(body: Any, status: int, random: random.Random) -> bytes:
    """Return a good reply with a few things wrong with it."""
    if isinstance(body, dict) and random.random() < 0.5:
        body = _with_other_values(body, random)
    if random.random() < 0.2:
        status = random.choice(STATUSES)
    data = b"" if body is None else json.dumps(body).encode()
    if random.random() < 0.15:
        data = _in_chunks(data, random)
        raw = reply(data, status, "Transfer-Encoding: chunked", length=False)
    else:
        raw = reply(data, status, "MS-CV: abcdefghijklmnopqrstuv.0")
    for _ in range(random.choice((0, 0, 1, 1, 2, 4))):
        raw = _damage(raw, random)
    return raw


def _with_other_values(body: Dict[str, Any], random: random.Random) -> Dict[str, Any]:
    copy: Any = json.loads(json.dumps(body))
    for _ in range(random.randint(1, 3)):
        inner = copy
        while True:
            keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
            if not keys:
                break
            key = random.choice(keys)
            if isinstance(inner[key], (dict, list)) and inner[key] and random.random() < 0.7:
                inner = inner[key]
                continue
            if isinstance(inner, dict) and random.random() < 0.2:
                del inner[key]
            else:
                inner[key] = deepcopy(random.choice(VALUES))
            break
    found: Dict[str, Any] = copy
    return found


def _in_chunks(data: bytes, random: random.Random) -> bytes:
    out, at = b"", 0
    while at < len(data):
        size = random.randint(1, 40)
        out += b"%x\r\n%s\r\n" % (len(data[at:at + size]), data[at:at + size])
        at += size
    return out + b"0\r\n\r\n"


def _damage(raw: bytes, random: random.Random) -> bytes:
    at = random.randint(0, len(raw))
    to = min(len(raw), at + random.choice((1, 1, 2, 8, 64)))
    kind = random.randrange(7)
    if kind == 0:
        return raw[:at] + bytes([random.randrange(256)]) + raw[at + 1:]
    if kind == 1:
        return raw[:at] + raw[to:]
    if kind == 2:
        return raw[:to] + raw[at:]
    if kind == 3:
        return raw[:at]
    if kind == 4:
        return raw[:at] + random.choice(PIECES) + raw[at:]
    if kind == 5:
        head, end, body = raw.partition(b"\r\n")
        return head + end + random.choice(HEADERS) + b"\r\n" + body
    lines = raw.split(b"\r\n")
    random.shuffle(lines)
    return b"\r\n".join(lines)


class Report:
    """What came of a run."""

    def __init__(self) -> None:
        self.results: Counter[str] = Counter()
        self.operations = 0
        self.hung = 0
        self.undefined: List[str] = []
        self.miscounted = 0

    @property
    def clean(self) -> bool:
        return not (self.hung or self.undefined or self.miscounted)

    def __str__(self) -> str:
        kinds = ", ".join(f"{name} {count}" for name, count in self.results.most_common())
        return (f"{self.operations} operations: {kinds}; hung {self.hung}, undefined "
                f"{len(self.undefined)}, lost or doubled {self.miscounted}")


class _Bugs(logging.Handler):
    """Collects what the package logs: a mutated reply must not make it log an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: List[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def run(route: str, count: int, seed: int, report: Optional[Report] = None) -> Report:
    """Give a call so many mutated replies."""
    report = report or Report()
    chosen = random.Random(f"{seed} {route}")
    current = [b""]

    def answer(wire: Wire, request: Request) -> None:
        wire.send(current[0])
        wire.fin()

    of_token = route == TOKEN_ROUTE
    case: Case = CASE["list" if of_token else route]
    body: Any = {"AccessToken": "a.eyJleHAiOjIxNDc0ODM2NDd9.c"} if of_token else case.body
    status = int(case.good.split(b" ", 2)[1])
    bugs = _Bugs()
    logger = logging.getLogger("arr")
    logger.addHandler(bugs)
    try:
        with Rig(answer, token=answer, account=key_account if of_token else static_account,
                 timeout=(5, 8)) as rig:
            for _ in range(count):
                current[0] = mutate(body, status, chosen)
                _one(rig, case, current[0], report, bugs)
                if of_token:
                    rig.frontend._core.tokens._token = None  # type: ignore[union-attr]
    finally:
        logger.removeHandler(bugs)
    return report


def _one(rig: Rig, case: Case, sent: bytes, report: Report, bugs: _Bugs) -> None:
    completions: List[object] = []
    operation = rig.begin(case)
    operation.completed += completions.append
    begin = time.monotonic()
    rig.settle(operation)
    rig.run_pending()
    report.operations += 1
    context = operation.context
    report.results[str(context.result)] += 1
    report.miscounted += len(completions) != 1
    if context.result == ARRResult.Timeout or time.monotonic() - begin > 6:
        report.hung += 1
        report.undefined.append(f"hung: {sent!r}")
    if bugs.texts or (context.result == ARRResult.Fail and not context.http_response_code):
        report.undefined.append(f"{sent!r}\n{bugs.texts}")
        bugs.texts.clear()
    try:
        check_message(context)
    except AssertionError:
        report.undefined.append(f"message: {context!r}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    begin = time.monotonic()
    report = Report()
    for route in ROUTES:
        run(route, max(1, options.count // len(ROUTES)), options.seed, report)
        print(f"{route}: {report}", flush=True)
    for text in report.undefined[:5]:
        print(text[:2000])
    print(f"seed {options.seed}, {time.monotonic() - begin:.0f} s")
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main())
