"""`gjobs budgets` and its commands."""

from datetime import UTC, datetime

import pytest

from tests.cli.cli_rows import ADA, AUTUMN, QUEUED
from tests.cli.command_line import OpenTerminal, Run, Sql, assert_refused, run_process

pytestmark = pytest.mark.usefixtures("url")

AUTUMN_BUDGET = ("--project", "Autumn catalog", "--period", "all")
"""The budget of a project whose jobs cost $5.18."""


def set_autumn_budget(gjobs: Run, limit: str, *more: str) -> None:
    assert gjobs("budgets", "set", *AUTUMN_BUDGET, "--limit", limit, *more).code == 0


def test_budgets_set_prints_the_budget_like_budgets_list(gjobs: Run) -> None:
    made = gjobs("budgets", "set", *AUTUMN_BUDGET, "--limit", "10.00", "--warn", "50%", "--json")
    assert made.code == 0
    (listed,) = gjobs("budgets", "--json").document
    assert listed == made.document
    expected = {
        "id": listed["id"],
        "user_id": None,
        "project_id": str(AUTUMN),
        "name": "Autumn catalog",
        "period": "all",
        "period_start": None,
        "limit_cents": 1_000,
        "spent_cents": 518,
        "left_cents": 482,
        "warn_share": 0.5,
        "state": "warning",
        "used_up_at": None,
        "created_at": listed["created_at"],
    }
    assert list(listed.items()) == list(expected.items())


def test_budgets_list_prints_a_table_and_filters_by_project(gjobs: Run) -> None:
    gjobs("budgets", "set", "--user", "ben@example.com", "--period", "day", "--limit", "500")
    set_autumn_budget(gjobs, "$6")
    titles, autumn, bens = gjobs("budgets", "list").out.splitlines()
    assert titles.split() == ["OF", "NAME", "PERIOD", "SPENT", "LIMIT", "LEFT", "USED", "STATE", "FORECAST"]
    assert autumn.split()[:8] == ["project", "Autumn", "catalog", "all", "$5.18", "$6.00", "$0.82", "86"]
    assert autumn.split()[9:] == ["warning", "-"]
    assert bens.split() == ["user", "ben@example.com", "day", "$0.00", "$5.00", "$5.00", "0", "%", "ok", "-"]
    (of_project,) = gjobs("budgets", "list", "--project", "Autumn catalog", "--json").document
    assert of_project["name"] == "Autumn catalog"


def test_budgets_list_shows_when_a_budget_runs_out(gjobs: Run, sql: Sql) -> None:
    sql("update public.generation_jobs set created_at = now() - interval '9 days' where project_id = %s", AUTUMN)
    set_autumn_budget(gjobs, "1036")
    moment = datetime.fromisoformat(gjobs("budgets", "--json").document[0]["used_up_at"])
    assert (moment - datetime.now(UTC)).days == 9
    assert f"runs out {moment.date()}" in gjobs("budgets").out


def test_budgets_set_warns_about_a_limit_below_the_spent_amount(gjobs: Run) -> None:
    lowered = gjobs("budgets", "set", *AUTUMN_BUDGET, "--limit", "1.00")
    assert lowered.code == 0
    assert "$-4.18" not in lowered.out
    assert "-$4.18" in lowered.out
    assert (
        lowered.err
        == "It has already run out. Until there is room again, no job can be queued and no cost can be raised.\n"
    )


def test_budgets_check_exits_with_8_when_a_budget_warns(gjobs: Run) -> None:
    assert gjobs("budgets", "--json").out == "[]\n"
    assert gjobs("budgets").err == "No budgets. 'gjobs budgets set --help --profile world' says how to create one.\n"
    assert gjobs("budgets", "check").err == "There are no budgets.\n"
    set_autumn_budget(gjobs, "1000")
    ok = gjobs("budgets", "check", "--json")
    assert (ok.code, ok.document) == (0, {"ok": True, "budgets": []})
    assert gjobs("budgets", "check").err == "No budget is near its limit.\n"
    set_autumn_budget(gjobs, "1000", "--warn", "0.5")
    warned = gjobs("budgets", "check", "--json")
    assert (warned.code, warned.document["ok"]) == (8, False)
    assert [one["state"] for one in warned.document["budgets"]] == ["warning"]
    found = gjobs("budgets", "check")
    assert (found.code, "warning" in found.out) == (8, True)
    assert gjobs("budgets", "check", "--project", "Spring lookbook").code == 0


def test_job_over_the_budget_is_predicted_by_budgets_check_and_refused(gjobs: Run) -> None:
    set_autumn_budget(gjobs, "600")
    asked = ("budgets", "check", "--project", "Autumn catalog", "--cost-cents")
    fits = gjobs(*asked, "82", "--json")
    assert (fits.code, fits.document["allowed"]) == (0, True)
    full = gjobs(*asked, "83", "--json")
    assert (full.code, full.document["allowed"]) == (8, False)
    (blocking,) = full.document["budgets"]
    expected = {"period": "all", "limit_cents": 600, "spent_cents": 518, "asked_cents": 83, "allowed": False}
    assert blocking == {"budget_id": blocking["budget_id"], **expected}
    assert gjobs(*asked, "82").err == "A job for $0.82 can be queued.\n"
    assert gjobs(*asked, "83").err == (
        "A job for $0.83 cannot be queued. $6.00 total for project Autumn catalog: $0.82 left\n"
    )
    refused = gjobs("jobs", "create", "--project", "Autumn catalog", "--mode", "lifestyle", "--cost-cents", "100")
    assert_refused(
        refused, 1, "can't cover $1.00: $5.18 of $6.00 are spent.\nPress b in the dashboard to raise the limit"
    )
    assert gjobs("jobs", "update", str(QUEUED), "--cost-cents", "300").code == 1


def test_budgets_remove_asks_for_confirmation(gjobs: Run, open_terminal: OpenTerminal) -> None:
    set_autumn_budget(gjobs, "100")
    assert run_process("budgets", "remove", *AUTUMN_BUDGET).code == 2
    terminal = open_terminal("budgets", "remove", *AUTUMN_BUDGET)
    terminal.decline(
        "Remove the budget of $1.00 total for project Autumn catalog?", "test_", "The record of $5.18 spent is removed"
    )
    assert "Nothing was removed." in terminal.screen
    assert len(gjobs("budgets", "--json").document) == 1
    removed = gjobs("budgets", "remove", *AUTUMN_BUDGET, "--yes", "--json")
    assert (removed.code, removed.document["limit_cents"]) == (0, 100)
    assert gjobs("budgets", "--json").document == []
    again = gjobs("budgets", "remove", *AUTUMN_BUDGET, "--yes")
    assert_refused(again, 1, "'Autumn catalog' has no budget for the period all.")


def test_budgets_act_as_the_operator_unless_as_is_given(gjobs: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GJOBS_AS", "ben@example.com")
    gjobs("budgets", "set", "--user", str(ADA), "--period", "month", "--limit", "100")
    set_autumn_budget(gjobs, "1000")
    assert len(gjobs("budgets", "--json").document) == 2
    assert gjobs("budgets", "--as", "ben@example.com", "--json").document == []
    of_ada = gjobs("budgets", "--as", "ada@example.com", "--json").document
    assert {one["name"] for one in of_ada} == {"Autumn catalog", "ada@example.com"}
    refused = gjobs("budgets", "set", *AUTUMN_BUDGET, "--limit", "9000", "--as", "ada@example.com")
    assert (refused.code, refused.err.splitlines()[0]) == (6, "Only the operator can set limits and run workers.")
