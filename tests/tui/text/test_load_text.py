"""The words for the load and the pace of the dashboard."""

from dataclasses import replace

import pytest

from gjobs.store.database.load_meter import Load, Traffic
from gjobs.tui.text.statistics_text import PaceCause, load_lines, load_summary, load_title, pace_words

MINUTE = Load(
    over=62.0,
    queries=12_000,
    database_time=6.0,
    processor_time=0.03,
    traffic=Traffic(sent=930, received=24_800),
    round_trip=0.1011,
)


def test_load_shows_rates_first_and_counts_the_network_as_waiting() -> None:
    assert load_title(MINUTE) == "Load in the last minute"
    assert load_lines(MINUTE) == [
        ("Received", "23 kB a minute, 1406 kB an hour"),
        ("Sent", "900 bytes a minute, 53 kB an hour"),
        ("Round trip", "at most 101 ms"),
        ("Queries", "12,000"),
        ("Waiting", "6,000 ms for the network and the database"),
        ("Processor", "less than 0.1 % of a core of this machine"),
    ]
    assert load_summary(MINUTE).startswith("Load in the last minute: Received 23 kB a minute, 1406 kB an hour, Sent ")


def test_load_of_the_start_is_not_projected_to_an_hour() -> None:
    start = replace(MINUTE, over=3.0, includes_start=True)
    assert load_title(start) == "Load in the first 3 s"
    assert load_lines(start)[0] == ("Received", "24 kB since the start")


def test_load_without_network_or_answers_shows_neither_bytes_nor_round_trip() -> None:
    idle = Load(over=600.0, queries=0, database_time=0.0, processor_time=60.0)
    assert load_title(idle) == "Load in the last 10 min"
    assert [name for name, _ in load_lines(idle)] == ["Queries", "Waiting", "Processor"]
    assert load_lines(idle)[-1] == ("Processor", "10.0 % of a core of this machine")


@pytest.mark.parametrize(
    ("max_staleness", "is_woken", "cause", "words"),
    [
        (2.0, False, PaceCause.UNCHANGED, "every 2 s"),
        (2.4, False, PaceCause.SLOW, "every 3 s, not every 2 s, because the network or the database is slow"),
        (10.0, False, PaceCause.UNCHANGED, "every 10 s, not every 2 s, because nothing changes"),
        (6.1, False, PaceCause.SLOW, "every 7 s, not every 2 s, because the network or the database is slow"),
        (60.0, False, PaceCause.EXPENSIVE, "every 1 min, not every 2 s, because this list is expensive"),
        (2.0, True, PaceCause.UNCHANGED, "within 2 s of a change, because the database reports changes"),
        (
            60.0,
            True,
            PaceCause.SLOW,
            "within 1 min of a change, not within 2 s, because the network or the database is slow",
        ),
        (2.0, False, PaceCause.FAILED, "again after a successful retry, because the last query failed"),
        (10.0, True, PaceCause.PAUSED, "only on request, because refreshing is paused"),
    ],
)
def test_pace_names_the_reason_of_a_longer_wait(
    max_staleness: float, is_woken: bool, cause: PaceCause, words: str
) -> None:
    assert pace_words(max_staleness, interval=2.0, is_woken=is_woken, cause=cause) == words
