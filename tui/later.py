"""What only a later key needs, made while nobody waits for it: a key that comes before simply makes it at once."""

import asyncio
import pkgutil
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING

from tui import actions, garbage, keys, screens

if TYPE_CHECKING:
    from tui.app import GjobsApp

_PAUSE = 0.01
"""Seconds between two modules, in which keys and answers have their turn."""


async def prepare(app: "GjobsApp") -> None:
    """Once there is something to see. Leaves garbage to be collected from then on: what is made here stays."""
    actions.read_views(app)
    for name in modules():
        if name not in sys.modules:
            # In a thread: the loop waits no longer for it than Python takes to change threads.
            await asyncio.to_thread(import_module, name)
            await asyncio.sleep(_PAUSE)
    app.dashboard.jobs.furnish()
    garbage.collect()


def modules() -> Iterator[str]:
    """All that a key may lead to; what these need comes along."""
    for package in (actions, keys, screens):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            yield module.name
