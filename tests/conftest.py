"""Shared fixtures. Each process of the run has its own server."""

import gc
import os
import shutil
import signal
import sys
import tempfile
import time
import uuid
from asyncio import AbstractEventLoop
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from hypothesis import settings
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from gjobs.migrations.runner import upgrade
from gjobs.store.embedded.server import open_server
from gjobs.store.embedded.server_files import ADMINISTRATOR, OWNER, ServerHandle
from gjobs.store.errors import name_database
from tests.event_loop import IdleAwareLoop
from tests.other_server import VARIABLE, open_other_server, other_programs, uses_a_server
from tests.shared_connection import SharedConnection

pytest_plugins = ["tests.hosted.hosted_fixtures", "tests.statement_recording"]

# The time of an example depends on the machine and its load.
settings.register_profile("any machine", deadline=None)

settings.load_profile("any machine")

Conninfo = Mapping[str, str | int]
"""libpq's parameters by name."""

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

EMPTY = """
delete from auth.users;
delete from gjobs.budgets;
delete from gjobs.budget_spending;
delete from gjobs.budget_charges;
delete from gjobs.archived_jobs;
delete from gjobs.retention_policies;
delete from gjobs.job_links;
delete from gjobs.job_leases;
delete from gjobs.workers;
delete from gjobs.job_event_log;
update gjobs.fold_state set removed_before = null, removed_to = null, recorded_since = '2026-01-01Z';
select gjobs.count_again();
"""
"""Deleting the users deletes everything except the rows that outlive the jobs."""

TESTS = Path(__file__).parent
GIGABYTE = 2**30
DAY, LONGEST_TEST = 86_400, 60
"""Seconds."""


def quick_directory() -> Path:
    """Return a directory in memory if there is room. Databases on a disk are ten times slower."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free >= GIGABYTE
    return memory if roomy else Path(tempfile.gettempdir())


def pytest_configure() -> None:
    """Undo two settings that the processes of the run, and the programs that they start, may have inherited.

    - No bytecode. Each process imports the tests, and hundreds start the program. Compiling every time took half of
      the import and a seventh of each start.
    - An ignored SIGINT or SIGHUP. Then no test could interrupt a program or close a terminal.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On another server, run only the tests that use a server. The others don't depend on it."""
    if VARIABLE in os.environ:
        config.hook.pytest_deselected(items=[item for item in items if not uses_a_server(item)])
        items[:] = filter(uses_a_server, items)


