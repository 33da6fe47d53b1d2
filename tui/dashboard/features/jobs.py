"""Actions on jobs and on the list, from key to confirmation to write, and the form for a new job."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widgets import Input, Select

from gjobs.store.budgets.budget import Budget
from gjobs.store.capabilities.capability import Capability
from gjobs.store.errors import BudgetExceeded, InvalidValue, NoPrivilege, StoreError
from gjobs.store.filters.filter_terms import JobFilter
from gjobs.store.job_list.list_query import ListOrder, ListQuery, OrderColumn
from gjobs.store.job_list.read_listing import ListCost
from gjobs.store.jobs.job import DEFAULT_COST_CENTS, USUAL_MODES, Asset, GenerationJob, JobStatus
from gjobs.store.jobs.job_results import AlreadyRetried, Retried
from gjobs.store.store import Store
from gjobs.store.users.actor import ANON, OPERATOR
from gjobs.store.values.data_classes import by_member
from gjobs.store.values.formats import money
from gjobs.store.values.page_sizes import MAX_LIMIT
from gjobs.tui.dashboard.actions.action_context import ActionContext, go_to_job
from gjobs.tui.dashboard.actions.action_host import ActionHost, DeletedJobs
from gjobs.tui.dashboard.bindings import KEY_ONLY, bind, key_of
from gjobs.tui.dashboard.dialogs.dialog import (
    ConfirmDialog,
    ProgressDialog,
    SummaryDialog,
    run_showing_progress,
    showing_progress,
)
from gjobs.tui.dashboard.dialogs.form import FormDialog, TextPrompt, choice_of, typed_cents
from gjobs.tui.dashboard.features import job_writes
from gjobs.tui.dashboard.features.job_writes import CHUNK, BulkOutcome, BulkReport, BulkWrite, bulk_report
from gjobs.tui.dashboard.list.filter_bar import FilterField
from gjobs.tui.dashboard.widgets.message_board import show_message, show_warning
from gjobs.tui.dashboard.widgets.widgets import SteadyText, TextField
from gjobs.tui.text import write_text
from gjobs.tui.text.budget_text import cost_note
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import Message, error_message, error_words, expensive_filter_words
from gjobs.tui.text.format import jobs_count, short_id
from gjobs.tui.text.status_text import ACTIONS_TO, DOING, STATUS_ACTIONS, STATUS_TEXTS, JobAction


class ModeField(TextField):
    """The arrow keys choose a usual mode. Tab completes one, and then leaves the field."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("mode.up", "up", "Previous", "Choose the usual mode before this one", KEY_ONLY, "step(-1)"),
        bind("mode.down", "down", "Next", "Choose the usual mode after this one", KEY_ONLY, "step(1)"),
        bind("mode.complete", "tab", "Complete", "Complete a usual mode", action="complete"),
    ]

    def __init__(self) -> None:
        super().__init__(id="mode", value=USUAL_MODES[0])
        self.suggester = SuggestFromList(USUAL_MODES)

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


_HOW_TO_TYPE_A_COST = "Type dollars, such as $2.50, or whole cents, such as 250."
_LONGEST_REFUSAL = 300


