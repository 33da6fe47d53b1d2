"""The archive with pages and marks, and the clean-up form with preview and progress."""

from collections.abc import Coroutine, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Checkbox, Input, OptionList, Select, Static

from gjobs.store.capabilities.capability import Capability
from gjobs.store.errors import OutcomeUnknown, StoreError
from gjobs.store.jobs.job import FINAL_STATUSES, GenerationJob, JobStatus
from gjobs.store.jobs.job_results import PageKey
from gjobs.store.retention import cleanup
from gjobs.store.retention.archive import count_archived, get_archived, list_archived, restore_archived
from gjobs.store.retention.retention import ArchivedJob, ArchiveQuery, BatchProgress, CleanupPreview, RetentionAction
from gjobs.store.values import formats
from gjobs.store.values.data_classes import by_member
from gjobs.store.values.page_sizes import ARCHIVE_ROWS
from gjobs.tui.dashboard.actions.action_context import ActionContext, context_for
from gjobs.tui.dashboard.actions.action_host import ActionHost
from gjobs.tui.dashboard.bindings import DIALOG, KEY_ONLY, WRITES, bind, keys_with
from gjobs.tui.dashboard.dialogs.dialog import ProgressDialog, SummaryDialog, showing_progress
from gjobs.tui.dashboard.dialogs.form import FormDialog, choice_of
from gjobs.tui.dashboard.dialogs.list_dialog import ListDialog, columns_within, row_line, titles_line
from gjobs.tui.dashboard.features.databases import is_read_only, may_write
from gjobs.tui.dashboard.list.table_drawing import MARK
from gjobs.tui.dashboard.widgets.widgets import TextField
from gjobs.tui.text.clean_text import clean, pad
from gjobs.tui.text.error_text import Message, error_words
from gjobs.tui.text.format import MUTED, Column, ShownZone, age, jobs_count, short_id
from gjobs.tui.text.retention_text import (
    DASHBOARD_CONTINUE_HINT,
    DOING,
    DONE,
    CleanupTarget,
    archived_facts,
    archived_sentence,
    archived_words,
    confirm_clean_up,
    confirm_restoration,
    nothing_found,
    partial_result,
    result,
    stopped,
    why_left,
)
from gjobs.tui.text.status_text import status_label, status_style
from gjobs.tui.text.write_text import restored_message, restoring_words

Places = tuple[PageKey | None, ...]
"""The start of each page up to the present one. None is the start of the first page."""
FIRST: Places = (None,)

_MARK_CELLS = 3


def archived_columns(project_names: Mapping[UUID, str], now: datetime) -> Sequence[Column[ArchivedJob]]:
    """Return the columns, most important first."""
    return (
        Column(
            "STATUS", lambda one: status_label(one.job.status), cells=11, style=lambda one: status_style(one.job.status)
        ),
        Column("MODE", lambda one: one.job.mode, cells=15),
        Column("COST", lambda one: formats.money(one.job.cost_cents), cells=9, right=True),
        Column("CREATED", lambda one: age(one.job.created_at, now), cells=10, style=MUTED),
        Column("ID", lambda one: short_id(one.job.id), cells=8, style=MUTED),
        Column("ARCHIVED", lambda one: age(one.archived_at, now), cells=10, style=MUTED),
        Column("PROJECT", lambda one: project_names.get(one.job.project_id, short_id(one.job.project_id)), cells=22),
    )


