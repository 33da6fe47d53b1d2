"""Each function and trigger is created once, and the functions work after an upgrade and after a removal."""

import re
from collections import defaultdict
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from gjobs.migrations.runner import remove, upgrade
from gjobs.migrations.scripts import MIGRATIONS
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, UserRows, acting, add, app_schema, catalogue

CREATED = r"create (?:or replace )?{kind} (?P<name>[\w.]+)"
APP_FOLDER = Path("sql/app")
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


def test_each_function_and_trigger_is_created_once() -> None:
    for kind in ("function", "trigger"):
        found = files_by_name(kind)
        assert found
        assert {name: files for name, files in found.items() if len(files) > 1} == {}


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
CALLS: list[tuple[str, list[tuple[object, ...]]]] = [
    ("select count(*) from gjobs.claim_jobs(%(worker)s, array['lifestyle'], 1, 0)", [(1,)]),
    ("select attempt, lost_by from gjobs.claim_jobs(%(worker)s, null, 1, 60)", [(2, WORKER)]),
    ("select count(*) from gjobs.renew_leases(%(worker)s, %(jobs)s, '{2}', 60, '{half}')", [(1,)]),
    ("select count(*) from gjobs.postpone_jobs(%(worker)s, %(jobs)s, '{2}', '{late}', '{7}', '{0}')", [(1,)]),
    ("select attempt, note from gjobs.claim_jobs(%(worker)s, null, 1, 60)", [(3, "late")]),
    ("select count(*) from gjobs.finish_jobs(%(worker)s, %(jobs)s, '{3}', '{failed}', '{late}', '{9}')", [(1,)]),
    ("select spent_cents, allowed from gjobs.check_budget(%(project)s, 1)", [(9, True)]),
    ("select status, unrecorded from gjobs.jobs_at(now(), p_job_ids => %(jobs)s)", [("failed", None)]),
    ("select count(*) from gjobs.archive_jobs(%(jobs)s)", [(1,)]),
    ("select count(*) from gjobs.restore_jobs(%(jobs)s)", [(1,)]),
]
"""Calls with their results."""


def test_functions_work_after_an_upgrade_and_the_apps_own_work_after_a_removal(attached_database: Conninfo) -> None:
    before = app_schema(catalogue(attached_database))
    upgrade(attached_database)
    with connect(attached_database, autocommit=True) as connection:
        call_functions_of_workers(connection)
        call_functions_of_the_app(connection)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="another user"), acting(connection, CLEO.id):
            connection.execute("select gjobs.get_job_statistics(%s)", [BEN.id])

        remove(attached_database)

        assert app_schema(catalogue(attached_database)) == before
        call_functions_of_the_app(connection)


def call_functions_of_workers(connection: psycopg.Connection) -> None:
    add(connection, ADA)
    connection.execute(
        "insert into gjobs.budgets (project_id, period, limit_cents) values (%s, 'all', 500)", [ADA.project]
    )
    values = {"worker": WORKER, "jobs": [ADA.job], "project": ADA.project}
    for call, expected in CALLS:
        assert connection.execute(call.encode(), values).fetchall() == expected, call


def call_functions_of_the_app(connection: psycopg.Connection) -> None:
    connection.execute("delete from auth.users")
    for user in (CLEO, BEN):
        add(connection, user)
    with acting(connection, CLEO.id):
        moved = connection.execute("select public.transition_job_status(%s, 'running')", [CLEO.job]).fetchone()
        counted = connection.execute("select status, count, total_cost_cents from public.get_job_statistics()")
        assert (moved, counted.fetchall()) == ((True,), [("running", 1, 250)])
        assert connection.execute("select id from public.get_recent_jobs()").fetchall() == [(CLEO.job,)]
    connection.execute("delete from public.generation_jobs where id = %s", [BEN.job])
    statistics = connection.execute("select status from public.get_job_statistics(%s)", [CLEO.id]).fetchall()
    assert statistics == [("queued",)]
