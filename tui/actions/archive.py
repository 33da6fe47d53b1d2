"""What lies in the archive, and how it comes back."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from store.errors import StoreError
from store.model import GenerationJob, Page, PageKey
from store.retention.archive import count_archived, get_archived, list_archived, restore_archived
from store.retention.model import ArchivedJob, ArchiveQuery
from tui.actions.desk import Desk, desk_for
from tui.actions.write_leases import may_write
from tui.screens.archive import ArchiveDialog
from tui.screens.summary import SummaryDialog
from tui.words.archive_rows import archived_facts, archived_sentence
from tui.words.confirmations import Confirmation
from tui.words.format import short_id
from tui.words.outcomes import restored_toast
from tui.words.retention_words import archived_words, confirm_restoration
from tui.words.toast import Toast

if TYPE_CHECKING:
    from tui.app import GjobsApp

PAGE_SIZE = 100


async def show_archive(app: "GjobsApp", desk: Desk) -> None:
    """Of the listed project, or of all; counted once, when it is opened."""
    store, now, names = desk.store, app.dashboard.now, desk.project_names
    query = ArchiveQuery(project_id=app.dashboard.listed.project_id)

    async def read(after: PageKey | None) -> Page[ArchivedJob]:
        return await list_archived(store, query, limit=PAGE_SIZE, after=after, is_light=True)

    async def count() -> str:
        return archived_words(await count_archived(store, query))

    async def look(archived: ArchivedJob) -> None:
        with suppress(StoreError):
            archived = next(iter(await get_archived(store, [archived.job.id])), archived)
        history = None
        with suppress(StoreError):
            history = await store.get_job_history(archived.job.id)
        project = names.get(archived.job.project_id, short_id(archived.job.project_id))
        lines = archived_facts(archived, history, project=project, now=now)
        sentence = archived_sentence(archived, now=now)
        app.push_screen(SummaryDialog(title="Archived job", sentence=sentence, lines=tuple(lines)))

    def question(jobs: Sequence[GenerationJob]) -> Confirmation:
        return confirm_restoration(jobs, project_names=names, database=desk.database)

    def may_restore() -> bool:
        return desk_for(app, "restore") is not None and may_write(app)

    dialog = ArchiveDialog(
        of=app.dashboard.listed_name,
        read=read,
        count=count,
        look=look,
        question=question,
        may_restore=may_restore,
        project_names=names,
        with_project=query.project_id is None,
        now=now,
    )
    if jobs := await app.push_screen_wait(dialog):
        app.errands.write(_restore(desk, jobs))


async def _restore(desk: Desk, jobs: Sequence[GenerationJob]) -> Toast:
    """All of them or none. Raises a StoreError."""
    try:
        await desk.certainty.of(restore_archived(desk.store, [job.id for job in jobs]))
    finally:
        desk.changed(())
    return restored_toast(jobs)
