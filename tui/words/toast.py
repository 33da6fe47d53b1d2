"""What is told in passing, and errors told so. Pure."""

from dataclasses import dataclass, replace
from typing import Literal

from store.errors import StoreError, TimedOut, Unreachable
from tui.words.text import clean

Severity = Literal["information", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Toast:
    text: str
    severity: Severity = "information"


def error_toast(error: StoreError) -> Toast:
    """The error's sentence, and what to do about it."""
    return Toast(text=error_words(error), severity="error")


def unwritten_toast(error: StoreError) -> Toast:
    """Of one write that was not kept: why, and that nothing came of it where the error itself does not tell."""
    toast = error_toast(error)
    if isinstance(error, (Unreachable, TimedOut)):
        return replace(toast, text=f"Nothing was changed. {toast.text}")
    return toast


def error_words(error: StoreError) -> str:
    return clean(f"{error.message} {error.hint or ''}".rstrip(), limit=400)
