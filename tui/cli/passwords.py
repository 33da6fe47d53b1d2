"""Takes passwords out of what is about to be printed. Pure."""

import re

HIDDEN = "***"

_IN_URL = re.compile(r"(://[^:\n]*:).*@")
"""From the first colon to the last @ of the line: what was not percent-encoded may hold anything. Rather too much."""

_AS_PARAMETER = re.compile(r"((?:password|passwd)\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s&'\"]+)", re.IGNORECASE)


def without_passwords(text: str) -> str:
    """The text with the passwords of database addresses in it hidden, be they URIs or `name=value` pairs."""
    return _AS_PARAMETER.sub(rf"\1{HIDDEN}", _IN_URL.sub(rf"\1{HIDDEN}@", text))
