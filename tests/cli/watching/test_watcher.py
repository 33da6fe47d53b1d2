"""The loop of a watch: a broken link ends nothing, what cannot be mended does."""

import pytest

from store.errors import NoPrivilege, StoreError, Unreachable
from store.filters.job_filter import NO_FILTER
from store.store import Store
from store.watch.watch import TransitionBatch
from tui.cli.commands.watch_loop import Condition, StopCondition, Watcher, parse

MET = parse("left=0")


class Quiet:
    """A watch in which nothing happens."""

    async def read(self) -> TransitionBatch:
        return TransitionBatch(transitions=())


class Asked(StopCondition):
    """Refused with the errors, one after the other; then the condition holds."""

    def __init__(self, *errors: StoreError) -> None:
        super().__init__(Store.connect("postgresql://"), NO_FILTER, [MET])
        self._errors = list(errors)

    async def now(self) -> Condition | None:
        if self._errors:
            raise self._errors.pop(0)
        return MET


async def test_watcher_retries_after_a_lost_connection(capsys: pytest.CaptureFixture[str]) -> None:
    watcher = Watcher(Quiet(), [], Asked(Unreachable("No answer.")), interval=0.001)
    assert await watcher.run() == MET
    assert capsys.readouterr().err == (
        "No answer. It is tried again; nothing is told twice.\nThe database answers again.\n"
    )


async def test_watcher_ends_with_an_error_that_a_retry_cannot_fix() -> None:
    with pytest.raises(NoPrivilege):
        await Watcher(Quiet(), [], Asked(NoPrivilege("Not permitted.")), interval=0.001).run()


class OfOurServer:
    """A watch of a server that has died."""

    def __init__(self) -> None:
        self.is_up = False

    async def read(self) -> TransitionBatch:
        if not self.is_up:
            raise Unreachable("No answer.")
        return TransitionBatch(transitions=())

    def revive(self) -> bool:
        self.is_up = True
        return True


async def test_watcher_restarts_an_embedded_server_that_died(capsys: pytest.CaptureFixture[str]) -> None:
    watch = OfOurServer()
    assert await Watcher(watch, [], Asked(), interval=0.001, revive=watch.revive).run() == MET
    assert capsys.readouterr().err.endswith("The database answers again.\n")
