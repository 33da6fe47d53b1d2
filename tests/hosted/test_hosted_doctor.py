"""The doctor on a hosted project: with each login, on broken databases, and after its SQL has fixed them."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from gjobs.migrations import HEAD
from gjobs.migrations.runner import upgrade
from gjobs.store.capabilities.capability import EARLIER_BUILD
from gjobs.store.database.query import TimeLimits
from gjobs.store.doctor import sql_checks
from gjobs.store.doctor.examine import examine
from gjobs.store.doctor.findings import DoctorReport, Finding, Section, Severity
from gjobs.store.doctor.server_checks import jobs_visible_to
from gjobs.store.errors import DatabaseInUse, SchemaMissing, Unreachable, name_database
from gjobs.store.users.actor import ActingUser
from tests.conftest import Conninfo, connect
from tests.hosted.access_routes import Login
from tests.hosted.cluster import Server
from tests.hosted.statement_log import record_transcript
from tests.hosted.tls import TlsServer
from tests.migrations.test_interrupted_upgrade import interrupting
from tests.store.store_fixtures import opened
from tests.tui.jobs_database import ADA, AUTUMN, BEN, TRAIL, JobsDatabase, job_id

LEAKS = {
    "unchecked-user",
    "unpinned-search-path",
    "racy-transition",
    "leaking-view",
    "foreign-project",
}
"""The problems of the app's own schema. A migration leaves them."""

STEPS = (
    "Read the SQL above, and run it as the owner of the tables.",
    "Run 'gjobs doctor' again to check that everything is fixed.",
)


async def examined(conninfo: Conninfo, *, limits: TimeLimits | None = None) -> DoctorReport:
    async with opened(conninfo, limits=limits) as database:
        return await examine(database, label="here")


def faults(report: DoctorReport) -> set[str]:
    return {finding.name for finding in report.findings if finding.is_fault}


def finding(report: DoctorReport, name: str) -> Finding:
    """Return the first finding with the name."""
    return next(found for found in report.findings if found.name == name)


def run(conninfo: Conninfo, *statements: str | None) -> None:
    with connect(conninfo) as connection:
        for statement in statements:
            if statement is not None:
                connection.execute(statement.encode())


def fix(conninfo: Conninfo, report: DoctorReport, *, names: Collection[str] = ()) -> None:
    """Run the SQL of all findings, or of those with these names."""
    run(conninfo, *(one.sql for one in report.findings if not names or one.name in names))


@pytest.mark.reads
async def test_doctor_finds_the_same_leaks_with_each_login_and_leaves_no_trace(login: Login) -> None:
    with record_transcript(login) as transcript:
        report = await examined(login.conninfo)
        recorded = transcript()

    assert (recorded.traces_of(login), recorded.problems, recorded.writes) == ([], [], 0)
    assert faults(report) == LEAKS
    assert re.fullmatch(
        r"An idle dashboard of the operator receives about \d+ [kM]B a month\.", finding(report, "egress").sentence
    )
    assert finding(report, "matches").severity is Severity.OK
    assert finding(report, "rows-generation_jobs").sentence.startswith("generation_jobs holds 8 rows")
    assert not report.is_well
    assert report.next_steps == STEPS


async def test_doctor_sql_fixes_every_finding(app_database: Conninfo, jobs_db: JobsDatabase) -> None:
    """The fixed schema can still be adopted."""
    fix(app_database, await examined(app_database))
    report = await examined(app_database)
    assert [one for one in report.findings if one.severity is not Severity.OK and one.name != "tolerated"] == []
    assert finding(report, "no-leak").section is Section.RULES
    assert report.next_steps == ("Nothing has to be done.",)
    upgrade(app_database)
    assert (await examined(app_database)).is_well


def as_user(connection: psycopg.Connection, user: object) -> None:
    connection.execute("select set_config('role', 'authenticated', true)")
    connection.execute("select set_config('request.jwt.claims', %s, true)", [f'{{"sub": "{user}"}}'])