class ArchiveDialog(ListDialog[ArchivedJob, tuple[GenerationJob, ...]]):
    """Return the jobs to restore, after a confirmation. The dialog holds one page and the marked jobs.

    It keeps the listed project, or all, even if the list changes to another.
    """

    DEFAULT_CSS = """
    ArchiveDialog {
        #dialog { width: 112; }
        &.-of-project #dialog { width: 84; }
        OptionList { max-height: 50vh; text-overflow: ellipsis; }
        #titles { text-wrap: nowrap; color: $foreground-muted; }
        #count { margin-bottom: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("archive.close", "q", "Close", "Close the archive", action="leave"),
        bind("archive.down", "j", "Down", "Go to the next archived job", KEY_ONLY, "move_cursor(1)"),
        bind("archive.up", "k", "Up", "Go to the previous archived job", KEY_ONLY, "move_cursor(-1)"),
        bind("archive.look", "enter", "Details", "Show the details of this archived job", DIALOG, "show_details"),
        bind("archive.mark", "space", "Mark", "Mark this archived job and go down", KEY_ONLY, "mark"),
        bind("archive.restore", "r", "Restore", "Restore this job or the marked jobs", WRITES | DIALOG, "restore"),
        bind("archive.newer", "left,h", "Newer", "Show the page with newer jobs", action="turn(-1)"),
        bind("archive.older", "right,l", "Older", "Show the page with older jobs", action="turn(1)"),
    ]
    HINTS = ("archive.look", "archive.mark", "archive.restore", "archive.newer", "archive.older", "dialog.leave")
    ABOVE = ("count", "titles")
    help_topic = "retention"

    def __init__(self, context: ActionContext) -> None:
        host = self._host = context.host
        super().__init__(f"Archive · {host.dashboard.listed_name}")
        self._action = context
        self._query = ArchiveQuery(project_id=host.dashboard.listed.project_id)
        self._has_several_projects = self._query.project_id is None
        self._now = host.dashboard.now
        columns = archived_columns(context.project_names, self._now)
        self._all_columns = columns if self._has_several_projects else columns[:-1]
        self._columns: Sequence[Column[ArchivedJob]] = ()
        self._next_key: PageKey | None = None
        self._places = self._wanted = FIRST
        self._marked: dict[UUID, ArchivedJob] = {}
        """Marks stay when the page changes."""

    def on_mount(self) -> None:
        self.set_class(not self._has_several_projects, "-of-project")
        self._show_count()

    @property
    def hidden_keys(self) -> frozenset[str]:
        return keys_with(WRITES, ArchiveDialog) if is_read_only(self._host) else frozenset()

    @work(exclusive=True, group="count")
    async def _show_count(self) -> None:
        self.show_text("count", "Counting …")
        try:
            words = archived_words(await count_archived(self._action.store, self._query))
        except StoreError as error:
            words = f"Not counted: {error_words(error)}"
        self.show_text("count", words)

    async def read(self) -> Sequence[ArchivedJob]:
        places = self._wanted
        page = await list_archived(self._action.store, self._query, limit=ARCHIVE_ROWS, after=places[-1], is_light=True)
        self._places, self._next_key = places, page.next_key
        return page.items

    def identity(self, row: ArchivedJob) -> UUID:
        return row.job.id

    def prompt(self, row: ArchivedJob) -> Content:
        mark = pad(f" {MARK}" if row.job.id in self._marked else "", _MARK_CELLS)
        return Content.assemble((mark, "$text-accent"), row_line(self._columns, row))

    def note_words(self) -> str:
        """Return a note like `Page 2, the last page · 3 marked`. Empty for a single page without marks."""
        end = "" if self._next_key else ", the last page"
        page = f"Page {len(self._places)}{end}" if self._next_key or self._places[1:] else ""
        marked = f"{len(self._marked)} marked" if self._marked else ""
        return " · ".join(filter(None, (page, marked)))

    def draw(self, cursor: int | None = None) -> None:
        if self.is_open:
            room = self.row_list.scrollable_content_region.width - self.row_list.scrollbar_size_vertical - _MARK_CELLS
            self._columns = columns_within(room, self._all_columns)
            titles = f"{' ' * _MARK_CELLS}{titles_line(self._columns).plain}"
            self.show_text("titles", titles if self.rows else "")
        super().draw(cursor)

    def action_turn(self, pages: int) -> None:
        if pages < 0 and self._places[1:]:
            self._wanted = self._places[:-1]
        elif pages > 0 and self._next_key is not None:
            self._wanted = (*self._places, self._next_key)
        else:
            return
        self.action_read()

    @on(OptionList.OptionSelected)
    @work(exclusive=True, group="details")
    async def action_show_details(self) -> None:
        if (archived := self.row_under_cursor) is None:
            return
        store, names = self._action.store, self._action.project_names
        with suppress(StoreError):
            archived = next(iter(await get_archived(store, [archived.job.id])), archived)
        history = None
        with suppress(StoreError):
            history = await store.get_job_history(archived.job.id)
        project = names.get(archived.job.project_id, short_id(archived.job.project_id))

        def lines(zone: ShownZone) -> Sequence[str]:
            return archived_facts(archived, history, project=project, now=self._now, zone=zone.zone)

        sentence, zone = archived_sentence(archived, now=self._now), self._host.dashboard.zone
        self.app.push_screen(SummaryDialog(title="Archived job", sentence=sentence, lines=lines, zone=zone))

    def action_mark(self) -> None:
        rows, archived = self.row_list, self.row_under_cursor
        if archived is None or rows.highlighted is None:
            return
        if self._marked.pop(archived.job.id, None) is None:
            self._marked[archived.job.id] = archived
        rows.replace_option_prompt_at_index(rows.highlighted, self.prompt(archived))
        if rows.highlighted < rows.option_count - 1:
            rows.action_cursor_down()
        self.show_text("note", self.note_words())

    def action_restore(self) -> None:
        chosen = tuple(self._marked.values()) or ((self.row_under_cursor,) if self.row_under_cursor else ())
        jobs = tuple(archived.job for archived in chosen)
        if jobs and context_for(self._host, Capability.RESTORING) is not None and may_write(self._host):
            names, database = self._action.project_names, self._action.database
            self.confirm(confirm_restoration(jobs, project_names=names, database=database), lambda: self.dismiss(jobs))


_ALL = "all"
_ACTIONS = by_member(
    RetentionAction,
    {
        RetentionAction.ARCHIVE: "Archive the jobs, so that they can be restored",
        RetentionAction.DELETE: "Delete the jobs for good",
    },
)


class StatusBox(Checkbox):
    @property
    def BUTTON_INNER(self) -> str:  # type: ignore[override]  # noqa: N802
        """Return a visible tick. Textual's own box shows its state by color only."""
        return "✓" if self.value else " "


