"""Budgets are listed, set, changed and removed in the dashboard."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Unpack

import psycopg
import pytest
from textual.widgets import Select

from gjobs.store.configuration.settings import WriteMode
from gjobs.store.journal.journal import read_journal
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.dashboard.actions.action_context import context_for
from gjobs.tui.dashboard.features.budgets import BudgetOwner, BudgetsDialog
from gjobs.tui.dashboard.widgets.message_board import show_message
from screenshots.frozen_store import freeze_budgets
from tests.conftest import Conninfo, connect
from tests.tui.dashboard.dashboard_driver import Drive, Driver, Expected
from tests.tui.dashboard.test_dashboard_budgets_panel import limit_autumn
from tests.tui.jobs_database import ADA, AUTUMN, BEN, FROZEN, JobsDatabase


@pytest.fixture
def database(migrated_copy: Conninfo) -> Conninfo:
    """A database whose budgets are in the month of the dashboard's clock."""
    freeze_budgets(migrated_copy, FROZEN)
    return migrated_copy


@pytest.fixture
def operator_connection(database: Conninfo) -> Iterator[psycopg.Connection]:
    with connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def operator(drive: Drive, tmp_path: Path) -> AsyncIterator[Driver]:
    """A dashboard of the operator with a journal. It shows Autumn, whose jobs cost $9.00, without budgets."""
    async with drive(actor=OPERATOR, journal=tmp_path / "journal") as driver:
        await driver.show_project("Autumn catalog")
        yield driver


def limits(jobs_db: JobsDatabase) -> list[tuple[object, ...]]:
    return jobs_db.sql(
        "select coalesce(project_id, user_id), period, limit_cents, warn_share::float8 from gjobs.budgets order by 1, 2"
    )


async def open_form(driver: Driver, key: str, title: str, *, shows: str) -> None:
    """Press the key in the budgets dialog when the text is shown. At first, the dialog may show older data."""
    await driver.press("b", shows=shows)
    await driver.press(key, dialog=title)


async def fill_in(driver: Driver, *keys: str, fields: dict[str, str], **expected: Unpack[Expected]) -> None:
    for field, text in fields.items():
        await driver.type(text, into=f"#{field}")
    await driver.press(*keys, **expected)


def choose_owner(driver: Driver, label: str) -> None:
    select = driver.app.screen.query_one("#whose", Select)
    owners = [value for _, value in select._options if isinstance(value, BudgetOwner)]
    select.value = next(owner for owner in owners if label in owner.label)


async def test_budgets_dialog_lists_budgets_and_removes_one_only_after_confirmation(
    operator: Driver, jobs_db: JobsDatabase, tmp_path: Path
) -> None:
    limit_autumn(jobs_db, 1_000)
    jobs_db.sql("insert into gjobs.budgets (user_id, period, limit_cents) values (%s, 'month', 100000)", ADA)
    jobs_db.sql("insert into gjobs.budgets (user_id, period, limit_cents) values (%s, 'month', 500)", BEN)
    await operator.press("b", dialog="Budgets · Autumn catalog")
    await operator.shows("Autumn catalog total", "$9.00 of $10.00", "░░   90 %  $1.00 left  runs out 2026-11-24")
    await operator.shows("ada@example.com a month", "$18.00 of $1,000.00")
    assert "ben@example.com" not in operator.text
    await operator.press("q", dialog="")

    jobs_db.sql("delete from gjobs.budgets where project_id is null")
    await open_form(operator, "d", "Remove this budget?", shows="$9.00 of $10.00")
    await operator.shows(
        "$10.00 total for project Autumn catalog",
        "Database: testbase",
        "The record of $9.00 spent is removed, too",
    )
    await operator.press("n", dialog="Budgets · Autumn catalog", shows="$9.00 of $10.00")
    assert len(limits(jobs_db)) == 1
    await operator.press("d", dialog="Remove this budget?")
    with jobs_db.at_once():
        jobs_db.sql("select from gjobs.budgets for update")
        await operator.press("y", shows="Removing the budget …")
    await operator.expects(
        message="Removed the budget of $10.00 total for project Autumn catalog.", shows="No budgets."
    )
    assert limits(jobs_db) == []
    assert [entry.what for entry in read_journal(tmp_path / "journal").entries] == ["remove budget"]

    limit_autumn(jobs_db, 1_000)
    await operator.press("escape")
    await open_form(operator, "d", "Remove this budget?", shows="$9.00 of $10.00")
    jobs_db.sql("delete from gjobs.budgets")
    await operator.press("y", message="There is no budget ")

    class Answered(BudgetsDialog):
        """A dialog whose budgets arrive while it still waits for its message line."""

        async def read(self) -> tuple[()]:
            return ()

    context = context_for(operator.app)
    assert context is not None
    show_message(operator.app, "Canceled 1 job.")
    operator.app.push_screen(Answered(context, None, of="Autumn catalog", start=None))
    await operator.shows("Canceled 1 job.", "No budgets.")


