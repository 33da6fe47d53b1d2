"""The budget panel, its texts and messages, refused jobs, and the dialogs that list, set, change and remove budgets."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Unpack
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.widgets import Select

from gjobs.store.budgets.budget import Budget, Period
from gjobs.store.configuration.settings import WriteMode
from gjobs.store.journal.journal import read_journal
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.dashboard.actions.action_context import context_for
from gjobs.tui.dashboard.features.budgets import BudgetOwner, BudgetsDialog
from gjobs.tui.dashboard.panels.project_list import BudgetAlerts, BudgetsPanel
from gjobs.tui.dashboard.widgets.message_board import show_message
from gjobs.tui.text.budget_text import (
    budget_lines,
    budget_note,
    limit_message,
    listed_lines,
    owner_words,
    pace_words,
)
from screenshots.frozen_store import freeze_budgets
from tests.conftest import Conninfo, connect
from tests.tui.dashboard.dashboard_driver import AS_BEN, Drive, Driver, Expected, WatchedApp, drive_dashboard
from tests.tui.jobs_database import ADA, AUTUMN, BEN, FROZEN, JobsDatabase, job_id
from tests.tui.sample_jobs import texts


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


def limit_autumn(jobs_db: JobsDatabase, cents: int) -> None:
    """Limit the project Autumn, whose jobs cost $9.00."""
    jobs_db.sql("insert into gjobs.budgets (project_id, period, limit_cents) values (%s, 'all', %s)", AUTUMN, cents)


def panel(driver: Driver) -> BudgetsPanel:
    return driver.app.dashboard.query_one(BudgetsPanel)


async def test_budget_panel_shows_budgets_of_the_project_and_user(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    assert not panel(dashboard).display
    limit_autumn(jobs_db, 1_000)
    await dashboard.refreshes(shows=("Budgets", "Autumn catalog   total", "█░░ 90 %", "$1.00 left of $10.00"))
    await dashboard.shows("runs out 2026-11-24")
    await dashboard.resize(80, 24)
    await dashboard.shows("Costs · Autumn catalog · $1.00 left of $10.00 total")
    assert "Budgets" not in dashboard.text
    await dashboard.resize(120, 36)
    await dashboard.shows("Budgets", "$1.00 left of $10.00")
    assert "Autumn catalog · $1.00 left" not in dashboard.text

    await dashboard.show_project("Spring lookbook")
    await dashboard.until(lambda: not panel(dashboard).display)
    await dashboard.show_project("all projects")
    await dashboard.shows("$1.00 left of $10.00")
    await dashboard.act_as(AS_BEN, shows=("as ben@example.com", "Trail gear"))
    await dashboard.until(lambda: not panel(dashboard).display)
    await dashboard.refreshes()
    assert not panel(dashboard).display


async def test_budget_refuses_jobs_that_it_cannot_cover_and_a_message_reports_its_warning_share_and_limit(
    jobs_db: JobsDatabase, app: WatchedApp
) -> None:
    limit_autumn(jobs_db, 1_200)
    async with drive_dashboard(app) as driver:
        assert driver.warnings == []
        jobs_db.sql("update generation_jobs set cost_cents = 350 where id = %s", job_id(2))
        await driver.refreshes()
        await driver.shows_message("The budget of $12.00 total for project Autumn catalog is 83 % spent, $2.00 left.")
        jobs_db.sql("update generation_jobs set cost_cents = 900, status = 'succeeded' where id = %s", job_id(2))
        await driver.refreshes(message="has run out. No more jobs can be queued.")

        jobs_db.sql("update generation_jobs set cost_cents = 250 where id = %s", job_id(2))
        jobs_db.sql("update gjobs.budgets set limit_cents = 950")
        await driver.press("n", dialog="New job")
        await driver.type("sketch", "enter", into="#mode")
        await driver.shows("The total budget of project 'Autumn catalog' can't cover $1.00")
        assert (driver.dialog, driver.value("#mode")) == ("New job", "sketch")
        await driver.type("50", "enter", into="#cost")
        await driver.has_shown("Queued sketch ")
        await driver.until(lambda: driver.table.cursor_job and driver.table.cursor_job.mode == "sketch")

        jobs_db.sql("update gjobs.budgets set limit_cents = 970")
        await driver.press("r", on=4)
        await driver.shows_message(
            "The total budget of project 'Autumn catalog' can't cover $0.50: $9.50 of $9.70 are spent."
        )
        assert jobs_db.count() == 9

        jobs_db.sql("update generation_jobs set status = 'failed', cost_cents = 50 where id = %s", job_id(3))
        jobs_db.sql("update gjobs.budgets set limit_cents = 755")
        await driver.refreshes()
        await driver.press("space", "space", "r", on=3, dialog="Retry these 2 jobs?")
        await driver.press("y")
        await driver.shows_message(
            "Retried 1 of 2 jobs; 1 was refused (the total budget of project 'Autumn catalog' has no room; "
            "b raises its limit)"
        )
        assert jobs_db.count() == 10


NOW = datetime(2026, 11, 15, 12, tzinfo=UTC)

MONTHLY = Budget(
    id=UUID(int=1),
    user_id=None,
    project_id=UUID(int=2),
    name="Autumn catalog",
    period=Period.MONTH,
    limit_cents=10_000,
    warn_share=0.8,
    created_at=NOW,
    period_start=date(2026, 11, 1),
    spent_cents=8_210,
    recent_cents=None,
    recent_days=None,
)

DAILY = replace(
    MONTHLY, id=UUID(int=3), project_id=None, user_id=UUID(int=4), name="ana@example.com", period=Period.DAY,
    period_start=date(2026, 11, 15), spent_cents=0,
)  # fmt: skip


def test_budget_shows_a_bar_the_remaining_amount_and_the_run_out_date() -> None:
    lines = ["Autumn catalog a month", "██████████████░░░ 82 %", "$17.90 left of $100.00", "runs out 2026-11-18"]
    assert texts(budget_lines([MONTHLY], NOW, width=22, height=4)) == lines
    long_name = replace(MONTHLY, name="ana.maria@example.com")
    assert texts(budget_lines([long_name], NOW, width=22, height=4))[0] == "ana.maria@exa… a month"


@pytest.mark.parametrize(
    ("spent", "bar", "left", "color"),
    [
        (0, "░░░░░░░░░░░░░░░░░░ 0 %", "$100.00 left", "success"),
        (1, "█░░░░░░░░░░░░░░░░ <1 %", "$99.99 left of $100.00", "success"),
        (8_000, "██████████████░░░ 80 %", "$20.00 left of $100.00", "warning"),
        (9_999, "███████████████░ >99 %", "$0.01 left of $100.00", "warning"),
        (10_000, "████████████████ 100 %", "nothing left", "error"),
        (25_000, "████████████████ 250 %", "$150.00 over", "error"),
        (-500, "░░░░░░░░░░░░░░░░░ -5 %", "$105.00 left", "success"),
    ],
)
def test_budget_bar_is_empty_at_0_and_full_from_100_percent(spent: int, bar: str, left: str, color: str) -> None:
    lines = budget_lines([replace(MONTHLY, spent_cents=spent)], NOW, width=22, height=9)
    assert texts(lines)[1:3] == [bar, left]
    assert lines[1][0][1] == f"$text-{color}"


def test_panel_shows_as_many_whole_budgets_as_fit() -> None:
    four = [replace(DAILY, id=UUID(int=number)) for number in range(4)]
    assert len(budget_lines(four, NOW, width=22, height=12)) == 12
    assert texts(budget_lines(four, NOW, width=22, height=11))[-1] == "and 1 more"
    assert texts(budget_lines(four, NOW, width=22, height=9))[-1] == "and 2 more"
    assert budget_lines(four, NOW, width=22, height=2) == []
    assert budget_lines([], NOW, width=22, height=9) == []


@given(
    spent=st.integers(-(10**9), 10**12), limit=st.integers(0, 10**12), period=st.sampled_from(Period), name=st.text()
)
def test_no_owner_name_or_amount_breaks_the_budget_lines(spent: int, limit: int, period: Period, name: str) -> None:
    start = None if period is Period.ALL else date(2026, 11, 15)
    budget = replace(
        MONTHLY, spent_cents=spent, limit_cents=limit, period=period, name=name, period_start=start, recent_cents=spent,
        recent_days=30,
    )  # fmt: skip
    whose, _ = listed_lines(budget, NOW, width=70)
    assert sum(cell_len(text) for text, _ in whose) == 70
    title, bar, left, *_ = budget_lines([budget], NOW, width=22, height=9)
    assert {sum(cell_len(text) for text, _ in line) for line in (title, bar)} == {22}
    assert len(left[0][0]) > 22 or sum(len(text) for text, _ in left) <= 22


def test_budget_note_shows_the_first_budget_and_the_list_two_lines_of_each() -> None:
    assert budget_note([MONTHLY, DAILY], project_id=MONTHLY.project_id) == (
        "$17.90 left of $100.00 a month",
        "$text-warning",
    )
    for other in (None, UUID(int=3)):
        words, _ = budget_note([MONTHLY, DAILY], project_id=other)
        assert words == "Autumn catalog: $17.90 left of $100.00 a month"
    assert texts(listed_lines(MONTHLY, NOW, width=60)) == [
        "Autumn catalog a month                     $82.10 of $100.00",
        "████████████████░░░░   82 %  $17.90 left  runs out 2026-11-18",
    ]
    used_up = listed_lines(replace(MONTHLY, spent_cents=12_000), NOW, width=60)
    assert texts(used_up)[1] == "████████████████████  120 %  $20.00 over"
    assert used_up[1][0][1] == "$text-error"


def test_words_describe_a_nearly_spent_limit_an_unnamed_owner_and_the_pace_of_a_day() -> None:
    calm = replace(MONTHLY, spent_cents=0)
    assert [limit_message(one).severity for one in (calm, MONTHLY)] == ["information", "warning"]
    assert limit_message(MONTHLY).text.endswith(": $17.90 left. 82 % is already spent.")

    assert owner_words(replace(MONTHLY, name=None)) == "project 00000000"
    assert owner_words(replace(DAILY, name=None)) == "user 00000000"
    assert owner_words(replace(DAILY, name="\x1b[2J")) == "␛[2J"

    assert pace_words(replace(DAILY, spent_cents=8_000), NOW) == "runs out at 15:00"
    assert pace_words(replace(DAILY, spent_cents=10_000), NOW) == "has run out"
    assert pace_words(DAILY, NOW) == "-"


def test_budget_alerts_report_only_budgets_that_got_worse() -> None:
    news = BudgetAlerts()
    calm, warning, used_up = (replace(MONTHLY, spent_cents=spent) for spent in (0, 8_000, 10_000))
    reports = [news.learn([one]) for one in (warning, warning, used_up, calm, calm, warning)]
    assert reports == [[], [], [used_up], [], [], [warning]]
    lower = replace(MONTHLY, limit_cents=5_000, spent_cents=6_000)
    news.learn_own(lower)
    # Answers from before this session's change are ignored. A later change by another session is reported.
    assert [news.learn([one]) for one in (calm, lower, calm, warning)] == [[], [], [], [warning]]
    news.learn_own(lower)
    assert [news.learn([one]) for one in (calm, calm, calm, calm, warning)] == [[], [], [], [], [warning]]


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
    await fill_in(operator, fields={"limit": "$6", "user": " "})
    await operator.press("enter", shows="✗ Type the e-mail or id of a user.")
    await fill_in(operator, fields={"user": "nobody@example.com", "limit": "$6"})
    await operator.press("enter", shows="✗ No user has the e-mail or id 'nobody@example.com'.")
    assert operator.app.focused is operator.app.screen.query_one("#user")
    assert operator.value("#limit") == "$6"
    await operator.type("Ben@example.com", into="#user")
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


async def test_new_budget_replaces_a_limit_that_was_not_listed_only_after_the_form_has_shown_it(
    operator: Driver, jobs_db: JobsDatabase
) -> None:
    await operator.press("b", dialog="Budgets · Autumn catalog", shows="No budgets.")
    jobs_db.sql("insert into gjobs.budgets (project_id, period, limit_cents) values (%s, 'month', 555)", AUTUMN)
    await operator.press("n", dialog="New budget")
    await operator.type("999.00", "enter", into="#limit", shows="✗ This budget exists: the limit is $5.55")
    assert limits(jobs_db) == [(AUTUMN, "month", 555, 0.8)]
    await operator.press("enter", message="Set the budget of $999.00 a month for project Autumn catalog")


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
