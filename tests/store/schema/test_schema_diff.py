"""Each change of a real database's schema is found, and nothing else."""

from collections.abc import Iterable

import psycopg
import pytest

from gjobs.migrations import HEAD, REVISIONS
from gjobs.store.capabilities.capability import EARLIER_BUILD
from gjobs.store.capabilities.claim_sql import QUALIFY_QUERY
from gjobs.store.doctor.schema_checks import CATALOGUE_QUERY
from gjobs.store.embedded.server_files import ADMINISTRATOR
from gjobs.store.errors import SchemaMissing
from gjobs.store.schema.schema_diff import (
    CHANGES,
    NEWEST_REVISION,
    Difference,
    DifferenceKind,
    ObjectKind,
    compare,
    expected,
    read_catalogue,
    required,
)
from gjobs.store.users.actor import OPERATOR
from tests.conftest import Conninfo, connect
from tests.migrations.schema_file import schema_lines
from tests.store.store_fixtures import opened

JOBS = "public.generation_jobs"
MISSING, DIFFERENT, EXTRA = DifferenceKind.MISSING, DifferenceKind.DIFFERENT, DifferenceKind.EXTRA
Found = list[tuple[DifferenceKind, str, str]]


def found(differences: Iterable[Difference]) -> Found:
    return [(one.kind, one.object.value, one.name) for one in differences]


BROKEN = [
    (f"drop table {JOBS} cascade",
     [(MISSING, "relation", JOBS), (MISSING, "relation", "public.generation_job_summary")]),
    (f"alter table {JOBS} drop column error", [(MISSING, "column", f"{JOBS}.error")]),
    (f"alter table {JOBS} alter column error type varchar(80)", [(DIFFERENT, "column", f"{JOBS}.error")]),
    (f"alter table {JOBS} alter column mode drop not null", [(DIFFERENT, "column", f"{JOBS}.mode")]),
    (f"alter table {JOBS} alter column error set not null", [(DIFFERENT, "column", f"{JOBS}.error")]),
    (f"alter table {JOBS} alter column cost_cents set default 1", [(DIFFERENT, "column", f"{JOBS}.cost_cents")]),
    (f"alter table {JOBS} alter column id drop default", [(DIFFERENT, "column", f"{JOBS}.id")]),
    (f"alter table {JOBS} drop constraint generation_jobs_pkey",
     [(MISSING, "key", f"generation_jobs_pkey on {JOBS}")]),
    (f"alter table {JOBS} drop constraint generation_jobs_input_asset_id_fkey",
     [(MISSING, "key", f"generation_jobs_input_asset_id_fkey on {JOBS}")]),
    ((f"alter table {JOBS} drop constraint generation_jobs_project_id_fkey,"
     " add constraint generation_jobs_project_id_fkey foreign key (project_id) references public.projects"),
     [(DIFFERENT, "key", f"generation_jobs_project_id_fkey on {JOBS}")]),
    (f"alter table {JOBS} drop constraint generation_jobs_status_check",
     [(MISSING, "check", f"generation_jobs_status_check on {JOBS}")]),
    ((f"alter table {JOBS} drop constraint generation_jobs_status_check, add constraint generation_jobs_status_check"
     " check (status in ('queued', 'running', 'succeeded'))"),
     [(DIFFERENT, "check", f"generation_jobs_status_check on {JOBS}")]),
    ("drop index public.idx_generation_jobs_status", [(MISSING, "index", f"idx_generation_jobs_status on {JOBS}")]),
    ((f"drop index public.idx_generation_jobs_created_at;"
     f" create index idx_generation_jobs_created_at on {JOBS} (created_at)"),
     [(DIFFERENT, "index", f"idx_generation_jobs_created_at on {JOBS}")]),
    ("drop trigger update_generation_jobs_updated_at on public.generation_jobs",
     [(MISSING, "trigger", f"update_generation_jobs_updated_at on {JOBS}")]),
    (f"alter table {JOBS} disable trigger update_generation_jobs_updated_at",
     [(DIFFERENT, "trigger", f"update_generation_jobs_updated_at on {JOBS}")]),
    (f"alter table {JOBS} disable row level security", [(MISSING, "row security", f"row_security on {JOBS}")]),
    ("drop function public.get_recent_jobs", [(MISSING, "function", "public.get_recent_jobs")]),
    (("drop function public.get_recent_jobs; create function public.get_recent_jobs(p_limit integer)"
     " returns setof public.generation_jobs language sql security definer as 'select * from public.generation_jobs'"),
     [(DIFFERENT, "function", "public.get_recent_jobs")]),
    ("drop view public.generation_job_summary", [(MISSING, "relation", "public.generation_job_summary")]),
    (("drop view public.generation_job_summary; create view public.generation_job_summary as"
     " select user_id, project_id, status, count(*) as job_count, sum(cost_cents) as total_cost_cents,"
     " avg(cost_cents) as avg_cost_cents, min(created_at) as first_job_at"
      " from public.generation_jobs group by 1, 2, 3"),
     [(MISSING, "column", "public.generation_job_summary.last_job_at")]),
]  # fmt: skip
"""Changes of the app's database that break gjobs, and the differences that they cause."""