INSERT = "insert into generation_jobs (user_id, project_id, mode) values (%s, %s, 'lifestyle')"


async def test_app_still_works_after_the_doctor_fixes(app_database: Conninfo, jobs_db: JobsDatabase) -> None:
    with connect(app_database) as before:
        as_user(before, BEN)
        before.execute(INSERT, [BEN, AUTUMN])
        assert before.execute("select count(*) from get_job_statistics(%s)", [ADA]).fetchone() != (0,)
        before.rollback()
    fix(app_database, await examined(app_database))
    with connect(app_database) as after:
        as_user(after, BEN)
        after.execute(INSERT, [BEN, TRAIL])
        assert after.execute("select sum(count) from get_job_statistics()").fetchone() == (2,)
        assert after.execute("select sum(job_count) from generation_job_summary").fetchone() == (2,)
        after.execute("select count(*) from get_recent_jobs()")
        for refused, values in (
            (INSERT, [BEN, AUTUMN]),
            ("update generation_jobs set project_id = %s", [AUTUMN]),
            ("select * from get_job_statistics(%s)", [ADA]),
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), after.transaction():
                after.execute(refused.encode(), values)
        as_user(after, ADA)
        moved = "select transition_job_status(%s, 'succeeded')"
        assert after.execute(moved, [job_id(1)]).fetchone() == (False,)
        assert after.execute(moved, [job_id(2)]).fetchone() == (True,)
        after.rollback()


async def test_doctor_finds_and_fixes_missing_user_grants(ungranted_database: Conninfo) -> None:
    async with opened(ungranted_database) as database:
        (seen,) = await jobs_visible_to(database, ActingUser(id=ADA))
    assert (seen.severity, seen.sentence) == (
        Severity.WARNING,
        "No grant: the role authenticated may not read generation_jobs.",
    )
    report = await examined(ungranted_database)
    grants = finding(report, "users-grants")
    assert grants.severity is Severity.WARNING
    assert grants.sentence.startswith("No grant: the role authenticated may not read generation_jobs, read projects")
    fix(ungranted_database, report, names={"users-grants"})
    assert finding(await examined(ungranted_database), "users-grants").severity is Severity.OK


async def test_doctor_reports_all_missing_grants_at_once(ungranted_database: Conninfo, hosted_server: Server) -> None:
    administrator = hosted_server.administrator(str(ungranted_database["dbname"]))
    run(administrator, "revoke usage on schema auth from authenticated")
    report = await examined(administrator)
    grants = finding(report, "users-grants")
    assert "may not read generation_jobs, read projects" in grants.sentence
    assert "may not use the schema auth" in finding(report, "acting").sentence
    run(administrator, grants.sql, "grant usage on schema auth to authenticated")
    assert finding(await examined(administrator), "users-grants").severity is Severity.OK


@pytest.mark.migrated
async def test_doctor_finds_only_the_leaks_of_the_app_in_a_migrated_project_and_its_sql_fixes_them(
    app_database: Conninfo,
) -> None:
    report = await examined(app_database)
    assert (faults(report), report.next_steps) == (LEAKS, STEPS)
    as_expected = f"objects of revision {HEAD} are as expected."
    assert finding(report, "matches").sentence.endswith(as_expected)

    fix(app_database, report)
    report = await examined(app_database)
    assert faults(report) == set()
    assert report.is_well
    assert report.next_steps == ("Nothing has to be done.",)
    assert finding(report, "matches").sentence.endswith(as_expected)


async def test_doctor_advises_a_migration_for_an_empty_database(hosted_server: Server) -> None:
    report = await examined(hosted_server.login("postgres"))
    assert faults(report) == {"no-table"}
    assert report.next_steps[0].startswith("'gjobs migrate up' creates the schema")


