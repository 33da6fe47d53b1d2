"""Jobs are archived and restored unchanged, by those who may delete and create them."""

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from gjobs.migrations import HEAD
from gjobs.migrations.connection import MigrationRefused
from gjobs.migrations.rollups import check_rollups
from gjobs.migrations.runner import remove
from gjobs.migrations.status import read_status
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, acting, add, add_jobs, kinds
from tests.migrations.test_budgets import limit_user

WHOLE = "select j::text from public.generation_jobs j where id = %s"


def archive(connection: psycopg.Connection, *jobs: UUID) -> list[UUID]:
    return [row[0] for row in connection.execute("select gjobs.archive_jobs(%s)", [list(jobs)])]


def restore(connection: psycopg.Connection, *jobs: UUID) -> list[UUID]:
    return [row[0] for row in connection.execute("select gjobs.restore_jobs(%s)", [list(jobs)])]


def present(connection: psycopg.Connection) -> set[UUID]:
    return {row[0] for row in connection.execute("select id from public.generation_jobs")}


def archived(connection: psycopg.Connection) -> set[UUID]:
    return {row[0] for row in connection.execute("select id from gjobs.visible_archive")}


@pytest.fixture
def owner(migrated_copy: Conninfo) -> Iterator[psycopg.Connection]:
    """A connection of the owner to a database whose schema the test may change."""
    with connect(migrated_copy, autocommit=True) as connection:
        add(connection, ADA)
        add(connection, BEN)
        yield connection


class TestArchivingAndRestoring:
    def test_archived_job_exists_only_in_the_archive_and_is_restored_unchanged(
        self, operator: psycopg.Connection
    ) -> None:
        operator.execute(
            "update public.generation_jobs set status = 'failed', error = E'a\\n\"b\" ', cost_cents = -3,"
            " retry_count = 2, created_at = '0044-03-15 12:00:00.000001 BC', completed_at = 'infinity',"
            " input_asset_id = null where id = %s",
            [ADA.job],
        )
        before = operator.execute(WHOLE, [ADA.job]).fetchone()

        assert archive(operator, ADA.job, UUID(int=0xDEAD)) == [ADA.job]
        assert present(operator) == {BEN.job}
        assert archived(operator) == {ADA.job}
        assert archive(operator, ADA.job) == []

        assert restore(operator, ADA.job, BEN.job) == [ADA.job]
        assert operator.execute(WHOLE, [ADA.job]).fetchone() == before
        assert archived(operator) == set()

        operator.execute(
            "update public.generation_jobs set completed_at = null, retry_count = null where id = %s", [ADA.job]
        )
        before = operator.execute(WHOLE, [ADA.job]).fetchone()
        archive(operator, ADA.job)
        restore(operator, ADA.job)
        assert operator.execute(WHOLE, [ADA.job]).fetchone() == before, "no completion time"

    def test_events_and_rollups_follow_and_the_start_is_kept(
        self, operator: psycopg.Connection, database: Conninfo
    ) -> None:
        operator.execute("update public.generation_jobs set status = 'running' where id = %s", [ADA.job])
        archive(operator, ADA.job)
        assert check_rollups(database).matches
        restore(operator, ADA.job)
        assert check_rollups(database).matches
        operator.execute("delete from public.generation_jobs where id = any (%s)", [[ADA.job, BEN.job]])
        assert kinds(operator, ADA.job) == ["created", "status", "archived", "restored", "deleted"]
        assert kinds(operator, BEN.job) == ["created", "deleted"]
        assert operator.execute("select job_id from gjobs.job_starts").fetchall() == [(ADA.job,)]

    def test_archiving_refunds_only_jobs_that_never_ran(self, operator: psycopg.Connection) -> None:
        def spent() -> dict[UUID, int]:
            return dict(operator.execute("select user_id, spent_cents from gjobs.budget_states").fetchall())

        for user in (ADA, BEN):
            limit_user(operator, user, 300)
        operator.execute("update public.generation_jobs set status = 'running' where id = %s", [ADA.job])
        operator.execute(
            "update public.generation_jobs set status = 'failed', cost_cents = 400 where id = %s", [ADA.job]
        )
        assert spent() == {ADA.id: 400, BEN.id: 250}
        archive(operator, ADA.job, BEN.job)
        assert spent() == {ADA.id: 400, BEN.id: 0}
        restore(operator, ADA.job, BEN.job)
        assert spent() == {ADA.id: 400, BEN.id: 250}

    def test_restored_job_drops_an_asset_that_was_deleted(self, operator: psycopg.Connection) -> None:
        archive(operator, ADA.job, BEN.job)
        operator.execute("delete from public.assets where id = %s", [ADA.asset])
        restore(operator, ADA.job, BEN.job)
        rows = operator.execute("select id, input_asset_id from public.generation_jobs order by id").fetchall()
        assert rows == [(ADA.job, None), (BEN.job, BEN.asset)]

    def test_job_with_a_taken_id_is_not_restored_and_replaces_the_archived_one(
        self, operator: psycopg.Connection
    ) -> None:
        archive(operator, ADA.job)
        add_jobs(operator, ADA, id=ADA.job, mode="later")
        with pytest.raises(errors.UniqueViolation):
            restore(operator, ADA.job)
        assert archived(operator) == {ADA.job}
        archive(operator, ADA.job)
        assert operator.execute("select mode from gjobs.archived_jobs").fetchall() == [("later",)]


