"""The form of a new job: defaults, checks, and kept input."""

from functools import partial
from uuid import UUID

import pytest
from textual.widgets import Input, Select, Static

from gjobs.store.errors import Unreachable
from gjobs.store.users.actor import OPERATOR
from tests.tui.dashboard.dashboard_driver import Drive, Driver, Gate
from tests.tui.dashboard.keys.key_sending import pass_seeing_time, rest, send
from tests.tui.jobs_database import ADA, AUTUMN, SPRING, JobsDatabase

MUG = UUID("c1000000-0000-4000-8000-000000000000")

HOW_TO_TYPE = "Type dollars, such as $2.50, or whole cents, such as 250."

HAT = UUID("c2000000-0000-4000-8000-000000000000")


@pytest.fixture
async def form(jobs_db: JobsDatabase, dashboard: Driver) -> Driver:
    """A dashboard with the form open. Each of Ada's projects has one asset."""
    jobs_db.asset(MUG, "mug.png")
    jobs_db.asset(HAT, "hat.png", project=SPRING)
    await dashboard.press("n", until=lambda: asset_names(dashboard) == ["mug.png"])
    return dashboard


def asset_names(driver: Driver) -> list[str]:
    choices: list[Select[UUID]] = list(driver.app.screen.query("#asset").results(Select))
    return [str(prompt).split()[1] for select in choices for prompt, value in select._options if value != Select.NULL]


def has_note(driver: Driver, text: str) -> bool:
    """Return whether the line below the cost has this text."""
    return str(driver.app.screen.query_one("#cost-note", Static).content) == text


async def test_new_job_form_has_defaults_and_stores_its_fields(form: Driver, jobs_db: JobsDatabase) -> None:
    await form.has_dialog("New job")
    fields = ("#project", "#mode", "#cost", "#asset")
    assert [form.value(field) for field in fields] == [AUTUMN, "main_white", "$1.00", Select.NULL]
    await form.press("enter", message="Queued main_white ")

    assert form.message.endswith(" for $1.00 in Autumn catalog.")
    rows = jobs_db.sql(
        "select id, status, cost_cents, input_asset_id, user_id from generation_jobs where project_id = %s"
        " and mode = 'main_white' and status = 'queued'",
        AUTUMN,
    )
    new = rows[0][0]
    assert rows == [(new, "queued", 100, None, ADA)]
    await form.until(lambda: form.costs[0].endswith("Total 7"))
    assert form.costs[1].startswith("$2.75 ")
    await form.until(lambda: form.table.cursor_job is not None and form.table.cursor_job.id == new)

    await form.press("n", until=lambda: asset_names(form) == ["mug.png"])
    await form.focus_on("#asset")
    await form.press("enter", "down", "enter")
    assert form.value("#asset") == MUG
    await form.press("enter", "escape", dialog="New job", shows="↑ ↓ or type")
    await form.type("my_own", into="#mode", shows="new mode", hides="or type")
    await form.type(" 250 ", into="#cost")
    form.app.screen.query_one("#project", Select).value = SPRING
    await form.until(lambda: asset_names(form) == ["hat.png"])
    form.app.screen.query_one("#asset", Select).value = HAT
    await form.press("enter", message="for $2.50 in Spring lookbook.")

    rows = jobs_db.sql("select cost_cents, input_asset_id, project_id from generation_jobs where mode = 'my_own'")
    assert rows == [(250, HAT, SPRING)]


async def test_new_job_form_explains_invalid_values_and_keeps_its_input(form: Driver, jobs_db: JobsDatabase) -> None:
    before = jobs_db.count()
    await form.type("my_own", into="#mode")
    for cost in ("", "9" * 5000):
        await form.type(cost, into="#cost", shows="Type dollars", hides="✗ Type")
        await form.focus_on("#mode")
        await form.press("enter", shows="✗ Type dollars, such as $2.50, or whole cents, such as 250.")
        assert form.text.count("Type dollars") == 1

        assert form.app.focused is form.app.screen.query_one("#cost")
        assert (form.value("#mode"), form.value("#cost")) == ("my_own", cost)

    await form.type("100", into="#cost")
    for field, text, problem in (
        ("#cost", "2147483648", "✗ The cost must be whole cents from 0 to 2,147,483,647"),
        ("#mode", "m" * 201, "✗ The mode has 201 characters"),
        ("#mode", "  ", "✗ A job needs a mode."),
    ):
        valid = form.value(field)
        await form.type(text, "enter", into=field, shows=problem)
        assert form.app.focused is form.app.screen.query_one(field)
        await form.type(str(valid), into=field)

    form.app.screen.query_one("#asset", Select).value = MUG
    jobs_db.sql("delete from assets where id = %s", MUG)
    await form.press("enter", shows=f"✗ The project has no asset {MUG}.")
    form.app.screen.query_one("#asset", Select).clear()
    assert jobs_db.count() == before
    jobs_db.sql("delete from projects where id = %s", AUTUMN)
    await form.type("my_own", "enter", into="#mode", shows=f"✗ {AUTUMN} does not exist")
    assert form.value("#mode") == "my_own"


async def test_new_job_form_moves_the_terminal_cursor_and_neither_resends_nor_closes_while_saving(drive: Drive) -> None:
    creation = Gate("create_generation_job", fails=Unreachable("The connection was lost."))
    async with drive(make=creation.store) as driver:
        await driver.press("n", dialog="New job")
        field = driver.app.focused
        assert isinstance(field, Input)
        before = field.cursor_screen_offset
        await driver.resize(120, 44)
        assert driver.app.cursor_position == field.cursor_screen_offset != before
        await driver.press("enter", "enter", until=lambda: creation.calls)
        await driver.press("enter", "escape", dialog="New job", shows="Saving. Wait for the result")

        creation.open()
        await driver.shows("✗ The connection was lost. Check the address")
        assert creation.calls == 1
        await driver.press("escape", dialog="")


