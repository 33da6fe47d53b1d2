"""Fixtures of a hosted-like cluster, for every test: made when first asked for, and one for each process of the run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.embedded.postgres_programs import find_binaries
from tests.conftest import Conninfo, quick_directory, require_tool
from tests.hosted.cluster import Server, copied, make_project, make_roles
from tests.hosted.pooler import Pooler, start_pooler
from tests.hosted.replica import Replica, start_replica
from tests.hosted.server_directory import Place, opened_place
from tests.hosted.tls import TlsServer, programs_with_tls, start_tls_server
from tests.other_server import VARIABLE

GRANTED, UNGRANTED, GROWN = "granted", "ungranted", "grown"

"""Databases to copy."""


def programs() -> Path:
    """Those of the embedded server, or of another."""
    return Path(os.environ[VARIABLE]).absolute() if VARIABLE in os.environ else find_binaries().directory


@pytest.fixture(scope="session")
def hosted_place() -> Iterator[Place]:
    with opened_place(quick_directory()) as place:
        yield place


@pytest.fixture(scope="session")
def hosted_server(hosted_place: Place) -> Server:
    """Its roles are there; `supabase_admin` is the superuser, `postgres` the owner. It ends with the run."""
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
    """The same once more, for tests that kill and freeze it. One that fails may leave it dead."""
    server = Server.on(hosted_place, programs(), "mortal")
    server.initialise()
    server.start()
    make_roles(server)
    make_project(server, GRANTED, old_privileges=True)
    return server


@pytest.fixture
def app_database(hosted_server: Server) -> Iterator[Conninfo]:
    """The app's own, without a row; on TCP as the owner, with their password. Granted to the roles of requests."""
    with copied(hosted_server, GRANTED) as name:
        yield hosted_server.login(name)


@pytest.fixture
def ungranted_database(hosted_server: Server) -> Iterator[Conninfo]:
    """The same, of a project with which new tables grant nothing to the roles of requests."""
    with copied(hosted_server, UNGRANTED) as name:
        yield hosted_server.login(name)


@pytest.fixture
def grown_database(hosted_server: Server) -> Iterator[Conninfo]:
    """The same as the app has it in 2026: further statuses, columns, claims in policies, and functions; all granted."""
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
    """Streams from the cluster; `catch_up` waits for what was committed there."""
    with start_replica(hosted_server) as replica:
        yield replica


@pytest.fixture(scope="session")
def tls_server(hosted_server: Server) -> Iterator[TlsServer]:
    """A cluster of its own, with the same roles and no database of the app's, that takes nobody without encryption."""
    with_tls = programs_with_tls(hosted_server)
    if with_tls is None:
        pytest.skip("no Postgres with TLS is installed")
    with start_tls_server(hosted_server.place, with_tls, require_tool("openssl")) as server:
        yield server
