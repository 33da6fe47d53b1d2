"""Lines of error groups in columns that fit a width."""

from dataclasses import replace

import pytest
from rich.cells import cell_len

from gjobs.tui.dashboard.dialogs.list_dialog import row_line, titles_line
from gjobs.tui.dashboard.features.errors import group_columns, without_colors
from tests.tui.text.test_error_group_text import GROUP, NOW

FULL = replace(GROUP, fingerprint="秋 " * 99, count=20_000, cost_cents=99_999_999, user_count=99_999)


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (40, "FAILED TREND ERROR LAST"),
        (75, "FAILED TREND ERROR LAST COST USERS"),
        (90, "FAILED TREND ERROR LAST FIRST COST USERS"),
        (115, "FAILED TREND ERROR LAST FIRST COST USERS MODES"),
    ],
)
def test_columns_fill_the_width_and_leave_out_what_does_not_fit(width: int, titles: str) -> None:
    columns = group_columns(width, [GROUP, FULL], NOW)
    assert titles_line(columns).plain.split() == titles.split()
    for group in (GROUP, FULL):
        assert cell_len(row_line(columns, group).plain) == width


def test_numbers_are_whole_and_modes_get_what_the_errors_leave() -> None:
    short = replace(GROUP, modes=("feature_callout", "lifestyle"), mode_count=2)
    line = row_line(group_columns(118, [short], NOW), short).plain
    assert "API timeout after # s" in line
    assert line.rstrip().endswith("$1,234.56     12  feature_callout, lifestyle")
    assert "$999,999.99" in row_line(group_columns(118, [FULL], NOW), FULL).plain


def test_line_under_the_cursor_has_no_colors() -> None:
    columns = group_columns(118, [GROUP], NOW)
    plain, colored = (
        {str(one.style) for one in row_line(drawn, GROUP).spans} for drawn in (without_colors(columns), columns)
    )
    assert plain == {"bold"} < colored
