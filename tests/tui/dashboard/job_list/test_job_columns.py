"""The job list's columns, cells, title and tabs, and the text of an empty list."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult

from gjobs.store.filters.filter_syntax import parse
from gjobs.store.job_list.list_query import NEWEST_FIRST, Listing, ListOrder, ListQuery, OrderColumn
from gjobs.store.jobs.job import AnyStatus, JobStatus, UnknownStatus
from gjobs.store.statistics.statistics import Count, JobStatistics, Totals, TotalsQuery
from gjobs.store.values.formats import FarTime
from gjobs.tui.dashboard.list.job_columns import (
    SORTED_BY,
    Cell,
    ColumnName,
    ContentWidths,
    JobColumn,
    RowNotes,
    column_at,
    header_cells,
    lay_out,
    measure,
    row_cells,
)
from gjobs.tui.dashboard.list.jobs_panel import list_length
from gjobs.tui.dashboard.list.list_header import (
    StatusTabs,
    fixed_values,
    job_list_title,
    project_crumbs,
    whole_list_words,
    why_empty,
)
from gjobs.tui.dashboard.list.table_drawing import TableRenderer
from gjobs.tui.text.format import short_id
from gjobs.tui.text.status_text import Position
from tests.tui.app_waits import resize
from tests.tui.dashboard.test_dashboard_visibility import COMPARISON
from tests.tui.sample_jobs import NOON, make_job, make_listing, make_totals

TOTALS_ONLY = {ColumnName.MODE: 15, ColumnName.COST: 7}

USUAL = {**TOTALS_ONLY, ColumnName.RUN: 11}

WITH_VISIBILITY = {**USUAL, ColumnName.VISIBILITY: 8}

ALL_PROJECTS = {**USUAL, ColumnName.PROJECT: 15}

ALL_OWNERS = {**ALL_PROJECTS, ColumnName.OWNER: 15}

cells = st.integers(0, 48)

contents = st.fixed_dictionaries(
    {ColumnName.MODE: cells, ColumnName.COST: st.integers(0, 15)},
    optional=dict.fromkeys((ColumnName.PROJECT, ColumnName.OWNER, ColumnName.VISIBILITY, ColumnName.RUN), cells),
)


def names(columns: tuple[JobColumn, ...]) -> list[str]:
    return [column.name for column in columns]


@given(st.integers(40, 200), contents)
def test_columns_fit_the_width_without_overlap(width: int, content: ContentWidths) -> None:
    columns = lay_out(width, content)

    first = [*(["VISIBLE"] if ColumnName.VISIBILITY in content else []), "STATUS", "MODE"]
    assert names(columns)[: len(first)] == first
    assert all(left.start + left.width < right.start for left, right in pairwise(columns))
    assert columns[-1].start + columns[-1].width <= width


@given(st.integers(40, 199).filter(lambda width: width != 59), contents)
def test_a_wider_table_loses_no_column(width: int, content: ContentWidths) -> None:
    """The step from 59 to 60 cells is an exception, because the gaps grow there."""
    assert set(names(lay_out(width, content))) <= set(names(lay_out(width + 1, content)))


@pytest.mark.parametrize(
    ("width", "content", "expected"),
    [
        (40, USUAL, "STATUS MODE COST"),
        (54, USUAL, "STATUS MODE COST CREATED ERROR"),
        (71, USUAL, "STATUS MODE COST CREATED DURATION ERROR"),
        (71, WITH_VISIBILITY, "VISIBLE STATUS MODE COST CREATED DURATION"),
        (54, ALL_PROJECTS, "STATUS MODE COST CREATED PROJECT"),
        (71, ALL_PROJECTS, "STATUS MODE COST CREATED DURATION PROJECT"),
        (77, {**ALL_PROJECTS, ColumnName.VISIBILITY: 8}, "VISIBLE STATUS MODE COST CREATED DURATION PROJECT"),
        (120, ALL_PROJECTS, "STATUS MODE COST CREATED DURATION PROJECT ID ERROR"),
        (71, ALL_OWNERS, "STATUS MODE COST CREATED DURATION PROJECT OWNER"),
        (110, ALL_OWNERS, "STATUS MODE COST CREATED DURATION PROJECT OWNER ERROR"),
        (140, ALL_OWNERS, "STATUS MODE COST CREATED DURATION PROJECT OWNER ID ERROR"),
    ],
)
def test_each_width_shows_the_expected_columns(width: int, content: ContentWidths, expected: str) -> None:
    assert " ".join(names(lay_out(width, content))) == expected


@given(st.integers(71, 200))
def test_durations_fit_beside_owners_whose_names_stay_recognizable(width: int) -> None:
    """A list has 71 cells beside the sidebar of a 100-column screen, and 77 on an 80-column one without it. Errors
    are dropped, because the details show them.
    """
    columns = {str(column.name): column.width for column in lay_out(width, ALL_OWNERS)}
    assert columns["DURATION"] == len("59 min 59 s")
    assert columns["PROJECT"] >= (12 if width >= 102 else 7)
    assert columns["OWNER"] >= (len("ada@example.com") if width >= 111 else 12 if width >= 77 else 7)
    assert columns.get("ERROR", 16) >= (16 if width >= 111 else 10)


@pytest.mark.parametrize(
    ("width", "mode", "project", "widths"),
    [
        pytest.param(105, 15, 15, (15, 15, 21), id="the error column has its minimum width"),
        (120, 30, 44, (16, 16, 24)),
        (140, 30, 44, (24, 20, 24)),
        (160, 30, 44, (24, 24, 40)),
        (200, 30, 32, (30, 32, 66)),
    ],
)
def test_wide_tables_give_width_to_long_names(width: int, mode: int, project: int, widths: tuple[int, ...]) -> None:
    content = {ColumnName.MODE: mode, ColumnName.COST: 7, ColumnName.PROJECT: project}
    columns = {str(column.name): column for column in lay_out(width, content)}
    mode_column, project_column, error = (columns[name] for name in ("MODE", "PROJECT", "ERROR"))
    assert (mode_column.width, project_column.width, error.width) == widths
    assert error.start + error.width == width


def test_durations_are_right_aligned_below_their_title() -> None:
    columns = [column for column in lay_out(80, USUAL) if column.name == "DURATION"]
    job = make_job(3, status=JobStatus.RUNNING, started_at=NOON - timedelta(seconds=41))
    assert [cell.text for cell in (*header_cells(columns, None), *row_cells(job, columns, now=NOON))] == [
        "   DURATION",
        "       41 s",
    ]


def test_table_shows_the_column_that_it_is_sorted_by_and_each_column_in_some_order() -> None:
    orders = [ListOrder(column=column) for column in OrderColumn]
    everything = {**ALL_OWNERS, ColumnName.VISIBILITY: 8}
    assert {column.name for order in orders for column in lay_out(200, everything, order)} == {*ColumnName}
    updated = names(lay_out(80, USUAL, ListOrder(column=OrderColumn.UPDATED, descending=True)))
    assert "UPDATED" in updated
    assert "CREATED" not in updated

    by_total = ListOrder(column=OrderColumn.TOTAL)
    assert "DURATION" not in names(lay_out(61, ALL_PROJECTS))
    assert " ".join(names(lay_out(61, ALL_PROJECTS, by_total))) == "STATUS MODE COST TOTAL PROJECT"
    assert "CREATED" in names(lay_out(120, ALL_PROJECTS, by_total))


def test_content_widths_cover_all_jobs_up_to_a_maximum_and_only_grow() -> None:
    jobs = [make_job(1, mode="漢字漢字漢字"), make_job(2, mode="x" * 10_000, project_id=UUID(int=9))]
    names = RowNotes(project_names={UUID(int=2): "Autumn", UUID(int=3): "Spring sale"})
    mode, cost, project = ColumnName.MODE, ColumnName.COST, ColumnName.PROJECT
    assert measure(jobs[:1]) == {mode: 12, cost: 5}
    assert measure(jobs, notes=names) == {mode: 32, cost: 5, project: 11}
    assert measure([], notes=RowNotes(hidden=frozenset())).keys() == {mode, cost, ColumnName.VISIBILITY}
    assert measure([], notes=RowNotes(project_names={}))[project] == 0
    assert measure([make_job(1, cost_cents=-2_147_483_648)])[cost] == len("-$21,474,836.48")

    renderer = TableRenderer()
    renderer.fit(80, None)
    for few, further in ((jobs[:1], jobs[1:]), (jobs[1:], jobs[:1])):
        renderer.forget()
        renderer.take((*few, *further), names, has_starts=False)
        columns = renderer.columns
        renderer.take(tuple(few), names, has_starts=False)
        assert renderer.columns == columns
        renderer.take(tuple(few), RowNotes(), has_starts=False)
        assert "PROJECT" not in [column.name for column in renderer.columns]


def test_usual_modes_fit_before_whole_names_of_owners_and_a_gap_belongs_to_the_column_before_it() -> None:
    columns = lay_out(92, {**TOTALS_ONLY, ColumnName.COST: 5, ColumnName.PROJECT: 20, ColumnName.OWNER: 15})
    widths = {str(column.name): column.width for column in columns}
    assert (widths["MODE"], widths["OWNER"]) == (len("main_white"), 14)
    columns = lay_out(80, USUAL)
    assert [column_at(columns, x) for x in (1, 2)] == [None, None]
    assert [column_at(columns, x) for x in (3, 14, 15, 16)] == ["STATUS", "STATUS", "STATUS", "MODE"]


def texts(cells: tuple[Cell, ...]) -> list[str]:
    return [cell.text.strip() for cell in cells]


def test_header_marks_the_sorted_column_with_an_arrow_that_fits() -> None:
    ascending = ListOrder(column=OrderColumn.CREATED, descending=False)
    titles = ["STATUS", "MODE", "COST", "CREATED ▴", "DURATION", "ERROR"]
    assert texts(header_cells(lay_out(80, USUAL), ascending)) == titles
    for title, column in ((title, column) for title, column in SORTED_BY.items() if column and title != "DURATION"):
        sort = ListOrder(column=column, descending=True)
        assert f"{title} ▾" in texts(header_cells(lay_out(80, measure([]), sort), sort))


def test_row_of_a_failed_job_shows_all_cells_and_styles() -> None:
    error, updated_at = '{"message": "API timeout"}', NOON - timedelta(seconds=139)
    started_at = NOON - timedelta(seconds=147)
    job = make_job(3, status=JobStatus.FAILED, error=error, updated_at=updated_at, started_at=started_at)
    cells = row_cells(
        job, lay_out(120, ALL_PROJECTS), now=NOON, notes=RowNotes(project_names={UUID(int=2): "Autumn catalog"})
    )

    assert [(cell.text.strip(), cell.style.removeprefix("job-table--")) for cell in cells] == [
        ("✗ failed", "failed"),
        ("main_white", ""),
        ("$2.50", ""),
        ("3 min ago", "quiet"),
        ("8.0 s", "quiet"),
        ("Autumn catalog", ""),
        ("00000000", "quiet"),
        ("API timeout", "error"),
    ]


@pytest.mark.parametrize(
    ("status", "run", "total"),
    [
        (JobStatus.QUEUED, "", ""),
        (JobStatus.RUNNING, "2 min 40 s", "3 min 00 s"),
        (JobStatus.SUCCEEDED, "45 s", "1 min 05 s"),
        (JobStatus.FAILED, "45 s", "1 min 05 s"),
        (UnknownStatus("paused"), "", ""),
    ],
)
def test_duration_cell_shows_the_run_and_total_cell_the_whole_time(status: AnyStatus, run: str, total: str) -> None:
    started_at = NOON - timedelta(seconds=160)
    job = make_job(3, status=status, updated_at=NOON - timedelta(seconds=115), started_at=started_at)
    runs, totals = lay_out(80, USUAL), lay_out(80, TOTALS_ONLY)

    for shown in (job, *([replace(job, completed_at=job.updated_at, updated_at=NOON)] if status.is_final else [])):
        assert texts(row_cells(shown, runs, now=NOON))[4] == run
        assert texts(row_cells(shown, totals, now=NOON))[4] == total
    if run:
        unknown = replace(job, started_at=None)
        assert texts(row_cells(unknown, runs, now=NOON))[4] == "–", "never the total"


def test_job_with_a_far_time_has_no_total() -> None:
    job = make_job(1, status=JobStatus.SUCCEEDED, created_at=FarTime.of("-infinity"), updated_at=NOON)
    assert texts(row_cells(job, lay_out(80, TOTALS_ONLY), now=NOON))[3:5] == ["-infinity", "–"]


@given(width=st.integers(40, 200), mode=st.text(), error=st.text(), name=st.text())
def test_row_with_any_text_is_printable_and_fits_its_columns(width: int, mode: str, error: str, name: str) -> None:
    job = make_job(1, mode=mode, error=error)
    notes = RowNotes(project_names={job.project_id: name})
    columns = lay_out(width, measure([job], notes=notes), NEWEST_FIRST)
    cells = row_cells(job, columns, now=NOON, notes=notes)

    assert all(cell.text.isprintable() for cell in cells)
    assert [(cell.start, cell_len(cell.text)) for cell in cells] == [(column.start, column.width) for column in columns]


@pytest.mark.parametrize(
    ("width", "minutes", "status"),
    [
        (60, 300, "! stuck 5 h"),
        (78, 59, "! stuck"),
        (98, 300, "running ! stuck 5 h"),
        (160, 59, "! stuck 59 min"),
    ],
)
def test_stuck_job_is_marked_until_it_is_updated_without_moving_a_column(width: int, minutes: int, status: str) -> None:
    job = make_job(1, status=JobStatus.RUNNING, updated_at=NOON - timedelta(minutes=minutes))
    notes = RowNotes(stuck={job.id: job.updated_at})
    columns = lay_out(width, measure([job], notes=notes))
    assert columns == lay_out(width, measure([job]))
    (cell, *_) = row_cells(job, columns, now=NOON, notes=notes)
    assert (cell.text.strip(), cell.style) == (status, "job-table--stuck")

    updated = replace(job, updated_at=NOON)
    (cell, *_) = row_cells(updated, columns, now=NOON, notes=notes)
    assert (cell.text.strip(), cell.style) == ("▸ running", "job-table--running")


def test_owner_column_shows_the_name_or_the_short_id() -> None:
    job = make_job(1)
    for owners, shown in (({job.user_id: "ada@example.com"}, "ada@example.com"), ({}, short_id(job.user_id))):
        notes = RowNotes(project_names={}, owners=owners)
        columns = lay_out(140, measure([job], notes=notes))
        assert "PROJECT OWNER" in " ".join(names(columns))
        assert shown in texts(row_cells(job, columns, now=NOON, notes=notes))
    assert "OWNER" not in names(lay_out(140, measure([job], notes=RowNotes(project_names={}))))

    job = replace(job, user_id=job.project_id)
    notes = RowNotes(project_names={job.project_id: "Autumn"}, owners={job.user_id: "ada@example.com"})
    cells = texts(row_cells(job, lay_out(140, measure([job], notes=notes)), now=NOON, notes=notes))
    assert {"Autumn", "ada@example.com"} < {*cells}, "a project and a user may have the same id"


def test_row_of_a_hidden_job_is_marked_and_dimmed() -> None:
    columns = lay_out(80, WITH_VISIBILITY)
    hidden = row_cells(
        make_job(1, status=JobStatus.FAILED), columns, now=NOON, notes=RowNotes(hidden=frozenset({make_job(1).id}))
    )
    seen = row_cells(make_job(1, status=JobStatus.FAILED), columns, now=NOON)

    assert (hidden[0].text, seen[0].text) == ("⊘ hidden", " " * 8)
    assert hidden[0].style == "job-table--hidden"
    assert {cell.style for cell in hidden[1:]} == {"job-table--quiet"}
    assert "job-table--failed" in {cell.style for cell in seen}


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
    ("words", "text"),
    [
        (job_list_title(None, None), "Jobs"),
        (job_list_title(listing(), PLACE), "Jobs · 3, newest first"),
        (job_list_title(listing(is_all=False), PLACE), "Jobs · 2 of 2,001, newest first"),
        (job_list_title(listing(is_all=False), replace(PLACE, length=None)), "Jobs · 2 …, newest first"),
        (
            job_list_title(listing(FAILED, is_all=False), replace(PLACE, is_exact=False)),
            "Failed jobs · ≈ 2 of 2,001, newest first",
        ),
        (job_list_title(listing(FOUND), PLACE), "Jobs · with time · 3, newest first"),
        (job_list_title(listing(FOUND, is_all=False), PLACE), "Jobs · with time · 2 of 2,001, newest first"),
        (
            job_list_title(replace(listing(), visibility=COMPARISON), PLACE),
            "Jobs · ana@example.com sees 37 of 41, newest first",
        ),
        (whole_list_words(listing(), None), "3 jobs · newest first"),
        (whole_list_words(listing(is_all=False), Count(number=200_030)), "200,030 jobs · newest first"),
        (whole_list_words(listing(FAILED, is_all=False), None), "All failed jobs · newest first"),
        (whole_list_words(listing(FOUND, is_all=False), Count(number=1)), "1 job · with time · newest first"),
        (fixed_values(parse("status:failed mode:lifestyle")), "status: failed · mode: lifestyle"),
        (fixed_values(parse("timeout status:queued,running")), "status: queued or running · timeout"),
        (fixed_values(parse("-status:failed cost:>50")), "-status:failed cost:>$0.50"),
    ],
)
def test_title_shows_the_length_or_the_position_and_tabs_the_fixed_values(words: str, text: str) -> None:
    assert words == text


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
def test_title_of_a_narrow_screen_shows_breadcrumbs_to_the_project(listed: ListQuery, width: int, title: str) -> None:
    position = replace(FAR_DOWN, is_exact=True)
    assert job_list_title(listing(listed, is_all=False), position, width=width, crumbs=CRUMBS) == title
    crumbs = project_crumbs(None, keys="tab or p")
    assert job_list_title(listing(), None, crumbs=crumbs) == "All projects (tab or p: choose) · 3, newest first"


class TabsApp(App[None]):
    def compose(self) -> ComposeResult:
        yield StatusTabs()


def words(tabs: StatusTabs) -> str:
    return " ".join(str(tabs.render()).split())


async def test_tabs_show_counts_and_fixed_values_and_drop_words_on_a_narrow_screen() -> None:
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
