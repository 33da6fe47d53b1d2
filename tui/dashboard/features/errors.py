"""The dialog of failed jobs by error: groups as lines and details, a filter, and a text for a ticket."""

import shlex
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import ClassVar, assert_never
from uuid import UUID

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from gjobs.store.capabilities.capability import Capability
from gjobs.store.configuration.settings import ANON_NAME, OPERATOR_NAME
from gjobs.store.error_groups.error_group import WEEK, ErrorGroup, ErrorGroups, ErrorScope, error_group_id
from gjobs.store.errors import StoreError, TimedOut
from gjobs.store.filters.filter_syntax import format_filter
from gjobs.store.filters.filter_terms import JobFilter, Key, Term
from gjobs.store.jobs.job import GenerationJob, JobStatus, ListedJob
from gjobs.store.store import Store
from gjobs.store.users.actor import ActingUser, Actor, Anon, Operator
from gjobs.store.values.formats import money
from gjobs.store.values.page_sizes import MAX_LIMIT, PAGE_SIZE
from gjobs.tui.case.redaction import Redactor, redacted_group
from gjobs.tui.dashboard.actions.action_context import context_for
from gjobs.tui.dashboard.actions.action_host import ActionHost
from gjobs.tui.dashboard.bindings import DIALOG, KEY_ONLY, WRITES, bind, keys_with
from gjobs.tui.dashboard.dialogs.dialog import choices_line
from gjobs.tui.dashboard.dialogs.list_dialog import RowsDialog, cells_of, fitted, row_line, titles_line
from gjobs.tui.dashboard.features.case import show_case_of_job
from gjobs.tui.dashboard.features.databases import is_read_only, may_write
from gjobs.tui.dashboard.features.jobs import JobActions
from gjobs.tui.dashboard.features.statistics import SPANS, WasteDialog
from gjobs.tui.dashboard.terminal.clipboard import copy_text
from gjobs.tui.dashboard.widgets.message_board import drop_message, show_message, show_warning
from gjobs.tui.dashboard.widgets.widgets import SteadyText
from gjobs.tui.text import error_text
from gjobs.tui.text.clean_text import clean, shorten
from gjobs.tui.text.error_text import COST, ERROR, FAILED, MODES, USERS, seen_columns, trend_column
from gjobs.tui.text.format import MUTED, Column, ShownZone, age, count, jobs_count, local_time, moment_words, short_id

_LEAST_ERROR_CELLS = 30
"""The error gets this width before the trend and the modes get more."""


def group_columns(width: int, groups: Sequence[ErrorGroup], now: datetime) -> Sequence[Column[ErrorGroup]]:
    """Return the columns that fit beside the error. The details have what is left out."""
    times = seen_columns(lambda then: age(then, now).removesuffix(" ago"))
    failed, last, first, users, cost, error, modes = fitted((FAILED, *times, USERS, COST, ERROR, MODES), groups)
    columns = [failed, trend_column(8), last]
    wanted = [
        ([*columns, cost], 24),
        ([*columns, cost, users], 24),
        ([failed, trend_column(12), last, first, cost, users], _LEAST_ERROR_CELLS),
        ([failed, trend_column(12), last, first, cost, users, MODES], _LEAST_ERROR_CELLS),
        ([failed, trend_column(24), last, first, cost, users, MODES], 50),
    ]
    columns = next((one for one, least in reversed(wanted) if cells_of(one) + least <= width), columns)
    if columns[-1] is MODES:
        # The modes get what the errors leave.
        left = width - cells_of(columns) - max(error.cells, _LEAST_ERROR_CELLS)
        columns[-1] = replace(MODES, cells=min(MODES.cells + max(left, 0), modes.cells))
    return [*columns[:2], replace(ERROR, cells=max(width - cells_of(columns), 1)), *columns[2:]]


def without_colors(columns: Sequence[Column[ErrorGroup]]) -> Sequence[Column[ErrorGroup]]:
    """Return the columns for the line under the cursor, where colors would be hard to read."""
    return [column if column.style == ERROR.style else replace(column, style="") for column in columns]


def group_details(group: ErrorGroup, found: ErrorGroups, emails: Mapping[UUID, str], zone: tzinfo | None) -> Content:
    """Return what is known about a group, then its example. No zone means this machine's zone."""
    now = found.taken_at
    facts = (
        ("Group", f"{group.id}, {error_text.failures_count(group.count)} in {error_text.span(found.window)}"),
        ("First", f"{age(group.first_seen, now)}, {local_time(group.first_seen, zone)}"),
        ("Last", f"{age(group.last_seen, now)}, {local_time(group.last_seen, zone)}"),
        ("Modes", error_text.modes_words(group)),
        ("Cost", money(group.cost_cents)),
        ("Users", error_text.users_words(group, emails)),
        ("Example", f"job {short_id(group.example_job_id)}"),
    )
    lines = [Content.assemble((f"{name:<8} ", MUTED), text) for name, text in facts]
    return Content("\n").join(
        [Content.styled(error_text.group_name(group), "bold"), *lines, Content(error_text.example_text(group))]
    )


