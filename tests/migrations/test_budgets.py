"""Budgets limit every writer, and the spent amount equals the cost of the jobs.

In `operator`, Ada and Ben each have a queued job of 250 cents.
"""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from threading import Barrier
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gjobs.migrations.runner import upgrade
from gjobs.store.budgets.budget import Period
from gjobs.store.embedded.server_files import ADMINISTRATOR
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, UserRows, acting, add, add_jobs
from tests.migrations.test_interrupted_upgrade import interrupting
from tests.migrations.test_rollups_with_app_changes import wait_for_lock

REFUSED = "GJ001"
"""The SQLSTATE of a job that a budget refuses."""


def limit_user(connection: psycopg.Connection, user: UserRows, cents: int, period: str = "all") -> UUID:
    return limit(connection, "user_id", user.id, cents, period)


def limit_project(connection: psycopg.Connection, user: UserRows, cents: int, period: str = "all") -> UUID:
    return limit(connection, "project_id", user.project, cents, period)


def limit(connection: psycopg.Connection, subject: str, which: UUID, cents: int, period: str) -> UUID:
    statement = f"insert into gjobs.budgets ({subject}, period, limit_cents) values (%s, %s, %s) returning id"  # noqa: S608
    row = connection.execute(statement.encode(), [which, period, cents]).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def spent(connection: psycopg.Connection, budget: UUID) -> int:
    row = connection.execute("select spent_cents from gjobs.budget_states where id = %s", [budget]).fetchone()
    assert row is not None
    return int(row[0])


def queue(connection: psycopg.Connection, user: UserRows, cents: int, status: str = "queued", day: str = "now") -> UUID:
    (job,) = add_jobs(connection, user, cost_cents=cents, status=status, created_at=day)
    return job


def change(connection: psycopg.Connection, job: UUID, **values: object) -> None:
    columns = ", ".join(f"{column} = %s" for column in values)
    statement = f"update public.generation_jobs set {columns} where id = %s"  # noqa: S608
    assert connection.execute(statement.encode(), [*values.values(), job]).rowcount == 1


def is_accepted(write: Callable[[], object]) -> bool:
    """Run a statement and return whether all budgets accept it."""
    try:
        write()
    except psycopg.Error as error:
        if error.sqlstate != REFUSED:
            raise
        return False
    return True


@pytest.fixture
def refused() -> pytest.RaisesExc[psycopg.Error]:
    return pytest.RaisesExc(psycopg.Error, check=lambda error: error.sqlstate == REFUSED)


def test_each_period_can_be_limited_and_only_the_total_has_no_start(operator: psycopg.Connection) -> None:
    for period in Period:
        limit_user(operator, ADA, 1_000, period.value)
        start = operator.execute("select gjobs.budget_period_start(%s, '2026-01-31')::text", [period.value]).fetchone()
        assert (start == ("-infinity",)) is (period is Period.ALL)


def test_new_budget_counts_existing_jobs_as_spent(operator: psycopg.Connection) -> None:
    queue(operator, ADA, 70, day="2020-02-02")
    assert spent(operator, limit_user(operator, ADA, 1_000)) == 320
    assert spent(operator, limit_project(operator, ADA, 1_000, "month")) == 250
    assert spent(operator, limit_project(operator, BEN, 1_000, "day")) == 250


def test_jobs_are_queued_only_up_to_the_limit(
    operator: psycopg.Connection, refused: pytest.RaisesExc[psycopg.Error]
) -> None:
    budget = limit_user(operator, ADA, 300)
    queue(operator, ADA, 0)
    queue(operator, ADA, 50)
    for cents in (1, 0):
        with refused:
            queue(operator, ADA, cents)
    queue(operator, BEN, 10_000)
    change(operator, ADA.job, status="running")
    assert spent(operator, budget) == 300
    operator.execute("delete from gjobs.budgets where id = %s", [budget])
    queue(operator, ADA, 1_000)


