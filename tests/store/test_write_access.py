"""When a session may write."""

from datetime import UTC, datetime, timedelta

import pytest

from store.database.write_access import WriteAccess, WriteLease, WriteRule
from store.errors import ReadOnly

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def test_an_open_session_writes_without_a_lease() -> None:
    access = WriteAccess(WriteRule.OPEN)
    assert access.may_write
    assert access.lease is None


def test_a_lease_opens_a_session_until_its_end() -> None:
    clock = Clock()
    access = WriteAccess(WriteRule.LEASED, clock=clock)
    assert not access.may_write
    assert access.open_lease("ticket 7", 300) == WriteLease(
        reason="ticket 7", opened_at=NOON, ends_at=NOON + timedelta(seconds=300)
    )
    clock.now += timedelta(seconds=299)
    assert access.may_write
    clock.now += timedelta(seconds=1)
    assert not access.may_write
    clock.now = NOON
    assert access.lease is None, "a clock that is turned back does not open it again"


def test_a_lease_can_be_closed_early_and_replaced() -> None:
    access = WriteAccess(WriteRule.LEASED, clock=Clock())
    access.open_lease("one", 60)
    assert access.open_lease("two", 60) == access.lease
    access.close_lease()
    assert not access.may_write


def test_nothing_opens_a_closed_session() -> None:
    access = WriteAccess(WriteRule.CLOSED)
    with pytest.raises(ReadOnly, match="read-only"):
        access.open_lease("please", 60)
    assert not access.may_write


def test_a_refusal_says_what_opens_the_session() -> None:
    assert "--write REASON" in str(WriteAccess(WriteRule.LEASED).refusal().hint)
    assert "--read-only" in str(WriteAccess(WriteRule.CLOSED).refusal().hint)


def test_who_opens_it_otherwise_says_how() -> None:
    access = WriteAccess(WriteRule.LEASED)
    access.opened_by = "Press W to write for some minutes."
    assert access.refusal().hint == "Press W to write for some minutes."