VALUES = {
    "json": """'{"b": 1,   "a": 1, "a": 2}'""",
    "jsonb": """'{"b": [1, null], "a": "\\u00e9"}'""",
    "bytea": r"'\x00ff5c'",
    "character(5)": "'a'",
    "varchar(5)": "'a  '",
    "text": "''",
    '"char"': "'x'",
    "numeric": "'1.500'",
    "numeric(10,4)": "'NaN'",
    "double precision": "'-0'",
    "real": "'1e-40'",
    "money": "'-12.34'",
    "boolean": "false",
    "date": "'0044-03-15 BC'",
    "time with time zone": "'24:00:00+01'",
    "timestamp": "'-infinity'",
    "timestamp with time zone": "'2026-03-29 02:30:00.000001+00'",
    "interval": "'-1 mon +3 days -00:00:01.5'",
    "uuid[]": "array[gen_random_uuid(), null]",
    "text[]": """'[0:1]={"a,\\"b",NULL}'""",
    "integer[]": "'{{1,2},{3,4}}'",
    "int4range": "'[1,)'",
    "inet": "'10.0.0.1/8'",
    "point": "'(0.1,-2)'",
    "bit varying(9)": "'0101'",
    "tsvector": "'a:1 b:2A'",
    "regclass": "'public.generation_jobs'",
    "public.mood": "'so so'",
    "public.pair": "row(null, 'a,b')",
    "public.small": "3",
}
"""A value of each type, in SQL."""

SESSIONS = "set datestyle = 'German'; set intervalstyle = 'sql_standard'; set timezone = 'Asia/Kolkata';"
"""Settings of the session that archives a job."""


