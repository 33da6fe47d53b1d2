"""Decides which requests may use the dashboard: host, origin, link and cookie."""

import hmac
import re
import secrets
from collections.abc import Sequence
from hashlib import sha256
from http import HTTPStatus

from multidict import CIMultiDictProxy

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
MOST_LINKS = 32
"""Links that were printed and not opened. A further one invalidates the oldest."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")

_SECRET_BYTES = 32


class Refused(Exception):
    """A request that may not use the dashboard. The message is shown to the person who sent it."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def check_source(headers: CIMultiDictProxy[str], *, needs_origin: bool) -> None:
    """Raise Refused if host or origin is not ours.

    A tunnel may change the port. A web page can point its own name here, so only the loopback names are accepted.
    """
    hosts, origins = headers.getall("Host", []), headers.getall("Origin", [])
    if len(hosts) != 1 or _name_of(hosts[0]) not in LOOPBACK_NAMES:
        raise Refused(HTTPStatus.FORBIDDEN, "gjobs does not accept this host name. Open the printed URL.")
    if (origins or needs_origin) and [origin.lower() for origin in origins] != [f"http://{hosts[0].lower()}"]:
        raise Refused(HTTPStatus.FORBIDDEN, "The request comes from another web page.")


class SignIns:
    """Links that work once, and the cookies that they became. They exist only in memory, so they are gone when the
    server stops.
    """

    def __init__(self, *, reads_terminal: bool) -> None:
        """`reads_terminal` is whether Enter prints another link. If it is false, only a signal prints another link."""
        how = "press Enter in the terminal" if reads_terminal else "send SIGUSR1 to the process"
        self._for_another = f"For another link, {how} of 'gjobs serve'."
        self._links: list[str] = []
        self._cookies: set[str] = set()
        """Hashes of the cookies' values."""

    def new_link(self) -> str:
        """Return the token of a new link."""
        token = secrets.token_urlsafe(_SECRET_BYTES)
        self._links = [*self._links, _hash(token)][-MOST_LINKS:]
        return token

    def redeem(self, token: str, cookies: Sequence[str]) -> str | None:
        """Return a new cookie's value, or None if the browser has a valid one. The link doesn't work again.

        Raise Refused if the token is wrong or was used before, and the browser has no valid cookie.
        """
        given = _hash(token)
        matches = [hmac.compare_digest(given, link) for link in self._links]
        if any(matches):
            del self._links[matches.index(True)]
        if not self._cookies.isdisjoint(map(_hash, cookies)):
            return None
        if not any(matches):
            text = f"This link was used before, or it is wrong. {self._for_another}"
            raise Refused(HTTPStatus.FORBIDDEN, text)
        value = secrets.token_urlsafe(_SECRET_BYTES)
        self._cookies.add(_hash(value))
        return value

    def find(self, cookies: Sequence[str]) -> str:
        """Return which of the cookies is valid, as a hash. Raise Refused if there is none."""
        for found in map(_hash, cookies):
            if found in self._cookies:
                return found
        text = f"Open the link that 'gjobs serve' printed. {self._for_another}"
        raise Refused(HTTPStatus.UNAUTHORIZED, text)


def _name_of(host: str) -> str | None:
    """Return the name or address in a Host header, without its port."""
    found = _HOST.fullmatch(host)
    return found[1].strip("[]").lower() if found else None


def _hash(secret: str) -> str:
    """Hash a secret. Comparing hashes makes the comparison time reveal nothing about the secret."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
