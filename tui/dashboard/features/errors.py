"""Opens the errors screen, lists the jobs of a group, retries them, and copies a group for a ticket."""

import shlex
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta, tzinfo
from typing import TYPE_CHECKING, assert_never
from uuid import UUID

from gjobs.store.capabilities.capability import Capability
from gjobs.store.error_groups.error_group import WEEK, ErrorGroup, ErrorGroups, ErrorScope, error_group_id
from gjobs.store.errors import StoreError
from gjobs.store.filters.filter_terms import JobFilter, Key, Term
from gjobs.store.filters.filter_text import format_filter
from gjobs.store.jobs.job import GenerationJob, JobStatus, ListedJob
from gjobs.store.statistics.statistics import Waste, WasteKey
from gjobs.store.users.actor import ActingUser, Actor, Anon, Operator
from gjobs.store.values.page_sizes import MAX_LIMIT, PAGE_SIZE
from gjobs.tui.case.redaction import Redactor, redacted_group
from gjobs.tui.dashboard.actions.action_context import context_for
from gjobs.tui.dashboard.features.case import show_case_of_job
from gjobs.tui.dashboard.features.databases import may_write
from gjobs.tui.dashboard.features.errors_dialog import ErrorsDialog
from gjobs.tui.dashboard.features.jobs import JobActions
from gjobs.tui.dashboard.features.statistics import WasteDialog
from gjobs.tui.dashboard.widgets.message_board import show_message, show_warning
from gjobs.tui.text.clean_text import clean, shorten
from gjobs.tui.text.error_text import group_name, span, ticket_text
from gjobs.tui.text.format import count, jobs_count

if TYPE_CHECKING:
    from gjobs.store.store import Store
    from gjobs.tui.dashboard.actions.action_host import ActionHost


def group_filter(scope: ErrorScope, group: ErrorGroup) -> str:
    """Return the filter that lists the failed jobs of the group."""
    terms = (
        *scope.job_filter.terms,
        Term(key=Key.ERROR_GROUP, values=(group.id,)),
        Term(key=Key.STATUS, values=(JobStatus.FAILED.value,)),
    )
    return format_filter(JobFilter(terms=terms))


def group_copy(group: ErrorGroup, found: ErrorGroups, *, scope: ErrorScope, actor: Actor) -> str:
    """Return the group as text. Users are named by their ids, and the example is redacted."""
    redactor = Redactor(ids=(group.example_job_id, *group.users))
    return ticket_text(redacted_group(group, redactor.text), found, command=_command(scope, group, actor))


def _command(scope: ErrorScope, group: ErrorGroup, actor: Actor) -> str:
    of_project = [] if scope.project_id is None else ["--project", str(scope.project_id)]
    limit = ["--limit", str(min(group.count, MAX_LIMIT))] if group.count > PAGE_SIZE else []
    chosen = [*of_project, "--filter", group_filter(scope, group), *limit, "--as", _who(actor)]
    return shlex.join(["gjobs", "jobs", "list", *chosen])


def _who(actor: Actor) -> str:
    match actor:
        case Operator():
            return "operator"
        case Anon():
            return "anon"
        case ActingUser(id=user_id):
            return str(user_id)
    assert_never(actor)


_OF_GROUPS = frozenset({Key.STATUS, Key.ERROR_GROUP})
"""Filter terms that the errors screen ignores, because all groups contain failed jobs."""
_FILTER_CHARACTERS = 60
_ERROR_CELLS = 120


async def show_errors(host: "ActionHost") -> None:
    """Group the failures of the listed project that match the list's filter. Then list the chosen group."""
    if (store := host.poller.store) is None:
        show_warning(host.app, "Not connected to a database yet.")
        return
    errors = _ListedErrors(host, store)
    if (group := await host.app.push_screen_wait(ErrorsDialog(errors))) is not None and errors.is_current:
        _list_jobs(host, errors.scope, group)
        counted = f"{count(group.count)} of them in the last {span(errors.window)}"
        show_message(host.app, f"Listed the failed jobs of the group, whenever they failed: {counted}.")


