"""How a terminal is asked to show a notification on the desktop, where it is known to. Pure."""

from collections.abc import Mapping

from tui.words.text import clean

_NINE = frozenset({"iTerm.app", "WezTerm", "ghostty", "WarpTerminal"})
"""Terminals, by the name that they give themselves, that take a text alone."""


def sequence(environment: Mapping[str, str], title: str, body: str) -> str | None:
    """None where the terminal is not known to show any; inside tmux or screen nobody knows what is outside."""
    if any(environment.get(name) for name in ("TMUX", "STY")):
        return None
    terminal, kind = environment.get("TERM_PROGRAM", ""), environment.get("TERM", "")
    title, body = clean(title), clean(body)
    if terminal in _NINE:
        return f"\x1b]9;{title}: {body}\x07"
    if kind == "xterm-kitty":
        return f"\x1b]99;d=0:p=title;{title}\x1b\\\x1b]99;d=1:p=body;{body}\x1b\\"
    if kind.startswith(("foot", "rxvt-unicode")):
        # The title ends where a semicolon stands.
        return f"\x1b]777;notify;{title.replace(';', ',')};{body}\x1b\\"
    return None
