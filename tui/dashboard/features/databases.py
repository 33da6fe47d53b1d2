"""The databases to choose from, switching to one, write permits, and the refresh interval."""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Button, Input, Select, Static

from gjobs.store.configuration.settings import EMBEDDED, WriteAccess, WriteMode
from gjobs.store.users.actor import actor_name
from gjobs.tui.dashboard.bindings import APP_BINDINGS, key_of
from gjobs.tui.dashboard.dialogs.form import FieldProblem, FormDialog
from gjobs.tui.dashboard.dialogs.pick import Choice, PickDialog
from gjobs.tui.dashboard.panels.status_line import PERMIT_ENDED, permit_hint
from gjobs.tui.dashboard.session.setup import DatabaseChoice
from gjobs.tui.dashboard.widgets.message_board import show_message, show_warning
from gjobs.tui.dashboard.widgets.widgets import TextField
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import error_words
from gjobs.tui.text.statistics_text import load_summary, pace_words
from gjobs.tui.text.write_text import where

if TYPE_CHECKING:
    from gjobs.tui.dashboard.actions.action_host import ActionHost


ALONE = "No other database is configured. Run 'gjobs config path' to see where to add profiles."

IN_BROWSER = "A browser tab shows only the database that 'gjobs serve' opens."


async def pick_database(host: "ActionHost") -> None:
    await host.find_databases()
    known = host.database_choices
    if len(known) < 2:
        show_warning(host.app, IN_BROWSER if host.app.is_web else ALONE)
        return
    choices = [listed_database(str(place), one) for place, one in enumerate(known)]
    present = str(known.index(host.database_choice)) if host.database_choice in known else None
    dialog = PickDialog(title="Switch to which database?", choices=choices, chosen=present)
    dialog.help_topic = "profiles"
    picked = await host.app.push_screen_wait(dialog)
    if picked is not None and picked != present:
        host.switch_to(known[int(picked)])


def listed_database(key: str, choice: "DatabaseChoice") -> Choice:
    return Choice(key=key, label=full_name(choice), detail=choice.detail, ending=choice.rule, color=choice.color)


def full_name(choice: "DatabaseChoice") -> str:
    """Return the description, or else the label, with the profile's name if that is different."""
    if choice.description is not None:
        return choice.description
    label, name = choice.label, choice.name
    if label is None:
        return "the given address"
    return label if label == name else f"{label} ({name})"


def is_read_only(host: "ActionHost") -> bool:
    """Return whether the session may not write, for key hints."""
    return host.poller.session is not None and not host.poller.session.access.may_write


def may_write(host: "ActionHost") -> bool:
    """Return whether the session may write. Otherwise show why not, and which key helps."""
    session = host.poller.session
    if session is None or session.access.may_write:
        return True
    show_warning(host.app, _why_not(host, session.access))
    return False


def _why_not(host: "ActionHost", access: WriteAccess) -> str:
    if access.is_closed:
        return error_words(access.refusal())
    return f"This session is read-only. {permit_hint(host.app)}"


async def toggle_write_permit(host: "ActionHost") -> None:
    """Close an open permit at once, or ask for a new one."""
    session, store = host.poller.session, host.poller.store
    if session is None or store is None:
        show_warning(host.app, "Not connected to a database yet.")
        return
    access = session.access
    if access.is_closed:
        show_warning(host.app, error_words(access.refusal()))
    elif access.rule is WriteMode.OPEN:
        show_message(host.app, "This session needs no write permit. It can always write.")
    elif access.permit is not None:
        access.close_permit()
        host.show_status()
        show_message(host.app, PERMIT_ENDED)
    else:

        async def open_permit(draft: WritePermitDraft) -> WritePermitDraft | None:
            """Open the permit, unless the database has changed or become a replica since."""
            if host.poller.session is not session or access.is_closed:
                return None
            access.open_permit(draft.reason, draft.minutes * 60)
            return draft

        lines = (where(session.full_name), f"As: {clean(actor_name(store.actor), limit=60)}")
        draft = await host.app.push_screen_wait(WritePermitDialog(lines=lines, submit=open_permit))
        if draft is not None:
            host.show_status()
            key = key_of(host.app, APP_BINDINGS, "app.write")
            show_warning(host.app, f"You may write for {draft.minutes} minutes. Press {key} to end the permit.")


