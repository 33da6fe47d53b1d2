"""Migrations take over an app's own database, and a removal restores its schema."""

from collections.abc import Iterator

import pytest

from gjobs.migrations import HEAD
from gjobs.migrations.connection import SchemaDiffers
from gjobs.migrations.runner import pending_sql, remove, upgrade
from gjobs.migrations.status import read_status
from gjobs.store.embedded.server_files import ADMINISTRATOR
from gjobs.store.errors import NoPrivilege
from gjobs.store.schema.schema_diff import compare, expected, read_catalogue
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, add, app_schema, catalogue, execute, run_with_psql


@pytest.fixture
def app(attached_database: Conninfo) -> Iterator[Conninfo]:
    """The app's own database with a row in each table, which each test must keep."""
    with connect(attached_database) as connection:
        add(connection, ADA)
    yield attached_database
    with connect(attached_database) as connection:
        assert connection.execute("select id from public.generation_jobs").fetchall() == [(ADA.job,)]


def test_upgrade_takes_over_the_tables_of_an_app_and_a_removal_restores_its_schema(app: Conninfo) -> None:
    """Additions of the app stay, too."""
    execute(
        app,
        "alter table public.generation_jobs add column priority integer;"
        " create index by_priority on public.generation_jobs (priority);"
        " create policy staff on public.generation_jobs for select using (false);"
        " create table public.invoices (id integer)",
    )
    before = app_schema(catalogue(app))
    messages: list[str] = []

    upgrade(app, report=messages.append)
    assert read_status(app).current == HEAD
    assert messages[0] == "Recorded the app's own tables as revision 0001_app."
    assert messages[-1] == "Revision 0002_gjobs (everything of gjobs) is applied."
    with connect(app) as connection:
        assert not [one for one in compare(read_catalogue(connection), expected(HEAD)) if one.required]
    assert app_schema(catalogue(app)) != before

    remove(app)
    assert app_schema(catalogue(app)) == before
    assert read_status(app).managed is False


def test_upgrade_adds_its_own_objects_and_changes_nothing_that_belongs_to_the_app(app: Conninfo) -> None:
    execute(
        app,
        "create policy visitors on public.projects for select to anon using (name = 'Public')",
        "create or replace function public.get_recent_jobs(p_limit integer default 10)"
        " returns table (id uuid, project_id uuid, status text, mode text, cost_cents integer, created_at timestamptz)"
        " language sql security definer as $$ select id, project_id, status, mode, cost_cents, created_at"
        " from public.generation_jobs where user_id = auth.uid() limit p_limit $$",
        "alter view public.generation_job_summary set (security_barrier = on)",
        "create index by_mode on public.generation_jobs (mode) where error is null",
        "revoke execute on function public.get_job_statistics(uuid) from public",
    )
    before = app_schema(catalogue(app))

    upgrade(app)

    after = app_schema(catalogue(app))
    for kind, facts in before.items():
        assert [fact for fact in facts if fact not in after[kind]] == [], kind
    added = [(kind, fact) for kind, facts in after.items() for fact in facts if fact not in before.get(kind, [])]
    assert [fact for _, fact in added if fact[1] != "generation_jobs" or "gjobs_" not in str(fact[2])] == []
    assert {kind for kind, _ in added} == {"indexes", "triggers"}


def test_printed_sql_takes_over_the_app_like_upgrade(app: Conninfo) -> None:
    script = pending_sql(app)

    done = run_with_psql(app, script)

    assert (done.returncode, done.stderr) == (0, "")
    assert read_status(app).current == HEAD
    by_psql = catalogue(app)
    remove(app)
    upgrade(app)
    assert catalogue(app) == by_psql


def test_printed_sql_stops_at_the_first_error_and_changes_nothing(app: Conninfo) -> None:
    script = pending_sql(app)
    execute(app, "alter table public.projects rename to others")
    before = catalogue(app)

    done = run_with_psql(app, script)

    assert done.returncode == 3
    assert "public.projects" in done.stderr
    assert catalogue(app) == before


DIFFERENT = [
    ("alter table public.generation_jobs alter column cost_cents drop default",
     "column public.generation_jobs.cost_cents is integer not null instead of integer not null default 0"),
    ("drop index public.idx_assets_kind", "index idx_assets_kind on public.assets is missing"),
    ("alter table public.assets rename to files; create view public.assets as select * from public.files",
     "relation public.assets is a view instead of a table"),
    ("drop table public.generation_jobs cascade", "relation public.generation_jobs is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "sentence"), DIFFERENT)
def test_upgrade_refuses_a_different_schema_and_names_the_difference(
    attached_database: Conninfo, change: str, sentence: str
) -> None:
    execute(attached_database, change)
    before = catalogue(attached_database)

    for run in (upgrade, pending_sql):
        with pytest.raises(SchemaDiffers, match=sentence) as refusal:
            run(attached_database)
        hint = refusal.value.hint or ""
        assert hint.endswith(
            "Change these objects in your app, then try again. gjobs also works here without the migration."
        )
        # The error names the first differences. A person need not run a command that names no others.
        assert ("gjobs migrate verify" in hint) is refusal.value.message.endswith(" more.")

    assert catalogue(attached_database) == before


def test_upgrade_by_another_role_names_the_owner_of_the_tables(app: Conninfo) -> None:
    with connect(app) as connection:
        (creator,) = connection.execute("select current_user").fetchone() or ("",)
    with connect({**app, "user": ADMINISTRATOR}, autocommit=True) as administrator:
        administrator.execute("create role deputy login")
        try:
            administrator.execute("create schema gjobs authorization deputy")
            with pytest.raises(NoPrivilege, match=f"belong to {creator}. Only their owner") as refusal:
                upgrade({**app, "user": "deputy"})
            assert f"Connect as {creator}" in (refusal.value.hint or "")
        finally:
            administrator.execute("drop schema gjobs")
            administrator.execute("drop role deputy")


def test_failed_upgrade_leaves_the_database_unchanged(app: Conninfo) -> None:
    """A function that the comparison of schemas ignores has a name that the upgrade needs."""
    execute(
        app, "create schema gjobs; create function gjobs.owns_project(p uuid) returns text language sql as 'select 1'"
    )
    before = catalogue(app)

    with pytest.raises(Exception, match="already exists"):
        upgrade(app)

    assert catalogue(app) == before
    assert read_status(app).managed is False
    execute(app, "drop function gjobs.owns_project")
    upgrade(app)
    assert read_status(app).current == HEAD