def group_filter(scope: ErrorScope, group: ErrorGroup) -> str:
    """Return the filter that lists the failed jobs of the group."""
    terms = (
        *scope.job_filter.terms,
        Term(key=Key.ERROR_GROUP, values=(group.id,)),
        Term(key=Key.STATUS, values=(JobStatus.FAILED.value,)),
    )
    return format_filter(JobFilter(terms=terms))


def group_copy(group: ErrorGroup, found: ErrorGroups, *, scope: ErrorScope, actor: Actor) -> str:
    """Return the group as text. Users are named by their ids, and the example is redacted."""
    redactor = Redactor(ids=(group.example_job_id, *group.users))
    return error_text.ticket_text(redacted_group(group, redactor.text), found, command=_command(scope, group, actor))


def _command(scope: ErrorScope, group: ErrorGroup, actor: Actor) -> str:
    of_project = [] if scope.project_id is None else ["--project", str(scope.project_id)]
    limit = ["--limit", str(min(group.count, MAX_LIMIT))] if group.count > PAGE_SIZE else []
    match actor:
        case ActingUser(id=user):
            acting = str(user)
        case Operator():
            acting = OPERATOR_NAME
        case Anon():
            acting = ANON_NAME
        case _:
            assert_never(actor)
    chosen = [*of_project, "--filter", group_filter(scope, group), *limit, "--as", acting]
    return shlex.join(["gjobs", "jobs", "list", *chosen])


_OF_GROUPS = frozenset({Key.STATUS, Key.ERROR_GROUP})
"""Filter terms that the errors screen ignores, because all groups contain failed jobs."""
SEEN_SECONDS = 0.3
"""A key typed less than this many seconds after the groups appear was not meant for the group under the cursor."""

_BESIDE_FROM = 160
"""The minimum screen width, in columns, at which details appear beside the groups."""
_BELOW_FROM = 16
"""The minimum screen height, in lines, at which details appear below the groups."""
_DETAILS_WIDTH = 56
_EDGES = 4
"""The box has a border and a padding of one cell on each side."""
_READING = "reading"
_TOO_SOON = "The groups have just been read, or are still being read. Press the key again."


