"""Waiting that is to end early."""

import asyncio


async def is_set_within(event: asyncio.Event, seconds: float) -> bool:
    """Waits so long at most, and says whether the event is set."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