TOLERATED = [
    ((f"alter table {JOBS} drop constraint generation_jobs_status_check, add constraint generation_jobs_status_check"
     " check (status in ('queued', 'running', 'succeeded', 'failed', 'cancelled'))"),
     [(DIFFERENT, "check", f"generation_jobs_status_check on {JOBS}")]),
    ((f"alter table {JOBS} drop constraint generation_jobs_status_check, add constraint status_is_known"
     " check (status in ('queued', 'running', 'succeeded', 'failed', 'cancelled'))"),
     [(DIFFERENT, "check", f"generation_jobs_status_check on {JOBS}")]),
    (f"alter table {JOBS} add column priority integer", [(EXTRA, "column", f"{JOBS}.priority")]),
    ("create table public.invoices (id integer)", [(EXTRA, "relation", "public.invoices")]),
    (f"create index by_mode on {JOBS} (mode)", [(EXTRA, "index", f"by_mode on {JOBS}")]),
    (f"alter table {JOBS} add unique (id, mode)",
     [(EXTRA, "key", f"generation_jobs_id_mode_key on {JOBS}")]),
    (f"alter table {JOBS} add check (cost_cents >= 0)",
     [(EXTRA, "check", f"generation_jobs_cost_cents_check on {JOBS}")]),
    (f"create policy visitors on {JOBS} for select to anon using (false)",
     [(EXTRA, "policy", f"visitors on {JOBS}")]),
    (f"create trigger audit after insert on {JOBS} for each row execute function public.update_updated_at_column()",
     [(EXTRA, "trigger", f"audit on {JOBS}")]),
    (f"alter table {JOBS} force row level security", [(EXTRA, "row security", f"force_row_security on {JOBS}")]),
    ("create function public.get_recent_jobs(p_mode text) returns integer language sql as 'select 1'",
     [(EXTRA, "function", "public.get_recent_jobs")]),
    (("create or replace function public.update_updated_at_column() returns trigger language plpgsql as"
     " 'begin return new; end'"), [(DIFFERENT, "body", "public.update_updated_at_column")]),
    (f"revoke insert on {JOBS} from authenticated", [(DIFFERENT, "grant", f"authenticated on {JOBS}")]),
    (f"revoke all on {JOBS} from anon", [(MISSING, "grant", f"anon on {JOBS}")]),
    ('drop policy "Users can delete own generation jobs" on public.generation_jobs',
     [(MISSING, "policy", f"Users can delete own generation jobs on {JOBS}")]),
    ('alter policy "Users can view own generation jobs" on public.generation_jobs using (true)',
     [(DIFFERENT, "policy", f"Users can view own generation jobs on {JOBS}")]),
    ('alter policy "Users can insert own generation jobs" on public.generation_jobs with check (true)',
     [(DIFFERENT, "policy", f"Users can insert own generation jobs on {JOBS}")]),
    ('alter policy "Users can view own generation jobs" on public.generation_jobs to anon',
     [(DIFFERENT, "policy", f"Users can view own generation jobs on {JOBS}")]),
    (('drop policy "Users can view own generation jobs" on public.generation_jobs;'
     ' create policy "Users can view own generation jobs" on public.generation_jobs as restrictive for select'
     " using (auth.uid() = user_id)"),
     [(DIFFERENT, "policy", f"Users can view own generation jobs on {JOBS}")]),
    ('alter policy "Users can view own assets" on public.assets rename to mine',
     [(DIFFERENT, "policy", "Users can view own assets on public.assets")]),
    ("alter index public.idx_assets_kind rename to kinds",
     [(DIFFERENT, "index", "idx_assets_kind on public.assets")]),
    ('alter policy "Users can view own assets" on public.assets using (user_id = (select auth.uid()))', []),
    ('alter policy "Users can view own assets" on public.assets to authenticated', []),
    ((f"alter table {JOBS} drop constraint generation_jobs_status_check, add constraint generation_jobs_status_check"
     " check (status in ('failed', 'queued', 'succeeded', 'running'))"), []),
    ("alter function public.get_recent_jobs security invoker", []),
    (("create or replace function public.transition_job_status(p_job_id uuid, p_new_status text,"
      " p_error text default null) returns boolean language sql security definer as 'select false'"), []),
    ("alter view public.generation_job_summary set (security_invoker = on)", []),
    (('create policy "Own assets in own projects, INSERT" on public.assets as restrictive for insert'
      " with check (user_id is distinct from auth.uid())"), []),
    ("alter index public.idx_assets_kind set (fillfactor = 70)", []),
    ("create temporary table projects (id integer)", []),
    ("set local search_path = auth, public", []),
]  # fmt: skip


