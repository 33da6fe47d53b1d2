"""Switches database, opens a write permit, sets the interval."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Button, Input, Select, Static

from store.database.write_access import WriteAccess, WriteMode
from store.users.actor import actor_name
from tui.dashboard.dialogs.dialog import Dialog
from tui.dashboard.dialogs.form import FieldProblem
from tui.dashboard.keys.bindings import APP_BINDINGS, key_of
from tui.dashboard.widgets import TextField, show_toast
from tui.text.clean_text import clean
from tui.text.error_text import Toast, error_words
from tui.text.timings_text import load_sentence, pace_sentence

if TYPE_CHECKING:
    from tui.dashboard.app import GjobsApp
    from tui.dashboard.setup import DatabaseChoice

ALONE = "No other database is known here. 'gjobs config path' tells where profiles are configured."


async def pick_database(app: "GjobsApp") -> None:
    from tui.dashboard.dialogs.pick import Choice, PickDialog

    known = app.destinations
    if len(known) < 2:
        show_toast(app, Toast(text=ALONE, severity="warning"))
        return
    choices = [
        Choice(key=str(place), label=full_name(one), detail=one.detail, color=one.color)
        for place, one in enumerate(known)
    ]
    present = str(known.index(app.destination)) if app.destination in known else None
    picked = await app.push_screen_wait(PickDialog(title="Look at which database?", choices=choices, chosen=present))
    if picked is not None and picked != present:
        app.switch_to(known[int(picked)])


def full_name(destination: "DatabaseChoice") -> str:
    """The label, and the profile's name where that is another."""
    label, name = destination.label, destination.name
    if label is None:
        return "the address that was given"
    return label if label == name else f"{label} ({name})"


ENDED = "Writing has ended: this session is read-only again."


def may_write(app: "GjobsApp") -> bool:
    """Where it may not, says why, and what to press."""
    session = app.connection.session
    if session is None or session.access.may_write:
        return True
    show_toast(app, Toast(text=_why_not(app, session.access), severity="warning"))
    return False


def _why_not(app: "GjobsApp", access: WriteAccess) -> str:
    if access.rule is WriteMode.CLOSED:
        return error_words(access.refusal())
    return f"This session is read-only. {opened_by(app)}"


def opened_by(app: "GjobsApp") -> str:
    """What to do about a session that takes a lease."""
    return f"Press {key_of(app, APP_BINDINGS, 'app.write')} to write for some minutes."


async def toggle_write_permit(app: "GjobsApp") -> None:
    """An open lease is closed at once: what is safe needs no question."""
    session, store = app.connection.session, app.connection.store
    if session is None or store is None:
        show_toast(app, Toast(text="Not possible yet: there is no database.", severity="warning"))
        return
    access = session.access
    if access.rule is WriteMode.OPEN:
        show_toast(app, Toast(text="This session may write as it is: it needs no reason."))
    elif access.rule is WriteMode.CLOSED:
        show_toast(app, Toast(text=error_words(access.refusal()), severity="warning"))
    elif access.permit is not None:
        access.close_permit()
        app.show_status()
        show_toast(app, Toast(text=ENDED))
    else:
        from tui.text.write_text import where

        lines = (where(session.full_name), f"As: {clean(actor_name(store.actor), limit=60)}")
        wanted = await app.push_screen_wait(WritePermitDialog(lines=lines))
        # Meanwhile another database may have been opened, or this one have turned out to be a replica.
        if wanted is not None and app.connection.session is session and access.rule is WriteMode.PERMIT_REQUIRED:
            access.open_permit(wanted.reason, wanted.minutes * 60)
            app.show_status()
            key = key_of(app, APP_BINDINGS, "app.write")
            show_toast(
                app, Toast(text=f"You may write for {wanted.minutes} minutes. {key} ends it.", severity="warning")
            )


MINUTES = (2, 5, 15, 30)
USUAL_MINUTES = 5
LONGEST_REASON = 200
"""Characters: it is to be read on a line, and in the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePermitDraft:
    reason: str
    minutes: int


class WritePermitDialog(Dialog[WritePermitDraft]):
    def __init__(self, *, lines: tuple[str, ...]) -> None:
        """`lines` say where one is about to write: clean text."""
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        with self.box("Write on purpose"):
            yield Static(Content("\n".join(self._lines)), markup=False)
            yield Static("Reason, kept in the journal", classes="label", markup=False)
            yield TextField(id="reason", placeholder="Such as: ticket 4711, stuck jobs")
            yield FieldProblem(id="problem")
            yield Static("For how long", classes="label", markup=False)
            yield Select(
                [(f"{minutes} minutes", minutes) for minutes in MINUTES],
                value=USUAL_MINUTES,
                allow_blank=False,
                id="minutes",
                compact=True,
            )
            yield self.buttons(agree="Write (enter)")

    def on_mount(self) -> None:
        self.query_one("#reason", Input).focus()

    @on(Input.Changed)
    def _forget_problem(self) -> None:
        self.query_one(FieldProblem).clear()

    @on(Input.Submitted)
    @on(Button.Pressed, "#agree")
    def _take(self) -> None:
        reason = self.query_one("#reason", Input).value.strip()
        minutes = self.query_one("#minutes", Select).value
        if not reason:
            self.query_one(FieldProblem).say("Writing here takes a reason.")
            self.query_one("#reason", Input).focus()
        elif len(reason) > LONGEST_REASON:
            self.query_one(FieldProblem).say(f"At most {LONGEST_REASON} characters; these are {len(reason)}.")
        elif isinstance(minutes, int):
            self.dismiss(WritePermitDraft(reason=reason, minutes=minutes))


def step_interval(app: "GjobsApp", steps: int) -> None:
    """Slower by so many steps, faster where negative."""
    connection = app.connection
    before = connection.interval
    connection.step_interval(steps)
    app.show_status()
    if connection.interval == before:
        limit = "shortest" if steps < 0 else "longest"
        show_toast(app, Toast(text=f"{before:g} s is the {limit} interval.", severity="warning"))
    elif connection.max_staleness > connection.interval:
        show_toast(app, Toast(text=_pace(app)))


def tell_load(app: "GjobsApp") -> None:
    """What looking costs: asked for before anybody complains."""
    if (load := app.connection.load) is None:
        show_toast(app, Toast(text="Nothing was asked of a database yet."))
        return
    show_toast(app, Toast(text=f"{load_sentence(load)} {_pace(app)}"))


def _pace(app: "GjobsApp") -> str:
    connection = app.connection
    return pace_sentence(connection.max_staleness, interval=connection.interval, is_woken=connection.is_woken)
