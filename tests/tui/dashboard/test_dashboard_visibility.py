"""The visibility view: hidden jobs, the policies that hide them, partial claims, and whose totals are shown."""

import re
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from gjobs.store.job_list.list_query import ReadRules, RowWindow, RowWindowQuery, VisibilityComparison
from gjobs.store.jobs.job import JobStatus
from gjobs.store.jobs.job_results import CappedCount
from gjobs.store.users.actor import OPERATOR, ActingUser
from gjobs.tui.dashboard.list.list_header import (
    hiding_lines,
    list_note,
    no_totals,
    short_verdict,
    verdict,
)
from gjobs.tui.dashboard.panels.project_list import ProjectList
from tests.conftest import Conninfo
from tests.store.store_fixtures import make_policy
from tests.tui.dashboard.dashboard_driver import AS_BEN, Drive, Driver, dashboard_on
from tests.tui.jobs_database import BEN, TRAIL, JobsDatabase, fill, job_id
from tests.tui.sample_jobs import make_listed

POLICY = "Users can view own generation jobs"


@pytest.fixture
def jobs_db(jobs_db: JobsDatabase) -> JobsDatabase:
    """Add the jobs 9 and 10 of Ben to Ada's Autumn, and the job 11 of Ada to Ben's project."""
    jobs_db.job(9, "failed", owner=BEN, cost_cents=4_000)
    jobs_db.job(10, "queued", owner=BEN, cost_cents=5_000)
    jobs_db.job(11, "queued", project=TRAIL, cost_cents=7)
    return jobs_db


@pytest.fixture
async def comparing(dashboard: Driver) -> Driver:
    """A dashboard that compares what Ada and the operator see."""
    await dashboard.press("v", shows="visibility: ada@example.com sees 6 of 8")
    return dashboard


def row_of(dashboard: Driver, number: int) -> str:
    return dashboard.row(dashboard.rows.index(number) + 1)


async def test_comparison_dims_hidden_jobs_and_their_details_show_the_policy(
    comparing: Driver, jobs_db: JobsDatabase
) -> None:
    assert comparing.rows == [1, 2, 3, 4, 5, 6, 9, 10]
    assert comparing.title == "Jobs · ada@example.com sees 6 of 8, newest first"
    assert [number for number in comparing.rows if "⊘ hidden" in row_of(comparing, number)] == [9, 10]
    await comparing.shows(f"⊘ hidden by the policy “{POLICY}”")

    set_error = "update generation_jobs set error = %s where id = %s"
    jobs_db.sql(set_error, '{"code": 503, "message": "The image service is busy"}', job_id(4))
    error = '{"message": "No image", "stack": "%s", "mode": "packaging"}' % ("at run\\n" * 200)
    jobs_db.sql(set_error, error, job_id(9))
    await comparing.refreshes(shows="The image serv", hides='"code"')
    await comparing.press("enter", on=9, dialog="Job", shows="Full error, 205 lines: e shows it")
    await comparing.shows(
        "⊘ hidden from ada@example.com.",
        f"“{POLICY}” allows (( SELECT auth.uid() AS uid) =",
        "ben@example.com  b0000000",
    )
    await comparing.shows_no_longer("d delete   y")
    await comparing.press("e", "end", shows='"mode": "packaging"')
    await comparing.press("escape", dialog="", hides='{"message"')
    await comparing.press("enter", on=1, dialog="Job", shows="d delete  y copy id", hides="⊘ hidden from")
    await comparing.press("escape", dialog="")

    await comparing.press("v", shows=("as ada@example.com", "Costs · Autumn catalog ─"))
    assert comparing.rows == [1, 2, 3, 4, 5, 6]
    await comparing.shows_no_longer("⊘ hidden")


async def test_comparison_follows_status_project_and_id_and_keeps_totals_and_cursor(dashboard: Driver) -> None:
    before = dashboard.costs
    await dashboard.press("v", on=4, shows="visibility: ada@example.com sees 6 of 8")
    assert (dashboard.costs, dashboard.cursor) == (before, 4)
    await dashboard.shows("Costs · Autumn catalog, as ada@example.com sees it")

    await dashboard.press("5", shows="visibility: ada@example.com sees 1 of 2")
    assert dashboard.rows == [4, 9]
    assert dashboard.title == "Failed jobs · ada@example.com sees 1 of 2, newest first"
    await dashboard.press("1", "p", dialog="Show which project?")
    await dashboard.type("all projects", "enter", shows="visibility: ada@example.com sees 8 of 10")
    assert dashboard.rows == [1, 2, 3, 4, 5, 6, 7, 9, 10, 11]
    await dashboard.press("v", on=4, hides="⊘ hidden")
    assert dashboard.cursor == 4

    await dashboard.show_project("Autumn catalog")
    await dashboard.filter(str(job_id(8)), shows="Press enter to find that id everywhere.")
    await dashboard.press("enter")
    await dashboard.shows_message(
        "The job lifestyle 00000008 exists, but ada@example.com does not see it. Press v to see why."
    )
    await dashboard.press("v", shows="Costs · Trail gear, as ada@example.com sees it")
    await dashboard.shows("visibility: ada@example.com sees 1 of 2")
    assert dashboard.cursor == 8
    await dashboard.press("v", shows="Costs · b1000000")
    assert dashboard.rows == [11]
    await dashboard.shows_no_longer("Trail gear")


