"""Rollups and the events that are not folded yet equal a count of the jobs, in every snapshot and for every reader."""

import os
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from random import Random
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg.pq import TransactionStatus

from gjobs.migrations.rollups import check_rollups, rebuild_rollups
from gjobs.migrations.runner import upgrade
from gjobs.store.database.query import DIALECT
from gjobs.store.error_groups.error_group import error_group_id
from gjobs.store.filters import filter_sql
from gjobs.store.filters.filter_terms import JobFilter, Key, Term
from tests.conftest import Conninfo, connect
from tests.hosted.cluster import Server
from tests.hosted.replica import start_replica
from tests.migrations.conftest import ADA, BEN, UserRows, acting, add, add_jobs, received, running

USERS = (ADA, BEN)
LEVELS = ("read committed", "repeatable read", "serializable")
COLUMNS = ("user_id", "project_id", "status", "mode", "error", "cost_cents", "created_at", "retry_count")

GROUPED = tuple(error_group_id(error) for error in ("failed", "Job 17 failed", None))
_IN_GROUPS = Term(key=Key.ERROR_GROUP, values=GROUPED)
(_CONDITION,) = filter_sql.conditions(JobFilter(terms=(_IN_GROUPS,)), readable={Key.ERROR_GROUP})
IS_IN_GROUPS = _CONDITION.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True}).string

COMPARISON = """
with counted as ({}), kept as ({})
select 'counted', * from (table counted except table kept) a
union all
select 'kept', * from (table kept except table counted) b
"""
COMPARISONS = {
    name: COMPARISON.format(*queries)
    for name, queries in {
        "counts": (
            """
select user_id, project_id, status, mode, count(*), coalesce(sum(cost_cents), 0)::bigint
  from generation_jobs group by 1, 2, 3, 4""",
            """
select user_id, project_id, status, mode, sum(job_count)::bigint, sum(cost_cents)::bigint
  from gjobs.job_counts group by 1, 2, 3, 4 having sum(job_count) <> 0 or sum(cost_cents) <> 0""",
        ),
        "days": (
            """
select user_id, project_id, (created_at at time zone 'UTC')::date, count(*), coalesce(sum(cost_cents), 0)::bigint
  from generation_jobs group by 1, 2, 3""",
            """
select user_id, project_id, day, sum(job_count)::bigint, sum(cost_cents)::bigint
  from gjobs.job_day_counts group by 1, 2, 3 having sum(job_count) <> 0 or sum(cost_cents) <> 0""",
        ),
        "waste": (
            """
select user_id, project_id, mode, case when status = 'failed' then gjobs.error_group(error) else '' end, count(*),
       coalesce(sum(cost_cents), 0)::bigint
  from (select null::integer as retry_count) absent
 cross join lateral (
       select user_id, project_id, status, mode, error, cost_cents, created_at, retry_count from generation_jobs
       ) g
 where status = 'failed' or g.retry_count > 0 group by 1, 2, 3, 4""",
            """
select user_id, project_id, mode, error_group, sum(job_count)::bigint, sum(cost_cents)::bigint
  from gjobs.job_waste group by 1, 2, 3, 4 having sum(job_count) <> 0 or sum(cost_cents) <> 0""",
        ),
        "waste days": (
            """
select user_id, project_id, (created_at at time zone 'UTC')::date, status is not distinct from 'failed', count(*),
       coalesce(sum(cost_cents), 0)::bigint
  from (select null::integer as retry_count) absent
 cross join lateral (
       select user_id, project_id, status, mode, error, cost_cents, created_at, retry_count from generation_jobs
       ) g
 where status = 'failed' or g.retry_count > 0 group by 1, 2, 3, 4""",
            """
select user_id, project_id, day, has_failed, sum(job_count)::bigint, sum(cost_cents)::bigint
  from gjobs.job_day_waste group by 1, 2, 3, 4 having sum(job_count) <> 0 or sum(cost_cents) <> 0""",
        ),
        "error groups": [
            f"select user_id, mode, count(*) from generation_jobs as jobs where {condition} group by 1, 2"  # noqa: S608
            for condition in (f"status = 'failed' and gjobs.error_group(error) in {GROUPED}", IS_IN_GROUPS)
        ],
        "statistics": (
            """
select status, count(*), coalesce(sum(cost_cents), 0)::bigint, avg(coalesce(cost_cents, 0))
  from generation_jobs where user_id = auth.uid() group by 1""",
            "select * from gjobs.get_job_statistics()",
        ),
        "summary": (
            """
select user_id, project_id, status, count(*), coalesce(sum(cost_cents), 0)::bigint, avg(coalesce(cost_cents, 0)),
       min(created_at), max(created_at)
  from generation_jobs where (user_id, project_id, status) is not null group by 1, 2, 3""",
            "select * from gjobs.job_summary where (user_id, project_id, status) is not null",
        ),
    }.items()
}
"""For each view and function that reads rollups, a query for the differences from a count of the same jobs. One
statement has one snapshot.
"""


