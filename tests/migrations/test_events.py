"""Events record every change of a job, and are visible like the jobs."""

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from gjobs.migrations.rollups import check_rollups
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, acting, add_jobs, events, kinds
from tests.migrations.test_budgets import limit_user

STATUSES = "select kind, from_status, to_status, cents_change from gjobs.job_events where job_id = %s order by id"

NEW_USER, NEW_JOB = UUID(int=0xDEAD), UUID(int=0xDEED)


def set_columns(connection: psycopg.Connection, assignments: str, job: UUID = ADA.job) -> None:
    connection.execute(
        f"update public.generation_jobs set {assignments} where id = %s".encode(),  # noqa: S608
        [job],
    )


class TestRecordedEvents:
    def test_events_record_every_change_of_a_job(self, operator: psycopg.Connection) -> None:
        set_columns(operator, "status = 'running'")
        set_columns(operator, "cost_cents = 300")
        set_columns(operator, "status = 'failed', error = 'timeout', cost_cents = 400")
        operator.execute("delete from public.generation_jobs where id = %s", [ADA.job])

        columns = "kind, from_status, to_status, error, cost_cents, cents_change"
        assert events(operator, ADA.job, columns) == [
            ("created", None, "queued", None, 250, 250),
            ("status", "queued", "running", None, 250, 0),
            ("cost", "running", "running", None, 300, 50),
            ("status", "running", "failed", "timeout", 400, 100),
            ("deleted", "failed", None, None, 400, -400),
        ]
        assert set(events(operator, ADA.job, "project_id, user_id, mode")) == {(ADA.project, ADA.id, "lifestyle")}

    def test_events_keep_the_start_and_the_end_of_a_long_error(self, operator: psycopg.Connection) -> None:
        """These suffice for its group. A job of an earlier moment names the error as not recorded."""
        for start in ("Timeout of worker 7 ", "Traceback (most recent call last):\n  File 'a.py'\n"):
            error = f"{start}{'ä' * 1_000_000}\nValueError: no image 12"
            operator.execute("update public.generation_jobs set status = 'failed', error = %s", [error])
            operator.execute("update public.generation_jobs set cost_cents = cost_cents + 1")
            ((moment,),) = operator.execute("select clock_timestamp()").fetchall()
            operator.execute("update public.generation_jobs set status = 'queued', error = null")

            recorded = events(operator, ADA.job, "error")[-2][0]
            assert isinstance(recorded, str)
            assert (recorded[:4000], recorded[-4000:]) == (error[:4000], error[-4000:])
            assert len(recorded) < 9000
            identity = "select gjobs.error_group(%s), gjobs.error_hash(%s)"
            whole, short = (operator.execute(identity, [one, one]).fetchone() for one in (error, recorded))
            assert whole == short
            then = operator.execute("select error, unrecorded from gjobs.jobs_at(%s) where id = %s", [moment, ADA.job])
            ((shown, unrecorded),) = then
            assert (shown, "error" in unrecorded.split(",")) == (recorded, True)
        longest = operator.execute("select max(length(former_error)) < 9000 from gjobs.job_event_log").fetchone()
        assert longest == (True,)

    KINDS = (
        ("retry_count = 1", "retry"),
        ("retry_count = 2, cost_cents = 1, error = 'x'", "retry"),
        ("error = 'y', cost_cents = 2", "error"),
        ("cost_cents = -1, mode = 'packaging'", "cost"),
        ("mode = 'lifestyle'", "changed"),
        ("status = 'running', retry_count = 3", "status"),
    )

    def test_event_kind_names_the_most_important_change(self, operator: psycopg.Connection) -> None:
        for assignments, kind in self.KINDS:
            set_columns(operator, assignments)
            assert kinds(operator, ADA.job)[-1] == kind, assignments
        assert len(kinds(operator, ADA.job)) == 1 + len(self.KINDS)

        for assignments in ("updated_at = now()", "cost_cents = cost_cents", "input_asset_id = null"):
            set_columns(operator, assignments)
            assert len(kinds(operator, ADA.job)) == 1 + len(self.KINDS), assignments

    def test_statement_on_many_jobs_records_one_event_per_job(self, operator: psycopg.Connection) -> None:
        """Before, the session has planned the statement for only one row."""
        set_columns(operator, "status = 'running'")
        made = add_jobs(operator, ADA, 5000)
        operator.execute("set statement_timeout = '20s'")
        operator.execute("update public.generation_jobs set status = 'running' where status = 'queued'")
        operator.execute("delete from public.generation_jobs where id <> all (%s)", [[ADA.job, BEN.job]])

        found = operator.execute(
            "select kind, from_status, to_status, count(*), count(distinct job_id) from gjobs.job_events"
            " where job_id = any (%s) group by 1, 2, 3 order by min(id)",
            [made],
        ).fetchall()
        assert found == [
            ("created", None, "queued", 5000, 5000),
            ("status", "queued", "running", 5000, 5000),
            ("deleted", "running", None, 5000, 5000),
        ]

    def test_changing_the_id_truncating_and_rolling_back(self, operator: psycopg.Connection) -> None:
        with operator.transaction(force_rollback=True):
            set_columns(operator, "status = 'running'")
        assert kinds(operator, ADA.job) == ["created"]
        operator.execute("truncate public.generation_jobs")
        last = operator.execute("select kind, job_id from gjobs.job_events order by id desc limit 1").fetchall()
        assert last == [("truncated", None)]
        add_jobs(operator, ADA, id=NEW_JOB)
        set_columns(operator, "id = gen_random_uuid()", NEW_JOB)
        assert kinds(operator, NEW_JOB) == ["created", "deleted"]

    def test_event_triggers_also_fire_for_replicated_writes(self, operator: psycopg.Connection) -> None:
        """Logical replication and restores write this way."""
        triggers = operator.execute(
            "select distinct tgenabled::text from pg_trigger"
            " where tgrelid = 'public.generation_jobs'::regclass and tgname like 'gjobs%'"
        ).fetchall()
        assert triggers == [("A",)]