async def test_no_key_changes_a_hidden_job_and_other_changes_are_compared(
    comparing: Driver, jobs_db: JobsDatabase
) -> None:
    refusal = "ada@example.com does not see this job. Press u to act as the operator."
    await comparing.go_to(10)
    assert await comparing.warnings_by_key("s", "c", "f", "d") == [refusal] * 4
    await comparing.has_dialog("")
    await comparing.press("enter", dialog="Job")
    assert await comparing.warnings_by_key("s") == [refusal]
    await comparing.press("escape")
    await comparing.press("space", on=5)
    await comparing.press("space", "s", on=10)
    await comparing.shows_message("ada@example.com does not see 1 of these 2 jobs. Press u to act as the operator.")
    assert (jobs_db.status(5), jobs_db.status(10)) == (JobStatus.QUEUED, JobStatus.QUEUED)

    await comparing.press("escape")
    await comparing.press("s", on=1, message="Started lifestyle 00000001.")
    assert jobs_db.status(1) is JobStatus.RUNNING
    jobs_db.sql("update public.generation_jobs set user_id = %s where id = %s", BEN, job_id(3))
    jobs_db.delete(9)
    await comparing.refreshes(shows="visibility: ada@example.com sees 5 of 7")
    assert "⊘ hidden" in row_of(comparing, 3)


async def test_visibility_key_asks_the_operator_for_a_user_and_keeps_the_project(drive: Drive) -> None:
    async with drive(actor=OPERATOR) as driver:
        await driver.press(
            "v", dialog="Visibility: which user?", shows="ada@example.com", hides="the role in the database URL"
        )
        await driver.press("escape", dialog="", shows="as the operator")
        await driver.press("v", dialog="Visibility: which user?")
        await driver.type("ada@", "enter", shows="visibility: ada@example.com sees 6 of 8")
        await driver.act_as(AS_BEN, shows="as ben@example.com", hides="visibility:")

        await driver.act_as(OPERATOR, shows="as the operator")
        await driver.show_project("Trail gear")
        await driver.press("v", dialog="Visibility: which user?")
        await driver.type("ada@", "enter", shows="visibility: ada@example.com sees 1 of 2")
        await driver.shows("Costs · Trail gear, as ada@example.com sees it")
        assert driver.rows == [8, 11]


async def test_comparison_shows_a_missing_grant_and_not_zero_jobs(
    attached_jobs_db: JobsDatabase, attached_database: Conninfo
) -> None:
    attached_jobs_db.sql("revoke all on public.generation_jobs, public.projects, public.assets from authenticated")
    async with dashboard_on(attached_database) as driver:
        await driver.shows("no privilege")
        await driver.press("v")
        await driver.shows(
            "visibility: ada@example.com sees none: no grant",
            "No grant: ada@example.com may not read the jobs",
            "⊘ hidden from every user: authenticated has no grant",
        )
        assert not re.search(r"sees 0|Total 0|\$0\.00", driver.text)


OWN = make_policy("Own rows", "(auth.uid() = user_id)")

TEAM = make_policy("Team\x1b[2J", None)

PAID = make_policy("Paid", "(cost_cents > 0)", is_permissive=False)

RULES = ReadRules(
    role="authenticated", is_granted=True, has_row_security=True, holds_for_operator=False, policies=(OWN,)
)

SEEN, UNSEEN = make_listed(1), make_listed(2)

COMPARISON = VisibilityComparison(
    user=ActingUser(id=UUID(int=7), email="ana@example.com"),
    window=RowWindow(query=RowWindowQuery(), jobs=(SEEN, UNSEEN), has_before=False, has_after=False),
    hidden=frozenset({UNSEEN.id}),
    everything=CappedCount(number=41),
    seen=CappedCount(number=37),
    rules=RULES,
)


def with_rules(**changes: Any) -> VisibilityComparison:
    return replace(COMPARISON, rules=replace(RULES, **changes))


def counted(seen: int, everything: int, *, is_more: bool = False) -> VisibilityComparison:
    total = CappedCount(number=everything, is_more=is_more)
    return replace(COMPARISON, seen=CappedCount(number=seen), everything=total)


def of_user(email: str | None) -> VisibilityComparison:
    return replace(COMPARISON, user=ActingUser(id=UUID(int=7), email=email))