def assert_rollups_match(connection: psycopg.Connection, *names: str) -> None:
    """Compare what the current role sees, in the snapshots of its transaction."""
    for name in names or COMPARISONS:
        # As text, because Python has no dates before year 1 and no infinite times.
        found = connection.execute(f"select d::text from ({COMPARISONS[name]}) d".encode()).fetchall()  # noqa: S608
        assert found == [], f"{name}: {found}"


def assert_rollups_match_for_all_roles(connection: psycopg.Connection) -> None:
    assert_rollups_match(connection)
    for user in USERS:
        with acting(connection, user.id):
            assert_rollups_match(connection)
    with acting(connection, None, "anon"):
        assert_rollups_match(connection)


def reset_rows(connection: psycopg.Connection) -> None:
    # Those without a user and a project are in no cascade.
    connection.execute("delete from generation_jobs")
    connection.execute("delete from auth.users")
    for user in USERS:
        add(connection, user)


@pytest.fixture
def operator(operator: psycopg.Connection) -> psycopg.Connection:
    """The operator of a database with counted rollups. A copied database counts as another server."""
    count_again(operator)
    return operator


def fold(connection: psycopg.Connection, most: int = 20_000) -> int:
    ((answer,),) = connection.execute("select gjobs.fold_events(%s)", [most]).fetchall()
    return int(answer)


def count_again(connection: psycopg.Connection) -> int:
    ((answer,),) = connection.execute("select gjobs.count_again()").fetchall()
    return int(answer)


def insert(connection: psycopg.Connection, user: UserRows = ADA) -> None:
    add_jobs(connection, user, mode="late", cost_cents=3)


_VALUES: Mapping[str, tuple[object, ...]] = {
    "user_id": (ADA.id, BEN.id, None),
    "project_id": (ADA.project, BEN.project, None),
    "status": ("queued", "running", "succeeded", "failed", "failed", None),
    "mode": ("lifestyle", "", "m" * 3_000, None),
    "error": ("failed", None, "Job 17 failed", "Job 18 failed", '{"message": "Timeout after 30 s"}'),
    "cost_cents": (0, 1, -7, 2**31 - 1, -(2**31), None),
    "created_at": ("2026-01-01T23:30Z", "2026-01-02T00:30+02", "4713-12-31 BC", "infinity", "-infinity", None),
    "retry_count": (0, 0, None, 1, 7),
    "part": (1, 2, 5),
    "number": (0, 1, 2, 12),
}
_SQL = {
    "some": "abs(hashtext(id::text)) %% %(part)s = 0",
    "columns": ", ".join(COLUMNS),
    "values": ", ".join(f"%({name})s" for name in COLUMNS),
    "wanted": "((select id from generation_jobs where abs(hashtext(id::text)) %% %(part)s = 0 limit 5)"
    " union select md5(%(seed)s)::uuid) wanted",
}
_PROJECTS = """
insert into projects (id, user_id, name)
select p, u, 'Autumn' from unnest(%(projects)s::uuid[], %(users)s::uuid[]) as owned (p, u) on conflict do nothing"""
_INSERT = """
insert into generation_jobs (id, {columns})
select md5(%(seed)s || n)::uuid, {values} from generate_series(1, %(number)s) n"""
WRITES = (
    *([_INSERT] * 6),
    *(f"update generation_jobs set {column} = %({column})s where {{some}}" for column in COLUMNS),  # noqa: S608
    """
update generation_jobs set (status, error, cost_cents) = (%(status)s, %(error)s, %(cost_cents)s) where {some}""",
    "update generation_jobs set id = md5(%(seed)s || id)::uuid, mode = %(mode)s where {some}",
    "update generation_jobs set updated_at = now()",
    """
insert into generation_jobs (id, {columns}) select wanted.id, {values} from {wanted}
    on conflict (id) do update set status = excluded.status, cost_cents = excluded.cost_cents""",
    """
merge into generation_jobs j using {wanted} on wanted.id = j.id
 when matched and j.status = 'failed' then delete
 when matched then update set status = 'failed', error = 'merged'
 when not matched then insert (id, {columns}) values (wanted.id, {values})""",
    """
with gone as (delete from generation_jobs where {some} returning id, user_id, project_id, cost_cents)
insert into generation_jobs (id, user_id, project_id, cost_cents, mode)
select md5(%(seed)s || id)::uuid, user_id, project_id, cost_cents, %(mode)s from gone""",
    """
do $$ begin
    begin
        update generation_jobs set cost_cents = 5;
        raise 'undone';
    exception when raise_exception then
        update generation_jobs set mode = 'after an exception' where cost_cents > 0;
    end;
end $$""",
    "delete from generation_jobs where {some}",
    "select gjobs.archive_jobs(array(select id from generation_jobs where {some}))",
    "select gjobs.restore_jobs(array(select id from gjobs.archived_jobs))",
    "delete from projects where id = %(project_id)s",
    "delete from auth.users where id = %(user_id)s",
    "select gjobs.forget_user(%(user_id)s)",
    *(["insert into auth.users select unnest(%(users)s::uuid[]) on conflict do nothing", _PROJECTS] * 2),
    "truncate generation_jobs",
    # The age of an event decides only whether it is removed when it is folded.
    "update gjobs.job_event_log set at = '2000-01-01'",
)
REFUSALS = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.ForeignKeyViolation,
    psycopg.errors.UniqueViolation,
    psycopg.errors.ObjectNotInPrerequisiteState,  # Jobs can't be counted in a transaction that wrote some.
    psycopg.errors.RaiseException,  # Other sessions restored a job, changed it, and archived it again meanwhile.
)


