"""Simulated time: speed, pause and steps. An event loop with its own time makes the waits exact."""

import asyncio

from gjobs.store.sample.simulation import SimulatedClock


async def note(clock: SimulatedClock, seconds: float, names: list[str], name: str, *, is_step: bool = True) -> None:
    await clock.sleep(seconds, is_step=is_step)
    names.append(name)


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_sleepers_wake_in_the_order_of_simulated_time() -> None:
    clock, names = SimulatedClock(speed=1000), list[str]()
    clock.set_paused(True)
    waiting = [(3, "late"), (1, "early"), (1, "second")]
    sleepers = asyncio.gather(*(note(clock, seconds, names, name) for seconds, name in waiting))
    await turns()
    clock.set_paused(False)
    await sleepers
    assert names == ["early", "second", "late"]


async def test_speed_shortens_waits_that_have_begun() -> None:
    clock, names = SimulatedClock(speed=0.5), list[str]()
    waiting = asyncio.create_task(note(clock, 1000, names, "end"))
    await turns()
    clock.set_speed(1_000_000)
    async with asyncio.timeout(5):
        await waiting
    assert clock.now >= 1000


async def test_paused_clock_stands_still_and_wakes_nobody() -> None:
    clock, names = SimulatedClock(speed=1_000_000), list[str]()
    clock.set_paused(True)
    waiting = asyncio.create_task(note(clock, 1, names, "end"))
    await asyncio.sleep(0.01)
    assert (clock.now, names) == (0.0, [])
    clock.set_paused(False)
    async with asyncio.timeout(5):
        await waiting


async def test_step_jumps_to_the_next_visible_change() -> None:
    clock, names = SimulatedClock(), list[str]()
    clock.set_paused(True)
    async with asyncio.TaskGroup() as group:
        group.create_task(note(clock, 20, names, "hidden", is_step=False))
        group.create_task(note(clock, 30, names, "first"))
        group.create_task(note(clock, 40, names, "second"))
        await turns()
        assert clock.step()
        await turns()
        assert (names, clock.now) == (["hidden", "first"], 30.0)
        assert clock.step()
    assert names == ["hidden", "first", "second"]
    assert not clock.step()


async def test_neither_a_running_clock_nor_cancelled_sleepers_are_stepped() -> None:
    clock, names = SimulatedClock(speed=0.001), list[str]()
    waiting = asyncio.create_task(note(clock, 1000, names, "end"))
    await turns()
    assert not clock.step()
    waiting.cancel()

    clock, names = SimulatedClock(), list[str]()
    clock.set_paused(True)
    waiting = asyncio.create_task(note(clock, 5, names, "end"))
    await turns()
    waiting.cancel()
    await turns()
    assert not clock.step()
    assert clock.now == 0
