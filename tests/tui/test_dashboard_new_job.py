"""The form of a new job: what is proposed, what is explained, and that nothing typed is lost."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from textual import events
from textual.widgets import Input, Select

from store.errors import Unreachable
from store.jobs.job import GenerationJob
from tests.conftest import Conninfo
from tests.tui.driving import Driver, FrozenStore, WatchedApp, drive_dashboard, opener_of
from tests.tui.world import AUTUMN, SPRING, JobsDatabase

MUG = UUID("c1000000-0000-4000-8000-000000000000")

HAT = UUID("c2000000-0000-4000-8000-000000000000")


@pytest.fixture
async def form(jobs_db: JobsDatabase, dashboard: Driver) -> Driver:
    """The form is open, with an asset in each of Ada's projects."""
    jobs_db.asset(MUG, "mug.png")
    jobs_db.asset(HAT, "hat.png", project=SPRING)
    await dashboard.press("n")
    await dashboard.until(lambda: asset_names(dashboard) == ["mug.png"])
    return dashboard


def asset_names(driver: Driver) -> list[str]:
    choices: list[Select[UUID]] = list(driver.app.screen.query("#asset").results(Select))
    return [str(prompt).split()[1] for select in choices for prompt, value in select._options if value != Select.NULL]


async def fill_in(form: Driver, field: str, text: str) -> None:
    await form.focus_on(f"#{field}")
    await form.type(text)


async def test_new_job_form_starts_with_default_values(form: Driver) -> None:
    await form.has_dialog("New job")
    assert form.app.screen.query_one("#project", Select).value == AUTUMN
    assert form.app.screen.query_one("#mode", Input).value == "main_white"
    assert form.app.screen.query_one("#cost", Input).value == "100"
    assert form.app.screen.query_one("#asset", Select).value == Select.NULL


async def test_new_job_is_queued_and_updates_list_and_costs(form: Driver, jobs_db: JobsDatabase) -> None:
    await form.press("enter")
    await form.shows_toast("Queued main_white ")

    assert any(toast.endswith(" for $1.00 in Autumn catalog.") for toast in form.toasts)
    assert jobs_db.sql(
        "select status, mode, cost_cents, input_asset_id, user_id::text from generation_jobs where project_id = %s"
        " and mode = 'main_white' and status = 'queued'",
        AUTUMN,
    ) == [("queued", "main_white", 100, None, "a0000000-0000-4000-8000-000000000000")]
    await form.until(lambda: form.costs[0].endswith("Total 7"))
    assert form.costs[1].startswith("$2.75 ")
    ((new,),) = jobs_db.sql("select id from public.generation_jobs where mode = 'main_white' and status = 'queued'")
    assert form.table.cursor_job is not None
    assert form.table.cursor_job.id == new


async def test_new_job_form_stores_mode_cost_asset_and_project(form: Driver, jobs_db: JobsDatabase) -> None:
    await fill_in(form, "mode", "my_own")
    await fill_in(form, "cost", " 250 ")
    form.app.screen.query_one("#project", Select).value = SPRING
    await form.until(lambda: asset_names(form) == ["hat.png"])
    form.app.screen.query_one("#asset", Select).value = HAT
    await form.press("enter")
    await form.shows_toast("for $2.50 in Spring lookbook.")

    rows = jobs_db.sql("select cost_cents, input_asset_id, project_id from generation_jobs where mode = 'my_own'")
    assert rows == [(250, HAT, SPRING)]


async def test_asset_can_be_selected_with_the_keyboard(form: Driver, jobs_db: JobsDatabase) -> None:
    await form.focus_on("#asset")
    await form.press("enter", "down", "enter")
    assert form.app.screen.query_one("#asset", Select).value == MUG

    await form.press("enter", "escape")
    await form.has_dialog("New job")


async def test_new_job_form_explains_an_invalid_cost_and_keeps_its_input(form: Driver, jobs_db: JobsDatabase) -> None:
    before = jobs_db.count()
    await fill_in(form, "mode", "my_own")
    for cost in ("", "-5", "2.5", "1e3", "abc", "٣", "9" * 5000):
        await fill_in(form, "cost", cost)
        await form.shows_no_longer("Type whole cents")
        await form.focus_on("#mode")
        await form.press("enter")
        await form.shows("✗ Type whole cents, such as 250, or dollars, such as $2.50.")

        assert form.app.focused is form.app.screen.query_one("#cost")
        assert form.app.screen.query_one("#mode", Input).value == "my_own"
        assert form.app.screen.query_one("#cost", Input).value == cost
    assert jobs_db.count() == before


