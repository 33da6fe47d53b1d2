"""Session fixtures of a hosted-like cluster, for all tests."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from gjobs.migrations.runner import upgrade
from gjobs.store.embedded.cluster import find_binaries
from tests.conftest import Conninfo, connect, copy_database, quick_directory, require_tool
from tests.hosted.cluster import OWNER, Server, copied, make_project, make_roles
from tests.hosted.pooler import Pooler, start_pooler
from tests.hosted.replica import Replica, start_replica
from tests.hosted.server_directory import Place, opened_place
from tests.hosted.tls import TlsServer, programs_with_tls, start_tls_server
from tests.other_server import VARIABLE, other_programs
from tests.tui.jobs_database import JobsDatabase, fill

GRANTED, UNGRANTED, GROWN = "granted", "ungranted", "grown"
"""The databases that tests copy."""

EVERYTHING = (
    "select xmin::text, j::text from public.generation_jobs j"
    " union all select xmin::text, p::text from public.projects p"
    " union all select xmin::text, u::text from auth.users u order by 2"
)


def programs() -> Path:
    """Return the directory of the Postgres programs: the embedded ones, or those under test."""
    return other_programs() if VARIABLE in os.environ else find_binaries().directory


@pytest.fixture(scope="session")
def hosted_place() -> Iterator[Place]:
    with opened_place(quick_directory()) as place:
        yield place


@pytest.fixture(scope="session")
def hosted_server(hosted_place: Place) -> Server:
    """A cluster with the roles of a hosted project, which ends with the run."""
    server = Server.on(hosted_place, programs(), "primary")
    server.initialise()
    server.start()
    make_roles(server)
    make_project(server, GRANTED, old_privileges=True)
    make_project(server, UNGRANTED, old_privileges=False)
    make_project(server, GROWN, old_privileges=False, grown=True)
    return server


@pytest.fixture(scope="session")
def killable_server(hosted_place: Place) -> Server:
    """A second cluster for tests that kill or freeze it. A failed test may leave it stopped."""
    server = Server.on(hosted_place, programs(), "killable")
    server.initialise()
    server.start()
    make_roles(server)
    make_project(server, GRANTED, old_privileges=True)
    return server


@pytest.fixture(scope="session")
def make_migrated(hosted_server: Server) -> Callable[[str], str]:
    """Return the name of a migrated copy of a template. Migrating takes ten times as long as copying."""

    @cache
    def migrated(template: str) -> str:
        name = f"{template}_migrated"
        with connect(hosted_server.administrator(), autocommit=True) as administrator:
            copy_database(administrator, template, name, owner=OWNER)
        upgrade(hosted_server.login(name))
        return name

    return migrated


@pytest.fixture(scope="session")
def read_database(hosted_server: Server) -> Iterator[Conninfo]:
    """The database of the tests with the mark `reads`. They use `app_database`."""
    with copied(hosted_server, GRANTED) as name:
        jobs_db = JobsDatabase(hosted_server.login(name))
        fill(jobs_db)
        before = jobs_db.sql(EVERYTHING)
        yield hosted_server.login(name)
        assert jobs_db.sql(EVERYTHING) == before
        jobs_db.close()


@contextmanager
def _copy(request: pytest.FixtureRequest, server: Server, template: str) -> Iterator[Conninfo]:
    """Copy the template, or its migrated copy if the test has the mark `migrated`."""
    if request.node.get_closest_marker("migrated"):
        template = request.getfixturevalue("make_migrated")(template)
    with copied(server, template) as name:
        yield server.login(name)


@pytest.fixture
def app_database(request: pytest.FixtureRequest, hosted_server: Server) -> Iterator[Conninfo]:
    """The owner's login to an empty database of the app, whose tables are granted to the request roles."""
    if request.node.get_closest_marker("reads"):
        yield request.getfixturevalue("read_database")
        return
    with _copy(request, hosted_server, GRANTED) as conninfo:
        yield conninfo


@pytest.fixture
def ungranted_database(request: pytest.FixtureRequest, hosted_server: Server) -> Iterator[Conninfo]:
    """The owner's login to a database of the app whose tables are granted to no request role."""
    with _copy(request, hosted_server, UNGRANTED) as conninfo:
        yield conninfo


@pytest.fixture
def grown_database(hosted_server: Server) -> Iterator[Conninfo]:
    """The owner's login to a database of an app with more statuses, columns, policies and functions, all granted."""
    with copied(hosted_server, GROWN) as name:
        yield hosted_server.login(name)


@pytest.fixture(scope="session")
def transaction_pooler(hosted_server: Server) -> Iterator[Pooler]:
    with start_pooler(hosted_server, require_tool("pgbouncer"), "transaction") as pooler:
        yield pooler


@pytest.fixture(scope="session")
def session_pooler(hosted_server: Server) -> Iterator[Pooler]:
    with start_pooler(hosted_server, require_tool("pgbouncer"), "session") as pooler:
        yield pooler


@pytest.fixture(scope="session")
def replica(hosted_server: Server) -> Iterator[Replica]:
    """A streaming replica of the cluster."""
    with start_replica(hosted_server) as replica:
        yield replica


@pytest.fixture(scope="session")
def tls_server(hosted_server: Server) -> Iterator[TlsServer]:
    """A separate cluster with the same roles that refuses unencrypted connections."""
    with_tls = programs_with_tls(hosted_server)
    if with_tls is None:
        pytest.skip("no Postgres with TLS is installed")
    with start_tls_server(hosted_server.place, with_tls, require_tool("openssl")) as server:
        yield server
