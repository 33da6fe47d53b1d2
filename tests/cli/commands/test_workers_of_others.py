"""`gjobs workers` as a user: jobs of the user held by workers that the user does not see."""

from uuid import UUID

from tests.cli.command_line import Run, Sql

WORKER = UUID(int=0xF1)


def test_workers_as_a_user_reports_jobs_held_by_workers_of_the_operator(gjobs: Run, sql: Sql) -> None:
    sql(
        "insert into gjobs.workers (id, name, host, process, concurrency) values (%s, 'w', 'h', 1, 4) returning id",
        WORKER,
    )
    found = gjobs("workers", "--as", "ada@example.com")
    assert found.err == "0 jobs of ada@example.com are held by workers. Only the operator sees the workers.\n"
    sql("select id from gjobs.claim_jobs(%s, null, 100, 60)", WORKER)
    ((number,),) = sql(
        "select count(*) from public.generation_jobs j join auth.users u on u.id = j.user_id"
        " join gjobs.job_leases l on l.job_id = j.id where u.email = 'ada@example.com'"
    )
    assert number

    found = gjobs("workers", "--as", "ada@example.com")
    jobs = "1 job of ada@example.com is" if number == 1 else f"{number} jobs of ada@example.com are"
    assert found.err.startswith(f"{jobs} held by workers. Only the operator sees the workers.")
    as_json = gjobs("workers", "--as", "ada@example.com", "--json")
    assert (as_json.document, as_json.err) == ([], found.err)
    assert gjobs("workers").err == ""
    sql("delete from gjobs.job_leases")
    sql("delete from gjobs.workers")
    assert gjobs("workers", "--json").err == ""


def test_workers_as_a_user_reports_partial_claims(gjobs: Run, sql: Sql) -> None:
    sql(
        "create policy partial on public.generation_jobs as restrictive for select"
        " using (coalesce(auth.jwt() ->> 'org_id', mode) = mode)"
    )
    try:
        for options in ([], ["--json"]):
            printed = gjobs("workers", "--as", "ada@example.com", *options)
            assert "Partial claims: policies read org_id" in printed.err, options
    finally:
        sql("drop policy partial on public.generation_jobs")