class TestJobTimestamps:
    def test_job_start_keeps_the_first_start_time(self, operator: psycopg.Connection) -> None:
        set_columns(operator, "status = 'running'")
        first = started(operator)
        set_columns(operator, "status = 'queued'")
        set_columns(operator, "status = 'running'")
        assert started(operator) == first
        assert events(operator, ADA.job, "at")[1] == first

    def test_completed_at_is_set_when_a_job_finishes_and_cleared_when_requeued(
        self, operator: psycopg.Connection
    ) -> None:
        assert completed(operator) == (None, 0)
        set_columns(operator, "status = 'running'")
        assert completed(operator) == (None, 0)
        with operator.transaction():
            set_columns(operator, "status = 'succeeded'")
            (now,) = operator.execute("select now()").fetchone() or (None,)
        assert completed(operator) == (now, 0)
        set_columns(operator, "cost_cents = 7")
        assert completed(operator) == (now, 0)
        set_columns(operator, "status = 'queued', retry_count = 1")
        assert completed(operator) == (None, 1)

    def test_completed_at_of_a_given_or_copied_job(self, operator: psycopg.Connection) -> None:
        set_columns(operator, "status = 'failed', completed_at = '2026-01-01T00:00Z'")
        found = operator.execute(
            "select completed_at = '2026-01-01T00:00Z' from public.generation_jobs where id = %s", [ADA.job]
        ).fetchone()
        assert found == (True,)
        # A job that is copied from elsewhere ended earlier.
        for created_at, is_known in (("now()", True), ("now() - interval '1 day'", False)):
            found = operator.execute(
                "insert into public.generation_jobs (user_id, project_id, mode, status, created_at)"  # noqa: S608
                f" values (%s, %s, 'lifestyle', 'succeeded', {created_at}) returning completed_at is not null".encode(),
                [ADA.id, ADA.project],
            ).fetchone()
            assert found == (is_known,), created_at


def started(connection: psycopg.Connection) -> object:
    return connection.execute("select started_at from gjobs.job_starts where job_id = %s", [ADA.job]).fetchone()


def completed(connection: psycopg.Connection) -> object:
    return connection.execute(
        "select completed_at, retry_count from public.generation_jobs where id = %s", [ADA.job]
    ).fetchone()