async def test_new_job_form_explains_values_that_the_store_rejects(form: Driver) -> None:
    await fill_in(form, "cost", "2147483648")
    await form.press("enter")
    await form.shows("✗ The cost must be whole cents from 0 to 2,147,483,647")
    assert form.app.focused is form.app.screen.query_one("#cost")

    await fill_in(form, "cost", "1")
    await fill_in(form, "mode", "m" * 201)
    await form.press("enter")
    await form.shows("✗ The mode has 201 characters")
    assert form.app.focused is form.app.screen.query_one("#mode")


async def test_new_job_form_explains_an_empty_mode(form: Driver) -> None:
    await fill_in(form, "mode", "  ")
    await form.press("enter")
    await form.shows("✗ A job needs a mode.")

    assert form.app.focused is form.app.screen.query_one("#mode")


async def test_new_job_form_reports_an_asset_that_was_deleted(form: Driver, jobs_db: JobsDatabase) -> None:
    form.app.screen.query_one("#asset", Select).value = MUG
    jobs_db.sql("delete from assets where id = %s", MUG)
    await form.press("enter")
    await form.shows(f"✗ The project has no asset {MUG}.")


async def test_new_job_form_keeps_its_input_when_the_project_was_deleted(form: Driver, jobs_db: JobsDatabase) -> None:
    await fill_in(form, "mode", "my_own")
    jobs_db.sql("delete from projects where id = %s", AUTUMN)
    await form.press("enter")
    await form.shows("✗ a1000000-0000-4000-8000-000000000000 is not there")

    assert form.app.screen.query_one("#mode", Input).value == "my_own"


class SlowStore(FrozenStore):
    """Answers only when it may; then the link has broken."""

    gate = asyncio.Event()
    calls = 0

    async def create_generation_job(self, **fields: Any) -> GenerationJob:
        type(self).calls += 1
        await type(self).gate.wait()
        raise Unreachable("The link broke.")


async def test_new_job_form_neither_resends_nor_closes_while_saving(jobs_db: JobsDatabase, database: Conninfo) -> None:
    SlowStore.gate, SlowStore.calls = asyncio.Event(), 0
    async with drive_dashboard(WatchedApp(opener_of(database, make=SlowStore))) as driver:
        await driver.press("n", "enter", "enter")
        await driver.until(lambda: SlowStore.calls)
        await driver.press("enter", "escape")
        await driver.has_dialog("New job")
        await driver.shows("This is being stored: wait for the answer.")

        SlowStore.gate.set()
        await driver.shows("✗ The link broke. Check the address")
        assert SlowStore.calls == 1
        await driver.press("escape")
        await driver.has_dialog("")


async def test_new_job_outside_the_listed_status_still_shows_a_toast(form: Driver, jobs_db: JobsDatabase) -> None:
    await form.press("escape", "5")
    await form.until(lambda: form.rows == [4])
    await form.press("n", "enter")
    await form.shows_toast("Queued main_white ")

    assert form.rows == [4]


@pytest.mark.parametrize(("typed", "stored"), [("$2.50", 250), ("2.50", 250), ("250", 250), ("$3", 300)])
async def test_cost_may_be_typed_as_dollars_or_cents(
    form: Driver, jobs_db: JobsDatabase, typed: str, stored: int
) -> None:
    await fill_in(form, "mode", "my_own")
    await fill_in(form, "cost", typed)
    await form.press("enter")
    await form.shows_toast("Queued my_own ")

    assert jobs_db.sql("select cost_cents from public.generation_jobs where mode = 'my_own'") == [(stored,)]


@pytest.mark.parametrize(("typed", "stored"), [("pac", "packaging"), ("pac ", "pac"), ("my_own", "my_own")])
async def test_enter_takes_the_mode_that_the_field_proposes(
    form: Driver, jobs_db: JobsDatabase, typed: str, stored: str
) -> None:
    known = {identifier for (identifier,) in jobs_db.sql("select id from public.generation_jobs")}
    await form.press(*(" " if key == " " else key for key in typed), "enter")
    await form.shows_toast(f"Queued {stored} ")

    rows = jobs_db.sql("select mode from public.generation_jobs where not id = any(%s)", list(known))
    assert rows == [(stored,)]


async def test_start_key_typed_after_a_new_job_starts_that_job(form: Driver, jobs_db: JobsDatabase) -> None:
    before = jobs_db.sql("select id, status from public.generation_jobs order by id")
    for key in ("x", "enter", "s"):
        form.app.post_message(events.Key(key, key if len(key) == 1 else None))
    await form.shows_toast("Started x ")

    known = [identifier for identifier, _ in before]
    rows = jobs_db.sql("select mode, status from public.generation_jobs where not id = any(%s)", known)
    assert rows == [("x", "running")]
    assert jobs_db.sql("select id, status from public.generation_jobs where id = any(%s) order by id", known) == before
