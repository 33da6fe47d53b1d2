"""The rollups match the jobs after any writes and for every reader."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gjobs.migrations.runner import check_rollups, rebuild_rollups
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, UserRows, acting, add

COUNTED = b"""
select user_id, project_id, status, mode, count(*), sum(cost_cents)
  from public.generation_jobs group by user_id, project_id, status, mode order by 1, 2, 3, 4
"""

ROLLED_UP = b"""
select user_id, project_id, status, mode, sum(job_count)::bigint, sum(cost_cents)::bigint
  from gjobs.job_counts group by user_id, project_id, status, mode
having sum(job_count) <> 0 or sum(cost_cents) <> 0 order by 1, 2, 3, 4
"""
# Days are text, because Python has no dates before year 1 and no infinite dates.
DAYS_COUNTED = b"""
select user_id, project_id, (created_at at time zone 'UTC')::date::text as day, count(*), sum(cost_cents)
  from public.generation_jobs group by user_id, project_id, day order by 1, 2, 3
"""

DAYS_ROLLED_UP = b"""
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
  from gjobs.job_summary order by 1, 2, 3
"""

WASTE_COUNTED = b"""
select user_id, project_id, mode, case when status = 'failed' then gjobs.error_group(error) else '' end as error_group,
       count(*), sum(cost_cents)
  from public.generation_jobs where status = 'failed' or retry_count > 0 group by 1, 2, 3, 4 order by 1, 2, 3, 4
"""

WASTE = b"""
select user_id, project_id, mode, error_group, sum(job_count)::bigint, sum(cost_cents)::bigint
  from gjobs.job_waste group by user_id, project_id, mode, error_group
having sum(job_count) <> 0 or sum(cost_cents) <> 0 order by 1, 2, 3, 4
"""

WASTE_DAYS_COUNTED = b"""
select user_id, project_id, (created_at at time zone 'UTC')::date::text as day, status = 'failed' as has_failed,
       count(*), sum(cost_cents)
  from public.generation_jobs where status = 'failed' or retry_count > 0 group by 1, 2, 3, 4 order by 1, 2, 3, 4
"""

WASTE_DAYS = b"""
select user_id, project_id, day::text, has_failed, sum(job_count)::bigint, sum(cost_cents)::bigint
  from gjobs.job_day_waste group by user_id, project_id, day, has_failed
