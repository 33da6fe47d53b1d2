"""Opening a session without making the first paint wait for the driver and SQLAlchemy, which take long to import."""

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from store.settings import Settings

if TYPE_CHECKING:
    from store.connecting.password_command import PasswordCommand
    from tui.connection import Opener
    from tui.session import Report, Session


def session_opener(settings: Settings) -> "Opener":
    """Opens what the settings name. A password that a command gave is kept from one attempt to the next."""
    password: PasswordCommand | None = None

    @asynccontextmanager
    async def opener(report: "Report") -> "AsyncIterator[Session]":
        nonlocal password
        module = await asyncio.to_thread(importlib.import_module, "tui.session")
        password = password or module.password_command(settings)
        async with module.open_session(settings, report, password=password) as session:
            yield session

    return opener


def demo_opener() -> "Opener":
    """Opens a database of its own that is thrown away afterwards, with simulated workers."""

    @asynccontextmanager
    async def opener(report: "Report") -> "AsyncIterator[Session]":
        module = await asyncio.to_thread(importlib.import_module, "tui.demo")
        async with module.open_demo(report) as session:
            yield session

    return opener
