from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from gjobs.store.job_list.list_query import NEWEST_FIRST, ListOrder, OrderColumn
from gjobs.store.jobs.job import AnyStatus, JobStatus, UnknownStatus
from gjobs.store.values.formats import parse_far_time
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
from gjobs.tui.text.format import short_id
from tests.tui.sample_jobs import NOON, make_job

USUAL = ContentWidths(mode=15, cost=7, has_starts=True)

ALL_PROJECTS = replace(USUAL, project=15)

ALL_OWNERS = replace(ALL_PROJECTS, owner=15)

contents = st.builds(
    ContentWidths,
    mode=st.integers(0, 48),
    cost=st.integers(0, 15),
    project=st.none() | st.integers(0, 48),
    owner=st.none() | st.integers(0, 48),
    with_visibility=st.booleans(),
    has_starts=st.booleans(),
)


def names(columns: tuple[JobColumn, ...]) -> list[str]:
    return [column.name for column in columns]


@given(st.integers(40, 200), contents)
def test_columns_fit_the_width_without_overlap(width: int, content: ContentWidths) -> None:
    columns = lay_out(width, content)

    first = [*(["VISIBLE"] if content.with_visibility else []), "STATUS", "MODE"]
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
        (71, replace(USUAL, with_visibility=True), "VISIBLE STATUS MODE COST CREATED DURATION"),
        (54, ALL_PROJECTS, "STATUS MODE COST CREATED PROJECT"),
        (71, ALL_PROJECTS, "STATUS MODE COST CREATED DURATION PROJECT"),
        (77, replace(ALL_PROJECTS, with_visibility=True), "VISIBLE STATUS MODE COST CREATED DURATION PROJECT"),
        (120, ALL_PROJECTS, "STATUS MODE COST CREATED DURATION PROJECT ID ERROR"),
        (71, ALL_OWNERS, "STATUS MODE COST CREATED DURATION PROJECT OWNER"),
        (110, ALL_OWNERS, "STATUS MODE COST CREATED DURATION PROJECT OWNER ERROR"),
        (140, ALL_OWNERS, "STATUS MODE COST CREATED DURATION PROJECT OWNER ID ERROR"),
    ],
)
def test_each_width_shows_the_expected_columns(width: int, content: ContentWidths, expected: str) -> None:
    assert " ".join(names(lay_out(width, content))) == expected


@given(st.integers(71, 200))
def test_durations_are_beside_owners_who_stay_recognizable(width: int) -> None:
    """A list has 71 cells beside the sidebar of a 100-column screen, and 77 on an 80-column one without it. Errors
    give way: the details show them.
    """
    columns = {str(column.name): column.width for column in lay_out(width, ALL_OWNERS)}
    assert columns["DURATION"] == len("59 min 59 s")
    assert columns["PROJECT"] >= (12 if width >= 102 else 7)
    assert columns["OWNER"] >= (len("ada@example.com") if width >= 111 else 12 if width >= 77 else 7)
    assert columns.get("ERROR", 16) >= (16 if width >= 111 else 10)


def test_close_columns_keep_two_cells_after_an_aligned_number() -> None:
    for content in (ALL_OWNERS, replace(ALL_PROJECTS, with_visibility=True)):
        columns = lay_out(77, content)
        gaps = {str(left.name): right.start - left.start - left.width for left, right in pairwise(columns)}
        assert {gaps.pop("COST"), gaps.pop("DURATION")} == {2}
        assert set(gaps.values()) == {1}


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
    columns = {str(column.name): column for column in lay_out(width, ContentWidths(mode=mode, cost=7, project=project))}
    mode_column, project_column, error = (columns[name] for name in ("MODE", "PROJECT", "ERROR"))
    assert (mode_column.width, project_column.width, error.width) == widths
    assert error.start + error.width == width


def test_no_text_column_exceeds_its_maximum_in_a_very_wide_table() -> None:
    jobs = [make_job(1, mode="m" * 90, error="e" * 900)]
    columns = lay_out(400, measure(jobs, notes=RowNotes(project_names={UUID(int=2): "p" * 90})))
    widths = {str(column.name): column.width for column in columns}
    assert (widths["MODE"], widths["PROJECT"], widths["ERROR"]) == (32, 32, 80)


def test_durations_are_right_aligned_below_their_title() -> None:
    columns = [column for column in lay_out(80, USUAL) if column.name == "DURATION"]
    job = make_job(3, status=JobStatus.RUNNING, started_at=NOON - timedelta(seconds=41))
    assert [cell.text for cell in (*header_cells(columns, None), *row_cells(job, columns, now=NOON))] == [
        "   DURATION",
        "       41 s",
    ]


def test_table_shows_the_column_that_it_is_sorted_by() -> None:
    updated = names(lay_out(80, USUAL, ListOrder(column=OrderColumn.UPDATED, descending=True)))
    assert "UPDATED" in updated
    assert "CREATED" not in updated

    by_total = ListOrder(column=OrderColumn.TOTAL)
    assert "DURATION" not in names(lay_out(61, ALL_PROJECTS))
    assert " ".join(names(lay_out(61, ALL_PROJECTS, by_total))) == "STATUS MODE COST TOTAL PROJECT"
    assert "CREATED" in names(lay_out(120, ALL_PROJECTS, by_total))


