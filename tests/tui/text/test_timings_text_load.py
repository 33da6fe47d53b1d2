"""The sentences about the load of the dashboard. They round up."""

from dataclasses import replace

import pytest

from store.database.load_meter import Load
from store.database.traffic import Traffic
from tui.text.timings_text import load_sentence, pace_sentence


@pytest.mark.parametrize(
    ("load", "queries", "share"),
    [
        (
            (60.2, 34, 0.0871, 0.36),
            "the last minute: 34 queries, at most 87 ms",
            "0.1 % of a core), and 0.6 %",
        ),
        ((12.0, 1, 0.0004, 0.0), "12 s: 1 query, at most 1 ms", "less than 0.1 % of a core), and 0.0 %"),
        (
            (60.0, 12_000, 6.0, 60.0),
            "12,000 queries, at most 6,000 ms",
            "10.0 % of a core), and 100.0 %",
        ),
    ],
)
def test_load_sentence_shows_queries_database_time_and_processor_share(
    load: tuple[float, int, float, float], queries: str, share: str
) -> None:
    over, number, database_time, processor_time = load
    measured = Load(over=over, queries=number, database_time=database_time, processor_time=processor_time)
    assert f"{queries} of the database's time ({share} of a core on this machine." in load_sentence(measured)


def test_load_sentence_shows_bytes_and_round_trip_over_a_network() -> None:
    load = Load(over=30.0, queries=9, database_time=1.0, processor_time=0.1)
    assert "receives" not in load_sentence(load)
    load = replace(load, traffic=Traffic(sent=450, received=12_345), round_trip=0.1011)
    assert load_sentence(load).endswith(
        " It receives 24 kB a minute (1447 kB an hour) and sends 900 bytes a minute. A round trip takes at most 101 ms."
    )


@pytest.mark.parametrize(
    ("max_staleness", "is_woken", "sentence"),
    [
        (2.0, False, "It refreshes every 2 s."),
        (10.0, False, "It refreshes every 10 s, not every 2 s, because nothing changes or queries are slow."),
        (2.0, True, "It refreshes within 2 s of a change, because the database reports changes."),
    ],
)
def test_pace_sentence_shows_the_polling_interval(max_staleness: float, is_woken: bool, sentence: str) -> None:
    assert pace_sentence(max_staleness, interval=2.0, is_woken=is_woken) == sentence
