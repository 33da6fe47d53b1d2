"""The user picker: the server searches while the user types."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import pytest
from textual.widgets import OptionList

from gjobs.store.embedded.server_files import ADMINISTRATOR
from gjobs.store.errors import TimedOut
from gjobs.store.users.actor import ActingUser
from gjobs.store.users.user_sql import FoundUser
from tests.conftest import Conninfo, connect
from tests.tui.dashboard.dashboard_driver import (
    AS_BEN,
    Drive,
    Driver,
    FrozenStore,
    WatchedApp,
    drive_dashboard,
    opener_of,
)
from tests.tui.jobs_database import ADA, BEN, JobsDatabase

ANNA = UUID("a9000000-0000-4000-8000-000000000000")

CLEO = UUID("c0000000-0000-4000-8000-000000000000")

TITLE = "Act as which user?"

OPERATOR_LINE = "the operator  the role in the database URL"

ANON_LINE = "anon  a visitor who has not signed in"

ADA_LINE = "ada@example.com  7 jobs, last 1 min ago"

BEN_LINE = "ben@example.com  1 job, last 8 min ago"


@pytest.fixture
async def picker(jobs_db: JobsDatabase, dashboard: Driver) -> Driver:
    """A dashboard with the picker open and a third user, Cleo, who has no e-mail."""
    jobs_db.sql("insert into auth.users (id) values (%s)", CLEO)
    await dashboard.press("u", dialog=TITLE)
    return dashboard


def choices(driver: Driver) -> list[str]:
    return [str(option.prompt).strip() for option in driver.app.screen.query_one(OptionList).options]


async def lists(driver: Driver, *expected: str) -> None:
    await driver.until(lambda: choices(driver) == list(expected))


async def test_picker_lists_users_by_activity_and_an_early_enter_needs_a_single_match(picker: Driver) -> None:
    await lists(picker, OPERATOR_LINE, ANON_LINE, ADA_LINE, BEN_LINE, "no e-mail, c0000000  0 jobs")
    await picker.type("c000")
    await lists(picker, "no e-mail, c0000000  0 jobs", "Find the id c000  a job, project, asset or user")
    await picker.type("nobody@", shows="No match.")
    await picker.press("enter", dialog=TITLE)
    await picker.type(str(ADA))
    await lists(picker, ADA_LINE, f"Find the id {ADA}  a job, project, asset or user")
    await picker.type("operator")
    await lists(picker, OPERATOR_LINE)
    await picker.press("enter", shows="as the operator")

    await picker.press("u", dialog=TITLE)
    await picker.press(*"example", "enter")
    await lists(picker, ADA_LINE, BEN_LINE)
    await picker.has_dialog(TITLE)
    await picker.press("down", "enter", shows="as ben@example.com")
    await picker.press("u", *"ada", "enter", shows="as ada@example.com")


async def test_user_picker_offers_a_visitor_and_the_level_of_a_sign_in(picker: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.sql(
        "create policy second_factor on generation_jobs as restrictive for select to authenticated"
        " using (auth.jwt() ->> 'aal' = 'aal2')"
    )
    jobs_db.sql("insert into auth.users (id, email) values (%s, 'anna@example.com')", ANNA)
    try:
        await picker.press("ctrl+l", shows=("two factors (aal2)", "^l switch sign-in", "esc close"))
        await picker.type("ada@", "enter", shows="as ada@example.com (aal2)", rows=[1, 2, 3, 4, 5, 6])
        await picker.press("u", "ctrl+l", shows="one factor (aal1)")
        await picker.type("ada@", "enter", shows="as ada@example.com ·", rows=[])

        await picker.press("u", dialog=TITLE)
        await picker.type("an")
        await lists(picker, "anna@example.com  0 jobs", ANON_LINE)
        await picker.type("anon", "enter", shows="as anon", hides="ada@example.com")
    finally:
        jobs_db.sql("drop policy second_factor on generation_jobs")


async def test_deleted_acting_user_is_reported_unlike_an_idle_one(jobs_db: JobsDatabase, picker: Driver) -> None:
    await picker.type("c000", "enter", shows=(f"as {CLEO}", "No projects found."))
    await picker.refreshes()
    assert not picker.warnings
    await picker.act_as(AS_BEN, shows=("as ben@example.com", "Costs · Trail gear"))

    jobs_db.sql("delete from auth.users where id = %s", BEN)
    await picker.press("r")
    await picker.shows_message(
        "ben@example.com sees nothing, because the user was deleted. Press u to act as another user."
    )


async def test_hidden_user_is_not_reported_as_deleted(attached_database: Conninfo, recording_login: str) -> None:
    with connect({**attached_database, "user": ADMINISTRATOR}, autocommit=True) as administrator:
        administrator.execute("insert into auth.users (id, email) values (%s, 'ben@example.com')", [BEN])
        for statement in (
            f"grant usage on schema auth to {recording_login}",
            f"grant select on auth.users, public.generation_jobs, public.projects, public.assets to {recording_login}",
            "alter table auth.users enable row level security",
            f"create policy shown on auth.users to {recording_login} using (email = 'ada@example.com')",
        ):
            administrator.execute(statement.encode())
    opener = opener_of(
        {**attached_database, "user": recording_login}, actor=ActingUser(id=BEN, email="ben@example.com")
    )
    async with drive_dashboard(WatchedApp(opener)) as driver:
        await driver.shows("as ben@example.com", "No projects found.")
        await driver.until(
            lambda: all(worker.is_finished for worker in driver.app.workers if worker.group == "deleted user")
        )
        assert not driver.warnings


class SlowStore(FrozenStore):
    """A store that holds each user search at a gate and records the searches and the canceled ones."""

    searches: list[str]
    canceled: list[str]
    gates: defaultdict[str, asyncio.Event]

    async def find_users(self, text: str, *, limit: int = 50) -> Sequence[FoundUser]:
        self.searches.append(text)
        try:
            await self.gates[text].wait()
        except asyncio.CancelledError:
            self.canceled.append(text)
            raise
        if text == "broken":
            raise TimedOut("The database took too long, so the statement was stopped.")
        return await super().find_users(text, limit=limit)


async def until_searched(driver: Driver, text: str) -> None:
    await driver.until(lambda: text in SlowStore.searches)


@pytest.fixture
async def slow(drive: Drive) -> AsyncIterator[Driver]:
    SlowStore.searches, SlowStore.canceled, SlowStore.gates = [], [], defaultdict(asyncio.Event)
    async with drive(make=SlowStore) as driver:
        yield driver


async def test_picker_opens_before_its_results_and_cancels_outdated_searches(slow: Driver) -> None:
    await slow.press("u", *"ben", dialog=TITLE, shows=("ben", "Searching …"))
    await until_searched(slow, "ben")
    SlowStore.gates["ben"].set()
    await lists(slow, BEN_LINE)
    await slow.press("escape", dialog="")

    SlowStore.gates["ben"].clear()
    SlowStore.searches.clear()
    SlowStore.canceled.clear()
    await slow.press("u")
    for text in ("", "ada", "ben"):
        await slow.type(text)
        await until_searched(slow, text)
    await slow.until(lambda: SlowStore.canceled == ["", "ada"])
    SlowStore.gates["ada"].set()
    SlowStore.gates["ben"].set()
    await lists(slow, BEN_LINE)

    await slow.type("")
    SlowStore.searches.clear()
    await slow.press(*"example")
    await until_searched(slow, "example")
    assert len(SlowStore.searches) < 2 + len("example")

    SlowStore.gates["broken"].set()
    await slow.type("broken", shows=("The database took too long", "or narrow the query."))
    await slow.type("ada")
    await lists(slow, ADA_LINE)
