"""Clean-up form, preview and run with progress."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Checkbox, Input, Select, Static

from store import formats
from store.errors import OutcomeUnknown, StoreError
from store.job_list.listing import ProjectName
from store.jobs.job import JobStatus
from store.retention import cleanup
from store.retention.retention import FINISHED, BatchProgress, RetentionAction
from tui.cleanup_preview import look_for_old
from tui.dashboard.action_context import ActionContext
from tui.dashboard.dialogs.dialog import ConfirmDialog, Dialog, ProgressDialog, close
from tui.dashboard.dialogs.form import FieldProblem
from tui.dashboard.widgets import TextField
from tui.text.clean_text import clean
from tui.text.error_text import Toast, error_words
from tui.text.format import jobs_count
from tui.text.retention_text import (
    DOING,
    DONE,
    GOES_ON_HERE,
    CleanUp,
    CleanupTarget,
    broken_off,
    confirm_clean_up,
    nothing_found,
    result,
    stopped,
    why_left,
)

if TYPE_CHECKING:
    from tui.dashboard.app import GjobsApp

_ALL = "all"
_ACTIONS = {
    RetentionAction.ARCHIVE: "Archive them, from where they can be restored",
    RetentionAction.DELETE: "Delete them for good",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanupDraft:
    project_id: UUID | None
    older_than: timedelta
    statuses: tuple[JobStatus, ...]
    action: RetentionAction


class StatusBox(Checkbox):
    @property
    def BUTTON_INNER(self) -> str:  # type: ignore[override]  # noqa: N802
        """Textual's own box tells by its colour alone whether it is ticked."""
        return "✓" if self.value else " "


class CleanupDialog(Dialog[CleanUp]):
    """Answers what was found and agreed to. `count` raises a StoreError where that fails."""

    DEFAULT_CSS = """
    CleanupDialog #statuses { height: 1; }
    CleanupDialog Checkbox { margin-right: 2; }
    """

    def __init__(
        self,
        *,
        projects: Sequence[ProjectName],
        project_id: UUID | None,
        count: Callable[[CleanupDraft], Awaitable[CleanUp]],
    ) -> None:
        """`project_id` is proposed; None stands for all projects."""
        super().__init__()
        self._projects = tuple(projects)
        self._project_id = project_id if project_id in {project.id for project in self._projects} else None
        self._count = count

    def compose(self) -> ComposeResult:
        with self.box("Clean up"):
            yield Static("Jobs of", classes="label -first", markup=False)
            projects = [(Content(clean(project.name, limit=60)), str(project.id)) for project in self._projects]
            yield Select(
                [(Content("All projects"), _ALL), *projects],
                value=str(self._project_id or _ALL),
                allow_blank=False,
                id="project",
                compact=True,
            )
            yield Static("Created longer ago than, such as 12h, 30d or 8w", classes="label", markup=False)
            yield TextField(id="age", value="90d")
            yield FieldProblem(id="age-problem")
            yield Static("In the statuses", classes="label", markup=False)
            with Horizontal(id="statuses"):
                for status in JobStatus:
                    yield StatusBox(Content(status), value=status in FINISHED, id=status, compact=True)
            yield Static("What becomes of them", classes="label", markup=False)
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

    @on(Input.Submitted)
    @on(Button.Pressed, "#agree")
    def _send(self) -> None:
        wanted = self._read()
        if wanted is not None:
            self._find(wanted)

    @work(exclusive=True)
    async def _find(self, wanted: CleanupDraft) -> None:
        """Nothing is changed, so leaving the dialog ends it."""
        agree = self.query_one("#agree", Button)
        agree.label = Content("Counting …")
        try:
            found = await self._count(wanted)
        except StoreError as error:
            self._complain(error_words(error))
        else:
            if found.found:
                self._ask(found)
            else:
                self._complain(nothing_found(found))
        finally:
            if self.is_open:
                agree.label = Content("Count (enter)")

    def _ask(self, found: CleanUp) -> None:
        """Whoever says no is back at what was typed."""

        def answered(agreed: bool | None) -> None:
            if agreed:
                self.dismiss(found)

        if self.is_open:
            self.app.push_screen(ConfirmDialog(confirm_clean_up(found)), answered)

    def _complain(self, sentence: str) -> None:
        if self.is_open:
            self.query_one("#problem", FieldProblem).say(sentence)

    def _read(self) -> CleanupDraft | None:
        """What it holds; None where something has a problem, which is then said."""
        seconds = formats.parse_duration(self.query_one("#age", Input).value.strip())
        statuses = tuple(status for status in JobStatus if self.query_one(f"#{status}", Checkbox).value)
        project, action = self.query_one("#project", Select).value, self.query_one("#action", Select).value
        if not seconds or seconds > formats.LONGEST:
            longest = f", at most {formats.LONGEST_WORDS}"
            self.query_one("#age-problem", FieldProblem).say(
                f"Type a number with s, m, h, d or w, such as 30d{longest}."
            )
            self.query_one("#age").focus()
        elif not statuses:
            self._complain("Choose a status, at least one.")
        else:
            return CleanupDraft(
                project_id=None if project == _ALL else UUID(str(project)),
                older_than=timedelta(seconds=seconds),
                statuses=statuses,
                action=RetentionAction(str(action)),
            )
        return None


async def clean_up(app: "GjobsApp", context: ActionContext) -> None:
    store = context.store

    async def count(wanted: CleanupDraft) -> CleanUp:
        name = context.project_names[wanted.project_id] if wanted.project_id else None
        return await look_for_old(
            store,
            wanted.older_than,
            statuses=wanted.statuses,
            project_id=wanted.project_id,
            action=wanted.action,
            place=CleanupTarget(actor=store.actor, database=context.database, project_name=name),
            otherwise="Or delete them.",
        )

    dialog = CleanupDialog(projects=context.projects, project_id=app.dashboard.listed.project_id, count=count)
    found = await app.push_screen_wait(dialog)
    if found is not None:
        app.background_tasks.write(_clean_up(app, context, found))


async def _clean_up(app: "GjobsApp", context: ActionContext, found: CleanUp) -> Toast:
    """Raises no StoreError, for what was done before one is told with it."""
    is_stopping = False

    def stop() -> None:
        nonlocal is_stopping
        is_stopping = True

    done, verb = BatchProgress(), DONE[found.action]
    title = f"{DOING[found.action]} {jobs_count(found.found)}"
    dialog = ProgressDialog(title=title, total=found.found, stop=stop)
    await app.push_screen(dialog)
    try:
        async with aclosing(cleanup.run_cleanup(context.store, found.expired, found.action)) as steps:
            async for done in steps:
                dialog.show_progress(done.done)
                if is_stopping:
                    break
        left = sum(row.count for row in await cleanup.count_expired(context.store, found.expired))
    except StoreError as error:
        # A batch whose answer was lost may be sent again: what it took away is no longer found.
        why = error.message if isinstance(error, OutcomeUnknown) else error_words(error)
        return Toast(text=f"{why} {broken_off(verb, done, goes_on=GOES_ON_HERE)}", severity="error")
    finally:
        await close(dialog)
        context.changed(())
    if is_stopping and left:
        return Toast(text=stopped(verb, done, left, goes_on=GOES_ON_HERE), severity="warning")
    sentences = [result(verb, done), *why_left(done, left, goes_on=GOES_ON_HERE)]
    return Toast(text=" ".join(sentences), severity="warning" if left else "information")