class Session:
    """A session that begins, writes, folds, compares and ends at random. It waits for no lock."""

    def __init__(self, conninfo: Conninfo, random: Random, statements: list[str]) -> None:
        self.connection, self.random, self.statements = connect(conninfo, autocommit=True), random, statements
        self.connection.execute("set lock_timeout = 5")

    @property
    def is_open(self) -> bool:
        return self.connection.info.transaction_status != TransactionStatus.IDLE

    def step(self) -> None:
        action = self.random.choices(
            (self.begin, self.end, self.write, self.copy, self.fold, self.compare), (3, 2, 8, 1, 3, 3)
        )[0]
        with suppress(*REFUSALS):
            action()
        if self.connection.info.transaction_status == TransactionStatus.INERROR:
            self.connection.execute("rollback")

    def begin(self) -> None:
        """A snapshot must not be older than a TRUNCATE, which removes jobs that it should show."""
        if not self.is_open:
            self.run(f"begin isolation level {self.random.choice(LEVELS)}")
            self.run("lock table generation_jobs in access share mode")

    def end(self) -> None:
        if self.is_open:
            with suppress(*REFUSALS):
                self.run(self.random.choice(("commit", "commit", "rollback")))

    def write(self) -> None:
        self.in_savepoint(self.random.choice(WRITES))

    def copy(self) -> None:
        values = self.values()
        with (
            self.connection.transaction(),
            self.connection.cursor() as cursor,
            cursor.copy(f"copy generation_jobs (id, {_SQL['columns']}) from stdin".encode()) as copy,
        ):
            for _ in range(self.random.choice((0, 1, 9))):
                copy.write_row([UUID(int=self.random.getrandbits(128)), *(values[name] for name in COLUMNS)])
        self.statements.append("copy")

    def fold(self) -> None:
        answer = self.in_savepoint(f"select gjobs.fold_events({self.random.choice((1, 3, 20_000))})")
        if answer == [(-2,)] or self.random.random() < 0.02:
            self.in_savepoint("select gjobs.count_again()")

    def compare(self) -> None:
        role, user = self.random.choice((("", None), ("authenticated", ADA.id), ("authenticated", BEN.id)))
        with acting(self.connection, user, role or "none"):
            assert_rollups_match(self.connection, self.random.choice([*COMPARISONS]))

    def in_savepoint(self, statement: str) -> list[tuple[object, ...]]:
        """Run the statement in a transaction of its own or in a savepoint, and maybe undo it."""
        with self.connection.transaction(force_rollback=self.random.random() < 0.2):
            return self.run(statement)

    def run(self, statement: str) -> list[tuple[object, ...]]:
        cursor = self.connection.execute(statement.format(**_SQL).encode(), self.values())
        self.statements.append(f"{self.connection.info.backend_pid}: {statement}")
        return cursor.fetchall() if cursor.description else []

    def values(self) -> dict[str, object]:
        chosen = {name: self.random.choice(values) for name, values in _VALUES.items()}
        owners = {"users": [user.id for user in USERS], "projects": [user.project for user in USERS]}
        return {**chosen, **owners, "seed": str(self.random.getrandbits(64))}


