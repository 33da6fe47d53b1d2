"""The archive with pages and marks, and the clean-up form with preview and progress."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from uuid import UUID

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Checkbox, Input, OptionList, Select, Static
from textual.widgets.option_list import Option

from gjobs.store.capabilities.capability import Capability
from gjobs.store.errors import OutcomeUnknown, StoreError
from gjobs.store.job_list.list_query import ProjectName
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.jobs.job_results import Page, PageKey
from gjobs.store.retention import cleanup
from gjobs.store.retention.archive import count_archived, get_archived, list_archived, restore_archived
from gjobs.store.retention.retention import (
    FINISHED,
    ArchivedJob,
    ArchiveQuery,
    BatchProgress,
    CleanupPreview,
    RetentionAction,
)
from gjobs.store.values import formats
from gjobs.store.values.page_sizes import ARCHIVE_ROWS
from gjobs.store.values.value_types import by_member
from gjobs.tui.dashboard.actions.action_context import ActionContext, context_for
from gjobs.tui.dashboard.bindings import DialogKey
from gjobs.tui.dashboard.dialogs.dialog import ConfirmDialog, Dialog, ProgressDialog, SummaryDialog, showing_progress
from gjobs.tui.dashboard.dialogs.form import FieldProblem, FormDialog
from gjobs.tui.dashboard.features.databases import is_read_only, may_write
from gjobs.tui.dashboard.list.table_drawing import MARK
from gjobs.tui.dashboard.widgets.widgets import SteadyText, TextField
from gjobs.tui.text.clean_text import clean, pad
from gjobs.tui.text.error_text import Message, error_words
from gjobs.tui.text.format import jobs_count, short_id
from gjobs.tui.text.retention_text import (
    DOING,
    DONE,
    GOES_ON_HERE,
    CleanupTarget,
    archive_columns,
    archived_facts,
    archived_line,
    archived_sentence,
    archived_titles,
    archived_words,
    broken_off,
    confirm_clean_up,
    confirm_restoration,
    nothing_found,
    result,
    stopped,
    why_left,
)
from gjobs.tui.text.write_text import Confirmation, restored_message, restoring_words

if TYPE_CHECKING:
    from gjobs.tui.dashboard.actions.action_host import ActionHost
    from gjobs.tui.text.format import ShownZone


Places = tuple[PageKey | None, ...]
"""The start of each page up to the present one. None is the start of the first page."""
FIRST: Places = (None,)


@dataclass(slots=True)
class ArchivePages:
    page: Page[ArchivedJob] = field(default_factory=lambda: Page(items=(), next_key=None))
    places: Places = FIRST
    _marked: dict[UUID, ArchivedJob] = field(default_factory=dict)

    def turned(self, pages: int) -> Places | None:
        """Return the start of the previous or next page. Return None if there is none."""
        if pages < 0:
            return self.places[:-1] or None
        return None if self.page.next_key is None else (*self.places, self.page.next_key)

    def show(self, page: Page[ArchivedJob], places: Places) -> None:
        self.page, self.places = page, places

    def mark(self, archived: ArchivedJob) -> None:
        """Mark the job, or remove its mark. Marks stay when the page changes."""
        if self._marked.pop(archived.job.id, None) is None:
            self._marked[archived.job.id] = archived

    def is_marked(self, archived: ArchivedJob) -> bool:
        return archived.job.id in self._marked

    def chosen(self, pointed_at: ArchivedJob | None) -> Sequence[ArchivedJob]:
        """Return the marked jobs, or else the job under the cursor."""
        return tuple(self._marked.values()) or ((pointed_at,) if pointed_at else ())

    @property
    def words(self) -> str:
        """Return a note like `Page 2, the last page · 3 marked`. Empty for a single page without marks."""
        has_next = self.page.next_key is not None
        page = f"Page {len(self.places)}{'' if has_next else ', the last page'}" if has_next or self.places[1:] else ""
        marked = f"{len(self._marked)} marked" if self._marked else ""
        return " · ".join(filter(None, (page, marked)))


_KEYS = {
    "archive.look": "details",
    "archive.mark": "mark",
    "archive.restore": "restore",
    "archive.newer": "newer",
    "archive.older": "older",
    "dialog.leave": "close",
}

_MARK_CELLS = 3


class ArchiveSource(Protocol):
    """What the archive dialog shows, and what its keys do."""

    @property
    def of(self) -> str:
        """Name the project or all projects, as clean text."""

    @property
    def now(self) -> datetime: ...

    @property
    def project_names(self) -> Mapping[UUID, str]: ...

    @property
    def has_several_projects(self) -> bool: ...

    async def read(self, after: PageKey | None) -> Page[ArchivedJob]:
        """Read the page that starts there."""

    async def count(self) -> str:
        """Return a sentence with the number of archived jobs."""

    async def show(self, archived: ArchivedJob) -> None: ...

    def question(self, jobs: Sequence[GenerationJob]) -> Confirmation: ...

    @property
    def is_read_only(self) -> bool: ...

    def may_restore(self) -> bool:
        """Return whether restoring is allowed. If not, show why."""


class ArchiveDialog(Dialog[tuple[GenerationJob, ...]]):
    """Return the jobs to restore, after a confirmation. The dialog holds one page and the marked jobs."""

    DEFAULT_CSS = """
    ArchiveDialog {
        #dialog { width: 112; }
        &.-of-project #dialog { width: 84; }
        OptionList { max-height: 50vh; text-wrap: nowrap; text-overflow: ellipsis; }
        OptionList:focus { background-tint: $foreground 0%; }
        #titles { text-wrap: nowrap; }
        #titles, #note, #keys { color: $foreground-muted; }
        #count { margin-bottom: 1; }
        #note, #keys { margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "Close", id="archive.close", tooltip="Close the archive"),
        Binding("j", "move_cursor(1)", "Down", show=False, id="archive.down", tooltip="Go to the next archived job"),
        Binding("k", "move_cursor(-1)", "Up", show=False, id="archive.up", tooltip="Go to the previous archived job"),
        DialogKey("enter", "look", "Details", id="archive.look", tooltip="Show the details of this archived job"),
        Binding("space", "mark", "Mark", id="archive.mark", tooltip="Mark this archived job and go down"),
        DialogKey("r", "restore", "Restore", id="archive.restore", tooltip="Restore this job or the marked jobs"),
        Binding("left,h", "turn(-1)", "Newer", id="archive.newer", tooltip="Show the page with newer jobs"),
        Binding("right,l", "turn(1)", "Older", id="archive.older", tooltip="Show the page with older jobs"),
    ]

    def __init__(self, source: ArchiveSource) -> None:
        super().__init__()
        self._source = source
        self._columns: Sequence[str] = ()
        self._pages = ArchivePages()

    def compose(self) -> ComposeResult:
        with self.box(f"Archive · {self._source.of}"):
            yield SteadyText(id="count")
            yield SteadyText(id="titles")
            yield OptionList(id="archived", markup=False, compact=True)
            yield SteadyText(id="note")
            yield SteadyText(id="keys")

    def on_mount(self) -> None:
        self.set_class(not self._source.has_several_projects, "-of-project")
        self.query_one(OptionList).focus()
        self.say("keys", self.keys_line(_KEYS))
        self._turn_to(FIRST)
        self._tell_count()

    @property
    def hidden_keys(self) -> frozenset[str]:
        return frozenset({"archive.restore"} if self._source.is_read_only else ())

    @work(exclusive=True, group="count")
    async def _tell_count(self) -> None:
        self._show_text("count", "Counting …")
        try:
            self._show_text("count", await self._source.count())
        except StoreError as error:
            self._show_text("count", f"Not counted: {error_words(error)}")

    @work(exclusive=True, group="page")
    async def _turn_to(self, places: Places) -> None:
        self._show_text("note", "Loading …")
        try:
            page = await self._source.read(places[-1])
        except StoreError as error:
            self._show_text("note", error_words(error))
            return
        self._pages.show(page, places)
        self._draw(0)

    def action_turn(self, pages: int) -> None:
        if (places := self._pages.turned(pages)) is not None:
            self._turn_to(places)

    def on_option_list_option_selected(self) -> None:
        self.action_look()

    @work(exclusive=True, group="look")
    async def action_look(self) -> None:
        if (archived := self._pointed_at) is not None:
            await self._source.show(archived)

    def action_mark(self) -> None:
        rows, archived = self.query_one(OptionList), self._pointed_at
        if archived is None or rows.highlighted is None:
            return
        self._pages.mark(archived)
        rows.replace_option_prompt_at_index(rows.highlighted, self._prompt(archived))
        if rows.highlighted < rows.option_count - 1:
            rows.action_cursor_down()
        self._show_text("note", self._pages.words)

    def action_restore(self) -> None:
        jobs = tuple(archived.job for archived in self._pages.chosen(self._pointed_at))
        if not jobs or not self._source.may_restore():
            return

        def answered(agreed: bool | None) -> None:
            if agreed:
                self.dismiss(jobs)

        self.app.push_screen(ConfirmDialog(self._source.question(jobs)), answered)

    @property
    def _pointed_at(self) -> ArchivedJob | None:
        place, page = self.query_one(OptionList).highlighted, self._pages.page
        return page.items[place] if place is not None and place < len(page) else None

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self, cursor: int | None = None) -> None:
        """Draw the page. Without `cursor`, the cursor stays at its place."""
        if not self.is_open:
            return
        rows, page = self.query_one(OptionList), self._pages.page
        cursor = (rows.highlighted or 0) if cursor is None else cursor
        room = rows.scrollable_content_region.width - _MARK_CELLS - rows.scrollbar_size_vertical
        self._columns = archive_columns(room, with_project=self._source.has_several_projects)
        self._show_text("titles", f"{' ' * _MARK_CELLS}{archived_titles(self._columns)}" if len(page) else "")
        rows.set_options([Option(self._prompt(archived)) for archived in page])
        rows.highlighted = cursor if len(page) else None
        self._show_text("note", self._pages.words)

    def _prompt(self, archived: ArchivedJob) -> Content:
        mark = pad(f" {MARK}" if self._pages.is_marked(archived) else "", _MARK_CELLS)
        line = archived_line(archived, self._columns, project_names=self._source.project_names, now=self._source.now)
        return Content.assemble((mark, "$text-accent"), *line)

    def _show_text(self, part: str, sentence: str) -> None:
        """Show the sentence. An empty one takes no line."""
        self.say(part, Content(clean(sentence, limit=400)))
        for line in self.query(f"#{part}"):
            line.display = bool(sentence)


