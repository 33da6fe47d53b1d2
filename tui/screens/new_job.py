"""The form of a new job. A bad value is explained beside its field, and nothing typed is lost."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Select, Static

from store.errors import InvalidValue, StoreError
from store.model import DEFAULT_COST_CENTS, USUAL_MODES, Asset, GenerationJob, Project
from tui.format import short_id
from tui.screens.dialog import Dialog
from tui.screens.problem import Problem
from tui.text import clean


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    project_id: UUID
    mode: str
    cost_cents: int
    input_asset_id: UUID | None


class NewJobDialog(Dialog[GenerationJob]):
    """`create` makes the job and `assets` lists a project's; both raise a StoreError where that fails."""

    DEFAULT_CSS = """
    NewJobDialog {
        Select { height: auto; }
        #mode-row { height: auto; }
    }
    """

    def __init__(
        self,
        *,
        projects: Sequence[Project],
        project_id: UUID | None,
        create: Callable[[NewJob], Awaitable[GenerationJob]],
        assets: Callable[[UUID], Awaitable[Sequence[Asset]]],
    ) -> None:
        super().__init__()
        self._projects = tuple(projects)
        self._project_id = project_id or (self._projects[0].id if self._projects else None)
        self._create = create
        self._assets = assets

    def compose(self) -> ComposeResult:
        with self.box("New job"):
            yield Static("Project", classes="hint", markup=False)
            yield Select(
                [(Content(clean(project.name, limit=60)), project.id) for project in self._projects],
                value=self._project_id,
                allow_blank=False,
                id="project",
                compact=True,
            )
            yield Static(Content(f"Mode: {', '.join(USUAL_MODES)}, or your own"), classes="label", markup=False)
            yield Input(value=USUAL_MODES[0], suggester=SuggestFromList(USUAL_MODES), id="mode", compact=True)
            yield Problem(id="mode-problem")
            yield Static("Cost in cents", classes="label", markup=False)
            yield Input(value=str(DEFAULT_COST_CENTS), id="cost", compact=True)
            yield Problem(id="cost-problem")
            yield Static("Input asset", classes="label", markup=False)
            yield Select[UUID]([], prompt="None", id="asset", compact=True)
            yield Problem(id="asset-problem")
            yield Problem(id="problem")
            with Horizontal(classes="buttons"):
                yield Button("Cancel (esc)", id="cancel")
                yield Button("Create (enter)", id="agree", variant="primary")

    def on_mount(self) -> None:
        self.query_one("#mode", Input).focus()

    @on(Select.Changed, "#project")
    def _choose_project(self, event: Select.Changed) -> None:
        if isinstance(event.value, UUID):
            self._list_assets(event.value)

    @work(exclusive=True, group="assets")
    async def _list_assets(self, project_id: UUID) -> None:
        problem = self.query_one("#asset-problem", Problem)
        select = self.query_one("#asset", Select)
        select.set_options([])
        try:
            assets = await self._assets(project_id)
        except StoreError as error:
            problem.say(f"The assets cannot be listed: {error.message}")
            return
        problem.clear()
        select.set_options([(Content(_described(asset)), asset.id) for asset in assets])

    @on(Input.Changed)
    def _forget_problem(self, event: Input.Changed) -> None:
        self.query_one(f"#{event.input.id}-problem", Problem).clear()

    @on(Input.Submitted)
    @on(Button.Pressed, "#agree")
    def action_send(self) -> None:
        new_job = self._read()
        if new_job is not None:
            self._send(new_job)

    def _read(self) -> NewJob | None:
        """What the form holds; None where a field has a problem, which is then said beside it."""
        mode = self.query_one("#mode", Input)
        cost = self.query_one("#cost", Input)
        project_id, asset_id = self.query_one("#project", Select).value, self.query_one("#asset", Select).value
        cents = cost.value.strip().replace("_", "")
        if not mode.value.strip():
            self._complain("mode", "A job needs a mode.")
        elif not (cents.isascii() and cents.isdecimal()):
            self._complain("cost", "Type whole cents, such as 250 for $2.50.")
        elif not isinstance(project_id, UUID):
            self.query_one("#problem", Problem).say("Choose a project.")
        else:
            return NewJob(
                project_id=project_id,
                mode=mode.value,
                cost_cents=int(cents),
                input_asset_id=asset_id if isinstance(asset_id, UUID) else None,
            )
        return None

    @work(exclusive=True, group="send")
    async def _send(self, new_job: NewJob) -> None:
        self.query_one("#problem", Problem).clear()
        try:
            job = await self._create(new_job)
        except InvalidValue as error:
            field = {"mode": "mode", "cost_cents": "cost", "input_asset_id": "asset"}.get(error.field)
            self._complain(field, error.message) if field else self._fail(error)
        except StoreError as error:
            self._fail(error)
        else:
            self.dismiss(job)

    def _complain(self, field: str, sentence: str) -> None:
        self.query_one(f"#{field}-problem", Problem).say(sentence)
        self.query_one(f"#{field}").focus()

    def _fail(self, error: StoreError) -> None:
        self.query_one("#problem", Problem).say(f"{error.message} {error.hint or ''}".strip())

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.action_leave()


def _described(asset: Asset) -> str:
    size = f"{asset.width}×{asset.height}  " if asset.width and asset.height else ""
    return f"{clean(asset.kind)}  {clean(asset.storage_path, limit=44)}  {size}{short_id(asset.id)}"
