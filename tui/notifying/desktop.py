"""How a terminal is asked to show a notification on the desktop, where it is known to. Pure."""

from collections.abc import Mapping

from tui.words.text import clean

NOT_SHOWN = (
    "This terminal is not known to show notifications on the desktop, so none are sent. Inside tmux nobody knows what"
    " is outside: 'terminal' in [notifications] of the configuration may name it."
)

_NINE = frozenset({"iTerm.app", "iTerm2", "WezTerm", "ghostty", "Ghostty", "WarpTerminal"})
"""Terminals, by the names that they give themselves and people give them, that take a text alone."""
_SEVENS = ("foot", "rxvt-unicode")
_KITTY = ("xterm-kitty", "kitty")


def sequence(environment: Mapping[str, str], title: str, body: str, *, named: str | None = None) -> str | None:
    """For the terminal that a person has `named`, or else the one that the environment tells of.

    None where that is not known to show any; inside tmux or screen nobody knows what is outside. tmux passes on what it
    is told to where its `allow-passthrough` is on, and drops it elsewhere; screen cuts it short, so nothing is sent.
    """
    in_tmux, in_screen = (bool(environment.get(name)) for name in ("TMUX", "STY"))
    if in_screen and not in_tmux:
        return None
    if named is not None:
        written = _written(named, "", title, body)
    elif in_tmux:
        return None
    else:
        written = _written(environment.get("TERM_PROGRAM", ""), environment.get("TERM", ""), title, body)
    return _through_tmux(written) if written is not None and in_tmux else written


def _written(terminal: str, kind: str, title: str, body: str) -> str | None:
    title, body = clean(title), clean(body)
    if terminal in _NINE:
        return f"\x1b]9;{title}: {body}\x07"
    if kind in _KITTY or terminal in _KITTY:
        return f"\x1b]99;d=0:p=title;{title}\x1b\\\x1b]99;d=1:p=body;{body}\x1b\\"
    if kind.startswith(_SEVENS) or terminal in _SEVENS:
        # The title ends where a semicolon stands.
        return f"\x1b]777;notify;{title.replace(';', ',')};{body}\x1b\\"
    return None


def _through_tmux(written: str) -> str:
    doubled = written.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\"
