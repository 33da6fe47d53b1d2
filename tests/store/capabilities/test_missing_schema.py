"""Calls that need tables of gjobs are refused on the app's schema. The hint says what a migration adds."""

from gjobs.store.errors import SchemaMissing
from gjobs.store.jobs.job_results import RetryLinks
from gjobs.store.retention.archive import count_some_archived
from gjobs.store.store import Store
from gjobs.store.watch.watch import Cursor
from gjobs.store.worker.worker import Worker
from tests.store.store_fixtures import ADA, NOTHING, error_of
from tests.store.worker.conftest import do_nothing, registry_of


async def test_missing_schema_error_names_what_a_migration_adds(app_store: Store) -> None:
    worker = Worker(app_store, registry_of(do_nothing))
    for call in (
        app_store.get_job_history(NOTHING),
        app_store.watch(after=Cursor(1, 1)),
        worker.run(once=True),
        app_store.retry_generation_jobs([NOTHING]),
        app_store.get_budgets(),
        app_store.set_budget(user_id=ADA, period="day", limit_cents=1),
        count_some_archived(app_store),
    ):
        error = await error_of(SchemaMissing, call)
        assert str(error) == "This database lacks what gjobs adds: events, workers, budgets, and the archive."
        assert error.hint == "Run 'gjobs migrate up' to add it."
    assert await app_store.get_job_links(NOTHING) == RetryLinks(repeats=None, repeated_by=())