def test_budget_error_contains_limit_spent_amount_and_cost(operator: psycopg.Connection) -> None:
    budget = limit_project(operator, ADA, 300)
    with pytest.raises(psycopg.DatabaseError) as caught:
        queue(operator, ADA, 51)
    messages = caught.value.diag
    assert messages.sqlstate == REFUSED
    assert messages.message_primary == (
        f"the total budget of project {ADA.project} has 300 cents: 250 are spent and 51 were asked"
    )
    assert json.loads(messages.message_detail or "") == {
        "budget_id": str(budget),
        "user_id": None,
        "project_id": str(ADA.project),
        "period": "all",
        "period_start": None,
        "other_period": None,
        "limit_cents": 300,
        "spent_cents": 250,
        "asked_cents": 51,
    }


def test_cost_of_a_job_from_before_a_daily_budget_can_be_lowered_whatever_the_limit(
    operator: psycopg.Connection, refused: pytest.RaisesExc[psycopg.Error]
) -> None:
    old, other = (queue(operator, ADA, 500, "succeeded", day="2026-02-02 12:00Z") for _ in range(2))
    limit_user(operator, ADA, 300, "day")
    change(operator, old, cost_cents=400)
    with refused as caught:
        change(operator, other, cost_cents=501)
    assert str(caught.value).startswith(f"the daily budget of user {ADA.id} for 2026-02-02 has 300 cents: 0 are spent")
    change(operator, other, mode="packaging", cost_cents=0)
    charged = "select spent_cents from gjobs.budget_spending where period_start = '2026-02-02'"
    assert operator.execute(charged).fetchall() == []


def test_statement_that_lowers_more_than_it_raises_is_accepted_above_the_limit(operator: psycopg.Connection) -> None:
    first, second = queue(operator, ADA, 1000, "succeeded"), queue(operator, ADA, 10, "succeeded")
    budget = limit_user(operator, ADA, 300)
    before = spent(operator, budget)
    changed = "update generation_jobs set cost_cents = case when id = %s then 500 else 200 end where id = any(%s)"
    operator.execute(changed, [first, [first, second]])
    assert spent(operator, budget) == before - 310


def test_writes_under_the_replica_role_are_charged_but_never_refused(
    attached_database: Conninfo,
) -> None:
    upgrade(attached_database)
    with connect(attached_database) as owner, connect({**attached_database, "user": ADMINISTRATOR}) as replication:
        add(owner, ADA)
        budget = limit_user(owner, ADA, 300)
        owner.commit()
        replication.execute("set session_replication_role = replica")
        before = spent(replication, budget)
        queue(replication, ADA, 301)
        assert spent(replication, budget) == before + 301
        replication.rollback()


def test_budget_is_refused_while_an_upgrade_is_not_finished(
    attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    with interrupting("indexes/gjobs_queue", monkeypatch):
        upgrade(attached_database)
    with connect(attached_database) as owner:
        add(owner, ADA)
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="no budget would be charged"):
            limit_user(owner, ADA, 300)


def test_job_cost_can_grow_only_up_to_the_limit(
    operator: psycopg.Connection, refused: pytest.RaisesExc[psycopg.Error]
) -> None:
    budget = limit_user(operator, ADA, 300)
    change(operator, ADA.job, status="running", cost_cents=300)
    with refused:
        change(operator, ADA.job, cost_cents=301)
    change(operator, ADA.job, cost_cents=10)
    assert spent(operator, budget) == 10


def test_finished_job_may_exceed_the_limit(
    operator: psycopg.Connection, refused: pytest.RaisesExc[psycopg.Error]
) -> None:
    budget = limit_user(operator, ADA, 300)
    for start, end in product(("queued", "running"), ("succeeded", "failed")):
        with operator.transaction(force_rollback=True):
            change(operator, ADA.job, status=start)
            change(operator, ADA.job, status=end, cost_cents=900)
            assert spent(operator, budget) == 900, (start, end)
            with refused:
                queue(operator, ADA, 1)

    # Finishing one job does not allow another cost to exceed the limit.
    running = queue(operator, ADA, 0)
    change(operator, running, status="running")
    with refused:
        operator.execute(
            "update public.generation_jobs set status = case id when %(job)s then 'succeeded' else status end,"
            " cost_cents = cost_cents + case id when %(job)s then 0 else 51 end where user_id = %(user)s",
            {"job": running, "user": ADA.id},
        )


