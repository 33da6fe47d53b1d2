"""Faults of a function that its body shows."""

from collections.abc import Callable, Iterator
from inspect import getsource
from pathlib import Path

import pytest

from gjobs.store.capabilities.capability import QUALIFY
from gjobs.store.database.query import Query, compiled
from gjobs.store.doctor import examine, sql_checks
from gjobs.store.doctor.sql_checks import FUNCTIONS
from tests.conftest import Conninfo, connect

Faults = Callable[[str], set[str]]


def test_each_sql_file_is_a_check_and_each_check_is_used() -> None:
    source = getsource(sql_checks)
    files = Path(sql_checks.__file__).with_name("sql").glob("*.sql")
    assert [file.name for file in files if f'"{file.stem}"' not in source] == []
    checks = [name for name, value in vars(sql_checks).items() if isinstance(value, Query) and name[0] != "_"]
    assert [name for name in checks if f"sql_checks.{name}" not in getsource(examine)] == []


APP = """
declare present text;
begin
    select j.status into present from generation_jobs j where j.id = p_job_id and j.user_id = auth.uid();
    if present is null or present in ('succeeded', 'failed') then
        return false;
    end if;
    update generation_jobs j set status = p_new_status, error = p_error where j.id = p_job_id;
    return true;
end"""

GUARDED = "begin update public.generation_jobs set status = 'running' where id = p and status = 'queued'; end"


@pytest.fixture
def faults(database: Conninfo) -> Iterator[Faults]:
    """Return a function that creates a function, and returns the names of its findings."""
    with connect(database) as connection:

        def find(function: str) -> set[str]:
            connection.execute("set check_function_bodies = off")
            connection.execute(f"create function public.{function}".encode())
            connection.execute(QUALIFY)
            sql, _ = compiled(FUNCTIONS.statement)
            found = map(FUNCTIONS.make, connection.execute(sql.encode(), FUNCTIONS.parameters).fetchall())
            return {finding.name for name, finding in found if name == function.partition("(")[0]}

        yield find
        connection.rollback()


@pytest.mark.parametrize(
    ("body", "racy"),
    [
        (APP, True),
        (APP.upper(), True),
        (APP.replace("generation_jobs j set", '"public"."generation_jobs" j set'), True),
        (APP.replace("where j.id = p_job_id;", "where j.id = p_job_id -- and the status is checked above\n;"), True),
        (APP.replace("where j.id = p_job_id;", ";"), True),
        (APP.replace("auth.uid();", "auth.uid() for update;"), False),
        (APP.replace("auth.uid();", "auth.uid() for no key update of j;"), False),
        (APP.replace("where j.id = p_job_id;", "where j.id = p_job_id and j.status = present;"), False),
        (APP.replace("set status = p_new_status, error", "set error"), False),
        (GUARDED, False),
        (GUARDED + " " + APP, True),
        ("begin return new; end", False),
        ("begin update generation_jobs_archive set status = 'failed' where id = p; end", False),
        ("", False),
    ],
)
def test_racy_status_update_is_recognized_in_a_function_body(faults: Faults, body: str, racy: bool) -> None:
    found = faults(f"transition_job_status(p uuid) returns void language plpgsql as $${body}$$")
    assert found == ({"racy-transition"} if racy else set())


@pytest.mark.parametrize(
    ("body", "checks"),
    [
        ("where j.user_id = coalesce(p_user_id, auth.uid())", False),
        ("where j.user_id = p_user_id", False),
        ("where j.user_id = p_user_id -- and p_user_id = auth.uid()", False),
        ("if p_user_id is distinct from auth.uid() then raise exception 'no'; end if;", True),
        ("if P_USER_ID <> (select auth.uid()) then raise exception 'no'; end if;", True),
        ("if auth.uid() != p_user_id then raise exception 'no'; end if;", True),
        ("if (select auth.uid() as uid) is distinct from p_user_id then raise exception 'no'; end if;", True),
        ("if row_security_active('public.generation_jobs') then raise exception 'no'; end if;", True),
        ("where my_p_user_id = auth.uid()", False),
    ],
)
def test_caller_check_is_recognized_in_a_function_body(faults: Faults, body: str, checks: bool) -> None:
    head = "jobs_of(p_user_id uuid) returns void language plpgsql security definer set search_path = ''"
    assert faults(f"{head} as $$-- generation_jobs\n{body}$$") == (set() if checks else {"unchecked-user"})


@pytest.mark.parametrize("name", ["jobs_of", "create_job"])
def test_missing_search_path_is_reported_beside_an_unchecked_user(faults: Faults, name: str) -> None:
    head = f"{name}(p_user_id uuid) returns void language plpgsql security definer"
    assert faults(f"{head} as $$-- generation_jobs$$") == {"unchecked-user", "unpinned-search-path"}
