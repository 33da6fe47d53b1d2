"""A budgeted user cannot queue more than the limits allow, whatever the user writes within the app's policies."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, acting, add
from tests.migrations.test_budgets import is_accepted, limit_project, limit_user, queue, spent

LIMIT = 100
JOB = UUID(int=0xE1)
OTHER_PROJECT = UUID(int=0xA9)
INSERT = (
    "insert into public.generation_jobs (id, user_id, project_id, mode, status, cost_cents, created_at)"
    " values (%s, %s, %s, 'lifestyle', %s, %s, now() + make_interval(days => %s))"
)


def write(connection: psycopg.Connection, statement: str, *values: object) -> bool:
    """Run a statement as Ada and return whether all budgets accept it."""

    def run() -> None:
        with acting(connection, ADA.id, commits=True):
            connection.execute(statement.encode(), values)

    return is_accepted(run)


def insert(connection: psycopg.Connection, status: str, cents: int, *, days: int = 0, job: UUID = JOB) -> bool:
    return write(connection, INSERT, job, ADA.id, ADA.project, status, cents, days)


def update(connection: psycopg.Connection, changes: str) -> bool:
    return write(connection, f"update public.generation_jobs set {changes} where id = %s", JOB)  # noqa: S608


@pytest.fixture
def owner(operator_connection: psycopg.Connection) -> psycopg.Connection:
    """A connection of the operator; Ada has two projects and no job."""
    begin(operator_connection)
    return operator_connection


def begin(connection: psycopg.Connection) -> None:
    connection.execute("delete from auth.users")
    connection.execute("delete from gjobs.budgets")
    for user in (ADA, BEN):
        add(connection, user)
    connection.execute("delete from public.generation_jobs")
    connection.execute(
        "insert into public.projects (id, user_id, name) values (%s, %s, 'Spring')", [OTHER_PROJECT, ADA.id]
    )


class Budgets:
    """The same limit of Ada for each period. In each test, all of them must show the same spending."""

    def __init__(self, owner: psycopg.Connection) -> None:
        self._owner = owner
        self.ids = [limit_user(owner, ADA, LIMIT, period) for period in ("day", "month", "all")]

    @property
    def spent(self) -> int:
        found = {spent(self._owner, budget) for budget in self.ids}
        assert len(found) == 1, found
        return found.pop()


@pytest.fixture
def budgets(owner: psycopg.Connection) -> Budgets:
    return Budgets(owner)


def test_job_that_is_inserted_as_failed_is_charged_when_it_is_queued(
    owner: psycopg.Connection, budgets: Budgets
) -> None:
    assert insert(owner, "failed", 101)
    assert not update(owner, "status = 'queued'")
    assert budgets.spent == 101


STATUS = ("queued", "running", "succeeded", "failed")


def test_negative_cost_adds_nothing_to_the_budget(owner: psycopg.Connection) -> None:
    for status in STATUS:
        begin(owner)
        budgets = Budgets(owner)
        assert insert(owner, status, -1_000_000)
        assert budgets.spent == 0, status
        assert not insert(owner, "queued", 101, job=UUID(int=0xE2)), status
        assert update(owner, "cost_cents = -2000000000")
        assert budgets.spent == 0, status


def test_negative_cost_from_before_the_budget_adds_nothing_to_it(owner: psycopg.Connection) -> None:
    assert insert(owner, "succeeded", -1_000_000)
    queue(owner, ADA, 40)
    assert spent(owner, limit_user(owner, ADA, LIMIT)) == 40
    assert spent(owner, limit_project(owner, ADA, LIMIT)) == 40


def test_lowering_a_cost_refunds_nothing_to_the_user(owner: psycopg.Connection) -> None:
    for status in STATUS:
        begin(owner)
        budgets = Budgets(owner)
        assert insert(owner, "queued", LIMIT)
        owner.execute("update public.generation_jobs set status = %s where id = %s", [status, JOB])
        assert update(owner, "cost_cents = 0")
        assert budgets.spent == LIMIT, status
        assert not insert(owner, "queued", 1, job=UUID(int=0xE2)), status
        assert update(owner, "cost_cents = 60")
        assert budgets.spent == LIMIT, status


def test_worker_and_operator_refund_the_unused_cost_of_a_job(owner: psycopg.Connection) -> None:
    for role in ("operator", "service_role"):
        begin(owner)
        budgets = Budgets(owner)
        assert insert(owner, "queued", LIMIT)
        assert update(owner, "cost_cents = 0")
        with owner.transaction():
            if role != "operator":
                owner.execute(f"set local role {role}".encode())
            for change in ("status = 'running'", "status = 'succeeded', cost_cents = 30"):
                owner.execute(f"update public.generation_jobs set {change} where id = %s".encode(), [JOB])  # noqa: S608
        assert budgets.spent == 30, role


def test_charged_period_does_not_depend_on_the_creation_time(owner: psycopg.Connection, budgets: Budgets) -> None:
    assert insert(owner, "queued", 60, days=-400)
    assert not insert(owner, "queued", 60, days=400, job=UUID(int=0xE2))
    assert update(owner, "created_at = now() + interval '400 days'")
    assert not insert(owner, "queued", 60, days=0, job=UUID(int=0xE2))
    assert budgets.spent == 60


def test_each_entry_into_the_queue_is_charged(owner: psycopg.Connection, budgets: Budgets) -> None:
    assert insert(owner, "queued", 50)
    for status in ("failed", "queued"):
        assert update(owner, f"status = '{status}'")
    assert budgets.spent == 100
    assert update(owner, "status = 'running'")
    assert not update(owner, "status = 'queued'")


def test_user_who_sets_a_finished_job_to_running_is_charged(owner: psycopg.Connection, budgets: Budgets) -> None:
    """A worker would take the job over if the user added an expired lease."""
    assert insert(owner, "queued", LIMIT)
    owner.execute("update public.generation_jobs set status = 'running'")
    owner.execute("update public.generation_jobs set status = 'succeeded'")
    assert not update(owner, "status = 'running'")
    assert budgets.spent == LIMIT


def test_operator_queues_a_job_again_without_paying_twice(owner: psycopg.Connection, budgets: Budgets) -> None:
    assert insert(owner, "queued", LIMIT)
    owner.execute("update public.generation_jobs set status = 'running'")
    owner.execute("update public.generation_jobs set status = 'queued'")
    assert budgets.spent == LIMIT


def test_deleting_a_job_that_never_ran_refunds_it_once(owner: psycopg.Connection, budgets: Budgets) -> None:
    assert insert(owner, "queued", 60)
    assert update(owner, "cost_cents = 0")
    for _ in range(2):
        assert write(owner, "delete from public.generation_jobs")
        assert budgets.spent == 0
        assert insert(owner, "queued", 60)
    owner.execute("update public.generation_jobs set status = 'running'")
    assert write(owner, "delete from public.generation_jobs")
    assert budgets.spent == 60
    assert insert(owner, "queued", 0)
    assert write(owner, "delete from public.generation_jobs")
    assert budgets.spent == 60


def test_job_from_before_the_budget_cannot_be_moved_into_its_period_for_a_refund(owner: psycopg.Connection) -> None:
    assert insert(owner, "queued", 60, days=-400)
    budget = limit_user(owner, ADA, LIMIT, "month")
    queue(owner, ADA, 90)
    assert update(owner, "created_at = now()")
    assert write(owner, "delete from public.generation_jobs where id = %s", JOB)
    assert spent(owner, budget) == 90


def test_moving_a_job_to_another_project_refunds_nothing(owner: psycopg.Connection) -> None:
    project, user = limit_project(owner, ADA, LIMIT), limit_user(owner, ADA, 1000)
    assert insert(owner, "queued", LIMIT)
    assert update(owner, f"project_id = '{OTHER_PROJECT}'")
    assert (spent(owner, project), spent(owner, user)) == (LIMIT, LIMIT)
    assert update(owner, f"project_id = '{ADA.project}'")
    assert (spent(owner, project), spent(owner, user)) == (LIMIT, LIMIT)


def test_renaming_a_job_is_charged_as_deleting_and_creating_it(owner: psycopg.Connection, budgets: Budgets) -> None:
    assert insert(owner, "queued", LIMIT)
    assert update(owner, "id = gen_random_uuid()")
    assert budgets.spent == LIMIT
    owner.execute("update public.generation_jobs set status = 'running'")
    assert write(owner, "update public.generation_jobs set id = gen_random_uuid(), status = 'failed'")
    assert budgets.spent == 2 * LIMIT


def test_charge_of_yesterday_stays_when_a_job_is_queued_again_today(owner: psycopg.Connection) -> None:
    budget = limit_user(owner, ADA, LIMIT, "day")
    assert insert(owner, "queued", LIMIT)
    for table in ("budget_spending", "budget_charges"):
        owner.execute(f"update gjobs.{table} set period_start = period_start - 1 where true".encode())  # noqa: S608
    assert spent(owner, budget) == 0
    assert update(owner, "status = 'failed'")
    assert update(owner, "status = 'queued'")
    assert spent(owner, budget) == LIMIT
    owner.execute("update public.generation_jobs set status = 'running'")
    owner.execute("update public.generation_jobs set status = 'failed', cost_cents = 5")
    rows = owner.execute("select spent_cents from gjobs.budget_spending order by period_start desc").fetchall()
    assert rows[:2] == [(5,), (LIMIT,)]


def test_user_cannot_reset_spending_by_truncating(owner: psycopg.Connection, budgets: Budgets) -> None:
    assert insert(owner, "queued", LIMIT)
    with owner.transaction(force_rollback=True):
        owner.execute("grant truncate on public.generation_jobs to authenticated")
        with acting(owner, ADA.id, commits=True):
            owner.execute("truncate public.generation_jobs")
        assert budgets.spent == LIMIT


def test_check_budget_ignores_a_negative_cost(owner: psycopg.Connection, budgets: Budgets) -> None:
    assert insert(owner, "queued", 60)
    owner.execute("update gjobs.budgets set limit_cents = 50")
    rows = owner.execute("select asked_cents, allowed from gjobs.check_budget(%s, -20)", [ADA.project]).fetchall()
    assert rows == [(0, False)] * 3


STATUSES = st.sampled_from(("queued", "queued", "queued", "failed", "running", "succeeded"))
COSTS = st.sampled_from((60, 100, 35, 20, 0, -5, -1_000_000))
DAYS = st.sampled_from((-400, -31, -1, 0, 1, 31, 400))
PROJECTS = st.sampled_from((ADA.project, OTHER_PROJECT))
SOME = "abs(hashtext(id::text || %s)) %% %s = 0"
"""A condition that selects some jobs by a seed and a share."""
PICKS = (st.sampled_from("abc"), st.sampled_from((1, 1, 2)))
INSERTS = st.tuples(
    st.just(
        "insert into public.generation_jobs (user_id, project_id, mode, status, cost_cents, created_at)"  # noqa: S608
        f" select '{ADA.id}', %s, 'lifestyle', %s, %s, now() + make_interval(days => %s) from generate_series(1, %s)"
    ),
    st.tuples(PROJECTS, STATUSES, COSTS, DAYS, st.integers(1, 3)),
)
UPDATES = st.one_of(
    *(
        st.tuples(st.just(f"update public.generation_jobs set {changes} where {SOME}"), st.tuples(*values, *PICKS))  # noqa: S608
        for changes, values in (
            ("status = %s", (STATUSES,)),
            ("status = %s", (STATUSES,)),
            ("cost_cents = %s", (COSTS,)),
            ("status = %s, cost_cents = %s", (STATUSES, COSTS)),
            ("created_at = now() + make_interval(days => %s)", (DAYS,)),
            ("project_id = %s, cost_cents = %s", (PROJECTS, COSTS)),
            ("id = gen_random_uuid(), status = %s", (STATUSES,)),
        )
    )
)
DELETES = st.tuples(st.just(f"delete from public.generation_jobs where {SOME}"), st.tuples(*PICKS))  # noqa: S608
WRITES = st.one_of(INSERTS, UPDATES, DELETES)
CLAIM, FINISH = "claim", "finish"
STEPS = st.lists(st.one_of(INSERTS, UPDATES, WRITES, st.sampled_from((CLAIM, FINISH))), min_size=4, max_size=25)
"""Writes of Ada and of workers."""
QUEUED = "select coalesce(sum(greatest(cost_cents, 0)), 0) from public.generation_jobs where status = 'queued' and {}"
OF_ADA, OF_HER_PROJECT = "true", f"project_id = '{ADA.project}'"


def total(connection: psycopg.Connection, which: str) -> int:
    row = connection.execute(QUEUED.format(which).encode()).fetchone()
    assert row is not None
    return int(row[0])


@settings(
    max_examples=30,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS, periods=st.tuples(*[st.sampled_from(("day", "month", "all"))] * 2), before=st.integers(0, 2))
def test_user_never_queues_more_than_the_limits_allow(
    owner: psycopg.Connection, steps: list[str | tuple[str, tuple[object, ...]]], periods: tuple[str, str], before: int
) -> None:
    """The cost of claimed and queued jobs never exceeds a limit."""
    begin(owner)
    for _ in range(before):
        queue(owner, ADA, 20)
    limits = {
        OF_ADA: limit_user(owner, ADA, LIMIT, periods[0]),
        OF_HER_PROJECT: limit_project(owner, ADA, 70, periods[1]),
    }
    claimed = dict.fromkeys(limits, 0)
    for step in steps:
        known = {which: spent(owner, budget) for which, budget in limits.items()}
        if step == CLAIM:
            claimed = {which: cents + total(owner, which) for which, cents in claimed.items()}
            owner.execute("update public.generation_jobs set status = 'running' where status = 'queued'")
        elif step == FINISH:
            owner.execute("update public.generation_jobs set status = 'succeeded' where status = 'running'")
        else:
            write(owner, step[0], *step[1])
            if not step[0].startswith(("delete", "update public.generation_jobs set id")):
                assert all(spent(owner, budget) >= known[which] for which, budget in limits.items())
        for which, limit in ((OF_ADA, LIMIT), (OF_HER_PROJECT, 70)):
            assert claimed[which] + total(owner, which) <= limit


def test_concurrent_writes_of_a_user_never_queue_more_than_the_limit(
    database: Conninfo, owner: psycopg.Connection
) -> None:
    """The writers change rows in any order, so the server ends some of them as deadlocks."""
    limit_user(owner, ADA, LIMIT, "day")
    limit_project(owner, ADA, 70, "all")
    attacks: list[Callable[[random.Random], str]] = [
        lambda dice: (
            "insert into public.generation_jobs (user_id, project_id, mode, status, cost_cents, created_at)"  # noqa: S608
            f" values ('{ADA.id}', '{dice.choice((ADA.project, OTHER_PROJECT))}', 'lifestyle',"
            f" '{dice.choice(('queued', 'failed', 'running'))}', {dice.randint(-9, 60)}, '2020-02-02')"
        ),
        lambda _: "update public.generation_jobs set status = 'queued' where status <> 'queued'",
        lambda dice: f"update public.generation_jobs set cost_cents = {dice.randint(-9, 40)} where random() < 0.3",  # noqa: S608
        lambda _: "update public.generation_jobs set status = 'failed' where random() < 0.3",
        lambda _: "delete from public.generation_jobs where random() < 0.05",
    ]

    def attack(seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311
        with connect(database, autocommit=True) as connection:
            for _ in range(40):
                try:
                    write(connection, dice.choice(attacks)(dice))
                except psycopg.errors.DeadlockDetected:
                    continue
                assert total(connection, OF_ADA) <= LIMIT
                assert total(connection, OF_HER_PROJECT) <= 70

    with ThreadPoolExecutor(6) as attackers:
        for attacker in [attackers.submit(attack, seed) for seed in range(6)]:
            attacker.result()
