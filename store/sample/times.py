"""When the sample's jobs were created and last written: in working hours, and never after `now`."""

from datetime import datetime, time, timedelta
from random import Random

from store.model import JobStatus

DAYS = 30
_NOON = time(13, 20)
_SATURDAY = 5


def active_times(random: Random, now: datetime, status: JobStatus, *, stuck: bool) -> tuple[datetime, datetime]:
    """Of a job that is queued or running at `now`: created, and last written."""
    if stuck:
        created_at = now - timedelta(hours=5, minutes=37, seconds=random.uniform(0, 50))
        return created_at, created_at + timedelta(seconds=random.uniform(2, 9))
    if status is JobStatus.QUEUED:
        created_at = now - timedelta(seconds=random.uniform(4, 150))
        return created_at, created_at
    created_at = now - timedelta(seconds=random.uniform(15, 60))
    return created_at, created_at + timedelta(seconds=random.uniform(2, 12))


def finished_times(random: Random, now: datetime, seconds: float, *, lately: bool) -> tuple[datetime, datetime]:
    """Of a job that took so many seconds from start to finish: created, and finished."""
    total = timedelta(seconds=random.triangular(1, 40, 4) + seconds)
    if lately:
        finished_at = now - timedelta(minutes=random.uniform(1, 45))
        return finished_at - total, finished_at
    while True:
        created_at = _working_time(random, now)
        if now - timedelta(days=DAYS) <= created_at and created_at + total <= now:
            return created_at, created_at + total


def _working_time(random: Random, now: datetime) -> datetime:
    """Around noon of a day of the last month, seldom at a week's end. May lie outside of the month."""
    day = (now - timedelta(days=random.uniform(0, DAYS))).date()
    while day.weekday() >= _SATURDAY and random.random() < 0.75:
        day += timedelta(days=random.choice((-1, -2, 1, 2)))
    return datetime.combine(day, _NOON, now.tzinfo) + timedelta(hours=random.gauss(0, 2.4))
