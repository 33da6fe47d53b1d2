"""From settings to an open store: the one place where store, embedded server and migrations meet."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from store.connection_url import label, parse
from store.database import Database
from store.embedded import ServerLease, open_server
from store.settings import OPERATOR_NAME, EmbeddedTarget, Settings, UrlTarget
from store.store import Store
from store.write_access import WriteAccess

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An open database. `store` has the eyes that the settings ask for, `operator` those of the role as connected."""

    store: Store
    operator: Store
    label: str
    """Names the database on screen and in confirmations; never holds a password."""
    access: WriteAccess
    """Whether it may write, which a lease changes."""
    revive: Callable[[], bool] | None = None
    """Starts our own server again if it died, and tells whether it did. Blocks. None for somebody's database."""


@asynccontextmanager
async def open_session(settings: Settings, report: Report) -> AsyncIterator[Session]:
    """Starts, migrates and fills the embedded server as needed; a URL is only connected to. Raises a StoreError."""
    match settings.target:
        case EmbeddedTarget(data_dir=data_dir):
            lease = await asyncio.to_thread(open_server, data_dir, report=report)
            try:
                await prepare(lease, report)
                async with session_on(settings, lease.conninfo, "embedded") as session:
                    yield replace(session, revive=lease.revive)
            finally:
                lease.release()
        case UrlTarget(url=url):
            parameters = parse(url)
            async with session_on(settings, parameters, label(parameters)) as session:
                yield session


async def prepare(lease: ServerLease, report: Report) -> None:
    """Brings our own server's database to the newest schema, and fills it where it has just been made."""
    await asyncio.to_thread(_migrate, lease, report)
    if lease.needs_sample:
        await asyncio.to_thread(_fill, lease, report)


def _migrate(lease: ServerLease, report: Report) -> None:
    from migrations import runner

    if not runner.status(lease.conninfo).pending:
        return
    with lease.preparing():
        report("Preparing the schema …")
        runner.upgrade(lease.conninfo)


def _fill(lease: ServerLease, report: Report) -> None:
    from store.sample import fill

    with lease.preparing():
        if lease.needs_sample:
            report("Filling in sample projects and jobs …")
            fill(lease.conninfo, now=datetime.now(UTC))
            lease.sample_filled()


@asynccontextmanager
async def session_on(settings: Settings, conninfo: Mapping[str, str | int], label: str) -> AsyncIterator[Session]:
    """A session on a server that is up. Raises RowMissing where there is no such user to act as."""
    access = WriteAccess(settings.write_rule)
    operator = Store(Database(conninfo, access=access))
    try:
        store = operator if settings.act_as == OPERATOR_NAME else await operator.acting_as_user(settings.act_as)
        yield Session(store=store, operator=operator, label=label, access=access)
    finally:
        await operator.close()