def test_deleting_jobs_refunds_only_jobs_that_never_ran(operator: psycopg.Connection) -> None:
    budget = limit_user(operator, ADA, 1_000)
    ran = queue(operator, ADA, 100)
    change(operator, ran, status="running")
    change(operator, ran, status="failed")
    operator.execute("delete from public.generation_jobs where user_id = %s", [ADA.id])
    assert spent(operator, budget) == 100


def delete_and_reinsert(operator: psycopg.Connection, job: UUID) -> None:
    for statement in (
        "create temp table kept as select * from public.generation_jobs where id = %s",
        "delete from public.generation_jobs where id = %s",
        "insert into public.generation_jobs select * from kept where id = %s",
        "drop table kept",
    ):
        operator.execute(statement.encode(), [job] if "%s" in statement else [])


def test_reinserted_job_is_not_charged_twice(operator: psycopg.Connection) -> None:
    for status in ("queued", "running", "succeeded", "failed"):
        with operator.transaction(force_rollback=True):
            user, project = limit_user(operator, ADA, 330), limit_project(operator, ADA, 310, "month")
            job = queue(operator, ADA, 50, status)
            operator.execute("update gjobs.budgets set limit_cents = 300")
            for _ in range(2):
                delete_and_reinsert(operator, job)
                assert (spent(operator, user), spent(operator, project)) == (300, 300), status
            change(operator, job, cost_cents=40)
            delete_and_reinsert(operator, job)
            assert (spent(operator, user), spent(operator, project)) == (290, 290), status


def test_reinserted_job_is_charged_to_a_budget_created_meanwhile(operator: psycopg.Connection) -> None:
    early = limit_user(operator, ADA, 1_000)
    job = queue(operator, ADA, 50, "succeeded")
    rows = operator.execute("delete from public.generation_jobs where id = %s returning id", [job]).fetchall()
    late = limit_project(operator, ADA, 1_000)
    assert (len(rows), spent(operator, early), spent(operator, late)) == (1, 300, 250)
    add_jobs(operator, ADA, id=job, status="succeeded", cost_cents=50)
    assert (spent(operator, early), spent(operator, late)) == (300, 300)


def test_reinserted_job_is_charged_to_a_period_without_spending(operator: psycopg.Connection) -> None:
    job = queue(operator, ADA, 50, "succeeded", day="2020-02-02")
    budget = limit_user(operator, ADA, 1_000, "month")
    delete_and_reinsert(operator, job)
    queue(operator, ADA, 7, day="2020-02-03")
    rows = operator.execute("select spent_cents from gjobs.budget_spending where budget_id = %s order by 1", [budget])
    assert rows.fetchall() == [(50,), (257,)]


def test_budget_with_a_new_owner_or_period_is_counted_again(operator: psycopg.Connection) -> None:
    budget = limit_user(operator, ADA, 1_000, "day")
    queue(operator, ADA, 70, day="2020-02-02")
    operator.execute("update gjobs.budgets set period = 'all'")
    assert spent(operator, budget) == 320
    operator.execute("update gjobs.budgets set user_id = %s", [BEN.id])
    assert spent(operator, budget) == 250


def test_job_with_a_new_owner_is_charged_to_the_new_owner(
    operator: psycopg.Connection, refused: pytest.RaisesExc[psycopg.Error]
) -> None:
    ada, ben = limit_user(operator, ADA, 1_000), limit_user(operator, BEN, 300)
    with refused:
        change(operator, ADA.job, user_id=BEN.id)
    operator.execute("update gjobs.budgets set limit_cents = 500 where id = %s", [ben])
    change(operator, ADA.job, user_id=BEN.id)
    assert (spent(operator, ada), spent(operator, ben)) == (0, 500)


FAR = 100_000
"""More days than any test uses."""


def age(connection: psycopg.Connection, days: int) -> None:
    """Move the charges into the past, as if days had passed."""
    for table in ("budget_spending", "budget_charges"):
        # In two steps, because each row must find its new day free, in any order of the rows.
        for step in (days + FAR, -FAR):
            connection.execute(
                f"update gjobs.{table} set period_start = period_start - %s"  # noqa: S608
                " where period_start > '-infinity'",
                [step],
            )


