"""The account: what is refused and how it is told, hosts, the copy, and plain http."""

from __future__ import annotations

import traceback

import pytest

from arr import (
    ARRResult, AzureFrontend, AzureFrontendAccountInfo, RRException, SessionLocation,
)
from arr._account import EMPTY_GUID, Account, is_loopback

from ..support.fault_server import FaultServer
from ..support.rig import (
    ACCESS_TOKEN, ACCOUNT_ID, CASE, KEY, Rig, check_secrets, finish, good, key_account,
    static_account,
)

IGNORE = SessionLocation.ignore


def shown(value: object) -> str:
    try:
        return repr(value)
    except AttributeError:
        return ""  # a frontend half made


def refused(info: AzureFrontendAccountInfo) -> str:
    """Build a frontend that must be refused; return the message, which holds no secret."""
    with pytest.raises(RRException) as caught:
        AzureFrontend(info)
    assert caught.value.error_code == ARRResult.InvalidParam
    error = caught.value
    text = str(error)
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_globals["__name__"].startswith("arr"):
            text += "".join([shown(value) for value in frame.f_locals.values()])
    assert KEY.strip("=") not in text and ACCESS_TOKEN not in text
    return str(error)


def test_no_credential_says_what_to_fill() -> None:
    for info in (AzureFrontendAccountInfo(), AzureFrontendAccountInfo(account_id=ACCOUNT_ID),
                 AzureFrontendAccountInfo(account_key="  \n")):
        text = refused(info)
        assert "account_key" in text and "authentication_token" in text and "access_token" in text


@pytest.mark.parametrize("fields", [
    ("account_key", "authentication_token"), ("account_key", "access_token"),
    ("authentication_token", "access_token"),
    ("account_key", "authentication_token", "access_token")])
def test_more_than_one_credential_is_refused_and_named(fields: tuple[str, ...]) -> None:
    info = AzureFrontendAccountInfo(account_id=ACCOUNT_ID)
    for field in fields:
        setattr(info, field, KEY)
    text = refused(info)
    assert all(field in text for field in fields)


def test_a_key_without_an_account_id_is_refused_a_token_is_not() -> None:
    for account_id in (EMPTY_GUID, "", "  "):
        assert "account_id" in refused(AzureFrontendAccountInfo(account_id=account_id,
                                                                account_key=KEY))
        AzureFrontend(AzureFrontendAccountInfo(account_id=account_id, access_token=ACCESS_TOKEN))
        AzureFrontend(AzureFrontendAccountInfo(authentication_token=ACCESS_TOKEN))


@pytest.mark.parametrize("damage", ["\n", "\r\n", "\x00", " ", "\t", "\u00e4", "\u2028", "\x7f",
                                    "\ud800", "\u00a0"])
@pytest.mark.parametrize("field", ["account_key", "authentication_token", "access_token"])
def test_a_credential_with_other_characters_is_refused_without_being_shown(
        field: str, damage: str) -> None:
    info = AzureFrontendAccountInfo(account_id=ACCOUNT_ID)
    setattr(info, field, KEY[:10] + damage + KEY)
    assert field in refused(info)


def test_white_space_around_pasted_values_is_cut() -> None:
    with FaultServer(good) as server:
        info = AzureFrontendAccountInfo(f" {server.url}/\n", f"\t{ACCOUNT_ID} ", f"\r\n {KEY}\n",
                                        location=IGNORE)
        frontend = AzureFrontend(info)
        assert finish(frontend.get_current_rendering_sessions_async()).result == ARRResult.Success
        request = server.token_requests[0]
        assert request.headers["authorization"] == f"Bearer {ACCOUNT_ID}:{KEY}"
        assert frontend.account_domain == server.url


@pytest.mark.parametrize("account_id", ["a:b", "a/b", "..", ".", "a?b", "a#b", "a%2e", "a b",
                                        "a\nb", "\u00e4", "a\x00", "../../other"])
def test_an_account_id_that_would_change_the_path_is_refused(account_id: str) -> None:
    assert "account_id" in refused(AzureFrontendAccountInfo(account_id=account_id,
                                                            account_key=KEY))


def test_wrong_types_are_type_errors_that_show_no_value() -> None:
    for field in AzureFrontendAccountInfo.__slots__:
        info = static_account("http://127.0.0.1:1")
        setattr(info, field, KEY.encode())
        with pytest.raises(TypeError, match=field) as caught:
            AzureFrontend(info)
        check_secrets(str(caught.value))
    with pytest.raises(TypeError):
        AzureFrontend("account")  # type: ignore[arg-type]


def test_the_frontend_copies_the_account() -> None:
    with Rig(good) as rig:
        info = key_account(rig.server.url)
        frontend = AzureFrontend(info)
        for field in AzureFrontendAccountInfo.__slots__:
            setattr(info, field, None)
        assert finish(frontend.get_current_rendering_sessions_async()).result == ARRResult.Success
        assert rig.server.requests[0].path.startswith(f"/v1/accounts/{ACCOUNT_ID}/")


def test_the_location_prefixes_the_domain() -> None:
    info = AzureFrontendAccountInfo(account_id=ACCOUNT_ID, account_key=KEY)
    for location in SessionLocation:
        info.location = location
        account = Account(info)
        domain = ("mixedreality.azure.com" if location is IGNORE
                  else f"{location.name}.mixedreality.azure.com")
        assert account.domain == domain == AzureFrontend(info).account_domain
        assert account.sts_url == f"https://sts.{domain}"
        assert account.service_url == f"https://remoterendering.{domain}"


