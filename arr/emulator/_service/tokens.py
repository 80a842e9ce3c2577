"""Issues and checks access tokens: signed JWTs with an ``exp``, as the service's were."""

from __future__ import annotations

import base64
import json
import os
import re

# Account ids go into the token's payload; see Tokens.issue for why the alphabet matters.
ACCOUNT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

# HS256: the emulator signs for itself only. The real service signed with RS256.
_HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()


def visitor(guid: str) -> str:
    """Return what stands for the account in a ticket: a token for one session's inspector only.

    No account has a colon, so such a token is of no use anywhere else.
    """
    return "inspector:" + guid


class Tokens:
    """Issues and checks the access tokens of one emulator."""

    __slots__ = ("_secret", "_seconds", "_good")

    def __init__(self, seconds: float) -> None:
        self._secret = os.urandom(32)
        self._seconds = seconds
        # The last token that was good, with its claims: clients send the same one in every call,
        # and checking it anew takes 25 % of a GET.
        # One tuple, so that no thread sees half of it; only a token that was verified gets here.
        self._good: tuple[str, str, int] = ("", "", 0)

    def issue(self, account_id: str, now: float) -> str:
        """Return a new token for the account, valid from ``now`` (seconds since the epoch)."""
        claims = {
            "aid": account_id,
            "exp": int(now + self._seconds),
            "iat": int(now),
            "iss": "arr.emulator",
            "jti": os.urandom(8).hex(),
        }
        text = json.dumps(claims, separators=(",", ":")).encode("ascii")
        # The official Python SDK decodes the payload with the standard alphabet, so '-' and '_'
        # must not occur: in ASCII text only '>', '?' and '~' make them, and no claim holds one.
        # Blanks to a multiple of three bytes make padding needless too.
        text += b" " * (-len(text) % 3)
        signed = _HEADER + "." + base64.b64encode(text).decode()
        return signed + "." + self._sign(signed)

    def account_of(self, token: str, now: float) -> str | None:
        """Return the account id of a good token, None for a forged or expired one."""
        good, account_id, expires = self._good
        if not good or not key_matches(token, good):
            signed, _, signature = token.rpartition(".")
            if not key_matches(signature, self._sign(signed)):
                return None
            claims = json.loads(base64.b64decode(signed.partition(".")[2]))
            account_id, expires = str(claims["aid"]), claims["exp"]
            self._good = token, account_id, expires
        return account_id if now < expires else None

    def _sign(self, signed: str) -> str:
        from hmac import digest as hmac_digest  # late: 7 % of the start

        digest = hmac_digest(self._secret, signed.encode("utf-8", "replace"), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def bearer(authorization: str) -> str:
    """Return what follows ``Bearer `` in an Authorization header, else an empty text."""
    scheme, _, value = authorization.partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def key_matches(given: str, key: str) -> bool:
    """Compare an account key, or a signature, in constant time."""
    from hmac import compare_digest

    return compare_digest(given.encode("utf-8", "replace"), key.encode("utf-8"))