class CleanupDialog(FormDialog[CleanupPreview]):
    """Return the preview that the user confirmed."""

    DEFAULT_CSS = """
    CleanupDialog #statuses { height: 1; }
    CleanupDialog Checkbox { margin-right: 2; }
    """
    FIELDS: ClassVar[Mapping[str, str]] = {"older_than": "age"}
    FOCUS = "#age"
    sending_verb = "Counting"
    help_topic = "retention"

    def __init__(self, context: ActionContext, project_id: UUID | None) -> None:
        """`project_id` is preselected. None means all projects."""
        super().__init__()
        self._action = context
        self._project_id = project_id if project_id in context.project_names else None

    def compose(self) -> ComposeResult:
        with self.box("Clean up"):
            projects = [(Content(clean(project.name, limit=60)), str(project.id)) for project in self._action.projects]
            options = [(Content("All projects"), _ALL), *projects]
            project = choice_of("project", options, str(self._project_id or _ALL))
            yield from self.labelled("Project", project, is_first=True)
            yield from self.labelled("Minimum age, such as 12h, 30d or 8w", TextField(id="age", value="90d"))
            yield Static("Statuses", classes="label", markup=False)
            with Horizontal(id="statuses"):
                for status in JobStatus:
                    yield StatusBox(Content(status), value=status in FINAL_STATUSES, id=status, compact=True)
            actions = [(words, action) for action, words in _ACTIONS.items()]
            yield from self.labelled("Action", choice_of("action", actions, RetentionAction.ARCHIVE))
            yield self.problem_line()
            yield self.buttons(agree="Count (enter)")

    @on(Input.Changed)
    @on(Select.Changed)
    @on(Checkbox.Changed)
    def _forget_problems(self) -> None:
        for field in ("age", None):
            self.show_problem("", field)

    def read(self) -> Coroutine[Any, Any, CleanupPreview] | None:
        seconds = formats.parse_duration(self.query_one("#age", Input).value.strip())
        statuses = tuple(status for status in JobStatus if self.query_one(f"#{status}", Checkbox).value)
        project, action = self.query_one("#project", Select).value, self.query_one("#action", Select).value
        if not seconds or seconds > formats.LONGEST:
            longest = f", at most {formats.LONGEST_WORDS}"
            self.complain("age", f"Type a number with s, m, h, d or w, such as 30d{longest}.")
        elif not statuses:
            self.show_problem("Choose at least one status.")
        else:
            return cleanup.preview_cleanup(
                self._action.store,
                timedelta(seconds=seconds),
                statuses=statuses,
                project_id=None if project == _ALL else UUID(str(project)),
                action=RetentionAction(str(action)),
                otherwise="Or delete them.",
            )
        return None

    def send(self, sending: Coroutine[Any, Any, CleanupPreview]) -> None:
        """Start counting. It writes nothing, so leaving the dialog or sending again cancels it."""
        self.run_worker(self.await_answer(sending), exclusive=True)

    def answered(self, answer: CleanupPreview) -> None:
        """Ask for confirmation. If the user declines, the form stays open."""
        if not answer.found:
            self.show_problem(nothing_found(answer))
        if not answer.found or not self.is_open:
            return
        context, project_id = self._action, answer.expired.project_id
        name = context.project_names[project_id] if project_id else None
        target = CleanupTarget(actor=context.store.actor, database=context.database, project_name=name)
        self.confirm(confirm_clean_up(answer, target), lambda: self.dismiss(answer))


