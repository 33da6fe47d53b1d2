"""What is said of archived jobs where the app's own policies decide which jobs a user sees."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.sql import SQL

from tests.cli.command_line import Run, uri
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, add

POLICIES = {
    "more": "create policy team on public.generation_jobs for select using (mode = 'lifestyle')",
    "fewer": "create policy cheap on public.generation_jobs as restrictive for select using (cost_cents < 1000)",
}
PARTIAL = (
    "gjobs cannot apply the app's own policies to the archive."
    " The result includes only ada@example.com's own archived jobs, and perhaps not all of them."
    " The operator sees all archived jobs.\n"
)
AS_ADA = ("--as", "ada@example.com")


@pytest.fixture
def owner(migrated_copy: Conninfo, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    monkeypatch.setenv("GJOBS_DATABASE_URL", uri(migrated_copy))
    with connect(migrated_copy, autocommit=True) as connection:
        for person in (ADA, BEN):
            add(connection, person)
        connection.execute("update auth.users set email = 'ada@example.com' where id = %s", [ADA.id])
        connection.execute("select gjobs.archive_jobs(array(select id from public.generation_jobs))")
        yield connection


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_statistics_of_a_user_do_not_claim_to_include_the_archive(
    owner: psycopg.Connection, gjobs: Run, policy: str
) -> None:
    assert gjobs("stats", "--archive", "--json", *AS_ADA).document["includes_archive"] is True
    owner.execute(SQL(policy))

    found = gjobs("stats", "--archive", "--json", *AS_ADA)
    assert (found.document["includes_archive"], found.err) == (False, PARTIAL)
    for command in (("stats", "--archive"), ("stats", "--archive", "--by", "project")):
        assert gjobs(*command, *AS_ADA).err == PARTIAL
    assert gjobs("archive", "list", *AS_ADA).err.endswith(PARTIAL)
    assert gjobs("stats", "--archive").err == "Includes the archived jobs.\n"
    assert gjobs("archive", "list").err == ""
