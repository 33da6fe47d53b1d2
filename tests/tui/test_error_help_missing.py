"""Errors about missing rows say whether a row is gone or hidden from the user."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from gjobs.store.database.database import Database
from gjobs.store.errors import RowMissing
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser
from gjobs.tui.text.error_text import hidden_from, hidden_or_gone, missing_words
from tests.conftest import Conninfo
from tests.tui.jobs_database import ADA, AUTUMN, BEN, TRAIL, JobsDatabase, job_id

A, B, C, D, E = (UUID(int=number) for number in range(1, 6))


@pytest.mark.parametrize(
    ("ids", "hidden", "words"),
    [
        ((A,), {A}, f"{A} exists, but ada does not see it"),
        ((A,), set(), f"{A} does not exist"),
        ((A, B), {A, B}, f"{A}, {B} exist, but ada does not see them"),
        ((A, B, C), {B}, f"{B} exists, but ada does not see it; {A}, {C} do not exist"),
        ((A, B, C, D, E), {A, B, C, D, E}, f"{A}, {B}, {C} and 2 more exist, but ada does not see them"),
    ],
)
def test_missing_words_separate_hidden_ids_from_unknown_ones(
    ids: tuple[UUID, ...], hidden: set[UUID], words: str
) -> None:
    assert missing_words(ids, frozenset(hidden), "ada") == words


@pytest.fixture
async def operator(jobs_db: JobsDatabase, database: Conninfo) -> AsyncIterator[Store]:
    store = Store(Database(database))
    yield store
    await store.close()


async def test_missing_rows_are_explained_as_hidden_or_gone(operator: Store) -> None:
    ada = operator.acting_as(ActingUser(id=ADA))
    assert await hidden_from(ada, operator, [job_id(8), job_id(99)]) == frozenset({job_id(8)})
    assert await hidden_from(ada, operator, [TRAIL]) == frozenset({TRAIL})
    assert await hidden_from(ada, operator, [job_id(99)]) == frozenset()

    ben = operator.acting_as(ActingUser(id=BEN, email="ben@example.com"))
    gone = await hidden_or_gone(ben, operator, RowMissing("…", (job_id(99),), hint="List them."))
    assert (gone.ids, gone.hint) == ((job_id(99),), "List them.")
    hidden = await hidden_or_gone(ben, operator, RowMissing("…", (AUTUMN,)))
    assert hidden.message == f"{AUTUMN} exists, but ben@example.com does not see it."
    assert operator.actor == OPERATOR

    error = RowMissing("There is no such job.", (job_id(99),))
    assert await hidden_or_gone(operator, operator, error) is error
    nameless = RowMissing("No user has the e-mail.")
    assert await hidden_or_gone(ada, operator, nameless) is nameless
    # If the operator cannot connect either, the error stays as it is.
    refused = Store(Database({"host": "/nowhere"}), ActingUser(id=UUID(int=0)))
    assert await hidden_or_gone(ada, refused, error) is error


async def test_operator_with_a_restricted_view_does_not_report_ids_as_gone(
    attached_jobs_db: JobsDatabase, attached_database: Conninfo, recording_login: str
) -> None:
    jobs_db = attached_jobs_db
    jobs_db.sql(f"grant select on public.generation_jobs, public.projects to {recording_login}")
    jobs_db.sql(
        f"create policy shown on public.generation_jobs for select to {recording_login} using (mode = 'lifestyle')"
    )
    jobs_db.sql("update public.generation_jobs set mode = 'packaging' where id = %s", job_id(8))
    async with Store(Database({**attached_database, "user": recording_login})) as operator:
        ada = operator.acting_as(ActingUser(id=ADA))
        assert await hidden_from(ada, operator, [job_id(8)]) is None