async def clean_up(host: ActionHost, context: ActionContext) -> None:
    preview = await host.push_screen_wait(CleanupDialog(context, host.dashboard.listed.project_id))
    if preview is not None:
        host.tasks.write(_clean_up(host, context, preview), may_open=True)


async def _clean_up(host: ActionHost, context: ActionContext, preview: CleanupPreview) -> Message:
    """Clean up and return a message. It reports errors itself, with the work done before them."""
    done, verb = BatchProgress(), DONE[preview.action]
    dialog = ProgressDialog(title=f"{DOING[preview.action]} {jobs_count(preview.found)}", total=preview.found)
    try:
        async with showing_progress(host, dialog):
            async with aclosing(cleanup.run_cleanup(context.store, preview.expired, preview.action)) as steps:
                async for done in steps:
                    dialog.show_progress(done.done)
                    if dialog.is_stopping:
                        break
            left = sum(row.count for row in await cleanup.count_expired(context.store, preview.expired))
    except StoreError as error:
        # After a lost answer, the batch may be sent again. It then finds only the jobs that are left.
        why = error.message if isinstance(error, OutcomeUnknown) else error_words(error)
        return Message(text=f"{why} {partial_result(verb, done, hint=DASHBOARD_CONTINUE_HINT)}", severity="error")
    finally:
        context.refresh_after_write(())
    if dialog.is_stopping and left:
        return Message(text=stopped(verb, done, left, hint=DASHBOARD_CONTINUE_HINT), severity="warning")
    sentences = [result(verb, done), *why_left(done, left, hint=DASHBOARD_CONTINUE_HINT)]
    return Message(text=" ".join(sentences), severity="warning" if left else "information")


async def show_archive(host: ActionHost, context: ActionContext) -> None:
    if jobs := await host.push_screen_wait(ArchiveDialog(context)):
        host.tasks.write(_restore(context, jobs), doing=restoring_words(jobs))


async def _restore(context: ActionContext, jobs: Sequence[GenerationJob]) -> Message:
    """Restore all jobs or none. Raise a StoreError on failure."""
    dropped = await context.write(restore_archived(context.store, [job.id for job in jobs]))
    return restored_message(jobs, dropped)
