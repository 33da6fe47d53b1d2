"""ActorDatabase: queries run as one actor, after capability checks."""

from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

from gjobs.store.budgets.budget import Refusal
from gjobs.store.budgets.budget_sql import Readable
from gjobs.store.capabilities.capabilities import unreadable_jobs
from gjobs.store.capabilities.capability import Capability, MissingCapability
from gjobs.store.capabilities.probe import CapabilityCache
from gjobs.store.database.database import Database
from gjobs.store.database.driver_errors import exceeded
from gjobs.store.database.query import Query, TimeLimits
from gjobs.store.database.transactions import WriteTransaction
from gjobs.store.errors import BudgetExceeded, NoPrivilege, SchemaMissing, StoreError
from gjobs.store.filters.filter_sql import needs_names
from gjobs.store.filters.filter_terms import JobFilter, Key
from gjobs.store.jobs import job_sql
from gjobs.store.jobs.job_sql import JobStatements
from gjobs.store.projects import project_sql
from gjobs.store.users.actor import OPERATOR, ActingUser, Actor
from gjobs.store.values.formats import IdRange

T = TypeVar("T")

_OF_KEY = {
    Key.PROJECT: Capability.PROJECTS,
    Key.USER: Capability.USERS,
    Key.ERROR_GROUP: Capability.MIGRATED,
}
"""The capability with which a filter reads the names of projects and users, or the stored groups of errors."""


