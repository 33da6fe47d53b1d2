"""The line above all: which database, whose eyes, whether it may write, how fresh."""

import pytest

from store.database.write_access import WriteMode
from store.errors import ReadOnly
from store.users.actor import OPERATOR
from tests.conftest import Conninfo
from tests.tui.driving import Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.world import JobsDatabase, job_id
from tui.dashboard.status_line import ConnectionStatus, status_content


async def test_header_names_the_database_and_the_acting_user(dashboard: Driver) -> None:
    assert dashboard.header.strip() == "gjobs  testbase · as ada@example.com · live every 1 min"


async def test_header_names_the_operator(jobs_db: JobsDatabase, database: Conninfo) -> None:
    async with drive_dashboard(WatchedApp(opener_of(database, actor=OPERATOR))) as driver:
        await driver.until(lambda: "as the operator" in driver.header)


async def test_read_only_session_is_shown_in_the_header_and_refuses_writes(
    jobs_db: JobsDatabase, database: Conninfo
) -> None:
    async with drive_dashboard(WatchedApp(opener_of(database, rule=WriteMode.CLOSED))) as driver:
        await driver.until(lambda: "· read-only ·" in driver.header)
        assert driver.app.connection.store is not None
        with pytest.raises(ReadOnly):
            await driver.app.connection.store.transition_job_status(job_id(1), "running")
        assert jobs_db.status(1) == "queued"


def make_status(**fields: object) -> ConnectionStatus:
    usual: dict[str, object] = {
        "database": "host/app",
        "actor_label": "ada@example.com",
        "read_only": False,
        "paused": False,
        "max_staleness": 2.0,
        "trouble": None,
    }
    return ConnectionStatus(**{**usual, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shown", "data_age", "text"),
    [
        (make_status(), 1.0, " gjobs  host/app · as ada@example.com · live every 2 s"),
        (make_status(read_only=True), 1.0, " gjobs  host/app · as ada@example.com · read-only · live every 2 s"),
        (
            make_status(has_partial_claims=True),
            1.0,
            " gjobs  host/app · as ada@example.com · partial claims · live every 2 s",
        ),
        (make_status(may_write=True), 1.0, " gjobs  host/app · as ada@example.com · may write · live every 2 s"),
        (make_status(paused=True), 95.0, " gjobs  host/app · as ada@example.com · ‖ paused, seen 1 min ago"),
        (make_status(paused=True), None, " gjobs  host/app · as ada@example.com · ‖ paused"),
        (
            make_status(trouble="no connection", paused=True),
            95.0,
            " gjobs  host/app · as ada@example.com · ✗ no connection",
        ),
        (make_status(database=None), None, " gjobs  no database yet · connecting …"),
        (make_status(database=None, trouble="no schema"), None, " gjobs  no database yet · ✗ no schema"),
        (make_status(is_exposed=True), 1.0, " gjobs  host/app · as ada@example.com · not encrypted · live every 2 s"),
        (
            make_status(origin="DATABASE_URL", read_only=True),
            1.0,
            " gjobs  DATABASE_URL host/app · as ada@example.com · read-only · live every 2 s",
        ),
        (make_status(database="Production", has_color=True), 1.0, " Production  as ada@example.com · live every 2 s"),
        (
            make_status(database="Production", has_color=True, address="host/app"),
            1.0,
            " Production  host/app · as ada@example.com · live every 2 s",
        ),
        (make_status(database="Production", has_color=True, actor_label=""), None, " Production  connecting …"),
        (
            make_status(database="Production", actor_label="", trouble="sign-in refused"),
            None,
            " gjobs  Production · ✗ sign-in refused",
        ),
        (make_status(database="h\x1b[31m", actor_label="a\n\u202eb"), 1.0, " gjobs  h␛[31m · as a⏎␦b · live every 2 s"),
    ],
)
def test_header_shows_the_connection_status(shown: ConnectionStatus, data_age: float | None, text: str) -> None:
    assert status_content(shown, data_age=data_age).plain == text


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (90, " The production database  db.example.com/app · as ada@example.com · live every 2 s"),
        (80, " The production database  as ada@example.com · live every 2 s"),
        (55, " The production…  as ada@example.com · live every 2 s"),
        (48, " The product…  as ada@example… · live every 2 s"),
    ],
)
def test_narrow_header_shortens_names_before_the_status(width: int, text: str) -> None:
    shown = make_status(database="The production database", has_color=True, address="db.example.com/app")
    assert status_content(shown, data_age=1.0, width=width).plain == text


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (90, " gjobs  /home/ada/.local/share/gjobs/socke…/shop · as ada@example.com · live every 2 s"),
        (80, " gjobs  /home/ada/.local/sha…/shop · as ada@example.com · live every 2 s"),
        (60, " gjobs  /home/…/shop · as ada@example… · live every 2 s"),
        (50, " gjobs  /h…/shop · as ada@exa… · live every 2 s"),
    ],
)
def test_narrow_header_shortens_the_server_path_before_the_database_name(width: int, text: str) -> None:
    shown = make_status(database="/home/ada/.local/share/gjobs/socket-3f2a/shop")
    assert status_content(shown, data_age=1.0, width=width).plain == text
