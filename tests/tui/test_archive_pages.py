"""Turning the pages of the archive, and the marks that stay."""

from store.jobs.job_results import Page, PageKey
from store.retention.retention import ArchivedJob
from tests.tui.support import NOON, make_job
from tui.dashboard.archive.archive_dialog import FIRST, ArchivePages

ONE, OTHER = (ArchivedJob(job=make_job(number), archived_at=NOON) for number in (1, 2))

KEY = PageKey(created_at=ONE.job.created_at, id=ONE.job.id)


def test_archive_pages_turn_forward_and_back() -> None:
    pages = ArchivePages()
    assert (pages.turned(1), pages.turned(-1), pages.words) == (None, None, "")
    pages.show(Page(items=(ONE,), next_key=KEY), FIRST)
    assert (pages.turned(1), pages.words) == ((None, KEY), "Page 1")
    pages.show(Page(items=(OTHER,), next_key=None), (None, KEY))
    assert (pages.turned(1), pages.turned(-1), pages.words) == (None, FIRST, "Page 2, the last one")


def test_marked_jobs_are_chosen_before_the_job_under_the_cursor() -> None:
    pages = ArchivePages()
    assert (pages.chosen(None), pages.chosen(ONE)) == ((), (ONE,))
    pages.mark(OTHER)
    assert (pages.chosen(ONE), pages.is_marked(OTHER), pages.words) == ((OTHER,), True, "1 marked")
    pages.show(Page(items=(ONE,), next_key=None), (None, KEY))
    assert pages.chosen(ONE) == (OTHER,)
    pages.mark(OTHER)
    assert pages.chosen(ONE) == (ONE,)
