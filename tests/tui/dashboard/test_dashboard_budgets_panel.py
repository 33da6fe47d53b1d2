"""The budget panel, its texts and messages, and jobs that a budget refuses."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from gjobs.store.budgets.budget import Budget, Period
from gjobs.tui.dashboard.panels.project_list import BudgetNews, BudgetsPanel
from gjobs.tui.text.budget_text import (
    budget_lines,
    budget_note,
    change_words,
    limit_message,
    listed_lines,
    owner_words,
    pace_words,
    worse_words,
)
from tests.tui.dashboard.dashboard_driver import AS_BEN, Driver, WatchedApp, drive_dashboard
from tests.tui.jobs_database import AUTUMN, JobsDatabase, job_id
from tests.tui.sample_jobs import texts


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


def test_words_describe_the_effect_of_a_limit_an_unnamed_owner_and_the_pace_of_a_day() -> None:
    assert change_words(replace(MONTHLY, limit_cents=20_000)) == "$82.10 is spent, $117.90 left."
    assert change_words(MONTHLY) == "$82.10 is spent, $17.90 left. It warns from 80 % of the limit."
    assert change_words(replace(MONTHLY, limit_cents=8_210)).startswith("$82.10 is spent. It has already run out. ")

    calm = replace(MONTHLY, spent_cents=0)
    assert limit_message(calm).text == "Set the budget of $100.00 a month for project Autumn catalog: $100.00 left."
    assert [limit_message(one).severity for one in (calm, MONTHLY)] == ["information", "warning"]
    assert limit_message(MONTHLY).text.endswith(": $17.90 left. 82 % is already spent.")

    assert owner_words(replace(MONTHLY, name=None)) == "project 00000000"
    assert owner_words(replace(DAILY, name=None)) == "user 00000000"
    assert owner_words(replace(DAILY, name="\x1b[2J")) == "␛[2J"

    assert pace_words(replace(DAILY, spent_cents=8_000), NOW) == "runs out at 15:00"
    assert pace_words(replace(DAILY, spent_cents=10_000), NOW) == "has run out"
    assert pace_words(DAILY, NOW) == "-"


def test_budget_news_reports_only_budgets_that_got_worse() -> None:
    news = BudgetNews()
    calm, warning, used_up = (replace(MONTHLY, spent_cents=spent) for spent in (0, 8_000, 10_000))
    reports = [news.learn([one]) for one in (warning, warning, used_up, calm, calm, warning)]
    assert reports == [[], [], [used_up], [], [], [warning]]
    lower = replace(MONTHLY, limit_cents=5_000, spent_cents=6_000)
    news.learn_own(lower)
    # Answers from before this session's change are ignored. A later change by another session is reported.
    assert [news.learn([one]) for one in (calm, lower, calm, warning)] == [[], [], [], [warning]]
    news.learn_own(lower)
    assert [news.learn([one]) for one in (calm, calm, calm, calm, warning)] == [[], [], [], [], [warning]]
    budget = "The budget of $100.00 a month for project Autumn catalog"
    assert worse_words(warning) == f"{budget} is 80 % spent, $20.00 left."
    assert worse_words(used_up) == f"{budget} has run out. No more jobs can be queued."
