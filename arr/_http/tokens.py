"""Bearer tokens: exchanged at the token service once for all calls, kept until they expire.

States of the cached token, by the clock on the wall (``exp`` is a time of day, and a laptop that
slept must notice): good; in its last five minutes, when it still serves while one background
request fetches the next; expired, when callers wait for the one that fetches.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from .._account import EMPTY_GUID, Account
from .._results import ARRResult, CallFailed
from .._runtime.workers import Clock, Runner
from .._version import __version__
from .in_flight import Flight, Watch, release
from .replies import Reply, clean, new_correlation, parse_json, parse_retry_after, scrub

if TYPE_CHECKING:
    from .transport import Transport

LIFETIME = 24 * 3600.0  # when the token does not say
EARLY = 5 * 60.0  # this long before its end a token is renewed
PAUSE = 60.0  # between two exchanges, as long as there is a token that serves
USER_AGENT = f"arr-binding/{__version__}"


class Token(NamedTuple):
    """A bearer token: its text, when it ends (wall clock), when it came (monotonic)."""

    text: str
    expires: float
    fetched: float

    def __repr__(self) -> str:
        return f"<Token until {self.expires}>"


class _Exchange:
    """One request to the token service, and the calls that wait for its outcome."""

    def __init__(self) -> None:
        self.token: Token | None = None
        self.failure: CallFailed | None = None
        self.begun = False  # True once a thread is asking; one in the background may begin late
        self.done = False
        self.turns: list[Any] = []


class Tokens:
    """The tokens of one account. Called by workers only."""

    def __init__(self, account: Account, transport: Transport, clock: Clock, watch: Watch,
                 runner: Runner, seconds: float) -> None:
        self._account = account
        self._transport = transport
        self._clock = clock
        self._watch = watch
        self._runner = runner
        self._seconds = seconds  # the limit of a background exchange
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._exchange: _Exchange | None = None
        self._asked = float("-inf")
        if account.access_token is not None:
            self._token = Token(account.access_token, float("inf"), self._asked)

    @property
    def renewable(self) -> bool:
        """Tell whether a refused token can be exchanged for a better one."""
        return self._account.sts_credential is not None

    def secrets(self) -> list[str]:
        """Return what must never be shown."""
        token, credential = self._token, self._account.sts_credential or ""
        key = credential.partition(":")[2] if self._account.id != EMPTY_GUID else ""
        return [credential, key, token.text if token is not None else ""]

    def get(self, flight: Flight) -> tuple[Token, bool]:
        """Return a token that serves, and whether it is an older one, which may be refused.

        Waits for the token service only if there is none.
        """
        token = self._token
        if token is not None:
            now = self._clock.monotonic()
            left = token.expires - self._clock.time()
            if left >= EARLY:
                return token, True
            if left > 0 or now < token.fetched + PAUSE:
                # The second case: an expired token from an exchange a moment ago. Our clock is
                # wrong, or the service's; asking again for every call would not mend that.
                self._renew_in_background(now)
                return token, True
        return self.renew(flight, token), False

    # -- one exchange for all who need it ------------------------------------------------------

    def renew(self, flight: Flight, old: Token | None) -> Token:
        """Return another token than this one, which has ended or was refused."""
        while True:
            with self._lock:
                token = self._token
                if token is not None and token is not old:
                    return token  # another call needed one, too, and has renewed it
                exchange = self._exchange
                if exchange is None:
                    exchange = self._begin()
                # One in the background may be behind this call in the queue of a caller's executor
                # that has a single thread: waiting for it would be for ever.
                leader = not exchange.begun
                exchange.begun = True
            if leader:
                self._run(exchange, flight)
            else:
                self._wait(exchange, flight)
            if exchange.token is not None:
                return exchange.token
            assert exchange.failure is not None
            if leader or exchange.failure.result != ARRResult.Cancelled:
                raise exchange.failure.again()
            # The leader was given up at the end of the process; a stop call, like this, goes on.

    def _wait(self, exchange: _Exchange, flight: Flight) -> None:
        def register(turn: Any) -> None:
            with self._lock:
                if not exchange.done:
                    exchange.turns.append(turn)
                    return
            release(turn)

        flight.wait(register)

    def _renew_in_background(self, now: float) -> None:
        with self._lock:
            if self._exchange is not None or now < self._asked + PAUSE:
                return
            exchange = self._begin()
        self._runner.submit(lambda: self._run_in_background(exchange))

    def _run_in_background(self, exchange: _Exchange) -> None:
        with self._lock:
            if exchange.begun:
                return  # by a call that could not wait
            exchange.begun = True
        flight = Flight(self._clock.monotonic() + self._seconds)
        self._watch.add(flight)
        try:
            self._run(exchange, flight)
        finally:
            self._watch.remove(flight)

    def _begin(self) -> _Exchange:
        self._asked = self._clock.monotonic()
        exchange = self._exchange = _Exchange()
        return exchange

    def _run(self, exchange: _Exchange, flight: Flight) -> None:
        """Ask the token service, and give the outcome to all that wait for it."""
        token: Token | None = None
        failure = CallFailed(ARRResult.Fail, "the token exchange failed unexpectedly")
        try:
            token = self._ask(flight)
        except CallFailed as error:
            failure = error.again()
        finally:
            with self._lock:
                if token is not None:
                    self._token = token
                exchange.token, exchange.failure = token, failure
                exchange.done = True
                self._exchange = None
                turns, exchange.turns = exchange.turns, []
            for turn in turns:
                release(turn)

    def _ask(self, flight: Flight) -> Token:
        account = self._account
        correlation = new_correlation()
        reply = self._transport.send(
            flight, "GET", f"{account.sts_url}/accounts/{account.id}/token", {
                "Authorization": f"Bearer {account.sts_credential}",
                "X-MRC-CV": correlation,
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": USER_AGENT,
            })
        if reply.status != 200:
            raise self._refusal(reply)
        return self._read(reply)

    def _refusal(self, reply: Reply) -> CallFailed:
        code = reply.status
        correlation = clean(scrub(reply.headers.get("MS-CV") or "", self.secrets()))
        if code == 429:
            return CallFailed(ARRResult.TooManyRequests, "the token service asks to slow down",
                              code=code, correlation=correlation,
                              retry_after=parse_retry_after(reply.headers, self._clock.time()))
        if 400 <= code < 500:
            advice = ("account_id is empty: fill it in" if self._account.id == EMPTY_GUID else
                      "check account_id, the credential and account_domain")
            return CallFailed(ARRResult.AuthenticationFailed, "the token service refused the "
                              f"credential of account {self._account.id}; {advice}",
                              code=code, correlation=correlation)
        return CallFailed(ARRResult.Fail, "the token service failed", code=code,
                          correlation=correlation, retryable=code in (502, 503, 504))

    def _read(self, reply: Reply) -> Token:
        document = parse_json(reply.body, "the token service's reply")
        text = document.get("AccessToken") if isinstance(document, dict) else None
        if not isinstance(text, str) or not text or not all("!" <= c <= "~" for c in text):
            raise CallFailed(ARRResult.ProtocolError, "the token service's reply holds no token",
                             code=reply.status)
        expires = _expiry(text)
        if expires is None:
            expires = self._clock.time() + LIFETIME
        return Token(text, expires, self._clock.monotonic())


def _expiry(token: str) -> float | None:
    """Return a JWT's ``exp``, or None if it cannot be read; the service checks its signature."""
    import json
    from binascii import a2b_base64

    parts = token.split(".")
    if len(parts) != 3:
        return None
    payload = parts[1].replace("-", "+").replace("_", "/")
    try:
        claims = json.loads(a2b_base64(payload + "=="))
        if isinstance(claims["exp"], bool):
            return None
        expires = float(claims["exp"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    # Neither NaN nor infinity, nor anything beyond what a clock can show.
    return expires if 0 <= expires < 1e11 else None
