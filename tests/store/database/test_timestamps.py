"""Times as aware UTC, whatever the session's time zone, and for every value that the column can hold."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.database.database import Database
from store.database.timestamps import UtcLoader, as_text
from store.far_times import EARLIEST, EPOCH, LATEST, FarTime, parse_far_time, seconds_between
from store.formats import plain_time
from store.statistics.totals import TotalsQuery
from store.store import Store
from tests.conftest import Conninfo
from tests.store.store_fixtures import NOW, Db, MakeJob, Sql, the_job


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_every_binary_timestamp_loads_within_the_python_range(microseconds: int) -> None:
    loaded = UtcLoader(0).load(microseconds.to_bytes(8, "big", signed=True))
    assert EARLIEST <= loaded <= LATEST
    if EARLIEST < loaded < LATEST:
        assert (loaded - EPOCH) // timedelta(microseconds=1) == microseconds


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_every_far_time_is_written_exactly_and_read_back(microseconds: int) -> None:
    loaded = UtcLoader(0).load(microseconds.to_bytes(8, "big", signed=True))
    back = parse_far_time(plain_time(loaded))
    if isinstance(loaded, FarTime):
        assert back is not None
        assert back.microseconds == microseconds
    else:
        assert back is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "infinity and beyond",
        "2026-01-15T12:00:00.000000Z",
        "0000-01-01T00:00:00.000000Z BC",
        "99999-13-01T00:00:00Z",
    ],
)
def test_other_texts_are_no_far_times(text: str) -> None:
    assert parse_far_time(text) is None


def test_seconds_between_far_times_are_exact() -> None:
    second = 1_000_000
    far, later = FarTime.nearest(10**18), FarTime.nearest(10**18 + 5 * second)
    assert seconds_between(far, later) == 5
    assert seconds_between(later, far) == -5
    assert seconds_between(EPOCH, far) == 10**12
    assert seconds_between(FarTime.nearest(-(2**63)), EPOCH) == math.inf
    assert seconds_between(EPOCH, FarTime.nearest(-(2**63))) == -math.inf


TIMES = {
    "2026-01-15 12:00:00+00": NOW,
    "2026-01-15 17:30:00+05:30": NOW,
    "2026-07-01 00:00:00.000001+00": datetime(2026, 7, 1, 0, 0, 0, 1, tzinfo=UTC),
    "0001-01-01 00:00:00+00": EARLIEST,
    "9999-12-31 23:59:59.999999+00": LATEST,
    "infinity": LATEST,
    "-infinity": EARLIEST,
    "0044-03-15 12:00:00+00 BC": EARLIEST,
    "4713-01-01 00:00:00+00 BC": EARLIEST,
    "10000-01-01 00:00:00+00": LATEST,
    "294276-12-31 23:59:59+00": LATEST,
}
"""As Postgres is told them, and as they are read."""


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns", "<+13>-13"])
async def test_timestamp_is_read_as_utc_in_any_session_time_zone(
    database: Conninfo, make_job: MakeJob, zone: str
) -> None:
    async with Store(Database({**database, "options": f"-c TimeZone={zone}"})) as store:
        for written, read in TIMES.items():
            job = await the_job(store, make_job(created_at=written, updated_at=written))
            assert (job.created_at, job.updated_at) == (read, read)
            assert job.created_at.tzinfo is UTC


async def test_the_database_reads_its_own_times_from_every_text_of_them(
    operator: Store, make_job: MakeJob, sql: Sql
) -> None:
    for written in TIMES:
        job = await the_job(operator, make_job(created_at=written))
        for text in (plain_time(job.created_at), as_text(job.created_at)):
            assert sql("select %s::timestamptz = created_at from generation_jobs where id = %s", (text, job.id)) == [
                (True,)
            ], text


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_daily_costs_use_utc_days_and_skip_times_outside_the_range(db: Db, zone: str) -> None:
    project_id = db.make_project()
    for written in (
        *("-infinity", "0044-03-15 BC", "2026-01-12 23:59:59.999999Z"),  # before
        *("2026-01-13 00:00Z", "2026-01-14 23:59:59.999999Z", "2026-01-15 00:00Z", "2026-01-15 23:59:59.999999Z"),
        *("2026-01-16 00:00Z", "infinity", "20000-01-01"),  # after
    ):
        db.make_job(project_id, cost_cents=1, created_at=written)
    async with Store(Database({**db.conninfo, "options": f"-c TimeZone={zone}"})) as store:
        numbers = await store.get_totals(TotalsQuery(days=3), at=NOW)
        users = await store.get_users()
        summary = await store.get_job_summary()
    assert [(day.day.isoformat(), day.job_count) for day in numbers.days or ()] == [
        ("2026-01-13", 1),
        ("2026-01-14", 1),
        ("2026-01-15", 2),
    ]
    assert numbers.statistics is not None
    assert numbers.statistics.total_count == 10
    assert users[0].last_job_at == LATEST
    assert (summary[0].first_job_at, summary[0].last_job_at) == (EARLIEST, LATEST)
