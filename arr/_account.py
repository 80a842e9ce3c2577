"""Whose account, and where: the account fields, the credential that was chosen, the two hosts."""

from __future__ import annotations

import re
from typing import NoReturn

from ._fields import UNSET, Alias, Fields
from ._results import PUBLIC, ARRResult, RRException, _Numbered

EMPTY_GUID = "00000000-0000-0000-0000-000000000000"
DEFAULT_DOMAIN = "mixedreality.azure.com"


class SessionLocation(_Numbered):
    """The region that prefixes the account domain; ``ignore`` uses the domain as it is."""

    __module__ = PUBLIC

    westus2 = 0
    westeurope = 1
    ppe = 2
    ignore = 3


_Location = SessionLocation  # for annotations inside the class that has the enum as a nested name


class AzureFrontendAccountInfo(Fields):
    """The account to use and one way to authenticate: account_id with account_key, or an
    authentication_token, or an access_token. Arguments also by the names of the fields, as in
    ``AccountId=``. Source: "AzureFrontendAccountInfo"."""

    __slots__ = ("account_domain", "account_id", "account_key", "authentication_token",
                 "access_token", "location")

    SessionLocation = SessionLocation

    AccountDomain = Alias[str]("account_domain")
    AccountId = Alias[str]("account_id")
    AccountKey = Alias[str]("account_key")
    AuthenticationToken = Alias[str]("authentication_token")
    AccessToken = Alias[str]("access_token")
    Location = Alias[_Location]("location")

    account_domain: str
    account_id: str
    account_key: str
    authentication_token: str
    access_token: str
    location: _Location

    def __init__(self, account_domain: str = UNSET, account_id: str = UNSET,
                 account_key: str = UNSET, authentication_token: str = UNSET,
                 access_token: str = UNSET, location: _Location = UNSET, *,
                 AccountDomain: str = UNSET, AccountId: str = UNSET, AccountKey: str = UNSET,
                 AuthenticationToken: str = UNSET, AccessToken: str = UNSET,
                 Location: _Location = UNSET, **misspelt: NoReturn) -> None:
        self._initialize(
            misspelt, AccountDomain=(account_domain, AccountDomain, DEFAULT_DOMAIN),
            AccountId=(account_id, AccountId, EMPTY_GUID), AccountKey=(account_key, AccountKey, ""),
            AuthenticationToken=(authentication_token, AuthenticationToken, ""),
            AccessToken=(access_token, AccessToken, ""),
            Location=(location, Location, _Location.westus2))

    def _shown(self, field: str) -> str:
        value = getattr(self, field)
        if field in _SECRETS:
            return "'***'" if value else "''"
        return repr(value)


_SECRETS = ("account_key", "authentication_token", "access_token")
_ID = re.compile(r"[A-Za-z0-9_-]+\Z")  # a GUID, but who knows; it goes into paths as it is
HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\Z")
_IPV6 = re.compile(r"[0-9a-f:]+\Z")
_PRINTABLE = re.compile(r"[!-~]+\Z")