async def test_doctor_suggests_a_write_reason_when_a_permit_is_required(hosted_server: Server) -> None:
    name_database(DatabaseInUse(variables="", options=str, needs_reason=True))
    report = await examined(hosted_server.login("postgres"))
    assert report.next_steps[0].startswith("'gjobs migrate up --write REASON' creates the schema")


async def test_doctor_does_not_advise_a_migration_that_would_be_refused(app_database: Conninfo) -> None:
    for statement in ("drop index idx_generation_jobs_status", "drop table generation_jobs cascade"):
        run(app_database, statement)
        report = await examined(app_database)
        with pytest.raises(SchemaMissing):
            upgrade(app_database)
        assert report.next_steps[0].startswith("Restore the missing parts of the schema"), statement
        assert not any(step.startswith("'gjobs migrate up'") for step in report.next_steps), statement


@pytest.mark.migrated
async def test_doctor_reports_a_newer_revision_and_advises_to_migrate_from_an_earlier_build(
    app_database: Conninfo,
) -> None:
    fix(app_database, await examined(app_database))
    set_revision = "update gjobs.alembic_version set version_num = '{}'"
    run(app_database, set_revision.format("9999"))
    report = await examined(app_database)
    assert finding(report, "not-examined").hint == "Use the newer gjobs that migrated it."
    assert not any("Restore" in step for step in report.next_steps)

    run(app_database, set_revision.format(EARLIER_BUILD))
    report = await examined(app_database)
    assert report.is_well
    assert report.next_steps == (
        f"'gjobs migrate up' migrates to revision {HEAD}. 'gjobs migrate sql' prints its SQL.",
    )


