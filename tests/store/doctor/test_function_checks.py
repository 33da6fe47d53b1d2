"""Faults of a function that its body shows."""

import pytest

from gjobs.store.doctor.schema_checks import AppFunction, checks_caller, function_findings, is_racy

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
def test_racy_status_update_is_recognized_in_a_function_body(body: str, racy: bool) -> None:
    assert is_racy(body) is racy


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
def test_caller_check_is_recognized_in_a_function_body(body: str, checks: bool) -> None:
    assert checks_caller(body, "p_user_id") is checks


@pytest.mark.parametrize("name", ["jobs_of", "create_job"])
def test_missing_search_path_is_reported_beside_an_unchecked_user(name: str) -> None:
    function = AppFunction(
        name=name,
        signature=f"public.{name}(p_user_id uuid)",
        result="void",
        body="",
        runs_as_owner=True,
        passes_row_security=True,
        pins_search_path=False,
        callers=("authenticated",),
        user_arguments=("p_user_id",),
        id_arguments=("p_user_id",),
        owner="owner",
        is_owned=True,
    )
    assert {finding.name for finding in function_findings([function])} == {"unchecked-user", "unpinned-search-path"}
