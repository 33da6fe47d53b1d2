"""A write that changes no row fails, says why and changes nothing else. On the app's schema."""

from collections.abc import Awaitable, Callable, Iterator
from itertools import product
from uuid import UUID

import pytest

from gjobs.store.errors import Conflict, NoPrivilege, RowMissing, StoreError
from gjobs.store.jobs.job import JobStatus
from gjobs.store.jobs.job_results import Missing, Refused
from gjobs.store.store import Store
from tests.store.store_fixtures import BEN, NOTHING, Sql, add_ada, add_asset, error_of

PROJECT = UUID("a1000000-0000-4000-8000-000000000000")
ASSET = UUID("a2000000-0000-4000-8000-000000000000")
JOB = UUID("a3000000-0000-4000-8000-000000000000")
OTHER = UUID("a4000000-0000-4000-8000-000000000000")
Call = Callable[[Store], Awaitable[object]]


@pytest.fixture
def app_sql(app_sql: Sql) -> Sql:
    """Ada has a project with an asset and two queued jobs."""
    add_ada(app_sql, JOB, OTHER, project_id=PROJECT)
    app_sql("insert into auth.users (id, email) values (%s, 'ben@example.com')", (BEN,))
    add_asset(app_sql, PROJECT, asset_id=ASSET)
    return app_sql


@pytest.fixture
def operator(app_store: Store) -> Store:
    return app_store


@pytest.fixture
def unchanged(app_sql: Sql) -> Iterator[None]:
    """Require that the test leaves the rows as they were."""
    everything = (
        "select (select jsonb_agg(j order by id) from generation_jobs j),"
        " (select jsonb_agg(p order by id) from projects p)"
    )
    before = app_sql(everything)
    yield
    assert app_sql(everything) == before


UPDATES: list[Call] = [
    lambda store: store.update_generation_job(JOB, cost_cents=5),
    lambda store: store.update_generation_job(JOB, input_asset_id=ASSET),
    lambda store: store.transition_job_status(JOB, "running"),
]

DELETIONS: list[Call] = [
    lambda store: store.delete_generation_job(JOB),
    lambda store: store.delete_generation_jobs({JOB: JobStatus.QUEUED, OTHER: None}),
]

TRIGGER = (
    "create function hold() returns trigger language plpgsql as 'begin return null; end';"
    "create trigger hold before update or delete on generation_jobs for each row execute function hold()"
)


async def test_visible_job_that_a_policy_or_a_trigger_protects_cannot_be_changed(
    operator: Store, ada: Store, app_sql: Sql, unchanged: None
) -> None:
    for protection, store, calls in (
        ('drop policy "Users can update own generation jobs" on generation_jobs', ada, UPDATES),
        ('drop policy "Users can delete own generation jobs" on generation_jobs', ada, DELETIONS),
        (TRIGGER, operator, UPDATES + DELETIONS),
    ):
        app_sql(protection)
        for call in calls:
            with pytest.raises(NoPrivilege, match=f"can see job {JOB}, but the database does not let you change it"):
                await call(store)


async def test_hidden_and_deleted_jobs_are_both_missing_to_a_user(
    operator: Store, ben: Store, ada: Store, app_sql: Sql, unchanged: None
) -> None:
    app_sql('alter policy "Users can view own generation jobs" on generation_jobs using (false)')
    for store, job_id in product((ada, ben), (JOB, NOTHING)):
        assert await store.transition_job_status(job_id, "running") == Missing(job_id=job_id)
        assert not await store.delete_generation_job(job_id)
        assert (await error_of(RowMissing, store.delete_generation_jobs({job_id: None}))).ids == (job_id,)
        with pytest.raises(RowMissing):
            await store.update_generation_job(job_id, cost_cents=5)
        assert await store.get_job_statuses([job_id]) == {}
    assert await operator.get_job_statuses([JOB, NOTHING]) == {JOB: JobStatus.QUEUED}


async def test_job_whose_status_has_changed_is_not_changed_or_deleted(ada: Store, app_sql: Sql) -> None:
    app_sql("update generation_jobs set status = 'running' where id = %s", [JOB])
    outcome = await ada.transition_job_status(JOB, "running")
    assert isinstance(outcome, Refused)
    assert (outcome.current, outcome.job.id) == (JobStatus.RUNNING, JOB)
    with pytest.raises(Conflict, match=f"{JOB} is now running, not queued. Nothing was deleted"):
        await ada.delete_generation_jobs({JOB: JobStatus.QUEUED, OTHER: JobStatus.QUEUED})
    assert app_sql("select count(*) from generation_jobs") == [(2,)]


async def test_row_in_a_hidden_project_or_that_a_trigger_drops_is_not_created(
    ada: Store, ben: Store, operator: Store, app_sql: Sql, unchanged: None
) -> None:
    for project_id in (PROJECT, NOTHING):
        with pytest.raises(RowMissing, match="or this user does not see it") as missing:
            await ben.create_generation_job(project_id=project_id, mode="lifestyle")
        assert missing.value.ids == (project_id,)

    app_sql("create function drop_it() returns trigger language plpgsql as 'begin return null; end'")
    for table in ("generation_jobs", "projects"):
        app_sql(f"create trigger drop_it before insert on {table} for each row execute function drop_it()")
    makes: list[Awaitable[object]] = [
        ada.create_generation_job(project_id=PROJECT, mode="lifestyle"),
        ada.create_generation_job(project_id=PROJECT, mode="lifestyle", input_asset_id=ASSET),
        ada.create_project("Autumn"),
        operator.create_project("Autumn", owner_id=BEN),
    ]
    for make in makes:
        with pytest.raises(Conflict, match=r"did not store it\. Nothing was changed") as caught:
            await make
        assert "trigger" in str(caught.value.hint)


async def test_insert_without_a_policy_or_grant_is_refused(ada: Store, app_sql: Sql, unchanged: None) -> None:
    makes: dict[str, Callable[[], Awaitable[object]]] = {
        "generation_jobs": lambda: ada.create_generation_job(project_id=PROJECT, mode="lifestyle"),
        "projects": lambda: ada.create_project("Autumn"),
    }
    for table, make in makes.items():
        view, label = f'policy "Users can view own {table.replace("_", " ")}" on {table}', table.replace("_", " ")
        for obstacle, undo in (
            (f"alter {view} using (false)", f"alter {view} using (auth.uid() = user_id)"),
            (f"revoke insert on {table} from authenticated", f"grant insert on {table} to authenticated"),
            (f'drop policy "Users can insert own {label}" on {table}', "select"),
        ):
            app_sql(obstacle)
            with pytest.raises(StoreError, match=r"Not permitted|No grant"):
                await make()
            app_sql(undo)
