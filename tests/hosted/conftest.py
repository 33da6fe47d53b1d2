"""The app's own database with rows, and the logins to it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.cli.conftest import gjobs, one_parser, quiet_environment
from tests.conftest import Conninfo
from tests.hosted.access_routes import Login
from tests.hosted.cluster import Server
from tests.hosted.pooler import Pooler
from tests.hosted.reader_login import reader_made
from tests.hosted.replica import Replica
from tests.tui.conftest import still_terminal
from tests.tui.jobs_database import JobsDatabase, fill

__all__ = ["gjobs", "one_parser", "quiet_environment", "still_terminal"]


@pytest.fixture
def jobs_db(request: pytest.FixtureRequest, app_database: Conninfo) -> Iterator[JobsDatabase]:
    """The app's database with two users, three projects and eight jobs."""
    jobs_db = JobsDatabase(app_database)
    if not request.node.get_closest_marker("reads"):
        fill(jobs_db)
    yield jobs_db
    jobs_db.close()


@pytest.fixture
def one_idle_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the doctor measure one poll instead of five, for tests of its other findings."""
    monkeypatch.setattr("gjobs.store.doctor.examine._POLLS", 1)


@pytest.fixture
def owner(app_database: Conninfo, hosted_server: Server) -> Login:
    return Login(
        conninfo=app_database, database=str(app_database["dbname"]), server=hosted_server, primary=hosted_server
    )


@pytest.fixture
def least_privilege(owner: Login) -> Login:
    """A login that bypasses row level security but may only read the three tables."""
    login = owner.server.login(owner.database, "least_privilege")
    return replace(owner, conninfo=login, is_owner=False, writes=False)


@pytest.fixture
def manual_reader(owner: Login) -> Iterator[Login]:
    """The read-only login of the manual."""
    with reader_made(owner.server, owner.database) as login:
        yield replace(owner, conninfo=login, is_owner=False, writes=False)


@pytest.fixture
def reader_by_policies(owner: Login) -> Iterator[Login]:
    """The read-only login of the manual for projects that cannot grant `bypassrls`."""
    with reader_made(owner.server, owner.database, by_policies=True) as login:
        yield replace(owner, conninfo=login, is_owner=False, writes=False)


@pytest.fixture
def pooled_by_transaction(owner: Login, transaction_pooler: Pooler) -> Login:
    return replace(owner, conninfo=transaction_pooler.login(owner.database))


@pytest.fixture
def pooled_by_session(owner: Login, session_pooler: Pooler) -> Login:
    return replace(owner, conninfo=session_pooler.login(owner.database))


@pytest.fixture
def replicated(owner: Login, replica: Replica, jobs_db: JobsDatabase) -> Login:
    replica.catch_up()
    return replace(owner, conninfo=replica.login(owner.database), server=replica.server, writes=False)


@pytest.fixture(
    params=[
        "owner",
        "least_privilege",
        "manual_reader",
        "pooled_by_transaction",
        "pooled_by_session",
        pytest.param("replicated", marks=pytest.mark.xdist_group("replica")),
    ]
)
def login(request: pytest.FixtureRequest, jobs_db: JobsDatabase) -> Login:
    """Each login in turn, to the database with rows."""
    found: Login = request.getfixturevalue(request.param)
    return found
