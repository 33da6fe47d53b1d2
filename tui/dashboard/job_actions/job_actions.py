"""Actions on selected jobs, from key to confirmation to write."""

from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, assert_never
from uuid import UUID

from textual.app import App

from gjobs.store.budgets.budget import Budget
from gjobs.store.capabilities.capability import Capability
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.jobs.job_results import AlreadyRetried, Retried, RetryOutcome
from gjobs.store.store import Store
from gjobs.store.users.actor import ANON, OPERATOR
from gjobs.tui.dashboard.action_context import ActionContext
from gjobs.tui.dashboard.action_host import BackgroundTasks, DeletedJobs
from gjobs.tui.dashboard.dialogs.dialog import ConfirmDialog, ProgressDialog, SummaryDialog, showing_progress
from gjobs.tui.dashboard.dialogs.form import TextPrompt
from gjobs.tui.dashboard.job_actions import bulk_writes
from gjobs.tui.dashboard.job_actions.bulk_writes import CHUNK, BulkOutcome, BulkReport, BulkWrite, bulk_report
from gjobs.tui.dashboard.job_actions.new_job_form import NewJob, NewJobDialog
from gjobs.tui.dashboard.keys.bindings import APP_BINDINGS, DASHBOARD_BINDINGS, key_of
from gjobs.tui.dashboard.message_board import show_message, show_warning
from gjobs.tui.text.error_text import Message
from gjobs.tui.text.format import jobs_count
from gjobs.tui.text.status_text import ACTIONS_TO, DOING, STATUS_ACTIONS, STATUS_TEXTS, JobAction
from gjobs.tui.text.write_text import (
    Confirmation,
    change_words,
    confirm_deletion,
    confirm_retry,
    confirm_transition,
    created_message,
    not_permitted_message,
    only_failed_message,
    restoring_words,
    unchanged_words,
    undo_words,
)


