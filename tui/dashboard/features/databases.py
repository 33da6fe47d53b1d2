"""The databases to choose from, switching to one, write permits, and the refresh interval."""

from collections.abc import Coroutine, Sequence
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Button, Input, Select, Static

from gjobs.store.configuration.settings import LONGEST_REASON, WriteMode
from gjobs.store.store import Store
from gjobs.store.users.actor import Actor, actor_name
from gjobs.tui.dashboard.actions.action_host import ActionHost
from gjobs.tui.dashboard.bindings import bind, key_of
from gjobs.tui.dashboard.dialogs.form import TextPrompt
from gjobs.tui.dashboard.dialogs.pick import Choice, PickDialog
from gjobs.tui.dashboard.panels.status_line import PERMIT_ENDED, permit_hint
from gjobs.tui.dashboard.session.setup import DatabaseChoice, skipped_words
from gjobs.tui.dashboard.widgets.message_board import show_message, show_warning
from gjobs.tui.session import Session
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import error_words
from gjobs.tui.text.statistics_text import load_summary, pace_words
from gjobs.tui.text.write_text import where

ALONE = "No other database is configured. Run 'gjobs config path' to see where to add profiles."

IN_BROWSER = "A browser tab shows only the database that 'gjobs serve' opens."


async def pick_database(host: ActionHost) -> None:
    await host.database_choices.find()
    known = host.database_choices.all
    if len(known) < 2:
        show_warning(host, IN_BROWSER if host.is_web else ALONE)
        return
    choices = list(map(listed_database, known))
    dialog = PickDialog(title="Switch to which database?", choices=choices, chosen=host.database_choice)
    dialog.help_topic = "profiles"
    picked = await host.push_screen_wait(dialog)
    if picked is not None and picked.value != host.database_choice:
        host.switch_to(picked.value)


def listed_database(choice: "DatabaseChoice") -> Choice[DatabaseChoice]:
    name, color = full_name(choice), choice.profile.color
    return Choice(value=choice, label=name, detail=choice.detail, ending=choice.rule, color=color)


def full_name(choice: "DatabaseChoice") -> str:
    """Return the description, or else the label, with the profile's name if that is different."""
    if choice.description is not None:
        return choice.description
    label, name = choice.profile.label, choice.profile.name
    if not name:
        return "the given address"
    return label if label == name else f"{label} ({name})"


def is_read_only(host: ActionHost) -> bool:
    """Return whether the session may not write, for key hints."""
    return host.poller.session is not None and not host.poller.session.access.may_write


def may_write(host: ActionHost) -> bool:
    """Return whether the session may write. Otherwise show why not, and which key helps."""
    session = host.poller.session
    if session is None or session.access.may_write:
        return True
    access, read_only = session.access, f"This session is read-only. {permit_hint(host)}"
    show_warning(host, error_words(access.refusal()) if access.is_closed else read_only)
    return False


async def toggle_write_permit(host: ActionHost, session: Session, store: Store) -> None:
    """Close an open permit at once, or ask for a new one."""
    access = session.access
    if access.is_closed:
        show_warning(host, error_words(access.refusal()))
    elif access.rule is WriteMode.OPEN:
        show_message(host, "This session needs no write permit. It can always write.")
    elif access.permit is not None:
        access.close_permit()
        host.show_status()
        show_message(host, PERMIT_ENDED)
    elif minutes := await host.push_screen_wait(WritePermitDialog(host, session, store.actor)):
        host.show_status()
        key = key_of(host, "app.write")
        show_warning(host, f"You may write for {minutes} minutes. Press {key} to end the permit.")


MINUTES = (2, 5, 15, 30)
USUAL_MINUTES = 5


class MinutesSelect(Select[int]):
    """A choice of minutes. Enter sends the form. Arrows and space open the list."""

    def key_enter(self, event: events.Key) -> None:
        if not self.expanded:
            event.stop()
            self.screen.query_one("#agree", Button).press()


