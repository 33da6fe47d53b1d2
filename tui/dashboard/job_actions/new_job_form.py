"""The form for a new job."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widgets import Input, Select, Static

from store.errors import StoreError
from store.formats import money
from store.job_list.listing import ProjectName
from store.jobs.job import DEFAULT_COST_CENTS, USUAL_MODES, GenerationJob
from store.projects.project import Asset
from tui.dashboard.dialogs.form import AmountLabel, FieldProblem, FormDialog, typed_cents
from tui.dashboard.widgets import TextField
from tui.text.clean_text import clean
from tui.text.error_text import error_words
from tui.text.format import short_id


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    project_id: UUID
    mode: str
    cost_cents: int
    input_asset_id: UUID | None


class NewJobDialog(FormDialog[GenerationJob]):
    """A form for a new job. `create` and `assets` raise a StoreError on failure.

    There must be a project. Without `project_id`, the first project is preselected.
    """

    FIELDS: ClassVar[Mapping[str, str]] = {"mode": "mode", "cost_cents": "cost", "input_asset_id": "asset"}

    def __init__(
        self,
        *,
        projects: Sequence[ProjectName],
        project_id: UUID | None,
        create: Callable[[NewJob], Coroutine[Any, Any, GenerationJob]],
        assets: Callable[[UUID], Awaitable[Sequence[Asset]]],
    ) -> None:
        super().__init__()
        self._projects = tuple(projects)
        known = {project.id for project in self._projects}
        self._project_id = project_id if project_id in known else self._projects[0].id
        self._create = create
        self._assets = assets

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
            yield Static(f"Mode: {', '.join(USUAL_MODES)}, or your own", classes="label", markup=False)
            yield TextField(id="mode", value=USUAL_MODES[0], suggester=SuggestFromList(USUAL_MODES))
            yield FieldProblem(id="mode-problem")
            yield AmountLabel("Cost", field="cost")
            yield TextField(id="cost", value=money(DEFAULT_COST_CENTS), placeholder="$2.50, or 250 for cents")
            yield FieldProblem(id="cost-problem")
            yield Static("Input asset", classes="label", markup=False)
            yield Select[UUID]([], prompt="None", id="asset", compact=True)
            yield FieldProblem(id="asset-problem")
            yield FieldProblem(id="problem")
            yield self.buttons(agree="Create (enter)")

    def on_mount(self) -> None:
        self.query_one("#mode", Input).focus()

    @on(Select.Changed, "#project")
    def _choose_project(self, event: Select.Changed) -> None:
        if isinstance(event.value, UUID):
            self._list_assets(event.value)

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
            self.complain("cost", "Type dollars, such as $2.50, or whole cents, such as 250.")
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
