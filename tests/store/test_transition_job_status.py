"""One guarded statement: only the legal edges, one winner, and an answer that says why not."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

import pytest

from store.database.database import Database
from store.database.query import Query
from store.errors import InvalidValue, NoPrivilege
from store.jobs import job_sql
from store.jobs.job import GenerationJob, JobStatus, allowed
from store.jobs.job_results import Applied, Missing, Refused
from store.store import Store
from store.users.actor import OPERATOR, ActingUser, Actor
from tests.conftest import Conninfo, connect
from tests.store.support import ADA, NOTHING, NOW, Db, MakeJob, MakeProject, Sql


async def the_job(store: Store, job_id: UUID) -> GenerationJob:
    job = await store.get_generation_job(job_id)
    assert job is not None
    return job


@pytest.mark.parametrize("actor", [OPERATOR, ActingUser(id=ADA)], ids=["operator", "user"])
@pytest.mark.parametrize("target", list(JobStatus))
@pytest.mark.parametrize("current", list(JobStatus))
async def test_transition_applies_only_allowed_status_changes(
    db: Db, current: JobStatus, target: JobStatus, actor: Actor
) -> None:
    store = db.operator.acting_as(actor)
    job_id = db.make_job(db.make_project(), current)
    before = await the_job(store, job_id)

    outcome = await store.transition_job_status(job_id, target.value)

    after = await the_job(store, job_id)
    if target in allowed(current):
        assert outcome == Applied(job=after)
        assert after.status is target
        assert after.updated_at > before.updated_at
        assert after.created_at == before.created_at
    else:
        assert outcome == Refused(current=current, allowed=allowed(current), job=before)
        assert after == before


async def test_transition_of_an_unknown_job_returns_missing(db: Db) -> None:
    for store in (db.operator, db.ada, db.ben, db.stranger):
        assert await store.transition_job_status(NOTHING, "running") == Missing(job_id=NOTHING)


async def test_transition_of_the_job_of_another_user_returns_missing(db: Db) -> None:
    job_id = db.make_job(db.make_project(ADA))
    for store in (db.ben, db.stranger):
        assert await store.transition_job_status(job_id, "running") == Missing(job_id=job_id)
    assert (await the_job(db.operator, job_id)).status is JobStatus.QUEUED


async def test_transition_to_an_unknown_status_is_refused(operator: Store) -> None:
    with pytest.raises(InvalidValue) as caught:
        await operator.transition_job_status(NOTHING, "done")
    assert caught.value.field == "status"


class TestError:
    async def test_transition_stores_its_error(self, ada: Store, make_project: MakeProject, make_job: MakeJob) -> None:
        job_id = make_job(make_project(), "running")
        await ada.transition_job_status(job_id, "failed", "API timeout")
        assert (await the_job(ada, job_id)).error == "API timeout"

    async def test_transition_without_an_error_keeps_the_earlier_error(self, db: Db) -> None:
        job_id = db.make_job(db.make_project(), "running", error='{"message": "slow"}')
        await db.ada.transition_job_status(job_id, "failed")
        assert (await the_job(db.ada, job_id)).error == '{"message": "slow"}'

    async def test_transition_replaces_the_earlier_error(self, db: Db) -> None:
        job_id = db.make_job(db.make_project(), "running", error="slow")
        await db.ada.transition_job_status(job_id, "failed", "too slow")
        assert (await the_job(db.ada, job_id)).error == "too slow"

    async def test_refused_transition_keeps_the_error(self, db: Db) -> None:
        job_id = db.make_job(db.make_project(), "failed", error="slow")
        await db.ada.transition_job_status(job_id, "failed", "too slow")
        assert (await the_job(db.ada, job_id)).error == "slow"

    @pytest.mark.parametrize(
        "text", ["", "x" * 10_000, "two\nlines\t\x1b[31mred\u202e", "日本語 🎨", "[red]%s {} '; drop table"]
    )
    async def test_transition_stores_any_error_text_unchanged(self, db: Db, text: str) -> None:
        job_id = db.make_job(db.make_project(), "running")
        await db.ada.transition_job_status(job_id, "failed", text)
        assert (await the_job(db.ada, job_id)).error == text

    async def test_transition_refuses_an_error_that_the_database_cannot_store(self, operator: Store) -> None:
        for text in ("a\0b", "half \ud83d"):
            with pytest.raises(InvalidValue) as caught:
                await operator.transition_job_status(NOTHING, "failed", text)
            assert caught.value.field == "error"


class TestConcurrentCallers:
    """Twenty at once, over ten sessions, many rounds: one is told Applied, and nineteen the status that it made."""

    @pytest.mark.parametrize("schema", ["database", "attached_database"])
    async def test_exactly_one_concurrent_caller_starts_the_job(
        self, request: pytest.FixtureRequest, schema: str
    ) -> None:
        conninfo: Conninfo = request.getfixturevalue(schema)
        job_ids = _queued_jobs(conninfo, count=25)
        stores = [Store(Database(conninfo)) for _ in range(5)]
        for job_id in job_ids:
            outcomes = await asyncio.gather(
                *(stores[number % 5].transition_job_status(job_id, "running") for number in range(20))
            )
            (winner,) = [outcome for outcome in outcomes if isinstance(outcome, Applied)]
            losers = [outcome for outcome in outcomes if outcome is not winner]
            assert losers == [Refused(current=JobStatus.RUNNING, allowed=_FINAL, job=winner.job)] * 19
        for store in stores:
            await store.close()

    async def test_exactly_one_concurrent_caller_finishes_the_job(self, database: Conninfo) -> None:
        job_ids = _queued_jobs(database, count=25)
        stores = [Store(Database(database)) for _ in range(5)]
        winners: Counter[JobStatus] = Counter()
        for job_id in job_ids:
            await stores[0].transition_job_status(job_id, "running")
            outcomes = await asyncio.gather(
                *(
                    stores[number % 5].transition_job_status(job_id, _FINAL[number % 2], f"caller {number}")
                    for number in range(20)
                )
            )
            (winner,) = [(number, o) for number, o in enumerate(outcomes) if isinstance(o, Applied)]
            number, outcome = winner
            assert await the_job(stores[0], job_id) == outcome.job
            assert (outcome.job.status, outcome.job.error) == (_FINAL[number % 2], f"caller {number}")
            winners[outcome.job.status] += 1
        assert winners.total() == 25
        for store in stores:
            await store.close()


_FINAL = (JobStatus.SUCCEEDED, JobStatus.FAILED)


def _queued_jobs(conninfo: Conninfo, count: int) -> list[UUID]:
    with connect(conninfo) as owner:
        owner.execute("insert into auth.users (id, email) values (%s, 'ada@example.com')", [ADA])
        owner.execute("insert into projects (id, user_id, name) values (%s, %s, 'Catalog')", [ADA, ADA])
        rows = owner.execute(
            "insert into generation_jobs (user_id, project_id, mode, created_at)"
            " select %s, %s, 'lifestyle', %s from generate_series(1, %s) returning id",
            [ADA, ADA, NOW, count],
        ).fetchall()
    return [row[0] for row in rows]


async def test_transition_is_tried_again_when_the_status_changes_meanwhile(
    operator: Store, make_project: MakeProject, make_job: MakeJob, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could not be completed, for it was queued; and when the store looks why, somebody has just started it."""
    job_id = make_job(make_project())
    look_up = job_sql.OF_EVENTS.these

    def start_and_look_up(job_ids: Sequence[UUID]) -> Query[GenerationJob]:
        sql("update generation_jobs set status = 'running' where id = any(%s)", [job_ids])
        return look_up(job_ids)

    monkeypatch.setattr(job_sql.OF_EVENTS, "these", start_and_look_up)
    outcome = await operator.transition_job_status(job_id, "succeeded")
    monkeypatch.undo()

    assert outcome == Applied(job=await the_job(operator, job_id))


async def test_visible_job_that_policies_protect_cannot_be_changed(
    blank_database: Conninfo, attached_database: Conninfo
) -> None:
    """An app may let users see more than they may change. The database then changes no row, and says nothing."""
    (job_id,) = _queued_jobs(attached_database, count=1)
    with connect(attached_database) as owner:
        owner.execute('drop policy "Users can update own generation jobs" on generation_jobs')
        owner.execute('drop policy "Users can delete own generation jobs" on generation_jobs')
    async with Store(Database(attached_database)) as operator:
        ada = await operator.acting_as_user("ada@example.com")
        for change in (
            ada.transition_job_status(job_id, "running"),
            ada.update_generation_job(job_id, mode="packaging"),
            ada.delete_generation_job(job_id),
            ada.delete_generation_jobs({job_id: JobStatus.QUEUED}),
        ):
            with pytest.raises(NoPrivilege, match=f"shows the job {job_id}, but does not let it be changed"):
                await change
        assert (await the_job(operator, job_id)).status is JobStatus.QUEUED
