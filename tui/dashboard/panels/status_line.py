"""Status line and error banner at the top."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from functools import partial
from math import ceil
from typing import Any

from textual.app import App
from textual.content import Content

from gjobs.store import errors
from gjobs.store.configuration.settings import APP_VARIABLE, NO_PROFILE, WriteMode, WritePermit
from gjobs.store.users.actor import ActingUser, actor_name
from gjobs.store.values.data_classes import dataclass
from gjobs.tui.dashboard.bindings import key_of
from gjobs.tui.dashboard.session.session_poller import ListPollFailed, SessionPoller
from gjobs.tui.dashboard.session.setup import DatabaseChoice
from gjobs.tui.dashboard.widgets.widgets import FittedLine, SteadyText
from gjobs.tui.text.clean_text import clean, clean_cell, shorten, shorten_address
from gjobs.tui.text.format import (
    LOCAL,
    PARTIAL_CLAIMS,
    ShownZone,
    Span,
    countdown,
    elapsed,
    local_time,
    milliseconds,
    moment_words,
    refresh_interval,
)

PERMIT_ENDED = "The write permit has ended. This session is read-only again."


def permit_hint(app: App[Any]) -> str:
    """Return the hint for a session that needs a permit."""
    return f"Press {key_of(app, 'app.write')} to write for some minutes."


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionStatus:
    """The contents of the status line."""

    database: str | None
    """Label of the database; None without a connection and a profile."""
    address: str | None = None
    """Host and database, if the label does not contain them."""
    color: str | None = None
    """The color of the database, on which its label stands."""
    is_of_app: bool = False
    """Whether a file of an app names the database. The label is then only the name of a variable or a service."""
    origin: str | None = None
    """Origin of the address, if it was not meant for gjobs."""
    is_exposed: bool = False
    """Whether others on the network can read the connection."""
    is_choosing: bool = False
    """Whether the user is asked for the database, so that nothing is being opened."""
    actor_label: str
    """For example "ada@example.com" or "the operator". Empty until connected."""
    has_partial_claims: bool = False
    """Whether the app may show this actor different rows than gjobs, which does not know all claims."""
    visibility: str | None = None
    """For example "sees 37 of 41", in the visibility view."""
    read_only: bool
    is_closed: bool = False
    """Whether the session is read-only and cannot get a write permit."""
    may_write: bool = False
    """Whether to warn that a configured database is writable without a permit."""
    permit: WritePermit | None = None
    """The open write permit; None without one or if none is needed."""
    zone: str = ""
    """The name of the time zone, unless times are in local time."""
    moment: str = ""
    """The earlier moment that is shown; empty for the present."""
    demo: str = ""
    """The speed of a demo, or that it is paused. Empty outside a demo."""
    paused: bool
    max_staleness: float
    """Maximum seconds until a change is shown."""
    slow_answer: float | None = None
    """Seconds that the fastest answer takes, if that makes refreshes less frequent. None if answers are fast."""
    silent_since: datetime | None = None
    """When the unanswered query was sent, by the local clock; None while the database answers in time."""
    trouble: str | None
    """A short reason why there is no data; None if there is."""
    caution: str = ""
    """A warning for the banner, if the data is not complete."""

    @property
    def name(self) -> str | None:
        """The name to show if only the label or the address fits."""
        return self.address or self.database if self.is_of_app else self.database


_NAME_WIDTHS = (40, 26, 20, 16, 12, 8)
"""Widths of each name in cells, tried in this order until the line is short enough."""

_SHORT = 16
"""At this width or less, the line omits how often it refreshes, to show more of the address."""

_DOT: Span = (" · ", "$foreground-muted")
_BLOCK_STYLE = "bold $frame-text on $frame-block"
_VISIBILITY_STYLE = "bold $text-warning"


class StatusLine(FittedLine):
    DEFAULT_CSS = """
    StatusLine { background: $panel; }
    """

    _content: "partial[Content] | None" = None

    def show(self, status: ConnectionStatus, *, data_age: float | None, now: datetime) -> None:
        """Show the status. `data_age` is seconds since the last poll, or None. `now` is by the local clock."""
        self._content = partial(status_content, status, data_age=data_age, now=now)
        self.follow()

    def words(self, room: int) -> Content:
        return self._content(width=room) if self._content else Content()


def status_content(
    status: ConnectionStatus, *, data_age: float | None, now: datetime | None = None, width: int | None = None
) -> Content:
    """Return the line. Names are shortened to fit `width`. None means unlimited width."""
    label, address, least = status.database, status.address, _NAME_WIDTHS[-1]
    # If there is too little room for the label with the address, only the name is shown.
    places = [(label, address), (status.name, None)] if label and address else [(label, None)]
    for cells, is_brief in (*((cells, False) for cells in _NAME_WIDTHS), (least, True)):
        freshness = _freshness(status, data_age, now, is_short=status.is_of_app and cells <= _SHORT, is_brief=is_brief)
        end = _end(status, freshness, _writing(status.permit, now, cells), is_brief=is_brief)
        for place in places:
            names = _names(status, cells, place, is_brief=is_brief)
            # The edge of a block separates it from the rest.
            rest = [(" ", ""), *end[1:]] if names[-1][1] == _BLOCK_STYLE else end
            content = Content.assemble(*names, *rest)
            if width is None or content.cell_length <= width:
                return content
    return content


def _names(status: ConnectionStatus, cells: int, place: tuple[str | None, str | None], *, is_brief: bool) -> list[Span]:
    """Return the database and the actor. `is_brief` leaves out the name of the program."""
    name, address = place
    if name is None:
        return [*_BEGINNING, ("no database yet", "$foreground-muted")]
    label = shorten_address(clean(name), cells)
    parts: list[Span] = []
    if status.color:
        parts.append((f" {label} ", _BLOCK_STYLE))
    else:
        parts += [(" ", "")] if is_brief else _BEGINNING
        if status.origin:
            parts.append((f"{status.origin} ", "$foreground-muted"))
        parts.append((label, "bold"))
    if address:
        parts.append((f" {shorten_address(clean(address), cells)}", "$foreground-muted"))
    if status.actor_label:
        parts.append((" ", "") if status.color and not address else _DOT)
        parts.append(("as ", "$foreground-muted") if status.visibility is None else ("visibility: ", _VISIBILITY_STYLE))
        parts.append((_name(status.actor_label, cells), "bold $text-accent"))
        if status.visibility is not None:
            parts.append((f" {status.visibility}", _VISIBILITY_STYLE))
    return parts


_BEGINNING: list[Span] = [(" gjobs ", "bold $text-primary"), (" ", "")]


def _name(text: str, cells: int) -> str:
    return shorten(clean_cell(text, cells), cells)


def _writing(permit: WritePermit | None, now: datetime | None, cells: int) -> list[Span]:
    """Return the time left for writing, and the reason."""
    if permit is None or now is None:
        return []
    left = countdown((permit.ends_at - now).total_seconds())
    return [(" ", ""), (f" writing {left}: {_name(permit.reason, cells)} ", "bold $writing-text on $writing-block")]


def _end(status: ConnectionStatus, freshness: Span, writing: list[Span], *, is_brief: bool) -> list[Span]:
    """Return the parts that must not be cut. If `is_brief`, leave out that writes are off."""
    parts: list[Span] = [*writing]
    if status.zone and not status.moment:
        parts += [_DOT, (status.zone, "$text-accent")]
    if status.demo:
        parts += [_DOT, (status.demo, "bold $text-accent")]
    if status.has_partial_claims:
        parts += [_DOT, (PARTIAL_CLAIMS, "bold $text-warning")]
    if status.is_exposed:
        parts += [_DOT, ("not encrypted", "bold $text-warning")]
    if status.moment:
        # A narrow line has no room for both 'writes are off' and the connection trouble.
        trouble_part = [] if status.trouble is None else [_DOT, freshness]
        writes = "" if trouble_part or is_brief else " · writes are off"
        return [*parts, _DOT, (f"as of {status.moment}{writes}", "bold $text-warning"), *trouble_part]
    if status.read_only:
        parts += [_DOT, ("read-only", "bold $text-warning")]
    elif status.may_write:
        parts += [_DOT, ("may write", "bold $text-warning")]
    return [*parts, _DOT, freshness]


def _freshness(
    status: ConnectionStatus, data_age: float | None, now: datetime | None, *, is_short: bool, is_brief: bool
) -> Span:
    """Return how fresh the data is. `is_brief` leaves out the words `answers take`, so that the time after them is
    not cut."""
    if status.trouble is not None:
        return (f"✗ {status.trouble}", "bold $text-error")
    if status.silent_since is not None and now is not None:
        return (f"no answer for {elapsed((now - status.silent_since).total_seconds())}", "bold $text-warning")
    if status.paused:
        seen = "" if data_age is None else f", seen {elapsed(data_age)} ago"
        return (f"‖ paused{seen}", "bold $text-warning")
    if status.is_choosing:
        return ("choose one", "$foreground-muted")
    if status.database is None or not status.actor_label:
        return ("connecting …", "$foreground-muted")
    live = f"live every {refresh_interval(status.max_staleness)}"
    if status.slow_answer is not None:
        answers = "" if is_brief else "answers take "
        return (f"{live}, {answers}{milliseconds(status.slow_answer)}", "$text-warning")
    return ("live" if is_short else live, "$text-success")


def connection_status(
    poller: SessionPoller,
    choice: DatabaseChoice | None,
    *,
    is_choosing: bool = False,
    visibility: str | None = None,
    demo: str = "",
    zone: ShownZone = LOCAL,
    moment: datetime | None = None,
) -> ConnectionStatus:
    """Return the status. `choice` is the database being opened. It is ignored if the user is still choosing
    (`is_choosing`). `visibility` is what the user sees.
    """
    choice = None if is_choosing else choice
    session, store, failure = poller.session, poller.store, poller.failure
    known = store.capability_cache.latest if store else None
    actor = store.actor if store else None
    # The default level is not shown.
    level = f" (aal{actor.aal})" if isinstance(actor, ActingUser) and actor.aal != 1 else ""
    profile = session.profile if session else choice.profile if choice else NO_PROFILE
    access = session.access if session else None
    # The own database of gjobs needs no warning.
    is_configured = session is not None and profile.address is not None
    return ConnectionStatus(
        database=session.label if session else profile.label or None,
        address=session.address if session else None,
        color=profile.color,
        is_of_app=session is not None and bool(profile.sources),
        origin=APP_VARIABLE if choice and choice.profile.variable == APP_VARIABLE else None,
        is_exposed=session is not None
        and (transport := session.operator.database.connections.transport) is not None
        and transport.is_exposed,
        actor_label=f"{actor_name(actor)}{level}" if actor else "",
        has_partial_claims=known is not None and store is not None and bool(known.partial_claims(store.actor)),
        visibility=visibility,
        read_only=access is not None and not access.may_write,
        is_closed=access is not None and access.is_closed,
        may_write=is_configured and access is not None and access.rule is WriteMode.OPEN and not access.is_closed,
        permit=access.permit if access and access.rule is WriteMode.PERMIT_REQUIRED and not moment else None,
        moment="" if moment is None else moment_words(moment, zone.zone, is_exact=True),
        is_choosing=is_choosing,
        zone="" if zone == LOCAL else zone.name,
        demo=demo,
        paused=poller.paused,
        max_staleness=poller.max_staleness,
        slow_answer=poller.slow_answer,
        silent_since=poller.silent_since,
        trouble=trouble(failure.error) if failure else None,
        caution=known.caution(store.actor) if known and store else "",
    )


_TROUBLES: Mapping[type[errors.StoreError], str] = {
    errors.Unreachable: "no connection",
    errors.SignInRefused: "sign-in refused",
    errors.TimedOut: "no answer in time",
    errors.NoPrivilege: "no privilege",
    errors.SchemaMissing: "no schema",
    errors.ServerFailure: "server failure",
}


def trouble(error: errors.StoreError) -> str:
    """Return a reason of two or three words why there is no data."""
    return next((words for kind, words in _TROUBLES.items() if isinstance(error, kind)), "nothing read")


class Banner(SteadyText):
    """A banner for errors and warnings. It is hidden if there are none."""

    DEFAULT_CSS = """
    Banner {
        display: none;
        padding: 0 1;
        background: $error-muted;
        color: $text-error;

        &.-caution { background: $warning-muted; color: $text-warning; }
    }
    """

    def show(self, content: Content, *, is_caution: bool) -> None:
        """Show an error, or a warning about data that is fresh but incomplete. Empty content hides the banner."""
        if content:
            self.set_content(content)
            self.set_class(is_caution, "-caution")
        self.display = bool(content)


def banner_content(
    failure: ListPollFailed,
    *,
    data_from: datetime | None,
    is_paused: bool,
    now: datetime,
    refresh: str = "f5",
    zone: tzinfo | None = None,
) -> Content:
    """Return the banner of a failure. Times are by the local clock. `data_from` is None if nothing was read.

    `refresh` is the key that retries at once.
    """
    _, _, since = local_time(failure.since, zone).partition(" ")
    message = (f"✗ {clean(failure.error.message, limit=400)}", "bold")
    words = [clean(failure.error.hint, limit=400)] if failure.error.hint else []
    if isinstance(failure.error, errors.InvalidValue):
        # The same request would be refused again.
        return Content("\n").join([Content.assemble(message), Content(" ".join(words))])
    first = Content.assemble(message, f" Since {since}.")
    if data_from is not None:
        words.append(f"The data is {elapsed((now - data_from).total_seconds())} old.")
    retry_at = failure.retry_at()
    if retry_at is None or is_paused:
        words.append(f"Press {refresh} to try again.")
    else:
        left = ceil((retry_at - now).total_seconds())
        words.append(f"Retrying in {elapsed(left)}." if left > 0 else "Retrying …")
        words.append(f"Press {refresh} to retry now.")
    return Content("\n").join([first, Content(" ".join(words))])
