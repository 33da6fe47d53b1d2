"""Work in many short transactions: how far it is is shown, and an interrupt ends it between two of them."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

from tui.cli.progress_line import ProgressLine, can_show_progress
from tui.cli.stopping import stop_requested

T = TypeVar("T")


@dataclass(slots=True)
class Course(Generic[T]):
    """How far it has come, for whoever it is broken off for as well."""

    last: T
    """The last step; at first what nothing done is."""
    is_stopped: bool = False


async def work_through(steps: AsyncGenerator[T, None], course: Course[T], shown: Callable[[T], str]) -> None:
    """`shown` is a step in clean words."""
    with stop_requested() as stop, ProgressLine(is_shown=can_show_progress()) as line:
        async with aclosing(steps):
            async for step in steps:
                course.last = step
                line.show(shown(step))
                if stop.is_set():
                    course.is_stopped = True
                    return
