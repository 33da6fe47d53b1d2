"""The one way to a toast: clean text, never read as markup."""

from typing import Any

from textual.app import App

from tui.words.outcomes import Toast
from tui.words.text import clean

_SECONDS = 8


def say(app: App[Any], toast: Toast) -> None:
    app.notify(clean(toast.text), severity=toast.severity, timeout=_SECONDS, markup=False)
