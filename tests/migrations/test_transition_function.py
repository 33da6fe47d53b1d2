"""The function `transition_job_status` of the migrations."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from threading import Barrier
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gjobs.store.doctor import sql_checks
from gjobs.store.jobs.job import FINAL_STATUSES, TRANSITIONS, JobStatus
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, acting, add

FIXED = Path(sql_checks.__file__).with_name("sql") / "transition_job_status.sql"

CALLERS = 20

ROUNDS = 10


def transition(
    connection: psycopg.Connection, status: str | None, error: str | None = None, job: UUID = ADA.job
) -> bool:
    row = connection.execute("select public.transition_job_status(%s, %s, %s)", [job, status, error]).fetchone()
    assert row is not None
    return bool(row[0])


def set_status(operator: psycopg.Connection, status: JobStatus) -> None:
    operator.execute("update public.generation_jobs set status = %s where id = %s", [status, ADA.job])


def job(connection: psycopg.Connection) -> tuple[object, ...]:
    row = connection.execute("select status, error, updated_at from public.generation_jobs where id = %s", [ADA.job])
    found = row.fetchone()
    assert found is not None
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(calls=st.lists(st.tuples(st.sampled_from(JobStatus), st.none() | st.sampled_from(["time-out", ""]))))
def test_any_sequence_of_transition_calls_follows_the_rules(
    operator: psycopg.Connection, calls: list[tuple[JobStatus, str | None]]
) -> None:
    status, error = JobStatus.QUEUED, None
    with acting(operator, ADA.id):
        for target, given_error in calls:
            permitted = target in TRANSITIONS[status]
            assert transition(operator, target, given_error) is permitted
            if permitted:
                status, error = target, error if given_error is None else given_error
            assert job(operator)[:2] == (status, error)


def test_transition_from_each_status_to_each_follows_the_rules(operator: psycopg.Connection) -> None:
    for current, target in product(JobStatus, JobStatus):
        set_status(operator, current)
        before = job(operator)
        permitted = target in TRANSITIONS[current]

        with acting(operator, ADA.id):
            assert transition(operator, target, "a text") is permitted, (current, target)
            after = job(operator)

        assert after[:2] == (target, "a text") if permitted else after == before, (current, target)


def test_transition_without_an_error_keeps_the_earlier_one(operator: psycopg.Connection) -> None:
    operator.execute("update public.generation_jobs set status = 'running', error = 'slow' where id = %s", [ADA.job])

    with acting(operator, ADA.id):
        transition(operator, "failed")
        assert job(operator)[:2] == ("failed", "slow")
    with acting(operator, ADA.id):
        transition(operator, "failed", "time-out")
        assert job(operator)[:2] == ("failed", "time-out")


def test_transition_of_an_invisible_job_returns_false(operator: psycopg.Connection) -> None:
    for user, role in ((BEN.id, "authenticated"), (None, "authenticated"), (None, "anon")):
        with acting(operator, user, role):
            assert transition(operator, "running") is False
    assert job(operator)[0] == "queued"


def test_operator_can_transition_any_job(operator: psycopg.Connection) -> None:
    """The operator has no claims and sees every row."""
    assert transition(operator, "running", job=UUID(int=1)) is False
    assert transition(operator, "running") is True
    assert job(operator)[0] == "running"


def test_transition_to_an_unknown_status_violates_the_check_constraint(operator: psycopg.Connection) -> None:
    for status in ("done", "", "Running", None):
        with pytest.raises(psycopg.errors.CheckViolation) as refusal, acting(operator, ADA.id):
            transition(operator, status)

        assert refusal.value.diag.constraint_name == "generation_jobs_status_check"


class TestStatusOfTheApp:
    """The constraint of the app allows another status. Its function changes any job that has not ended."""

    @pytest.fixture(params=["app", "doctor", "gjobs"])
    def wider(self, request: pytest.FixtureRequest) -> Iterator[psycopg.Connection]:
        name = "migrated_copy" if request.param == "gjobs" else "attached_database"
        with connect(request.getfixturevalue(name), autocommit=True) as connection:
            connection.execute("alter table generation_jobs drop constraint generation_jobs_status_check")
            connection.execute(
                "alter table generation_jobs add constraint generation_jobs_status_check"
                " check (status in ('queued', 'running', 'succeeded', 'failed', 'paused'))"
            )
            if request.param == "doctor":
                connection.execute(FIXED.read_bytes())
            add(connection, ADA)
            yield connection

    def test_transitions_to_and_from_a_status_of_the_app_work_as_before(self, wider: psycopg.Connection) -> None:
        for current, target, moves in (
            *((status, "paused", status not in FINAL_STATUSES) for status in JobStatus),
            *(("paused", status, True) for status in (*JobStatus, "paused")),
        ):
            wider.execute("update generation_jobs set status = %s where id = %s", [current, ADA.job])
            with acting(wider, ADA.id):
                assert transition(wider, target) is moves, (current, target)
                assert job(wider)[0] == (target if moves else current)
        with pytest.raises(psycopg.errors.CheckViolation), acting(wider, ADA.id):
            transition(wider, "done")


def test_only_one_of_many_concurrent_transitions_succeeds(operator: psycopg.Connection, database: Conninfo) -> None:
    """In each round, twenty sessions start the same job, and then half complete it and half fail it."""
    together = Barrier(CALLERS)

    def call(number: int) -> list[tuple[bool, bool]]:
        outcomes = []
        claims = json.dumps({"sub": str(ADA.id), "role": "authenticated"})
        with connect(database, autocommit=True) as connection:
            connection.execute(
                "select set_config('role', 'authenticated', false), set_config('request.jwt.claims', %s, false)",
                [claims],
            )
            for _ in range(ROUNDS):
                if together.wait() == 0:
                    set_status(operator, JobStatus.QUEUED)
                together.wait()
                started = transition(connection, JobStatus.RUNNING)
                together.wait()
                ended = transition(connection, JobStatus.FAILED if number % 2 else JobStatus.SUCCEEDED)
                outcomes.append((started, ended))
        return outcomes

    with ThreadPoolExecutor(CALLERS) as pool:
        outcomes = list(pool.map(call, range(CALLERS)))

    for number, round_ in enumerate(zip(*outcomes, strict=True)):
        started, ended = zip(*round_, strict=True)
        assert (sum(started), sum(ended)) == (1, 1), f"round {number}"
