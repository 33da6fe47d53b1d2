"""Takes passwords out of what is about to be printed. Pure."""

import re

HIDDEN = "***"

_IN_URL = re.compile(r"(://[^:/?#\s]*:)\S*@")
"""Up to the last @: a password that was not percent-encoded may hold one."""

_AS_PARAMETER = re.compile(r"((?:password|passwd)\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s&'\"]+)", re.IGNORECASE)


def without_passwords(text: str) -> str:
    """The text with the passwords of database addresses in it hidden, be they URIs or `name=value` pairs."""
    return _AS_PARAMETER.sub(rf"\1{HIDDEN}", _IN_URL.sub(rf"\1{HIDDEN}@", text))