class TestAppColumns:
    @pytest.fixture
    def widened(self, owner: psycopg.Connection) -> psycopg.Connection:
        owner.execute("create type public.mood as enum ('so so')")
        owner.execute("create type public.pair as (a integer, b text)")
        owner.execute("create domain public.small as integer check (value < 10)")
        for number, (kind, value) in enumerate(VALUES.items()):
            owner.execute(f'alter table public.generation_jobs add column "Of {number}" {kind}'.encode())
            assignment = f'"Of {number}" = {value}'
            owner.execute(f"update public.generation_jobs set {assignment} where id = %s".encode(), [ADA.job])  # noqa: S608
        owner.execute("alter table public.generation_jobs add column number bigint generated always as identity")
        owner.execute(
            "alter table public.generation_jobs add column twice integer generated always as (cost_cents * 2) stored"
        )
        owner.execute("alter table public.generation_jobs add column gone text")
        owner.execute("alter table public.generation_jobs drop column gone")
        owner.execute("alter table public.generation_jobs add column kept text not null default 'yes'")
        owner.execute("alter table public.generation_jobs add column empty text default 'full'")
        owner.execute("update public.generation_jobs set empty = null, kept = 'no'")
        return owner

    def test_columns_added_by_the_app_are_restored_byte_for_byte(self, widened: psycopg.Connection) -> None:
        before = [widened.execute(WHOLE, [job]).fetchone() for job in (ADA.job, BEN.job)]

        widened.execute(SESSIONS)
        archive(widened, ADA.job, BEN.job)
        widened.execute("reset all")
        assert set(restore(widened, ADA.job, BEN.job)) == {ADA.job, BEN.job}

        assert [widened.execute(WHOLE, [job]).fetchone() for job in (ADA.job, BEN.job)] == before
        assert archived(widened) == set()

    def test_restored_job_gets_defaults_for_columns_added_later(self, owner: psycopg.Connection) -> None:
        archive(owner, ADA.job)
        owner.execute("create sequence public.numbers start 7")
        owner.execute(
            "alter table public.generation_jobs add column rank integer not null default nextval('public.numbers')"
        )
        owner.execute("alter table public.generation_jobs add column number integer generated by default as identity")
        owner.execute("alter table public.generation_jobs add column note text")
        taken = owner.execute("select max(rank), max(number) from public.generation_jobs").fetchone()
        restore(owner, ADA.job)
        rows = owner.execute(
            "select rank, number, note from public.generation_jobs where id = %s", [ADA.job]
        ).fetchall()
        assert taken is not None
        assert rows == [(taken[0] + 1, taken[1] + 1, None)]

    def test_job_is_restored_without_dropped_columns_whose_values_its_event_keeps(
        self, owner: psycopg.Connection
    ) -> None:
        owner.execute("alter table public.generation_jobs add column note text, add column rank integer")
        owner.execute("update public.generation_jobs set note = 'mine', rank = 7 where id = %s", [ADA.job])
        archive(owner, ADA.job, BEN.job)
        owner.execute("alter table public.generation_jobs drop column note")
        with acting(owner, ADA.id):
            assert restore(owner, ADA.job) == [ADA.job]
        assert set(restore(owner, ADA.job, BEN.job)) == {ADA.job, BEN.job}
        assert owner.execute("select rank from public.generation_jobs where id = %s", [ADA.job]).fetchone() == (7,)
        notes = owner.execute("select job_id, note from gjobs.job_events where kind = 'restored'").fetchall()
        assert dict(notes) == {ADA.job: 'Without dropped columns: {"note": "mine"}', BEN.job: None}
        assert archived(owner) == set()

    def test_restore_fails_when_a_trigger_of_the_app_changes_the_job(self, owner: psycopg.Connection) -> None:
        archive(owner, ADA.job)
        owner.execute(
            "create function public.shout() returns trigger language plpgsql as"
            " $$ begin new.mode := upper(new.mode); return new; end $$"
        )
        owner.execute(
            "create trigger shout before insert on public.generation_jobs for each row execute function public.shout()"
        )
        with pytest.raises(errors.RaiseException, match="did not come back as it was"):
            restore(owner, ADA.job)
        assert (present(owner), archived(owner)) == ({BEN.job}, {ADA.job})


