"""A database that an earlier build migrated is taken over."""

import json
from collections import Counter
from pathlib import Path

import pytest

from gjobs.migrations import HEAD
from gjobs.migrations.columns import lacking_columns
from gjobs.migrations.connection import MigrationRefused
from gjobs.migrations.exports import export_archive
from gjobs.migrations.progress import Origin
from gjobs.migrations.rollups import check_rollups
from gjobs.migrations.runner import add_columns, pending_sql, remove, upgrade
from gjobs.migrations.status import read_status
from gjobs.migrations.verification import verify
from gjobs.migrations.warnings import removal_warnings, upgrade_warnings
from gjobs.store.errors import SchemaMissing, StoreError
from tests.conftest import Conninfo, connect, run_file
from tests.migrations.conftest import Facts, catalogue, execute, run_with_psql
from tests.migrations.test_interrupted_upgrade import interrupting

DUMP = Path(__file__).parent / "dumps" / "0013.sql"
TABLES = (
    "auth.users",
    "public.projects",
    "public.assets",
    "public.generation_jobs",
    "gjobs.budgets",
    "gjobs.budget_spending",
    "gjobs.budget_charges",
    "gjobs.job_leases",
    "gjobs.job_links",
    "gjobs.archived_jobs",
    "gjobs.retention_policies",
    "gjobs.job_starts",
)
"""What both builds have: tables, and one that is a view now."""
EVENTS = """
select id, transaction_id::text, job_id, project_id, user_id, mode, kind, from_status, to_status, error, cost_cents,
       cents_change, retry_count, actor_user_id, actor_role, application, lease_owner, note, at
  from gjobs.job_events order by id
"""
ARCHIVED = """
select to_jsonb(a) - '{further, retry_count, completed_at}'::text[]
       || jsonb '{"retry_count": "0", "completed_at": "2026-12-01 22:22:15.082653+00"}' || further
  from gjobs.archived_jobs a
"""
"""The values of columns that an app may lack are among the further ones now."""
WRITTEN = {
    f"gjobs.{name}"
    for name in (
        "budgets", "budget_spending", "budget_charges", "job_links", "archived_jobs", "retention_policies",
    )
}  # fmt: skip
"""What is written to a file first, beside the events and what the earlier build had replaced."""
WORKERS = """
select id, name, host, process, modes, concurrency, started_at, seen_at, stopped_at from gjobs.workers order by id
"""


@pytest.fixture
def earlier_build(blank_database: Conninfo) -> Conninfo:
    run_file(blank_database, DUMP)
    return blank_database


def rows(conninfo: Conninfo) -> dict[str, list[tuple[object, ...]]]:
    queries = {table: f"select to_jsonb(t) as row from {table} t order by row" for table in TABLES}  # noqa: S608
    queries |= {"events": EVENTS, "workers": WORKERS, "gjobs.archived_jobs": ARCHIVED}
    with connect(conninfo) as connection:
        return {name: connection.execute(query.encode()).fetchall() for name, query in queries.items()}