class ArchivedJobDialog(SummaryDialog):
    def __init__(self, *, sentence: str, lines: Callable[[tzinfo | None], Sequence[str]], zone: "ShownZone") -> None:
        """`lines` returns the clean facts with their times in a zone."""
        super().__init__(title="Archived job", sentence=sentence, lines=tuple(lines(zone.zone)))
        self._lines_in = lines

    def show_zone(self, zone: "ShownZone") -> None:
        self.query_one("#lines Static", Static).update(Content("\n".join(self._lines_in(zone.zone))))


_ALL = "all"
_ACTIONS = by_member(
    RetentionAction,
    {
        RetentionAction.ARCHIVE: "Archive the jobs, so that they can be restored",
        RetentionAction.DELETE: "Delete the jobs for good",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanupDraft:
    project_id: UUID | None
    older_than: timedelta
    statuses: tuple[JobStatus, ...]
    action: RetentionAction


class StatusBox(Checkbox):
    @property
    def BUTTON_INNER(self) -> str:  # type: ignore[override]  # noqa: N802
        """Return a visible tick. Textual's own box shows its state by color only."""
        return "✓" if self.value else " "


class CleanupDialog(FormDialog[CleanupPreview]):
    """Return the preview that the user confirmed. `count` raises a StoreError on failure."""

    DEFAULT_CSS = """
    CleanupDialog #statuses { height: 1; }
    CleanupDialog Checkbox { margin-right: 2; }
    """
    FIELDS: ClassVar[Mapping[str, str]] = {"older_than": "age"}

    def __init__(
        self,
        *,
        projects: Sequence[ProjectName],
        project_id: UUID | None,
        count: Callable[[CleanupDraft], Coroutine[Any, Any, CleanupPreview]],
        question: Callable[[CleanupPreview], Confirmation],
    ) -> None:
        """`project_id` is preselected. None means all projects."""
        super().__init__()
        self._projects = tuple(projects)
        self._project_id = project_id if project_id in {project.id for project in self._projects} else None
        self._count = count
        self._question = question

    def compose(self) -> ComposeResult:
        with self.box("Clean up"):
            yield Static("Project", classes="label -first", markup=False)
            projects = [(Content(clean(project.name, limit=60)), str(project.id)) for project in self._projects]
            yield Select(
                [(Content("All projects"), _ALL), *projects],
                value=str(self._project_id or _ALL),
                allow_blank=False,
                id="project",
                compact=True,
            )
            yield Static("Minimum age, such as 12h, 30d or 8w", classes="label", markup=False)
            yield TextField(id="age", value="90d")
            yield FieldProblem(id="age-problem")
            yield Static("Statuses", classes="label", markup=False)
            with Horizontal(id="statuses"):
                for status in JobStatus:
                    yield StatusBox(Content(status), value=status in FINISHED, id=status, compact=True)
            yield Static("Action", classes="label", markup=False)
            yield Select(
                [(words, action) for action, words in _ACTIONS.items()],
                value=RetentionAction.ARCHIVE,
                allow_blank=False,
                id="action",
                compact=True,
            )
            yield FieldProblem(id="problem")
            yield self.buttons(agree="Count (enter)")

    def on_mount(self) -> None:
        self.query_one("#age", Input).focus()

    @on(Input.Changed)
    @on(Select.Changed)
    @on(Checkbox.Changed)
    def _forget_problems(self) -> None:
        for problem in self.query(FieldProblem):
            problem.clear()

    def read(self) -> Coroutine[Any, Any, CleanupPreview] | None:
        seconds = formats.parse_duration(self.query_one("#age", Input).value.strip())
        statuses = tuple(status for status in JobStatus if self.query_one(f"#{status}", Checkbox).value)
        project, action = self.query_one("#project", Select).value, self.query_one("#action", Select).value
        if not seconds or seconds > formats.LONGEST:
            longest = f", at most {formats.LONGEST_WORDS}"
            self.complain("age", f"Type a number with s, m, h, d or w, such as 30d{longest}.")
        elif not statuses:
            self.problem.say("Choose at least one status.")
        else:
            return self._count(
                CleanupDraft(
                    project_id=None if project == _ALL else UUID(str(project)),
                    older_than=timedelta(seconds=seconds),
                    statuses=statuses,
                    action=RetentionAction(str(action)),
                )
            )
        return None

    def send(self, sending: Coroutine[Any, Any, CleanupPreview]) -> None:
        """Start counting. It writes nothing, so leaving the dialog or sending again cancels it."""
        self.run_worker(self._find(sending), exclusive=True)

    async def _find(self, counting: Coroutine[Any, Any, CleanupPreview]) -> None:
        agree = self.query_one("#agree", Button)
        agree.label = Content("Counting …")
        try:
            preview = await counting
        except StoreError as error:
            if self.is_open:
                self.explain(error)
        else:
            if self.is_open:
                self._answered(preview)
        finally:
            if self.is_open:
                agree.label = Content("Count (enter)")

    def _answered(self, preview: CleanupPreview) -> None:
        """Ask for confirmation. If the user declines, the form stays open."""
        if not preview.found:
            self.problem.say(nothing_found(preview))
            return

        def confirmed(agreed: bool | None) -> None:
            if agreed:
                self.dismiss(preview)

        self.app.push_screen(ConfirmDialog(self._question(preview)), confirmed)


async def clean_up(host: "ActionHost", context: ActionContext) -> None:
    store = context.store

    def target(project_id: UUID | None) -> CleanupTarget:
        name = context.project_names[project_id] if project_id else None
        return CleanupTarget(actor=store.actor, database=context.database, project_name=name)

    async def count(draft: CleanupDraft) -> CleanupPreview:
        return await cleanup.preview_cleanup(
            store,
            draft.older_than,
            statuses=draft.statuses,
            project_id=draft.project_id,
            action=draft.action,
            otherwise="Or delete them.",
        )

    def question(preview: CleanupPreview) -> Confirmation:
        return confirm_clean_up(preview, target(preview.expired.project_id))

    project_id = host.dashboard.listed.project_id
    dialog = CleanupDialog(projects=context.projects, project_id=project_id, count=count, question=question)
    preview = await host.app.push_screen_wait(dialog)
    if preview is not None:
        host.tasks.write(_clean_up(host, context, preview), may_open=True)


async def _clean_up(host: "ActionHost", context: ActionContext, preview: CleanupPreview) -> Message:
    """Clean up and return a message. It reports errors itself, with the work done before them."""
    done, verb = BatchProgress(), DONE[preview.action]
    dialog = ProgressDialog(title=f"{DOING[preview.action]} {jobs_count(preview.found)}", total=preview.found)
    try:
        async with showing_progress(host.app, dialog):
            async with aclosing(cleanup.run_cleanup(context.store, preview.expired, preview.action)) as steps:
                async for done in steps:
                    dialog.show_progress(done.done)
                    if dialog.is_stopping:
                        break
            left = sum(row.count for row in await cleanup.count_expired(context.store, preview.expired))
    except StoreError as error:
        # After a lost answer, the batch may be sent again. It then finds only the jobs that are left.
        why = error.message if isinstance(error, OutcomeUnknown) else error_words(error)
        return Message(text=f"{why} {broken_off(verb, done, goes_on=GOES_ON_HERE)}", severity="error")
    finally:
        context.jobs_changed(())
    if dialog.is_stopping and left:
        return Message(text=stopped(verb, done, left, goes_on=GOES_ON_HERE), severity="warning")
    sentences = [result(verb, done), *why_left(done, left, goes_on=GOES_ON_HERE)]
    return Message(text=" ".join(sentences), severity="warning" if left else "information")


async def show_archive(host: "ActionHost", context: ActionContext) -> None:
    """Show the archive of the listed project, or of all."""
    if jobs := await host.app.push_screen_wait(ArchiveDialog(_ListedArchive(host, context))):
        host.tasks.write(_restore(context, jobs), doing=restoring_words(jobs))


class _ListedArchive:
    """The archived jobs of the listed project, or of all. The dialog keeps its project, even if the list changes to
    another.
    """

    def __init__(self, host: "ActionHost", context: ActionContext) -> None:
        self._host = host
        self._context = context
        self._query = ArchiveQuery(project_id=host.dashboard.listed.project_id)
        self.of = host.dashboard.listed_name
        self.now = host.dashboard.now
        self.project_names = context.project_names

    @property
    def has_several_projects(self) -> bool:
        return self._query.project_id is None

    async def read(self, after: PageKey | None) -> Page[ArchivedJob]:
        return await list_archived(self._context.store, self._query, limit=ARCHIVE_ROWS, after=after, is_light=True)

    async def count(self) -> str:
        return archived_words(await count_archived(self._context.store, self._query))

    async def show(self, archived: ArchivedJob) -> None:
        store = self._context.store
        with suppress(StoreError):
            archived = next(iter(await get_archived(store, [archived.job.id])), archived)
        history = None
        with suppress(StoreError):
            history = await store.get_job_history(archived.job.id)
        project = self.project_names.get(archived.job.project_id, short_id(archived.job.project_id))

        def lines(zone: tzinfo | None) -> Sequence[str]:
            return archived_facts(archived, history, project=project, now=self.now, zone=zone)

        sentence = archived_sentence(archived, now=self.now)
        self._host.app.push_screen(ArchivedJobDialog(sentence=sentence, lines=lines, zone=self._host.dashboard.zone))

    def question(self, jobs: Sequence[GenerationJob]) -> Confirmation:
        return confirm_restoration(jobs, project_names=self.project_names, database=self._context.database)

    @property
    def is_read_only(self) -> bool:
        return is_read_only(self._host)

    def may_restore(self) -> bool:
        return context_for(self._host, Capability.RESTORING) is not None and may_write(self._host)


async def _restore(context: ActionContext, jobs: Sequence[GenerationJob]) -> Message:
    """Restore all jobs or none. Raise a StoreError on failure."""
    try:
        dropped = await context.resolver.resolve(restore_archived(context.store, [job.id for job in jobs]))
    finally:
        context.jobs_changed(())
    return restored_message(jobs, dropped)
