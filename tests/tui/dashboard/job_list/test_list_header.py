"""The title of the job list, and the text of an empty list."""

from dataclasses import replace
from uuid import UUID

import pytest
from textual.app import App, ComposeResult

from gjobs.store.filters.filter_syntax import parse
from gjobs.store.job_list.list_query import Listing, ListOrder, ListQuery, OrderColumn
from gjobs.store.jobs.job import JobStatus
from gjobs.store.statistics.statistics import Count, JobStatistics, Totals, TotalsQuery
from gjobs.tui.dashboard.list.jobs_panel import list_length
from gjobs.tui.dashboard.list.list_header import (
    StatusTabs,
    fixed_values,
    job_list_title,
    project_crumbs,
    whole_list_words,
    why_empty,
)
from gjobs.tui.text.status_text import Position
from tests.tui.app_waits import resize
from tests.tui.dashboard.test_dashboard_visibility import COMPARISON
from tests.tui.sample_jobs import NOON, make_listing, make_totals

PROJECT = UUID(int=2)

TIME = parse("time", now=NOON)


def listing(listed: ListQuery | None = None, *, is_all: bool = True, projects: int = 1) -> Listing:
    seen = make_listing(replace(listed or ListQuery(), project_id=PROJECT), held=3, has_after=not is_all)
    return replace(seen, projects=seen.projects * projects)


def at_noon(seen: Listing) -> Listing:
    return replace(seen, query=replace(seen.query, moment=NOON))


def numbers(*, failed: int = 2, matching: int | None = None) -> Totals:
    counts = dict.fromkeys(JobStatus, Count(number=0))
    counts |= {JobStatus.FAILED: Count(number=failed), JobStatus.QUEUED: Count(number=1)}
    found = listing(FOUND).query.window.listed if matching is not None else None
    counted = None if matching is None else Count(number=matching)
    query = TotalsQuery(project_id=PROJECT, matching=found)
    return make_totals(JobStatistics(by_status=()), query=query, counts=counts, matching=counted)


FAILED = ListQuery(status=JobStatus.FAILED)

FOUND = ListQuery(job_filter=TIME)


PLACE = Position(number=2, is_exact=True, length=Count(number=2_001))


@pytest.mark.parametrize(
    ("seen", "position", "title"),
    [
        (None, None, "Jobs"),
        (listing(), PLACE, "Jobs · 3, newest first"),
        (listing(is_all=False), PLACE, "Jobs · 2 of 2,001, newest first"),
        (listing(is_all=False), replace(PLACE, length=None), "Jobs · 2 …, newest first"),
        (listing(FAILED, is_all=False), replace(PLACE, is_exact=False), "Failed jobs · ≈ 2 of 2,001, newest first"),
        (listing(FOUND), PLACE, "Jobs · with time · 3, newest first"),
        (listing(FOUND, is_all=False), PLACE, "Jobs · with time · 2 of 2,001, newest first"),
        (replace(listing(), visibility=COMPARISON), PLACE, "Jobs · ana@example.com sees 37 of 41, newest first"),
    ],
)
def test_title_shows_the_length_or_the_position(seen: Listing | None, position: Position | None, title: str) -> None:
    assert job_list_title(seen, position) == title


@pytest.mark.parametrize(
    ("seen", "length", "words"),
    [
        (listing(), None, "3 jobs · newest first"),
        (listing(is_all=False), Count(number=200_030), "200,030 jobs · newest first"),
        (listing(FAILED, is_all=False), None, "All failed jobs · newest first"),
        (listing(FOUND, is_all=False), Count(number=1), "1 job · with time · newest first"),
    ],
)
def test_words_for_the_whole_list_name_its_length_at_any_place(seen: Listing, length: Count | None, words: str) -> None:
    assert whole_list_words(seen, length) == words


FAR_DOWN = Position(number=412_000, is_exact=False, length=Count(number=1_000_000))

LONG = ListQuery(job_filter=parse("mode:lifestyle took:>1m error:timeout", now=NOON))


@pytest.mark.parametrize(
    ("listed", "width", "title"),
    [
        (LONG, 200, "Jobs · with mode:lifestyle took:>1m error:timeout · ≈ 412,000 of 1,000,000, newest first"),
        (LONG, 76, "Jobs · with mode:lifestyle took:>1m… · ≈ 412,000 of 1,000,000, newest first"),
        (LONG, 74, "Jobs · with mode:lifestyle took:>1m error:timeout · ≈ 412,000 of 1,000,000"),
        (LONG, 36, "Jobs · ≈ 412,000 of 1,000,000"),
        (LONG, 25, "≈ 412,000 of 1,000,000"),
        (ListQuery(job_filter=parse("cost:>$4 x")), 53, "Jobs · with cost:>$4.00 x · ≈ 412,000 of 1,000,000"),
    ],
)
def test_short_title_keeps_the_cursor_position(listed: ListQuery, width: int, title: str) -> None:
    assert job_list_title(listing(listed, is_all=False), FAR_DOWN, width=width) == title
    assert job_list_title(listing(listed, is_all=False), FAR_DOWN, width=len(title)) == title


@pytest.mark.parametrize(
    ("seen", "counted", "length"),
    [
        (listing(), None, None),
        (listing(), numbers(failed=2_000), Count(number=2_001)),
        (listing(FAILED), numbers(failed=501), Count(number=501)),
        (listing(FOUND), numbers(failed=99), None),
        (listing(FOUND), numbers(matching=17), Count(number=17)),
        (listing(), replace(numbers(), query=TotalsQuery(project_id=None)), None),
        (replace(listing(), visibility=COMPARISON), numbers(), Count(number=41)),
    ],
)
def test_length_uses_only_totals_of_the_same_list(seen: Listing, counted: Totals | None, length: Count | None) -> None:
    assert list_length(seen, counted) == length