@pytest.mark.parametrize(
    ("visibility", "words"),
    [
        (COMPARISON, "ana@example.com sees 37 of 41"),
        (counted(0, 41), "ana@example.com sees 0 of 41"),
        (counted(9_999, 10_000, is_more=True), "ana@example.com sees 9,999 of ≥ 10,000"),
        (with_rules(is_granted=False), "ana@example.com sees none: no grant"),
        (with_rules(holds_for_operator=True), "ana@example.com sees 37, and the operator sees 41"),
        (of_user(None), f"{UUID(int=7)} sees 37 of 41"),
        (of_user("a\x1b[31mb"), "a␛[31mb sees 37 of 41"),
        (replace(COMPARISON, partial_claims=("team",)), "ana@example.com sees 37 of 41 with partial claims"),
    ],
)
def test_visibility_verdict_shows_how_many_jobs_the_user_sees(visibility: VisibilityComparison, words: str) -> None:
    assert verdict(visibility) == words
    assert words.endswith(short_verdict(visibility))


NO_POLICY = (
    "from every user: no policy lets authenticated read",
    "Row level security is on, but no policy lets authenticated read any job.",
)


@pytest.mark.parametrize(
    ("changes", "note", "why"),
    [
        ({}, "by the policy “Own rows”", "The policy “Own rows” does not allow it."),
        (
            {"policies": (OWN, TEAM)},
            "by the policies “Own rows”, “Team␛[2J”",
            "None of the 2 permissive policies allows this job.",
        ),
        (
            {"policies": (OWN, PAID)},
            "by the policies “Own rows”, “Paid”",
            "The policy “Own rows” does not allow it, or this restrictive policy hides it: “Paid”.",
        ),
        ({"policies": ()}, *NO_POLICY),
        ({"policies": (PAID,)}, *NO_POLICY),
        (
            {"is_granted": False},
            "from every user: authenticated has no grant",
            "The role authenticated has no grant to read the jobs, so no user sees any.",
        ),
        (
            {"has_row_security": False},
            "by something other than a policy",
            "No policy hides it, because row level security is off. Something else hides it.",
        ),
    ],
)
def test_hidden_job_note_explains_which_rule_hides_it(changes: dict[str, Any], note: str, why: str) -> None:
    assert list_note(with_rules(**changes)) == f"⊘ hidden {note}"
    assert hiding_lines(with_rules(**changes))[0] == f"⊘ hidden from ana@example.com. {why}"


def test_hidden_job_lines_list_the_policies_with_their_expressions() -> None:
    assert hiding_lines(with_rules(policies=(OWN, PAID, TEAM)))[1:] == (
        "“Own rows” allows (auth.uid() = user_id)",
        "“Paid” hides all but (cost_cents > 0)",
        "“Team␛[2J” allows nothing",
    )
    assert hiding_lines(with_rules(is_granted=False))[1:] == ()


def test_list_without_hidden_jobs_has_no_note_but_policies_of_the_operator_and_a_missing_grant_are_shown() -> None:
    assert list_note(replace(COMPARISON, hidden=frozenset())) == ""
    assert "may miss rows" in list_note(replace(with_rules(holds_for_operator=True), hidden=frozenset()))
    assert no_totals(None) == no_totals(COMPARISON) == ""
    assert "ana@example.com may not read the jobs" in no_totals(with_rules(is_granted=False))


async def test_dashboard_marks_header_totals_lists_and_dialogs_with_partial_claims(migrated_copy: Conninfo) -> None:
    jobs_db = JobsDatabase(migrated_copy)
    fill(jobs_db)
    jobs_db.sql("create policy team on generation_jobs for select using (auth.jwt() ->> 'team' = mode)")
    async with dashboard_on(migrated_copy) as driver:
        await driver.until(lambda: "as ada@example.com · partial claims ·" in driver.header)
        await driver.shows("partial claims · just now · as ada@example.com")
        caution = "Partial claims: policies read team, which gjobs does not know."
        assert caution in driver.banner
        panels = (driver.app.dashboard.jobs, driver.app.dashboard.query_one(ProjectList))
        assert [str(panel.border_subtitle) for panel in panels] == ["partial claims"] * 2
        await driver.command("Archived jobs", dialog="Archive · Autumn catalog")
        for next_dialog in ("b", "u"):
            assert "partial claims" in str(driver.app.screen.query_one("#dialog").border_subtitle), driver.dialog
            await driver.press("escape", dialog="")
            await driver.press(next_dialog, until=lambda: driver.dialog)
        await driver.press("escape", dialog="")
        await driver.press("u", dialog="Act as which user?", shows="Partial claims: policies read team")
        await driver.type("operator", "enter", shows="as the operator", hides="partial claims")
        assert str(driver.app.dashboard.jobs.border_subtitle) == ""
    jobs_db.close()
