"""Reads the catalogue once, caches the facts, and reads it again after a refusal."""

import asyncio
from contextlib import suppress
from dataclasses import replace

from sqlalchemy import text

from gjobs.store.capabilities.capabilities import Capabilities
from gjobs.store.capabilities.capability import (
    RELATIONS,
    Capability,
    DatabaseFacts,
    MissingCapability,
    Privileges,
    Relation,
    RelationKind,
    TableColumn,
)
from gjobs.store.capabilities.claim_sql import read_policy_facts
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, Row, row_maker
from gjobs.store.database.transactions import UNPROTECTED
from gjobs.store.errors import StoreError
from gjobs.store.users.actor import ROLE_OF_USERS, Actor, role_of

# By field of DatabaseFacts. From 16 on, membership in a role does not imply the right to SET ROLE. Older servers do not
# know the word SET.
_OF_LOGIN = {
    "version_number": "current_setting('server_version_num')::int",
    "is_replica": "pg_is_in_recovery()",
    "is_read_only": "current_setting('default_transaction_read_only')::bool",
    "server_pid": "pg_backend_pid()",
    "login": "me.rolname::text",
    "is_superuser": "me.rolsuper",
    "has_bypass": "me.rolbypassrls",
    "has_users_role": "users.oid is not null",
    "may_become_user": """coalesce(pg_has_role(me.oid, users.oid,
           case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end), false)""",
    "has_uid": """exists (
           select from pg_proc p where p.pronamespace = auth.oid and p.proname = 'uid' and p.pronargs = 0)""",
    "users_may_use_auth": "coalesce(has_schema_privilege(users.oid, auth.oid, 'USAGE'), false)",
    "owner_may_grant_auth": """(
           select coalesce(bool_or(has_schema_privilege(jobs.relowner, auth.oid, 'USAGE WITH GRANT OPTION')
                                   and has_table_privilege(jobs.relowner, u.oid, 'SELECT WITH GRANT OPTION')), false)
             from pg_class jobs
             join pg_namespace n on n.oid = jobs.relnamespace and n.nspname = 'public'
             join pg_class u on u.relnamespace = auth.oid and u.relname = 'users'
            where jobs.relname = 'generation_jobs')""",
    "may_create_in_public": """(
           select coalesce(bool_or(has_schema_privilege(n.oid, 'CREATE')), false)
             from pg_namespace n where n.nspname = 'public')""",
    "may_create_schemas": "has_database_privilege(current_database(), 'CREATE')",
    "unprotected": UNPROTECTED,
}
_LOGIN = text(f"""
select {", ".join(_OF_LOGIN.values())}
  from pg_roles me
  left join pg_roles users on users.rolname = :users
  left join pg_namespace auth on auth.nspname = 'auth'
 where me.rolname = current_user
""")  # noqa: S608 - the inserted SQL is our own

_RELATIONS = text("""
select n.nspname || '.' || c.relname,
       case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table'
                      else 'table' end,
       columns.names,
       pg_has_role(c.relowner, 'USAGE'),
       row_security_active(c.oid) and not coalesce(policies.show_all, false),
       coalesce(policies.show_some, false),
       c.relrowsecurity or c.relkind not in ('r', 'p'),
       has_schema_privilege(n.oid, 'USAGE'),
       columns.read, columns.written, columns.changed,
       has_table_privilege(c.oid, 'DELETE'),
       has_schema_privilege(users.oid, n.oid, 'USAGE'),
       columns.users_read, columns.users_written, columns.users_changed,
       has_table_privilege(users.oid, c.oid, 'DELETE')
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_roles users on users.rolname = :users
 cross join lateral (
       select coalesce(array_agg(a.attname::text), '{}'),
              coalesce(array_agg(a.attname::text) filter (where has_column_privilege(c.oid, a.attnum, 'SELECT')), '{}'),
              coalesce(array_agg(a.attname::text) filter (where has_column_privilege(c.oid, a.attnum, 'INSERT')), '{}'),
              coalesce(array_agg(a.attname::text) filter (where has_column_privilege(c.oid, a.attnum, 'UPDATE')), '{}'),
              coalesce(array_agg(a.attname::text)
                       filter (where has_column_privilege(users.oid, c.oid, a.attnum, 'SELECT')), '{}'),
              coalesce(array_agg(a.attname::text)
                       filter (where has_column_privilege(users.oid, c.oid, a.attnum, 'INSERT')), '{}'),
              coalesce(array_agg(a.attname::text)
                       filter (where has_column_privilege(users.oid, c.oid, a.attnum, 'UPDATE')), '{}')
         from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       ) columns (names, read, written, changed, users_read, users_written, users_changed)
 cross join lateral (
       select bool_or(p.polpermissive),
              bool_or(p.polpermissive and case when row_security_active(c.oid)
                                               then pg_get_expr(p.polqual, p.polrelid) = 'true' end)
                  and bool_and(p.polpermissive)
         from pg_policy p
        where p.polrelid = c.oid and p.polcmd in ('r', '*')
          and exists (select from unnest(p.polroles) as role(oid)
                       where case when role.oid = 0 then true else pg_has_role(role.oid, 'USAGE') end)
       ) policies (show_some, show_all)
 where c.relname = any (:names) and n.nspname || '.' || c.relname = any (:relations)
   and c.relkind in ('r', 'p', 'v', 'm', 'f')
""")