@pytest.mark.parametrize("domain", [
    "", "a b", "a/b", "user@host", "host:80", "a..b", ".a", "-a", "a.", "a\nb", "\u00e4.com",
    "a?b", "a#b", "[::1]", "x" * 64 + ".com", "a\\b", "%61.com"])
@pytest.mark.parametrize("location", [SessionLocation.westus2, IGNORE], ids=str)
def test_a_domain_that_is_none_is_refused(domain: str, location: SessionLocation) -> None:
    assert "account_domain" in refused(AzureFrontendAccountInfo(
        domain, ACCOUNT_ID, KEY, location=location))


def test_a_url_goes_with_ignore_only() -> None:
    text = refused(AzureFrontendAccountInfo("https://example.com", ACCOUNT_ID, KEY))
    assert "SessionLocation.ignore" in text


@pytest.mark.parametrize("url, base", [
    ("http://127.0.0.1:8080", "http://127.0.0.1:8080"), ("http://127.0.0.1", "http://127.0.0.1"),
    ("HTTP://LOCALHOST:80/", "http://localhost:80"), ("http://[::1]:5", "http://[::1]:5"),
    ("http://[0:0:0:0:0:0:0:1]:5", "http://[0:0:0:0:0:0:0:1]:5"),
    ("http://127.255.255.254:1", "http://127.255.255.254:1"),
    ("https://example.com:444", "https://example.com:444"),
    ("https://10.0.0.1", "https://10.0.0.1")])
def test_plain_http_to_this_machine_and_https_to_any_are_accepted(url: str, base: str) -> None:
    account = Account(AzureFrontendAccountInfo(url, ACCOUNT_ID, KEY, location=IGNORE))
    assert (account.sts_url, account.service_url, account.domain) == (base, base, base)


@pytest.mark.parametrize("url", [
    "http://example.com", "http://127.0.0.1.evil.com", "http://127.0.0.1@evil.com",
    "http://evil.com@127.0.0.1", "http://a:b@127.0.0.1", "http://0.0.0.0", "http://[::]",
    "http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]", "http://[::127.0.0.1]",
    "http://2130706433", "http://0x7f000001", "http://0177.0.0.1", "http://0x7f.1",
    "http://127.1", "http://127.0.1", "http://127", "http://0", "http://127.0.0.1.",
    "http://localhost.", "http://localhost.evil.com", "http://evil-localhost",
    "http://a.localhost", "http://[::1%25lo]", "http://[::1%lo]:1", "http://[fe80::1]",
    "http://127.0.0.01", "http://\uff11\uff12\uff17.0.0.1", "http://127\u30020.0.1",
    "http://\u24dbocalhost", "http://ip6-localhost", "http://127.0.0.1:80:80",
    "http://127.0.0.1:x", "http://127.0.0.1:99999", "http://127.0.0.1:-1", "http://",
    "http:///x", "ftp://127.0.0.1", "file:///etc", "//127.0.0.1", "http://127.0.0.1/path",
    "http://127.0.0.1/?q", "http://127.0.0.1?q", "http://127.0.0.1#f", "http://127.0.0.1\\@evil",
    "http://127.0.0.1\t.evil.com", "http://127.0.0.1\n.evil.com", "http://127.0.0.1%00",
    "http://[::1", "http://::1", "http://127.0.0.1 .evil.com", "https://user@example.com",
    "https://example.com/x", "https://a b", "https://[::1%25lo]", "https://[zz::1]",
    "http+unix://x", "javascript://127.0.0.1"])
def test_every_other_url_is_refused(url: str) -> None:
    assert "account_domain" in refused(
        AzureFrontendAccountInfo(url, ACCOUNT_ID, KEY, location=IGNORE)) or "plain http" in refused(
        AzureFrontendAccountInfo(url, ACCOUNT_ID, KEY, location=IGNORE))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LocalHost"])
def test_this_machine_is_known_by_its_address(host: str) -> None:
    assert is_loopback(host)


def test_secrets_are_in_no_repr() -> None:
    info = AzureFrontendAccountInfo(account_id=ACCOUNT_ID, account_key=KEY,
                                    authentication_token=ACCESS_TOKEN, access_token=ACCESS_TOKEN)
    frontend = AzureFrontend(key_account("http://127.0.0.1:1"))
    core = frontend._core
    assert core is not None
    for shown in (info, frontend, core.account, core, core.tokens, core.transport):
        check_secrets(repr(shown) + str(shown) + f"{shown}")
    assert ACCOUNT_ID in repr(info) and "***" in repr(info)
    assert "account_key=''" in repr(AzureFrontendAccountInfo())


def test_a_misspelt_field_is_an_error() -> None:
    info = AzureFrontendAccountInfo()
    with pytest.raises(AttributeError):
        info.acount_key = KEY  # type: ignore[attr-defined]
    info.AccountKey = KEY
    assert info.account_key == KEY
    assert info.SessionLocation is SessionLocation is AzureFrontendAccountInfo.SessionLocation


def test_a_token_without_an_account_id_is_told_by_the_refusal() -> None:
    assert CASE["list"].method == "GET"
    info = AzureFrontendAccountInfo(access_token=ACCESS_TOKEN)
    assert Account(info).id == EMPTY_GUID
