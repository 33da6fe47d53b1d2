"""How jobs are found, as every help that takes a filter explains it: the table of keys. Pure."""

from store.filters import KEYS

_ABOUT = """\
EXPR: a space is and, a comma is or, a minus not (--filter=-mode:x). A bare word
is looked for in mode, error and ids. Jobs are found …"""


def filter_help() -> str:
    width = max(len(key.example) for key in KEYS.values())
    return "\n".join([_ABOUT, *(f"  {key.example:<{width}}  {key.words}" for key in KEYS.values())])