class NewJobDialog(FormDialog[GenerationJob]):
    """A form for a new job. It keeps the input until the job is stored. There must be a project."""

    DEFAULT_CSS = "NewJobDialog #cost-note { color: $foreground-muted; }"
    FIELDS: ClassVar[Mapping[str, str]] = {"mode": "mode", "cost_cents": "cost", "input_asset_id": "asset"}
    FOCUS = "#mode"

    def __init__(self, context: ActionContext, project_id: UUID | None) -> None:
        """Without `project_id`, the first project is preselected."""
        super().__init__()
        self._action = context
        self._store = context.store
        self._project_id = project_id if project_id in context.project_names else context.projects[0].id
        self._budgets: tuple[Budget, ...] | None = ()
        """The budgets of the project, as last read. None if they could not be read."""

    def compose(self) -> ComposeResult:
        with self.box("New job"):
            projects = [(Content(clean(project.name, limit=60)), project.id) for project in self._action.projects]
            yield from self.labelled("Project", choice_of("project", projects, self._project_id), is_first=True)
            yield from self.labelled(SteadyText(id="mode-label", classes="label"), ModeField())
            cost = TextField(id="cost", value=money(DEFAULT_COST_CENTS), placeholder="$2.50, or 250 for cents")
            yield from self.labelled("Cost, as $2.50 or in cents", cost, SteadyText(id="cost-note"))
            yield from self.labelled("Input asset", Select[UUID]([], prompt="None", id="asset", compact=True))
            yield self.problem_line()
            yield self.buttons(agree="Create (enter)")

    def on_mount(self) -> None:
        self._show_cost()

    @on(Input.Changed, "#mode")
    def _show_mode(self, event: Input.Changed) -> None:
        """List the usual modes, and mark the one in the field. Point out another mode: it may be a typing mistake."""
        chosen = _completed(event.value)
        modes = Content("  ").join(Content.styled(one, "bold $text-accent" * (one == chosen)) for one in USUAL_MODES)
        keys = " ".join(key_of(self.app, f"mode.{way}", ModeField.BINDINGS) for way in ("up", "down"))
        is_new = bool(chosen) and chosen not in USUAL_MODES
        end = ("new mode", "bold $text-warning") if is_new else (f"{keys} or type", "")
        self.set_part("mode-label", Content.assemble("Mode  ", modes, "  ", end))

    @on(Input.Changed, "#cost")
    def _show_cost(self) -> None:
        """Show how the cost is read, and what the tightest budget has left."""
        cost_cents = typed_cents(self.query_one("#cost", Input).value)
        note = (_HOW_TO_TYPE_A_COST, "") if cost_cents is None else cost_note(cost_cents, self._budgets)
        self.set_part("cost-note", Content.styled(*note))

    @work(exclusive=True, group="budgets")
    async def _load_budgets(self, project_id: UUID) -> None:
        """Load the budgets that a job of the project is charged to. There are none if the database keeps none."""
        store = self._store
        try:
            has_budgets = (await store.capability_cache.get()).missing(Capability.MIGRATED, store.actor) is None
            self._budgets = (await store.get_budgets(project_id)).budgets if has_budgets else ()
        except StoreError:
            self._budgets = None
        if self.is_open:
            self._show_cost()

    def explain(self, error: StoreError) -> None:
        if isinstance(error, BudgetExceeded):
            leave, budgets = self.key("dialog.leave"), key_of(self.app, "project.budgets")
            raising = f"To raise the limit, press {leave}, then {budgets}."
            advice = raising if self._store.actor == OPERATOR else "Only the operator can raise the limit."
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
            assets = await self._store.get_assets(project_id)
        except StoreError as error:
            problem = f"Can't list the assets. {error_words(error)}"
        if self.is_open:
            self.query_one("#asset", Select).set_options([(Content(_described(asset)), asset.id) for asset in assets])
            self.show_problem(problem, "asset")

    def read(self) -> Coroutine[Any, Any, GenerationJob] | None:
        mode = _completed(self.query_one("#mode", Input).value)
        cost_cents = typed_cents(self.query_one("#cost", Input).value)
        project_id, asset_id = self.query_one("#project", Select).value, self.query_one("#asset", Select).value
        if not mode.strip():
            self.complain("mode", "A job needs a mode.")
        elif cost_cents is None:
            self.set_part("cost-note", Content())
            self.complain("cost", _HOW_TO_TYPE_A_COST)
        elif isinstance(project_id, UUID):
            return self._create(project_id, mode, cost_cents, asset_id if isinstance(asset_id, UUID) else None)
        return None

    async def _create(self, project_id: UUID, mode: str, cost_cents: int, asset_id: UUID | None) -> GenerationJob:
        creating = self._store.create_generation_job(
            project_id=project_id, mode=mode, cost_cents=cost_cents, input_asset_id=asset_id
        )
        return await self._action.host.tasks.run_form(self._send_job(creating), self.created_message)

    async def _send_job(self, creating: Coroutine[Any, Any, GenerationJob]) -> GenerationJob:
        async with self._action.explaining_missing_rows():
            return await self._action.write(creating)

    def created_message(self, job: GenerationJob) -> Message:
        return write_text.created_message(job, project=self._action.project_names[job.project_id])


def _completed(mode: str) -> str:
    """Return the mode that the field suggests, if any. A trailing space keeps the mode as typed."""
    return next((usual for usual in USUAL_MODES if mode and usual.startswith(mode)), mode.rstrip())


def _described(asset: Asset) -> str:
    size = f"{asset.width}×{asset.height}  " if asset.width and asset.height else ""
    _, _, file_name = asset.storage_path.rpartition("/")
    return f"{clean(asset.kind, limit=20)}  {clean(file_name, limit=40)}  {size}{short_id(asset.id)}"


