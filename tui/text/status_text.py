"""Glyphs, colours and words of each status, for the dashboard and the command line."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from gjobs.store.jobs.job import AnyStatus, JobStatus, UnknownStatus
from gjobs.store.member_table import by_member
from gjobs.store.value_class import dataclass
from gjobs.tui.text.clean_text import clean


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
    """How a status looks and which action leads to it."""

    glyph: str
    """One cell wide in every terminal, and without an emoji form."""
    style: str
    """A colour of the themes."""
    row_style: str
    """The style in a row of the job list, which has its own backgrounds."""
    terminal_colour: str
    """The command line's escape sequence."""
    action: JobAction | None = None
    """The action that moves a job here. None for the first status."""
    key: str = ""
    """The dashboard's key for the action."""
    asks_error: bool = False
    """Whether the action first asks for the error's text."""
    done: str
    lost: str = ""
    """What deleting such a job loses. Empty if the job has ended."""

    @property
    def verb(self) -> str:
        """The action as a button label."""
        return self.action.capitalize() if self.action else ""


STATUS_TEXTS: Mapping[JobStatus, StatusText] = by_member(
    JobStatus,
    {
        JobStatus.QUEUED: StatusText(
            glyph="◌",
            style="$foreground",
            row_style="$foreground",
            terminal_colour="\x1b[39m",
            done="Queued",
            lost="It will never run.",
        ),
        JobStatus.RUNNING: StatusText(
            glyph="▸",
            style="$text-primary",
            row_style="$text-primary",
            terminal_colour="\x1b[36m",
            action=JobAction.START,
            key="s",
            done="Started",
            lost="Its worker will lose it.",
        ),
        JobStatus.SUCCEEDED: StatusText(
            glyph="✓",
            style="$text-success",
            row_style="$text-success",
            terminal_colour="\x1b[32m",
            action=JobAction.COMPLETE,
            key="c",
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
            done="Failed",
        ),
    },
)

DOING: Mapping[JobAction, str] = by_member(
    JobAction,
    {
        JobAction.CREATE: "Creating",
        JobAction.START: "Starting",
        JobAction.COMPLETE: "Finishing",
        JobAction.FAIL: "Failing",
        JobAction.DELETE: "Deleting",
        JobAction.RETRY: "Retrying",
    },
)
"""What each action does to jobs. At most nine letters, so that a row can show it in place of a status."""

STATUS_COLOURS: Mapping[str, str] = {status.value: text.terminal_colour for status, text in STATUS_TEXTS.items()}

STATUS_ACTIONS: Mapping[JobAction, JobStatus] = {
    text.action: status for status, text in STATUS_TEXTS.items() if text.action
}
"""The status to which each action moves a job."""

ACTIONS_TO: Mapping[JobStatus, JobAction] = {status: action for action, status in STATUS_ACTIONS.items()}
"""The action that moves a job to each status."""

UNKNOWN_GLYPH, UNKNOWN_STYLE = "∙", "$foreground-muted"
"""For a status outside the workflow. Its style is muted, because its meaning is unknown."""

UNKNOWN_COLOUR = "\x1b[90m"

_LONGEST_STATUS = 40


def pending_words(action: JobAction) -> str:
    """Return the text that a job shows for an action until the database answers."""
    return f"{DOING[action].lower()} …"


def status_glyph(status: AnyStatus) -> str:
    return UNKNOWN_GLYPH if isinstance(status, UnknownStatus) else STATUS_TEXTS[status].glyph


def status_style(status: AnyStatus) -> str:
    return UNKNOWN_STYLE if isinstance(status, UnknownStatus) else STATUS_TEXTS[status].style


def status_word(status: AnyStatus) -> str:
    """Return the status as one line without control characters. The app's own statuses may be any text."""
    return clean(status.value, limit=_LONGEST_STATUS) if isinstance(status, UnknownStatus) else status.value


def unknown_statuses_words(statuses: Iterable[AnyStatus | None]) -> str:
    """Return a sentence for each status that is not in the workflow. Show it if no job has the status."""
    unknown = [status for status in statuses if isinstance(status, UnknownStatus)]
    known = f"which has {', '.join(JobStatus)}"
    return " ".join(f"{status_word(status)!r} is not a status of the workflow, {known}." for status in unknown)


def status_label(status: AnyStatus) -> str:
    return f"{status_glyph(status)} {status_word(status)}"
