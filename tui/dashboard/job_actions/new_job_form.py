"""The form for a new job."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widgets import Input, Select, Static

from gjobs.store.budgets.budget import Budget
from gjobs.store.errors import BudgetExceeded, StoreError
from gjobs.store.formats import money
from gjobs.store.job_list.listing import ProjectName
from gjobs.store.jobs.job import DEFAULT_COST_CENTS, USUAL_MODES, GenerationJob
from gjobs.store.projects.project import Asset
from gjobs.tui.dashboard.dialogs.form import FieldProblem, FormDialog, typed_cents
from gjobs.tui.dashboard.keys.bindings import DASHBOARD_BINDINGS, key_of
from gjobs.tui.dashboard.widgets import SteadyText, TextField
from gjobs.tui.text.budget_text import cost_note
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import error_words
from gjobs.tui.text.format import short_id


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """The values of the form."""

    project_id: UUID
    mode: str
    cost_cents: int
    input_asset_id: UUID | None


class ModeField(TextField):
    """The arrow keys choose a usual mode. Tab completes one, and then leaves the field."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "up", "step(-1)", "Previous", show=False, id="mode.up", tooltip="Choose the usual mode before this one"
        ),
        Binding("down", "step(1)", "Next", show=False, id="mode.down", tooltip="Choose the usual mode after this one"),
        Binding("tab", "complete", "Complete", show=False, id="mode.complete", tooltip="Complete a usual mode"),
    ]

    def __init__(self) -> None:
        super().__init__(id="mode", value=USUAL_MODES[0], suggester=SuggestFromList(USUAL_MODES))

    def action_step(self, by: int) -> None:
        """Choose another usual mode and select its text, so that typing replaces it."""
        mode = _completed(self.value)
        place = USUAL_MODES.index(mode) + by if mode in USUAL_MODES else min(by, 0)
        self.value = USUAL_MODES[place % len(USUAL_MODES)]
        self.action_select_all()

    def action_complete(self) -> None:
        if (mode := _completed(self.value)) in USUAL_MODES and mode != self.value:
            self.value = mode
            self.action_end()
        else:
            self.screen.focus_next()


class ModeLabel(Static):
    """The label of the mode. It lists the usual modes and marks the one in the field. It points out a mode that is
    not usual, because it may be a typing mistake.
    """

    def __init__(self) -> None:
        super().__init__(classes="label", markup=False)

    def follow(self, typed: str) -> None:
        chosen = _completed(typed)
        modes = Content("  ").join(Content.styled(one, "bold $text-accent" * (one == chosen)) for one in USUAL_MODES)
        keys = " ".join(key_of(self.app, ModeField.BINDINGS, f"mode.{way}") for way in ("up", "down"))
        is_new = bool(chosen) and chosen not in USUAL_MODES
        end = ("new mode", "bold $text-warning") if is_new else (f"{keys} or type", "")
        self.update(Content.assemble("Mode  ", modes, "  ", end))


_HOW_TO_TYPE_A_COST = "Type dollars, such as $2.50, or whole cents, such as 250."
_LONGEST_REFUSAL = 300