def test_daily_budget_has_room_again_on_the_next_day(
    operator: psycopg.Connection, refused: pytest.RaisesExc[psycopg.Error]
) -> None:
    day, whole = limit_user(operator, ADA, 300, "day"), limit_project(operator, ADA, 700)
    queue(operator, ADA, 50)
    with refused:
        queue(operator, ADA, 1)
    age(operator, 1)
    assert (spent(operator, day), spent(operator, whole)) == (0, 300)
    queue(operator, ADA, 300)
    age(operator, 1)
    with refused:
        queue(operator, ADA, 101)
    queue(operator, ADA, 100)


def test_finish_is_charged_to_the_period_in_which_the_job_was_queued(operator: psycopg.Connection) -> None:
    budget = limit_user(operator, ADA, 300, "day")
    job = queue(operator, ADA, 50)
    age(operator, 1)
    change(operator, job, status="running")
    change(operator, job, status="succeeded", cost_cents=70)
    assert spent(operator, budget) == 0
    rows = operator.execute("select spent_cents from gjobs.budget_spending where budget_id = %s", [budget]).fetchall()
    assert rows == [(320,)]


def test_budgets_accept_extreme_and_infinite_creation_times(operator: psycopg.Connection) -> None:
    """Jobs from before the budgets, too."""
    days = ("infinity", "-infinity", "4714-11-24 BC", "294276-12-31 23:59:59.999999", "9999-12-31")
    for period in Period:
        limit_user(operator, ADA, 1_000, period)
    for day in days:
        queue(operator, ADA, 5, day=day)
    budgets = [limit_project(operator, ADA, 1_000, period) for period in Period]
    assert [spent(operator, budget) for budget in budgets] == [250, 250, 275]


def test_statement_over_the_limit_inserts_none_of_its_jobs(
    operator: psycopg.Connection, refused: pytest.RaisesExc[psycopg.Error]
) -> None:
    budget = limit_user(operator, ADA, 500)
    many = (
        "insert into public.generation_jobs (user_id, project_id, mode, cost_cents)"
        " select user_id, id, 'lifestyle', 10 from public.projects, generate_series(1, %s)"
    )
    with refused:
        operator.execute(many, [26])
    operator.execute(many, [25])
    assert spent(operator, budget) == 500


CALLERS = 20


@pytest.mark.parametrize("subject", ["user", "project"])
def test_concurrent_inserts_never_exceed_the_limit(
    database: Conninfo, operator: psycopg.Connection, subject: str
) -> None:
    budget = (limit_user if subject == "user" else limit_project)(operator, ADA, 350)
    barrier = Barrier(CALLERS)

    def ask() -> bool:
        with connect(database, autocommit=True) as connection:
            barrier.wait()
            return is_accepted(lambda: queue(connection, ADA, 10))

    with ThreadPoolExecutor(CALLERS) as callers:
        answers = [future.result() for future in [callers.submit(ask) for _ in range(CALLERS)]]
    assert answers.count(True) == 10
    assert spent(operator, budget) == 350


def test_only_writers_with_the_same_budget_block_each_other_and_a_new_budget(
    database: Conninfo, operator: psycopg.Connection
) -> None:
    """A new budget waits for open writers and counts their jobs. Changing a limit waits for nobody."""
    operator.execute("set lock_timeout = '50ms'")
    with connect(database) as writer:
        queue(writer, ADA, 40)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            limit_user(operator, ADA, 1_000)
    budget = limit_user(operator, ADA, 1_000)
    assert spent(operator, budget) == 290

    limit_user(operator, BEN, 1_000)
    with connect(database) as writer:
        queue(writer, ADA, 1)
        queue(operator, BEN, 1)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            queue(operator, ADA, 1)
        operator.execute("update gjobs.budgets set limit_cents = 260, warn_share = 0.5 where id = %s", [budget])
    assert spent(operator, budget) == 291


def test_job_is_queued_while_its_budget_is_deleted(database: Conninfo, operator: psycopg.Connection) -> None:
    budget = limit_user(operator, ADA, 250)
    with (
        connect(database) as deleter,
        connect(database, autocommit=True) as observer,
        ThreadPoolExecutor() as writers,
    ):
        deleter.execute("delete from gjobs.budgets where id = %s", [budget])
        written = writers.submit(queue, operator, ADA, 40)
        wait_for_lock(observer, "insert into public.generation_jobs%")
        deleter.commit()
        written.result()
    assert operator.execute("select count(*) from public.generation_jobs").fetchall() == [(3,)]


