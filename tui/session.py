"""Opens a Session: embedded server, migrations, sample, store. Remembers facts about each database, so that the next
session requests its first list without waiting for an inspection.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from gjobs.store.capabilities.capabilities import Capabilities
from gjobs.store.capabilities.capability import Capability
from gjobs.store.capabilities.claim_sql import policy_queries
from gjobs.store.configuration.settings import (
    ANON_NAME,
    NO_PROFILE,
    OPERATOR_NAME,
    Pooler,
    Profile,
    Settings,
    WriteAccess,
    journal_path,
)
from gjobs.store.database.connection_pool import ConnectionPool
from gjobs.store.database.connection_url import label, parameters, password_command
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, TimeLimits
from gjobs.store.embedded.server_files import ServerHandle
from gjobs.store.errors import InvalidValue, RowMissing, StoreError, command
from gjobs.store.job_list import list_sql, read_listing
from gjobs.store.job_list.list_query import ListingQuery, ListQuery, RowWindowQuery
from gjobs.store.job_list.list_sql import AccessPath
from gjobs.store.jobs.job_sql import APP_COLUMNS, COLUMN_SETS, readable_columns
from gjobs.store.journal.journal import Journal
from gjobs.store.projects import project_sql
from gjobs.store.store import Store
from gjobs.store.system.private_files import make_directory, replace_private
from gjobs.store.users.actor import ANON, OPERATOR, ROLE_OF_USERS

log = logging.getLogger(__name__)

MOST_KNOWN = 64
STARTS_WITHOUT_GUESS = 10
"""How many sessions make no guess after a guess failed. On a slow database, each guess would delay the start."""


@dataclass(frozen=True, slots=True)
class Known:
    """A guess. The database confirms it in the same round trip, or the guess has no effect."""

    columns: str
    """The name of the set of job columns that the operator may read."""
    project_id: UUID | None = None
    """The project of the dashboard's last list. None for all projects."""


class KnownDatabase:
    """What is known of one database, in a file that holds neither its address nor its name."""

    def __init__(self, path: Path, conninfo: Mapping[str, str | int]) -> None:
        self._path = path
        place = [str(conninfo.get(name, "")) for name in ("service", "host", "hostaddr", "port", "dbname", "user")]
        self._key = sha256("\0".join(place).encode()).hexdigest()[:32]
        stored = self._load().get(self._key)
        self.known = _parse(stored)
        """The guess to use. None if nothing is known, or if a guess failed in one of the last sessions."""
        self._starts_without_guess = 0
        match stored:
            case {"starts_without_guess": int() as starts}:
                self._starts_without_guess = min(starts, STARTS_WITHOUT_GUESS)
        self._remembered: tuple[Any] | None = None

    def remember(self, known: Known | None, *, has_failed: bool = False) -> None:
        """Save it for the next session. If the file cannot be written, only the guess is lost.

        If this session's guess failed, the next sessions make no guess. Recently used databases are kept longest.
        """
        entry: dict[str, Any] | None = None
        if has_failed:
            entry = {"starts_without_guess": STARTS_WITHOUT_GUESS}
        elif self._starts_without_guess > 1:
            entry = {"starts_without_guess": self._starts_without_guess - 1}
        elif known is not None:
            entry = {"columns": known.columns, "project_id": str(known.project_id) if known.project_id else None}
        self.known = _parse(entry)
        if self._remembered == (entry,):
            return
        self._remembered = (entry,)
        before = self._load()
        stored = {key: one for key, one in before.items() if key != self._key}
        if entry is not None:
            stored[self._key] = entry
        newest = list(stored.items())[-MOST_KNOWN:]
        if newest == list(before.items()):
            return
        try:
            make_directory(self._path.parent)
            replace_private(self._path, json.dumps(dict(newest), indent=1), durable=False)
        except OSError as error:
            log.warning("Can't save what is known of the database in %s: %s", self._path, error)

    def _load(self) -> dict[str, Any]:
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return stored if isinstance(stored, dict) else {}


def _parse(stored: Any) -> Known | None:
    match stored:
        case {"columns": str() as columns, "project_id": None | str() as project}:
            with suppress(ValueError):
                return Known(columns, None if project is None else UUID(project))
    return None