def pytest_collection() -> None:
    """Collect no garbage while importing the tests. It took a quarter of the import."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Collect garbage rarely, and never among the imported modules. It took a sixth of the run."""
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(10_000, 20, 50)


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], AbstractEventLoop]]:
    return {"idle-aware": IdleAwareLoop}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Run each test within one UTC day, the day of budgets and counts. In the day's last minute, wait for the next."""
    left = DAY - time.time() % DAY
    if left < LONGEST_TEST:
        time.sleep(left)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return not_skipped((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return not_skipped((yield))


def not_skipped(report: Report) -> Report:
    """Turn a skip into a failure if GJOBS_REQUIRE_ALL is 1."""
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("GJOBS_REQUIRE_ALL") == "1":
        report.outcome = "failed"
        report.longrepr = f"With GJOBS_REQUIRE_ALL=1 nothing may be skipped: {report.longrepr}"
    return report


def require_tool(name: str) -> str:
    """Return the path of a program, or skip the test if it is not installed."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


@pytest.fixture(autouse=True)
def no_database_in_advice() -> Iterator[None]:
    yield
    name_database(None)


@pytest.fixture(scope="session")
def server() -> Iterator[ServerHandle]:
    with started_server() as lease:
        yield lease


@contextmanager
def started_server(**further_settings: str) -> Iterator[ServerHandle]:
    """Start a server without fsync and JIT: the embedded one, or another one. The watchdog removes it with its
    directory.

    Compiling the plans of each new session takes three times as long as all the rest of a test.
    """
    data_dir = Path(tempfile.mkdtemp(prefix="gjobs-test-", dir=quick_directory()))
    data_dir.rmdir()
    settings = {"fsync": "off", "jit": "off", **further_settings}
    if VARIABLE in os.environ:
        lease = open_other_server(data_dir, programs=other_programs(), settings=settings, grace=1.0)
    else:
        lease = open_server(data_dir, settings=settings, grace=1.0, remove_after=True)
    with lease:
        yield lease


def connect(conninfo: Conninfo, *, autocommit: bool = False) -> psycopg.Connection:
    return psycopg.connect(make_conninfo("", **conninfo), autocommit=autocommit)


@contextmanager
def temporary_login(conninfo: Conninfo, name: str, *grants: str, bypasses: bool = True) -> Iterator[Conninfo]:
    """Create a login with these rights. On leaving, drop it."""
    with connect({**conninfo, "user": ADMINISTRATOR}, autocommit=True) as administrator:
        administrator.execute(f"create role {name} login {'bypassrls' if bypasses else ''}".encode())
        try:
            for grant in grants:
                administrator.execute(f"grant {grant} to {name}".encode())
            yield {**conninfo, "user": name}
        finally:
            administrator.execute(f"drop owned by {name}".encode())
            administrator.execute(f"drop role {name}".encode())


def copy_database(connection: psycopg.Connection, template: str, name: str, *, owner: str) -> None:
    """Copy a database by its files, the only way before Postgres 15. With a file copy, creating and dropping the
    database takes half as long as with a WAL copy.
    """
    strategy = "strategy file_copy" if connection.info.server_version >= 150_000 else ""
    connection.execute(
        SQL("create database {} owner {} template {} {}").format(
            Identifier(name), Identifier(owner), Identifier(template), SQL(strategy)
        )
    )


@contextmanager
def temporary_database(server: ServerHandle, template: str = "template1") -> Iterator[Conninfo]:
    """Create a database that the operator's role owns. On leaving, drop it even if clients are connected."""
    name = f"test_{uuid.uuid4().hex}"
    with connect({**server.conninfo, "user": ADMINISTRATOR, "dbname": "postgres"}, autocommit=True) as connection:
        copy_database(connection, template, name, owner=OWNER)
        try:
            yield {**server.conninfo, "dbname": name}
        finally:
            connection.execute(SQL("drop database {} with (force)").format(Identifier(name)))


@pytest.fixture(scope="session")
def migrated(server: ServerHandle) -> Iterator[str]:
    """The name of a migrated database to copy. No client may be connected to it."""
    with temporary_database(server) as conninfo:
        with connect({**conninfo, "user": ADMINISTRATOR}) as administrator:
            if administrator.info.server_version < 160_000:  # Only a superuser can create a role that bypasses RLS.
                administrator.execute(
                    "do $$ begin if to_regrole('service_role') is null then"
                    " create role service_role nologin noinherit bypassrls; end if; end $$"
                )
        upgrade(conninfo)
        yield str(conninfo["dbname"])


@pytest.fixture(scope="session")
def reused_database(server: ServerHandle, migrated: str) -> Iterator[Conninfo]:
    """The database behind `database`, one for each process of the run. Tests use `database`."""
    with temporary_database(server, template=migrated) as conninfo:
        yield conninfo


@pytest.fixture(scope="session")
def shared_connection(reused_database: Conninfo) -> Iterator[SharedConnection]:
    connection = SharedConnection(make_conninfo("", **reused_database))
    connection.as_new().execute(EMPTY)  # A copy of a database begins without valid rollups.
    yield connection
    connection.close()


@pytest.fixture
def database(reused_database: Conninfo, shared_connection: SharedConnection) -> Iterator[Conninfo]:
    """An empty migrated database for tests that don't change its schema. Its role is the operator."""
    yield reused_database
    shared_connection.as_new().execute(EMPTY)


@pytest.fixture
def operator_connection(database: Conninfo, shared_connection: SharedConnection) -> psycopg.Connection:
    """A connection to `database` as the operator, in autocommit. Tests must not close it."""
    return shared_connection.as_new()


@pytest.fixture
def migrated_copy(server: ServerHandle, migrated: str) -> Iterator[Conninfo]:
    """A migrated database for one test, which may change its schema."""
    with temporary_database(server, template=migrated) as conninfo:
        yield conninfo


@pytest.fixture
def blank_database(server: ServerHandle) -> Iterator[Conninfo]:
    """A database without tables for one test. The operator's role owns it."""
    with temporary_database(server) as conninfo:
        yield conninfo


@pytest.fixture
def hosted_database(blank_database: Conninfo) -> Conninfo:
    """A hosted project before the app's first migration."""
    make_hosted(blank_database)
    return blank_database


@pytest.fixture(scope="session")
def attached_template(server: ServerHandle) -> Iterator[str]:
    """The name of a database with the app's schema to copy. No client may be connected to it."""
    with temporary_database(server) as conninfo:
        make_hosted(conninfo)
        run_file(conninfo, TESTS / "app_schema.sql")
        yield str(conninfo["dbname"])


@pytest.fixture
def attached_database(server: ServerHandle, attached_template: str) -> Iterator[Conninfo]:
    """A hosted project with the app's schema, for one test. No migration of gjobs has run."""
    with temporary_database(server, template=attached_template) as conninfo:
        yield conninfo


def make_hosted(conninfo: Conninfo) -> None:
    for file in ("auth_schema.sql", "hosted_project.sql"):
        run_file({**conninfo, "user": ADMINISTRATOR}, TESTS / file)


def run_file(conninfo: Conninfo, file: Path) -> None:
    with connect(conninfo) as connection:
        connection.execute(file.read_bytes())
