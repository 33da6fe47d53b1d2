"""How many jobs are removed at once: as many as take the database a moment, for which they stay locked. Pure."""

SMALLEST, FIRST, LARGEST = 1, 50, 500
QUICK, SLOW = 0.1, 0.25
"""Seconds. Within these it stays as it is."""


def next_size(size: int, seconds: float) -> int:
    """After a batch of this size took so long."""
    if seconds > SLOW:
        return halved(size)
    return min(size * 2, LARGEST) if seconds < QUICK else size


def halved(size: int) -> int:
    return max(size // 2, SMALLEST)
