"""An export file that is written in threads, because a slow disk must not stop the event loop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from typing import TypeVar

from tui.export.file_writer import new_file

T = TypeVar("T")
Write = Callable[[str], Awaitable[object]]


@asynccontextmanager
async def new_file_in_threads(name: str, *, overwrites: bool) -> AsyncIterator[Write]:
    """Open a file as `new_file` does. Once the block has ended, a cancellation comes too late and is ignored."""
    with ExitStack() as stack:
        write = await _in_thread(partial(stack.enter_context, new_file(name, overwrites=overwrites)))

        def write_in_thread(text: str) -> Awaitable[object]:
            return _in_thread(partial(write, text))

        yield write_in_thread
        with suppress(asyncio.CancelledError):
            await _in_thread(stack.close)


async def _in_thread(call: Callable[[], T]) -> T:
    """Run the call in a thread. After any cancellation, wait for the thread, because it still uses the file."""
    running = asyncio.ensure_future(asyncio.to_thread(call))
    is_cancelled = False
    while not running.done():
        try:
            await asyncio.wait({running})
        except asyncio.CancelledError:
            is_cancelled = True
    result = running.result()
    if is_cancelled:
        raise asyncio.CancelledError
    return result
