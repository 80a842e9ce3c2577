"""The token service: who gets a token, what it looks like, who is let in with it."""

from __future__ import annotations

import base64
import hmac
import json

import pytest

from arr.emulator import Emulator
from arr.emulator._service.tokens import Tokens

from ...support.emulator import Client, Clock

OTHER = "11111111-2222-4333-8444-555555555555"


def ask(client: Client, authorization: str, path: str = "") -> int:
    headers = {"Authorization": authorization} if authorization else {}
    return client.send("GET", path or f"/accounts/{client.account_id}/token",
                       headers=headers).status


def test_a_token_is_a_jwt_whose_payload_decodes_with_the_standard_alphabet(
        client: Client, clock: Clock) -> None:
    for _ in range(200):
        client.forget_token()
        header, payload, signature = client.token.split(".")
        assert len(payload) % 4 == 0 and not set("-_=") & set(payload)
        claims = json.loads(base64.b64decode(payload, validate=True))
        assert claims["exp"] == clock.now + 86_400
        assert json.loads(base64.urlsafe_b64decode(header + "=="))["typ"] == "JWT"
        assert signature


def test_a_payload_needs_no_padding_whatever_the_length_of_the_account_id(
        emulator: Emulator) -> None:
    for length in range(1, 7):
        emulator.add_account("a" * length, "key")
        with Client(emulator, "a" * length, "key") as client:
            assert "=" not in client.token and len(client.token.split(".")[1]) % 4 == 0
            assert client.call("GET", "/sessions").status == 200


def test_the_scheme_and_the_case_of_ids_do_not_matter(client: Client) -> None:
    mine = f"{client.account_id}:{client.account_key}"
    assert ask(client, f"bearer {mine}") == 200
    assert ask(client, f"Bearer {client.account_id.upper()}:{client.account_key}") == 200
    path = f"/ACCOUNTS/{client.account_id.upper()}/Token/?api-version=1"
    assert ask(client, f"Bearer {mine}", path) == 200


@pytest.mark.parametrize("authorization", [
    "", "Bearer", "Bearer ", "Basic {A}:{K}", "Bearer {A}:", "Bearer :{K}", "Bearer {A}",
    "Bearer {A}:{K}x", "Bearer {A}:x{K}", "Bearer " + OTHER + ":{K}", "Bearer \xe9:\xff",
    "Bearer eyJhbGciOiJub25lIn0.e30.",
])
def test_a_wrong_credential_is_401_with_an_empty_body(client: Client, authorization: str) -> None:
    text = authorization.replace("{A}", client.account_id).replace("{K}", client.account_key)
    answer = client.send("GET", f"/accounts/{client.account_id}/token",
                         headers={"Authorization": text})
    assert (answer.status, answer.body) == (401, b"")
    assert answer.headers["MS-CV"]


def test_the_requests_say_why_a_caller_was_refused(emulator: Emulator, client: Client) -> None:
    mine = f"{client.account_id}:{client.account_key}"
    for given in ("", "Bearer x", f"Bearer x:{client.account_key}", f"Bearer {mine}x"):
        ask(client, given)
    ask(client, "Bearer " + mine, "/accounts/x/token")
    sessions = client.prefix + "/sessions"
    ask(client, "", sessions)
    ask(client, "Bearer x", sessions)
    ask(client, "Bearer " + client.token, "/v1/accounts/x/sessions")
    assert [each["reason"] for each in emulator.requests() if each["status"] == 401] == [
        "the header 'Authorization: Bearer <account id>:<account key>' is missing",
        "authentication tokens are not supported; start the emulator with "
        "accept_authentication_token to allow them",
        "the account id of the header is not the one of the path", "the account key is wrong",
        "there is no such account",
        "the header 'Authorization: Bearer <access token>' is missing",
        "the access token is forged or has expired; ask for a new one",
        "the access token belongs to another account"]


def test_an_unknown_account_is_401_not_404(client: Client) -> None:
    assert ask(client, f"Bearer {OTHER}:{client.account_key}", f"/accounts/{OTHER}/token") == 401


def test_a_key_may_hold_colons() -> None:
    with Emulator(account_key="a:b:c=") as emulator, Client(emulator) as client:
        assert client.token
        assert ask(client, f"Bearer {emulator.account_id}:a:b:c") == 401


