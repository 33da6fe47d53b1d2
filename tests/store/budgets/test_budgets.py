"""Budgets: who sees and sets them, what they report, how they refuse, and when they run out."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from gjobs.store.budgets.budget import Budget, BudgetState, Period, used_up_at
from gjobs.store.database.query import Query
from gjobs.store.errors import BudgetExceeded, Conflict, InvalidValue, NoPrivilege, RowMissing
from gjobs.store.store import Store
from tests.store.store_fixtures import ADA, BEN, NOTHING, Db, Sql, error_of

DAILY = Budget(
    id=UUID(int=1),
    user_id=UUID(int=2),
    project_id=None,
    name="ada@example.com",
    period=Period.DAY,
    limit_cents=1_000,
    warn_share=0.8,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    period_start=date(2026, 1, 15),
    spent_cents=600,
    recent_cents=None,
    recent_days=None,
)

MONTHLY = replace(DAILY, period=Period.MONTH, period_start=date(2026, 1, 1))
TOTAL = replace(DAILY, period=Period.ALL, period_start=None, recent_cents=300, recent_days=3)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_run_out_time_follows_the_current_pace_or_is_unknown_without_one() -> None:
    for budget, now, expected in (
        # 50 cents an hour; 400 remain.
        (DAILY, "2026-01-15T12:00", "2026-01-15T20:00"),
        (DAILY, "2026-01-15T15:00", None),
        (MONTHLY, "2026-01-11", "2026-01-17T16:00"),
        (MONTHLY, "2026-01-25", None),
        (replace(MONTHLY, period_start=date(2025, 12, 1)), "2025-12-16", "2025-12-26"),
        (TOTAL, "2026-01-15", "2026-01-19"),
        (replace(TOTAL, recent_cents=300, recent_days=30), "2026-01-15", "2026-02-24"),
    ):
        assert used_up_at(budget, at(now)) == (expected and at(expected))

    for budget in (
        replace(DAILY, spent_cents=0),
        replace(DAILY, spent_cents=-5),
        replace(DAILY, spent_cents=1_000),
        replace(DAILY, limit_cents=0),
        replace(TOTAL, recent_cents=None, recent_days=None),
        replace(TOTAL, recent_cents=0, recent_days=1),
        replace(TOTAL, limit_cents=10**15, recent_cents=1, recent_days=30),
        replace(DAILY, period_start=date(2026, 1, 16)),
    ):
        assert used_up_at(budget, at("2026-01-15T12:00")) is None


@pytest.mark.parametrize(
    ("spent", "state", "left"),
    [(0, "ok", 1_000), (799, "ok", 201), (800, "warning", 200), (999, "warning", 1), (1_000, "used_up", 0),
     (1_300, "used_up", -300)],
)  # fmt: skip
def test_budget_state_and_remaining_cents_follow_the_spending(spent: int, state: str, left: int) -> None:
    budget = replace(DAILY, spent_cents=spent)
    assert (budget.state, budget.left_cents) == (BudgetState(state), left)
    assert replace(DAILY, limit_cents=0, spent_cents=spent).state is BudgetState.USED_UP


async def names(store: Store) -> list[str | None]:
    return [budget.name for budget in await store.get_budgets()]


async def test_budget_reports_the_spending_of_its_period(db: Db) -> None:
    now = datetime.now(UTC)
    project = db.make_project(name="Autumn")
    db.make_job(project, cost_cents=70, created_at=now)
    made = await db.operator.set_budget(project_id=project, period="month", limit_cents=100, warn_share=0.5)
    (budget,) = await db.operator.get_budgets()
    assert budget == made
    assert (budget.user_id, budget.project_id, budget.name, budget.period) == (None, project, "Autumn", Period.MONTH)
    assert (budget.spent_cents, budget.left_cents, budget.state) == (70, 30, BudgetState.WARNING)
    assert budget.period_start == now.date().replace(day=1)
    assert (budget.recent_cents, budget.recent_days) == (None, None)


def add_jobs_of_ages(db: Db, project: UUID, costs: dict[int, int]) -> list[UUID]:
    """Insert jobs with these costs, by their age in days."""
    jobs = [db.make_job(project, cost_cents=cost) for cost in costs.values()]
    for job, days in zip(jobs, costs, strict=True):
        db.sql("update generation_jobs set created_at = now() - %s * interval '1 day' where id = %s", (days, job))
    return jobs


async def test_total_budget_reports_the_last_thirty_days_since_the_oldest_job(db: Db) -> None:
    add_jobs_of_ages(db, db.make_project(), {0: 5, 9: 7, 29: 11, 30: 100})
    budget = await db.operator.set_budget(user_id=ADA, period=Period.ALL, limit_cents=1_000)
    assert (budget.spent_cents, budget.recent_cents, budget.recent_days) == (123, 23, 30)
    assert (budget.name, budget.period_start) == ("ada@example.com", None)

    project = db.make_project()
    _, oldest = add_jobs_of_ages(db, project, {3: 5, 9: 5})
    db.sql("delete from generation_jobs where id = %s", (oldest,))
    budget = await db.operator.set_budget(project_id=project, period=Period.ALL, limit_cents=1_000)
    assert (budget.recent_cents, budget.recent_days) == (5, 4)


async def test_budget_period_is_that_of_the_given_time(operator: Store, sql: Sql) -> None:
    budget = await operator.set_budget(user_id=ADA, period="day", limit_cents=100)
    sql("insert into gjobs.budget_spending values (%s, '2026-01-15', 40)", (budget.id,))
    budgets = await operator.get_budgets(at=datetime(2026, 1, 15, 12, tzinfo=UTC))
    assert [one.spent_cents for one in budgets] == [40]
    assert budgets.taken_at == datetime(2026, 1, 15, 12, tzinfo=UTC)


async def test_budgets_with_the_least_remaining_come_first(db: Db) -> None:
    for name, limit in (("some", 400), ("none", 0), ("much", 10_000), ("over", 200)):
        project = db.make_project(name=name)
        db.make_job(project)
        await db.operator.set_budget(project_id=project, period="all", limit_cents=limit)
    assert await names(db.operator) == ["none", "over", "some", "much"]
    assert len(await db.operator.get_budgets(limit=2)) == 2


async def test_budgets_are_those_of_a_project_and_its_owner_or_those_of_a_user(db: Db) -> None:
    mine, bens = db.make_project(name="Mine"), db.make_project(BEN, "Ben's")
    for user_id, project_id in ((ADA, None), (None, mine), (None, bens)):
        await db.operator.set_budget(user_id=user_id, project_id=project_id, period="day", limit_cents=1)
    assert {one.name for one in await db.operator.get_budgets(mine)} == {"ada@example.com", "Mine"}
    assert {one.name for one in await db.operator.get_budgets(bens)} == {"Ben's"}
    assert sorted(map(str, await names(db.ada))) == ["Mine", "ada@example.com"]
    assert await names(db.ben) == ["Ben's"]
    assert await names(db.stranger) == []


async def test_budget_refusal_names_the_project_or_user_or_an_unreadable_users_id(
    operator: Store, ada: Store, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = db.make_project(name="Autumn")
    budget = await operator.set_budget(project_id=project, period="month", limit_cents=100)
    for store in (operator, ada):
        with pytest.raises(BudgetExceeded) as caught:
            await store.create_generation_job(project_id=project, mode="lifestyle", cost_cents=150)
        assert caught.value.message == (
            "The monthly budget of project 'Autumn' can't cover $1.50: $0.00 of $1.00 are spent."
        )
        assert (caught.value.refusal.budget_id, caught.value.sqlstate) == (budget.id, "GJ001")
    await operator.remove_budget(budget.id)
    daily = await operator.set_budget(user_id=ADA, period="day", limit_cents=0)
    for store in (operator, ada):
        with pytest.raises(BudgetExceeded, match=r"^The daily budget of user ada@example\.com has run out"):
            await store.create_generation_job(project_id=project, mode="lifestyle")

    await operator.remove_budget(daily.id)
    past = db.make_job(project, "succeeded", cost_cents=5, created_at=datetime(2026, 2, 2, 12, tzinfo=UTC))
    for period, named in (("day", "2026-02-02"), ("month", "2026-02")):
        limited = await operator.set_budget(project_id=project, period=period, limit_cents=5)
        with pytest.raises(BudgetExceeded, match=rf"^The \w+ budget of project 'Autumn' for {named} can't") as caught:
            await operator.update_generation_job(past, cost_cents=6)
        assert "starts again" not in (caught.value.hint or "")
        await operator.remove_budget(limited.id)

    refused = Query(text("select id, email from auth.users_of_nobody"), tuple)
    monkeypatch.setattr("gjobs.store.users.user_sql.in_range", lambda *_, **__: refused)
    project = db.make_project()
    await db.operator.set_budget(user_id=ADA, period="day", limit_cents=0)
    with pytest.raises(BudgetExceeded, match=f"^The daily budget of user {ADA} has run out"):
        await db.operator.create_generation_job(project_id=project, mode="lifestyle")


async def test_check_budget_reports_in_advance_whether_a_cost_is_allowed(db: Db) -> None:
    project = db.make_project()
    assert await db.operator.check_budget(project, 50) == []
    await db.operator.set_budget(project_id=project, period="day", limit_cents=40)
    await db.operator.set_budget(user_id=ADA, period="all", limit_cents=60)
    for store in (db.operator, db.ada):
        checks = await store.check_budget(project, 50)
        assert {one.asked_cents for one in checks} == {50}
        assert {one.period: one.is_allowed for one in checks} == {"day": False, "all": True}
    assert await db.ben.check_budget(project, 50) == []


async def test_budget_can_be_removed_and_set_again(operator: Store) -> None:
    budget = await operator.set_budget(user_id=ADA, period="day", limit_cents=0)
    assert await operator.remove_budget(budget.id) == budget
    assert list(await operator.get_budgets()) == []
    with pytest.raises(RowMissing, match="There is no budget"):
        await operator.remove_budget(budget.id)

    first = await operator.set_budget(user_id=ADA, period="day", limit_cents=100, warn_share=0.5)
    second = await operator.set_budget(user_id=ADA, period="day", limit_cents=200)
    other = await operator.set_budget(user_id=ADA, period="month", limit_cents=300)
    assert (second.id, second.limit_cents, second.warn_share) == (first.id, 200, 0.5)
    assert (other.id == first.id, other.warn_share) == (False, 0.8)
    assert (await operator.set_budget(user_id=ADA, period="day", limit_cents=1, warn_share=1)).warn_share == 1


async def test_invalid_budget_values_and_budgets_of_users_are_refused(operator: Store, ada: Store) -> None:
    cases: list[tuple[dict[str, object], str]] = [
        ({}, "user_id"),
        ({"user_id": ADA, "project_id": NOTHING}, "user_id"),
        ({"user_id": ADA, "period": "week"}, "period"),
        ({"user_id": ADA, "limit_cents": -1}, "limit_cents"),
        ({"user_id": ADA, "limit_cents": 10**15 + 1}, "limit_cents"),
        ({"user_id": ADA, "warn_share": 0.0}, "warn_share"),
        ({"user_id": ADA, "warn_share": 1.01}, "warn_share"),
        ({"user_id": NOTHING}, "user_id"),
        ({"project_id": NOTHING}, "project_id"),
    ]
    for values, field in cases:
        setting = operator.set_budget(**{"period": "day", "limit_cents": 1, **values})  # type: ignore[arg-type]
        assert (await error_of(InvalidValue, setting)).field == field

    with pytest.raises(NoPrivilege, match=r"^Only the operator can set limits and run workers\.$"):
        await ada.set_budget(user_id=ADA, period="day", limit_cents=10**6)


async def test_set_budget_refuses_to_overwrite_a_concurrent_change(operator: Store) -> None:
    known = await operator.set_budget(user_id=ADA, period="day", limit_cents=100)
    changed = await operator.set_budget(
        user_id=ADA, period="day", limit_cents=50_000, warn_share=0.5, expected_budget=known
    )
    with pytest.raises(Conflict, match=r"the limit is now \$500\.00, with a warning at 50 %") as refusal:
        await operator.set_budget(user_id=ADA, period="day", limit_cents=300, expected_budget=known)
    assert "overwrite" in (refusal.value.hint or "")
    with pytest.raises(Conflict, match=r"^This budget exists: the limit is \$500\.00, with a warning at 50 %\.$"):
        await operator.set_budget(user_id=ADA, period="day", limit_cents=300, expected_budget=None)
    assert [one.limit_cents for one in await operator.get_budgets()] == [50_000]
    await operator.remove_budget(changed.id)
    with pytest.raises(Conflict, match="removed this budget"):
        await operator.set_budget(user_id=ADA, period="day", limit_cents=300, expected_budget=changed)
    assert len(await operator.get_budgets()) == 0