class WritePermitDialog(TextPrompt[int | None]):
    """Open a write permit. Return its minutes."""

    empty_words = "Type a reason for writing."
    help_topic = "writing-safely"

    def __init__(self, host: ActionHost, session: Session, actor: Actor) -> None:
        self._host = host
        self._session = session
        super().__init__(
            title="Allow writes",
            lines=(where(session.full_name), f"As: {clean(actor_name(actor), limit=60)}"),
            label="Reason, kept in the journal",
            agree="Write",
            placeholder="For example: ticket 4711, stuck jobs",
            submit=self._open,
        )

    def further_fields(self) -> ComposeResult:
        yield Static("Duration", classes="label", markup=False)
        choices = [(f"{minutes} minutes", minutes) for minutes in MINUTES]
        yield MinutesSelect(choices, value=USUAL_MINUTES, allow_blank=False, id="minutes", compact=True)

    def read(self) -> Coroutine[Any, Any, int | None] | None:
        self._minutes = self.query_one(MinutesSelect).value
        length = len(self.query_one(Input).value.strip())
        if length > LONGEST_REASON:
            self.show_problem(f"The reason has {length} characters. The maximum is {LONGEST_REASON}.")
            return None
        return super().read()

    async def _open(self, reason: str) -> int | None:
        """Open the permit, unless the database has changed or become a replica since."""
        access, minutes = self._session.access, self._minutes
        if self._host.poller.session is not self._session or access.is_closed or not isinstance(minutes, int):
            return None
        access.open_permit(reason.strip(), minutes * 60)
        return minutes


def step_interval(host: ActionHost, steps: int) -> None:
    """Change the interval by steps, slower if positive."""
    poller = host.poller
    before = poller.interval
    poller.step_interval(steps)
    host.show_status()
    if poller.interval == before:
        limit = "shortest" if steps < 0 else "longest"
        show_warning(host, f"{before:g} s is the {limit} interval.")
    elif poller.max_staleness > poller.interval:
        show_message(host, f"gjobs refreshes {_pace(host)}.")


def show_load(host: ActionHost) -> None:
    """Show the load that polling causes, and when the dashboard refreshes."""
    load = host.poller.load
    text = "No query has been sent yet." if load is None else f"gjobs refreshes {_pace(host)}. {load_summary(load)}."
    show_message(host, text)


def _pace(host: ActionHost) -> str:
    poller = host.poller
    return pace_words(poller.max_staleness, interval=poller.interval, is_woken=poller.is_woken, cause=poller.pace_cause)


TYPED_EARLY = "gjobs asks which database to open. It ignored the keys that you typed before."
REMARK = "The files of this app name these databases."
LOCAL, ALL_READ_ONLY = "You may write only to local ones.", "All of them are read-only."
"""Sentences after the remark. The first warns that writing to a local database needs no write permit."""


class FirstQuestion(PickDialog[DatabaseChoice | None]):
    """Return the choice of a found database. The sample database has no value."""

    DEFAULT_CSS = "FirstQuestion #dialog { width: 92; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        # Otherwise, the input field would handle Ctrl+C and copy its selection.
        bind("first.quit", "ctrl+c", "Quit", "Quit gjobs", action="app.quit", priority=True),
    ]
    HINTS = ()
    """None: a sentence names the keys."""
    help_topic = "connecting"

    def __init__(self, choices: Sequence[DatabaseChoice], *, chosen: DatabaseChoice | None, skipped: int = 0) -> None:
        """`chosen` is the last answer, and `skipped` the number of values that cannot be used."""
        self._skipped = skipped
        may_write = any(one.may_write for one in choices)
        sample = Choice(value=None, label="Sample database", detail="with jobs to practise on")
        super().__init__(
            title="Open which database?",
            choices=[sample, *map(listed_database, choices)],
            chosen=chosen,
            remark=f"{REMARK} {LOCAL if may_write else ALL_READ_ONLY}",
        )

    def further_parts(self) -> ComposeResult:
        switch = key_of(self.app, "app.database")
        leave, end = self.key("dialog.leave"), key_of(self.app, "app.quit_anywhere")
        text = f"{switch} switches later. {leave} opens the sample database, and gjobs asks again. {end} quits."
        if self._skipped:
            text += f" {skipped_words(self._skipped)}"
        yield Static(Content(text), id="later", classes="label", markup=False)


async def ask_first(
    host: ActionHost, choices: Sequence[DatabaseChoice], chosen: DatabaseChoice | None, skipped: int
) -> Choice[DatabaseChoice | None] | None:
    # The user had not yet seen the question when these keys were typed.
    host.key_queue.drop_until_seen(TYPED_EARLY)
    return await host.push_screen_wait(FirstQuestion(choices, chosen=chosen, skipped=skipped))