def test_deleting_a_budget_deletes_its_spending_and_charges(operator: psycopg.Connection) -> None:
    limit_user(operator, ADA, 1_000)
    queue(operator, ADA, 40)
    operator.execute("delete from gjobs.budgets")
    for table in ("budget_spending", "budget_charges"):
        assert operator.execute(f"select from gjobs.{table}".encode()).fetchall() == []


def test_check_budget_reports_whether_a_cost_fits_each_budget(operator: psycopg.Connection) -> None:
    month, whole = limit_project(operator, ADA, 300, "month"), limit_user(operator, ADA, 260)
    with acting(operator, ADA.id):
        found = operator.execute("select * from gjobs.check_budget(%s, 20)", [ADA.project]).fetchall()
    assert sorted(found) == sorted([(month, "month", 300, 250, 20, True), (whole, "all", 260, 250, 20, False)])


def test_user_sees_only_own_budgets(operator: psycopg.Connection) -> None:
    mine = {limit_user(operator, ADA, 1_000), limit_project(operator, ADA, 1_000)}
    everyones = mine | {limit_user(operator, BEN, 1_000)}
    for relation in ("visible_budgets", "budget_states"):
        query = f"select id from gjobs.{relation}".encode()  # noqa: S608
        assert {row[0] for row in operator.execute(query)} == everyones
        with acting(operator, ADA.id):
            assert {row[0] for row in operator.execute(query)} == mine
        with acting(operator, None, "anon"):
            assert operator.execute(query).fetchall() == []
    with acting(operator, ADA.id):
        rows = operator.execute("select budget_id from gjobs.visible_spending").fetchall()
        assert {budget for (budget,) in rows} == mine


def test_budget_is_enforced_for_a_user_who_cannot_read_it(
    operator: psycopg.Connection, refused: pytest.RaisesExc[psycopg.Error]
) -> None:
    limit_user(operator, ADA, 260)
    with operator.transaction(force_rollback=True):
        operator.execute("revoke select on gjobs.visible_budgets from public")
        with refused, acting(operator, ADA.id):
            queue(operator, ADA, 11)


def test_deleting_a_project_or_user_with_a_budget_keeps_what_is_spent(operator: psycopg.Connection) -> None:
    budgets = limit_user(operator, ADA, 1_000), limit_project(operator, BEN, 1_000)
    operator.execute("update public.generation_jobs set status = 'running'")
    operator.execute("delete from auth.users where id = %s", [ADA.id])
    operator.execute("delete from public.projects where id = %s", [BEN.project])
    assert [spent(operator, budget) for budget in budgets] == [250, 250]


def test_truncating_the_jobs_resets_spending(operator: psycopg.Connection) -> None:
    for level in ("read committed", "serializable"):
        budget = limit_user(operator, ADA, 300)
        with operator.transaction():
            operator.execute(f"set transaction isolation level {level}".encode())
            operator.execute("truncate public.generation_jobs")
        assert spent(operator, budget) == 0, level
        queue(operator, ADA, 300)
        assert spent(operator, budget) == 300, level
        operator.execute("delete from gjobs.budgets")


def test_budgets_accept_null_values_in_nullable_app_columns(migrated_copy: Conninfo) -> None:
    with connect(migrated_copy, autocommit=True) as connection:
        for column in ("user_id", "project_id", "status", "mode", "cost_cents", "created_at"):
            connection.execute(f"alter table public.generation_jobs alter {column} drop not null".encode())
        add(connection, ADA)
        whole, month = limit_user(connection, ADA, 300), limit_project(connection, ADA, 300, "month")
        for statement in (
            "insert into public.generation_jobs select gen_random_uuid() from generate_series(1, 3)",
            "insert into public.generation_jobs select gen_random_uuid(), user_id, id from public.projects",
            "update public.generation_jobs set cost_cents = null, created_at = null, status = null where mode is null",
            "update public.generation_jobs set cost_cents = 7 where mode is null",
            "update public.generation_jobs set status = 'failed', cost_cents = null where mode is null",
            "update public.generation_jobs set cost_cents = 9 where mode is null",
        ):
            connection.execute(statement.encode())
        assert (spent(connection, whole), spent(connection, month)) == (259, 259)
        connection.execute("delete from public.generation_jobs where status = 'failed'")
        assert (spent(connection, whole), spent(connection, month)) == (259, 259)