class NewJobDialog(FormDialog[GenerationJob]):
    """A form for a new job. `create`, `assets` and `budgets` raise a StoreError on failure.

    There must be a project. Without `project_id`, the first project is preselected.
    """

    DEFAULT_CSS = """
    NewJobDialog #cost-note { color: $foreground-muted; }
    """
    FIELDS: ClassVar[Mapping[str, str]] = {"mode": "mode", "cost_cents": "cost", "input_asset_id": "asset"}

    def __init__(
        self,
        *,
        projects: Sequence[ProjectName],
        project_id: UUID | None,
        create: Callable[[NewJob], Coroutine[Any, Any, GenerationJob]],
        assets: Callable[[UUID], Awaitable[Sequence[Asset]]],
        budgets: Callable[[UUID], Awaitable[Iterable[Budget]]],
        may_set_budgets: bool,
    ) -> None:
        super().__init__()
        self._may_set_budgets = may_set_budgets
        self._projects = tuple(projects)
        known = {project.id for project in self._projects}
        self._project_id = project_id if project_id in known else self._projects[0].id
        self._create = create
        self._assets = assets
        self._read_budgets = budgets
        self._budgets: tuple[Budget, ...] | None = ()
        """The budgets of the project, as last read. None if they could not be read."""

    def compose(self) -> ComposeResult:
        with self.box("New job"):
            yield Static("Project", classes="label -first", markup=False)
            yield Select(
                [(Content(clean(project.name, limit=60)), project.id) for project in self._projects],
                value=self._project_id,
                allow_blank=False,
                id="project",
                compact=True,
            )
            yield ModeLabel()
            yield ModeField()
            yield FieldProblem(id="mode-problem")
            yield Static("Cost, as $2.50 or in cents", classes="label", markup=False)
            yield TextField(id="cost", value=money(DEFAULT_COST_CENTS), placeholder="$2.50, or 250 for cents")
            yield SteadyText(id="cost-note")
            yield FieldProblem(id="cost-problem")
            yield Static("Input asset", classes="label", markup=False)
            yield Select[UUID]([], prompt="None", id="asset", compact=True)
            yield FieldProblem(id="asset-problem")
            yield FieldProblem(id="problem")
            yield self.buttons(agree="Create (enter)")

    def on_mount(self) -> None:
        self.query_one("#mode", Input).focus()
        self._show_cost()

    @on(Input.Changed, "#mode")
    def _show_mode(self, event: Input.Changed) -> None:
        self.query_one(ModeLabel).follow(event.value)

    @on(Input.Changed, "#cost")
    def _show_cost(self) -> None:
        """Show how the cost is read, and what the tightest budget has left."""
        cost_cents = typed_cents(self.query_one("#cost", Input).value)
        note = (_HOW_TO_TYPE_A_COST, "") if cost_cents is None else cost_note(cost_cents, self._budgets)
        self.query_one("#cost-note", SteadyText).say(Content.styled(*note))

    @work(exclusive=True, group="budgets")
    async def _load_budgets(self, project_id: UUID) -> None:
        """Load the budgets that a job of the project is charged to."""
        try:
            self._budgets = tuple(await self._read_budgets(project_id))
        except StoreError:
            self._budgets = None
        if self.is_open:
            self._show_cost()

    def explain(self, error: StoreError) -> None:
        if isinstance(error, BudgetExceeded):
            leave, budgets = self.key("dialog.leave"), key_of(self.app, DASHBOARD_BINDINGS, "project.budgets")
            raising = f"To raise the limit, press {leave}, then {budgets}."
            advice = raising if self._may_set_budgets else "Only the operator can raise the limit."
            self.complain("cost", f"{clean(error.message, limit=_LONGEST_REFUSAL)} {advice}")
        else:
            super().explain(error)
        if isinstance(project_id := self.query_one("#project", Select).value, UUID):
            self._load_budgets(project_id)

    @on(Select.Changed, "#project")
    def _choose_project(self, event: Select.Changed) -> None:
        if isinstance(event.value, UUID):
            self._budgets = ()  # Don't show the previous project's budgets while the new ones load.
            self._show_cost()
            self._list_assets(event.value)
            self._load_budgets(event.value)

    @work(exclusive=True, group="assets")
    async def _list_assets(self, project_id: UUID) -> None:
        self.query_one("#asset", Select).set_options([])
        assets: Sequence[Asset] = ()
        problem = ""
        try:
            assets = await self._assets(project_id)
        except StoreError as error:
            problem = f"Can't list the assets. {error_words(error)}"
        if self.is_open:
            self.query_one("#asset", Select).set_options([(Content(_described(asset)), asset.id) for asset in assets])
            self.query_one("#asset-problem", FieldProblem).say(problem)

    def read(self) -> Coroutine[Any, Any, GenerationJob] | None:
        mode = _completed(self.query_one("#mode", Input).value)
        cost_cents = typed_cents(self.query_one("#cost", Input).value)
        project_id, asset_id = self.query_one("#project", Select).value, self.query_one("#asset", Select).value
        if not mode.strip():
            self.complain("mode", "A job needs a mode.")
        elif cost_cents is None:
            self.query_one("#cost-note", SteadyText).say(Content())
            self.complain("cost", _HOW_TO_TYPE_A_COST)
        elif isinstance(project_id, UUID):
            return self._create(
                NewJob(
                    project_id=project_id,
                    mode=mode,
                    cost_cents=cost_cents,
                    input_asset_id=asset_id if isinstance(asset_id, UUID) else None,
                )
            )
        return None


def _completed(mode: str) -> str:
    """Return the mode that the field suggests, if any. A trailing space keeps the mode as typed."""
    return next((usual for usual in USUAL_MODES if mode and usual.startswith(mode)), mode.rstrip())


def _described(asset: Asset) -> str:
    size = f"{asset.width}×{asset.height}  " if asset.width and asset.height else ""
    _, _, file_name = asset.storage_path.rpartition("/")
    return f"{clean(asset.kind, limit=20)}  {clean(file_name, limit=40)}  {size}{short_id(asset.id)}"
