"""Errors that no server gives yet: each is understood by its class, and none by a guess."""

import asyncio
from collections.abc import Collection, Sequence
from uuid import UUID

import pytest
from psycopg import errors
from psycopg.errors import _class_for_state

from store.database.driver_errors import is_connection_lost, translate
from store.errors import Conflict, ServerFailure, SignInRefused, StoreError, UnexpectedError, Unreachable
from store.jobs.job import AnyStatus, parse_status
from store.leases.lease import Ending
from store.worker.lease_client import LeaseClient
from store.worker.worker_events import AttemptStarted, DatabaseRecovered, DatabaseUnavailable, LeaseLost, is_transient
from tests.store.database.test_driver_errors import refusal_of
from tests.store.faulty_servers import RejectingServer, fatal, listening
from tests.store.worker.conftest import WorkerEnv, do_nothing


def unknown(sqlstate: str) -> errors.Error:
    """As the driver makes it of a SQLSTATE that it does not know."""
    error: errors.Error = _class_for_state(sqlstate)("something new")
    error.sqlstate = sqlstate
    return error


@pytest.mark.parametrize(
    ("sqlstate", "kind", "is_passing"),
    [
        ("08999", Unreachable, True),
        ("28999", SignInRefused, False),
        ("40999", Conflict, True),
        ("53999", ServerFailure, True),
        ("57999", ServerFailure, True),
        ("58999", ServerFailure, True),
        ("XX999", ServerFailure, True),
        ("22999", UnexpectedError, False),
        ("99999", UnexpectedError, False),
    ],
)
def test_unknown_sqlstate_is_understood_by_its_class(sqlstate: str, kind: type[StoreError], is_passing: bool) -> None:
    error = translate(unknown(sqlstate))
    assert type(error) is kind
    assert error.sqlstate == sqlstate
    assert is_transient(error) is is_passing


def test_connection_error_of_an_unknown_kind_leaves_the_outcome_open() -> None:
    assert is_connection_lost(unknown("08999"))
    assert not is_connection_lost(unknown("57999"))


async def test_refusal_of_a_login_in_unknown_words_is_not_repeated_by_itself() -> None:
    """Hosts ban an address for that. A refusal that names no login is not about the password."""
    server = RejectingServer(fatal("28999", "the moon of ada is full"), asks_for_password=True)
    async with listening(server.serve, "127.0.0.1") as port:
        error = await refusal_of({"host": "127.0.0.1", "port": port, "user": "ada", "password": "right"})
    assert type(error) is SignInRefused
    assert server.visits == 1


async def test_worker_outlives_a_status_that_it_does_not_know(env: WorkerEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer to a job's end is lost, and meanwhile the app has given the job a status of its own."""
    is_lost = asyncio.Event()
    end = LeaseClient.end

    async def answer_is_lost(self: LeaseClient, endings: Sequence[Ending]) -> set[UUID]:
        await end(self, endings)
        if not is_lost.is_set():
            is_lost.set()
            raise Unreachable("The connection was lost.")
        return set()

    async def of_the_apps_own(self: LeaseClient, job_ids: Collection[UUID]) -> dict[UUID, AnyStatus]:
        return {job_id: parse_status("cancelled") for job_id in job_ids}

    monkeypatch.setattr(LeaseClient, "end", answer_is_lost)
    monkeypatch.setattr(LeaseClient, "statuses", of_the_apps_own)
    env.queue()
    worker, told = env.make_worker(do_nothing)
    await worker.run(once=True)
    assert [type(one) for one in told] == [AttemptStarted, DatabaseUnavailable, DatabaseRecovered, LeaseLost]