class TestEventActor:
    COLUMNS = "actor_user_id, actor_role, application"

    def test_event_of_the_operator_records_role_and_application(self, operator: psycopg.Connection) -> None:
        operator.execute("set application_name = 'night shift'")
        set_columns(operator, "status = 'running'")
        assert events(operator, ADA.job, self.COLUMNS)[-1] == (None, operator.info.user, "night shift")

    def test_event_of_a_user_records_the_user_and_role(self, operator: psycopg.Connection) -> None:
        with acting(operator, ADA.id):
            set_columns(operator, "status = 'running'")
            assert events(operator, ADA.job, self.COLUMNS)[-1][:2] == (ADA.id, "authenticated")

    def test_event_of_the_service_role_hides_the_acting_user_from_the_owner(self, operator: psycopg.Connection) -> None:
        with acting(operator, BEN.id, "service_role"):
            set_columns(operator, "status = 'running'")
            assert events(operator, ADA.job, "user_id, actor_user_id")[-1] == (ADA.id, BEN.id)
        # Ada sees that somebody else made the change, but not who.
        with acting(operator, BEN.id, "service_role"):
            set_columns(operator, "status = 'running'")
            operator.execute("select set_config('role', 'authenticated', true)")
            operator.execute("select set_config('request.jwt.claims', %s, true)", [f'{{"sub": "{ADA.id}"}}'])
            assert events(operator, ADA.job, "user_id, actor_user_id, actor_role")[-1] == (ADA.id, None, "service_role")

    def test_unknown_user_in_the_claims_does_not_fail_the_write(self, operator: psycopg.Connection) -> None:
        for claims, user in (
            ("no JSON", None),
            ("{}", None),
            ('{"sub": "4711"}', None),
            (f'{{"sub": "{NEW_USER}"}}', NEW_USER),
        ):
            with operator.transaction(force_rollback=True):
                operator.execute("select set_config('request.jwt.claims', %s, true)", [claims])
                set_columns(operator, "status = 'running'")
                operator.execute("select set_config('request.jwt.claims', '', true)")
                assert events(operator, ADA.job, "kind, actor_user_id")[-1] == ("status", user), claims

    def test_event_records_the_new_owner_of_a_job(self, operator: psycopg.Connection) -> None:
        operator.execute("insert into auth.users (id) values (%s)", [NEW_USER])
        set_columns(operator, f"user_id = '{NEW_USER}'")
        assert events(operator, ADA.job, "kind, user_id") == [("created", ADA.id), ("changed", NEW_USER)]


class TestEventPermissions:
    def test_user_reads_events_of_own_jobs_even_after_deletion(self, operator: psycopg.Connection) -> None:
        set_columns(operator, "status = 'running'")
        operator.execute("delete from public.generation_jobs where id = %s", [ADA.job])
        with acting(operator, ADA.id):
            assert kinds(operator, ADA.job) == ["created", "status", "deleted"]
            assert kinds(operator, BEN.job) == []
        with acting(operator, BEN.id):
            assert kinds(operator, ADA.job) == []
            assert started(operator) is None

    def test_requests_without_claims_read_no_events(self, operator: psycopg.Connection) -> None:
        set_columns(operator, "status = 'running'")
        for role in ("anon", "authenticated"):
            with acting(operator, None, role):
                for view in ("job_events", "job_starts"):
                    assert operator.execute(f"select from gjobs.{view}".encode()).fetchall() == [], (view, role)

    def test_user_reads_events_of_exactly_the_jobs_that_policies_show(self, operator: psycopg.Connection) -> None:
        set_columns(operator, "status = 'running'")
        for policy, seen in (
            ("create policy shared on public.generation_jobs for select using (true)", [ADA.job, BEN.job]),
            ("create policy few on public.generation_jobs as restrictive for select using (mode = 'x')", []),
        ):
            with operator.transaction(force_rollback=True):
                operator.execute(policy.encode())
                with acting(operator, ADA.id):
                    found = operator.execute("select distinct job_id from gjobs.job_events order by 1").fetchall()
                    assert [job for (job,) in found] == seen
                    assert (started(operator) is not None) is bool(seen)

    def test_stuck_jobs_view_shows_only_jobs_of_the_reader(self, operator: psycopg.Connection) -> None:
        operator.execute("alter table public.generation_jobs disable trigger update_generation_jobs_updated_at")
        try:
            for user in (ADA, BEN):
                set_columns(operator, "status = 'running', updated_at = now() - interval '31 minutes'", user.job)
            assert stuck(operator) == [ADA.job, BEN.job]
            with acting(operator, BEN.id):
                assert stuck(operator) == [BEN.job]
            set_columns(operator, "updated_at = now() - interval '29 minutes'")
            assert stuck(operator) == [BEN.job]
        finally:
            operator.execute("alter table public.generation_jobs enable trigger update_generation_jobs_updated_at")