async def test_new_budget_belongs_to_the_project_its_owner_or_any_user_and_invalid_values_are_explained(
    operator: Driver, jobs_db: JobsDatabase
) -> None:
    await open_form(operator, "n", "New budget", shows="No budgets.")
    for field, text, words in (
        ("limit", "1.5", "✗ Type dollars, such as $12.50, or whole cents, such as 1250."),
        ("limit", "9" * 17, "✗ The limit must be whole cents from 0 to 1,000,000,000,000,000"),
        ("warn", "0%", "✗ Type a share, such as 80% or 0.8."),
    ):
        await fill_in(operator, fields={"limit": "10", "warn": "80%"})
        await operator.type(text, into=f"#{field}")
        await operator.press("enter", shows=words)
        assert operator.app.focused is operator.app.screen.query_one(f"#{field}")
        assert operator.value(f"#{field}") == text
    assert limits(jobs_db) == []
    await fill_in(operator, fields={"limit": "10.00", "warn": "95%"})
    await operator.press("enter", message="Set the budget of $10.00 a month for project Autumn catalog: $1.00 left.")
    assert limits(jobs_db) == [(AUTUMN, "month", 1_000, 0.95)]
    await operator.expects(dialog="Budgets · Autumn catalog", shows="$9.00 of $10.00")

    await operator.press("n", dialog="New budget")
    operator.app.screen.query_one("#period", Select).value = "all"
    await operator.type("5.00", into="#limit", hides="is spent")
    operator.app.screen.query_one("#period", Select).value = "month"
    await operator.shows("$9.00 is spent. It has already run out")
    choose_owner(operator, "Project owner, ada@example.com")
    await operator.type("5000", "enter", into="#limit", message="for user ada@example.com: $32.00 left.")

    await operator.press("n", dialog="New budget")
    choose_owner(operator, "A user")
    await fill_in(operator, fields={"limit": "$6", "person": " "})
    await operator.press("enter", shows="✗ Type the e-mail or id of a user.")
    await fill_in(operator, fields={"person": "nobody@example.com", "limit": "$6"})
    await operator.press("enter", shows="✗ No user has the e-mail or id 'nobody@example.com'.")
    assert operator.app.focused is operator.app.screen.query_one("#person")
    assert operator.value("#limit") == "$6"
    await operator.type("Ben@example.com", into="#person")
    operator.app.screen.query_one("#period", Select).value = "day"
    await operator.press("enter", message="Set the budget of $6.00 a day for user ben@example.com")
    of_ada, of_ben = (ADA, "month", 5_000, 0.8), (BEN, "day", 600, 0.8)
    assert limits(jobs_db) == [of_ada, (AUTUMN, "month", 1_000, 0.95), of_ben]

    await operator.press("escape", "escape", shows="$1.00 left of $10.00")


async def test_changing_a_budget_shows_its_effect_before_and_after(operator: Driver, jobs_db: JobsDatabase) -> None:
    limit_autumn(jobs_db, 2_000)
    await open_form(operator, "enter", "Change a budget", shows="$9.00 of $20.00")
    assert operator.value("#limit") == "20.00"
    await operator.shows("$9.00 is spent, $11.00 left.")
    await fill_in(operator, fields={"limit": "10.00", "warn": "90%"})
    await operator.shows("$9.00 is spent, $1.00 left. It warns from 90 % of the limit.")
    await operator.type("5.00", into="#limit", shows="$9.00 is spent. It has already run out. Until there is room")

    jobs_db.sql("update gjobs.budgets set limit_cents = 50000")
    await operator.press("enter")
    await operator.shows("Another session changed this budget: the limit is now $500.00", "Set the budget again")
    assert limits(jobs_db) == [(AUTUMN, "all", 50_000, 0.8)]
    assert operator.value("#limit") == "5.00"

    await operator.press(
        "enter", message="Set the budget of $5.00 total for project Autumn catalog: $4.00 over. It has"
    )
    assert limits(jobs_db) == [(AUTUMN, "all", 500, 0.9)]
    await operator.press("escape", shows="$4.00 over")
    assert not any("has run out." in message for message in operator.warnings), "its message was shown before"


async def test_only_the_operator_with_a_write_permit_sets_budgets(jobs_db: JobsDatabase, drive: Drive) -> None:
    limit_autumn(jobs_db, 1_000)
    async with drive(rule=WriteMode.PERMIT_REQUIRED) as driver:
        driver.session.access.open_permit("ticket 4711", 600)
        await driver.press("b", shows="$9.00 of $10.00")
        assert "r refresh" in driver.text
        assert not any(hint in driver.text for hint in ("n new", "change", "remove"))
        for key in ("n", "enter", "d"):
            await driver.press(key, dialog="Budgets · Autumn catalog")
        assert set(driver.warnings) == {
            "Only the operator sets budgets. You act as ada@example.com. To switch, close this dialog and press u."
        }
        await driver.press("q", dialog="")
        await driver.act_as(OPERATOR, shows="Trail gear")
        await driver.press("b", dialog="Budgets · Autumn catalog", shows="n new")
        driver.session.access.close_permit()
        await driver.press("n", message="This session is read-only.", hides="New budget")