MINUTES = (2, 5, 15, 30)
USUAL_MINUTES = 5
LONGEST_REASON = 200
"""Characters. The reason must fit on a line and in the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePermitDraft:
    reason: str
    minutes: int


class MinutesSelect(Select[int]):
    """A choice of minutes. Enter sends the form. Arrows and space open the list."""

    def key_enter(self, event: events.Key) -> None:
        if not self.expanded:
            event.stop()
            self.screen.query_one("#agree", Button).press()


class WritePermitDialog(FormDialog[WritePermitDraft | None]):
    def __init__(
        self,
        *,
        lines: tuple[str, ...],
        submit: Callable[[WritePermitDraft], Coroutine[Any, Any, WritePermitDraft | None]],
    ) -> None:
        """`lines` name the database to write to. They must be clean text."""
        super().__init__()
        self._lines = lines
        self._submit = submit

    def compose(self) -> ComposeResult:
        with self.box("Allow writes"):
            yield Static(Content("\n".join(self._lines)), markup=False)
            yield Static("Reason, kept in the journal", classes="label", markup=False)
            yield TextField(id="reason", placeholder="For example: ticket 4711, stuck jobs")
            yield FieldProblem(id="problem")
            yield Static("Duration", classes="label", markup=False)
            yield MinutesSelect(
                [(f"{minutes} minutes", minutes) for minutes in MINUTES],
                value=USUAL_MINUTES,
                allow_blank=False,
                id="minutes",
                compact=True,
            )
            yield self.buttons(agree="Write (enter)")

    def on_mount(self) -> None:
        self.query_one("#reason", Input).focus()

    def read(self) -> Coroutine[Any, Any, WritePermitDraft | None] | None:
        reason = self.query_one("#reason", Input).value.strip()
        minutes = self.query_one("#minutes", Select).value
        if not reason:
            self.complain("reason", "Type a reason for writing.")
        elif len(reason) > LONGEST_REASON:
            self.problem.say(f"The reason has {len(reason)} characters. The maximum is {LONGEST_REASON}.")
        elif isinstance(minutes, int):
            return self._submit(WritePermitDraft(reason=reason, minutes=minutes))
        return None


def step_interval(host: "ActionHost", steps: int) -> None:
    """Change the interval by steps, slower if positive."""
    poller = host.poller
    before = poller.interval
    poller.step_interval(steps)
    host.show_status()
    if poller.interval == before:
        limit = "shortest" if steps < 0 else "longest"
        show_warning(host.app, f"{before:g} s is the {limit} interval.")
    elif poller.max_staleness > poller.interval:
        show_message(host.app, f"It refreshes {_pace(host)}.")


def show_load(host: "ActionHost") -> None:
    """Show the load that polling causes, and when the dashboard refreshes."""
    load = host.poller.load
    text = "No query has been sent yet." if load is None else f"It refreshes {_pace(host)}. {load_summary(load)}."
    show_message(host.app, text)


def _pace(host: "ActionHost") -> str:
    poller = host.poller
    return pace_words(poller.max_staleness, interval=poller.interval, is_woken=poller.is_woken, cause=poller.pace_cause)


REMARK = "The files of this app name these databases."
LOCAL, ALL_READ_ONLY = "You may write only to local ones.", "All of them are read-only."
"""Sentences after the remark. The first warns that writing to a local database needs no write permit."""


def skipped_words(number: int) -> str:
    values = "1 entry" if number == 1 else f"{number} entries"
    return f"gjobs skipped {values} of the app's files: 'gjobs profiles' says why."


class FirstQuestion(PickDialog):
    """Return EMBEDDED for the sample database, or the position of a found one."""

    DEFAULT_CSS = """
    FirstQuestion {
        #dialog { width: 92; }
        #later { color: $foreground-muted; margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        # Otherwise, the input field would handle Ctrl+C and copy its selection.
        Binding("ctrl+c", "app.quit", "Quit", show=False, priority=True, id="dialog.quit", tooltip="Quit gjobs"),
    ]
    help_topic = "connecting"

    def __init__(self, choices: Sequence[DatabaseChoice], *, chosen: int | None, skipped: int = 0) -> None:
        """`chosen` is the position of the last answer, and `skipped` the number of values that cannot be used."""
        self._skipped = skipped
        may_write = any(one.may_write for one in choices)
        found = [listed_database(str(place), one) for place, one in enumerate(choices)]
        super().__init__(
            title="Open which database?",
            choices=[Choice(key=EMBEDDED, label="Sample database", detail="with jobs to practise on"), *found],
            chosen=None if chosen is None else str(chosen),
            remark=f"{REMARK} {LOCAL if may_write else ALL_READ_ONLY}",
        )

    def further_parts(self) -> ComposeResult:
        switch = key_of(self.app, APP_BINDINGS, "app.database")
        leave, end = self.key("dialog.leave"), key_of(self.app, APP_BINDINGS, "app.quit_anywhere")
        text = f"{switch} switches later. {leave} opens the sample database, and gjobs asks again. {end} quits."
        if self._skipped:
            text += f" {skipped_words(self._skipped)}"
        yield Static(Content(text), id="later", markup=False)

    def further_keys(self) -> Iterator[tuple[str, str]]:
        """Yield none: the sentence above names them."""
        yield from ()
