"""Opens the case of a job or of a user."""

from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.case.case import Case, CasePerson
from gjobs.store.case.person import find_person, person_of_job, person_of_user
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.users.actor import ActingUser, actor_name
from gjobs.tui.case.build_case import BuiltCase, prepared, read_whole_case
from gjobs.tui.dashboard.action_context import context_for
from gjobs.tui.dashboard.case.case_dialog import CaseDialog, Report
from gjobs.tui.dashboard.message_board import show_warning
from gjobs.tui.dashboard.moments.moment_actions import refuse_in_past
from gjobs.tui.text.format import short_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gjobs.store.store import Store
    from gjobs.tui.dashboard.action_host import ActionHost
    from gjobs.tui.session import Session

NO_JOB = "No job under the cursor. Move to a job, or act as a user, and press the key again."


async def show_case(host: "ActionHost", job: GenerationJob | None) -> None:
    """Show the case of the job, or of the acting user. The operator reads it."""
    context = context_for(host, "case")
    if context is None:
        return
    actor = context.store.actor
    if job is not None:
        await _show(host, partial(person_of_job, context.operator, job), of=f"job {short_id(job.id)}")
    elif isinstance(actor, ActingUser):
        await show_case_of(host, actor)
    else:
        show_warning(host.app, NO_JOB)


async def show_case_of(host: "ActionHost", user: ActingUser) -> None:
    """Show the case of a user."""
    session = host.poller.session
    if session is not None:
        await _show(host, partial(person_of_user, session.operator, user.id), of=actor_name(user))


async def show_case_of_job(host: "ActionHost", job_id: UUID) -> None:
    """Show the case of a job that the person saw, even if it was deleted since."""
    session = host.poller.session
    if session is not None:
        await _show(host, partial(find_person, session.operator, str(job_id)), of=f"job {short_id(job_id)}")


async def _show(host: "ActionHost", find: "Callable[[], Awaitable[CasePerson]]", *, of: str) -> None:
    session = host.poller.session
    if session is None or refuse_in_past(host, "case"):
        return
    await host.app.push_screen_wait(CaseDialog(_Builder(host, session, session.operator, find).build, of=of))


class _Builder:
    """Reads a case once. Redaction can then be turned off and on."""

    def __init__(
        self, host: "ActionHost", session: "Session", store: "Store", find: "Callable[[], Awaitable[CasePerson]]"
    ) -> None:
        self._host = host
        self._session = session
        self._store = store
        self._find = find
        self._case: Case | None = None

    async def build(self, redacts: bool, report: Report) -> BuiltCase:
        if self._case is None:
            at = self._host.dashboard.now
            self._case = await read_whole_case(self._session, self._store, await self._find(), at=at, report=report)
        return await prepared(
            self._case, self._session.full_name, redacts=redacts, zone=self._host.dashboard.zone.zone or UTC
        )