async def test_start_key_typed_after_a_new_job_starts_that_job_or_none(form: Driver, jobs_db: JobsDatabase) -> None:
    before = dict(jobs_db.sql("select id, status from public.generation_jobs"))
    await form.press("escape", dialog="")
    for listing, rows, sentence in (
        ((), [1, 2, 3, 4, 5, 6], "Started x "),
        (("5",), [4], "It is not in this list. Press 1 to list all statuses."),
    ):
        await form.press(*listing, rows=rows)
        await form.press("n", dialog="New job")
        send(form.app, "x", "enter", "s", "s")
        await form.shows_message(sentence)
        await rest(form)
        after = dict(jobs_db.sql("select id, status from public.generation_jobs"))
        new = [after.pop(job) for job in after.keys() - before.keys()]
        assert (after, new) == (before, ["queued" if listing else "running"]), listing
        jobs_db.sql("delete from public.generation_jobs where mode = 'x'")
        await pass_seeing_time(form)
        await form.refreshes()


async def test_cost_is_typed_in_dollars_or_cents_and_enter_takes_a_mode(form: Driver, jobs_db: JobsDatabase) -> None:
    await form.type("2.5", into="#cost", until=partial(has_note, form, HOW_TO_TYPE))
    await form.type("$1,234.50", into="#cost", until=partial(has_note, form, "$1,234.50"))
    await form.focus_on("#mode")
    for typed, stored_mode, cents in (("pac", "packaging", 123_450), ("pac ", "pac", 100)):
        jobs_db.sql("delete from public.generation_jobs")
        # Otherwise the message about the deleted job could replace that about the new one.
        await form.until(lambda: form.table.cursor_job is None)
        await form.press(*typed, "enter", message=f"Queued {stored_mode} ")
        assert jobs_db.sql("select mode, cost_cents from public.generation_jobs") == [(stored_mode, cents)]
        await form.press("n", dialog="New job")


async def test_arrows_choose_the_usual_mode_and_tab_completes_it(form: Driver, jobs_db: JobsDatabase) -> None:
    modes = []
    for key in ("down", "down", "down", "down", "up"):
        await form.press(key)
        modes.append(form.value("#mode"))
    assert modes == ["lifestyle", "feature_callout", "packaging", "main_white", "packaging"]

    await form.press(*"li", "tab")
    assert form.value("#mode") == "lifestyle"
    await form.press("tab")
    assert form.app.focused is form.app.screen.query_one("#cost")
    await form.type("my_own", into="#mode")
    await form.press("down")
    assert form.value("#mode") == "main_white"
    await form.press("up", "enter", message="Queued packaging ")


async def test_cost_note_shows_what_the_tightest_budget_has_left(jobs_db: JobsDatabase, drive: Drive) -> None:
    jobs_db.sql("insert into gjobs.budgets (project_id, period, limit_cents) values (%s, 'all', 1150)", AUTUMN)
    jobs_db.sql("insert into gjobs.budgets (user_id, period, limit_cents) values (%s, 'all', 100000)", ADA)
    async with drive() as driver:
        await driver.press(
            "n", dialog="New job", shows="$1.00 · leaves $1.50 of $11.50 total for project Autumn catalog"
        )
        await driver.type("$2.51", into="#cost", shows="$2.51 is over budget: $2.50 left of $11.50 total for project")
        jobs_db.sql("update gjobs.budgets set limit_cents = 1000 where project_id = %s", AUTUMN)
        await driver.press("enter", shows="$2.51 is over budget: $1.00 left of $10.00 total for project")
        await driver.shows("Only the operator can raise the limit.")
        driver.app.screen.query_one("#project", Select).value = SPRING
        await driver.shows("$2.51 · leaves $979.49 of $1,000.00 total for user ada@example.com")


async def test_refusal_by_a_budget_hides_no_button_on_a_low_screen(jobs_db: JobsDatabase, drive: Drive) -> None:
    jobs_db.sql("insert into gjobs.budgets (project_id, period, limit_cents) values (%s, 'month', 1150)", AUTUMN)
    async with drive(size=(80, 24), actor=OPERATOR) as driver:
        await driver.show_project("Autumn catalog")
        await driver.press("n", dialog="New job", shows="$1.00 · leaves")
        await driver.type("$600", "enter", into="#cost", shows="To raise the limit, press esc, then b.")
        await driver.shows("✗ The monthly budget", "$600.00 is over budget", "Cancel (esc)", "Create (enter)")
        assert driver.app.focused is driver.app.screen.query_one("#cost")
        await driver.press("escape", "b", dialog="Budgets · Autumn catalog")


async def test_cost_note_shows_no_other_budget_and_a_failed_reading(jobs_db: JobsDatabase, drive: Drive) -> None:
    jobs_db.sql("insert into gjobs.budgets (project_id, period, limit_cents) values (%s, 'all', 1150)", AUTUMN)
    gate = Gate("get_budgets", lambda _, *asked: asked == (SPRING,), fails=Unreachable("The connection was lost."))
    async with drive(make=gate.store) as driver:
        await driver.press("n", dialog="New job", shows="$1.00 · leaves $1.50 of $11.50 total")
        driver.app.screen.query_one("#project", Select).value = SPRING
        await driver.until(lambda: gate.calls)
        assert has_note(driver, "$1.00")
        gate.open()
        await driver.until(partial(has_note, driver, "$1.00 · budgets not read"))
        await driver.type("$2", into="#cost", until=partial(has_note, driver, "$2.00 · budgets not read"))
