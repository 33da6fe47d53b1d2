from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from store.job_list.list_query import NEWEST_FIRST, ListOrder, OrderColumn
from store.jobs.job import JobStatus
from tests.tui.support import NOON, make_job
from tui.dashboard.job_list.job_columns import ColumnName, ContentWidths, JobColumn, column_at, lay_out, measure
from tui.dashboard.job_list.table_drawing import Cell, header_cells, row_cells

USUAL = ContentWidths(mode=15, cost=7)

ALL_PROJECTS = ContentWidths(mode=15, cost=7, project=15)

contents = st.builds(
    ContentWidths,
    mode=st.integers(0, 48),
    cost=st.integers(0, 15),
    project=st.none() | st.integers(0, 48),
    with_visibility=st.booleans(),
)


def names(columns: tuple[JobColumn, ...]) -> list[str]:
    return [column.name for column in columns]


@given(st.integers(40, 200), contents)
def test_columns_fit_the_width_without_overlap(width: int, content: ContentWidths) -> None:
    columns = lay_out(width, content)

    first = [*(["LENS"] if content.with_visibility else []), "STATUS", "MODE"]
    assert names(columns)[: len(first)] == first
    assert all(left.start + left.width < right.start for left, right in pairwise(columns))
    assert columns[-1].start + columns[-1].width <= width


@given(st.integers(40, 199).filter(lambda width: width != 59), contents)
def test_a_wider_table_loses_no_column(width: int, content: ContentWidths) -> None:
    """Except from 59 to 60 cells, where the gaps grow."""
    assert set(names(lay_out(width, content))) <= set(names(lay_out(width + 1, content)))


@pytest.mark.parametrize(
    ("width", "content", "expected"),
    [
        (40, USUAL, "STATUS MODE COST"),
        (54, USUAL, "STATUS MODE COST CREATED ERROR"),
        (80, USUAL, "STATUS MODE COST CREATED TOTAL ERROR"),
        (80, replace(USUAL, with_visibility=True), "LENS STATUS MODE COST CREATED TOTAL ERROR"),
        (80, ALL_PROJECTS, "STATUS MODE COST CREATED PROJECT ERROR"),
        (92, ALL_PROJECTS, "STATUS MODE COST CREATED PROJECT ERROR"),
        (100, ALL_PROJECTS, "STATUS MODE COST CREATED TOTAL PROJECT ERROR"),
        (120, ALL_PROJECTS, "STATUS MODE COST CREATED TOTAL PROJECT ID ERROR"),
    ],
)
def test_each_width_shows_the_expected_columns(width: int, content: ContentWidths, expected: str) -> None:
    assert " ".join(names(lay_out(width, content))) == expected


def test_error_column_fills_the_remaining_width() -> None:
    error = lay_out(200, ALL_PROJECTS)[-1]

    assert (error.name, error.start + error.width) == (ColumnName.ERROR, 200)


def test_wide_tables_give_spare_width_to_long_names() -> None:
    def widths(width: int) -> list[int]:
        columns = {column.name: column.width for column in lay_out(width, ContentWidths(mode=30, cost=7, project=44))}
        return [columns[name] for name in (ColumnName.MODE, ColumnName.PROJECT, ColumnName.ERROR)]

    assert widths(120) == [16, 16, 24]
    assert widths(140) == [24, 24, 28]
    assert widths(160) == [30, 26, 40]
    assert widths(200) == [30, 44, 62]


def test_error_column_keeps_a_minimum_width_before_time_columns_appear() -> None:
    """In a terminal of 120 cells, beside the projects."""
    widths = {column.name: column.width for column in lay_out(92, ALL_PROJECTS)}

    assert [widths[name] for name in (ColumnName.MODE, ColumnName.PROJECT, ColumnName.ERROR)] == [15, 15, 21]


def test_table_sorted_by_update_shows_the_updated_column() -> None:
    sort = ListOrder(column=OrderColumn.UPDATED, descending=True)

    assert "UPDATED" in names(lay_out(80, USUAL, sort))
    assert "CREATED" not in names(lay_out(80, USUAL, sort))


def test_table_sorted_by_duration_always_shows_the_duration_column() -> None:
    sort = ListOrder(column=OrderColumn.TOTAL)

    assert "TOTAL" not in names(lay_out(80, ALL_PROJECTS))
    assert " ".join(names(lay_out(80, ALL_PROJECTS, sort))) == "STATUS MODE COST TOTAL PROJECT ERROR"
    assert "CREATED" in names(lay_out(120, ALL_PROJECTS, sort))


def test_content_widths_only_grow_while_scrolling() -> None:
    wide, narrow = ContentWidths(mode=12, cost=5, project=8), ContentWidths(mode=4, cost=7, project=3)

    assert wide.widened(narrow) == narrow.widened(wide) == ContentWidths(mode=12, cost=7, project=8)
    assert wide.widened(ContentWidths(with_visibility=True)) == ContentWidths(mode=12, cost=5, with_visibility=True)


def test_cost_column_fits_the_widest_cost() -> None:
    content = measure([make_job(1, cost_cents=-2_147_483_648), make_job(2)], None)
    cost = next(column for column in lay_out(40, content) if column.name is ColumnName.COST)

    assert cost.width == len("-$21,474,836.48")