def test_upgrade_takes_over_an_earlier_build_and_loses_no_row(
    earlier_build: Conninfo, database: Conninfo, tmp_path: Path
) -> None:
    """The events may have ids of transactions of another server, whose dump was restored: they get the id 0."""
    execute(
        earlier_build,
        "update gjobs.job_event_log set transaction_id = '90000000000', actor_number = 2 where id % 2 = 0",
        "insert into gjobs.job_event_log (job_id, user_number, kind, actor_role, application)"
        " select id, 7, 'changed', 'gone', 'gone' from public.generation_jobs",
        "delete from gjobs.budget_charges where cents < 50",
    )
    before = rows(earlier_build)
    assert all(before.values())
    before["events"] = [(one[0], str(one[1]).replace("90000000000", "0"), *one[2:]) for one in before["events"]]
    status = read_status(earlier_build)
    assert (status.current, status.pending) == ("0013", (HEAD,))
    assert verify(earlier_build).origin is Origin.EARLIER_BUILD
    messages: list[str] = []

    upgrade(earlier_build, report=messages.append, exports_to=tmp_path / "new")

    (file,) = (tmp_path / "new").iterdir()
    assert messages.pop(0) == f"Wrote the events, archive, budgets, links and retention policies to {file}."
    assert file.stat().st_mode & 0o777 == 0o600
    lines = Counter(json.loads(line)["table"] for line in file.read_text().splitlines())
    written = {table: lines[table.removeprefix("gjobs.")] for table in TABLES if table in WRITTEN}
    assert written == {table: len(before[table]) for table in WRITTEN}
    assert lines["job_events"] == len(before["events"])
    assert lines["replaced"] > 0
    with connect(earlier_build) as connection:
        log_start = "select begins_at > now() - interval '1 day' from gjobs.log_start"
        assert connection.execute(log_start.encode()).fetchall() == [(True,)], "changes before its triggers are missing"
    assert messages[0] == "What the earlier build had replaced came back. Its data is carried over next."
    assert rows(earlier_build) == before
    assert catalogue(earlier_build) == catalogue(database)
    found = verify(earlier_build)
    assert (found.revision, found.differences) == (HEAD, ())
    assert check_rollups(earlier_build).matches
    execute(earlier_build, *WRITES, "select gjobs.fold_events()")
    assert check_rollups(earlier_build).matches


WRITES = (
    "update public.generation_jobs set status = 'failed', error = 'Boom' where status = 'queued'",
    "insert into public.generation_jobs (user_id, project_id, mode) select user_id, id, 'x' from public.projects",
    "delete from public.generation_jobs where status = 'succeeded'",
)


@pytest.mark.parametrize(
    ("stop", "with_psql"),
    [("log", False), ("indexes/earlier", False), ("count", False), ("log", True), (None, True)],
)
def test_takeover_of_an_earlier_build_can_be_interrupted_and_continued_by_its_printed_sql(
    earlier_build: Conninfo, database: Conninfo, monkeypatch: pytest.MonkeyPatch, stop: str | None, *, with_psql: bool
) -> None:
    before = rows(earlier_build)
    if stop is not None:
        with interrupting(stop, monkeypatch):
            upgrade(earlier_build)
        execute(earlier_build, "begin", *WRITES, "rollback")
    if with_psql:
        assert run_with_psql(earlier_build, pending_sql(earlier_build)).stderr == ""
    else:
        upgrade(earlier_build)
    assert read_status(earlier_build).current == HEAD
    assert rows(earlier_build) == before
    assert catalogue(earlier_build) == catalogue(database)
    assert check_rollups(earlier_build).matches


@pytest.mark.parametrize("with_psql", [False, True])
def test_upgrade_gives_an_app_back_what_an_earlier_build_replaced(
    earlier_build: Conninfo, attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch, *, with_psql: bool
) -> None:
    """As if the build had not created the app's tables itself. The policies come first, one by one."""
    execute(earlier_build, "delete from gjobs.made_tables")
    upgrade(attached_database)
    add_columns(attached_database, lacking_columns(attached_database))

    if with_psql:
        assert run_with_psql(earlier_build, pending_sql(earlier_build)).stderr == ""
    else:
        # The policy 17 comes back first. Then the policy 16 fails.
        execute(earlier_build, "update gjobs.replaced set restore = restore || '; select 1 / 0' where id = 16")
        with pytest.raises(StoreError):
            upgrade(earlier_build)
        policies = "select id from gjobs.replaced where object like 'policy %' order by id desc limit 1"
        with connect(earlier_build) as connection:
            assert connection.execute(policies.encode()).fetchall() == [(16,)]
        execute(
            earlier_build, "update gjobs.replaced set restore = replace(restore, '; select 1 / 0', '') where id = 16"
        )
        with interrupting("earlier_policies", monkeypatch):
            upgrade(earlier_build)
        assert public(earlier_build)["policies"] == public(attached_database)["policies"]
        upgrade(earlier_build)

    assert public(earlier_build) == public(attached_database)
    execute(earlier_build, "delete from gjobs.job_leases", "delete from gjobs.archived_jobs")
    for conninfo in (earlier_build, attached_database):
        remove(conninfo)
    assert public(earlier_build) == public(attached_database)