def stuck(connection: psycopg.Connection) -> list[UUID]:
    return [job for (job,) in connection.execute("select id from public.stuck_jobs order by id")]


class TestForgottenUser:
    """The log keeps the ids of deleted users until somebody removes them."""

    def test_forgotten_user_is_removed_from_the_log_the_archive_and_the_budgets(
        self, operator: psycopg.Connection, database: Conninfo
    ) -> None:
        (second,) = add_jobs(operator, ADA)
        with operator.transaction():
            operator.execute("select set_config('request.jwt.claims', %s, true)", [f'{{"sub": "{ADA.id}"}}'])
            set_columns(operator, "status = 'running'", BEN.job)
        set_columns(operator, f"user_id = '{BEN.id}'", second)
        for user in (ADA, BEN):
            limit_user(operator, user, 1000)
        operator.execute("select gjobs.archive_jobs(%s)", [[ADA.job, BEN.job]])
        operator.execute("delete from auth.users where id = %s", [ADA.id])

        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="not all events of this user are folded"):
            operator.execute("select gjobs.forget_user(%s)", [ADA.id])
        operator.execute("select gjobs.fold_events()")
        with operator.transaction():
            operator.execute("select set_config('request.jwt.claims', %s, true)", [f'{{"sub": "{ADA.id}"}}'])
            add_jobs(operator, BEN)
        of_ben = operator.execute(OF_BEN, {"user": BEN.id}).fetchone()
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="not all events of this user are folded"):
            operator.execute("select gjobs.forget_user(%s)", [ADA.id])
        operator.execute("select gjobs.fold_events()")
        operator.execute("select gjobs.forget_user(%s)", [ADA.id])

        for table in ("job_event_log", "archived_jobs", "budgets", "budget_spending", "budget_charges"):
            found = operator.execute(
                f"select from gjobs.{table} row where to_jsonb(row)::text like %s".encode(),
                [f"%{ADA.id}%"],
            )
            assert found.fetchall() == [], table
        assert kinds(operator, ADA.job) == ["created", "archived"]
        assert operator.execute(OF_BEN, {"user": BEN.id}).fetchone() == of_ben
        assert check_rollups(database).matches


OF_BEN = (
    "select (select count(*) from gjobs.job_events where user_id = %(user)s),"
    " (select count(*) from gjobs.archived_jobs where user_id = %(user)s),"
    " (select spent_cents from gjobs.budget_states where user_id = %(user)s)"
)


@pytest.fixture
def two_writers(operator: psycopg.Connection, database: Conninfo) -> Iterator[tuple[psycopg.Connection, ...]]:
    """Two connections that fail when they would have to wait for a lock."""
    with connect(database) as one, connect(database) as other:
        for connection in (one, other):
            connection.execute("set lock_timeout = 1")
            connection.commit()
        yield one, other


def test_event_writers_do_not_block_each_other(
    operator: psycopg.Connection, two_writers: tuple[psycopg.Connection, ...]
) -> None:
    """Not even if they create the first two jobs of a user, or fold meanwhile."""
    operator.execute("insert into auth.users (id) values (%s)", [NEW_USER])
    (project,) = operator.execute(
        "insert into public.projects (user_id, name) values (%s, 'New') returning id", [NEW_USER]
    ).fetchone() or (None,)
    with operator.transaction():
        operator.execute("select gjobs.fold_events()")
        for writer in two_writers:
            writer.execute(
                "insert into public.generation_jobs (user_id, project_id, mode) values (%s, %s, 'lifestyle')",
                [NEW_USER, project],
            )
    operator.execute("select gjobs.fold_events()")
    for writer in two_writers:
        writer.commit()

    with acting(operator, NEW_USER):
        assert operator.execute("select kind, user_id from gjobs.job_events").fetchall() == [("created", NEW_USER)] * 2
        assert operator.execute("select sum(job_count) from gjobs.job_counts").fetchall() == [(2,)]
