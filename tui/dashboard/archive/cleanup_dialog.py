"""Clean-up form, preview and run with progress."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Checkbox, Input, Select, Static

from gjobs.store import formats
from gjobs.store.errors import OutcomeUnknown, StoreError
from gjobs.store.job_list.listing import ProjectName
from gjobs.store.jobs.job import JobStatus
from gjobs.store.member_table import by_member
from gjobs.store.retention import cleanup
from gjobs.store.retention.retention import FINISHED, BatchProgress, CleanupPreview, RetentionAction
from gjobs.tui.dashboard.action_context import ActionContext
from gjobs.tui.dashboard.dialogs.dialog import ConfirmDialog, ProgressDialog, showing_progress
from gjobs.tui.dashboard.dialogs.form import FieldProblem, FormDialog
from gjobs.tui.dashboard.widgets import TextField
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import Message, error_words
from gjobs.tui.text.format import jobs_count
from gjobs.tui.text.retention_text import (
    DOING,
    DONE,
    GOES_ON_HERE,
    CleanupTarget,
    broken_off,
    confirm_clean_up,
    nothing_found,
    result,
    stopped,
    why_left,
)
from gjobs.tui.text.write_text import Confirmation

if TYPE_CHECKING:
    from gjobs.tui.dashboard.action_host import ActionHost

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
