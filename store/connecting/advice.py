"""What to do about a connection that was not made, by what the client library says. Pure."""

import re

_BY_PHRASE = (
    (
        ("no password supplied",),
        "Put the password into ~/.pgpass, mode 0600, or have a profile's password_command print it.",
    ),
    (
        ("definition of service", "service file"),
        "Check the service's name, and ~/.pg_service.conf or the file that PGSERVICEFILE names.",
    ),
    (
        ("invalid sslmode",),
        "sslmode is one of disable, allow, prefer, require, verify-ca, verify-full.",
    ),
    (
        ("does not support ssl", "no encryption"),
        "sslmode asks for encryption that this server, or the pooler before it, does not speak.",
    ),
    (
        ("does not match host name",),
        "Connect by a name that stands in the server's certificate; sslmode=verify-ca does not compare names.",
    ),
    (
        ("root certificate", "certificate verify failed", "certificate"),
        "Check sslmode, and that sslrootcert names the file with the certificate of the server's authority.",
    ),
)
_ADDRESS = re.compile(r'connection to server at "(?P<host>[^"]+)"(?: \([^)]*\))?, port (?P<port>\d+) failed')


def advice(said: str) -> str | None:
    """A hint. `said` are all lines that the client library gives. None: nothing better than what fits every failure."""
    text = said.lower()
    for phrases, hint in _BY_PHRASE:
        if any(phrase in text for phrase in phrases):
            return hint
    return None


def where(said: str) -> str | None:
    """`HOST:PORT` of the last server that was tried over a network; None where that is not told."""
    tried = [*_ADDRESS.finditer(said)]
    return f"{tried[-1]['host']}:{tried[-1]['port']}" if tried else None