def test_each_column_is_shown_in_some_list() -> None:
    orders = [ListOrder(column=column) for column in OrderColumn]
    everything = replace(ALL_OWNERS, with_visibility=True)
    shown = {column.name for order in orders for column in lay_out(200, everything, order)}
    assert shown == {*ColumnName}


def test_table_without_recorded_starts_shows_totals() -> None:
    without = replace(USUAL, has_starts=False)
    assert names(lay_out(80, without)) == [name.replace("DURATION", "TOTAL") for name in names(lay_out(80, USUAL))]


def test_content_widths_cover_all_jobs_up_to_a_maximum_and_only_grow() -> None:
    jobs = [make_job(1, mode="漢字漢字漢字"), make_job(2, mode="x" * 10_000, project_id=UUID(int=9))]
    names = {UUID(int=2): "Autumn", UUID(int=3): "Spring sale"}
    assert measure(jobs[:1]) == ContentWidths(mode=12, cost=5, project=None)
    assert measure(jobs, notes=RowNotes(project_names=names)) == ContentWidths(mode=32, cost=5, project=11)
    assert measure([], notes=RowNotes(hidden=frozenset())) == ContentWidths(with_visibility=True)
    assert measure([], notes=RowNotes(project_names={})) == ContentWidths(project=0)
    assert measure([make_job(1, cost_cents=-2_147_483_648)]).cost == len("-$21,474,836.48")

    wide, narrow = ContentWidths(mode=12, cost=5, project=8), ContentWidths(mode=4, cost=7, project=3)
    assert wide.widened(narrow) == narrow.widened(wide) == ContentWidths(mode=12, cost=7, project=8)
    assert wide.widened(ContentWidths(with_visibility=True)) == ContentWidths(mode=12, cost=5, with_visibility=True)


def test_column_at_assigns_a_gap_to_the_column_before_it() -> None:
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
        assert f"{title} ▾" in texts(header_cells(lay_out(80, ContentWidths(), sort), sort))


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
    runs, totals = (lay_out(80, replace(USUAL, has_starts=has_starts)) for has_starts in (True, False))

    for shown in (job, *([replace(job, completed_at=job.updated_at, updated_at=NOON)] if status.is_final else [])):
        assert texts(row_cells(shown, runs, now=NOON))[4] == run
        assert texts(row_cells(shown, totals, now=NOON))[4] == total
    if run:
        unknown = replace(job, started_at=None)
        assert texts(row_cells(unknown, runs, now=NOON))[4] == "–", "never the total"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("infinity", "infinity"),
        ("-infinity", "-infinity"),
        ("294276-12-31T23:59:59.999999Z", "294276 AD"),
        ("4714-11-24T00:00:00.000000Z BC", "4714 BC"),
    ],
)
def test_far_times_are_shown_by_their_year_and_have_no_total(text: str, shown: str) -> None:
    far = parse_far_time(text)
    assert far is not None
    job = make_job(1, status=JobStatus.SUCCEEDED, created_at=far, updated_at=NOON)
    assert texts(row_cells(job, lay_out(80, replace(USUAL, has_starts=False)), now=NOON))[3:5] == [shown, "–"]


@given(width=st.integers(40, 200), mode=st.text(), error=st.text(), name=st.text())
def test_row_with_any_text_is_printable_and_fits_its_columns(width: int, mode: str, error: str, name: str) -> None:
    job = make_job(1, mode=mode, error=error)
    notes = RowNotes(project_names={job.project_id: name})
    columns = lay_out(width, measure([job], notes=notes), NEWEST_FIRST)
    cells = row_cells(job, columns, now=NOON, notes=notes)

    assert all(cell.text.isprintable() for cell in cells)
    assert [(cell.start, cell_len(cell.text)) for cell in cells] == [(column.start, column.width) for column in columns]


def test_most_usual_modes_fit_before_whole_names_of_owners() -> None:
    columns = lay_out(92, ContentWidths(mode=15, cost=5, project=20, owner=15))
    widths = {str(column.name): column.width for column in columns}
    assert (widths["MODE"], widths["OWNER"]) == (len("main_white"), 14)


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
    columns = lay_out(80, replace(USUAL, with_visibility=True))
    hidden = row_cells(
        make_job(1, status=JobStatus.FAILED), columns, now=NOON, notes=RowNotes(hidden=frozenset({make_job(1).id}))
    )
    seen = row_cells(make_job(1, status=JobStatus.FAILED), columns, now=NOON)

    assert (hidden[0].text, seen[0].text) == ("⊘ hidden", " " * 8)
    assert hidden[0].style == "job-table--hidden"
    assert {cell.style for cell in hidden[1:]} == {"job-table--quiet"}
    assert "job-table--failed" in {cell.style for cell in seen}
