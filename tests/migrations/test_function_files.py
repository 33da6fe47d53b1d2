"""Each function has its own file, in a folder named after the revision that introduces it."""

import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from gjobs.migrations import REVISIONS
from gjobs.migrations.runner import downgrade
from gjobs.migrations.scripts import MIGRATIONS
from gjobs.store.embedded.server_files import ServerHandle
from tests.conftest import Conninfo, connect, temporary_database
from tests.migrations.conftest import ADA, BEN, UserRows, acting, add, catalogue

CREATED = r"create (?:or replace )?{kind} (?P<name>[\w.]+)"
APP_FOLDER = Path("sql/0001")
"""The folder of the app's own functions and triggers."""


def files_by_name(kind: str) -> dict[str, list[Path]]:
    """Return the files below `migrations` that create each function or trigger of gjobs."""
    found: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(MIGRATIONS.rglob("*.sql")):
        path = file.relative_to(MIGRATIONS)
        if path.parent != APP_FOLDER:
            for match in re.finditer(CREATED.format(kind=kind), file.read_text(encoding="utf-8"), re.IGNORECASE):
                found[match["name"]].append(path)
    return found


def test_each_function_is_created_in_a_file_with_its_name() -> None:
    found = files_by_name("function")

    assert found
    for name, files in found.items():
        assert {(file.parts[0], file.stem) for file in files} == {("functions", name.partition(".")[2])}
    # Revision 0013 replaces these functions, and its downgrade restores the former ones.
    assert {name for name, files in found.items() if len(files) > 1} == {"gjobs.error_group", "gjobs.count_waste"}


@pytest.mark.parametrize("kind", ["functions", "triggers"])
def test_each_folder_has_the_name_of_a_revision(kind: str) -> None:
    revisions = {file.stem for file in MIGRATIONS.glob("versions/*.py")}

    assert {folder.name for folder in (MIGRATIONS / kind).iterdir()} <= revisions


def test_each_trigger_is_created_in_a_folder_that_the_head_runs() -> None:
    found = files_by_name("trigger")

    assert {file.parts[0] for files in found.values() for file in files} == {"triggers"}
    assert {name for name, files in found.items() if len(files) > 1} == {"gjobs_record_changed"}


def test_files_create_every_function_and_trigger_of_the_gjobs_schema(database: Conninfo) -> None:
    with connect(database) as connection:
        functions = connection.execute(
            "select 'gjobs.' || proname from pg_proc where pronamespace = 'gjobs'::regnamespace"
        ).fetchall()
        triggers = connection.execute(
            "select t.tgname from pg_trigger t join pg_proc p on p.oid = t.tgfoid"
            " where p.pronamespace = 'gjobs'::regnamespace"
        ).fetchall()

    assert {name for name in files_by_name("function") if name.startswith("gjobs.")} == {row[0] for row in functions}
    assert set(files_by_name("trigger")) == {row[0] for row in triggers}


WORKER = UUID(int=0xD1)
CLEO = UserRows(id=UUID(int=0xC0), project=UUID(int=0xC1), asset=UUID(int=0xC2), job=UUID(int=0xC3))
CALLS: list[tuple[str, str, list[tuple[object, ...]]]] = [
    ("0006", "select count(*) from gjobs.claim_jobs(%(worker)s, array['lifestyle'], 1, 0)", [(1,)]),
    ("0006", "select attempt, lost_by from gjobs.claim_jobs(%(worker)s, null, 1, 60)", [(2, WORKER)]),
    ("0006", "select count(*) from gjobs.note_progress(%(worker)s, %(jobs)s, '{2}', '{half}')", [(1,)]),
    ("0006", "select count(*) from gjobs.renew_leases(%(worker)s, %(jobs)s, '{2}', 60)", [(1,)]),
    ("0006", "select count(*) from gjobs.hand_back_jobs(%(worker)s, %(jobs)s, '{2}')", [(1,)]),
    ("0006", "select attempt from gjobs.claim_jobs(%(worker)s, null, 1, 60)", [(2,)]),
    ("0006", "select count(*) from gjobs.postpone_jobs(%(worker)s, %(jobs)s, '{2}', '{late}', '{7}', '{0}')", [(1,)]),
    ("0006", "select attempt, note from gjobs.claim_jobs(%(worker)s, null, 1, 60)", [(3, "late")]),
    (
        "0006",
        "select count(*) from gjobs.finish_jobs(%(worker)s, %(jobs)s, '{3}', '{failed}', '{late}', '{9}')",
        [(1,)],
    ),
    ("0007", "select spent_cents, allowed from gjobs.check_budget(%(project)s, 1)", [(9, True)]),
    ("0008", "select count(*) from gjobs.archive_jobs(%(jobs)s)", [(1,)]),
    ("0008", "select count(*) from gjobs.restore_jobs(%(jobs)s)", [(1,)]),
]
"""Calls that work from the revision on, with their results."""


def test_functions_work_at_each_revision_and_a_downgrade_to_it_gives_the_same_schema(
    server: ServerHandle,
    blank_database: Conninfo,
    migrated_copy: Conninfo,
    upgrade_to: Callable[[Conninfo, str], None],
) -> None:
    upgraded = {}
    for revision in REVISIONS[:-1]:
        upgrade_to(blank_database, revision)
        upgraded[revision] = catalogue(blank_database)
        if revision > REVISIONS[0]:
            with (
                temporary_database(server, template=str(blank_database["dbname"])) as copy,
                connect(copy, autocommit=True) as connection,
            ):
                call_functions_of_workers(connection, revision)
                call_functions_of_the_app(connection)
    with connect(migrated_copy, autocommit=True) as connection:
        call_functions_of_workers(connection, REVISIONS[-1])
        call_functions_of_the_app(connection)
        connection.execute("delete from auth.users")
    for revision, expected in reversed(upgraded.items()):
        downgrade(migrated_copy, revision)
        assert catalogue(migrated_copy) == expected, revision


def call_functions_of_workers(connection: psycopg.Connection, revision: str) -> None:
    add(connection, ADA)
    if revision >= "0007":
        connection.execute(
            "insert into gjobs.budgets (project_id, period, limit_cents) values (%s, 'all', 500)", [ADA.project]
        )
    values = {"worker": WORKER, "jobs": [ADA.job], "project": ADA.project}
    for first, call, expected in CALLS:
        if revision >= first:
            assert connection.execute(call.encode(), values).fetchall() == expected, revision


def call_functions_of_the_app(connection: psycopg.Connection) -> None:
    connection.execute("delete from auth.users")
    for user in (CLEO, BEN):
        add(connection, user)
    with acting(connection, CLEO.id):
        moved = connection.execute("select public.transition_job_status(%s, 'running')", [CLEO.job]).fetchone()
        counted = connection.execute("select status, count, total_cost_cents from public.get_job_statistics()")
        assert (moved, counted.fetchall()) == ((True,), [("running", 1, 250)])
        assert connection.execute("select id from public.get_recent_jobs()").fetchall() == [(CLEO.job,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="another user"):
            connection.execute("select public.get_job_statistics(%s)", [BEN.id])
    connection.execute("delete from public.generation_jobs where id = %s", [BEN.job])
    statistics = connection.execute("select status from public.get_job_statistics(%s)", [CLEO.id]).fetchall()
    assert statistics == [("queued",)]