# Not pg_get_indexdef, which waits for a lock on the table.
_JOB_INDEXES: Query[str] = Query(
    text("""
select case when bool_or(i.indkey[key] = 0) then x.relname else string_agg(
           a.attname || (array['', ' DESC NULLS LAST', ' NULLS FIRST', ' DESC'])[1 + (i.indoption[key] & 3)], ', '
           order by key
       ) end
  from pg_index i
  join pg_class c on c.oid = i.indrelid
  join pg_namespace n on n.oid = c.relnamespace
  join pg_class x on x.oid = i.indexrelid
  join pg_am on pg_am.oid = x.relam and (pg_am.amname = 'btree' or x.relname = 'gjobs_words')
 cross join lateral generate_series(0, i.indnkeyatts - 1) as key
  left join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[key]
 where n.nspname = 'public' and c.relname = 'generation_jobs' and i.indisvalid and i.indpred is null
 group by x.relname
"""),
    lambda row: str(row[0]),
)


_JOB_COLUMNS: Query[TableColumn] = Query(
    text("""
select a.attname::text, format_type(a.atttypid, null), not a.attnotnull or c.relkind not in ('r', 'p')
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 where n.nspname = 'public' and c.relname = 'generation_jobs'
"""),
    lambda row: TableColumn(*row),
)


async def probe(database: Database, role: str = ROLE_OF_USERS) -> Capabilities:
    """Read what the login and the app's requests of this role may do. Raises a StoreError without a connection."""
    users = {"users": role}
    names = [name.partition(".")[2] for name in RELATIONS]
    transport, ((login,), relations, job_columns, job_indexes) = await database.inspect(
        Query(_LOGIN, tuple, users),
        Query(_RELATIONS, _make_relation, {**users, "names": names, "relations": list(RELATIONS)}),
        _JOB_COLUMNS,
        _JOB_INDEXES,
    )
    return Capabilities(
        DatabaseFacts(
            transport=transport,
            **dict(zip(_OF_LOGIN, login, strict=True)),
            job_columns=tuple(job_columns),
            job_indexes=frozenset(job_indexes),
            relations=dict(relations),
            request_role=role,
        ),
        claims_given=database.given_claims,
    )


_make_privileges = row_maker(Privileges, select=frozenset, insert=frozenset, update=frozenset)


def _make_relation(row: Row) -> tuple[str, Relation]:
    name, kind, columns, is_owned, row_security, has_policy, is_protected, *privileges = row
    login, users = privileges[:5], privileges[5:]
    relation = Relation(
        kind=RelationKind(kind),
        columns=frozenset(columns),
        login=_make_privileges(login),
        users=None if users[0] is None else _make_privileges(users),
        is_owned=is_owned,
        row_security=row_security,
        has_policy=has_policy,
        is_protected=is_protected,
    )
    return name, relation


class CapabilityCache:
    """The capabilities of one role of the app's requests, and of the login."""

    def __init__(self, database: Database, role: str = ROLE_OF_USERS) -> None:
        self._database = database
        self._role = role
        self._of_other_role: CapabilityCache | None = None
        self._is_of_requests = False
        """Whether a store acts as this role. Only then are the policies read, because that waits for their tables'
        locks.
        """
        self._asking = asyncio.Lock()
        self.latest: Capabilities | None = None
        """None before the first read."""

    def for_actor(self, actor: Actor) -> "CapabilityCache":
        """Return the cache for this actor: this one, or that of the other role."""
        role = role_of(actor)
        if role is None:
            return self
        cache = self
        if role != self._role:
            cache = self._of_other_role = self._of_other_role or CapabilityCache(self._database, role)
            cache._of_other_role = self  # noqa: SLF001
        cache._is_of_requests = True  # noqa: SLF001
        return cache

    @property
    def is_outdated(self) -> bool:
        """Whether the database reports that it accepts writes now, for example because a replica was promoted."""
        return self.latest is not None and self.latest.facts.accepts_writes != self._database.accepts_writes

    async def get(self) -> Capabilities:
        async with self._asking:
            if self.latest is None:
                return await self._ask()
            policies = self.latest.facts.policies
            if self._is_of_requests and (policies is None or policies.is_locked):
                await self._ask_for_policies(self.latest)
            return self.latest

    async def refresh(self) -> Capabilities:
        """Read the capabilities again, because grants may have changed."""
        async with self._asking:
            return await self._ask()

    async def refresh_if_possible(self) -> None:
        """Read the capabilities again. If the database does not answer, keep the last ones."""
        with suppress(StoreError):
            await self.refresh()

    async def missing_now(self, feature: Capability, actor: Actor) -> MissingCapability | None:
        """Read again and return why the feature is missing. If the database does not answer, use the last facts."""
        await self.refresh_if_possible()
        return self.latest.missing(feature, actor) if self.latest else None

    async def _ask(self) -> Capabilities:
        self.latest = await probe(self._database, self._role)
        refusal = self.latest.read_only_reason
        self._database.access.refused_by = (refusal.reason, refusal.hint) if refusal else None
        self._database.accepts_writes = self.latest.facts.accepts_writes
        self._database.use_user_columns(self.latest.claim_columns)
        for role, is_request in ((None, False), (self._role, True)):
            self._database.use_relation(role, self.latest.relation(is_request=is_request))
        self._database.allow_preparing(is_allowed=not self.latest.facts.behind_pooler)
        if self._is_of_requests:
            await self._ask_for_policies(self.latest)
        return self.latest

    async def _ask_for_policies(self, capabilities: Capabilities) -> None:
        policies = await read_policy_facts(self._database, self._role)
        self.latest = replace(capabilities, facts=replace(capabilities.facts, policies=policies))