class _ListedErrors:
    """The failures of the list: those of its project that match its filter. Project and filter stay as they were when
    the dialog opened, even if the list changes.

    The cursor starts on the group of the job under the cursor of the list.
    """

    def __init__(self, host: "ActionHost", store: "Store") -> None:
        listed = host.dashboard.listed
        self._host = host
        self._store = store
        self._name = host.dashboard.listed_name
        self._job = host.dashboard.jobs.table.cursor_job
        terms = tuple(term for term in listed.job_filter.terms if term.key not in _OF_GROUPS)
        self.window = WEEK
        """The period that was read last."""
        self.scope = ErrorScope(project_id=listed.project_id, job_filter=JobFilter(terms=terms))

    @property
    def of(self) -> str:
        job_filter = self.scope.job_filter
        narrowed = f" · {clean(format_filter(job_filter), limit=_FILTER_CHARACTERS)}" if job_filter else ""
        return f"{self._name}{narrowed}"

    @property
    def is_current(self) -> bool:
        """Whether the dashboard still shows the same database as the same actor."""
        return self._host.poller.store is self._store

    @property
    def is_read_only(self) -> bool:
        session = self._host.poller.session
        return session is not None and not session.access.may_write

    @property
    def zone(self) -> tzinfo | None:
        return self._host.dashboard.zone.zone

    @property
    def typed_at(self) -> float:
        return self._host.key_queue.typed_at

    async def read(self, window: timedelta) -> ErrorGroups:
        found = await self._store.get_error_groups(replace(self.scope, window=window))
        self.window = window
        if self.is_current:
            self._host.dashboard.jobs.know_error_groups({group.id: group_name(group) for group in found})
        return found

    async def find_first_group(self) -> str | None:
        return await _group_of(self._store, self._job)

    async def read_emails(self, user_ids: Collection[UUID]) -> Mapping[UUID, str]:
        session = self._host.poller.session
        if session is not None and self.is_current:
            with suppress(StoreError):  # If the login may not read e-mails, the ids are enough.
                return await session.operator.get_user_emails(user_ids)
        return {}

    def copy(self, found: ErrorGroups, group: ErrorGroup) -> str:
        return group_copy(group, found, scope=self.scope, actor=self._store.actor)

    async def retry(self, found: ErrorGroups, group: ErrorGroup) -> None:
        if self.is_current:
            await _retry(self._host, replace(self.scope, window=found.window), found, group)

    async def show_case(self, job_id: UUID) -> None:
        if self.is_current:
            await show_case_of_job(self._host, job_id)

    async def show_waste(self) -> None:
        await self._host.app.push_screen_wait(WasteDialog(self._read_waste, of=self._name))

    async def _read_waste(self, by: WasteKey) -> Waste:
        return await self._store.get_waste(by, self.scope.project_id)


async def _group_of(store: "Store", job: GenerationJob | None) -> str | None:
    """Return the id of the group of a failed job. A list contains only part of a long error, which may not identify
    the group.
    """
    whole = job
    if isinstance(job, ListedJob) and job.is_error_cut:
        whole = None
        with suppress(StoreError):
            whole = await store.get_generation_job(job.id)
    return error_group_id(whole.error) if whole is not None and whole.status is JobStatus.FAILED else None


def _list_jobs(host: "ActionHost", scope: ErrorScope, group: ErrorGroup) -> None:
    dashboard = host.dashboard
    if dashboard.listed.status is not None:
        dashboard.ask(replace(dashboard.listed, status=None))
    dashboard.jobs.find(group_filter(scope, group))
    dashboard.jobs.table.focus()


async def _retry(host: "ActionHost", scope: ErrorScope, found: ErrorGroups, group: ErrorGroup) -> None:
    """Ask, then retry the jobs that the screen counted in the group and that have no retry yet."""
    # A read-only session needs no hint about migrations.
    if not may_write(host) or (context := context_for(host, Capability.RETRYING)) is None:
        return
    jobs = await context.store.get_error_group_jobs(scope, group, at=found.taken_at)
    failed = [job for job in jobs if job.status is JobStatus.FAILED]
    if not failed:
        show_warning(host.app, "No job of this group is still failed.")
        return
    retried = await context.store.get_retried_jobs([job.id for job in failed])
    left = [job for job in failed if job.id not in retried]
    if not left:
        show_warning(host.app, f"The jobs of this group were already retried: {jobs_count(len(retried))}.")
        return
    about = [f"Error: {shorten(group_name(group), _ERROR_CELLS)}"]
    if retried:
        about.append(f"Left out, because already retried: {jobs_count(len(retried))}.")
    note = ""
    if (older := len(left) - MAX_LIMIT) > 0:
        about.append(f"Left out, because one retry takes at most {count(MAX_LIMIT)}: {jobs_count(older)}.")
        note = f"Not retried yet: {jobs_count(older)} of the group."
    await JobActions(context).ask_retry(left[:MAX_LIMIT], about=[*about, ""], note=note)