def test_compare_finds_exactly_what_was_changed_and_tolerates_changes_of_the_app(attached: psycopg.Connection) -> None:
    for cases, is_broken in ((BROKEN, True), (TOLERATED, False)):
        for change, differences in cases:
            with attached.transaction(force_rollback=True):
                attached.execute(change.encode())
                compared = compare(read_catalogue(attached), expected(None))
            assert found(compared) == differences, change
            assert bool(required(compared)) is is_broken, change


def test_one_policy_for_all_commands_replaces_one_per_command(attached: psycopg.Connection) -> None:
    for command in ("view", "insert", "update", "delete"):
        attached.execute(f'drop policy "Users can {command} own projects" on public.projects'.encode())
    attached.execute("create policy own on public.projects using (auth.uid() = user_id)")

    assert not required(compare(read_catalogue(attached), expected(None)))


def test_invalid_index_is_reported_as_different(shared_attached_database: Conninfo) -> None:
    """A failed concurrent creation leaves an invalid index. Here an administrator marks it invalid."""
    with connect({**shared_attached_database, "user": ADMINISTRATOR}) as administrator:
        administrator.execute(
            "update pg_index set indisvalid = false where indexrelid = 'public.idx_assets_kind'::regclass"
        )
        compared = compare(read_catalogue(administrator), expected(None))
        assert found(compared) == [(DIFFERENT, "index", "idx_assets_kind on public.assets")]
        administrator.rollback()


MANAGED = [
    ("alter view gjobs.job_summary reset (security_invoker)",
     [(MISSING, "row security", "security_invoker on gjobs.job_summary")]),
    ("alter function gjobs.get_job_statistics security definer",
     [(DIFFERENT, "function", "gjobs.get_job_statistics")]),
    ('alter policy "Users can insert own assets" on public.assets with check (true)',
     [(DIFFERENT, "policy", "Users can insert own assets on public.assets")]),
    ("alter function public.get_job_statistics security definer", []),
    ("alter view public.generation_job_summary reset (security_invoker)", []),
    ('drop policy "Own assets in own projects, INSERT" on public.assets', []),
    ('alter policy "Users can view own assets" on public.assets using (auth.uid() = user_id)', []),
    (f"alter table {JOBS} disable trigger gjobs_changed",
     [(DIFFERENT, "trigger", f"gjobs_changed on {JOBS}")]),
    ("alter table gjobs.job_event_log disable row level security",
     [(MISSING, "row security", "row_security on gjobs.job_event_log")]),
]  # fmt: skip


def test_migrated_database_is_compared_with_its_revision(managed: psycopg.Connection) -> None:
    for change, differences in [("select", []), *MANAGED]:
        with managed.transaction(force_rollback=True):
            managed.execute(change.encode())
            assert found(compare(read_catalogue(managed), expected(HEAD))) == differences, change


def test_every_revision_has_an_expected_schema_of_relations_and_functions(attached: psycopg.Connection) -> None:
    for revision in REVISIONS:
        assert expected(revision)
    assert expected(None) == expected(REVISIONS[0])
    assert expected(EARLIER_BUILD) == expected(HEAD)
    with pytest.raises(SchemaMissing, match="9999"):
        expected("9999")

    differences = compare((), expected(None))

    assert {one.object for one in differences} == {ObjectKind.RELATION, ObjectKind.FUNCTION}


def test_file_has_each_object_of_each_revision(blank_database: Conninfo) -> None:
    lines = CHANGES.read_text(encoding="utf-8").splitlines()
    assert list(schema_lines(blank_database)) == lines, "Write it again: python -m tests.migrations.schema_file"
    assert NEWEST_REVISION == HEAD


def test_each_difference_has_a_sentence(attached: psycopg.Connection) -> None:
    attached.execute(f"alter table {JOBS} alter column error set not null; drop index public.idx_assets_kind".encode())
    attached.execute("create table public.invoices (id integer)")

    sentences = [one.sentence for one in compare(read_catalogue(attached), expected(None))]

    assert sentences == [
        f"column {JOBS}.error is text not null instead of text",
        "index idx_assets_kind on public.assets is missing: btree (kind)",
        "relation public.invoices is the app's own: table",
    ]


async def test_catalogue_reads_the_same_through_a_session_and_a_connection(shared_attached_database: Conninfo) -> None:
    async with opened(shared_attached_database) as database:
        _, through = await database.read_together(OPERATOR, QUALIFY_QUERY, CATALOGUE_QUERY)
    with connect(shared_attached_database) as connection:
        assert [*read_catalogue(connection)] == through


@pytest.mark.parametrize("autocommit", [True, False])
def test_reading_the_catalogue_changes_nothing(shared_attached_database: Conninfo, autocommit: bool) -> None:
    with connect(shared_attached_database, autocommit=autocommit) as connection:
        connection.read_only = True
        before = connection.execute("show search_path").fetchone()
        assert read_catalogue(connection)
        assert connection.execute("show search_path").fetchone() == before


def test_catalogue_can_be_read_by_a_role_without_other_rights(attached: psycopg.Connection) -> None:
    everything = read_catalogue(attached)
    attached.execute("set local role anon")

    assert read_catalogue(attached) == everything
