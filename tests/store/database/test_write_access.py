"""Write permits and the read-only mode of a session."""

from datetime import UTC, datetime, timedelta

import pytest

from gjobs.store.configuration.settings import WriteAccess, WriteMode, WritePermit
from gjobs.store.errors import ReadOnly

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Clock:
    now = NOON

    def __call__(self) -> datetime:
        return self.now


def test_only_an_open_session_or_a_permit_that_has_not_ended_allows_writes() -> None:
    assert WriteAccess(WriteMode.OPEN).may_write
    assert WriteAccess(WriteMode.OPEN).permit is None
    closed = WriteAccess(WriteMode.CLOSED)
    with pytest.raises(ReadOnly, match="read-only"):
        closed.open_permit("please", 60)
    assert not closed.may_write

    clock = Clock()
    access = WriteAccess(WriteMode.PERMIT_REQUIRED, clock=clock)
    assert not access.may_write
    assert access.open_permit("ticket 7", 300) == WritePermit(reason="ticket 7", ends_at=NOON + timedelta(seconds=300))
    clock.now += timedelta(seconds=299)
    assert access.may_write
    clock.now += timedelta(seconds=1)
    assert not access.may_write
    clock.now = NOON
    assert access.permit is None, "a clock that is set back does not open it again"

    access = WriteAccess(WriteMode.PERMIT_REQUIRED, clock=Clock())
    access.open_permit("one", 60)
    assert access.open_permit("two", 60) == access.permit
    access.close_permit()
    assert not access.may_write


def test_refusal_hint_names_the_option_or_the_key_that_allows_writes() -> None:
    access = WriteAccess(WriteMode.PERMIT_REQUIRED)
    assert "--write REASON" in str(access.refusal().hint)
    assert "--read-only" in str(WriteAccess(WriteMode.CLOSED).refusal().hint)
    access.opened_by = "Press W to write for some minutes."
    assert access.refusal().hint == "Press W to write for some minutes."


def test_suspension_or_a_refusing_database_closes_every_session_until_it_ends() -> None:
    for rule in WriteMode:
        access = WriteAccess(rule)
        if rule is WriteMode.PERMIT_REQUIRED:
            access.open_permit("ticket 4711", 60)
        might_write = access.may_write
        access.suspended_by = "An earlier moment is shown.", "Return first."
        refused = access.refusal()
        assert (access.may_write, access.is_closed) == (False, True)
        assert (refused.message, refused.hint) == ("An earlier moment is shown.", "Return first.")
        with pytest.raises(ReadOnly):
            access.open_permit("another reason", 60)
        access.suspended_by = None
        assert (access.may_write, access.is_closed) == (might_write, rule is WriteMode.CLOSED)

    access = WriteAccess()
    access.refused_by = "This server is a replica and accepts no writes.", None
    assert (access.may_write, access.is_closed) == (False, True)
    assert access.refusal().message == "This server is a replica and accepts no writes."
    access.refused_by = None
    assert (access.may_write, access.is_closed) == (True, False)
