"""A transition as a line for people and as a document for programs. Pure."""

from collections.abc import Mapping

from store.plain import plain_time
from store.watching.model import Transition
from tui.cli.jsonable import Json
from tui.cli.tables import STATUS_COLOURS
from tui.words.format import error_summary, local_time, money, short_id
from tui.words.text import clean_cell, pad, shorten

_GONE = "deleted"
_NEW = "new"
_STATE_CELLS = 9
_MODE_CELLS = 16
_MONEY_CELLS = 9
_RESET = "\x1b[0m"


def document(transition: Transition) -> Mapping[str, Json]:
    return {
        "key": transition.key,
        "cursor": None if transition.cursor is None else str(transition.cursor),
        "observed": transition.cursor is None,
        "at": plain_time(transition.at),
        "job_id": str(transition.job_id),
        "from": transition.from_status,
        "to": transition.to_status or _GONE,
        "mode": transition.mode,
        "cost_cents": transition.cost_cents,
        "error": transition.error,
        "user_id": None if transition.user_id is None else str(transition.user_id),
        "project_id": str(transition.project_id),
    }


def line(transition: Transition, *, width: int | None, colour: bool) -> str:
    """Time, job, from, to, mode, cost and the error's first line. `width` is in cells; None never cuts."""
    to = transition.to_status or _GONE
    begins = "  ".join(
        [
            local_time(transition.at),
            short_id(transition.job_id),
            f"{pad(transition.from_status or _NEW, _STATE_CELLS)} → ",
        ]
    )
    ends = "  ".join(
        [
            pad(clean_cell(transition.mode, _MODE_CELLS), _MODE_CELLS),
            pad(money(transition.cost_cents), _MONEY_CELLS, right=True),
            clean_cell(error_summary(transition.error), width or _LONGEST_ERROR),
        ]
    ).rstrip()
    left = None if width is None else max(width - len(begins) - _STATE_CELLS - 2, 0)
    shown = pad(to, _STATE_CELLS)
    if colour and (start := STATUS_COLOURS.get(to)):
        shown = f"{start}{shown}{_RESET}"
    return f"{begins}{shown}  {ends if left is None else shorten(ends, left)}".rstrip()


_LONGEST_ERROR = 1_000
