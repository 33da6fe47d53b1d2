"""A watch reports each recorded status change exactly once and in order. Without events, it compares polls."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from gjobs.store.error_groups.error_group import error_group_id
from gjobs.store.errors import InvalidValue, Unreachable
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.store import Store
from gjobs.store.watch import watch as watch_readers
from gjobs.store.watch.watch import Cursor, JobsAtPoll, Transition, Watch, transitions_between
from tests.conftest import connect
from tests.store.store_fixtures import ADA, NOW, Db, Sql, a_job, add_ada

Changes = list[tuple[UUID, str | None, str | None]]
STEPS = (("queued", "running"), ("running", "succeeded"))


async def reported(watch: Watch) -> Changes:
    """Read all changes so far."""
    found: list[Transition] = []
    while True:
        batch = await watch.read()
        found += batch.transitions
        if not batch.has_more:
            return [(one.job_id, one.from_status, one.to_status) for one in found]


def move(sql: Sql, job: UUID, status: str, **values: object) -> None:
    columns = "".join(f", {column} = %s" for column in values)
    sql(f"update generation_jobs set status = %s{columns} where id = %s", [status, *values.values(), job])  # noqa: S608


async def started_watch(store: Store) -> Watch:
    """Return a watch that has read all earlier changes."""
    watch = await store.watch()
    await watch.read()
    return watch


async def test_watch_of_an_error_group_reports_only_its_failures(db: Db, project: UUID) -> None:
    jobs = [db.make_job(project, "running", error="Asset 1 not found") for _ in range(2)]
    watch = await db.operator.watch(parse(f"error-group:{error_group_id('Asset 1 not found')}"))
    assert await reported(watch) == []
    move(db.sql, jobs[0], "failed", error="Asset 2 not found")
    move(db.sql, jobs[1], "failed", error="timeout")
    assert await reported(watch) == [(jobs[0], "running", "failed")]


async def test_watch_reports_each_status_change_once_with_the_job_right_after_it(db: Db, project: UUID) -> None:
    db.make_job(project)
    watch = await db.operator.watch()
    assert await reported(watch) == []
    job = db.make_job(project, mode="packaging", cost_cents=5)
    move(db.sql, job, "running")
    db.sql("update generation_jobs set cost_cents = 7 where id = %s", [job])
    move(db.sql, job, "failed", error="timeout", cost_cents=9)
    db.sql("delete from generation_jobs where id = %s", [job])
    found = (await watch.read()).transitions
    assert [(one.from_status, one.to_status, one.cost_cents, one.error) for one in found[:3]] == [
        (None, "queued", 5, None),
        ("queued", "running", 5, None),
        ("running", "failed", 9, "timeout"),
    ]
    assert (found[3].from_status, found[3].to_status) == ("failed", None)
    assert {(one.job_id, one.mode, one.user_id, one.project_id) for one in found} == {(job, "packaging", ADA, project)}
    assert sorted(found, key=lambda one: one.at) == list(found)
    assert len({one.key for one in found}) == 4
    assert await reported(watch) == []


async def test_watch_misses_no_late_commit_and_reports_nothing_rolled_back(db: Db, project: UUID) -> None:
    early, late, never = (db.make_job(project) for _ in range(3))
    run = "update generation_jobs set status = 'running' where id = %s"
    watch = await started_watch(db.operator)
    with connect(db.conninfo) as undone, connect(db.conninfo) as slow:
        undone.execute(run, [never])
        slow.execute(run, [late])
        move(db.sql, early, "running")
        assert await reported(watch) == []
        undone.rollback()
        # This watch starts while a transaction is open. It doesn't report what was committed before its start.
        later_watch = await started_watch(db.operator)
    assert sorted(await reported(watch)) == sorted([(late, "queued", "running"), (early, "queued", "running")])
    assert await reported(later_watch) == [(late, "queued", "running")]


@pytest.mark.parametrize("rows", [1, 100])
async def test_watch_reads_changes_of_more_than_one_batch(
    db: Db, project: UUID, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(watch_readers, "ROWS", rows)
    watch = await started_watch(db.operator)
    db.make_jobs({"id": uuid4(), "project_id": project} for _ in range(5))
    db.sql("update generation_jobs set status = 'running'")
    assert len(await reported(watch)) == 10
    assert await reported(watch) == []


async def test_new_watch_continues_from_the_cursor_of_another(db: Db, project: UUID) -> None:
    job = db.make_job(project)
    watch = await db.operator.watch()
    place = (await watch.read()).cursor
    move(db.sql, job, "running")
    assert await reported(watch) == [(job, "queued", "running")]
    move(db.sql, job, "failed")
    assert await reported(await db.operator.watch(after=place)) == [
        (job, "queued", "running"),
        (job, "running", "failed"),
    ]
    not_reached = await db.operator.watch(after=Cursor(2**62, 0))
    with pytest.raises(InvalidValue, match="has only reached transaction"):
        await not_reached.read()
    db.sql("update gjobs.job_event_log set at = '2000-01-01'")
    db.sql("select gjobs.fold_events()")
    with pytest.raises(InvalidValue, match=r"were removed\. The log of this database reaches back to 20"):
        await (await db.operator.watch(after=place)).read()
    assert await reported(await db.operator.watch(after=(await watch.read()).cursor)) == []


async def test_watch_filter_applies_to_the_job_right_after_each_transition(db: Db, project: UUID) -> None:
    job, other = db.make_job(project), db.make_job(project, mode="packaging")
    for text, expected in {
        "status:failed": [(job, "running", "failed"), (other, "running", "failed"), (other, "failed", None)],
        "mode:lifestyle -status:running": [(job, "running", "failed")],
        f"user:{ADA} error:timeout": [(job, "running", "failed")],
        f"project:Catalog id:{str(job)[:8]}": [(job, "queued", "running"), (job, "running", "failed")],
        "since:2026-01-01 asset:none": [(job, "queued", "running"), (job, "running", "failed")],
        "user:ben@example.com": [],
    }.items():
        db.sql("delete from generation_jobs where id = %s", [other])
        db.make_job(project, job_id=other, mode="packaging")
        move(db.sql, job, "queued", error=None)
        watch = await db.operator.watch(parse(text, now=NOW))
        await watch.read()
        for one in (job, other):
            move(db.sql, one, "running")
        move(db.sql, job, "failed", error="timeout")
        move(db.sql, other, "failed")
        db.sql("delete from generation_jobs where id = %s", [other])
        found = await reported(watch)
        assert [one for one in found if one[0] in (job, other)] == expected, text


async def test_user_watches_only_their_own_jobs(db: Db, project: UUID) -> None:
    watches = [await store.watch() for store in (db.operator, db.ada, db.ben)]
    for watch in watches:
        await watch.read()
    job = db.make_job(project)
    assert [len(await reported(watch)) for watch in watches] == [1, 1, 0]
    db.sql("delete from generation_jobs where id = %s", [job])
    assert [await reported(watch) for watch in watches] == [[(job, "queued", None)], [(job, "queued", None)], []]


async def test_watch_names_what_holds_it_back(db: Db, project: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_readers, "HELD_FOR", 0.0)
    job = db.make_job(project)
    watch = await started_watch(db.operator)
    with connect({**db.conninfo, "application_name": "forgotten"}) as slow:
        slow.execute("update generation_jobs set cost_cents = 7 where id = %s", [db.make_job(project)])
        move(db.sql, job, "running")
        held_back = (await watch.read()).held_back
        assert held_back is not None
        assert (held_back.process_id, held_back.application) == (slow.info.backend_pid, "forgotten")
        assert held_back.since is not None
    assert (await watch.read()).held_back is None


async def test_watch_reports_changes_of_many_writers_exactly_once(db: Db, project: UUID) -> None:
    jobs = [[db.make_job(project) for _ in range(15)] for _ in range(4)]
    watch = await started_watch(db.operator)

    def write(own: list[UUID]) -> None:
        with connect(db.conninfo) as connection:
            for number, job in enumerate(own):
                for status in ("running", "succeeded"):
                    connection.execute("update generation_jobs set status = %s where id = %s", [status, job])
                    if number % 3 == 0:
                        connection.commit()

    found: Changes = []
    writing = asyncio.gather(*(asyncio.to_thread(write, own) for own in jobs))
    while not writing.done():
        found += await reported(watch)
    await writing
    found += await reported(watch)
    all_jobs = [job for own in jobs for job in own]
    assert sorted(found) == sorted((job, *step) for job in all_jobs for step in STEPS)
    assert all(found.index((job, *STEPS[0])) < found.index((job, *STEPS[1])) for job in all_jobs)


async def test_watch_reports_changes_exactly_once_across_lost_connections(db: Db, project: UUID) -> None:
    jobs = [db.make_job(project) for _ in range(6)]
    watch = await started_watch(db.operator)
    found: Changes = []
    for number, job in enumerate(jobs):
        move(db.sql, job, "running")
        if number % 2:
            db.sql(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
                " and pid <> pg_backend_pid() and backend_type = 'client backend'"
            )
        with suppress(Unreachable):
            found += await reported(watch)
        move(db.sql, job, "succeeded")
    found += await reported(watch)
    assert found == [(job, *step) for job in jobs for step in STEPS]


async def test_watch_without_events_reports_observed_changes(app_store: Store, app_sql: Sql) -> None:
    old, new = UUID(int=1), UUID(int=3)
    add_ada(app_sql, old)
    watch, packaging = await app_store.watch(), await app_store.watch(parse("mode:packaging", now=NOW))
    assert [await reported(one) for one in (watch, packaging)] == [[], []]
    app_sql(
        "insert into generation_jobs (id, user_id, project_id, mode)"
        " select %s, user_id, project_id, 'packaging' from generation_jobs",
        [new],
    )
    app_sql("update generation_jobs set status = 'running' where id = %s", [old])
    assert await reported(watch) == [(new, None, "queued"), (old, "queued", "running")]
    assert await reported(packaging) == [(new, None, "queued")]
    app_sql("delete from generation_jobs where id = %s", [old])
    assert await reported(watch) == [(old, "running", None)]
    assert await reported(watch) == []


def test_cursor_is_two_numbers() -> None:
    assert Cursor.parse(" 740,12\n") == Cursor(740, 12)
    assert str(Cursor(740, 12)) == "740,12"
    for text in ("", "740", "740,", "-1,2", "740,12,1", "٧,1", "9" * 30 + ",1"):
        with pytest.raises(InvalidValue):
            Cursor.parse(text)


LATER = NOW + timedelta(seconds=2)
JOB = a_job(created_at=NOW - timedelta(hours=1), updated_at=NOW - timedelta(hours=1))


def poll(*jobs: GenerationJob, at: datetime = NOW) -> JobsAtPoll:
    return JobsAtPoll(at=at, jobs={job.id: job for job in jobs})


def changes(
    former: JobsAtPoll, *jobs: GenerationJob, asked: tuple[UUID, ...] = ()
) -> list[tuple[int, str | None, str | None]]:
    found = transitions_between(former, poll(*jobs, at=LATER), asked)
    assert {one.at for one in found} <= {LATER}
    return [(one.job_id.int, one.from_status, one.to_status) for one in found]


def test_transitions_between_polls_are_changed_statuses_by_time_new_jobs_and_deletions() -> None:
    assert changes(poll(JOB), JOB) == []
    assert changes(poll(JOB), replace(JOB, cost_cents=9, updated_at=LATER)) == []
    assert changes(poll(JOB), replace(JOB, status=JobStatus.SUCCEEDED)) == [(1, "queued", "succeeded")]
    assert changes(poll(), JOB) == [], "an old job appears after others are deleted"

    first = replace(JOB, status=JobStatus.RUNNING, updated_at=NOW + timedelta(seconds=1))
    second = replace(JOB, id=UUID(int=2), status=JobStatus.FAILED, updated_at=NOW)
    was = replace(second, status=JobStatus.RUNNING)
    assert changes(poll(JOB, was), first, second) == [(2, "running", "failed"), (1, "queued", "running")]

    new = replace(JOB, created_at=NOW + timedelta(seconds=1))
    late = replace(JOB, id=UUID(int=2), created_at=NOW - timedelta(seconds=30))
    assert changes(poll(), new, late) == [(1, None, "queued"), (2, None, "queued")]

    ended = replace(JOB, id=UUID(int=2), status=JobStatus.FAILED)
    former = poll(JOB, replace(ended, status=JobStatus.RUNNING))
    assert changes(former, ended, asked=(JOB.id, ended.id)) == [(2, "running", "failed"), (1, "queued", None)]
