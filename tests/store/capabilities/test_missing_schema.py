"""What the app's own schema lacks is refused, and the hint names the revision that adds it."""

from collections.abc import Awaitable, Callable

import pytest

from store.database.database import Database
from store.errors import SchemaMissing
from store.retention.archive import count_some_archived
from store.store import Store
from store.watch.watch import Cursor
from store.worker.worker import Worker
from tests.conftest import Conninfo
from tests.store.store_fixtures import ADA, NOTHING, error_of
from tests.store.worker.conftest import do_nothing, registry_of

EVENTS = ("does not record", "0005")
LEASES, LINKS = ("keeps no leases", "0006"), ("", "0006")
BUDGETS, ARCHIVE = ("keeps no budgets", "0007"), ("keeps no archive", "0008")


def worker(store: Store) -> Worker:
    return Worker(store, registry_of(do_nothing))


@pytest.mark.parametrize(
    ("call", "missing"),
    [
        pytest.param(lambda store: store.get_job_history(NOTHING), EVENTS, id="job history"),
        pytest.param(lambda store: store.watch(after=Cursor(1, 1)), EVENTS, id="watch from a cursor"),
        pytest.param(lambda store: worker(store).run(once=True), LEASES, id="worker"),
        pytest.param(lambda store: store.retry_generation_jobs([NOTHING]), LINKS, id="retry"),
        pytest.param(lambda store: store.get_budgets(), BUDGETS, id="budgets"),
        pytest.param(
            lambda store: store.set_budget(user_id=ADA, period="day", limit_cents=1), BUDGETS, id="set budget"
        ),
        pytest.param(count_some_archived, ARCHIVE, id="archive"),
    ],
)
async def test_missing_schema_error_names_the_revision_that_adds_it(
    attached_database: Conninfo, call: Callable[[Store], Awaitable[object]], missing: tuple[str, str]
) -> None:
    words, revision = missing
    async with Store(Database(attached_database)) as store:
        error = await error_of(SchemaMissing, call(store))
    assert words in str(error)
    assert "Run 'gjobs migrate up' to add" in str(error.hint)
    assert f"(revision {revision})" in str(error.hint)