CRUMBS = project_crumbs("Autumn catalog of outdoor clothing", keys="tab or p")


@pytest.mark.parametrize(
    ("listed", "width", "title"),
    [
        (
            FAILED,
            110,
            "All projects ▸ Autumn catalog of outdoor clo… (tab or p: switch) · Failed jobs · 412,000 of 1,000,000",
        ),
        (ListQuery(), 90, "All projects ▸ Autumn catalog of outdoor clo… (tab or p: switch) · 412,000 of 1,000,000"),
        (FAILED, 48, "▸ Autumn catalo… · Failed · 412,000 of 1,000,000"),
        (FAILED, 36, "▸ Autumn catalo… · Failed"),
        (FOUND, 74, "All projects ▸ Autumn catalog of outdoor clo… · 412,000 of 1,000,000"),
        (ListQuery(), 44, "▸ Autumn catalo… · 412,000 of 1,000,000"),
        (ListQuery(), 30, "▸ Autumn catalo…"),
    ],
)
def test_title_of_a_narrow_screen_shows_the_way_to_the_project(listed: ListQuery, width: int, title: str) -> None:
    position = replace(FAR_DOWN, is_exact=True)
    assert job_list_title(listing(listed, is_all=False), position, width=width, crumbs=CRUMBS) == title
    crumbs = project_crumbs(None, keys="tab or p")
    assert job_list_title(listing(), None, crumbs=crumbs) == "All projects (tab or p: choose) · 3, newest first"


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("status:failed mode:lifestyle", "status: failed · mode: lifestyle"),
        ("timeout status:queued,running", "status: queued or running · timeout"),
        ("-status:failed cost:>50", "-status:failed cost:>$0.50"),
    ],
)
def test_fixed_values_are_those_that_a_filter_allows(text: str, fixed: str) -> None:
    assert fixed_values(parse(text)) == fixed


class TabsApp(App[None]):
    def compose(self) -> ComposeResult:
        yield StatusTabs()


def words(tabs: StatusTabs) -> str:
    return " ".join(str(tabs.render()).split())


async def test_tabs_show_counts_and_fixed_values_and_give_up_words_on_a_narrow_screen() -> None:
    app = TabsApp()
    async with app.run_test(size=(100, 5)) as pilot:
        tabs = app.query_one(StatusTabs)
        assert words(tabs) == "1 all 2 ◌ queued 3 ▸ running 4 ✓ succeeded 5 ✗ failed"
        tabs.counts = {None: "121", JobStatus.QUEUED: "~6,000", JobStatus.FAILED: "9"}
        assert words(tabs) == "1 all 121 2 ◌ queued ~6,000 3 ▸ running 4 ✓ succeeded 5 ✗ failed 9"
        await resize(pilot, 72, 5)
        assert words(tabs) == "1 all 121 2 queued ~6,000 3 running 4 succeeded 5 failed 9"
        await resize(pilot, 60, 5)
        assert words(tabs) == "1 all 121 2 ◌ ~6,000 3 ▸ 4 ✓ 5 ✗ 9"
        tabs.counts = {}
        tabs.fixed = "status: failed · mode: [/x]"
        await resize(pilot, 120, 5)
        assert str(tabs.render()).endswith("✗ failed   status: failed · mode: [/x]")
        await resize(pilot, 60, 5)
        assert "4 ✓ " in str(tabs.render())
        assert "status: failed ·" in str(tabs.render())


def test_every_order_has_its_own_title() -> None:
    orders = [ListOrder(column=column, descending=descends) for column in OrderColumn for descends in (True, False)]
    titles = {job_list_title(listing(ListQuery(order=order)), None) for order in orders}

    assert len(titles) == len(orders)


NO_STATUS_DONE = "'done' is not a status of the workflow, which has queued, running, succeeded, failed."
ALL_AGAIN = "Press esc to show all jobs again."


@pytest.mark.parametrize(
    ("seen", "needle", "sentence"),
    [
        (listing(FOUND), "time", f"No job matches. {ALL_AGAIN}"),
        (
            listing(FOUND),
            "dead",
            "No job matches. Press enter to find that id everywhere. Press esc to show all jobs again.",
        ),
        (listing(ListQuery(job_filter=parse("status:done"))), "", f"No job matches. {NO_STATUS_DONE} {ALL_AGAIN}"),
        (replace(listing(), visibility=COMPARISON), "", "No jobs, neither for ana@example.com nor for the operator."),
        (listing(projects=0), "", "No projects found. Press P to create one first."),
        (at_noon(listing(projects=0)), "", "No jobs at this moment."),
        (at_noon(listing(ListQuery(status=JobStatus.RUNNING))), "", "No running jobs at this moment."),
        (at_noon(listing(FOUND)), "time", f"No job matches. {ALL_AGAIN}"),
        (listing(ListQuery(status=JobStatus.RUNNING)), "", "No running jobs."),
        (listing(), " ", "Press n to create your first generation job."),
        (listing(projects=2), "", "This project has no jobs. Press n to create one."),
    ],
)
def test_empty_list_explains_why_it_is_empty(seen: Listing, needle: str, sentence: str) -> None:
    assert why_empty(App(), seen, needle) == sentence
    if "Press P" in sentence:
        of_anon = why_empty(App(), seen, needle, may_create_projects=False)
        assert of_anon == "No projects found. Press u to act as a user."
