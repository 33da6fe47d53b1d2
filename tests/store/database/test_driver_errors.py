"""Errors of statements on a real database, as the store raises them, and refusals of budgets."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from uuid import UUID

import pytest
from psycopg.sql import SQL, Identifier

from gjobs.store.budgets.budget import Period, Refusal
from gjobs.store.database.database import Database
from gjobs.store.database.driver_errors import read_refusal, refusal_hint, refusal_words
from gjobs.store.database.query import Query, TimeLimits
from gjobs.store.embedded.server_files import ADMINISTRATOR
from gjobs.store.errors import Conflict, InvalidValue, Locked, NoPrivilege, SchemaMissing, StoreError, UnexpectedError
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR
from tests.conftest import Conninfo, connect
from tests.store.database.conftest import value_of
from tests.store.store_fixtures import Db, error_of, opened


def adds_a_cent(job_id: UUID) -> Query[object]:
    return value_of("update generation_jobs set cost_cents = cost_cents + 1 where id = :id returning id", id=job_id)


async def write_error(database: Database, statement: str) -> StoreError:
    async def write() -> None:
        async with database.write(OPERATOR) as transaction:
            await transaction.run(value_of(statement))

    return await error_of(StoreError, write())


RAISE = "do $$ begin raise exception 'no budget'{}; end $$"


DATABASE_ERRORS: list[tuple[str, type[StoreError], str, str]] = [
    ("select pg_read_file('PG_VERSION')", NoPrivilege, "42501", "Not permitted: permission denied for function"),
    ("do $$ begin raise serialization_failure; end $$", Conflict, "40001", ""),
    ("select id from public.jobs", SchemaMissing, "42P01", 'relation "public.jobs" does not exist'),
    ("select nothing from generation_jobs", SchemaMissing, "42703", ""),
    ("select no_such_function()", SchemaMissing, "42883", ""),
    ("select * from nowhere.jobs", SchemaMissing, "42P01", ""),
    ("select set_config('role', 'no_such_role', true)", SchemaMissing, "22023", ""),
    ("select 1 / 0", UnexpectedError, "22012", "The database answered with an error: division by zero."),
    ("select '294277-06-01'::timestamptz", InvalidValue, "22008", "The database refused the value: timestamp out of"),
    ("select 'soon'::timestamptz", InvalidValue, "22007", "The database refused the value: invalid input syntax"),
    (RAISE.format(""), Conflict, "P0001", "The database refused: no budget. A rule of this database"),
    (RAISE.format(" using hint = 'Pay first'"), Conflict, "P0001", "The database refused: no budget. Pay first"),
]


async def test_database_error_is_raised_as_its_kind_with_the_field_of_a_rejected_value(operator: Store, db: Db) -> None:
    for statement, kind, sqlstate, words in DATABASE_ERRORS:
        error = await write_error(operator.database, statement)
        assert (type(error), error.sqlstate) == (kind, sqlstate), statement
        assert words in f"{error} {error.hint}"

    db.make_job()
    for statement, sqlstate, field in (
        ("update generation_jobs set status = 'done'", "23514", "status"),
        ("update generation_jobs set mode = null", "23502", "mode"),
        ("update generation_jobs set project_id = gen_random_uuid()", "23503", "project_id"),
        ("update generation_jobs set cost_cents = 2147483648", "22003", "value"),
        ("select 'x'::uuid", "22P02", "value"),
        ("insert into projects select * from projects", "23505", "projects_pkey"),
    ):
        error = await write_error(operator.database, statement)
        assert isinstance(error, InvalidValue), statement
        assert (error.sqlstate, error.field) == (sqlstate, field)

    db.make_job()
    with connect(db.conninfo) as other:
        other.execute("select from generation_jobs for update")
        async with opened(db.conninfo, limits=TimeLimits(lock=0.05)) as impatient:
            error = await write_error(impatient, "update generation_jobs set cost_cents = 1")
    assert (type(error), error.sqlstate) == (Locked, "55P03")


@pytest.fixture
def quick_deadlocks(database: Conninfo) -> Iterator[None]:
    """Shorten `deadlock_timeout`, by default one second, after which the server checks for deadlocks."""
    name = Identifier(str(database["dbname"]))
    with connect({**database, "user": ADMINISTRATOR}, autocommit=True) as administrator:
        administrator.execute(SQL("alter database {} set deadlock_timeout = '20ms'").format(name))
        yield
        administrator.execute(SQL("alter database {} reset deadlock_timeout").format(name))


async def test_deadlock_is_a_conflict(quick_deadlocks: None, db: Db) -> None:
    first, second = db.make_job(), db.make_job()
    both_hold_a_lock = asyncio.Barrier(2)

    async def change(*job_ids: UUID) -> None:
        async with db.operator.database.write(OPERATOR) as transaction:
            await transaction.run(adds_a_cent(job_ids[0]))
            await both_hold_a_lock.wait()
            await transaction.run(adds_a_cent(job_ids[1]))

    outcomes = await asyncio.gather(change(first, second), change(second, first), return_exceptions=True)
    (error,) = filter(None, outcomes)
    assert isinstance(error, Conflict)
    assert error.sqlstate == "40P01"


PROJECT = UUID(int=3)

REFUSAL = Refusal(
    budget_id=UUID(int=1),
    user_id=None,
    project_id=PROJECT,
    period=Period.MONTH,
    limit_cents=10_000,
    spent_cents=9_950,
    asked_cents=100,
    other_period=None,
)

INFINITE = json.dumps({**asdict(REFUSAL), "limit_cents": float("inf")}, default=str)


def test_refusal_words_name_the_limit_the_spending_and_the_requested_cost() -> None:
    assert refusal_words(REFUSAL, "Autumn") == (
        "The monthly budget of project 'Autumn' can't cover $1.00: $99.50 of $100.00 are spent."
    )
    assert refusal_words(REFUSAL, None).startswith(f"The monthly budget of project {PROJECT} can't")
    assert refusal_hint(REFUSAL) == (
        "The budget starts again on the first day of the next month, at 00:00 UTC."
        " Press b in the dashboard to raise the limit. 'gjobs budgets set --help' says how to do it in a shell."
    )
    spent = replace(REFUSAL, limit_cents=500, spent_cents=620, asked_cents=0)
    of_user = replace(spent, user_id=UUID(int=2), project_id=None, period=Period.ALL)
    assert refusal_words(of_user, "ada@example.com") == (
        "The total budget of user ada@example.com has run out: $6.20 of $5.00 are spent."
    )
    assert refusal_hint(of_user).startswith("Press b in the dashboard to raise the limit. 'gjobs budgets set --help'")
    of_week = read_refusal(json.dumps({**asdict(REFUSAL), "period": "week"}, default=str))
    assert of_week is not None
    assert refusal_words(of_week, "Autumn").startswith("The week budget of project 'Autumn' can't cover $1.00: ")
    assert refusal_hint(of_week).startswith("Press b in the dashboard to raise the limit")


@pytest.mark.parametrize(
    "detail", [None, "", "no", "[]", "{}", "null", "1", json.dumps({"budget_id": "x"}), "[" * 100_000, INFINITE]
)
def test_error_of_another_function_with_the_same_sqlstate_is_no_refusal(detail: str | None) -> None:
    assert read_refusal(detail) is None