having sum(job_count) <> 0 or sum(cost_cents) <> 0 order by 1, 2, day::text, 4
"""

WASTE_KEYS_COUNTED = b"""
select * from (
    select k.dimension, k.key, count(*) filter (where failed) as failed_count,
           coalesce(sum(cost_cents) filter (where failed), 0) as failed_cents,
           count(*) filter (where not failed and retried) as retry_count,
           coalesce(sum(cost_cents) filter (where not failed and retried), 0) as retry_cents,
           coalesce(sum(cost_cents) filter (where k.dimension <> 'group'), 0) as all_cents
      from (select user_id, project_id, mode, error, cost_cents, created_at,
                   status is not distinct from 'failed' as failed, coalesce(retry_count > 0, false) as retried
              from public.generation_jobs where not row_security_active('public.generation_jobs')) j
     cross join lateral (values
               ('all', null), ('mode', mode), ('project', project_id::text), ('user', user_id::text),
               ('day', to_jsonb((created_at at time zone 'UTC')::date) #>> '{}'),
               ('group', case when failed then gjobs.error_group(error) else '' end)
           ) k (dimension, key)
     group by k.dimension, k.key
) counted
 where (failed_count, failed_cents, retry_count, retry_cents, all_cents) <> (0, 0, 0, 0, 0) order by 1, 2
"""

WASTE_KEYS = b"""
select * from (
    select dimension, key, sum(failed_count)::bigint as failed_count, sum(failed_cents)::bigint as failed_cents,
           sum(retry_count)::bigint as retry_count, sum(retry_cents)::bigint as retry_cents,
           sum(all_cents)::bigint as all_cents
      from (select dimension, key, failed_count, failed_cents, retry_count, retry_cents, all_cents
              from gjobs.job_waste_keys
            union all
            select dimension, key, failed_count, failed_cents, retry_count, retry_cents, all_cents
              from gjobs.job_waste_key_deltas) parts
     group by dimension, key
) summed
 where (failed_count, failed_cents, retry_count, retry_cents, all_cents) <> (0, 0, 0, 0, 0) order by 1, 2
"""

PAIRS = (
    (COUNTED, ROLLED_UP),
    (DAYS_COUNTED, DAYS_ROLLED_UP),
    (SUMMARY_COUNTED, SUMMARY),
    (WASTE_COUNTED, WASTE),
    (WASTE_DAYS_COUNTED, WASTE_DAYS),
    (WASTE_KEYS_COUNTED, WASTE_KEYS),
)
"""Counts, and the rollups that must equal them."""

USERS = (ADA, BEN)

MODES = ("lifestyle", "", "m" * 3_000)

DAYS = ("2026-01-01T23:30Z", "2026-01-02T00:30+02", "4713-12-31 BC", "infinity", "-infinity", "294276-12-31")

STATUSES = ("queued", "running", "succeeded", "failed")

ERRORS = ("failed", None, "Job 17 failed", "Job 18 failed", '{"message": "Timeout after 30 s"}', "e" * 9_000)

COSTS = (0, 1, -7, 2**31 - 1, -(2**31))


def assert_rollups_match(connection: psycopg.Connection) -> None:
    """Check that the rollups that the current role sees match its jobs."""
    for counted, rolled_up in PAIRS:
        assert connection.execute(rolled_up).fetchall() == connection.execute(counted).fetchall()
    statistics = connection.execute(b"select * from gjobs.get_job_statistics()").fetchall()
    assert statistics == connection.execute(STATISTICS_COUNTED).fetchall()


def assert_rollups_match_for_all_roles(connection: psycopg.Connection) -> None:
    assert_rollups_match(connection)
    for user in USERS:
        with acting(connection, user.id):
            assert_rollups_match(connection)
    with acting(connection, None, "anon"):
        assert_rollups_match(connection)


def insert(user: UserRows, count: int, status: str, mode: str, cost: int, day: str) -> tuple[str, list[object]]:
    statement = (
        "insert into public.generation_jobs (user_id, project_id, status, mode, cost_cents, created_at)"
        " select p.user_id, p.id, %s, %s, %s, %s::timestamptz from public.projects p, generate_series(1, %s)"
        " where p.id = %s"
    )
    return statement, [status, mode, cost, day, count, user.project]


def change(column: str, value: object, part: int) -> tuple[str, list[object]]:
    """Return an UPDATE that changes about one of every `part` jobs."""
    where = "where abs(hashtext(id::text)) %% %s = 0"
    return f"update public.generation_jobs set {column} = %s {where}", [value, part]  # noqa: S608


ANY_USER, PARTS = st.sampled_from(USERS), st.sampled_from((1, 2, 5))

STATEMENTS = st.one_of(
    st.builds(
        insert, ANY_USER, st.sampled_from((0, 1, 2, 40)), st.sampled_from(STATUSES), st.sampled_from(MODES),
        st.sampled_from(COSTS), st.sampled_from(DAYS),
    ),
    st.builds(change, st.just("status"), st.sampled_from(STATUSES), PARTS),
    st.builds(change, st.just("mode"), st.sampled_from(MODES), PARTS),
    st.builds(change, st.just("cost_cents"), st.sampled_from(COSTS), PARTS),
    st.builds(change, st.just("created_at"), st.sampled_from(DAYS), PARTS),
    st.builds(change, st.just("user_id"), ANY_USER.map(lambda user: user.id), PARTS),
    st.builds(change, st.just("project_id"), ANY_USER.map(lambda user: user.project), PARTS),
    st.builds(change, st.just("error"), st.sampled_from(ERRORS), PARTS),
    st.builds(change, st.just("retry_count"), st.sampled_from((0, None, 1, 7)), PARTS),
    PARTS.map(lambda part: ("delete from public.generation_jobs where abs(hashtext(id::text)) %% %s = 0", [part])),
    ANY_USER.map(lambda user: ("delete from public.projects where id = %s", [user.project])),
    ANY_USER.map(lambda user: ("delete from auth.users where id = %s", [user.id])),
    st.just(("truncate public.generation_jobs", [])),
    st.sampled_from((1, 2, 500)).map(lambda some: ("select gjobs.fold_deltas(%s)", [some])),
    st.just(("select gjobs.fold_waste(1)", [])),
)  # fmt: skip

STEPS = st.lists(st.tuples(STATEMENTS, st.sampled_from(("keep", "undo"))), max_size=12)

LEVELS = st.sampled_from(("read committed", "repeatable read", "serializable"))


def run(connection: psycopg.Connection, level: str, steps: list[tuple[tuple[str, list[object]], str]]) -> None:
    """Run each step in a savepoint, and compare the rollups before and after the commit."""
    with connection.transaction():
        connection.execute(f"set transaction isolation level {level}".encode())
        for (statement, values), outcome in steps:
            # The new user or project may have been deleted.
            with suppress(psycopg.errors.ForeignKeyViolation), connection.transaction(force_rollback=outcome == "undo"):
                connection.execute(statement.encode(), values)
        assert_rollups_match(connection)
    assert_rollups_match_for_all_roles(connection)


def reset_rows(connection: psycopg.Connection) -> None:
    connection.execute("delete from auth.users")
    for user in USERS:
        add(connection, user)


QUICK = settings(
    max_examples=15,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@QUICK
@given(transactions=st.lists(st.tuples(LEVELS, STEPS), min_size=1, max_size=3))
def test_rollups_match_the_jobs_after_any_sequence_of_statements(
    operator: psycopg.Connection, transactions: list[tuple[str, list[tuple[tuple[str, list[object]], str]]]]
) -> None:
    reset_rows(operator)
    for level, steps in transactions:
        run(operator, level, steps)


WRITERS, ROUNDS = 4, 30


@contextmanager
def writing(conninfo: Conninfo) -> Iterator[None]:
    """Let four writers change their jobs and fold deltas of the same keys during the block."""
    refused: list[BaseException] = []

    def write(number: int) -> None:
        user = USERS[number % 2]
        try:
            with connect(conninfo) as connection:
                for round_ in range(ROUNDS):
                    ids = connection.execute(
                        "insert into public.generation_jobs (user_id, project_id, mode, cost_cents)"
                        " select %s, %s, 'lifestyle', n from generate_series(1, %s) n returning id",
                        [user.id, user.project, 1 + round_ % 3],
                    ).fetchall()
                    jobs = [row[0] for row in ids]
                    for status in ("running", "failed"):
                        connection.execute(
                            "update public.generation_jobs set status = %s, error = %s where id = any(%s)",
                            [status, f"Job {round_} failed", jobs],
                        )
                    if round_ % 4 == number:
                        connection.rollback()
                        continue
                    connection.commit()
                    connection.execute("select gjobs.fold_deltas(1), gjobs.fold_waste(1)")
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
    operator: psycopg.Connection, database: Conninfo
) -> None:
    with writing(database):
        for _ in range(20):
            with operator.transaction():
                operator.execute("set transaction isolation level repeatable read")
                assert_rollups_match(operator)
    assert_rollups_match_for_all_roles(operator)


def test_verifying_reports_no_difference_while_the_jobs_are_truncated(
    operator: psycopg.Connection, database: Conninfo
) -> None:
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
        checks = [check_rollups(database) for _ in range(30)]
    finally:
        stopped.set()
        truncating.join()
    assert [check.differences for check in checks if not check.matches] == []


def test_rebuilding_rollups_during_concurrent_writes_is_correct(
    operator: psycopg.Connection, database: Conninfo
) -> None:
    operator.execute("insert into gjobs.job_totals values (%s, %s, 'failed', 'made up', 7, 7)", [ADA.id, ADA.project])
    operator.execute("insert into gjobs.waste_totals values (%s, %s, 'made up', 'group', 7, 7)", [ADA.id, ADA.project])
    operator.execute("insert into gjobs.waste_keys values ('mode', 'made up', 7, 7, 7, 7, 7, 7)")
    with writing(database):
        rebuild_rollups(database)
    assert_rollups_match_for_all_roles(operator)
    assert check_rollups(database).matches


def test_uncommitted_fold_of_deltas_blocks_no_writer(operator: psycopg.Connection, database: Conninfo) -> None:
    with connect(database) as folder, connect(database) as other:
        folder.execute("select gjobs.fold_deltas(1), gjobs.fold_waste(1)")
        other.execute("set lock_timeout = 1")
        other.execute("update public.generation_jobs set status = 'failed' where id = %s", [BEN.job])
        other.execute("select gjobs.fold_deltas(1), gjobs.fold_waste(1)")
        other.commit()
        assert_rollups_match_for_all_roles(operator)
        folder.commit()
    assert_rollups_match_for_all_roles(operator)
    assert operator.execute("select count(*) from gjobs.job_totals where user_id = %s", [ADA.id]).fetchone() == (1,)


APP_POLICIES = (
    "create policy everyones on public.generation_jobs for select using (true)",
    "create policy cheap on public.generation_jobs as restrictive for select using (cost_cents < 100)",
    'drop policy "Users can view own generation jobs" on public.generation_jobs',
    "revoke select on public.generation_jobs from authenticated",
)


def test_rollups_follow_the_select_policies_of_the_app(operator: psycopg.Connection) -> None:
    for policy in APP_POLICIES:
        with operator.transaction(force_rollback=True):
            operator.execute(policy.encode())
            assert_rollups_match(operator)
            with acting(operator, ADA.id):
                if policy.startswith("revoke"):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        operator.execute(ROLLED_UP)
                else:
                    assert_rollups_match(operator)


def test_request_roles_cannot_access_the_rollup_tables(operator: psycopg.Connection) -> None:
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
        "select from gjobs.waste_deltas",
        "select from gjobs.waste_totals",
        "select from gjobs.waste_days",
        "select from gjobs.waste_keys",
        "select gjobs.recount_waste_keys()",
        "insert into gjobs.waste_deltas values (gen_random_uuid(), gen_random_uuid(), '', 'today', '', 1, 1)",
        "select gjobs.fold_waste(1)",
        "select gjobs.recount_waste()",
    ):
        for role in ("anon", "authenticated", "service_role"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), acting(operator, ADA.id, role):
                operator.execute(statement.encode())


def received(listener: psycopg.Connection) -> list[str]:
    listener.execute("select 1")
    return [notification.payload for notification in listener.notifies(timeout=0)]


CHANGE = f"update public.generation_jobs set error = 'late' where id = '{ADA.job}'"  # noqa: S608


def test_job_changes_send_notifications_only_to_active_listeners(
    operator: psycopg.Connection, database: Conninfo
) -> None:
    with connect(database, autocommit=True) as listener:
        listener.execute("listen gjobs_jobs")
        operator.execute("update public.generation_jobs set error = 'late' where id = %s", [ADA.job])
        assert received(listener) == []

        listener.execute("select pg_advisory_lock_shared(1735353442, 1)")
        for statement, expected in (
            (CHANGE, [str(ADA.job)]),
            ("update public.generation_jobs set error = 'late' where false", []),
            ("update public.generation_jobs set error = 'later'", [""]),
            ("truncate public.generation_jobs", [""]),
        ):
            pass_time(operator)
            operator.execute(statement.encode())
            assert received(listener) == expected


def pass_time(connection: psycopg.Connection) -> None:
    """Let more than a tenth of a second pass since the last notification."""
    connection.execute("select setval('gjobs.told_at', 1)")


def test_simultaneous_changes_send_one_notification(operator: psycopg.Connection, database: Conninfo) -> None:
    """Commits that notify happen one after the other."""
    both = f"{CHANGE}; commit; {CHANGE.replace(str(ADA.job), str(BEN.job))}".encode()
    with connect(database, autocommit=True) as listener:
        listener.execute("listen gjobs_jobs")
        listener.execute("select pg_advisory_lock_shared(1735353442, 1)")
        took = 1.0
        while took > 0.1:
            received(listener)
            pass_time(operator)
            began = time.monotonic()
            operator.execute(both)
            took = time.monotonic() - began
        assert received(listener) == [str(ADA.job)]


def test_uncommitted_notification_does_not_suppress_others(operator: psycopg.Connection, database: Conninfo) -> None:
    statement = "update public.generation_jobs set error = 'late' where id = %s"
    with connect(database, autocommit=True) as listener, connect(database) as first:
        listener.execute("listen gjobs_jobs")
        listener.execute("select pg_advisory_lock_shared(1735353442, 1)")
        pass_time(operator)
        first.execute(statement, [ADA.job])
        pass_time(operator)
        operator.execute(statement, [BEN.job])
        assert received(listener) == [str(BEN.job)]
