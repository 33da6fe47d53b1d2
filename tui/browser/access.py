"""Decides which requests may use the dashboard: host, origin, signed-in user, link and cookie."""

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from multidict import CIMultiDictProxy

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
LONGEST_USER = 200
"""The maximum length of the user name that a proxy sends, in characters."""
MOST_LINKS = 32
"""Links that were printed and not opened. A further one invalidates the oldest."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_BROWSER_HEADERS = frozenset(
    {"accept", "authorization", "connection", "content-length", "content-type", "cookie", "host", "origin", "referer",
     "te", "transfer-encoding", "upgrade", "user-agent"}
)  # fmt: skip
"""Headers that the browser itself sends. None of them names a user."""

_SECRET_BYTES = 32


class Refused(Exception):
    """A request that may not use the dashboard. The message is shown to the person who sent it."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def is_header_name(name: str) -> bool:
    """Return whether a proxy can send the user in this header."""
    return bool(_HEADER_NAME.fullmatch(name)) and name.lower() not in _BROWSER_HEADERS


def origin_of(url: str) -> str | None:
    """Return the origin of a URL that has nothing else: scheme, host and perhaps a port."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname
    if (
        parts.scheme not in ("http", "https")
        or not host
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
    ):
        return None
    if parts.username is not None or not _HOST.fullmatch(parts.netloc):
        return None
    default = {"http": 80, "https": 443}[parts.scheme]
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{'' if port in (None, default) else f':{port}'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRules:
    """Where requests may come from."""

    names: frozenset[str] = LOOPBACK_NAMES
    """Accepted names and addresses of this server, without ports. A tunnel may change the port."""
    accepts_addresses: bool = False
    """Whether to accept any IP address as the host. A web page can point its own name here, but never an address."""
    public_origin: str | None = None
    """The origin that browsers see in front of a proxy."""
    user_header: str | None = None
    """The header in which a proxy sends the signed-in user. None without such a proxy."""

    @property
    def is_secure(self) -> bool:
        return self.public_origin is not None and self.public_origin.startswith("https:")

    def check(self, headers: CIMultiDictProxy[str], *, needs_origin: bool) -> str:
        """Return the request's host. Raise Refused if host or origin is not ours."""
        hosts, origins = headers.getall("Host", []), headers.getall("Origin", [])
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            raise Refused(HTTPStatus.FORBIDDEN, "gjobs does not accept this host name. Open the printed URL.")
        allowed = {self.public_origin}
        if not (self.is_secure and self._is_public(_name_of(hosts[0]))):
            allowed.add(f"http://{hosts[0].lower()}")
        if (origins or needs_origin) and [origin.lower() in allowed for origin in origins] != [True]:
            raise Refused(HTTPStatus.FORBIDDEN, "The request comes from another web page.")
        return hosts[0]

    def _is_ours(self, host: str) -> bool:
        if (name := _name_of(host)) is None:
            return False
        if name in self.names or self._is_public(name):
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return self.accepts_addresses

    def _is_public(self, name: str | None) -> bool:
        return self.public_origin is not None and name == urlsplit(self.public_origin).hostname

    def signed_in_user(self, headers: CIMultiDictProxy[str]) -> str | None:
        """Return the user that the proxy sends; None without a proxy. Raise Refused for an unusable name."""
        if self.user_header is None:
            return None
        values = headers.getall(self.user_header, [])
        user = values[0].strip() if values else ""
        if not any(map(str.strip, values)):
            raise Refused(HTTPStatus.FORBIDDEN, "The proxy sent no signed-in user. Open the page through the proxy.")
        if (problem := _problem_of_user(values)) is not None:
            raise Refused(HTTPStatus.FORBIDDEN, f"The user name in {self.user_header} cannot be used: {problem}.")
        return user


@dataclass(frozen=True, slots=True)
class SignIn:
    """A browser that opened a link."""

    cookie: str
    """A hash of the cookie's value."""
    user: str | None
    """The user of the proxy who opened the link. The cookie works only for this user."""


class SignIns:
    """Links that work once, and the cookies that they became. They exist only in memory, so they are gone when the
    server stops.
    """

    def __init__(self, *, reads_terminal: bool) -> None:
        """`reads_terminal` is whether Enter prints another link. If it is false, only a signal prints another link."""
        how = "press Enter in the terminal" if reads_terminal else "send SIGUSR1 to the process"
        self._for_another = f"For another link, {how} of 'gjobs serve'."
        self._links: list[str] = []
        self._by_cookie: dict[str, SignIn] = {}

    def new_link(self) -> str:
        """Return the token of a new link."""
        token = secrets.token_urlsafe(_SECRET_BYTES)
        self._links = [*self._links, _hash(token)][-MOST_LINKS:]
        return token

    def redeem(self, token: str, cookies: Sequence[str], user: str | None) -> str | None:
        """Return a new cookie's value, or None if the user has a valid one. The link doesn't work again.

        Raise Refused if the token is wrong or was used before, and the user has no valid cookie.
        """
        given = _hash(token)
        matches = [hmac.compare_digest(given, link) for link in self._links]
        if any(matches):
            del self._links[matches.index(True)]
        if any(found is not None and found.user == user for found in map(self._sign_in, cookies)):
            return None
        if not any(matches):
            text = f"This link was used before, or it is wrong. {self._for_another}"
            raise Refused(HTTPStatus.FORBIDDEN, text)
        value = secrets.token_urlsafe(_SECRET_BYTES)
        self._by_cookie[_hash(value)] = SignIn(_hash(value), user)
        return value

    def find(self, cookies: Sequence[str], user: str | None) -> SignIn:
        """Return the sign-in of the cookies. Raise Refused if there is none."""
        for found in map(self._sign_in, cookies):
            if found is not None and found.user == user:
                return found
        text = f"Open the link that 'gjobs serve' printed. {self._for_another}"
        raise Refused(HTTPStatus.UNAUTHORIZED, text)

    def _sign_in(self, cookie: str) -> SignIn | None:
        return self._by_cookie.get(_hash(cookie))


def _problem_of_user(values: Sequence[str]) -> str | None:
    """Return why the values of the header name no user. Never repeat a value."""
    if len(values) > 1:
        return f"the header was sent {len(values)} times"
    if len(values[0].strip()) > LONGEST_USER:
        return f"it is longer than {LONGEST_USER} characters"
    # aiohttp keeps bytes that are not UTF-8 as surrogates.
    if any("\udc80" <= one <= "\udcff" for one in values[0]):
        return "it is not UTF-8"
    return None if values[0].strip().isprintable() else "it has control characters"


def _name_of(host: str) -> str | None:
    """Return the name or address in a Host header, without its port."""
    found = _HOST.fullmatch(host)
    return found[1].strip("[]").lower() if found else None


def _hash(secret: str) -> str:
    """Hash a secret. Comparing hashes makes the comparison time reveal nothing about the secret."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