class TestArchivePermissions:
    def test_user_archives_sees_and_restores_only_own_jobs(self, operator: psycopg.Connection) -> None:
        with acting(operator, ADA.id):
            assert archive(operator, ADA.job, BEN.job) == [ADA.job]
            assert archived(operator) == {ADA.job}
            assert restore(operator, ADA.job) == [ADA.job]
            assert present(operator) == {ADA.job}
        archive(operator, ADA.job, BEN.job)
        with acting(operator, BEN.id):
            assert archived(operator) == {BEN.job}
            assert restore(operator, ADA.job) == []
        with acting(operator, None, role="anon"):
            assert archived(operator) == set()

    def test_new_job_with_an_archived_id_does_not_replace_the_archived_job(self, operator: psycopg.Connection) -> None:
        archive(operator, ADA.job)
        with acting(operator, ADA.id):
            operator.execute("set local gjobs.restoring = 'on'")
            add_jobs(operator, ADA, id=ADA.job, cost_cents=0)
            assert archived(operator) == {ADA.job}
            assert kinds(operator, ADA.job) == ["created", "archived", "created"]

    def test_user_sees_own_archived_jobs_although_the_app_shows_others_too(self, owner: psycopg.Connection) -> None:
        owner.execute("create policy team on public.generation_jobs for select using (mode = 'lifestyle')")
        archive(owner, ADA.job, BEN.job)
        with acting(owner, ADA.id):
            assert archived(owner) == {ADA.job}
            assert restore(owner, ADA.job) == [ADA.job]
        owner.execute('drop policy "Users can view own generation jobs" on public.generation_jobs')
        with acting(owner, BEN.id):
            assert archived(owner) == set()

    def test_archive_is_reserved_for_the_operator_under_restrictive_policies(self, owner: psycopg.Connection) -> None:
        owner.execute(
            "create policy recent on public.generation_jobs as restrictive for select using (cost_cents < 1000)"
        )
        with acting(owner, ADA.id), pytest.raises(errors.RaiseException, match="did not take every job"):
            archive(owner, ADA.job)
        archive(owner, ADA.job)
        with acting(owner, ADA.id):
            assert archived(owner) == set()

    def test_job_that_cannot_be_moved_stays_where_it_is(self, owner: psycopg.Connection) -> None:
        owner.execute("alter table public.generation_jobs disable trigger gjobs_store_archived")
        with pytest.raises(errors.RaiseException, match="did not take every job"):
            archive(owner, ADA.job)
        assert ADA.job in present(owner)

        owner.execute("alter table public.generation_jobs enable always trigger gjobs_store_archived")
        archive(owner, ADA.job)
        owner.execute("alter table public.generation_jobs disable trigger gjobs_take_restored")
        with pytest.raises(errors.RaiseException, match="did not come back as it was"):
            restore(owner, ADA.job)
        assert ADA.job not in present(owner)

    def test_each_project_and_the_default_have_one_policy_that_the_project_owner_sees(
        self, operator: psycopg.Connection
    ) -> None:
        statement = (
            "insert into gjobs.retention_policies (project_id, older_than, action) values (%s, '1 day', 'delete')"
        )
        for project in (ADA.project, BEN.project, None):
            operator.execute(statement, [project])
            with pytest.raises(errors.UniqueViolation):
                operator.execute(statement, [project])
        with acting(operator, ADA.id):
            visible = operator.execute("select project_id from gjobs.visible_retention order by project_id")
            assert visible.fetchall() == [(ADA.project,), (None,)]


def test_trigger_of_the_app_may_name_a_table_without_its_schema(owner: psycopg.Connection) -> None:
    owner.execute("create table public.notes (what text)")
    owner.execute(
        "create function public.note() returns trigger language plpgsql as"
        " 'begin insert into notes values (tg_op); return null; end'"
    )
    owner.execute(
        "create trigger note after insert or delete on public.generation_jobs"
        " for each statement execute function public.note()"
    )

    assert restore(owner, *archive(owner, ADA.job)) == [ADA.job]

    assert owner.execute("select what from public.notes").fetchall() == [("DELETE",), ("INSERT",)]


def test_deleting_a_user_while_archiving_leaves_no_archived_job(operator: psycopg.Connection) -> None:
    with operator.transaction():
        operator.execute("set local gjobs.archiving = 'on'")
        operator.execute("delete from auth.users where id = %s", [ADA.id])
    assert (present(operator), archived(operator)) == ({BEN.job}, set())


def test_archived_job_of_a_deleted_project_stays_in_the_archive(operator: psycopg.Connection) -> None:
    archive(operator, ADA.job, BEN.job)
    operator.execute("delete from public.projects where id = %s", [ADA.project])
    with pytest.raises(errors.ForeignKeyViolation):
        restore(operator, ADA.job)
    assert restore(operator, BEN.job) == [BEN.job]
    assert archived(operator) == {ADA.job}


def test_removal_is_refused_while_the_archive_contains_jobs(owner: psycopg.Connection, migrated_copy: Conninfo) -> None:
    archive(owner, ADA.job)
    with pytest.raises(MigrationRefused, match="The archive holds 1 job\\.") as caught:
        remove(migrated_copy)
    assert "gjobs archive restore" in (caught.value.hint or "")
    assert read_status(migrated_copy).current == HEAD

    restore(owner, ADA.job)
    remove(migrated_copy)
    assert present(owner) == {ADA.job, BEN.job}
