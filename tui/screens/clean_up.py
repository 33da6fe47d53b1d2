"""What is asked before a clean-up: how old, which jobs, and what becomes of them; then, with their number, whether."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Checkbox, Input, Select, Static

from store import durations
from store.errors import StoreError
from store.listing.model import ProjectName
from store.model import JobStatus
from store.retention.model import FINISHED, RetentionAction
from tui.screens.confirm import ConfirmDialog
from tui.screens.dialog import Dialog
from tui.screens.problem import Problem
from tui.widgets.text_field import TextField
from tui.words.retention_words import CleanUp, confirm_clean_up, nothing_found
from tui.words.text import clean
from tui.words.toast import error_words

_ALL = "all"
_ACTIONS = {
    RetentionAction.ARCHIVE: "Archive them, from where they can be restored",
    RetentionAction.DELETE: "Delete them for good",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedCleanUp:
    project_id: UUID | None
    older_than: timedelta
    statuses: tuple[JobStatus, ...]
    action: RetentionAction


class StatusBox(Checkbox):
    @property
    def BUTTON_INNER(self) -> str:  # type: ignore[override]  # noqa: N802
        """Textual's own box tells by its colour alone whether it is ticked."""
        return "✓" if self.value else " "


class CleanUpDialog(Dialog[CleanUp]):
    """Answers what was found and agreed to. `count` raises a StoreError where that fails."""

    DEFAULT_CSS = """
    CleanUpDialog #statuses { height: 1; }
    CleanUpDialog Checkbox { margin-right: 2; }
    """

    def __init__(
        self,
        *,
        projects: Sequence[ProjectName],
        project_id: UUID | None,
        count: Callable[[WantedCleanUp], Awaitable[CleanUp]],
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
            yield Problem(id="age-problem")
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
            yield Problem(id="problem")
            yield self.buttons(agree="Count (enter)")

    def on_mount(self) -> None:
        self.query_one("#age", Input).focus()

    @on(Input.Changed)
    @on(Select.Changed)
    @on(Checkbox.Changed)
    def _forget_problems(self) -> None:
        for problem in self.query(Problem):
            problem.clear()

    @on(Input.Submitted)
    @on(Button.Pressed, "#agree")
    def _send(self) -> None:
        wanted = self._read()
        if wanted is not None:
            self._find(wanted)

    @work(exclusive=True)
    async def _find(self, wanted: WantedCleanUp) -> None:
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
            self.query_one("#problem", Problem).say(sentence)

    def _read(self) -> WantedCleanUp | None:
        """What it holds; None where something has a problem, which is then said."""
        seconds = durations.seconds_of(self.query_one("#age", Input).value.strip())
        statuses = tuple(status for status in JobStatus if self.query_one(f"#{status}", Checkbox).value)
        project, action = self.query_one("#project", Select).value, self.query_one("#action", Select).value
        if not seconds or seconds > durations.LONGEST:
            longest = f", at most {durations.LONGEST_WORDS}"
            self.query_one("#age-problem", Problem).say(f"Type a number with s, m, h, d or w, such as 30d{longest}.")
            self.query_one("#age").focus()
        elif not statuses:
            self._complain("Choose a status, at least one.")
        else:
            return WantedCleanUp(
                project_id=None if project == _ALL else UUID(str(project)),
                older_than=timedelta(seconds=seconds),
                statuses=statuses,
                action=RetentionAction(str(action)),
            )
        return None