class ErrorsDialog(RowsDialog[ErrorGroup, ErrorGroup]):
    """The failures of the list: those of its project that match its filter. Project and filter stay as they were when
    the dialog opened, even if the list changes. Return the group whose jobs are to be listed.

    The cursor starts on the group of the job under the cursor of the list.
    """

    DEFAULT_CSS = """
    ErrorsDialog {
        #dialog { width: 100%; max-width: 100%; height: 100%; max-height: 100%; padding: 0 1; overflow: hidden; }
        #spans { height: 1; }
        #summary { height: auto; max-height: 2; margin-bottom: 1; color: $foreground-muted; }
        #list { height: auto; max-height: 40%; }
        #titles { dock: top; height: 1; text-wrap: nowrap; }
        OptionList { height: auto; max-height: 100%; scrollbar-gutter: stable; }
        OptionList:focus {
            /* The details take the focus, too. Rows know the color of the cursor. */
            & > .option-list--option-highlighted {
                color: $block-cursor-foreground;
                background: $block-cursor-background;
            }
        }
        #details { height: 1fr; border-top: solid $primary; }
        #keys { height: auto; color: $foreground-muted; text-wrap: nowrap; text-overflow: ellipsis; }

        &.-short {
            #summary { max-height: 1; margin-bottom: 0; }
            #list { height: 1fr; max-height: 100%; }
            #details { display: none; }
            #keys { max-height: 1; }
        }
        &.-beside {
            #parts { layout: horizontal; }
            #list { width: 1fr; height: 1fr; max-height: 100%; }
            #details { width: 56; height: 1fr; border-top: none; border-left: solid $primary; padding-left: 1; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("errors.close", "E,q", "Close", "Close the errors", action="leave"),
        bind("errors.down", "j", "Down", "Go to the next group", KEY_ONLY, "move_cursor(1)"),
        bind("errors.up", "k", "Up", "Go to the previous group", KEY_ONLY, "move_cursor(-1)"),
        bind("errors.list", "enter", "Jobs", "List the failed jobs of this group", action="list"),
        bind("errors.retry", "r", "Retry all", "Retry the failed jobs of this group", WRITES | DIALOG, "retry_group"),
        bind("errors.copy", "y", "Copy", "Copy this group as text for a ticket", action="copy"),
        bind("errors.case", "C", "Case", "Create a case of the group's newest job, for a ticket", DIALOG, "case"),
        bind("errors.waste", "w", "Waste", "Show what failed jobs and retries cost", DIALOG, "waste"),
        bind("errors.longer", "right,l", "Longer", "Choose a longer period", action="step(1)"),
        bind("errors.shorter", "left,h", "Shorter", "Choose a shorter period", action="step(-1)"),
        bind(
            "errors.pane",
            "tab",
            "Error",
            "Go to the error to scroll it, or back to the groups",
            action="app.focus_next",
        ),
        bind("errors.again", "f5", "Refresh", "Read the failures again", action="read"),
        bind("errors.stop", "x", "Stop", "Stop reading the failures", action="stop"),
    ]
    HINTS = (
        *("errors.list", "errors.retry", "errors.copy", "errors.case", "errors.waste", "errors.shorter errors.longer"),
        *("errors.pane", "errors.again", "dialog.zone", "dialog.leave"),
    )
    HINT_WORDS: ClassVar[Mapping[str, str]] = {
        "errors.pane": "scroll the error",
        "errors.shorter errors.longer": "period",
    }
    help_topic = "errors"

    def __init__(self, host: ActionHost, store: Store) -> None:
        super().__init__()
        listed = host.dashboard.listed
        self._host = host
        self._store = store
        self._of = host.dashboard.listed_name
        self._job = host.dashboard.jobs.table.cursor_job
        terms = tuple(term for term in listed.job_filter.terms if term.key not in _OF_GROUPS)
        self.scope = ErrorScope(project_id=listed.project_id, job_filter=JobFilter(terms=terms))
        """What is grouped, in the period that was read last."""
        self._emails = error_text.NO_EMAILS
        self._clicked_at = 0.0
        self._span = SPANS.index(WEEK)
        self._found: ErrorGroups | None = None
        self._columns: Sequence[Column[ErrorGroup]] = ()
        self._line_under_cursor: int | None = None
        self._reading_since = 0.0
        self._drawn_at = 0.0
        self._is_retrying = False

    def compose(self) -> ComposeResult:
        job_filter = self.scope.job_filter
        narrowed = f" · {clean(format_filter(job_filter), limit=60)}" if job_filter else ""
        with self.box(f"Errors · {self._of}{narrowed}"):
            yield SteadyText(id="spans")
            yield SteadyText(id="summary")
            with Container(id="parts"):
                with Vertical(id="list"):
                    yield SteadyText(id="titles")
                    yield OptionList(id="groups", markup=False, compact=True)
                with VerticalScroll(id="details"):
                    yield SteadyText(id="group")
            yield SteadyText(id="keys")

    def on_mount(self) -> None:
        self._show_keys()
        self._ticker = self.set_interval(1.0, self._show_reading, pause=True)
        """Runs while the failures are read."""
        self.action_read()

    def on_unmount(self) -> None:
        drop_message(self.app, _TOO_SOON)

    # Reading

    @property
    def is_current(self) -> bool:
        """Whether the dashboard still shows the same database as the same actor."""
        return self._host.poller.store is self._store

    def is_ready(self, moment: float) -> bool:
        """Whether the groups had been visible long enough for a key typed at this moment to refer to them."""
        is_seen = moment - self._drawn_at >= SEEN_SECONDS
        is_reading = any(one.group == _READING and not one.is_finished for one in self.workers)
        return self._found is not None and is_seen and not is_reading

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._clicked_at = event.time

    def action_step(self, steps: int) -> None:
        span_place = min(max(self._span + steps, 0), len(SPANS) - 1)
        if span_place != self._span:
            self._span = span_place
            self._show(None)
            self.action_read()

    def action_read(self) -> None:
        self._reading_since = time.monotonic()
        self.set_part("spans", choices_line(map(error_text.span, SPANS), self._span))
        self._show_reading()
        self._ticker.resume()
        self.run_worker(self._read(), group=_READING, exclusive=True)

    async def _read(self) -> None:
        scope = replace(self.scope, window=SPANS[self._span])
        try:
            found = await self._store.get_error_groups(scope)
            first_group = None if self._found else await _group_of(self._store, self._job)
        except StoreError as error:
            advice = " Choose a shorter period or a project." if isinstance(error, TimedOut) else ""
            self._end_reading(Content.styled(f"{error_text.error_words(error)}{advice}", "$text-error"))
            return
        self.scope = scope
        if self.is_current:
            self._host.dashboard.jobs.set_error_groups({group.id: error_text.group_name(group) for group in found})
        self._show(found, first_group)
        self._end_reading(Content(error_text.groups_summary(found)))
        self.run_worker(self._name_users(found), group="emails", exclusive=True)

    async def _name_users(self, found: ErrorGroups) -> None:
        session = self._host.poller.session
        if session is not None and self.is_current:
            with suppress(StoreError):  # If the login may not read e-mails, the ids are enough.
                emails = await session.operator.get_user_emails({user for group in found for user in group.users})
                self._emails = {**self._emails, **emails}
        self._show_details()

    def _end_reading(self, words: Content) -> None:
        self._ticker.pause()
        self.set_part("summary", words)

    def action_stop(self) -> None:
        if self.workers.cancel_group(self, _READING):
            again = self.key("errors.again")
            self._end_reading(Content.styled(f"Stopped reading. Press {again} to read again.", "$text-warning"))

    def _show_reading(self) -> None:
        seconds = int(time.monotonic() - self._reading_since)
        took = f" {seconds} s" if seconds else ""
        stop = self.key("errors.stop")
        self.set_part(
            "summary",
            Content(f"Reading the failures of the last {error_text.span(SPANS[self._span])} …{took}  {stop} stop"),
        )

    # Actions on the group under the cursor

    def _chosen(self) -> tuple[ErrorGroups, ErrorGroup] | None:
        """Return the group under the cursor. Show why there is none, or why the key is not for it."""
        found, group = self._found, self.row_under_cursor
        if self._is_retrying:
            text = "The jobs of the group are still being read."
        elif found is None or not self.is_ready(max(self._host.key_queue.typed_at, self._clicked_at)):
            text = _TOO_SOON
        elif group is None:
            text = "No group under the cursor. Move to a group first."
        else:
            return found, group
        show_warning(self.app, text)
        return None

    @on(OptionList.OptionSelected)
    def action_list(self) -> None:
        if (chosen := self._chosen()) is not None:
            self.dismiss(chosen[1])

    def action_copy(self) -> None:
        if (chosen := self._chosen()) is not None:
            found, group = chosen
            text = group_copy(group, found, scope=self.scope, actor=self._store.actor)
            done = f"Copied the error group {group.id} as text"
            copy_text(self.app, text, done, note="Contacts and secrets are left out.")

    @work(exclusive=True, group="case")
    async def action_case(self) -> None:
        if (chosen := self._chosen()) is not None and self.is_current:
            await show_case_of_job(self._host, chosen[1].example_job_id)

    @work(exclusive=True, group="waste")
    async def action_waste(self) -> None:
        await self.app.push_screen_wait(WasteDialog(self._store, self.scope.project_id, of=self._of))

    @work(exclusive=True, group="retry")
    async def action_retry_group(self) -> None:
        if (chosen := self._chosen()) is None:
            return
        self._is_retrying = True
        try:
            if self.is_current:
                await _retry(self._host, replace(self.scope, window=chosen[0].window), *chosen)
        except StoreError as error:
            show_message(self.app, error_text.Message(text=error_text.error_words(error), severity="error"))
        finally:
            self._is_retrying = False

    # Drawing

    @property
    def hidden_keys(self) -> frozenset[str]:
        return keys_with(WRITES, ErrorsDialog) if is_read_only(self._host) else frozenset()

    def _show_keys(self) -> None:
        self.set_part("keys", self.keys_line(self.HINTS, width=self.app.size.width - _EDGES))

    def on_resize(self) -> None:
        is_beside = self.size.width >= _BESIDE_FROM
        self.set_class(is_beside, "-beside")
        self.set_class(self.size.height < _BELOW_FROM and not is_beside, "-short")
        self._show_keys()

    def draw(self) -> None:
        self._show(self._found)

    def _show(self, found: ErrorGroups | None, first_group: str | None = None) -> None:
        """Draw the groups. The cursor stays on its group. If that group is gone, no group is selected.

        With no groups before, it starts on the first group.
        """
        if not self.is_open:
            return
        rows, before, known = self.row_list, self._found, self.row_under_cursor
        if found is not before:
            self._drawn_at = time.monotonic()
        self._found, self.rows = found, () if found is None else found.groups
        self._line_under_cursor = None
        if found is not None:
            # Groups may arrive before the empty list is laid out.
            own_room = self.app.size.width - _EDGES - (_DETAILS_WIDTH if self.has_class("-beside") else 0)
            room = rows.scrollable_content_region.width or own_room
            width = room - rows.scrollbar_size_vertical
            self._columns = group_columns(max(width, 1), self.rows, found.taken_at)
        self.set_part("titles", titles_line(self._columns) if found else Content())
        rows.set_options([Option(row_line(self._columns, group)) for group in self.rows])
        places = {group.id: number for number, group in enumerate(self.rows)}
        if self.rows and not before:
            rows.highlighted = places.get(first_group or "", 0)
        else:
            rows.highlighted = places.get(known.id if known else "")
        self._name_time()
        self._show_details()

    def show_zone(self, zone: ShownZone) -> None:  # noqa: ARG002 - the texts are drawn in the zone of the dashboard
        """Rows have no times, so they keep their place."""
        if self.is_open:
            self._name_time()
            self._show_details()

    def _name_time(self) -> None:
        """Name the time of the groups, because their ages do not advance until they are read again."""
        found = self._found
        words = "" if found is None else f"read {moment_words(found.taken_at, self._host.dashboard.zone.zone)}"
        self.query_one("#dialog").border_subtitle = self.lower_border(Content(words))

    @on(OptionList.OptionHighlighted)
    def _show_details(self) -> None:
        if not self.is_open:
            return
        found, group = self._found, self.row_under_cursor
        self._mark_cursor()
        if found is None or group is None:
            self.set_part("group", Content())
        else:
            self.set_part("group", group_details(group, found, self._emails, self._host.dashboard.zone.zone))

    def _mark_cursor(self) -> None:
        """Draw the line under the cursor without colors, and the line before it with them."""
        rows, before, place = self.row_list, self._line_under_cursor, self.row_list.highlighted
        if before == place:
            return
        for one, is_under_cursor in ((before, False), (place, True)):
            if one is not None and one < len(self.rows):
                columns = without_colors(self._columns) if is_under_cursor else self._columns
                rows.replace_option_prompt_at_index(one, row_line(columns, self.rows[one]))
        self._line_under_cursor = place


async def show_errors(host: ActionHost, store: Store) -> None:
    """Group the failures of the listed project that match the list's filter. Then list the chosen group."""
    errors = ErrorsDialog(host, store)
    if (group := await host.push_screen_wait(errors)) is not None and errors.is_current:
        dashboard = host.dashboard
        if dashboard.listed.status is not None:
            dashboard.ask(replace(dashboard.listed, status=None))
        dashboard.jobs.bar.set_text(group_filter(errors.scope, group))
        dashboard.jobs.table.focus()
        counted = f"{count(group.count)} of them failed in the last {error_text.span(errors.scope.window)}"
        show_message(host, f"Listed all failed jobs of the group. {counted}.")