Report = Callable[[str], None]
Expected = Callable[[Known], Sequence[Query[Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An open database. `store` acts as the user in the settings, `operator` as the role that connected."""

    store: Store
    operator: Store
    label: str
    """Names the database on screen and in confirmations. Never contains a password."""
    access: WriteAccess
    """Whether writes are allowed. A write permit changes it."""
    profile: Profile = NO_PROFILE
    """The opened profile. It has no name if an address was given instead."""
    address: str | None = None
    """Host and database, unless the label has them."""
    moment: datetime | None = None
    """The earlier moment that the store shows. None for the present."""
    known_database: KnownDatabase | None = None
    """What the next session may expect. None if it expects nothing."""
    revive: Callable[[], bool] | None = None
    """Restart the embedded server if it died, and return whether it did. Blocks. None for any other database."""

    async def restart_if_dead(self) -> bool:
        """Restart the embedded server if it died. Return whether it was restarted."""
        if self.revive is None:
            return False
        try:
            return await asyncio.to_thread(self.revive)
        except StoreError as error:
            log.warning("Can't restart the server that died: %s", error)
            return False

    @property
    def full_name(self) -> str:
        """The label with host and database. Shown before a change."""
        return full_name(self.label, self.address)

    @property
    def last_project(self) -> UUID | None:
        """The project that an earlier session listed."""
        known = self.known_database.known if self.known_database else None
        return known.project_id if known else None

    def remember(self, project_id: UUID | None) -> None:
        """Remember what the next session may expect of this database, and the project that the operator lists."""
        if self.known_database is None or self.capabilities is None:
            return
        may_expect = not self.capabilities.missing(Capability.PROJECTS, OPERATOR)
        columns = readable_columns(self.capabilities, OPERATOR)
        (name,) = (name for name, known in COLUMN_SETS.items() if known is columns)
        known = Known(name, project_id) if may_expect else None
        self.known_database.remember(known, has_failed=self.operator.database.early.has_failed)

    @property
    def capabilities(self) -> Capabilities | None:
        """What the database offers, as last reported. None before the first answer."""
        return self.operator.capability_cache.latest


def full_name(label: str, address: str | None) -> str:
    return label if address is None else f"{label} ({address})"


@asynccontextmanager
async def open_session(
    settings: Settings,
    report: Report,
    *,
    connections: ConnectionPool | None = None,
    expected: Expected | None = None,
) -> AsyncIterator[Session]:
    """Open the target. The embedded server is started, migrated and filled as needed. Raises StoreError.

    `connections` are those of a URL, if they are being opened already. `expected` returns the operator's first
    queries.
    """
    profile = settings.profile
    if settings.is_embedded:
        from gjobs.store.embedded.server import open_server

        embedded_server = await asyncio.to_thread(open_server, settings.data_dir, report=report)
        try:
            await prepare(embedded_server, report)
            async with session_on(settings, embedded_server.conninfo, profile.label, expected=expected) as session:
                yield replace(session, revive=embedded_server.revive)
        finally:
            embedded_server.release()
    else:
        conninfo = parameters(profile)
        address = label(conninfo)
        name = profile.label or address
        pool = connections or ConnectionPool(conninfo, password=password_command(profile))
        further = address if name != address else None
        async with session_on(settings, conninfo, name, further, connections=pool, expected=expected) as session:
            yield session


async def prepare(embedded_server: ServerHandle, report: Report) -> None:
    """Migrate the embedded database, and add the sample if it is new."""
    # Two threads, because somebody who quits during the migration must not wait for the sample.
    await asyncio.to_thread(_migrate, embedded_server, report)
    if embedded_server.needs_sample:
        await asyncio.to_thread(_fill, embedded_server, report)


def _migrate(embedded_server: ServerHandle, report: Report) -> None:
    from gjobs.migrations.runner import upgrade
    from gjobs.migrations.status import read_status

    if read_status(embedded_server.conninfo).pending:
        with embedded_server.preparing():
            report("Preparing the schema …")
            upgrade(embedded_server.conninfo, exports_to=embedded_server.data_dir)


def _fill(embedded_server: ServerHandle, report: Report) -> None:
    from gjobs.store.sample.sample_data import fill

    with embedded_server.preparing():
        if embedded_server.needs_sample:
            report("Adding sample projects and jobs …")
            fill(embedded_server.conninfo, now=datetime.now(UTC))
            embedded_server.sample_filled()


@asynccontextmanager
async def session_on(
    settings: Settings,
    conninfo: Mapping[str, str | int],
    label: str,
    address: str | None = None,
    *,
    connections: ConnectionPool | None = None,
    expected: Expected | None = None,
) -> AsyncIterator[Session]:
    """Open a session on a running server. Raises RowMissing if the user to act as does not exist."""
    access = WriteAccess(settings.write_rule)
    access.closed_by = settings.closed_by
    journal = Journal(journal_path(settings), database=full_name(label, address))
    journal.remove_old()
    profile = settings.profile
    timeout = profile.statement_timeout
    hint_when_ours_is_down = (
        "The embedded server is not running. If it crashed, the dashboard, workers and watches restart it."
        f" If it was stopped, any command that reads the database starts it, such as {command('jobs list')}."
    )
    database = Database(
        conninfo,
        access=access,
        limits=TimeLimits() if timeout is None else TimeLimits(statement=timeout),
        connections=connections,
        journal=journal,
        hint_when_down=hint_when_ours_is_down if settings.is_embedded else None,
        claims=profile.claims,
        prepares=profile.pooler is not Pooler.TRANSACTION,
    )
    operator = Store(database)
    known_database = KnownDatabase(settings.data_dir / "known-databases.json", conninfo)
    database.early.expected = _first_queries(settings, known_database.known, expected)
    try:
        await operator.capability_cache.get()
        store = await _acting_as(settings, operator)
        if settings.moment is not None:
            from gjobs.store.moments.past_store import past_store

            access.closed_by = "Writes are off, because --at shows an earlier moment.", "Leave --at out."
            store = past_store(store, settings.moment)
        # The role of a visitor has its own grants.
        await store.capability_cache.get()
        yield Session(
            store=store,
            operator=operator,
            label=label,
            address=address,
            moment=settings.moment,
            access=access,
            profile=profile,
            known_database=known_database if expected else None,
        )
    finally:
        await operator.close()


def _first_queries(settings: Settings, known: Known | None, expected: Expected | None) -> Sequence[Query[Any]]:
    """Return the likely first queries after the inspection of the database. Empty if they can't be guessed."""
    if settings.moment is not None or settings.act_as == ANON_NAME:
        return ()
    if settings.act_as == OPERATOR_NAME:
        return expected(known) if expected and known else ()
    from gjobs.store.search import actor_query

    try:
        return (actor_query(settings.act_as), *policy_queries(ROLE_OF_USERS))
    except InvalidValue:
        return ()


def first_page(known: Known, limit: int) -> Sequence[Query[Any]]:
    """Return the queries for the newest jobs and the names of their projects."""
    page = list_sql.page(ListQuery(), _expected_path(known), after=None, limit=limit)
    return page, project_sql.names_beside(page)


def first_listing(known: Known) -> Sequence[Query[Any]]:
    """Return the queries of the dashboard's first list."""
    listed = ListQuery(project_id=known.project_id)
    query = ListingQuery(window=RowWindowQuery(listed=listed))
    return read_listing.first_queries(query, chosen_path=_expected_path(known))


def _expected_path(known: Known) -> AccessPath:
    return AccessPath(columns=COLUMN_SETS.get(known.columns, APP_COLUMNS))


async def _acting_as(settings: Settings, operator: Store) -> Store:
    """Return the store for the chosen actor. If the user was not named by --as, the error says where the name comes
    from.
    """
    if settings.act_as == OPERATOR_NAME:
        return operator
    if settings.act_as == ANON_NAME:
        return operator.acting_as(ANON)
    try:
        user = await operator.find_actor(settings.act_as)
        return operator.acting_as(replace(user, aal=settings.aal))
    except (RowMissing, InvalidValue) as error:
        if settings.act_as_origin is not None and not settings.act_as_given:
            origin = settings.act_as_origin
            error.hint = f"{origin[:1].upper()}{origin[1:]} selects this user. {error.hint or ''}".strip()
        raise