class Account:
    """A checked copy of the account fields, as the rest of the package uses them."""

    __slots__ = ("id", "domain", "sts_url", "service_url", "sts_credential", "access_token")

    def __init__(self, info: AzureFrontendAccountInfo) -> None:
        if not isinstance(info, AzureFrontendAccountInfo):
            raise TypeError("AzureFrontend takes an AzureFrontendAccountInfo, not "
                            f"{type(info).__name__}")
        try:
            self._check(info)
        except (RRException, TypeError) as error:
            # Without the frames below: some log handlers show their locals, which are secrets.
            raise error.with_traceback(None)

    def _check(self, info: AzureFrontendAccountInfo) -> None:
        texts = {field: _text(info, field) for field in AzureFrontendAccountInfo.__slots__
                 if field != "location"}
        if not isinstance(info.location, SessionLocation):
            raise TypeError("location must be a member of SessionLocation, not "
                            f"{type(info.location).__name__}")
        self.id = texts["account_id"] or EMPTY_GUID
        if not _ID.match(self.id):
            raise _refused("account_id must be the id of the account, a GUID")
        self.sts_credential: str | None = None
        self.access_token: str | None = None
        self._choose_credential(texts)
        self.domain, self.sts_url, self.service_url = _hosts(texts["account_domain"],
                                                             info.location)

    def _choose_credential(self, texts: dict[str, str]) -> None:
        given = [field for field in _SECRETS if texts[field]]
        if not given:
            raise _refused("no credential: fill account_id and account_key, or "
                           "authentication_token, or access_token")
        if len(given) > 1:
            raise _refused(f"more than one credential: {' and '.join(given)} are filled, "
                           "keep one of them")
        for field in given:
            # Refused here, because a header with such a value fails deep inside the HTTP library,
            # in an exception whose text is the value.
            if not _PRINTABLE.match(texts[field]):
                raise _refused(f"{field} holds characters that a credential cannot have (blanks, "
                               "line breaks or letters outside ASCII); paste it again")
        if given == ["account_key"]:
            if self.id == EMPTY_GUID:
                raise _refused("account_key needs account_id: fill in the account's id")
            self.sts_credential = f"{self.id}:{texts['account_key']}"
        elif given == ["authentication_token"]:
            self.sts_credential = texts["authentication_token"]
        else:
            self.access_token = texts["access_token"]

    def __repr__(self) -> str:
        # Half made, too: a log handler that shows locals asks while the checks still run.
        return f"<Account {getattr(self, 'id', '')} at {getattr(self, 'domain', '')}>"


def _text(info: AzureFrontendAccountInfo, field: str) -> str:
    value = getattr(info, field)
    if not isinstance(value, str):
        raise TypeError(f"{field} must be a str, not {type(value).__name__}")
    return value.strip()


def _refused(message: str) -> RRException:
    return RRException(ARRResult.InvalidParam, message)


def _hosts(domain: str, location: SessionLocation) -> tuple[str, str, str]:
    """Return the composed domain and the base URLs of the token service and the service."""
    if "://" in domain:
        if location is not SessionLocation.ignore:
            raise _refused("account_domain is a URL, which goes with SessionLocation.ignore only: "
                           "set location to it, or give a domain name")
        base = _base_url(domain)
        return base, base, base
    if not HOST.match(domain):
        raise _refused(f"account_domain must be a domain name such as {DEFAULT_DOMAIN}, or with "
                       "SessionLocation.ignore a URL such as http://127.0.0.1:8080")
    if location is not SessionLocation.ignore:
        domain = f"{location.name}.{domain}"
    return domain, f"https://sts.{domain}", f"https://remoterendering.{domain}"


def _base_url(text: str) -> str:
    from urllib.parse import urlsplit

    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise _refused("account_domain is not a valid URL") from None
    host = url.hostname or ""
    if (url.scheme not in ("http", "https") or "@" in url.netloc or url.path not in ("", "/")
            or url.query or url.fragment or not (HOST.match(host) or _IPV6.match(host))):
        raise _refused("account_domain as a URL must be http(s)://host[:port] and nothing more")
    if url.scheme == "http" and not is_loopback(host):
        raise _refused("plain http is for this machine only (127.0.0.1, [::1] or localhost); "
                       "use https, so that nobody on the way can read the credential")
    name = f"[{host}]" if ":" in host else host
    return f"{url.scheme}://{name}" + (f":{port}" if port is not None else "")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine by its address, or is exactly ``localhost``."""
    if host.lower() == "localhost":
        return True
    import ipaddress  # late, as it takes long and most accounts name a domain

    try:
        # Strict forms only: no octal, decimal or shortened addresses, no IPv4 in IPv6.
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback and getattr(address, "ipv4_mapped", None) is None
