"""The loop of a watch, and the conditions that end the watch."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gjobs.store.errors import InvalidValue, NoPrivilege, StoreError, Unreachable
from gjobs.store.filters.filter_terms import NO_FILTER
from gjobs.store.jobs.job import AnyStatus, JobStatus, UnknownStatus
from gjobs.store.store import Store
from gjobs.store.watch.watch import Cursor, Transition, TransitionBatch
from gjobs.tui.cli.commands.watch_loop import (
    COUNTED,
    Condition,
    CountedEvent,
    ResumeFile,
    StopCondition,
    Watcher,
    parse,
)
from gjobs.tui.cli.output import UsageError
from tests.cli.cli_rows import TRANSITION

MET = parse("left=0")
IDLE = Store.connect("postgresql://")


class FailingCondition(StopCondition):
    """A condition that raises the errors one after the other, and then holds."""

    def __init__(self, *errors: StoreError) -> None:
        super().__init__(IDLE, NO_FILTER, [MET])
        self._errors = list(errors)

    async def now(self) -> Condition | None:
        if self._errors:
            raise self._errors.pop(0)
        return MET


async def test_watcher_retries_after_a_lost_connection(capsys: pytest.CaptureFixture[str]) -> None:
    watcher = Watcher(WatchedServer(), [], FailingCondition(Unreachable("No answer.")), interval=0.001)
    assert await watcher.run() == MET
    assert capsys.readouterr().err == (
        "No answer. Trying again. No change is reported twice.\nThe database answers again.\n"
    )


async def test_watcher_ends_with_an_error_that_a_retry_cannot_fix() -> None:
    with pytest.raises(NoPrivilege):
        await Watcher(WatchedServer(), [], FailingCondition(NoPrivilege("Not permitted.")), interval=0.001).run()


class WatchedServer:
    """A watch on a server that may be down."""

    def __init__(self, *, is_up: bool = True, changes: Sequence[Transition] = ()) -> None:
        self.is_up = is_up
        self._changes = tuple(changes)

    async def read(self) -> TransitionBatch:
        if not self.is_up:
            raise Unreachable("No answer.")
        return TransitionBatch(transitions=self._changes, cursor=self._changes[-1].cursor if self._changes else None)

    async def restart(self) -> bool:
        self.is_up = True
        return True


async def test_watcher_restarts_an_embedded_server_that_died(capsys: pytest.CaptureFixture[str]) -> None:
    watch = WatchedServer(is_up=False)
    watcher = Watcher(watch, [], FailingCondition(), interval=3600, restart_if_dead=watch.restart)
    assert await watcher.run() == MET
    assert capsys.readouterr().err.endswith("The database answers again.\n")


@pytest.mark.parametrize("condition", ["left=0", f"{TRANSITION.to_status}>0"])
async def test_position_is_saved_while_the_event_loop_runs(condition: str) -> None:
    """Saving waits for the disk. Meanwhile, programs and webhooks must not be delayed."""
    saved: list[Cursor] = []
    loop_ran = threading.Event()

    def keep(cursor: Cursor) -> None:
        running.call_soon_threadsafe(loop_ran.set)
        assert loop_ran.wait(5), "saving blocks the event loop"
        saved.append(cursor)

    running = asyncio.get_running_loop()
    until = FailingCondition() if condition == "left=0" else StopCondition(IDLE, NO_FILTER, [parse(condition)])
    await Watcher(WatchedServer(changes=[TRANSITION]), [], until, interval=0.001, keep=keep).run()
    assert saved == [TRANSITION.cursor]


async def test_watch_ends_if_its_position_cannot_be_saved(tmp_path: Path) -> None:
    keep = ResumeFile(tmp_path / "missing" / "place").keep
    watcher = Watcher(WatchedServer(changes=[TRANSITION]), [], FailingCondition(), interval=0.001, keep=keep)
    with pytest.raises(UsageError, match="cannot be written"):
        await watcher.run()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("failed>5", (JobStatus.FAILED, ">", 5)),
        (" Finished >= 100 ", (CountedEvent.FINISHED, ">=", 100)),
        ("left=0", (CountedEvent.LEFT, "=", 0)),
        ("left<3", (CountedEvent.LEFT, "<", 3)),
        ("cancelled>=2", (UnknownStatus("cancelled"), ">=", 2)),
        ('"faild">1', (UnknownStatus("faild"), ">", 1)),
    ],
)
def test_condition_is_parsed_from_text(text: str, expected: tuple[CountedEvent | AnyStatus, str, int]) -> None:
    parsed = parse(text)
    assert (parsed.counted, parsed.operator, parsed.number) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("failed", "'failed' is not a condition."),
        ("failed>-1", "'failed>-1' is not a condition."),
        ("faild>5", "'faild' is not known. Did you mean 'failed'?"),
        ("failed<5", "failed<5 is true at once. The watch counts changes to failed, and starts at 0."),
        (
            "failed>=0",
            "failed>=0 is true at once. The watch counts changes to failed, and starts at 0.",
        ),
    ],
)
def test_invalid_condition_is_explained(text: str, message: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse(text)
    assert str(caught.value) == message
    assert caught.value.hint


CONDITIONS = st.builds(
    Condition,
    counted=st.sampled_from(list(COUNTED.values())),
    operator=st.sampled_from((">", ">=", "=")),
    number=st.integers(1, 10**9 - 1),
)


@given(CONDITIONS)
def test_printed_condition_can_be_parsed_again(condition: Condition) -> None:
    assert parse(str(condition)) == condition


CANCELLED = UnknownStatus("cancelled")
STATUSES = st.sampled_from([*JobStatus, CANCELLED, UnknownStatus("deleted"), None])


@given(st.lists(STATUSES, max_size=30), st.integers(1, 10))
def test_transitions_count_for_each_condition(statuses: list[AnyStatus | None], number: int) -> None:
    def met(text: str) -> bool:
        until = StopCondition(IDLE, NO_FILTER, [parse(text)])
        found = [until.reported(replace(TRANSITION, to_status=status)) for status in statuses]
        return bool(found) and found[-1] is not None

    finished = statuses.count(JobStatus.SUCCEEDED) + statuses.count(JobStatus.FAILED)
    assert met(f"failed>={number}") is (statuses.count(JobStatus.FAILED) >= number)
    assert met(f"finished>{number}") is (finished > number)
    assert met(f"deleted={number}") is (statuses.count(None) == number)
    assert met(f"cancelled={number}") is (statuses.count(CANCELLED) == number)
    assert not met(f"left<{number}")