async def _group_of(store: Store, job: GenerationJob | None) -> str | None:
    """Return the id of the group of a failed job. A list contains only part of a long error, which may not identify
    the group.
    """
    whole = job
    if isinstance(job, ListedJob) and job.is_error_cut:
        whole = None
        with suppress(StoreError):
            whole = await store.get_generation_job(job.id)
    return error_group_id(whole.error) if whole is not None and whole.status is JobStatus.FAILED else None


async def _retry(host: ActionHost, scope: ErrorScope, found: ErrorGroups, group: ErrorGroup) -> None:
    """Ask, then retry the jobs that the screen counted in the group and that have no retry yet."""
    # A read-only session needs no hint about migrations.
    if not may_write(host) or (context := context_for(host, Capability.RETRYING)) is None:
        return
    jobs = await context.store.get_error_group_jobs(scope, group, at=found.taken_at)
    failed = [job for job in jobs if job.status is JobStatus.FAILED]
    if not failed:
        show_warning(host, "No job of this group is still failed.")
        return
    retried = await context.store.get_retried_jobs([job.id for job in failed])
    left = [job for job in failed if job.id not in retried]
    if not left:
        show_warning(host, f"The jobs of this group were already retried: {jobs_count(len(retried))}.")
        return
    about = [f"Error: {shorten(error_text.group_name(group), 120)}"]
    if retried:
        about.append(f"Left out, because already retried: {jobs_count(len(retried))}.")
    note = ""
    if (older := len(left) - MAX_LIMIT) > 0:
        about.append(f"Left out, because one retry takes at most {count(MAX_LIMIT)}: {jobs_count(older)}.")
        note = f"Not retried yet: {jobs_count(older)} of the group."
    await JobActions(context).ask_retry(left[:MAX_LIMIT], about=[*about, ""], note=note)
