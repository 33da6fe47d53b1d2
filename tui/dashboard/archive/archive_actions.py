"""Show the archive, and restore jobs."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import tzinfo
from typing import TYPE_CHECKING

from gjobs.store.errors import StoreError
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.jobs.job_results import Page, PageKey
from gjobs.store.retention.archive import count_archived, get_archived, list_archived, restore_archived
from gjobs.store.retention.retention import ArchivedJob, ArchiveQuery
from gjobs.tui.dashboard.action_context import ActionContext, context_for
from gjobs.tui.dashboard.archive.archive_dialog import ArchiveDialog, ArchivedJobDialog
from gjobs.tui.dashboard.databases import is_read_only, may_write
from gjobs.tui.text.error_text import Message
from gjobs.tui.text.format import short_id
from gjobs.tui.text.retention_text import archived_facts, archived_sentence, archived_words, confirm_restoration
from gjobs.tui.text.write_text import Confirmation, restored_message, restoring_words

if TYPE_CHECKING:
    from gjobs.tui.dashboard.action_host import ActionHost

PAGE_SIZE = 100


async def show_archive(host: "ActionHost", context: ActionContext) -> None:
    """Show the archive of the listed project, or of all."""
    if jobs := await host.app.push_screen_wait(ArchiveDialog(_ListedArchive(host, context))):
        host.tasks.write(_restore(context, jobs), doing=restoring_words(jobs))


class _ListedArchive:
    """The archived jobs of the listed project, or of all. The dialog keeps its project, even if the list changes to
    another.
    """

    def __init__(self, host: "ActionHost", context: ActionContext) -> None:
        self._host = host
        self._context = context
        self._query = ArchiveQuery(project_id=host.dashboard.listed.project_id)
        self.of = host.dashboard.listed_name
        self.now = host.dashboard.now
        self.project_names = context.project_names

    @property
    def has_several_projects(self) -> bool:
        return self._query.project_id is None

    async def read(self, after: PageKey | None) -> Page[ArchivedJob]:
        return await list_archived(self._context.store, self._query, limit=PAGE_SIZE, after=after, is_light=True)

    async def count(self) -> str:
        return archived_words(await count_archived(self._context.store, self._query))

    async def show(self, archived: ArchivedJob) -> None:
        store = self._context.store
        with suppress(StoreError):
            archived = next(iter(await get_archived(store, [archived.job.id])), archived)
        history = None
        with suppress(StoreError):
            history = await store.get_job_history(archived.job.id)
        project = self.project_names.get(archived.job.project_id, short_id(archived.job.project_id))

        def lines(zone: tzinfo | None) -> Sequence[str]:
            return archived_facts(archived, history, project=project, now=self.now, zone=zone)

        sentence = archived_sentence(archived, now=self.now)
        self._host.app.push_screen(ArchivedJobDialog(sentence=sentence, lines=lines, zone=self._host.dashboard.zone))

    def question(self, jobs: Sequence[GenerationJob]) -> Confirmation:
        return confirm_restoration(jobs, project_names=self.project_names, database=self._context.database)

    @property
    def is_read_only(self) -> bool:
        return is_read_only(self._host)

    def may_restore(self) -> bool:
        return context_for(self._host, "restore") is not None and may_write(self._host)


async def _restore(context: ActionContext, jobs: Sequence[GenerationJob]) -> Message:
    """Restore all jobs or none. Raise a StoreError on failure."""
    try:
        dropped = await context.resolver.resolve(restore_archived(context.store, [job.id for job in jobs]))
    finally:
        context.jobs_changed(())
    return restored_message(jobs, dropped)
