"""What a key does to jobs: from the jobs that the person saw, through a question where one is due, to the store.

Every action owns the jobs that it was started with; nothing that a refresh brings changes them.
"""

from collections.abc import Sequence
from typing import Any, assert_never
from uuid import UUID

from textual.app import App

from store.model import GenerationJob, JobStatus
from store.transitions import sources
from tui import job_writes
from tui.confirmations import confirm_deletion, confirm_transition, described_jobs, where
from tui.desk import Desk
from tui.errands import Errands
from tui.job_action import JobAction
from tui.moved_keys import key_of
from tui.outcomes import Toast, created_toast, jobs_name, not_permitted_toast
from tui.say import say
from tui.screens.confirm import ConfirmDialog
from tui.screens.dashboard_bindings import DASHBOARD_BINDINGS
from tui.screens.new_job import NewJob, NewJobDialog
from tui.screens.text_prompt import TextPrompt


class JobActions:
    def __init__(self, app: App[Any], errands: Errands, desk: Desk) -> None:
        self._app = app
        self._errands = errands
        self._desk = desk

    def act(self, action: JobAction, jobs: Sequence[GenerationJob], project_id: UUID | None) -> None:
        """`project_id` is where a new job is proposed to go."""
        match action:
            case "start":
                self._transition(jobs, JobStatus.RUNNING)
            case "complete":
                self._transition(jobs, JobStatus.SUCCEEDED)
            case "fail":
                if self._may_any(jobs, JobStatus.FAILED):
                    self._errands.ask(self._ask_error(jobs))
            case "delete":
                self._errands.ask(self._ask_deletion(jobs))
            case "create":
                self._create(project_id)
            case _:
                assert_never(action)

    def _transition(self, jobs: Sequence[GenerationJob], target: JobStatus) -> None:
        """Several jobs are asked for first. Those that the status does not permit are left and named."""
        if not self._may_any(jobs, target):
            return
        if len(jobs) == 1:
            self._errands.write(job_writes.transition(self._desk, jobs, target, None))
        else:
            self._errands.ask(self._ask_transition(jobs, target))

    async def _ask_transition(self, jobs: Sequence[GenerationJob], target: JobStatus) -> None:
        names, database = self._desk.project_names, self._desk.database
        question = confirm_transition(jobs, target, project_names=names, database=database)
        if await self._app.push_screen_wait(ConfirmDialog(question)):
            self._errands.write(job_writes.transition(self._desk, jobs, target, None))

    async def _ask_error(self, jobs: Sequence[GenerationJob]) -> None:
        """The text stays in the dialog until it has been stored."""

        async def submit(text: str) -> Toast:
            if len(jobs) == 1:
                return await job_writes.fail_one(self._desk, jobs[0], text)
            return await job_writes.transition(self._desk, jobs, JobStatus.FAILED, text)

        prompt = TextPrompt(
            title=f"Fail {jobs_name(jobs)}",
            lines=(*described_jobs(jobs, self._desk.project_names), "", where(self._desk.database)),
            label="Error text",
            agree="Fail",
            placeholder="What went wrong, such as: API timeout",
            submit=submit,
        )
        toast = await self._app.push_screen_wait(prompt)
        if toast is not None:
            say(self._app, toast)

    async def _ask_deletion(self, jobs: Sequence[GenerationJob]) -> None:
        names, database = self._desk.project_names, self._desk.database
        question = confirm_deletion(jobs, project_names=names, database=database)
        if await self._app.push_screen_wait(ConfirmDialog(question)):
            self._errands.write(job_writes.delete(self._desk, jobs))

    def _create(self, project_id: UUID | None) -> None:
        if self._desk.projects:
            self._errands.ask(self._ask_new_job(project_id))
        else:
            key = key_of(self._app, DASHBOARD_BINDINGS, "project.new")
            say(self._app, Toast(text=f"A job needs a project. Press {key} to create one first.", severity="warning"))

    async def _ask_new_job(self, project_id: UUID | None) -> None:
        """The form keeps what was typed until the job has been stored."""
        store = self._desk.store

        async def create(new_job: NewJob) -> GenerationJob:
            try:
                return await store.create_generation_job(
                    project_id=new_job.project_id,
                    mode=new_job.mode,
                    cost_cents=new_job.cost_cents,
                    input_asset_id=new_job.input_asset_id,
                )
            finally:
                self._desk.changed(())

        dialog = NewJobDialog(
            projects=self._desk.projects, project_id=project_id, create=create, assets=store.get_assets
        )
        job = await self._app.push_screen_wait(dialog)
        if job is not None:
            say(self._app, created_toast(job, project=self._desk.project_names[job.project_id]))

    def _may_any(self, jobs: Sequence[GenerationJob], target: JobStatus) -> bool:
        """Whether the status of any permits it; else says why not."""
        if any(job.status in sources(target) for job in jobs):
            return True
        say(self._app, not_permitted_toast(jobs, target))
        return False
