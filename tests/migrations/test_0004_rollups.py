"""Revision 0004: the sums beside the jobs are what counting gives, whoever reads them and whatever was done."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from migrations.runner import check_rollups, rebuild_rollups
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, Person, acting, add

COUNTED = b"""
select user_id, project_id, status, mode, count(*), sum(cost_cents)
  from public.generation_jobs group by user_id, project_id, status, mode order by 1, 2, 3, 4
"""

SUMMED = b"""
select user_id, project_id, status, mode, sum(job_count)::bigint, sum(cost_cents)::bigint
  from gjobs.job_counts group by user_id, project_id, status, mode
having sum(job_count) <> 0 or sum(cost_cents) <> 0 order by 1, 2, 3, 4
"""
# As text, for Python has no date before the first year and none that is infinite.
DAYS_COUNTED = b"""
select user_id, project_id, (created_at at time zone 'UTC')::date::text as day, count(*), sum(cost_cents)
  from public.generation_jobs group by user_id, project_id, day order by 1, 2, 3
"""

DAYS_SUMMED = b"""
select user_id, project_id, day::text, sum(job_count)::bigint, sum(cost_cents)::bigint
  from gjobs.job_day_counts group by user_id, project_id, day
having sum(job_count) <> 0 or sum(cost_cents) <> 0 order by 1, 2, day::text
"""

STATISTICS_COUNTED = b"""
select status, count(*), sum(cost_cents), avg(cost_cents)
  from public.generation_jobs where user_id = auth.uid() group by status order by status
"""

SUMMARY_COUNTED = b"""
select user_id, project_id, status, count(*), sum(cost_cents), avg(cost_cents),
       min(created_at)::text, max(created_at)::text
  from public.generation_jobs group by user_id, project_id, status order by 1, 2, 3
"""

SUMMARY = b"""
select user_id, project_id, status, job_count, total_cost_cents, avg_cost_cents, first_job_at::text, last_job_at::text
  from public.generation_job_summary order by 1, 2, 3
