"""Workers claim jobs with leases, and cannot change jobs without their lease."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import UUID, uuid4

import psycopg
import pytest

from gjobs.migrations.connection import MigrationRefused
from gjobs.migrations.runner import remove, upgrade
from gjobs.store.database.query import compiled
from gjobs.store.leases.lease_client import RELEASE
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, UserRows, acting, add, add_jobs, events, received, running

ALICE, BOB = UUID(int=0xA11CE), UUID(int=0xB0B)
"""The ids of workers."""

MINUTE = 60.0

OVER = -1.0
"""The duration in seconds of a lease that expires at once."""


def queue(connection: psycopg.Connection, user: UserRows, *modes: str) -> list[UUID]:
    """Queue a job for each mode, each a second newer than the one before, and all older than those of the fixture."""
    return [
        connection.execute(
            "insert into public.generation_jobs (user_id, project_id, mode, cost_cents, created_at)"
            " values (%s, %s, %s, 250, '2026-01-01Z'::timestamptz + make_interval(secs => %s)) returning id",
            [user.id, user.project, mode, number],
        ).fetchall()[0][0]
        for number, mode in enumerate(modes)
    ]


def claim(
    connection: psycopg.Connection,
    owner: UUID,
    most: int = 10,
    *,
    modes: Sequence[str] | None = None,
    seconds: float = MINUTE,
) -> dict[UUID, int]:
    """Claim jobs, and return them in order with the number of the attempt."""
    rows = connection.execute(
        "select id, attempt from gjobs.claim_jobs(%s, %s::text[], %s, %s)", [owner, modes, most, seconds]
    )
    return dict(rows.fetchall())


def finish(
    connection: psycopg.Connection,
    owner: UUID,
    job: UUID,
    attempt: int = 1,
    *,
    status: str | None = "succeeded",
    cost: int | None = None,
) -> bool:
    rows = connection.execute(
        "select gjobs.finish_jobs(%s, array[%s], array[%s], array[%s], array[null], array[%s]::integer[])",
        [owner, job, attempt, status, cost],
    ).fetchall()
    return rows == [(job,)]


def postpone(
    connection: psycopg.Connection,
    owner: UUID,
    job: UUID,
    attempt: int = 1,
    *,
    seconds: float = 0.0,
    cost: int | None = None,
) -> bool:
    rows = connection.execute(
        "select gjobs.postpone_jobs(%s, array[%s], array[%s], '{busy}', array[%s]::integer[], array[%s]::float8[])",
        [owner, job, attempt, cost, seconds],
    ).fetchall()
    return rows == [(job,)]


def call(connection: psycopg.Connection, function: str, owner: UUID, job: UUID, attempt: int, *further: object) -> bool:
    """Call a function whose parameters are a job and its attempt."""
    places = "".join(", %s" for _ in further)
    rows = connection.execute(
        f"select gjobs.{function}(%s, array[%s], array[%s]{places})".encode(), [owner, job, attempt, *further]
    ).fetchall()
    return rows == [(job,)]


def release(connection: psycopg.Connection, owner: UUID, job: UUID) -> bool:
    """Release a job in its first attempt, as a worker does."""
    sql, constants = compiled(RELEASE)
    values = {**constants, "owner": owner, "ids": [job], "attempts": [1]}
    return connection.execute(sql.encode(), values).fetchall() == [(job,)]


def job(connection: psycopg.Connection, job_id: UUID, columns: str = "status") -> tuple[object, ...]:
    rows = connection.execute(f"select {columns} from public.generation_jobs where id = %s".encode(), [job_id])  # noqa: S608
    return rows.fetchall()[0]


def lease(connection: psycopg.Connection, job_id: UUID, columns: str = "owner, attempt") -> tuple[object, ...] | None:
    rows = connection.execute(f"select {columns} from gjobs.job_leases where job_id = %s".encode(), [job_id])  # noqa: S608
    return rows.fetchone()


@pytest.fixture
def other_session(operator: psycopg.Connection, database: Conninfo) -> Iterator[psycopg.Connection]:
    """Another session, which does not wait long for a lock."""
    with connect(database, autocommit=True) as connection:
        connection.execute("set lock_timeout = '5s'")
        yield connection


class TestClaiming:
    def test_claim_returns_the_oldest_jobs_with_their_new_values(self, operator: psycopg.Connection) -> None:
        first, second, third, fourth = queue(operator, ADA, "a", "b", "a", "b")
        columns = "id, user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at"

        ((*claimed, attempt, lost_by, note),) = operator.execute(
            f"select {columns}, attempt, lost_by, note from gjobs.claim_jobs(%s, null, 1, 60)".encode(),  # noqa: S608
            [ALICE],
        ).fetchall()

        assert tuple(claimed) == job(operator, first, columns)
        assert (attempt, lost_by, note) == (1, None, None)
        assert job(operator, first) == ("running",)
        assert lease(operator, first) == (ALICE, 1)
        assert list(claim(operator, ALICE, 2)) == [second, third]
        assert list(claim(operator, BOB, 1)) == [fourth]

    def test_claim_returns_only_jobs_of_the_requested_modes(self, operator: psycopg.Connection) -> None:
        long = "m" * 300
        _, second, third, fourth, _, last = queue(operator, ADA, "other", "a", "b" * 3_000, "a", long + "a", long + "b")

        assert list(claim(operator, ALICE, 2, modes=["a", "b" * 3_000, "a"])) == [second, third]
        assert list(claim(operator, ALICE, modes=["a", "none"])) == [fourth]
        assert claim(operator, ALICE, modes=[]) == {}
        assert list(claim(operator, ALICE, modes=[long + "b"])) == [last]

    def test_claim_skips_jobs_locked_by_another_claim(
        self, operator: psycopg.Connection, other_session: psycopg.Connection
    ) -> None:
        jobs = queue(operator, ADA, *"a" * 30)
        for modes in (None, ["a"]):
            with operator.transaction(force_rollback=True):
                assert list(claim(operator, ALICE, 25, modes=modes)) == jobs[:25]
                # More jobs are locked than the first part of the claim reads.
                with other_session.transaction(force_rollback=True):
                    assert list(claim(other_session, BOB, 3, modes=modes)) == jobs[25:28]

    def test_old_lease_of_a_requeued_job_is_ignored(self, operator: psycopg.Connection) -> None:
        (queued,) = queue(operator, ADA, "a")
        claim(operator, ALICE, 1)
        operator.execute("update public.generation_jobs set status = 'queued' where id = %s", [queued])

        assert claim(operator, BOB, 1) == {queued: 2}
        assert not finish(operator, ALICE, queued)
        assert finish(operator, BOB, queued, 2)

    def test_concurrent_workers_claim_each_job_once(self, operator: psycopg.Connection, database: Conninfo) -> None:
        jobs = queue(operator, ADA, *"ab" * 100)
        claimed: list[UUID] = []

        def work(modes: list[str] | None) -> None:
            with connect(database, autocommit=True) as connection:
                owner = uuid4()
                while mine := claim(connection, owner, 3, modes=modes):
                    claimed.extend(mine)

        with ThreadPoolExecutor() as pool:
            list(pool.map(work, (None, ["a"], ["b", "a"], None)))

        # Including the jobs of the fixture.
        assert sorted(claimed) == sorted([*jobs, ADA.job, BEN.job])


class TestTakeover:
    def test_expired_lease_is_taken_over_as_a_new_attempt(self, operator: psycopg.Connection) -> None:
        (lost,) = queue(operator, ADA, "a")
        claim(operator, ALICE, 1, seconds=OVER)

        ((job_id, attempt, lost_by),) = operator.execute(
            "select id, attempt, lost_by from gjobs.claim_jobs(%s, null, 1, 60)", [BOB]
        ).fetchall()

        assert (job_id, attempt, lost_by) == (lost, 2, ALICE)
        assert lease(operator, lost) == (BOB, 2)
        assert events(operator, lost, "kind, to_status, lease_owner, note")[1:] == [
            ("status", "running", str(ALICE), None),
            ("owner", None, str(BOB), "attempt 2"),
        ]

    def test_only_expired_leases_of_the_requested_modes_are_taken_over(self, operator: psycopg.Connection) -> None:
        (lost,) = queue(operator, ADA, "a")
        claim(operator, ALICE, 1, seconds=OVER)
        claim(operator, ALICE, modes=["lifestyle"])

        assert claim(operator, BOB, modes=["b"]) == {}
        assert claim(operator, BOB) == {lost: 2}
        assert claim(operator, BOB) == {}

    def test_worker_that_lost_its_lease_cannot_change_the_job(self, operator: psycopg.Connection) -> None:
        (lost,) = queue(operator, ADA, "a")
        claim(operator, ALICE, 1, seconds=OVER)
        claim(operator, BOB, 1)

        assert not finish(operator, ALICE, lost)
        assert not postpone(operator, ALICE, lost)
        assert not release(operator, ALICE, lost)
        assert not call(operator, "renew_leases", ALICE, lost, 1, MINUTE, ["hello"])
        assert job(operator, lost) == ("running",)
        assert lease(operator, lost, "owner, attempt, note") == (BOB, 2, None)
        assert not finish(operator, BOB, lost, 1), "an earlier attempt of the same worker"
        assert finish(operator, BOB, lost, 2)

    def test_expired_lease_still_belongs_to_its_owner_until_taken_over(self, operator: psycopg.Connection) -> None:
        one, other = queue(operator, ADA, "a", "a")
        claim(operator, ALICE, 2, seconds=OVER)

        assert finish(operator, ALICE, one)
        assert call(operator, "renew_leases", ALICE, other, 1, MINUTE)
        assert claim(operator, BOB, modes=["a"]) == {}

    def test_expired_lease_of_a_job_that_no_longer_runs_is_deleted(self, operator: psycopg.Connection) -> None:
        for end in ("status = 'succeeded'", "status = 'queued', mode = 'other'"):
            (ended,) = queue(operator, ADA, "a")
            claim(operator, ALICE, 1, modes=["a"], seconds=OVER)
            operator.execute(f"update public.generation_jobs set {end} where id = %s".encode(), [ended])  # noqa: S608

            assert claim(operator, BOB, modes=["a"]) == {}, end
            assert lease(operator, ended) is None, end

    def test_finish_that_waits_for_a_takeover_is_rejected(
        self, operator: psycopg.Connection, other_session: psycopg.Connection
    ) -> None:
        (lost,) = queue(operator, ADA, "a")
        claim(operator, ALICE, 1, seconds=OVER)
        finished: list[bool] = []
        late = threading.Thread(target=lambda: finished.append(finish(other_session, ALICE, lost)))

        with operator.transaction():
            claim(operator, BOB, 1)
            late.start()
            wait_for_a_lock(operator, other_session.info.backend_pid)
        late.join()

        assert finished == [False]
        assert job(operator, lost) == ("running",)
        assert lease(operator, lost) == (BOB, 2)

    def test_finish_after_a_lost_claim_keeps_the_lease_of_a_new_claim_of_the_same_attempt(
        self, operator: psycopg.Connection, other_session: psycopg.Connection
    ) -> None:
        held, lost = queue(operator, ADA, "a", "a")
        claim(operator, ALICE, 1)
        finished: list[UUID] = []

        def finish_both() -> None:
            rows = other_session.execute(
                "select gjobs.finish_jobs(%s, %s, '{1,1}', '{failed,failed}', '{x,x}', '{1,1}')", [ALICE, [held, lost]]
            )
            finished.extend(row[0] for row in rows)

        late = threading.Thread(target=finish_both)
        with operator.transaction():
            operator.execute("select from public.generation_jobs where id = %s for update", [held])
            late.start()
            wait_for_a_lock(operator, other_session.info.backend_pid)
            assert claim(operator, ALICE, 1) == {lost: 1}
        late.join()

        assert finished == [held]
        assert job(operator, lost) == ("running",)
        assert lease(operator, lost) == (ALICE, 1)


def wait_for_a_lock(connection: psycopg.Connection, process: int) -> None:
    """Wait until the session waits for a lock."""
    while not connection.execute("select cardinality(pg_blocking_pids(%s)) > 0", [process]).fetchall()[0][0]:
        pass


class TestHeldLeases:
    def test_finish_ends_the_lease_and_cannot_be_repeated(self, operator: psycopg.Connection) -> None:
        (held,) = queue(operator, ADA, "a")
        claim(operator, ALICE, 1)

        assert finish(operator, ALICE, held, cost=12)
        assert job(operator, held, "status, cost_cents, completed_at is not null") == ("succeeded", 12, True)
        assert lease(operator, held) is None
        assert not finish(operator, ALICE, held, status="failed")
        assert job(operator, held) == ("succeeded",)
        assert events(operator, held, "kind, to_status, lease_owner, cents_change")[1:] == [
            ("status", "running", str(ALICE), 0),
            ("status", "succeeded", str(ALICE), -238),
        ]

    def test_finish_accepts_only_final_statuses_and_keeps_values_that_are_not_given(
        self, operator: psycopg.Connection
    ) -> None:
        (held,) = queue(operator, ADA, "a")
        operator.execute("update public.generation_jobs set error = 'earlier' where id = %s", [held])
        claim(operator, ALICE, 1)

        for status in ("running", "queued", "done", None):
            with pytest.raises(psycopg.errors.CheckViolation):
                finish(operator, ALICE, held, status=status)
        assert finish(operator, ALICE, held, status="failed")
        assert job(operator, held, "status, error, cost_cents") == ("failed", "earlier", 250)

    def test_worker_cannot_change_a_job_finished_by_a_user(self, operator: psycopg.Connection) -> None:
        (held,) = queue(operator, ADA, "a")
        claim(operator, ALICE, 1)
        operator.execute("update public.generation_jobs set status = 'failed', error = 'by hand' where id = %s", [held])

        assert not call(operator, "renew_leases", ALICE, held, 1, MINUTE)
        assert not finish(operator, ALICE, held)
        assert job(operator, held, "status, error") == ("failed", "by hand")
        assert lease(operator, held) is None

    def test_finish_of_many_jobs_finishes_those_still_leased(self, operator: psycopg.Connection) -> None:
        one, lost, deleted, last = queue(operator, ADA, *"aaaa")
        claim(operator, ALICE, 4)
        operator.execute("update gjobs.job_leases set owner = %s where job_id = %s", [BOB, lost])
        operator.execute("delete from public.generation_jobs where id = %s", [deleted])

        done = operator.execute(
            "select gjobs.finish_jobs(%s, %s, '{1,1,1,1}', '{succeeded,succeeded,failed,failed}', %s, '{1,2,3,4}')",
            [ALICE, [one, lost, deleted, last], [None, None, "x", "y"]],
        ).fetchall()

        assert {row[0] for row in done} == {one, last}
        assert job(operator, last, "status, error, cost_cents") == ("failed", "y", 4)

    def test_renewed_lease_expires_later_and_a_locked_one_is_reported_as_held(
        self, operator: psycopg.Connection, other_session: psycopg.Connection
    ) -> None:
        (held,) = queue(operator, ADA, "a")
        claim(operator, ALICE, 1, seconds=OVER)

        assert call(operator, "renew_leases", ALICE, held, 1, MINUTE)
        assert lease(operator, held, "expires_at > now() + interval '50 s'") == (True,)
        assert events(operator, held, "kind")[1:] == [("status",)]
        with operator.transaction():
            operator.execute("select from gjobs.job_leases where job_id = %s for update", [held])
            assert call(other_session, "renew_leases", ALICE, held, 1, MINUTE)

    def test_progress_note_is_stored_and_recorded_once(self, operator: psycopg.Connection) -> None:
        (held,) = queue(operator, ADA, "a")
        claim(operator, ALICE, 1)

        for notes in (["3 of 8"], ["3 of 8"], [None], None):
            assert call(operator, "renew_leases", ALICE, held, 1, MINUTE, notes)

        assert lease(operator, held, "note") == ("3 of 8",)
        assert events(operator, held, "kind, lease_owner, note")[2:] == [("progress", str(ALICE), "3 of 8")]


LOOKING = """
create table public.plans (plan json);
create function public.read_all() returns trigger language plpgsql as $$
declare
    seen json;