async def test_doctor_advises_to_continue_an_interrupted_migration(
    app_database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stop in ("indexes/gjobs_queue", "count"):
        with interrupting(stop, monkeypatch):
            upgrade(app_database)
        report = await examined(app_database)
        assert "unfinished" in faults(report), stop
        assert report.next_steps[0].startswith("'gjobs migrate up' migrates to revision 0002_gjobs."), stop
        assert "own-objects" not in {one.name for one in report.findings}, stop


@pytest.mark.reads
async def test_doctor_reports_each_sentence_once(manual_reader: Login) -> None:
    sentences = [one.sentence for one in (await examined(manual_reader.conninfo)).findings]
    assert sorted(set(sentences)) == sorted(sentences)


REMOVED = {
    "alter table assets drop column width": "missing-column",
    "drop view generation_job_summary": "missing-relation",
    "alter table generation_jobs alter cost_cents type bigint": "different-column",
    "alter table generation_jobs drop constraint generation_jobs_status_check": "missing-check",
    "alter table generation_jobs drop constraint generation_jobs_project_id_fkey": "missing-key",
    "drop index idx_generation_jobs_status": "missing-index",
    "drop trigger update_assets_updated_at on assets": "missing-trigger",
    "drop function get_recent_jobs(integer)": "missing-function",
}


async def test_doctor_reports_removed_and_changed_objects_as_problems(app_database: Conninfo) -> None:
    run(app_database, *REMOVED)
    report = await examined(app_database)
    found = [one for one in report.findings if one.section is Section.SCHEMA and one.severity is Severity.PROBLEM]
    assert sorted(one.name for one in found) == sorted(REMOVED.values())

    run(app_database, "alter table generation_jobs drop column input_asset_id")
    report = await examined(app_database)
    of_column = [one for one in report.findings if "input_asset_id" in one.sentence and one.section is Section.SCHEMA]
    assert {one.name for one in of_column} == {"missing-column", "missing-key", "missing-index"}
    assert [one.sql for one in of_column if one.sql] == []

    run(app_database, "drop table assets cascade")
    report = await examined(app_database)
    assert any("assets" in one.sentence for one in report.findings if one.name == "missing-relation")


async def test_doctor_leaves_the_policies_to_the_app(app_database: Conninfo) -> None:
    run(app_database, 'drop policy "Users can delete own projects" on projects')
    report = await examined(app_database)
    assert "policy Users can delete own projects on public.projects" in finding(report, "tolerated").sentence
    assert faults(report) == LEAKS
    upgrade(app_database)


LOST = {
    "drop index idx_generation_jobs_status": "missing-index",
    "drop index idx_assets_prompt_payload": "missing-index",
    "alter table generation_jobs drop constraint generation_jobs_pkey": "missing-key",
    "alter table generation_jobs drop constraint generation_jobs_project_id_fkey": "missing-key",
    "alter table generation_jobs drop constraint generation_jobs_status_check": "missing-check",
    "drop trigger update_assets_updated_at on assets": "missing-trigger",
}


async def test_doctor_sql_restores_dropped_indexes_constraints_and_triggers(
    app_database: Conninfo, jobs_db: JobsDatabase
) -> None:
    run(app_database, *LOST)
    report = await examined(app_database)
    lost = [one for one in report.findings if one.name in LOST.values()]
    assert len(lost) == len(LOST)
    with connect(app_database, autocommit=True) as owner:
        for one in lost:
            for statement in str(one.sql).split("\n"):
                owner.execute(statement.encode())
    assert finding(await examined(app_database), "matches").severity is Severity.OK


async def test_doctor_reports_and_enables_disabled_triggers(app_database: Conninfo) -> None:
    upgrade(app_database)
    run(
        app_database,
        "alter table assets disable trigger update_assets_updated_at",
        "alter table generation_jobs enable replica trigger gjobs_changed",
        "alter table generation_jobs enable trigger gjobs_created",
    )
    report = await examined(app_database)
    sql = [str(one.sql).splitlines() for one in report.findings if one.name == "disabled-trigger"]
    assert sql == [
        [
            "BEGIN;",
            "SET LOCAL lock_timeout = '2s';",
            'ALTER TABLE public.assets ENABLE TRIGGER "update_assets_updated_at";',
            "COMMIT;",
        ],
        [
            "BEGIN;",
            "SET LOCAL lock_timeout = '2s';",
            'ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER "gjobs_changed";',
            "COMMIT;",
        ],
        [
            "BEGIN;",
            "SET LOCAL lock_timeout = '2s';",
            'ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER "gjobs_created";',
            "COMMIT;",
        ],
    ]
    assert report.next_steps == STEPS
    fix(app_database, report, names={"disabled-trigger"})
    assert finding(await examined(app_database), "matches").severity is Severity.OK


async def test_doctor_restores_a_lost_trigger_of_gjobs_and_names_what_restores_the_rest(app_database: Conninfo) -> None:
    upgrade(app_database)
    triggers = ("gjobs_changed", "gjobs_created", "gjobs_truncated", "gjobs_store_archived")
    run(app_database, *(f"drop trigger {trigger} on generation_jobs" for trigger in triggers))
    run(app_database, "drop function gjobs.forget_user(uuid)")
    report = await examined(app_database)
    assert finding(report, "missing-function").hint == (
        "Run 'gjobs migrate remove', then 'gjobs migrate up'. The removal loses events and budgets."
    )
    assert "migrate verify --totals" in str(finding(report, "missing-trigger").hint)
    fix(app_database, report, names={"missing-trigger"})
    assert faults(await examined(app_database)) == {*LEAKS, "missing-function"}


async def test_doctor_restores_the_row_security_of_gjobs(app_database: Conninfo) -> None:
    upgrade(app_database)
    run(app_database, "alter table gjobs.archived_jobs disable row level security")
    run(app_database, "alter view gjobs.job_events set (security_barrier = off)")
    report = await examined(app_database)
    assert finding(report, "missing-row-security").hint is None
    fix(app_database, report, names={"missing-row-security"})
    assert faults(await examined(app_database)) == {*LEAKS}


async def test_doctor_revokes_what_users_do_not_need_of_gjobs(app_database: Conninfo) -> None:
    upgrade(app_database)
    run(
        app_database,
        "grant execute on function gjobs.fold_events(bigint) to public, anon",
        "grant select on gjobs.archived_jobs to anon",
    )
    report = await examined(app_database)
    assert [one.sentence for one in report.findings if one.name == "open-to-users"] == [
        "anon may use gjobs.archived_jobs, which only the owner and service_role need.",
        "anon, public may use gjobs.fold_events(bigint), which only the owner and service_role need.",
    ]
    fix(app_database, report, names={"open-to-users"})
    assert faults(await examined(app_database)) == {*LEAKS}


async def test_doctor_says_what_events_take_and_who_can_fold_them(
    app_database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade(app_database)
    report = await examined(app_database)
    assert "Expect about 0.7 MB for 1,000 jobs. Events are kept for 90 days." in finding(report, "events").sentence
    assert faults(report) == LEAKS
    parameters = {**sql_checks.EVENTS.parameters, "most_unfolded": -1, "extension": "plpgsql"}
    monkeypatch.setattr(sql_checks, "EVENTS", replace(sql_checks.EVENTS, parameters=parameters))
    report = await examined(app_database)
    assert faults(report) == {*LEAKS, "unfolded-events"}

    (task,) = re.findall(r"\$\$(.*)\$\$", str(finding(report, "pg-cron").sql), re.DOTALL)
    run(app_database, task)


HIDING_OTHERS: dict[str, Sequence[str]] = {
    "no-row-security": ["alter table projects disable row level security"],
}
"""A weakness that hides others of the same table."""

BROKEN: dict[str, Sequence[str]] = {
    "open-policy": ["create policy everything on projects for select using (true)"],
    "no-policy": ['drop policy "Users can view own assets" on assets'],
    "publication": ["create publication realtime for table generation_jobs"],
    "forced-row-security": ["alter table projects force row level security"],
    "leaking-view": ["create materialized view costs as select user_id, cost_cents from generation_jobs"],
    "unpinned-search-path": [
        "create function mine() returns bigint language sql security definer as 'select count(*) from generation_jobs'",
    ],
    "foreign-project": [
        "create policy mine on generation_jobs using (auth.uid() = user_id)",
        'drop policy "Own generation jobs in own projects, UPDATE" on generation_jobs',
    ],
    "unchecked-user": [
        (
            "create function jobs_of(the_user uuid) returns bigint language sql security definer as"
            " 'select count(*) from generation_jobs where user_id = the_user'"
        ),
        "alter function jobs_of set search_path = public",
    ],
}


async def test_doctor_finds_each_weakness_and_its_sql_fixes_it(app_database: Conninfo) -> None:
    report = await examined(app_database)
    assert finding(report, "truncate").severity is not Severity.OK
    fix(app_database, report)
    names = {one.name for one in (await examined(app_database)).findings}
    assert names.isdisjoint({"truncate", *BROKEN, *HIDING_OTHERS})
    for broken in (BROKEN, HIDING_OTHERS):
        for statements in broken.values():
            run(app_database, *statements)
        report = await examined(app_database)
        found = {one.name: one for one in report.findings if one.severity is not Severity.OK}
        assert broken.keys() <= found.keys()
        fixed = {name for name in broken if found[name].sql is not None}
        fix(app_database, report, names=fixed)
        assert fixed.isdisjoint({one.name for one in (await examined(app_database)).findings})


async def test_doctor_finds_and_fixes_an_invalid_index(app_database: Conninfo, jobs_db: JobsDatabase) -> None:
    with connect(app_database, autocommit=True) as owner:
        with pytest.raises(psycopg.errors.UniqueViolation):
            owner.execute("create unique index concurrently half on generation_jobs (status)")
        invalid = finding(await examined(app_database), "invalid-index")
        assert invalid.severity is Severity.WARNING
        owner.execute(str(invalid.sql).encode())
    assert "invalid-index" not in faults(await examined(app_database))


async def test_doctor_estimates_many_rows_and_reports_indexes_and_dead_rows(
    app_database: Conninfo, jobs_db: JobsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_checks, "FEW", 2_000)
    monkeypatch.setattr(sql_checks, "MOST_COUNTED", 4_000)
    with connect(app_database, autocommit=True) as owner:
        owner.execute(
            "insert into generation_jobs (user_id, project_id, mode, created_at)"
            " select %s, %s, 'lifestyle', now() - n * interval '1 s' from generate_series(1, 4100) n",
            [ADA, AUTUMN],
        )
        owner.execute("create index of_mode on generation_jobs (mode)")
        owner.execute("analyze generation_jobs")
        report = await examined(app_database)
        assert finding(report, "rows-generation_jobs").sentence.startswith(
            "generation_jobs holds ~4,108 rows and takes "
        )
        assert finding(report, "unused-indexes").sentence.startswith(
            "Not used since the statistics were last reset: of_mode ("
        )
        lists = str(finding(report, "list-indexes").sql)
        assert "gjobs_total ON" in lists
        for statement in lists.split("\n"):
            owner.execute(statement.encode())
        owner.execute("delete from generation_jobs where cost_cents = 0 and mode = 'lifestyle' and random() < 0.5")
        owner.execute("select pg_stat_force_next_flush()") if owner.info.server_version >= 150_000 else None
    report = await examined(app_database)
    assert "list-indexes" not in {one.name for one in report.findings}
    assert finding(report, "dead-generation_jobs").sql == "VACUUM (ANALYZE) public.generation_jobs;"


POOLERS = {
    "owner": "No pooler.",
    "pooled_by_session": "The connection goes through a session pooler, as far as gjobs can detect.",
    "pooled_by_transaction": "The connection goes through a transaction pooler.",
}


@pytest.mark.reads
async def test_doctor_reports_the_kind_of_pooler(request: pytest.FixtureRequest) -> None:
    for route, words in POOLERS.items():
        login: Login = request.getfixturevalue(route)
        assert finding(await examined(login.conninfo), "pooler").sentence == words


@pytest.mark.reads
@pytest.mark.xdist_group("replica")
async def test_doctor_reports_a_replica(replicated: Login) -> None:
    report = await examined(replicated.conninfo)
    assert finding(report, "replica").sentence.startswith("This is a replica, which accepts no writes.")
    assert finding(report, "replica").severity is Severity.OK


@pytest.mark.xdist_group("tls")
async def test_doctor_reports_an_encrypted_connection(tls_server: TlsServer) -> None:
    encryption = finding(await examined(tls_server.login()), "encryption")
    assert (encryption.severity, encryption.sentence) == (Severity.OK, "The connection to here is encrypted.")


@pytest.mark.reads
async def test_doctor_reports_a_restricted_and_a_superuser_login(
    app_database: Conninfo, hosted_server: Server, jobs_db: JobsDatabase
) -> None:
    report = await examined(hosted_server.login(str(app_database["dbname"]), "under_policies"))
    assert finding(report, "login").severity is Severity.WARNING
    assert finding(report, "rows-generation_jobs").sentence == "This login sees 0 rows of generation_jobs."

    report = await examined(hosted_server.administrator(str(app_database["dbname"])))
    assert finding(report, "login").sentence.startswith("The login supabase_admin is a superuser")
    assert finding(report, "login").severity is Severity.NOTE


@pytest.mark.reads
async def test_doctor_reports_a_part_that_cannot_be_examined(owner: Login, jobs_db: JobsDatabase) -> None:
    with connect(owner.conninfo) as other:
        other.execute("lock table generation_jobs in access exclusive mode")
        report = await examined(owner.conninfo, limits=TimeLimits(lock=0.05))
    assert {"not-examined"} <= faults(report)


async def test_doctor_raises_unreachable_without_a_server(tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        await examined({"host": str(tmp_path), "dbname": str(uuid4())})