def test_content_widths_cover_all_jobs_up_to_a_maximum() -> None:
    jobs = [make_job(1, mode="漢字漢字漢字"), make_job(2, mode="x" * 10_000, project_id=UUID(int=9))]

    assert measure(jobs[:1], None) == ContentWidths(mode=12, cost=5, project=None)
    assert measure(jobs, {UUID(int=2): "Autumn", UUID(int=3): "Not at hand"}) == ContentWidths(
        mode=48, cost=5, project=11
    )
    assert measure([], None, with_visibility=True) == ContentWidths(with_visibility=True)
    assert measure([], {}) == ContentWidths(project=0)


def test_column_at_assigns_a_gap_to_the_column_before_it() -> None:
    columns = lay_out(80, USUAL)

    assert [column_at(columns, x) for x in (1, 2, 3, 14, 15, 16)] == [
        None,
        None,
        ColumnName.STATUS,
        ColumnName.STATUS,
        ColumnName.STATUS,
        ColumnName.MODE,
    ]


def texts(cells: tuple[Cell, ...]) -> list[str]:
    return [cell.text.strip() for cell in cells]


@pytest.mark.parametrize(("descending", "title"), [(True, "CREATED ▾"), (False, "CREATED ▴")])
def test_header_marks_the_sorted_column_with_an_arrow(descending: bool, title: str) -> None:
    sort = ListOrder(column=OrderColumn.CREATED, descending=descending)

    assert texts(header_cells(lay_out(80, USUAL), sort)) == ["STATUS", "MODE", "COST", title, "TOTAL", "ERROR"]


def test_every_column_title_fits_with_its_arrow() -> None:
    for column in OrderColumn:
        sort = ListOrder(column=column, descending=True)
        titles = texts(header_cells(lay_out(80, ContentWidths(), sort), sort))
        assert f"{column.upper()} ▾" in titles


def test_row_of_a_failed_job_shows_all_cells_and_styles() -> None:
    job = make_job(
        3, status=JobStatus.FAILED, error='{"message": "API timeout"}', updated_at=NOON - timedelta(seconds=139)
    )
    cells = row_cells(job, lay_out(120, ALL_PROJECTS), now=NOON, project_names={UUID(int=2): "Autumn catalog"})

    assert texts(cells) == [
        "✗ failed",
        "main_white",
        "$2.50",
        "3 min ago",
        "41 s",
        "Autumn catalog",
        "00000000",
        "API timeout",
    ]
    assert [cell.style for cell in cells] == [
        "job-table--failed",
        "",
        "",
        "job-table--quiet",
        "job-table--quiet",
        "",
        "job-table--quiet",
        "job-table--error",
    ]


@pytest.mark.parametrize(
    ("status", "total"),
    [
        (JobStatus.QUEUED, ""),
        (JobStatus.RUNNING, "3 min"),
        (JobStatus.SUCCEEDED, "1 min 05 s"),
        (JobStatus.FAILED, "1 min 05 s"),
    ],
)
def test_duration_cell_shows_the_final_or_current_duration(status: JobStatus, total: str) -> None:
    job = make_job(3, status=status, updated_at=NOON - timedelta(seconds=115))

    assert texts(row_cells(job, lay_out(80, USUAL), now=NOON))[4] == total


def test_infinite_timestamps_have_an_age_but_no_duration() -> None:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    job = make_job(1, status=JobStatus.SUCCEEDED, created_at=first, updated_at=last)

    assert texts(row_cells(job, lay_out(80, USUAL), now=NOON))[3:5] == ["-infinity", ""]


@given(width=st.integers(40, 200), mode=st.text(), error=st.text(), name=st.text())
def test_row_with_any_text_is_printable_and_fits_its_columns(width: int, mode: str, error: str, name: str) -> None:
    job = make_job(1, mode=mode, error=error)
    project_names = {job.project_id: name}
    columns = lay_out(width, measure([job], project_names), NEWEST_FIRST)
    cells = row_cells(job, columns, now=NOON, project_names=project_names)

    assert all(cell.text.isprintable() for cell in cells)
    assert [(cell.start, cell_len(cell.text)) for cell in cells] == [(column.start, column.width) for column in columns]


@pytest.mark.parametrize(
    ("status", "total"),
    [(JobStatus.QUEUED, ""), (JobStatus.RUNNING, "4 min"), (JobStatus.FAILED, "1 min 30 s")],
)
def test_duration_cell_ends_with_the_job_and_grows_while_it_runs(status: JobStatus, total: str) -> None:
    job = make_job(4, status=status, updated_at=NOON - timedelta(minutes=2, seconds=30))
    columns = [column for column in lay_out(80, USUAL) if column.name is ColumnName.TOTAL]

    assert texts(row_cells(job, columns, now=NOON)) == [total]


def test_row_of_a_hidden_job_is_marked_and_dimmed() -> None:
    columns = lay_out(80, replace(USUAL, with_visibility=True))
    hidden = row_cells(make_job(1, status=JobStatus.FAILED), columns, now=NOON, is_hidden=True)
    seen = row_cells(make_job(1, status=JobStatus.FAILED), columns, now=NOON)

    assert (hidden[0].text, seen[0].text) == ("⊘ hidden", " " * 8)
    assert hidden[0].style == "job-table--hidden"
    assert {cell.style for cell in hidden[1:]} == {"job-table--quiet"}
    assert "job-table--failed" in {cell.style for cell in seen}
