"""Status line and error banner above everything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.content import Content

from store.database.write_access import WriteMode, WritePermit
from store.errors import NoPrivilege, SchemaMissing, SignInRefused, StoreError, TimedOut, Unreachable
from store.users.actor import actor_name
from tui.dashboard.keys.bindings import APP_BINDINGS, key_of
from tui.dashboard.messages import ListPollFailed
from tui.dashboard.widgets import FittedLine, SteadyText
from tui.text.clean_text import clean, clean_cell, shorten
from tui.text.format import countdown, elapsed, local_time

if TYPE_CHECKING:
    from tui.dashboard.session_poller import SessionPoller
    from tui.dashboard.setup import DatabaseChoice
    from tui.session import Session

Part = tuple[str, str]
"""A text and its style."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionStatus:
    """What the line says."""

    database: str | None
    """Its label; None while there is neither a connection nor a profile."""
    address: str | None = None
    """Host and database, where the label does not say them."""
    has_color: bool = False
    """Whether the label stands on a block of the database's colour."""
    origin: str | None = None
    """What named the database, where that was not meant for gjobs."""
    is_exposed: bool = False
    """Whether others on the network can read along."""
    actor_label: str
    """"ada@example.com", or "the operator"; empty until connected."""
    has_partial_claims: bool = False
    """Whether the app may show this actor something else."""
    visibility: str | None = None
    """"sees 37 of 41" while the lens is on."""
    read_only: bool
    may_write: bool = False
    """Whether it is to be said that somebody's database may be written without a lease."""
    permit: WritePermit | None = None
    """Under which it is written; None where it may not, or needs none."""
    paused: bool
    max_staleness: float
    """Seconds after which a change is seen at the latest."""
    trouble: str | None
    """Why nothing is seen at present, in a few words."""
    caution: str = ""
    """What the banner says of what is seen, where that is not all there is."""


_NAME_WIDTHS = (40, 26, 20, 16, 12, 8)
"""Cells of each name, tried until the state at the end of the line is not cut."""

_DOT: Part = (" · ", "$foreground-muted")
_BLOCK_STYLE = "bold $frame-text on $frame-block"
_VISIBILITY_STYLE = "bold $text-warning"


class StatusLine(FittedLine):
    DEFAULT_CSS = """
    StatusLine {
        background: $panel;
        color: $foreground;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._current_status: ConnectionStatus | None = None
        self._data_age: float | None = None
        self._now: datetime | None = None

    def show(self, current_status: ConnectionStatus, *, data_age: float | None, now: datetime) -> None:
        """`data_age` are the seconds since the last look; None where there was none. `now` is by the local clock."""
        self._current_status, self._data_age, self._now = current_status, data_age, now
        self.follow()

    def words(self, room: int) -> Content:
        if self._current_status is None:
            return Content()
        return status_content(self._current_status, data_age=self._data_age, now=self._now, width=room)


def status_content(
    current_status: ConnectionStatus, *, data_age: float | None, now: datetime | None = None, width: int | None = None
) -> Content:
    """In so many cells, by shorter names where need be; None for any number."""
    addresses = (current_status.address, None) if current_status.address else (None,)
    for cells in _NAME_WIDTHS:
        end = _end(current_status, data_age, _writing(current_status.permit, now, cells))
        for address in addresses:
            content = Content.assemble(*_joined(_names(current_status, cells, address), end))
            if width is None or content.cell_length <= width:
                return content
    return content


def _joined(names: list[Part], end: list[Part]) -> list[Part]:
    """A block's own edge parts it from what follows."""
    if names[-1][1] != _BLOCK_STYLE:
        return [*names, *end]
    return [*names, (" ", ""), *end[1:]]


def _names(current_status: ConnectionStatus, cells: int, address: str | None) -> list[Part]:
    """Which database, and whose eyes."""
    if current_status.database is None:
        return [*_BEGINNING, ("no database yet", "$foreground-muted")]
    label = _place(current_status.database, cells)
    parts: list[Part] = []
    if current_status.has_color:
        parts.append((f" {label} ", _BLOCK_STYLE))
    else:
        parts += _BEGINNING
        if current_status.origin:
            parts.append((f"{current_status.origin} ", "$foreground-muted"))
        parts.append((label, "bold"))
    if address:
        parts.append((f" {_place(address, cells)}", "$foreground-muted"))
    if current_status.actor_label:
        parts += [(" ", "") if current_status.has_color and not address else _DOT, *_actor_parts(current_status, cells)]
    return parts


_BEGINNING: list[Part] = [(" gjobs ", "bold $text-primary"), (" ", "")]


def _name(text: str, cells: int) -> str:
    return shorten(clean_cell(text, cells), cells)


def _place(text: str, cells: int) -> str:
    """Where it is too long, rather without the end of the server's name than without the database's."""
    text = clean(text)
    server, slash, database = text.rpartition("/")
    room = cells - cell_len(slash + database)
    return shorten(text, cells) if room < 1 else f"{shorten(server, room)}{slash}{database}"


def _writing(permit: WritePermit | None, now: datetime | None, cells: int) -> list[Part]:
    """How long it may be written yet, and why."""
    if permit is None or now is None:
        return []
    left = countdown((permit.ends_at - now).total_seconds())
    return [(" ", ""), (f" writing {left}: {_name(permit.reason, cells)} ", "bold $writing-text on $writing-block")]