async def choose_all_matching(host: ActionHost, context: "ActionContext") -> None:
    dashboard, store = host.dashboard, context.store
    query = dashboard.listing_query
    listed = query.window.listed
    if query.with_visibility:
        show_warning(host, "Leave the visibility view first. It shows jobs that the user does not see.")
        return
    page = await store.find_jobs(listed.job_filter, project_id=listed.project_id, status=listed.status, limit=MAX_LIMIT)
    if host.poller.store is not store or dashboard.listing_query.window.listed != listed:
        return
    dashboard.jobs.select(page.items)
    if not page.items:
        show_warning(host, "No job matches.")
    elif page.next_key is not None:
        show_warning(host, f"More jobs match. Selected the newest {jobs_count(len(page))}, which is the maximum.")


_WHOLE = 100
"""Percent."""


async def count_exactly(host: ActionHost, context: "ActionContext") -> None:
    query = host.dashboard.totals_query
    counting = await run_showing_progress(
        host,
        lambda show: context.store.get_exact_totals(query, lambda done, pages: show(_WHOLE * done // max(pages, 1))),
        title="Counting exactly",
        total=_WHOLE,
        words=lambda done: f"{done} % of the table read",
    )
    if counting.cancelled():
        show_message(host, "Stopped counting. The numbers have not changed.")
        return
    totals = counting.result()
    if host.poller.store is context.store:
        host.dashboard.show_totals(totals)
        found = totals.matching or totals.count(None)
        how = "with partial claims" if totals.partial_claims else "exactly"
        show_message(host, f"Counted {how}: {jobs_count(found.number if found else 0)}.")


async def order_by(host: ActionHost, order: ListOrder) -> None:
    """Sort the list. The order by creation needs no check, because it is the default of each list."""
    store, dashboard = host.poller.store, host.dashboard
    if store is not None and order.column is not OrderColumn.CREATED:
        try:
            missing = await store.slow_order_reason(replace(dashboard.listed, order=order))
        except StoreError as error:
            show_message(host, error_message(error))
            return
        if host.poller.store is not store:
            return
        if missing is not None:
            # The order would make the database read the whole list on each refresh.
            show_warning(host, f"Not sorted by {order.column}: {clean(missing.words, limit=400)}")
            return
    dashboard.ask(replace(dashboard.listed, order=order))


async def apply_filter(host: ActionHost, job_filter: JobFilter) -> None:
    """Apply the filter if it is cheap or its cost is unknown. Otherwise the bar shows why not."""
    store, dashboard, bar = host.poller.store, host.dashboard, host.dashboard.jobs.bar
    listed = replace(dashboard.listed, job_filter=job_filter)
    cost = None
    try:
        if store is not None:
            cost = await _proven_cost(store, listed)
    except (InvalidValue, NoPrivilege) as error:
        if bar.job_filter == job_filter:
            bar.note(error_words(error))
        return
    except StoreError:
        pass  # The list itself reports the error and retries.
    if store is not host.poller.store or bar.job_filter != job_filter:
        return
    if cost is not None and cost.is_expensive:
        run = key_of(host, "find.keep", FilterField.BINDINGS)
        bar.note(expensive_filter_words(cost, listed, run=run), is_asking=True)
    else:
        dashboard.ask(replace(dashboard.listed, job_filter=job_filter))


async def _proven_cost(store: "Store", listed: ListQuery) -> ListCost | None:
    """Return the estimated cost. Return None if it is unknown, or if a test shows that the list is fast anyway."""
    cost = await store.get_list_cost(listed)
    is_doubtful = cost is not None and cost.is_expensive and store.actor != OPERATOR
    return None if is_doubtful and await store.returns_quickly(listed) else cost


class JobActions:
    def __init__(self, context: ActionContext) -> None:
        self._context = context
        self._host, self._tasks = context.host, context.host.tasks
        self._names, self._database = context.project_names, context.database

    def act(self, action: JobAction, jobs: Sequence[GenerationJob]) -> None:
        starts: Mapping[JobAction, Callable[[], None]] = by_member(
            JobAction,
            {
                JobAction.RETRY: lambda: self._retry(jobs),
                JobAction.DELETE: lambda: self._tasks.ask(self._ask_deletion(jobs)),
                **{one: partial(self._transition, jobs, status) for one, status in STATUS_ACTIONS.items()},
            },
        )
        starts[action]()

    def undo(self) -> None:
        """Restore the jobs deleted last."""
        if self._host.undo.is_deleting:
            key = key_of(self._host, "job.undo")
            text = f"The deletion was not confirmed when you pressed {key}. Press {key} again once it is."
            show_warning(self._host, text)
            return
        deletion = self._host.undo.take_last()
        if deletion is None:
            show_warning(self._host, "No deleted jobs to restore.")
        else:
            doing = write_text.restoring_words(deletion.jobs)
            unchanged = write_text.unchanged_words(deletion.jobs, "Restored")
            self._tasks.write(self._restore(deletion), doing=doing, unchanged=unchanged, may_open=True)

    async def _restore(self, deletion: DeletedJobs) -> Message:
        """Restore the jobs, and move the cursor to the newest one. Keys wait for it."""
        message = await job_writes.restore(self._context, deletion)
        show_message(self._host, message)  # The list may be slow.
        newest = max(deletion.jobs, key=lambda job: (job.created_at, job.id))
        unlisted = await go_to_job(self._host, newest, is_new=False)
        return replace(message, advice=unlisted if len(deletion.jobs) == 1 else "")

    def _transition(self, jobs: Sequence[GenerationJob], target: JobStatus) -> None:
        """Change the status. Several jobs need a confirmation. Jobs that do not permit it are skipped and named."""
        if not any(job.status in target.sources for job in jobs):
            show_message(self._host, write_text.not_permitted_message(jobs, target))
        elif STATUS_TEXTS[target].asks_error:
            self._tasks.ask(self._ask_error(jobs, target))
        elif len(jobs) == 1:
            unchanged = write_text.unchanged_words(jobs, STATUS_TEXTS[target].done)
            self._tasks.write(job_writes.transition_one(self._context, jobs[0], target), unchanged=unchanged)
        else:
            self._tasks.ask(self._ask_transition(jobs, target))

    async def _ask_transition(self, jobs: Sequence[GenerationJob], target: JobStatus) -> None:
        question = write_text.confirm_transition(jobs, target, project_names=self._names, database=self._database)
        if await self._host.push_screen_wait(ConfirmDialog(question)):
            bulk = job_writes.bulk_transition(self._context, jobs, target, None)
            writing = self._write_several(bulk, ACTIONS_TO[target], STATUS_TEXTS[target].done)
            self._tasks.write(writing, may_open=True)

    async def _ask_error(self, jobs: Sequence[GenerationJob], target: JobStatus) -> None:
        """Ask for the error text. The dialog keeps the text until it is stored."""
        words = STATUS_TEXTS[target]

        async def send(text: str) -> BulkReport:
            if len(jobs) == 1:
                return BulkReport(message=await job_writes.end_with_error(self._context, jobs[0], target, text))
            bulk = job_writes.bulk_transition(self._context, jobs, target, text)
            outcome = await self._run(bulk, ACTIONS_TO[target])
            if outcome.stopped_by is not None and len(outcome.not_reached) == len(bulk.jobs):
                raise outcome.stopped_by
            return bulk_report(outcome, done=words.done, project_names=self._names)

        async def submit(text: str) -> BulkReport:
            return await self._tasks.run_form(send(text), lambda report: report.message)

        title, lines = write_text.change_words(jobs, target, project_names=self._names, database=self._database)
        prompt = TextPrompt(
            title=title,
            lines=lines,
            label="Error text",
            agree=words.verb,
            placeholder="The error, such as: API timeout",
            submit=submit,
        )
        report = await self._host.push_screen_wait(prompt)
        if report is not None:
            show_message(self._host, self._show_report(report))

    def _retry(self, jobs: Sequence[GenerationJob]) -> None:
        """Retry failed jobs. Several jobs, or a job that was retried before, need a confirmation."""
        if not any(job.status is JobStatus.FAILED for job in jobs):
            show_message(self._host, write_text.only_failed_message(jobs))
        elif len(jobs) == 1:
            self._tasks.write(
                self._retry_one(jobs[0]), unchanged=write_text.unchanged_words(jobs, "Retried"), may_open=True
            )
        else:
            self._tasks.ask(self.ask_retry(jobs))

    async def _retry_one(self, job: GenerationJob, *, again: bool = False) -> Message:
        outcome, message = await job_writes.retry_one(self._context, job, again=again)
        if isinstance(outcome, AlreadyRetried):
            self._tasks.ask(self._ask_once_more(job))
        if not isinstance(outcome, Retried):
            return message
        unlisted = await go_to_job(self._host, outcome.job, repeats=job)
        return replace(message, advice=unlisted)

    async def _ask_once_more(self, job: GenerationJob) -> None:
        question = write_text.confirm_retry([job], project_names=self._names, database=self._database, repeated=True)
        if await self._host.push_screen_wait(ConfirmDialog(question)):
            retry = self._retry_one(job, again=True)
            self._tasks.write(retry, unchanged=write_text.unchanged_words([job], "Retried"), may_open=True)

    async def ask_retry(self, jobs: Sequence[GenerationJob], *, about: Sequence[str] = (), note: str = "") -> None:
        """Ask, then retry the jobs. `note` is a warning that is added to the result."""
        names, database = self._names, self._database
        question = write_text.confirm_retry(jobs, project_names=names, database=database, about=about)
        if await self._host.push_screen_wait(ConfirmDialog(question)):
            bulk = job_writes.bulk_retry(self._context, jobs)
            self._tasks.write(self._write_several(bulk, JobAction.RETRY, "Retried", note=note), may_open=True)

    async def _ask_deletion(self, jobs: Sequence[GenerationJob]) -> None:
        key = key_of(self._host, "job.undo")
        undo = write_text.undo_words(key, len(jobs), self._host.undo.cascading_tables or ())
        names, database = self._names, self._database
        question = write_text.confirm_deletion(jobs, project_names=names, database=database, undo=undo)
        if not await self._host.push_screen_wait(ConfirmDialog(question)):
            return
        if len(jobs) == 1:
            deletion = self._undoable(job_writes.delete_one(self._context, jobs[0]), key)
            self._tasks.write(deletion, unchanged=write_text.unchanged_words(jobs, "Deleted"))
        else:
            self._tasks.write(self._undoable(self._delete_several(jobs), key), may_open=True)

    async def _undoable(self, deletion: Coroutine[Any, Any, Message], key: str) -> Message:
        return replace(await deletion, keys=f"{key} undo")

    async def _delete_several(self, jobs: Sequence[GenerationJob]) -> Message:
        self._context.deleting(job.id for job in jobs)
        with self._host.undo.deletion(self._context.store) as deleted:
            bulk = job_writes.bulk_deletion(self._context, jobs, deleted)
            try:
                return await self._write_several(bulk, JobAction.DELETE, "Deleted")
            finally:
                self._context.deleting((job.id for job in deleted), are_deleted=True)

    async def _write_several(self, bulk: BulkWrite, action: JobAction, done: str, *, note: str = "") -> Message:
        report = bulk_report(await self._run(bulk, action), done=done, project_names=self._names)
        return self._show_report(report.with_note(note) if note else report)

    async def _run(self, bulk: BulkWrite, action: JobAction) -> BulkOutcome:
        """Run the write. More than one chunk shows progress and can be stopped."""
        try:
            if len(bulk.jobs) <= CHUNK:
                outcome = await bulk.run()
            else:
                title = f"{DOING[action]} {jobs_count(len(bulk.jobs))}"
                dialog = ProgressDialog(title=title, total=len(bulk.jobs), stop=bulk.stop)
                async with showing_progress(self._host, dialog):
                    outcome = await bulk.run(dialog.show_progress)
        finally:
            self._context.refresh_after_write(job.id for job in bulk.jobs)
        if outcome.done and action in STATUS_ACTIONS:
            self._host.tour.moved_jobs_to(STATUS_ACTIONS[action])
        return outcome

    def _show_report(self, report: BulkReport) -> Message:
        """Return the message. If the report is too long for it, also open a dialog."""
        if report.lines and self._tasks.may_open:
            title, sentence, zone = report.title, report.message.text, self._host.dashboard.zone
            self._host.push_screen(
                SummaryDialog(title=title, sentence=sentence, lines=lambda _: report.lines, zone=zone)
            )
        return report.message

    def create(self) -> None:
        if self._context.projects:
            self._tasks.ask(self._ask_new_job(self._host.dashboard.listed.project_id))
        elif self._context.store.actor == ANON:
            key = key_of(self._host, "app.user")
            show_warning(self._host, f"A job needs a project, and anon has none. Press {key} to act as a user.")
        else:
            key = key_of(self._host, "project.new")
            show_warning(self._host, f"A job needs a project. Press {key} to create one first.")

    async def _ask_new_job(self, project_id: UUID | None) -> None:
        form = NewJobDialog(self._context, project_id)
        job = await self._host.push_screen_wait(form)
        if job is not None:
            message = form.created_message(job)
            show_message(self._host, message)
            if unlisted := await go_to_job(self._host, job):
                show_message(self._host, replace(message, advice=unlisted))
