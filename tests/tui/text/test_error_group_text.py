"""Texts of error groups: summary, trend and the text for a ticket."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from gjobs.store.error_groups.error_group import WEEK, ErrorGroup, ErrorGroups
from gjobs.tui.text.error_text import groups_summary, ticket_text, trend, users_words

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
GROUP = ErrorGroup(
    id="3b1a4064e8",
    fingerprint="API timeout after # s",
    count=1_234,
    first_seen=NOW - timedelta(days=2),
    last_seen=NOW - timedelta(minutes=5),
    modes=tuple(f"mode {number}" for number in range(7)),
    mode_count=30,
    users=tuple(UUID(int=number) for number in range(12)),
    user_count=12,
    cost_cents=123_456,
    trend=(*[0] * 22, 1, 8),
    example_job_id=UUID(int=7),
    example='{"message": "API timeout after 5 s", "code": "\\u001b[2J"}',
)
FOUND = ErrorGroups(
    groups=(GROUP,),
    group_count=1,
    window=WEEK,
    limit=20_000,
    failures=1_234,
    complete=True,
    read_since=NOW - WEEK,
    taken_at=NOW,
)


def test_summary_names_the_window_the_failures_read_and_both_limits() -> None:
    assert groups_summary(FOUND) == "1,234 failures in the last 7 d, 1 group. At most 20,000 are read."
    cut = replace(FOUND, failures=20_000, complete=False, read_since=NOW - timedelta(hours=1), group_count=300)
    assert groups_summary(cut) == (
        "The newest 20,000 failures of the last 7 d, 300 groups. At most 20,000 are read:"
        " those before 2026-01-15 11:00:00 UTC are left out. The 1 largest groups are shown."
    )


def test_trend_adds_up_neighbours_to_fit_its_cells() -> None:
    assert trend(GROUP.trend, 24) == "▁" * 22 + "▂█"
    assert trend(GROUP.trend, 12) == "▁" * 11 + "█"
    assert trend(GROUP.trend, 7) == "▁" * 5 + "█"


def test_ticket_text_has_all_facts_as_clean_lines() -> None:
    lines = ticket_text(GROUP, FOUND, command="gjobs jobs list\x1b").split("\n")
    assert lines[:3] == [
        "Error group 3b1a4064e8: API timeout after # s",
        "1,234 failures in the last 7 d before 2026-01-15 12:00:00 UTC",
        "First seen: 2026-01-13 12:00:00 UTC",
    ]
    assert "Modes: mode 0, mode 1, mode 2, mode 3, mode 4 and 25 more" in lines
    assert "Cost: $1,234.56" in lines
    assert "Jobs: gjobs jobs list␛" in lines
    assert lines[-5:] == [
        f"Example: job {UUID(int=7)}",
        "    {",
        '      "message": "API timeout after 5 s",',
        '      "code": "\\u001b[2J"',
        "    }",
    ]
    assert users_words(GROUP, {UUID(int=0): "ada@example.com"}).startswith("12 users: ada@example.com, 0000")
    assert users_words(GROUP).endswith(", …")