@contextmanager
def sessions(conninfo: Conninfo, seed: int, number: int) -> Iterator[list[Session]]:
    """Open random sessions, and compare the rollups after their end. A failure shows what they ran."""
    random, statements = Random(seed), list[str]()  # noqa: S311
    opened = [Session(conninfo, Random(random.random()), statements) for _ in range(number)]  # noqa: S311
    try:
        yield opened
        for one in opened:
            one.end()
        with connect(conninfo, autocommit=True) as operator:
            assert_rollups_match_for_all_roles(operator)
            if fold(operator) == -2:
                count_again(operator)
            assert fold(operator) == 0
            assert_rollups_match(operator)
        assert check_rollups(conninfo).matches
    except AssertionError as error:
        error.add_note("\n".join(statements))
        raise
    finally:
        for one in opened:
            one.connection.close()


@pytest.fixture
def nullable(migrated_copy: Conninfo) -> Conninfo:
    """A database whose app allows null in its columns."""
    with connect(migrated_copy) as connection:
        for column in COLUMNS:
            connection.execute(f"alter table generation_jobs alter {column} drop not null".encode())
    return migrated_copy


EXAMPLES = int(os.environ.get("GJOBS_ROLLUP_EXAMPLES", "0"))
"""For a full run: 500 examples take a quarter of an hour."""


@settings(
    max_examples=EXAMPLES or 6,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**32))
def test_rollups_match_the_jobs_during_any_overlapping_transactions(nullable: Conninfo, seed: int) -> None:
    compare_during_overlapping_transactions(nullable, seed)


def compare_during_overlapping_transactions(conninfo: Conninfo, seed: int) -> None:
    """One statement runs at a time, so the same seed fails again, unless a statement waited too long for a lock."""
    with connect(conninfo, autocommit=True) as connection:
        reset_rows(connection)
        connection.execute("delete from gjobs.archived_jobs")
    random = Random(seed)  # noqa: S311
    with sessions(conninfo, seed, 4) as opened:
        for _ in range(100):
            random.choice(opened).step()


MUTANTS = {
    "open transactions are not kept": (
        4,
        "gjobs.fold_events(bigint)",
        ("array(select x from unnest(b.xip) x where x < b.bound)", "'{}'::xid8[]"),
    ),
    "its own transaction is not kept": (11, "gjobs.fold_events(bigint)", (" union select this_one", "")),
    "a TRUNCATE is ignored": (12, "gjobs.fold_progress", ("'truncated'::text", "'ignored'::text")),
}
"""By fault: the seed to start from, the function or view to change, and which text is replaced by which."""


@pytest.mark.parametrize("name", MUTANTS)
def test_comparisons_find_a_schema_that_folds_wrongly(nullable: Conninfo, name: str) -> None:
    first, changed, (part, mutant) = MUTANTS[name]
    with connect(nullable, autocommit=True) as connection:
        if changed.endswith(")"):
            kind, start = f"pg_get_functiondef('{changed}'::regprocedure)", ""
        else:
            kind, start = f"pg_get_viewdef('{changed}'::regclass)", f"create or replace view {changed} as "
        ((definition,),) = connection.execute(f"select {kind}".encode()).fetchall()
        assert part in definition
        connection.execute(f"{start}{definition.replace(part, mutant)}".encode())

    def compare() -> None:
        for seed in range(first, first + 50):
            compare_during_overlapping_transactions(nullable, seed)

    with pytest.raises(AssertionError, match=r"counted|kept|matches"):
        compare()


def test_rollups_match_the_jobs_in_every_snapshot_during_concurrent_writes(nullable: Conninfo) -> None:
    with connect(nullable, autocommit=True) as connection:
        reset_rows(connection)

    def run(session: Session) -> None:
        for _ in range((EXAMPLES or 2) * 50):
            session.step()

    with sessions(nullable, int(time.time()) if EXAMPLES else 1, 5) as opened, ThreadPoolExecutor(5) as pool:
        list(pool.map(run, opened))