def test_first_event_of_a_database_is_charged(migrated_copy: Conninfo) -> None:
    with connect(migrated_copy, autocommit=True) as connection:
        connection.execute("insert into auth.users (id) values (%s)", [ADA.id])
        connection.execute(
            "insert into public.projects (id, user_id, name) values (%s, %s, 'Autumn')", [ADA.project, ADA.id]
        )
        budget = limit_user(connection, ADA, 300)
        queue(connection, ADA, 250)
        assert connection.execute("select id from gjobs.job_event_log").fetchall() == [(1,)]
        assert spent(connection, budget) == 250


COSTS, PARTS = st.integers(-5, 60), st.integers(1, 4)

OPEN = st.sampled_from(("queued", "running"))

WRITES = st.one_of(
    st.tuples(
        st.just(
            "insert into public.generation_jobs (user_id, project_id, mode, cost_cents, status)"
            " select user_id, id, 'lifestyle', %s, %s from public.projects"
        ),
        st.tuples(COSTS, OPEN),
    ),
    st.tuples(
        st.just("update public.generation_jobs set cost_cents = %s where abs(hashtext(id::text)) %% %s = 0"),
        st.tuples(COSTS, PARTS),
    ),
    st.tuples(
        st.just("update public.generation_jobs set status = %s where abs(hashtext(id::text)) %% %s = 0"),
        st.tuples(OPEN, PARTS),
    ),
    st.tuples(
        st.just("delete from public.generation_jobs where status = 'queued' and abs(hashtext(id::text)) %% %s = 0"),
        st.tuples(PARTS),
    ),
)
"""Steps in which no job finishes and no job that ran is deleted, so that the spent amount equals the costs."""


@settings(
    max_examples=40,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(writes=st.lists(WRITES, max_size=15))
def test_spending_equals_job_costs_and_stays_within_the_limit(
    operator: psycopg.Connection, writes: list[tuple[str, tuple[object, ...]]]
) -> None:
    operator.execute("delete from auth.users")
    operator.execute("delete from gjobs.budgets")
    add(operator, ADA)
    budget = limit_user(operator, ADA, 400)
    for statement, values in writes:
        is_accepted(partial(operator.execute, statement.encode(), values))
        row = operator.execute(
            "select coalesce(sum(greatest(cost_cents, 0)), 0) from public.generation_jobs"
        ).fetchone()
        assert row == (spent(operator, budget),)
        assert spent(operator, budget) <= 400


def test_jobs_can_be_truncated_in_a_snapshot_older_than_another_truncation(database: Conninfo) -> None:
    with connect(database) as first, connect(database, autocommit=True) as second:
        first.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        first.execute("select 1")
        second.execute("truncate public.generation_jobs")
        first.execute("truncate public.generation_jobs")
        first.commit()


@pytest.mark.parametrize("later", ["none", "rolled back", "of another server"])
def test_transaction_that_began_before_a_budget_was_set_is_refused(
    operator: psycopg.Connection, database: Conninfo, later: str
) -> None:
    """Also if another budget was set in vain since, and never because of a number that a dump brought."""
    with connect(database) as writer, connect(database) as other:
        writer.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        writer.execute("select from public.projects")
        if later == "of another server":
            operator.execute("select setval('gjobs.budgets_set_by', 999999999999)")
            queue(writer, ADA, 9)
            writer.commit()
            return
        limit_user(operator, ADA, 250)
        if later == "rolled back":
            limit_user(other, BEN, 1)
            other.rollback()
        with pytest.raises(psycopg.errors.SerializationFailure, match="a budget was set"):
            queue(writer, ADA, 9)
        writer.rollback()
        with pytest.raises(psycopg.Error) as refusal:
            queue(writer, ADA, 9)
        assert refusal.value.sqlstate == REFUSED


def test_transaction_that_sets_a_budget_may_write_jobs(operator: psycopg.Connection) -> None:
    with operator.transaction():
        budget = limit_user(operator, ADA, 1_000)
        queue(operator, ADA, 9)
    assert spent(operator, budget) == 259