def _end(current_status: ConnectionStatus, data_age: float | None, writing: list[Part]) -> list[Part]:
    """What must not be cut."""
    parts: list[Part] = [*writing]
    if current_status.has_partial_claims:
        parts += [_DOT, ("partial claims", "bold $text-warning")]
    if current_status.is_exposed:
        parts += [_DOT, ("not encrypted", "bold $text-warning")]
    if current_status.read_only:
        parts += [_DOT, ("read-only", "bold $text-warning")]
    elif current_status.may_write:
        parts += [_DOT, ("may write", "bold $text-warning")]
    return [*parts, _DOT, _freshness(current_status, data_age)]


def _actor_parts(current_status: ConnectionStatus, cells: int) -> list[Part]:
    name = (_name(current_status.actor_label, cells), "bold $text-accent")
    if current_status.visibility is None:
        return [("as ", "$foreground-muted"), name]
    return [("lens: ", _VISIBILITY_STYLE), name, (f" {current_status.visibility}", _VISIBILITY_STYLE)]


def _freshness(current_status: ConnectionStatus, data_age: float | None) -> Part:
    if current_status.trouble is not None:
        return (f"✗ {current_status.trouble}", "bold $text-error")
    if current_status.paused:
        seen = "" if data_age is None else f", seen {elapsed(data_age)} ago"
        return (f"‖ paused{seen}", "bold $text-warning")
    if current_status.database is None or not current_status.actor_label:
        return ("connecting …", "$foreground-muted")
    return (f"live every {elapsed(current_status.max_staleness)}", "$text-success")


def connection_status(
    connection: SessionPoller, destination: DatabaseChoice | None, *, visibility: str | None = None
) -> ConnectionStatus:
    """`destination` is what is being opened, where that has a name before it is; `lens` what is seen through it."""
    session, store, failure = connection.session, connection.store, connection.failure
    known = store.capability_cache.latest if store else None
    return ConnectionStatus(
        database=session.label if session else destination.label if destination else None,
        address=session.address if session else None,
        has_color=color_of(session, destination) is not None,
        origin=destination.origin if destination else None,
        is_exposed=session is not None
        and (transport := session.operator.database.transport) is not None
        and transport.is_exposed,
        actor_label=actor_name(store.actor) if store else "",
        has_partial_claims=known is not None and store is not None and bool(known.partial_claims(store.actor)),
        visibility=visibility,
        read_only=session is not None and not session.access.may_write,
        may_write=_is_open_to_writes(session),
        permit=_permit(session),
        paused=connection.paused,
        max_staleness=connection.max_staleness,
        trouble=trouble(failure.error) if failure else None,
        caution=known.caution(store.actor) if known and store else "",
    )


def _is_open_to_writes(session: Session | None) -> bool:
    """Of a configured database, which others are read-only beside: gjobs' own has nothing to lose by accident."""
    if session is None or session.profile is None or session.profile.address is None:
        return False
    return session.access.rule is WriteMode.OPEN


def _permit(session: Session | None) -> WritePermit | None:
    """A session that needs none may have one all the same: it says nothing of what may be done."""
    return session.access.permit if session and session.access.rule is WriteMode.PERMIT_REQUIRED else None


def color_of(session: Session | None, destination: DatabaseChoice | None) -> str | None:
    if session is not None:
        return session.profile.color if session.profile else None
    return destination.color if destination else None


def trouble(error: StoreError) -> str:
    """Why nothing is seen, in two or three words."""
    match error:
        case Unreachable():
            return "no connection"
        case SignInRefused():
            return "sign-in refused"
        case TimedOut():
            return "no answer in time"
        case NoPrivilege():
            return "no privilege"
        case SchemaMissing():
            return "no schema"
        case _:
            return "nothing read"


class Banner(SteadyText):
    """Hidden while all is well."""

    DEFAULT_CSS = """
    Banner {
        display: none;
        height: auto;
        padding: 0 1;
        background: $error-muted;
        color: $text-error;

        &.-shown { display: block; }
        &.-caution { background: $warning-muted; color: $text-warning; }
    }
    """

    def show(self, failure: ListPollFailed, *, data_from: datetime | None, is_paused: bool, now: datetime) -> None:
        """Times by the local clock. `data_from` is None while nothing was read."""
        key = key_of(self.app, APP_BINDINGS, "app.refresh")
        self.say(banner_content(failure, data_from=data_from, is_paused=is_paused, now=now, refresh=key))
        self.set_class(False, "-caution")
        self.add_class("-shown")

    def warn(self, sentences: str) -> None:
        """Of data that are fresh, and are not what they may be taken for."""
        self.say(Content(f"! {clean(sentences, limit=400)}"))
        self.add_class("-shown", "-caution")

    def hide(self) -> None:
        self.remove_class("-shown")


def banner_content(
    failure: ListPollFailed, *, data_from: datetime | None, is_paused: bool, now: datetime, refresh: str = "f5"
) -> Content:
    """`refresh` is the key that looks at once."""
    _, _, since = local_time(failure.since).partition(" ")
    first = Content.assemble((f"✗ {clean(failure.error.message, limit=400)}", "bold"), f" Since {since}.")
    words = [clean(failure.error.hint, limit=400)] if failure.error.hint else []
    if data_from is not None:
        words.append(f"What is shown is {elapsed((now - data_from).total_seconds())} old.")
    if failure.retry_at is None or is_paused:
        words.append(f"Press {refresh} to try again.")
    else:
        words.append(f"Tried again by itself; {refresh} tries at once.")
    return Content("\n").join([first, Content(" ".join(words))])
