"""The one way to a toast: clean text, never read as markup, and never beside itself."""

from typing import Any

from textual.app import App

from tui.words.text import clean
from tui.words.toast import Toast

_SECONDS = 8


def say(app: App[Any], toast: Toast) -> None:
    """In place of the same words where they are still shown: a key that is held covers nothing."""
    text = clean(toast.text)
    # Textual has no public way to take one toast back.
    for shown in [one for one in app._notifications if one.message == text]:  # noqa: SLF001
        app._unnotify(shown, refresh=False)  # noqa: SLF001
    app.notify(text, severity=toast.severity, timeout=_SECONDS, markup=False)