begin
    execute 'explain (format json) select count(*) from public.plans where plan::text <> $1' into seen using tg_op;
    insert into plans values (seen);
    return null;
end $$;
create trigger read_all after update on public.generation_jobs for each statement execute function public.read_all();
"""
"""A trigger of an app that reads a whole table, and stores the plan in a table that it names without the schema."""


class TestAppTriggers:
    def test_lease_functions_do_not_jit_compile_triggers_of_the_app(self, operator: psycopg.Connection) -> None:
        """Only a server with JIT, such as that of Debian, can fail this test."""
        held, failed = queue(operator, ADA, "a", "a")
        with operator.transaction(force_rollback=True):
            operator.execute("set local jit = on")
            operator.execute(LOOKING)

            claim(operator, ALICE, 2, modes=["a"])
            finish(operator, ALICE, held)
            postpone(operator, ALICE, failed, cost=7)

            plans = operator.execute("select plan->0 from public.plans").fetchall()

        assert len(plans) == 3
        assert [plan for (plan,) in plans if "JIT" in plan] == []


class TestPostponing:
    def test_postponed_job_keeps_its_cost_and_is_not_claimed_before_its_time(
        self, operator: psycopg.Connection
    ) -> None:
        (failed,) = queue(operator, ADA, "a")
        claim(operator, ALICE, 1)

        assert postpone(operator, ALICE, failed, seconds=MINUTE, cost=7)
        assert job(operator, failed, "status, cost_cents") == ("running", 7)
        assert lease(operator, failed, "owner, attempt, note") == (None, 1, "busy")
        assert claim(operator, BOB, modes=["a"]) == {}
        assert not finish(operator, ALICE, failed)
        assert events(operator, failed, "kind, lease_owner, cost_cents")[2:] == [
            ("cost", str(ALICE), 7),
            ("retry", str(ALICE), 7),
        ]

    def test_postponed_job_is_claimed_again_with_the_reason(self, operator: psycopg.Connection) -> None:
        (failed,) = queue(operator, ADA, "a")
        claim(operator, ALICE, 1)
        postpone(operator, ALICE, failed)

        again = operator.execute("select id, attempt, lost_by, note from gjobs.claim_jobs(%s, null, 1, 60)", [BOB])

        assert again.fetchall() == [(failed, 2, None, "busy")]
        assert events(operator, failed, "kind, lease_owner, error, note")[1:] == [
            ("status", str(ALICE), None, None),
            ("retry", str(ALICE), "busy", "attempt 1 failed"),
            ("owner", str(BOB), None, "attempt 2"),
        ]

    def test_released_job_does_not_count_as_an_attempt(self, operator: psycopg.Connection) -> None:
        (kept,) = queue(operator, ADA, "a")
        claim(operator, ALICE, 1)

        assert release(operator, ALICE, kept)
        assert claim(operator, BOB, 1) == {kept: 1}
        assert events(operator, kept, "kind, lease_owner, note")[2:] == [
            ("owner", str(ALICE), "handed back"),
            ("owner", str(BOB), "attempt 1"),
        ]


class TestConcurrentAppWrites:
    def test_lease_of_a_deleted_or_truncated_job_is_lost_and_deleted_once_it_expires(
        self, operator: psycopg.Connection
    ) -> None:
        claim(operator, ALICE)
        for statement, values, user in (
            ("delete from auth.users where id = %s", [ADA.id], ADA),
            ("truncate public.generation_jobs", [], BEN),
        ):
            operator.execute(statement.encode(), values)
            assert not call(operator, "renew_leases", ALICE, user.job, 1, MINUTE)
            assert not postpone(operator, ALICE, user.job, seconds=MINUTE)
            assert lease(operator, user.job) == (ALICE, 1)
            operator.execute("update gjobs.job_leases set expires_at = now() where job_id = %s", [user.job])
            assert claim(operator, BOB) == {}
            assert lease(operator, user.job) is None
            assert not finish(operator, ALICE, user.job)

    def test_workers_and_deletions_do_not_block_each_other(
        self, operator: psycopg.Connection, database: Conninfo
    ) -> None:
        jobs = queue(operator, ADA, *"a" * 200)
        finished: list[UUID] = []

        def work() -> None:
            with connect(database, autocommit=True) as connection:
                owner = uuid4()
                while mine := claim(connection, owner, 5):
                    for job_id, attempt in mine.items():
                        call(connection, "renew_leases", owner, job_id, attempt, MINUTE)
                        if finish(connection, owner, job_id, attempt):
                            finished.append(job_id)

        with running(*[work] * 3):
            deleted = {
                job_id
                for job_id in jobs[::3]
                if operator.execute("delete from public.generation_jobs where id = %s", [job_id]).rowcount
            }

        ends = operator.execute("select status, count(*) from public.generation_jobs group by status").fetchall()
        assert ends == [("succeeded", len(jobs) + 2 - len(deleted))]
        assert len(finished) == len(set(finished))
        assert operator.execute("select count(*) from gjobs.job_leases").fetchall() == [(0,)]


class TestQueueNotifications:
    def test_only_an_idle_worker_is_notified_of_queued_jobs(
        self, operator: psycopg.Connection, database: Conninfo
    ) -> None:
        with connect(database, autocommit=True) as connection:
            connection.execute("listen gjobs_queue")
            queue(operator, ADA, "a")
            assert received(connection) == []
            connection.execute("select pg_advisory_lock_shared(1735353442, 4)")
            queue(operator, ADA, "a")
            assert received(connection) == [""]
            operator.execute("update public.generation_jobs set status = 'running'")
            add_jobs(operator, ADA, status="failed")
            assert received(connection) == []


CALLS = (
    "finish_jobs(%(owner)s, %(jobs)s, %(attempts)s, array['succeeded'], array[null], array[1])",
    "postpone_jobs(%(owner)s, %(jobs)s, %(attempts)s, array['busy'], array[1], array[60.0::float8])",
    "renew_leases(%(owner)s, %(jobs)s, %(attempts)s, 60)",
)


class TestActingAsUser:
    """Users see what belongs to their jobs."""

    def test_user_sees_leases_and_links_only_of_visible_jobs_and_no_workers(self, operator: psycopg.Connection) -> None:
        claim(operator, ALICE)
        operator.execute("insert into gjobs.job_links values (%s, %s), (%s, %s)", [ADA.job, uuid4(), BEN.job, uuid4()])
        operator.execute(
            "insert into gjobs.workers (id, name, host, process, concurrency) values (%s, 'w', 'h', 1, 1)", [ALICE]
        )
        everything = [ADA.job, BEN.job]
        assert self.visible(operator) == (everything, everything, 1)
        with acting(operator, ADA.id):
            assert self.visible(operator) == ([ADA.job], [ADA.job], 0)
        with acting(operator, None, "anon"):
            assert self.visible(operator) == ([], [], 0)
        with operator.transaction(force_rollback=True):
            operator.execute("create policy shared on public.generation_jobs for select using (true)")
            with acting(operator, ADA.id):
                assert self.visible(operator) == (everything, everything, 0)

    def visible(self, connection: psycopg.Connection) -> tuple[list[UUID], list[UUID], int]:
        leases, links = (
            [job for (job,) in connection.execute(f"select job_id from gjobs.{view} order by 1".encode())]  # noqa: S608
            for view in ("visible_leases", "visible_links")
        )
        return leases, links, len(connection.execute("select from gjobs.visible_workers").fetchall())

    def test_user_links_only_own_jobs_and_nobody_links_jobs_of_two_users(self, operator: psycopg.Connection) -> None:
        def link(job_id: UUID, repeats: UUID) -> bool:
            rows = operator.execute("select gjobs.link_retries(%s, %s)", [[job_id], [repeats]]).fetchall()
            return rows == [(job_id,)]

        one, other = queue(operator, BEN, "packaging", "packaging")
        for job_id, repeats in ((BEN.job, ADA.job), (ADA.job, BEN.job), (BEN.job, uuid4()), (uuid4(), BEN.job)):
            assert not link(job_id, repeats)
        assert link(other, one)
        with acting(operator, BEN.id):
            assert link(one, BEN.job)
        for user, role in ((ADA.id, "authenticated"), (None, "authenticated"), (None, "anon")):
            with acting(operator, user, role):
                assert not link(one, BEN.job)

    def test_role_that_may_not_insert_jobs_links_none(self, operator: psycopg.Connection) -> None:
        one, other = queue(operator, BEN, "packaging", "packaging")
        with operator.transaction(force_rollback=True):
            operator.execute("create role gjobs_test_reader")
            operator.execute("grant gjobs_test_reader to current_user")
            operator.execute("grant usage on schema auth to gjobs_test_reader")
            with acting(operator, None, "gjobs_test_reader"):
                assert operator.execute("select gjobs.link_retries(%s, %s)", [[other], [one]]).fetchall() == []


def test_removal_is_refused_while_workers_hold_leases_and_keeps_jobs_with_expired_ones_running(
    migrated_copy: Conninfo,
) -> None:
    with connect(migrated_copy, autocommit=True) as connection:
        add(connection, ADA)
        claim(connection, ALICE)
        with pytest.raises(MigrationRefused, match="Workers hold 1 running job") as refusal:
            remove(migrated_copy)
        assert refusal.value.hint == "Stop the workers first: 'gjobs workers' lists them."
        assert lease(connection, ADA.job) == (ALICE, 1)

        connection.execute("update gjobs.job_leases set expires_at = now()")
        remove(migrated_copy)

        assert job(connection, ADA.job) == ("running",)
        connection.execute("update public.generation_jobs set status = 'succeeded'")


def test_upgrade_adds_no_lease_to_a_running_job(attached_database: Conninfo) -> None:
    with connect(attached_database, autocommit=True) as connection:
        add(connection, ADA)
        connection.execute("update public.generation_jobs set status = 'running'")
        upgrade(attached_database)
        assert claim(connection, ALICE) == {}
        connection.execute("update public.generation_jobs set status = 'queued'")
        assert claim(connection, ALICE) == {ADA.job: 1}


MODES = (None, ["a"])
"""The modes that workers claim: any, and one."""


class TestClaimCost:
    """The cost of a claim depends neither on finished jobs nor on the statistics of the planner.

    The session keeps the plans of its first claims.
    """

    FINISHED = 5_000
    MOST_BLOCKS = 400

    @pytest.fixture
    def connection(self, migrated_copy: Conninfo) -> Iterator[psycopg.Connection]:
        with connect(migrated_copy, autocommit=True) as connection:
            add(connection, ADA)
            self.disable_autovacuum(connection)
            yield connection

    @pytest.mark.parametrize("analyzed", ["never", "while all was queued", "when all was done"])
    def test_claim_reads_no_finished_jobs(self, connection: psycopg.Connection, analyzed: str) -> None:
        insert = (
            "insert into public.generation_jobs (user_id, project_id, mode, status, created_at)"
            " select %s, %s, 'a', %s, '2025-01-01Z'::timestamptz + make_interval(secs => n)"
            " from generate_series(1, %s) n"
        )
        status = "queued" if analyzed == "while all was queued" else "succeeded"
        with triggers_disabled(connection):
            connection.execute(insert, [ADA.id, ADA.project, status, self.FINISHED])
        if analyzed != "never":
            connection.execute("analyze public.generation_jobs")
        for modes in MODES:
            claim(connection, ALICE, 1, modes=modes)
        connection.execute("update public.generation_jobs set status = 'succeeded'")
        connection.execute("delete from gjobs.job_leases")
        connection.execute("vacuum public.generation_jobs")
        queue(connection, ADA, *"aaaaaaaa")

        for modes in MODES:
            assert len(claim(connection, ALICE, 1, modes=modes)) == 1
            assert self.blocks_of_a_claim(connection, modes) < self.MOST_BLOCKS, modes

    def test_claim_reads_few_of_many_jobs_queued_at_the_same_time(self, connection: psycopg.Connection) -> None:
        with triggers_disabled(connection):
            add_jobs(connection, ADA, self.FINISHED, mode="a")
        connection.execute("vacuum analyze public.generation_jobs")

        for modes in MODES:
            claim(connection, ALICE, 1, modes=modes)
            assert self.blocks_of_a_claim(connection, modes) < self.MOST_BLOCKS, modes

    @pytest.mark.parametrize("seconds", [MINUTE, OVER], ids=["queued", "taken over"])
    def test_claim_reads_no_jobs_leased_by_others(self, connection: psycopg.Connection, seconds: float) -> None:
        queue(connection, ADA, *"aaaaaaaa")
        self.hide_running_jobs_from_the_planner(connection)
        claim(connection, ALICE, 1, seconds=seconds)
        connection.execute("analyze gjobs.job_leases")
        for modes in MODES:
            claim(connection, ALICE, 1, seconds=seconds, modes=modes)
        self.lease_many_jobs_to_others(connection)

        for modes in MODES:
            assert self.blocks_of_a_claim(connection, modes) < self.MOST_BLOCKS, modes

    def test_lease_functions_read_no_leases_of_other_workers(self, connection: psycopg.Connection) -> None:
        mine, other, *_ = queue(connection, ADA, *"aaaaa")
        self.hide_running_jobs_from_the_planner(connection)
        claim(connection, ALICE, 1)
        connection.execute("analyze gjobs.job_leases")
        values = {"owner": ALICE, "jobs": [other], "attempts": [1]}
        for call in CALLS:
            connection.execute(f"select gjobs.{call}".encode(), values)
        self.lease_many_jobs_to_others(connection)

        for call in CALLS:
            with connection.transaction(force_rollback=True):
                read = blocks(connection, f"select gjobs.{call}", {**values, "jobs": [mine]})
            assert read < self.MOST_BLOCKS, call

    def hide_running_jobs_from_the_planner(self, connection: psycopg.Connection) -> None:
        """Let the planner's statistics say that no job is running."""
        with triggers_disabled(connection):
            add_jobs(connection, ADA, self.FINISHED, mode="a", status="succeeded")
        connection.execute("analyze public.generation_jobs")

    def lease_many_jobs_to_others(self, connection: psycopg.Connection) -> None:
        connection.execute(
            "insert into gjobs.job_leases (job_id, owner, attempt, acquired_at, expires_at)"
            " select unnest(%s::uuid[]), %s, 1, now(), now() + interval '1 day'",
            [add_jobs(connection, ADA, self.FINISHED, mode="a", status="running"), BOB],
        )

    def disable_autovacuum(self, connection: psycopg.Connection) -> None:
        """Turn off autovacuum. Even while autovacuum analyzes another table, `vacuum` cannot remove dead rows."""
        for (table,) in connection.execute(
            "select oid::regclass::text from pg_class where relkind = 'r'"
            " and (relnamespace = 'gjobs'::regnamespace or oid = 'public.generation_jobs'::regclass)"
        ).fetchall():
            connection.execute(f"alter table {table} set (autovacuum_enabled = off)".encode())

    def blocks_of_a_claim(self, connection: psycopg.Connection, modes: list[str] | None) -> int:
        values = {"owner": BOB, "modes": modes}
        return blocks(connection, "select * from gjobs.claim_jobs(%(owner)s, %(modes)s::text[], 1, 60)", values)


@contextmanager
def triggers_disabled(connection: psycopg.Connection) -> Iterator[None]:
    """Insert many jobs quickly, without rollups and events. Use it before the first claim: it drops cached plans."""
    connection.execute("alter table public.generation_jobs disable trigger user")
    yield
    connection.execute("alter table public.generation_jobs enable trigger user")


def blocks(connection: psycopg.Connection, statement: str, values: Mapping[str, object]) -> int:
    """Return the number of blocks that the statement reads."""
    ((plan,),) = connection.execute(f"explain (analyze, buffers, format json) {statement}".encode(), values).fetchall()
    return int(plan[0]["Plan"]["Shared Hit Blocks"]) + int(plan[0]["Plan"]["Shared Read Blocks"])