WRITERS_FOLD = """
select count(*) from gjobs.job_event_log e, gjobs.fold_state f
 where e.transaction_id >= f.next or e.transaction_id = any (f.open)
"""


def unfolded(connection: psycopg.Connection) -> int:
    ((number,),) = connection.execute(WRITERS_FOLD.encode()).fetchall()
    return int(number)


def test_events_of_open_transactions_are_folded_after_their_commit(
    operator: psycopg.Connection, database: Conninfo
) -> None:
    """More savepoints than the server keeps in memory for each transaction."""
    with connect(database) as writer:
        insert(writer)
        for number in range(150):
            with writer.transaction(force_rollback=number % 3 == 0):
                insert(writer)
        for _ in range(20):
            insert(operator, BEN)
        assert fold(operator) == 20
        assert_rollups_match(operator)
        assert_rollups_match(writer)
        insert(operator, BEN)
        assert fold(operator) == 1
        writer.commit()
    assert unfolded(operator) == 101, "the forgotten transaction delays only its own events"
    assert_rollups_match_for_all_roles(operator)
    assert fold(operator) == 101
    assert (fold(operator), unfolded(operator)) == (0, 0)
    assert_rollups_match_for_all_roles(operator)


@pytest.mark.parametrize("is_undone", [False, True])
def test_transaction_that_folds_leaves_its_own_events(
    operator: psycopg.Connection, database: Conninfo, is_undone: bool
) -> None:
    with connect(database) as folder:
        insert(folder)
        # Snapshots do not list their own transaction among the open ones, also if a later one has ended.
        insert(operator, BEN)
        assert fold(folder) == 1
        assert_rollups_match(folder)
        insert(folder)
        insert(operator, BEN)
        assert fold(folder) == 1
        assert_rollups_match(folder)
        if is_undone:
            folder.rollback()
    assert_rollups_match_for_all_roles(operator)
    assert fold(operator) == 2
    assert_rollups_match_for_all_roles(operator)


@pytest.mark.parametrize("is_undone", [False, True])
def test_truncated_jobs_are_counted_until_the_rollups_are_rebuilt(
    operator: psycopg.Connection, database: Conninfo, is_undone: bool
) -> None:
    with connect(database) as other:
        other.execute("set transaction isolation level repeatable read")
        other.execute("select")
        insert(operator, BEN)
        insert(other)
        other.execute("truncate public.generation_jobs")
        insert(other)
        assert_rollups_match(other)
        assert fold(other) == -2
        if is_undone:
            other.rollback()
    assert_rollups_match_for_all_roles(operator)
    assert fold(operator) == (1 if is_undone else -2)
    assert check_rollups(database).matches
    assert count_again(operator) == (3 if is_undone else 1)
    assert_rollups_match_for_all_roles(operator)
    insert(operator)
    assert fold(operator) == 1
    assert_rollups_match_for_all_roles(operator)
    assert check_rollups(database).matches


def test_counting_leaves_what_other_transactions_and_its_own_write(
    operator: psycopg.Connection, database: Conninfo
) -> None:
    with connect(database) as writer, connect(database) as counter:
        insert(writer)
        counter.execute("select pg_current_xact_id()")
        insert(operator, BEN)
        assert count_again(counter) == 3
        insert(counter)
        assert_rollups_match(counter)
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState), counter.transaction():
            count_again(counter)
        counter.commit()
        assert_rollups_match(operator)
        writer.commit()
    assert_rollups_match_for_all_roles(operator)
    assert fold(operator) == 2
    assert_rollups_match_for_all_roles(operator)


