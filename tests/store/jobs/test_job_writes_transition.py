"""Transitions: only the allowed ones, one winner of several callers, and an outcome with the reason."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import product
from uuid import UUID, uuid4

import pytest

from gjobs.store.database.database import Database
from gjobs.store.database.query import Query
from gjobs.store.errors import InvalidValue, RowMissing, TransitionRefused
from gjobs.store.jobs import job_sql
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.jobs.job_results import Applied, Missing, Refused, applied_job
from gjobs.store.store import Store
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import NOTHING, Db, a_job, add_ada, error_of, sql_of, the_job


async def test_transition_applies_only_allowed_status_changes(db: Db) -> None:
    for store, current, target in product((db.operator, db.ada), JobStatus, JobStatus):
        job_id = db.make_job(status=current)
        before = await the_job(store, job_id)

        outcome = await store.transition_job_status(job_id, target.value)

        after = await the_job(store, job_id)
        if target in current.allowed:
            assert outcome == Applied(job=after)
            assert after.status is target
            assert after.updated_at > before.updated_at
            assert after.created_at == before.created_at
        else:
            assert outcome == Refused(current=current, allowed=current.allowed, job=before)
            assert after == before


async def test_transition_of_an_unknown_or_hidden_job_is_missing_and_of_invalid_values_refused(db: Db) -> None:
    for store in (db.operator, db.ada, db.ben, db.stranger):
        assert await store.transition_job_status(NOTHING, "running") == Missing(job_id=NOTHING)
    job_id = db.make_job()
    for store in (db.ben, db.stranger):
        assert await store.transition_job_status(job_id, "running") == Missing(job_id=job_id)
    assert (await the_job(db.operator, job_id)).status is JobStatus.QUEUED

    for status, error, field in (("failed", "a\0b", "error"), ("done", None, "status")):
        assert (await error_of(InvalidValue, db.operator.transition_job_status(NOTHING, status, error))).field == field


ERRORS = ("API timeout", "", "x" * 10_000, "two\nlines\t\x1b[31mred\u202e", "日本語 🎨", "[red]%s {} '; drop table")


async def test_transition_stores_a_given_error_and_keeps_the_earlier_one_otherwise(db: Db) -> None:
    for status, before, given, after in (
        ("running", '{"message": "slow"}', None, '{"message": "slow"}'),
        ("running", "slow", "too slow", "too slow"),
        ("failed", "slow", "too slow", "slow"),
        *(("running", None, error, error) for error in ERRORS),
    ):
        job_id = db.make_job(status=status, error=before)
        await db.ada.transition_job_status(job_id, "failed", given)
        assert (await the_job(db.ada, job_id)).error == after


FINAL = (JobStatus.SUCCEEDED, JobStatus.FAILED)
CALLERS = 20


@asynccontextmanager
async def five_stores(conninfo: Conninfo) -> AsyncIterator[tuple[list[Store], list[UUID]]]:
    """Yield five stores and the ids of queued jobs."""
    job_ids = [uuid4() for _ in range(5)]
    with connect(conninfo) as owner:
        add_ada(sql_of(owner), *job_ids)
    stores = [Store(Database(conninfo)) for _ in range(5)]
    yield stores, job_ids
    for store in stores:
        await store.close()


@pytest.mark.parametrize("schema", ["database", "attached_database"])
async def test_exactly_one_concurrent_caller_starts_the_job(request: pytest.FixtureRequest, schema: str) -> None:
    async with five_stores(request.getfixturevalue(schema)) as (stores, job_ids):
        for job_id in job_ids:
            outcomes = await asyncio.gather(
                *(stores[number % 5].transition_job_status(job_id, "running") for number in range(CALLERS))
            )
            (winner,) = [outcome for outcome in outcomes if isinstance(outcome, Applied)]
            losers = [outcome for outcome in outcomes if outcome is not winner]
            started = await the_job(stores[0], job_id)
            assert started == winner.job
            assert losers == [Refused(current=JobStatus.RUNNING, allowed=FINAL, job=started)] * (CALLERS - 1)


async def test_exactly_one_concurrent_caller_finishes_the_job(database: Conninfo) -> None:
    async with five_stores(database) as (stores, job_ids):
        for job_id in job_ids:
            await stores[0].transition_job_status(job_id, "running")
            outcomes = await asyncio.gather(
                *(
                    stores[number % 5].transition_job_status(job_id, FINAL[number % 2], f"caller {number}")
                    for number in range(CALLERS)
                )
            )
            ((number, outcome),) = [(number, one) for number, one in enumerate(outcomes) if isinstance(one, Applied)]
            assert await the_job(stores[0], job_id) == outcome.job
            assert (outcome.job.status, outcome.job.error) == (FINAL[number % 2], f"caller {number}")


async def test_transition_is_tried_again_when_the_status_changes_meanwhile(
    db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job is queued and can't be completed. Before the store reads why, somebody starts it."""
    job_id = db.make_job()
    statements = job_sql.job_statements(job_sql.COLUMNS_WITH_START)
    original = statements.these

    def start_and_read(job_ids: Sequence[UUID]) -> Query[GenerationJob]:
        db.sql("update generation_jobs set status = 'running' where id = any(%s)", [job_ids])
        return original(job_ids)

    monkeypatch.setattr(statements, "these", start_and_read)
    outcome = await db.operator.transition_job_status(job_id, "succeeded")
    monkeypatch.undo()

    assert outcome == Applied(job=await the_job(db.operator, job_id))


def test_applied_job_returns_the_job_or_raises_for_a_refused_transition_and_a_missing_job() -> None:
    job = a_job()
    assert applied_job(Applied(job=job), JobStatus.RUNNING) == job
    outcome = Refused(current=JobStatus.QUEUED, allowed=(JobStatus.RUNNING,), job=job)
    with pytest.raises(TransitionRefused, match="Only a running job can be completed; this one is queued") as refused:
        applied_job(outcome, JobStatus.SUCCEEDED)
    assert (refused.value.job_id, refused.value.current, refused.value.allowed) == (
        job.id,
        JobStatus.QUEUED,
        (JobStatus.RUNNING,),
    )
    with pytest.raises(RowMissing) as missing:
        applied_job(Missing(job_id=NOTHING), JobStatus.RUNNING)
    assert missing.value.ids == (NOTHING,)
