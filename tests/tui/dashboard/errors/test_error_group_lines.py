"""Lines of error groups in columns that fit a width."""

from dataclasses import replace

import pytest
from rich.cells import cell_len

from tests.tui.text.test_error_group_text import GROUP, NOW
from tui.dashboard.errors.error_group_lines import group_columns, group_line, titles_line

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
    columns = group_columns(width)
    assert titles_line(columns).plain.split() == titles.split()
    for group in (GROUP, FULL):
        assert cell_len(group_line(group, columns, NOW).plain) == width