def test_job_with_another_value_leaves_one_total_and_enters_another(
    operator: psycopg.Connection, database: Conninfo
) -> None:
    insert(operator)
    operator.execute("update generation_jobs set error = 'boom', retry_count = 1")
    for change in (
        "user_id = case user_id when %(ada)s then %(ben)s else %(ada)s end",
        "project_id = case project_id when %(project)s then %(other)s else %(project)s end",
        "status = 'failed'",
        "error = 'bang'",
        "error = null, mode = 'other'",
        "mode = 'third', cost_cents = cost_cents + 1",
        "cost_cents = 2147483647",
        "created_at = created_at - interval '1 day'",
        "retry_count = 2",
        "retry_count = 0",
        "error = 'crash'",
        "status = 'running', error = 'kept'",
        "retry_count = 1, created_at = created_at - interval '1 day'",
        "id = gen_random_uuid(), cost_cents = 3",
    ):
        operator.execute(
            f"update generation_jobs set {change}".encode(),  # noqa: S608
            {"ada": ADA.id, "ben": BEN.id, "project": ADA.project, "other": BEN.project},
        )
        assert check_rollups(database).matches, change
        assert fold(operator) >= 3
        assert check_rollups(database).matches, change
        assert_rollups_match(operator)
    operator.execute("delete from generation_jobs")
    fold(operator)
    for table in ("job_totals", "job_days", "error_groups"):
        assert operator.execute(f"select from gjobs.{table}".encode()).fetchall() == [], table


def test_only_one_session_folds_at_a_time_and_the_others_do_not_wait(
    operator: psycopg.Connection, database: Conninfo
) -> None:
    with connect(database) as first, connect(database) as old:
        old.execute("set transaction isolation level repeatable read")
        old.execute("select")
        insert(operator)
        assert fold(first) == 1
        operator.execute("set lock_timeout = 1")
        insert(operator)
        assert (fold(operator), count_again(operator)) == (-1, -1)
        first.commit()
        assert (fold(old), count_again(old)) == (-1, -1), "its snapshot is older than the other fold"
        assert_rollups_match(old)
    assert fold(operator) == 1
    assert_rollups_match_for_all_roles(operator)


REMOVED = """
select (select count(*) from gjobs.job_event_log),
       (select max(f.at) from former f where not exists (select from gjobs.job_event_log e where e.id = f.id))
"""
LOG_START = "select begins_at, begins_at > now() - interval '91 days' from gjobs.log_start"


def test_old_events_are_removed_in_portions_after_they_were_folded(operator: psycopg.Connection) -> None:
    operator.execute("delete from gjobs.job_event_log")
    for number in (2, 5_100):
        add_jobs(operator, ADA, number)
    # Each event is older than those before it, as if its transaction had begun last.
    operator.execute("update gjobs.job_event_log set at = now() - interval '91 days' - id * interval '1 second'")
    operator.execute("create temp table former as select id, at from gjobs.job_event_log")
    insert(operator)
    left = []
    for folded in (2, 5_100, 1, 0):
        assert fold(operator, 1) == folded
        ((events, newest_removed),) = operator.execute(REMOVED).fetchall()
        left.append(events)
        with acting(operator, ADA.id):
            ((begins_at, is_allowed),) = operator.execute(LOG_START).fetchall()
        assert newest_removed is None or newest_removed < begins_at
        assert is_allowed is (newest_removed is not None)
    assert left == [5_101, 101, 1, 1]
    assert_rollups_match_for_all_roles(operator)


def test_readers_count_on_another_server_until_somebody_folds(operator: psycopg.Connection) -> None:
    """A restored dump has transaction ids that mean nothing on its new server."""
    insert(operator)
    operator.execute("update gjobs.job_totals set job_count = 7")
    operator.execute("update gjobs.job_event_log set transaction_id = '900000000000000'")
    operator.execute("update gjobs.fold_state set server_identity = 'other', next = '800000000000000'")
    assert_rollups_match_for_all_roles(operator)
    insert(operator)
    assert_rollups_match_for_all_roles(operator)
    assert fold(operator) == -2
    insert(operator)
    assert_rollups_match_for_all_roles(operator)
    assert fold(operator) == -2
    assert count_again(operator) == 5
    assert fold(operator) == 0
    for _ in range(2):
        insert(operator)
        assert_rollups_match_for_all_roles(operator)
        assert fold(operator) == 1
        assert_rollups_match_for_all_roles(operator)


def test_count_on_another_server_needs_no_fold_before(operator: psycopg.Connection, database: Conninfo) -> None:
    operator.execute("update gjobs.job_event_log set transaction_id = '900000000000000'")
    operator.execute("update gjobs.fold_state set server_identity = 'other', next = '800000000000000'")
    with connect(database) as writer:
        insert(writer)
        assert count_again(operator) == 2
        assert_rollups_match_for_all_roles(operator)
        writer.commit()
    assert_rollups_match_for_all_roles(operator)
    insert(operator)
    assert fold(operator) == 2
    assert_rollups_match_for_all_roles(operator)


