"""Finding an entity by its id or id prefix in the find field and the pickers, and searching users while typing."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Unpack
from uuid import UUID

import pytest
from textual import events
from textual.widgets import OptionList

from gjobs.store.embedded.server_files import ADMINISTRATOR
from gjobs.store.errors import TimedOut
from gjobs.store.jobs.job_results import CappedCount
from gjobs.store.users.actor import OPERATOR, ActingUser
from gjobs.store.users.user_sql import FoundUser
from gjobs.tui.dashboard.features.navigation import actor_choices
from gjobs.tui.dashboard.list.filter_bar import FilterField
from tests.conftest import Conninfo, connect
from tests.tui.dashboard.dashboard_driver import (
    AS_BEN,
    Drive,
    Driver,
    Expected,
    FrozenStore,
    WatchedApp,
    drive_dashboard,
    opener_of,
)
from tests.tui.jobs_database import ADA, AUTUMN, BEN, SPRING, TRAIL, JobsDatabase, job_id, short
from tests.tui.sample_jobs import NOON

ASSET = UUID("a5000000-0000-4000-8000-000000000000")

UNUSED = UUID("a6000000-0000-4000-8000-000000000000")

BENS_ASSET = UUID("b5000000-0000-4000-8000-000000000000")

BEEF = UUID("beef0003-0000-4000-8000-000000000000")


@pytest.fixture
def jobs_db(jobs_db: JobsDatabase) -> JobsDatabase:
    """Add an asset of the jobs 2 and 5, an unused asset of Ada, and an asset of Ben."""
    jobs_db.asset(ASSET, "uploads/shoe.png")
    jobs_db.asset(UNUSED, "uploads/hat.png", project=SPRING)
    jobs_db.asset(BENS_ASSET, "uploads/\x1btent.png", project=TRAIL, owner=BEN)
    jobs_db.sql(
        "update public.generation_jobs set input_asset_id = %s where mode in ('packaging', 'feature_callout')", ASSET
    )
    return jobs_db


async def find(driver: Driver, text: object, **expected: Unpack[Expected]) -> None:
    await driver.filter(str(text), "enter", **expected)


async def test_finding_a_job_id_opens_the_job_and_selects_its_project(dashboard: Driver) -> None:
    for text, number, project in (
        (job_id(7).hex.upper(), 7, "Spring lookbook"),
        (f" {short(3)}", 3, "Autumn catalog"),
    ):
        await dashboard.press("5", shows="Failed jobs · ")
        await find(dashboard, text, dialog="Job", shows=("✓ succeeded", str(job_id(number))))
        await dashboard.press("escape", shows=(f"Costs · {project}", "newest first"))
        assert dashboard.cursor == number
    await dashboard.show_project("Autumn catalog")

    dashboard.table.post_message(events.Paste("delete all of them"))
    await dashboard.refreshes()
    assert dashboard.app.focused is dashboard.table
    assert len(dashboard.rows) == 6, "only a pasted id goes into the field"

    dashboard.table.post_message(events.Paste(f" {job_id(7)}\n"))
    await dashboard.until(lambda: isinstance(dashboard.app.focused, FilterField))
    await dashboard.press("escape")
    dashboard.clear_messages()

    # Ids that listed jobs hold filter the list.
    for identifier, rows in ((job_id(3), [3]), (str(ASSET)[:8], [2, 5]), ("nothing like it", [])):
        await find(dashboard, identifier, rows=rows, dialog="")
    assert dashboard.warnings == []


async def test_finding_an_id_selects_a_project_beyond_the_listed_ones(operator: Driver, jobs_db: JobsDatabase) -> None:
    """Only the newest projects are listed. A found project stays selected even without jobs."""
    await operator.press("p", dialog="Show which project?")
    await operator.type(str(TRAIL), "enter", shows="Costs · Trail gear")

    jobs_db.sql(
        "insert into public.projects (user_id, name) select %s, 'New ' || n from generate_series(1, 500) n", ADA
    )
    jobs_db.project(UUID("beef0000-0000-4000-8000-000000000000"), "Very old", days_ago=900)
    await operator.refreshes()
    await find(operator, "beef0000", shows=("Costs · Very old", "This project has no jobs. Press n to create one."))
    await operator.refreshes(shows="Costs · Very old")


async def test_found_id_lists_jobs_asks_or_reports_hidden_rows(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    for identifier, name, key in (
        (job_id(8), "job lifestyle 00000008", "v to see why"),
        (BENS_ASSET, "asset uploads/␛tent.png", "u to act as the operator"),
    ):
        await find(
            dashboard, identifier, message=f"The {name} exists, but ada@example.com does not see it. Press {key}."
        )
        await dashboard.shows("Costs · Autumn catalog")
        assert dashboard.dialog == ""
    unknown = "dead0000-0000-4000-8000-00000000dead"
    await find(dashboard, unknown, message=f"No job, project, asset or user has the id {unknown}, neither for ada@")

    shown = "No listed job uses the asset uploads/hat.png. Showing its project."
    await find(dashboard, UNUSED, message=shown, rows=[7])
    await find(dashboard, ASSET, shows=("Costs · Autumn catalog", "Jobs · with asset:"), rows=[2, 5])
    await dashboard.press("enter", on=2, dialog="Job")
    await dashboard.shows(f"ada@example.com  {ADA}", f"uploads/shoe.png  {ASSET}", f"Autumn catalog  {AUTUMN}")
    await dashboard.press("escape")

    for number in (0xBEEF0001, 0xBEEF0002):
        jobs_db.job(number, project=SPRING, minutes_ago=3)
    jobs_db.project(BEEF, "Be\x1bef", days_ago=9)
    # The operator counts this job in the project. Nevertheless, it is the same project.
    jobs_db.job(0xBEEF0004, project=BEEF, owner=BEN, minutes_ago=3)
    jobs_db.sql("insert into auth.users (id) values ('beef0005-0000-4000-8000-000000000000')")
    await find(dashboard, "beef", dialog="Which one?")
    await dashboard.shows(
        "Job lifestyle beef0001", "Job lifestyle beef0002", "Project “Be␛ef”", "User no e-mail, beef0005"
    )
    assert dashboard.text.count("Project “Be␛ef”") == 1
    assert dashboard.text.count("hidden from ada@example.com") == 1
    await dashboard.press("down", "enter", dialog="Job", shows="beef0002-0000-0000-0000-000000000000")
    await dashboard.press("escape", dialog="")

    await find(dashboard, BEN, shows=("as ben@example.com", "Costs · Trail gear", "Jobs · 1, newest first"), rows=[8])


BUSY = FoundUser(
    id=UUID(int=0xB), email="ben@example.com", job_count=CappedCount(number=10_000, is_more=True), last_job_at=NOON
)


def test_choice_of_a_busy_user_shows_a_capped_number() -> None:
    (choice,) = actor_choices([BUSY], OPERATOR, "ben", NOON)
    assert (choice.label, choice.detail) == ("ben@example.com", "≥ 10,000 jobs, last now")


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
    await picker.type("OPERator")
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
    await picker.press("u", dialog=TITLE)
    await lists(picker, OPERATOR_LINE, ANON_LINE, "ben@example.com", ADA_LINE, "no e-mail, c0000000  0 jobs")


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