def test_an_authentication_token_is_exchanged_only_when_allowed(client: Client) -> None:
    assert ask(client, "Bearer eyJ.some.token") == 401
    with Emulator(accept_authentication_token=True) as emulator, Client(emulator) as willing:
        assert ask(willing, "Bearer eyJ.some.token") == 200
        assert ask(willing, f"Bearer {emulator.account_id}:wrong") == 401
        assert ask(willing, "") == ask(willing, "Bearer ") == 401


def test_each_account_has_its_own_limit_of_tokens(emulator: Emulator, client: Client) -> None:
    emulator.add_account("Other", "key")
    emulator.throttle(1)
    mine, other = f"Bearer {client.account_id}:{client.account_key}", "Bearer other:key"
    assert [ask(client, mine), ask(client, mine)] == [200, 429]
    assert ask(client, other, "/accounts/OTHER/token") == 200
    assert [each["account_id"] for each in emulator.requests()] == [
        client.account_id, client.account_id, "Other"]


def test_a_token_that_was_good_is_not_signed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens(60.0)
    token = tokens.issue("a", 0.0)
    assert tokens.account_of(token, 0.0) == "a"

    def refuse(*_: object) -> bytes:
        raise AssertionError("it takes a quarter of a GET")

    monkeypatch.setattr(hmac, "digest", refuse)
    assert (tokens.account_of(token, 59.9), tokens.account_of(token, 60.0)) == ("a", None)


def status_with(client: Client, token: str) -> int:
    return client.send("GET", client.prefix + "/sessions",
                       headers={"Authorization": "Bearer " + token} if token else {}).status


def test_a_call_without_token_or_with_a_forged_one_is_401(client: Client) -> None:
    header, payload, signature = client.token.split(".")
    claims = json.loads(base64.b64decode(payload))
    claims["exp"] += 1_000_000
    longer = base64.b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    none = base64.b64encode(b'{"alg":"none"}').decode().rstrip("=")
    assert status_with(client, client.token) == 200
    for forged in ("", "x", "..", "a.b", f"{header}.{longer}.{signature}", f"{none}.{payload}.",
                   f"{header}.{payload}.", f"{header}.{payload}.{signature[::-1]}",
                   client.token + "x", "\xff.\xff.\xff"):
        assert status_with(client, forged) == 401, forged


def test_a_token_ends_when_the_clock_says_so(client: Client, clock: Clock) -> None:
    assert status_with(client, client.token) == 200
    clock.advance(86_399)
    assert status_with(client, client.token) == 200
    clock.advance(1)
    assert status_with(client, client.token) == 401
    client.forget_token()
    assert status_with(client, client.token) == 200


def test_a_token_of_another_account_or_emulator_is_401(emulator: Emulator, client: Client) -> None:
    emulator.add_account(OTHER, "another-key")
    with Client(emulator, OTHER, "another-key") as other:
        assert status_with(client, other.token) == 401
        assert status_with(other, other.token) == 200
    with Emulator() as stranger, Client(stranger) as elsewhere:
        assert status_with(client, elsewhere.token) == 401


def test_a_restart_keeps_tokens_sessions_and_the_port(emulator: Emulator, client: Client) -> None:
    session_id, url = client.create(), emulator.url
    emulator.stop()
    emulator.start()
    assert emulator.url == url
    client.connection.close()
    assert client.status(session_id) == "Starting"


def test_the_key_is_in_no_repr_and_no_state(emulator: Emulator, client: Client) -> None:
    client.create()
    shown = repr(emulator) + json.dumps(emulator.state()) + json.dumps(emulator.requests())
    assert emulator.account_key not in shown and client.token not in shown
    assert client.token.split(".")[1] not in shown


@pytest.mark.parametrize("account_id, key", [
    ("a/b", "k"), ("", "k"), ("a", ""), ("a", "k\n"), ("a", "k k"), ("a", "\xe9"), ("a~", "k")])
def test_an_account_that_cannot_work_is_refused(account_id: str, key: str) -> None:
    with pytest.raises(ValueError):
        Emulator(account_id=account_id, account_key=key)
