"""How each status looks and reads: one row for each, for dashboard and command line."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from store.jobs.job import AnyStatus, JobStatus, UnknownStatus
from tui.text.clean_text import clean


class JobAction(StrEnum):
    """What a key does to jobs."""

    START = "start"
    COMPLETE = "complete"
    FAIL = "fail"
    DELETE = "delete"
    RETRY = "retry"
    CREATE = "create"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusText:
    glyph: str
    """One cell wide in every terminal, and without an emoji form."""
    style: str
    """As the themes name colours."""
    row_style: str
    """The same in a row of the job list, which has backgrounds of its own."""
    terminal_colour: str
    """The command line's escape sequence."""
    action: JobAction | None = None
    """What moves a job here; None where every job starts."""
    key: str = ""
    """The dashboard's key for the action."""
    asks_error: bool = False
    """Whether the action asks for the error's text first."""
    doing: str = ""
    done: str
    lost: str = ""
    """What deleting such a job loses; empty where it has ended."""

    @property
    def verb(self) -> str:
        """The action, as a button says it."""
        return self.action.capitalize() if self.action else ""


STATUS_TEXTS: Mapping[JobStatus, StatusText] = MappingProxyType(
    {
        JobStatus.QUEUED: StatusText(
            glyph="◌",
            style="$foreground-muted",
            row_style="$text-muted",
            terminal_colour="\x1b[90m",
            done="Queued",
            lost="it will never run",
        ),
        JobStatus.RUNNING: StatusText(
            glyph="▸",
            style="$text-primary",
            row_style="$text-primary",
            terminal_colour="\x1b[36m",
            action=JobAction.START,
            key="s",
            doing="Starting",
            done="Started",
            lost="its worker loses it",
        ),
        JobStatus.SUCCEEDED: StatusText(
            glyph="✓",
            style="$text-success",
            row_style="$text-success",
            terminal_colour="\x1b[32m",
            action=JobAction.COMPLETE,
            key="c",
            doing="Completing",
            done="Completed",
        ),
        JobStatus.FAILED: StatusText(
            glyph="✗",
            style="$text-error",
            row_style="$text-error",
            terminal_colour="\x1b[31m",
            action=JobAction.FAIL,
            key="f",
            asks_error=True,
            doing="Failing",
            done="Failed",
        ),
    }
)

STATUS_COLOURS: Mapping[str, str] = {status.value: text.terminal_colour for status, text in STATUS_TEXTS.items()}

STATUS_ACTIONS: Mapping[JobAction, JobStatus] = {
    text.action: status for status, text in STATUS_TEXTS.items() if text.action
}
"""Where each action on a job moves it."""


UNKNOWN_GLYPH, UNKNOWN_STYLE = "∙", "$foreground-muted"
"""Of a status outside the workflow: quiet, for nobody knows what it means."""

UNKNOWN_COLOUR = "\x1b[90m"

_LONGEST_STATUS = 40


def status_glyph(status: AnyStatus) -> str:
    return UNKNOWN_GLYPH if isinstance(status, UnknownStatus) else STATUS_TEXTS[status].glyph


def status_style(status: AnyStatus) -> str:
    return UNKNOWN_STYLE if isinstance(status, UnknownStatus) else STATUS_TEXTS[status].style


def status_word(status: AnyStatus) -> str:
    """Clean: the app's own may be any text."""
    return clean(status.value, limit=_LONGEST_STATUS) if isinstance(status, UnknownStatus) else status.value


def status_label(status: AnyStatus) -> str:
    return f"{status_glyph(status)} {status_word(status)}"