class ActorDatabase:
    """A database, queried as one actor. Every method may raise a StoreError. Several may share a `capability_cache`."""

    def __init__(self, database: Database, actor: Actor, capability_cache: CapabilityCache) -> None:
        self.database = database
        self.actor = actor
        self.capability_cache = capability_cache.for_actor(actor)

    def acting_as(self, actor: Actor) -> Self:
        """Return the same database, acting as another actor."""
        return type(self)(self.database, actor, self.capability_cache)

    async def partial_claims(self) -> tuple[str, ...]:
        """Return the claims that policies read and that gjobs does not know for this actor."""
        return (await self.capability_cache.get()).partial_claims(self.actor)

    @property
    def is_operators(self) -> bool:
        return self.actor == OPERATOR

    # Capabilities

    async def missing(self, feature: Capability) -> MissingCapability | None:
        """Return why the actor lacks the feature, or None if they have it. The answer may be cached."""
        return (await self.capability_cache.get()).missing(feature, self.actor)

    async def has(self, feature: Capability) -> bool:
        return await self.missing(feature) is None

    async def require(self, feature: Capability) -> None:
        """Raise the refusal if the actor lacks the feature, before the server would reject a query."""
        if missing := await self.missing(feature):
            raise missing.refusal

    async def knows_usual_durations(self) -> bool:
        """Return whether leases and usual durations are readable, to find stuck jobs."""
        return (await self.capability_cache.get()).knows_usual_durations(self.actor)

    @asynccontextmanager
    async def translating_refusals(self, needs: Capability) -> AsyncIterator[None]:
        """Inside, a refusal by the server is reported as the missing feature."""
        cache = self.capability_cache
        try:
            yield
        except (NoPrivilege, SchemaMissing) as error:
            if error.sqlstate is None or (missing := await cache.missing_now(needs, self.actor)) is None:
                raise
            kind = NoPrivilege if isinstance(error, NoPrivilege) else SchemaMissing
            raise kind(missing.reason, hint=missing.hint, sqlstate=error.sqlstate) from error
        # A capability that was missing was granted since the last check.
        if cache.is_outdated or (cache.latest is not None and cache.latest.missing(needs, self.actor) is not None):
            await cache.refresh_if_possible()

    # Call these before a transaction: a task that holds a connection must not wait for another one.

    async def job_statements(self) -> JobStatements:
        return job_sql.job_statements(job_sql.readable_columns(await self.capability_cache.get(), self.actor))

    async def readable_names(self, job_filter: JobFilter) -> Set[Key]:
        """Return the keys whose names may be read, and the additional keys that `conditions` describes.

        Raises NoPrivilege if the filter needs a name that is unreadable.
        """
        asked = [key for key in _OF_KEY if any(term.key is key for term in job_filter.terms)]
        readable = {key for key in asked if await self.has(_OF_KEY[key])}
        for key in sorted(needs_names(job_filter) - readable):
            if missing := await self.capability_cache.missing_now(_OF_KEY[key], self.actor):
                hint = f"Use the {key}'s id, or its first digits."
                raise NoPrivilege(
                    f"The filter key '{key}' can't match names in this database. {missing.reason}", hint=hint
                )
            readable.add(key)  # granted since the last check
        if any(term.key is Key.IS for term in job_filter.terms) and await self.knows_usual_durations():
            readable.add(Key.IS)
        if self.is_operators and any(term.key in (None, Key.ERROR) for term in job_filter.terms):
            facts = (await self.capability_cache.get()).facts
            readable |= {Key.ERROR} if facts.finds_words_in_index else set()
        return readable

    async def readable_beside_budgets(self) -> Readable:
        return Readable(projects=await self.has(Capability.PROJECTS), users=await self.has(Capability.USERS))

    # Reading and writing

    async def read(
        self, query: Query[T], *, needs: Capability = Capability.JOBS, limits: TimeLimits | None = None
    ) -> list[T]:
        (rows,) = await self.read_together(query, needs=needs, limits=limits)
        return rows

    async def read_together(
        self,
        *queries: Query[Any],
        needs: Capability = Capability.JOBS,
        limits: TimeLimits | None = None,
        is_repeated: bool = False,
    ) -> tuple[list[Any], ...]:
        async with self.translating_refusals(needs):
            # The relation that jobs are read from is known afterwards.
            capabilities = await self.capability_cache.get()
            if missing := unreadable_jobs(capabilities.facts):
                raise missing.refusal
            return await self.database.read_together(self.actor, *queries, limits=limits, is_repeated=is_repeated)

    @asynccontextmanager
    async def write(self, needs: Capability, *, limits: TimeLimits | None = None) -> AsyncIterator[WriteTransaction]:
        """Open a write transaction. Raises a StoreError first if gjobs does not write to this database.

        A BudgetExceeded error names the budget's project or user if the actor may read it.
        """
        await self._require_writable(needs)
        try:
            async with self.translating_refusals(needs), self.database.write(self.actor, limits=limits) as transaction:
                yield transaction
        except BudgetExceeded as error:
            try:
                name = await self._name_of(error.refusal)
            except StoreError:
                raise error from None  # The refusal matters more than the name.
            raise exceeded(error.refusal, name) from error

    @asynccontextmanager
    async def write_jobs(self, needs: Capability) -> AsyncIterator[tuple[WriteTransaction, JobStatements]]:
        # The checks that run before the first write also take priority over background counts.
        with self.database.priority.foreground():
            statements = await self.job_statements()
            async with self.write(needs) as transaction:
                yield transaction, statements

    async def _require_writable(self, needs: Capability) -> None:
        if (await self.capability_cache.get()).forbidden_write(needs, self.actor) is None:
            return
        # The reason may be outdated, for example because a replica was promoted.
        if missing := (await self.capability_cache.refresh()).forbidden_write(needs, self.actor):
            raise missing.refusal

    async def _name_of(self, refusal: Refusal) -> str | None:
        """Return the name of the budget's project, or the e-mail of its user."""
        if refusal.project_id is not None:
            found = await self.read(project_sql.by_id(refusal.project_id), needs=Capability.PROJECTS)
            return found[0].name if found else None
        if isinstance(self.actor, ActingUser):
            return self.actor.email
        if refusal.user_id is None:
            return None
        from gjobs.store.users import user_sql

        ids = IdRange(low=refusal.user_id, high=refusal.user_id)
        found_users = await self.read(user_sql.in_range(ids, limit=1), needs=Capability.USERS)
        return found_users[0].email if found_users else None
