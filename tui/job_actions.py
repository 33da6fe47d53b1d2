"""What a key does to jobs: from the jobs that the person saw, through a question where one is due, to the store.

Every action owns the jobs that it was started with; nothing that a refresh brings changes them.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never
from uuid import UUID

from textual.app import App

from store.errors import StoreError
from store.model import GenerationJob, JobStatus, Project, TransitionOutcome
from store.transitions import sources, why_refused
from tui.confirmations import confirm_deletion, confirm_transition, described
from tui.job_action import JobAction
from tui.outcomes import (
    Toast,
    created_toast,
    deleted_toast,
    error_toast,
    interrupted_toast,
    jobs_name,
    transition_toast,
)
from tui.screens.confirm import ConfirmDialog
from tui.screens.new_job import NewJob, NewJobDialog
from tui.screens.text_prompt import TextPrompt

if TYPE_CHECKING:
    from store.store import Store

_TOAST_SECONDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What an action works with: the eyes of one moment, and the words for what it asks."""

    store: "Store"
    database: str
    projects: tuple[Project, ...]
    changed: Callable[[], None]
    """Called after each write, so that list and costs follow at once."""

    @property
    def project_names(self) -> Mapping[UUID, str]:
        return {project.id: project.name for project in self.projects}


class JobActions:
    """Each method is run in a worker of the app, for it waits for answers and for the database."""

    def __init__(self, app: App[int], desk: Desk) -> None:
        self._app = app
        self._desk = desk

    async def act(self, action: JobAction, jobs: Sequence[GenerationJob], project_id: UUID | None) -> None:
        """`project_id` is where a new job is proposed to go."""
        match action:
            case "start":
                await self.transition(jobs, JobStatus.RUNNING)
            case "complete":
                await self.transition(jobs, JobStatus.SUCCEEDED)
            case "fail":
                await self.fail(jobs)
            case "delete":
                await self.delete(jobs)
            case "create":
                await self.create(project_id)
            case _:
                assert_never(action)

    async def transition(self, jobs: Sequence[GenerationJob], target: JobStatus) -> None:
        """Several jobs are asked for first. Those that the status does not permit are left and named."""
        if not self._may_any(jobs, target) or not await self._confirmed(jobs, target):
            return
        await self._reported(self._transition(jobs, target, None))

    async def fail(self, jobs: Sequence[GenerationJob]) -> None:
        """Asks for the error's text, which stays in the dialog until it has been stored."""
        if not self._may_any(jobs, JobStatus.FAILED):
            return

        async def submit(text: str) -> None:
            self._toast(await self._transition(jobs, JobStatus.FAILED, text))

        names = self._desk.project_names
        listed = confirm_transition(jobs, JobStatus.FAILED, project_names=names, database=self._desk.database).lines
        await self._app.push_screen_wait(
            TextPrompt(
                title=f"Fail {jobs_name(jobs)}",
                lines=listed if len(jobs) > 1 else (described(jobs[0], names),),
                label="Error text",
                agree="Fail",
                placeholder="What went wrong, such as: API timeout",
                submit=submit,
            )
        )

    async def delete(self, jobs: Sequence[GenerationJob]) -> None:
        """Asks, and deletes all of them as they were seen, or none."""
        question = confirm_deletion(jobs, project_names=self._desk.project_names, database=self._desk.database)
        if await self._app.push_screen_wait(ConfirmDialog(question)):
            await self._reported(self._delete(jobs))

    async def create(self, project_id: UUID | None) -> None:
        """By a form, which keeps what was typed until the job has been stored."""
        store = self._desk.store

        async def create(new_job: NewJob) -> GenerationJob:
            job = await store.create_generation_job(
                project_id=new_job.project_id,
                mode=new_job.mode,
                cost_cents=new_job.cost_cents,
                input_asset_id=new_job.input_asset_id,
            )
            self._desk.changed()
            return job

        dialog = NewJobDialog(
            projects=self._desk.projects, project_id=project_id, create=create, assets=store.get_assets
        )
        job = await self._app.push_screen_wait(dialog)
        if job is not None:
            self._toast(created_toast(job))

    def _may_any(self, jobs: Sequence[GenerationJob], target: JobStatus) -> bool:
        """Whether the status of any permits it; else says why not."""
        if any(job.status in sources(target) for job in jobs):
            return True
        if len(jobs) == 1:
            self._toast(Toast(text=why_refused(jobs[0].status, target), severity="warning"))
        else:
            needed = " or ".join(sources(target))
            text = f"None of these {len(jobs)} jobs is {needed}, so none can become {target}."
            self._toast(Toast(text=text, severity="warning"))
        return False

    async def _confirmed(self, jobs: Sequence[GenerationJob], target: JobStatus) -> bool:
        if len(jobs) == 1:
            return True
        names = self._desk.project_names
        question = confirm_transition(jobs, target, project_names=names, database=self._desk.database)
        return await self._app.push_screen_wait(ConfirmDialog(question)) is True

    async def _transition(self, jobs: Sequence[GenerationJob], target: JobStatus, error: str | None) -> Toast:
        outcomes: list[TransitionOutcome] = []
        try:
            for job in jobs:
                outcomes.append(await self._desk.store.transition_job_status(job.id, target, error))  # noqa: PERF401
        except StoreError as stopped_by:
            if not outcomes:
                raise
            done = transition_toast(jobs[: len(outcomes)], outcomes, target)
            return interrupted_toast(done, len(jobs) - len(outcomes), stopped_by)
        finally:
            self._desk.changed()
        return transition_toast(jobs, outcomes, target)

    async def _delete(self, jobs: Sequence[GenerationJob]) -> Toast:
        try:
            await self._desk.store.delete_generation_jobs({job.id: job.status for job in jobs})
        finally:
            self._desk.changed()
        return deleted_toast(jobs)

    async def _reported(self, action: Awaitable[Toast]) -> None:
        try:
            self._toast(await action)
        except StoreError as error:
            self._toast(error_toast(error))

    def _toast(self, toast: Toast) -> None:
        self._app.notify(toast.text, severity=toast.severity, timeout=_TOAST_SECONDS, markup=False)