class JobActions:
    def __init__(self, app: App[Any], tasks: BackgroundTasks, context: ActionContext) -> None:
        self._app = app
        self._tasks = tasks
        self._context = context

    def act(self, action: JobAction, jobs: Sequence[GenerationJob], project_id: UUID | None) -> None:
        """Start the action. `project_id` is the preselected project of a new job."""
        match action:
            case JobAction.RETRY:
                self._retry(jobs)
            case JobAction.DELETE:
                self._tasks.ask(self._ask_deletion(jobs))
            case JobAction.CREATE:
                self._create(project_id)
            case JobAction.START | JobAction.COMPLETE | JobAction.FAIL:
                self._transition(jobs, STATUS_ACTIONS[action])
            case _:
                assert_never(action)

    def undo(self) -> None:
        """Restore the jobs deleted last."""
        if self._context.undo.is_deleting:
            key = key_of(self._app, DASHBOARD_BINDINGS, "job.undo")
            text = f"The deletion was not confirmed when you pressed {key}. Press {key} again once it is."
            show_warning(self._app, text)
            return
        deletion = self._context.undo.take_last()
        if deletion is None:
            show_warning(self._app, "No deleted jobs to restore.")
        else:
            doing, unchanged = restoring_words(deletion.jobs), unchanged_words(deletion.jobs, "Restored")
            self._tasks.write(self._restore(deletion), doing=doing, unchanged=unchanged, may_open=True)

    async def _restore(self, deletion: DeletedJobs) -> Message:
        """Restore the jobs, and move the cursor to the newest one. Keys wait for it."""
        message = await bulk_writes.restore(self._context, deletion)
        show_message(self._app, message)  # The list may be slow.
        newest = max(deletion.jobs, key=lambda job: (job.created_at, job.id))
        unlisted = await self._context.go_to_job(newest, is_new=False)
        return replace(message, advice=unlisted if len(deletion.jobs) == 1 else "")

    def _transition(self, jobs: Sequence[GenerationJob], target: JobStatus) -> None:
        """Change the status. Several jobs need a confirmation. Jobs that do not permit it are skipped and named."""
        if not self._may_any(jobs, target):
            return
        if STATUS_TEXTS[target].asks_error:
            self._tasks.ask(self._ask_error(jobs, target))
        elif len(jobs) == 1:
            unchanged = unchanged_words(jobs, STATUS_TEXTS[target].done)
            self._tasks.write(bulk_writes.transition_one(self._context, jobs[0], target), unchanged=unchanged)
        else:
            self._tasks.ask(self._ask_transition(jobs, target))

    async def _ask_transition(self, jobs: Sequence[GenerationJob], target: JobStatus) -> None:
        names, database = self._context.project_names, self._context.database
        question = confirm_transition(jobs, target, project_names=names, database=database)
        if await self._app.push_screen_wait(ConfirmDialog(question)):
            self._tasks.write(self._transition_several(jobs, target), may_open=True)

    async def _transition_several(self, jobs: Sequence[GenerationJob], target: JobStatus) -> Message:
        refused = bulk_writes.refuses_transition(target)
        bulk = BulkWrite(jobs, bulk_writes.sends_transition(self._context, target, None), refused=refused)
        done = STATUS_TEXTS[target].done
        return self._show_report(self._reported(await self._run_transition(bulk, target), done), done)

    async def _ask_error(self, jobs: Sequence[GenerationJob], target: JobStatus) -> None:
        """Ask for the error text. The dialog keeps the text until it is stored."""
        words = STATUS_TEXTS[target]

        async def submit(text: str) -> BulkReport:
            return await self._tasks.noted(send(text), lambda report: report.message)

        async def send(text: str) -> BulkReport:
            if len(jobs) == 1:
                return BulkReport(message=await bulk_writes.end_with_error(self._context, jobs[0], target, text))
            refused = bulk_writes.refuses_transition(target)
            bulk = BulkWrite(jobs, bulk_writes.sends_transition(self._context, target, text), refused=refused)
            outcome = await self._run_transition(bulk, target)
            if outcome.stopped_by is not None and len(outcome.not_reached) == len(bulk.jobs):
                raise outcome.stopped_by
            return self._reported(outcome, words.done)

        names, database = self._context.project_names, self._context.database
        title, lines = change_words(jobs, target, project_names=names, database=database)
        prompt = TextPrompt(
            title=title,
            lines=lines,
            label="Error text",
            agree=words.verb,
            placeholder="The error, such as: API timeout",
            submit=submit,
        )
        report = await self._app.push_screen_wait(prompt)
        if report is not None:
            show_message(self._app, self._show_report(report, words.done))

    def _retry(self, jobs: Sequence[GenerationJob]) -> None:
        """Retry failed jobs. Several jobs, or a job that was retried before, need a confirmation."""
        if not any(job.status is JobStatus.FAILED for job in jobs):
            show_message(self._app, only_failed_message(jobs))
        elif len(jobs) == 1:
            self._tasks.write(self._retry_one(jobs[0]), unchanged=unchanged_words(jobs, "Retried"), may_open=True)
        else:
            self._tasks.ask(self.ask_retry(jobs))

    async def _retry_one(self, job: GenerationJob) -> Message:
        outcome = await bulk_writes.retry_one(self._context, job, again=False)
        if isinstance(outcome, AlreadyRetried):
            self._tasks.ask(self._ask_once_more(job))
        return await self._retried(job, outcome)

    async def _ask_once_more(self, job: GenerationJob) -> None:
        question = self._retry_question([job], repeated=True)
        if await self._app.push_screen_wait(ConfirmDialog(question)):
            self._tasks.write(self._retry_again(job), unchanged=unchanged_words([job], "Retried"), may_open=True)

    async def _retry_again(self, job: GenerationJob) -> Message:
        outcome = await bulk_writes.retry_one(self._context, job, again=True)
        return await self._retried(job, outcome)

    async def _retried(self, job: GenerationJob, outcome: RetryOutcome) -> Message:
        message = await bulk_writes.retried(self._context, job, outcome)
        if not isinstance(outcome, Retried):
            return message
        unlisted = await self._context.go_to_job(outcome.job, repeats=job)
        return replace(message, advice=unlisted)

    async def ask_retry(self, jobs: Sequence[GenerationJob], *, about: Sequence[str] = (), note: str = "") -> None:
        """Ask, then retry the jobs. `note` is a warning that is added to the result."""
        if await self._app.push_screen_wait(ConfirmDialog(self._retry_question(jobs, about=about))):
            self._tasks.write(self._retry_several(jobs, note), may_open=True)

    def _retry_question(
        self, jobs: Sequence[GenerationJob], *, repeated: bool = False, about: Sequence[str] = ()
    ) -> Confirmation:
        names, database = self._context.project_names, self._context.database
        return confirm_retry(jobs, project_names=names, database=database, repeated=repeated, about=about)

    async def _retry_several(self, jobs: Sequence[GenerationJob], note: str) -> Message:
        bulk = BulkWrite(jobs, bulk_writes.sends_retry(self._context), refused=bulk_writes.refuses_retry)
        report = self._reported(await self._run(bulk, DOING[JobAction.RETRY]), "Retried")
        return self._show_report(report.with_note(note) if note else report, "Retried")

    async def _ask_deletion(self, jobs: Sequence[GenerationJob]) -> None:
        names, database = self._context.project_names, self._context.database
        key = key_of(self._app, DASHBOARD_BINDINGS, "job.undo")
        undo = undo_words(key, len(jobs), self._context.undo.cascading_tables or ())
        question = confirm_deletion(jobs, project_names=names, database=database, undo=undo)
        if not await self._app.push_screen_wait(ConfirmDialog(question)):
            return
        if len(jobs) == 1:
            deletion = self._undoable(bulk_writes.delete_one(self._context, jobs[0]), key)
            self._tasks.write(deletion, unchanged=unchanged_words(jobs, "Deleted"))
        else:
            self._tasks.write(self._undoable(self._delete_several(jobs), key), may_open=True)

    async def _undoable(self, deletion: Coroutine[Any, Any, Message], key: str) -> Message:
        return replace(await deletion, keys=f"{key} undo")

    async def _delete_several(self, jobs: Sequence[GenerationJob]) -> Message:
        self._context.deleting(job.id for job in jobs)
        with self._context.undo.deletion(self._context.store) as deleted:
            bulk = BulkWrite(jobs, bulk_writes.sends_deletion(self._context, deleted))
            try:
                outcome = await self._run(bulk, DOING[JobAction.DELETE])
            finally:
                self._context.deleted(job.id for job in deleted)
        return self._show_report(self._reported(outcome, "Deleted"), "Deleted")

    async def _run_transition(self, bulk: BulkWrite, target: JobStatus) -> BulkOutcome:
        outcome = await self._run(bulk, DOING[ACTIONS_TO[target]])
        if outcome.done:
            self._context.moved_jobs_to(target)
        return outcome

    async def _run(self, bulk: BulkWrite, doing: str) -> BulkOutcome:
        """Run the write. More than one chunk shows progress and can be stopped."""
        try:
            if len(bulk.jobs) <= CHUNK:
                return await bulk.run()
            title = f"{doing} {jobs_count(len(bulk.jobs))}"
            dialog = ProgressDialog(title=title, total=len(bulk.jobs), stop=bulk.stop)
            async with showing_progress(self._app, dialog):
                return await bulk.run(dialog.show_progress)
        finally:
            self._context.jobs_changed(job.id for job in bulk.jobs)

    def _reported(self, outcome: BulkOutcome, done: str) -> BulkReport:
        return bulk_report(outcome, done=done, project_names=self._context.project_names)

    def _show_report(self, report: BulkReport, done: str) -> Message:
        """Return the message. If the report is too long for it, also open a dialog."""
        if report.lines and self._tasks.may_open:
            self._app.push_screen(SummaryDialog(title=done, sentence=report.message.text, lines=report.lines))
        return report.message

    def _create(self, project_id: UUID | None) -> None:
        if self._context.projects:
            self._tasks.ask(self._ask_new_job(project_id))
        elif self._context.store.actor == ANON:
            key = key_of(self._app, APP_BINDINGS, "app.user")
            show_warning(self._app, f"A job needs a project, and anon has none. Press {key} to act as a user.")
        else:
            key = key_of(self._app, DASHBOARD_BINDINGS, "project.new")
            show_warning(self._app, f"A job needs a project. Press {key} to create one first.")

    async def _ask_new_job(self, project_id: UUID | None) -> None:
        """Ask for a new job. The form keeps the input until the job is stored."""
        store = self._context.store

        def created(job: GenerationJob) -> Message:
            return created_message(job, project=self._context.project_names[job.project_id])

        async def create(new_job: NewJob) -> GenerationJob:
            return await self._tasks.noted(send(new_job), created)

        async def send(new_job: NewJob) -> GenerationJob:
            write = store.create_generation_job(
                project_id=new_job.project_id,
                mode=new_job.mode,
                cost_cents=new_job.cost_cents,
                input_asset_id=new_job.input_asset_id,
            )
            try:
                async with self._context.explaining_missing_rows():
                    return await self._context.resolver.resolve(write)
            finally:
                self._context.jobs_changed(())

        dialog = NewJobDialog(
            projects=self._context.projects,
            project_id=project_id,
            create=create,
            assets=store.get_assets,
            budgets=partial(_budgets_of, store),
            may_set_budgets=store.actor == OPERATOR,
        )
        job = await self._app.push_screen_wait(dialog)
        if job is not None:
            message = created(job)
            show_message(self._app, message)
            if unlisted := await self._context.go_to_job(job):
                show_message(self._app, replace(message, advice=unlisted))

    def _may_any(self, jobs: Sequence[GenerationJob], target: JobStatus) -> bool:
        """Return whether the status of any job permits the change. Explain a refusal."""
        if any(job.status in target.sources for job in jobs):
            return True
        show_message(self._app, not_permitted_message(jobs, target))
        return False


async def _budgets_of(store: Store, project_id: UUID) -> Iterable[Budget]:
    """Return the budgets that a job of the project is charged to. Empty if the database keeps none."""
    has_budgets = (await store.capability_cache.get()).missing(Capability.BUDGETS, store.actor) is None
    return await store.get_budgets(project_id) if has_budgets else ()
