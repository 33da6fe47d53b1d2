"""The size of a batch follows what it takes."""

import pytest

from store.retention.batches import LARGEST, QUICK, SLOW, next_size, smaller_size


@pytest.mark.parametrize(
    ("size", "seconds", "expected"),
    [
        (50, QUICK / 2, 100),
        (50, QUICK, 50),
        (50, SLOW, 50),
        (50, SLOW * 2, 25),
        (1, SLOW * 2, 1),
        (400, QUICK / 2, LARGEST),
        (LARGEST, QUICK / 2, LARGEST),
    ],
)
def test_next_batch_size_adapts_to_the_time_taken(size: int, seconds: float, expected: int) -> None:
    assert next_size(size, seconds) == expected


def test_halved_batch_size_is_at_least_one() -> None:
    assert [smaller_size(size) for size in (500, 3, 2, 1)] == [250, 1, 1, 1]