def test_replica_reads_rollups_with_open_and_unfolded_transactions(
    hosted_server: Server, app_database: Conninfo
) -> None:
    upgrade(app_database)
    name = str(app_database["dbname"])
    with (
        start_replica(hosted_server, f"of_{name}") as replica,
        connect(app_database, autocommit=True) as primary,
        connect(app_database) as writer,
        connect(replica.login(name), autocommit=True) as reader,
    ):
        reset_rows(primary)
        insert(writer)
        assert fold(primary) > 0
        insert(primary, BEN)
        for end in (writer.commit, lambda: fold(primary), lambda: primary.execute("truncate public.generation_jobs")):
            replica.catch_up()
            assert_rollups_match_for_all_roles(reader)
            end()
        replica.catch_up()
        assert_rollups_match_for_all_roles(reader)


def test_verifying_reports_no_difference_while_the_jobs_are_truncated(
    operator: psycopg.Connection, database: Conninfo
) -> None:
    stopped = threading.Event()

    def truncate() -> None:
        with connect(database, autocommit=True) as connection:
            while not stopped.is_set():
                for user in USERS:
                    add_jobs(connection, user, 50, cost_cents=3)
                connection.execute("truncate public.generation_jobs")

    with running(truncate):
        try:
            checks = [check_rollups(database) for _ in range(30)]
        finally:
            stopped.set()
    assert [check.differences for check in checks if not check.matches] == []


def test_rebuilding_replaces_wrong_rollups_and_keeps_concurrent_writes(
    operator: psycopg.Connection, database: Conninfo
) -> None:
    operator.execute("update gjobs.job_totals set job_count = 7")
    operator.execute("insert into gjobs.job_days values (gen_random_uuid(), null, null, null, true, false, 7, 7)")
    kinds = {(one.kind, one.kept_jobs - one.counted_jobs) for one in check_rollups(database).differences}
    assert kinds == {("totals", 6), ("days", 7)}
    with connect(database) as writer:
        insert(writer)
        rebuild_rollups(database)
        insert(operator)
        assert_rollups_match_for_all_roles(operator)
        insert(writer)
        writer.commit()
    assert_rollups_match_for_all_roles(operator)
    assert check_rollups(database).matches


APP_POLICIES = (
    ("more", "create policy everyones on public.generation_jobs for select using (true)"),
    ("some", "create policy cheap on public.generation_jobs as restrictive for select using (cost_cents < 100)"),
    ("more", "create policy cheap on public.generation_jobs for select using (cost_cents < 100)"),
    ("some", 'drop policy "Users can view own generation jobs" on public.generation_jobs'),
    ("none", "revoke select on public.generation_jobs from authenticated"),
)


@pytest.mark.parametrize(("visible", "policy"), APP_POLICIES)
def test_rollups_follow_the_select_policies_of_the_app(operator: psycopg.Connection, visible: str, policy: str) -> None:
    operator.execute("update public.generation_jobs set cost_cents = 50, status = 'failed' where id = %s", [BEN.job])
    fold(operator)
    insert(operator)
    insert(operator, BEN)
    with operator.transaction(force_rollback=True):
        operator.execute(policy.encode())
        assert_rollups_match(operator)
        with acting(operator, ADA.id):
            assert operator.execute("select gjobs.visible_jobs()").fetchone() == (visible,)
            if visible == "none":
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    operator.execute("select from gjobs.job_counts")
            else:
                assert_rollups_match(operator)


def test_users_read_only_the_rollups_of_their_own_jobs(operator: psycopg.Connection) -> None:
    """The comparisons alone would not show that users see totals of jobs that are gone."""
    operator.execute("insert into gjobs.job_totals values (%s, %s, null, null, null, null, null, 7, 7)", [BEN.id] * 2)
    insert(operator, BEN)
    for view in ("job_counts", "job_day_counts", "job_waste", "job_day_waste"):
        with acting(operator, ADA.id):
            found = operator.execute(f"select distinct user_id from gjobs.{view}".encode()).fetchall()  # noqa: S608
            assert found in ([(ADA.id,)], []), view
        with acting(operator, ADA.id):
            assert operator.execute("select gjobs.visible_jobs()").fetchone() == ("own",)


def test_service_role_folds(operator: psycopg.Connection) -> None:
    with operator.transaction():
        operator.execute("set local role service_role")
        assert (fold(operator), count_again(operator)) == (0, 2)
        assert_rollups_match(operator)


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
    connection.execute("select setval('gjobs.notified_at', 1)")


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