def public(conninfo: Conninfo) -> dict[str, list[Facts]]:
    """Return the objects in the schema public. The grants of a database depend on the role that created it."""
    found = catalogue(conninfo)
    return {kind: [fact for fact in found[kind] if fact[0] == "public"] for kind in found if kind != "grants"}


def test_takeover_is_refused_while_a_worker_of_the_earlier_build_runs(earlier_build: Conninfo, tmp_path: Path) -> None:
    execute(earlier_build, "update gjobs.workers set seen_at = now()")
    before = catalogue(earlier_build)
    with pytest.raises(MigrationRefused, match=r"Workers of the earlier build run: render-1\. Nothing was changed"):
        upgrade(earlier_build, exports_to=tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert catalogue(earlier_build) == before


def test_takeover_keeps_a_view_of_the_app_on_the_earlier_build_and_continues_without_it(
    earlier_build: Conninfo, database: Conninfo
) -> None:
    execute(earlier_build, "create view public.spending as select * from gjobs.budget_spending")
    with pytest.raises(StoreError, match=r"public\.spending|view spending"):
        upgrade(earlier_build)
    execute(earlier_build, "table public.spending", "drop view public.spending")
    upgrade(earlier_build)
    assert catalogue(earlier_build) == catalogue(database)


def test_other_revisions_of_an_earlier_build_are_refused(migrated_copy: Conninfo) -> None:
    execute(migrated_copy, "update gjobs.alembic_version set version_num = '0007'")
    before = catalogue(migrated_copy)
    for run in (upgrade, pending_sql, remove):
        with pytest.raises(SchemaMissing, match=r"revision 0007\. Only its last revision, 0013, can be taken over"):
            run(migrated_copy)
    assert catalogue(migrated_copy) == before


def test_upgrade_of_an_earlier_build_keeps_policies_of_other_tables_and_those_that_the_doctor_advised(
    earlier_build: Conninfo,
) -> None:
    execute(
        earlier_build,
        "create table public.profiles (user_id uuid)",
        'create policy "Users can view own profiles" on public.profiles for select using (user_id = auth.uid())',
        'create policy "Own assets in own projects, INSERT" on public.assets for insert with check (true)',
    )
    upgrade(earlier_build)
    policies = {(fact[1], fact[2]) for fact in catalogue(earlier_build)["policies"]}
    assert ("profiles", "Users can view own profiles") in policies
    assert verify(earlier_build).matches


def test_removal_of_an_earlier_build_says_what_is_lost_and_exports_its_archive(
    earlier_build: Conninfo, tmp_path: Path
) -> None:
    taken_over, policies = upgrade_warnings(earlier_build)
    assert taken_over.startswith("An earlier build of gjobs had replaced functions")
    assert policies.startswith("The upgrade restores the policies one by one.")
    assert len(removal_warnings(earlier_build)) == 2
    execute(earlier_build, "delete from gjobs.job_leases")
    remove(earlier_build, exported=export_archive(earlier_build, tmp_path / "archive.jsonl"))
    assert read_status(earlier_build).current is None


def test_removal_after_an_interrupted_takeover_is_refused_until_no_row_can_be_lost(
    earlier_build: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(earlier_build)
    with interrupting("log", monkeypatch):
        upgrade(earlier_build)
    with pytest.raises(MigrationRefused, match="not carried over yet"):
        remove(earlier_build)
    upgrade(earlier_build)
    assert rows(earlier_build) == before