"""

PAIRS = ((COUNTED, SUMMED), (DAYS_COUNTED, DAYS_SUMMED), (SUMMARY_COUNTED, SUMMARY))

PEOPLE = (ADA, BEN)

MODES = ("lifestyle", "", "m" * 3_000)

DAYS = ("2026-01-01T23:30Z", "2026-01-02T00:30+02", "4713-12-31 BC", "infinity", "-infinity", "294276-12-31")

STATUSES = ("queued", "running", "succeeded", "failed")

COSTS = (0, 1, -7, 2**31 - 1, -(2**31))


def agree(connection: psycopg.Connection) -> None:
    """With these eyes, now."""
    for counted, summed in PAIRS:
        assert connection.execute(summed).fetchall() == connection.execute(counted).fetchall()
    statistics = connection.execute(b"select * from public.get_job_statistics()").fetchall()
    assert statistics == connection.execute(STATISTICS_COUNTED).fetchall()


def agree_for_everyone(connection: psycopg.Connection) -> None:
    agree(connection)
    for person in PEOPLE:
        with acting(connection, person.id):
            agree(connection)
    with acting(connection, None, "anon"):
        agree(connection)


def insert(person: Person, count: int, status: str, mode: str, cost: int, day: str) -> tuple[str, list[object]]:
    statement = (
        "insert into public.generation_jobs (user_id, project_id, status, mode, cost_cents, created_at)"
        " select p.user_id, p.id, %s, %s, %s, %s::timestamptz from public.projects p, generate_series(1, %s)"
        " where p.id = %s"
    )
    return statement, [status, mode, cost, day, count, person.project]


def change(column: str, value: object, part: int) -> tuple[str, list[object]]:
    """Of one job in so many, which may be none of them, or all."""
    where = "where abs(hashtext(id::text)) %% %s = 0"
    return f"update public.generation_jobs set {column} = %s {where}", [value, part]  # noqa: S608


PERSONS, PARTS = st.sampled_from(PEOPLE), st.sampled_from((1, 2, 5))

STATEMENTS = st.one_of(
    st.builds(
        insert, PERSONS, st.sampled_from((0, 1, 2, 40)), st.sampled_from(STATUSES), st.sampled_from(MODES),
        st.sampled_from(COSTS), st.sampled_from(DAYS),
    ),
    st.builds(change, st.just("status"), st.sampled_from(STATUSES), PARTS),
    st.builds(change, st.just("mode"), st.sampled_from(MODES), PARTS),
    st.builds(change, st.just("cost_cents"), st.sampled_from(COSTS), PARTS),
    st.builds(change, st.just("created_at"), st.sampled_from(DAYS), PARTS),
    st.builds(change, st.just("user_id"), PERSONS.map(lambda person: person.id), PARTS),
    st.builds(change, st.just("project_id"), PERSONS.map(lambda person: person.project), PARTS),
    st.builds(change, st.just("error"), st.just("failed"), PARTS),
    PARTS.map(lambda part: ("delete from public.generation_jobs where abs(hashtext(id::text)) %% %s = 0", [part])),
    PERSONS.map(lambda person: ("delete from public.projects where id = %s", [person.project])),
    PERSONS.map(lambda person: ("delete from auth.users where id = %s", [person.id])),
    st.just(("truncate public.generation_jobs", [])),
    st.sampled_from((1, 2, 500)).map(lambda some: ("select gjobs.fold_deltas(%s)", [some])),
)  # fmt: skip

STEPS = st.lists(st.tuples(STATEMENTS, st.sampled_from(("keep", "undo"))), max_size=12)

LEVELS = st.sampled_from(("read committed", "repeatable read", "serializable"))


def run(connection: psycopg.Connection, level: str, steps: list[tuple[tuple[str, list[object]], str]]) -> None:
    """Each step within a savepoint; afterwards they are compared, before the commit and after it."""
    with connection.transaction():
        connection.execute(f"set transaction isolation level {level}".encode())
        for (statement, values), fate in steps:
            # Whose jobs they should become may be gone.
            with suppress(psycopg.errors.ForeignKeyViolation), connection.transaction(force_rollback=fate == "undo"):
                connection.execute(statement.encode(), values)
        agree(connection)
    agree_for_everyone(connection)


@pytest.fixture
def owners(database: Conninfo) -> Iterator[psycopg.Connection]:
    with connect(database, autocommit=True) as connection:
        yield connection


def start_over(connection: psycopg.Connection) -> None:
    connection.execute("delete from auth.users")
    for person in PEOPLE:
        add(connection, person)


QUICK = settings(
    max_examples=25,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@QUICK
@given(transactions=st.lists(st.tuples(LEVELS, STEPS), min_size=1, max_size=3))
def test_rollups_match_the_jobs_after_any_sequence_of_statements(
    owners: psycopg.Connection, transactions: list[tuple[str, list[tuple[tuple[str, list[object]], str]]]]
) -> None:
    start_over(owners)
    for level, steps in transactions:
        run(owners, level, steps)


WRITERS, ROUNDS = 4, 30


@contextmanager
def writing(conninfo: Conninfo) -> Iterator[None]:
    """Inside, four write and fold at once, over the same keys, each in its own jobs."""
    refused: list[BaseException] = []

    def write(number: int) -> None:
        person = PEOPLE[number % 2]
        try:
            with connect(conninfo) as connection:
                for round_ in range(ROUNDS):
                    ids = connection.execute(
                        "insert into public.generation_jobs (user_id, project_id, mode, cost_cents)"
                        " select %s, %s, 'lifestyle', n from generate_series(1, %s) n returning id",
                        [person.id, person.project, 1 + round_ % 3],
                    ).fetchall()
                    jobs = [row[0] for row in ids]
                    connection.execute(
                        "update public.generation_jobs set status = 'running' where id = any(%s)", [jobs]
                    )
                    if round_ % 4 == number:
                        connection.rollback()
                        continue
                    connection.commit()
                    connection.execute("select gjobs.fold_deltas(1)")
                    connection.execute("delete from public.generation_jobs where id = %s", [jobs[0]])
                    connection.commit()
        except psycopg.Error as error:
            refused.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()
    assert refused == []


def test_rollups_match_the_jobs_in_every_snapshot_during_concurrent_writes(
    owners: psycopg.Connection, database: Conninfo
) -> None:
    start_over(owners)
    with writing(database):
        for _ in range(20):
            with owners.transaction():
                owners.execute("set transaction isolation level repeatable read")
                agree(owners)
    agree_for_everyone(owners)


def test_verifying_reports_no_difference_while_the_jobs_are_truncated(
    owners: psycopg.Connection, database: Conninfo
) -> None:
    start_over(owners)
    stopped = threading.Event()

    def truncate() -> None:
        with connect(database, autocommit=True) as connection:
            while not stopped.is_set():
                connection.execute(
                    "insert into public.generation_jobs (user_id, project_id, mode, cost_cents)"
                    " select user_id, id, 'lifestyle', 3 from public.projects cross join generate_series(1, 50)"
                )
                connection.execute("truncate public.generation_jobs")

    truncating = threading.Thread(target=truncate)
    truncating.start()
    try:
        checks = [check_rollups(database) for _ in range(60)]
    finally:
        stopped.set()
        truncating.join()
    assert [check.differences for check in checks if not check.matches] == []


def test_rebuilding_rollups_during_concurrent_writes_is_correct(owners: psycopg.Connection, database: Conninfo) -> None:
    start_over(owners)
    owners.execute("insert into gjobs.job_totals values (%s, %s, 'failed', 'made up', 7, 7)", [ADA.id, ADA.project])
    with writing(database):
        rebuild_rollups(database)
    agree_for_everyone(owners)
    assert check_rollups(database).matches


def test_uncommitted_fold_of_deltas_blocks_no_writer(owners: psycopg.Connection, database: Conninfo) -> None:
    start_over(owners)
    with connect(database) as folder, connect(database) as other:
        folder.execute("select gjobs.fold_deltas(1)")
        other.execute("set lock_timeout = 1")
        other.execute("update public.generation_jobs set status = 'running' where id = %s", [BEN.job])
        other.execute("select gjobs.fold_deltas(1)")
        other.commit()
        agree_for_everyone(owners)
        folder.commit()
    agree_for_everyone(owners)
    assert owners.execute("select count(*) from gjobs.job_totals where user_id = %s", [ADA.id]).fetchone() == (1,)


OTHER_EYES = {
    "more": "create policy everyones on public.generation_jobs for select using (true)",
    "fewer": "create policy cheap on public.generation_jobs as restrictive for select using (cost_cents < 100)",
    "none": 'drop policy "Users can view own generation jobs" on public.generation_jobs',
    "no grant": "revoke select on public.generation_jobs from authenticated",
}


@pytest.mark.parametrize("policy", OTHER_EYES.values(), ids=OTHER_EYES)
def test_rollups_follow_the_select_policies_of_the_app(owners: psycopg.Connection, policy: str) -> None:
    start_over(owners)
    with owners.transaction(force_rollback=True):
        owners.execute(policy.encode())
        agree(owners)
        with acting(owners, ADA.id):
            if policy.startswith("revoke"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    owners.execute(SUMMED)
            else:
                agree(owners)


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_request_roles_cannot_access_the_rollup_tables(owners: psycopg.Connection, role: str) -> None:
    for statement in (
        "select from gjobs.job_deltas",
        "select from gjobs.job_totals",
        "select from gjobs.job_days",
        "select setval('gjobs.told_at', 1)",
        "select gjobs.tell_listeners('')",
        "insert into gjobs.job_deltas values (gen_random_uuid(), gen_random_uuid(), '', '', 'today', 1, 1)",
        "delete from gjobs.job_totals",
        "select gjobs.fold_deltas(1)",
        "select gjobs.recount_jobs()",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), acting(owners, ADA.id, role):
            owners.execute(statement.encode())


def heard(listener: psycopg.Connection) -> list[str]:
    listener.execute("select 1")
    return [notification.payload for notification in listener.notifies(timeout=0)]


CHANGE = f"update public.generation_jobs set error = 'late' where id = '{ADA.job}'"  # noqa: S608


def test_job_changes_send_notifications_only_to_active_listeners(
    owners: psycopg.Connection, database: Conninfo
) -> None:
    start_over(owners)
    with connect(database, autocommit=True) as listener:
        listener.execute("listen gjobs_jobs")
        owners.execute("update public.generation_jobs set error = 'late' where id = %s", [ADA.job])
        assert heard(listener) == []

        listener.execute("select pg_advisory_lock_shared(1735353442, 1)")
        for statement, told in (
            (CHANGE, [str(ADA.job)]),
            ("update public.generation_jobs set error = 'late' where false", []),
            ("update public.generation_jobs set error = 'later'", [""]),
            ("truncate public.generation_jobs", [""]),
        ):
            some_time_passes(owners)
            owners.execute(statement.encode())
            assert heard(listener) == told


def some_time_passes(connection: psycopg.Connection) -> None:
    """More than a tenth of a second since somebody was told."""
    connection.execute("select setval('gjobs.told_at', 1)")


def test_simultaneous_changes_send_one_notification(owners: psycopg.Connection, database: Conninfo) -> None:
    """For those who notify commit one after the other."""
    start_over(owners)
    both = f"{CHANGE}; commit; {CHANGE.replace(str(ADA.job), str(BEN.job))}".encode()
    with connect(database, autocommit=True) as listener:
        listener.execute("listen gjobs_jobs")
        listener.execute("select pg_advisory_lock_shared(1735353442, 1)")
        took = 1.0
        while took > 0.1:
            heard(listener)
            some_time_passes(owners)
            began = time.monotonic()
            owners.execute(both)
            took = time.monotonic() - began
        assert heard(listener) == [str(ADA.job)]


def test_uncommitted_notification_does_not_suppress_others(owners: psycopg.Connection, database: Conninfo) -> None:
    start_over(owners)
    statement = "update public.generation_jobs set error = 'late' where id = %s"
    with connect(database, autocommit=True) as listener, connect(database) as first:
        listener.execute("listen gjobs_jobs")
        listener.execute("select pg_advisory_lock_shared(1735353442, 1)")
        some_time_passes(owners)
        first.execute(statement, [ADA.job])
        some_time_passes(owners)
        owners.execute(statement, [BEN.job])
        assert heard(listener) == [str(BEN.job)]
