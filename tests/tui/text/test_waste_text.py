"""Sentences about waste."""

from gjobs.store.statistics.statistics import Waste, WasteKey, WasteRow
from gjobs.tui.text.statistics_text import printed_name, sentences


def row(key: str | None, name: str | None = None) -> WasteRow:
    return WasteRow(key=key, name=name, failed_count=1, failed_cents=1, retry_count=0, retry_cents=0, all_cents=None)


def test_groups_without_a_known_error_are_explained() -> None:
    def words(*rows: WasteRow) -> list[str]:
        waste = Waste(by=WasteKey.GROUP, rows=rows, total=row(None), has_more=False, days=None, read_limit=None)
        return list(sentences(waste))

    known = row(""), row("0a1b2c3d4e", "API timeout")
    assert words(*known) == []
    assert words(*known, row("1a1b2c3d4e")) == [
        "1 group has only an id, because none of the newest 20,000 failures belongs to it."
    ]


def test_limit_names_the_reason_and_a_remedy_that_helps() -> None:
    def words(reason: str) -> list[str]:
        waste = Waste(
            by=WasteKey.MODE, rows=(), total=row(None), has_more=False, days=None, read_limit=3, limited_because=reason
        )
        return list(sentences(waste))

    assert words("No rollups. Run 'gjobs migrate up'.") == [
        "Only the newest 3 jobs were read. No rollups. Run 'gjobs migrate up'."
    ]


def test_printed_names_of_groups_are_cut() -> None:
    printed = printed_name(row("0a1b2c3d4e", "x" * 200), WasteKey.GROUP)
    assert (len(printed), printed[:13]) == (80, "0a1b2c3d4e xx")
