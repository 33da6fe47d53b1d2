"""Checks row counts, sizes, dead rows and indexes, and whether an index can find words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import func, select, text

from gjobs.store import tables
from gjobs.store.capabilities.capability import ASSETS, EVENT_MEGABYTES, JOBS, PROJECTS, WORD_INDEX, DatabaseFacts
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, TimeLimits, make_number, row_maker
from gjobs.store.doctor.findings import Finding, Section, Severity, amount, size
from gjobs.store.errors import NoPrivilege, SchemaMissing, TimedOut, command
from gjobs.store.job_list.list_query import ListOrder, ListQuery, OrderColumn, lacks_order
from gjobs.store.schema.schema_diff import NEWEST_REVISION, ObjectKind, expected
from gjobs.store.users.actor import OPERATOR

_finding = partial(Finding, Section.ROWS)

MOST_COUNTED = 100_000
"""Above this number, the planner's estimate is reported."""
PATIENCE = TimeLimits(statement=2.0, lock=0.5)


_COUNTED = {JOBS: tables.generation_jobs, PROJECTS: tables.projects, ASSETS: tables.assets}


def count_query(name: str) -> Query[int]:
    """Return a query that counts the rows of a table, up to the limit plus one."""
    some = select(_COUNTED[name].c.id).limit(MOST_COUNTED + 1).subquery()
    return Query(select(func.count()).select_from(some), make_number)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableUse:
    name: str
    estimate: int
    """The planner's estimate; negative if the table was never analyzed."""
    total_bytes: int
    """Includes indexes."""
    live: int
    dead: int
    is_analyzed: bool
    """Whether it was ever analyzed, manually or automatically."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexUse:
    name: str
    """With its schema, quoted for SQL if necessary."""
    table: str
    definition: str
    bytes: int
    is_valid: bool
    is_idle: bool
    """Whether it is valid, enforces no constraint such as a key, and had no scan since the last reset of statistics."""


TABLE_USE: Query[TableUse] = Query(
    text("""
select n.nspname || '.' || c.relname, c.reltuples::bigint, pg_total_relation_size(c.oid),
       coalesce(s.n_live_tup, 0), coalesce(s.n_dead_tup, 0), coalesce(s.last_analyze, s.last_autoanalyze) is not null
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_stat_all_tables s on s.relid = c.oid
 where n.nspname = 'public' and c.relname in ('generation_jobs', 'projects', 'assets') and c.relkind in ('r', 'p')
 order by c.relname = 'generation_jobs' desc, c.relname = 'projects' desc
"""),
    row_maker(TableUse),
)

INDEX_USE: Query[IndexUse] = Query(
    text("""
select format('%I.%I', n.nspname, i.relname), t.relname::text,
       regexp_replace(pg_get_indexdef(x.indexrelid), '^.*? USING ', ''),
       pg_relation_size(i.oid), x.indisvalid,
       x.indisvalid and coalesce(s.idx_scan, 0) = 0 and not x.indisunique
           and not exists (select from pg_constraint c where c.conindid = i.oid)
  from pg_index x
  join pg_class i on i.oid = x.indexrelid
  join pg_class t on t.oid = x.indrelid
  join pg_namespace n on n.oid = t.relnamespace
  left join pg_stat_all_indexes s on s.indexrelid = i.oid
 where n.nspname = 'public' and t.relname in ('generation_jobs', 'projects', 'assets')
 order by t.relname = 'generation_jobs' desc, t.relname, i.relname
"""),
    row_maker(IndexUse),
)


async def count(database: Database, facts: DatabaseFacts) -> Mapping[str, int | None]:
    """Return each readable table's row count, at most the limit plus one. None means that counting took too long."""
    counted: dict[str, int | None] = {}
    for name in [table for table in _COUNTED if table in facts.relations]:
        try:
            (counted[name],) = await database.read(OPERATOR, count_query(name), limits=PATIENCE)
        except TimedOut:
            counted[name] = None
        except (NoPrivilege, SchemaMissing):
            continue
    return counted


FEW = 10_000
"""Number of rows below which a missing index or vacuum doesn't matter."""
DEAD_SHARE = 0.2


def rows_findings(
    facts: DatabaseFacts, uses: Sequence[TableUse], indexes: Sequence[IndexUse], counted: Mapping[str, int | None]
) -> Iterator[Finding]:
    for use in uses:
        short = use.name.removeprefix("public.")
        sentence = f"{short} holds {_rows(use, counted.get(use.name))} and takes {size(use.total_bytes)}."
        if (relation := facts.relations.get(use.name)) and relation.row_security:
            sentence = f"This login sees {_rows(use, counted.get(use.name))} of {short}."
        yield _finding(f"rows-{short}", Severity.OK, sentence)
        yield from _upkeep(use, short, facts)
    yield from _invalid(indexes)
    yield from _lists(uses, indexes)
    yield from _unused(uses, indexes)


def _rows(use: TableUse, counted: int | None) -> str:
    """Format a count as exact, about (~), or at least (≥), so that these are never confused."""
    if counted is not None and counted <= MOST_COUNTED:
        return amount(counted, "row")
    if use.estimate > MOST_COUNTED or (counted is None and use.estimate >= 0):
        return f"~{amount(use.estimate, 'row')}"
    return "an unknown number of rows" if counted is None else f"≥{amount(MOST_COUNTED, 'row')}"


def _upkeep(use: TableUse, short: str, facts: DatabaseFacts) -> Iterator[Finding]:
    """Report dead rows and missing statistics. A replica doesn't keep these numbers."""
    if facts.is_replica or use.live + use.dead < FEW:
        return
    if use.dead > DEAD_SHARE * (use.live + use.dead):
        share = round(100 * use.dead / (use.live + use.dead))
        yield _finding(
            f"dead-{short}",
            Severity.NOTE,
            f"About {share} % of the rows of {short} are dead.",
            sql=f"VACUUM (ANALYZE) {use.name};",
        )
    elif not use.is_analyzed:
        yield _finding(
            f"unanalyzed-{short}",
            Severity.NOTE,
            f"{short} was never analyzed, so its query plans are guesses.",
            sql=f"ANALYZE {use.name};",
        )


def _invalid(indexes: Sequence[IndexUse]) -> Iterator[Finding]:
    for index in indexes:
        if not index.is_valid:
            yield _finding(
                "invalid-index",
                Severity.WARNING,
                f"The index {index.name} is invalid: it slows every write and helps no read.",
                sql=f"DROP INDEX CONCURRENTLY {index.name};",
                hint="A failed CREATE INDEX CONCURRENTLY leaves such an index. One that is being built looks the same.",
            )


_LISTS = {
    "all jobs": ("gjobs_newest", "(created_at DESC, id DESC)"),
    "a project's jobs": ("gjobs_newest_of_project", "(project_id, created_at DESC, id DESC)"),
    "a user's jobs": ("gjobs_newest_of_user", "(user_id, created_at DESC, id DESC)"),
    "the jobs of a status": ("gjobs_newest_of_status", "(status, created_at DESC, id DESC)"),
    "a project's jobs of a status": (
        "gjobs_newest_of_project_status",
        "(project_id, status, created_at DESC, id DESC)",
    ),
}
"""For each list, the index that has its order. The last one also serves the first and last times of a summary."""


def _lists(uses: Sequence[TableUse], indexes: Sequence[IndexUse]) -> Iterator[Finding]:
    if not any(use.name == JOBS and use.live >= FEW for use in uses):
        return
    there = {index.definition.removeprefix("btree ") for index in indexes if index.is_valid}
    names = {index.name.removeprefix("public.") for index in indexes if index.is_valid}
    lacking = {
        what: f"CREATE INDEX CONCURRENTLY {name} ON {JOBS} {keys};"
        for what, (name, keys) in _LISTS.items()
        if keys not in there
    }
    for column in OrderColumn:
        listed = ListQuery(order=ListOrder(column=column))
        if missing := lacks_order(listed, names | {keys.strip("()") for keys in there}):
            lacking[f"by {column}"] = str(missing.sql)
    if lacking:
        yield _finding(
            "list-indexes",
            Severity.NOTE,
            f"No index supports the order of these lists: {', '.join(lacking)}.",
            sql="\n".join(lacking.values()),
            hint="Each index makes writes a little slower. Add those of the lists that you use.",
        )


_PROMISED = frozenset(one.full_name for one in expected(NEWEST_REVISION) if one.kind is ObjectKind.INDEX)
"""The schema requires these even if they are unused."""


def _unused(uses: Sequence[TableUse], indexes: Sequence[IndexUse]) -> Iterator[Finding]:
    big = {use.name.removeprefix("public.") for use in uses if use.live >= FEW}
    idle = [
        index
        for index in indexes
        if index.is_idle
        and index.table in big
        and f"public.{index.table}.{index.name.removeprefix('public.')}" not in _PROMISED
    ]
    if idle:
        named = ", ".join(f"{index.name.removeprefix('public.')} ({size(index.bytes)})" for index in idle)
        yield _finding(
            "unused-indexes",
            Severity.NOTE,
            f"Not used since the statistics were last reset: {named}.",
            hint="A replica may use indexes that the primary server does not use.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogUse:
    unfolded: int
    """The events that are not folded into the rollups. At most one more than the limit."""
    bytes: int
    """Of the log with its indexes."""
    keep: str
    """How long events are kept, as Postgres writes an interval."""
    has_cron: bool
    """Whether the server offers the extension pg_cron."""


MOST_UNFOLDED = 10_000
"""With so many unfolded events, a statistic is read some 20 ms later."""
LOG_USE: Query[LogUse] = Query(
    text("""
select p.unfolded, pg_total_relation_size('gjobs.job_event_log'::regclass), s.keep_events::text,
       exists (select from pg_available_extensions where name = 'pg_cron')
  from gjobs.fold_progress p, gjobs.settings s
"""),
    row_maker(LogUse),
)
_FOLD_WITH_CRON = """CREATE EXTENSION IF NOT EXISTS pg_cron;
SELECT cron.schedule('gjobs-fold', '* * * * *', $$
  SELECT CASE gjobs.fold_events() WHEN -2 THEN gjobs.count_again() END
$$);"""


def log_findings(use: LogUse) -> Iterator[Finding]:
    yield _finding(
        "events",
        Severity.OK,
        f"The events of gjobs take {size(use.bytes)}. Expect about {EVENT_MEGABYTES} MB for 1,000 jobs. Events are kept"
        f" for {use.keep}.",
    )
    if use.unfolded > MOST_UNFOLDED:
        yield _finding(
            "unfolded-events",
            Severity.WARNING,
            f"More than {MOST_UNFOLDED:,} events are not folded into the rollups, so statistics are read slowly.",
            hint=f"Run {command('fold')}. Workers, dashboards and metrics fold while they run.",
        )
    if use.has_cron:
        yield _finding(
            "pg-cron",
            Severity.OK,
            "Workers, dashboards and metrics fold events while they run. If none runs for long, pg_cron can fold:",
            sql=_FOLD_WITH_CRON,
        )


TRIGRAMS: Query[tuple[str, bool]] = Query(
    text("""
select quote_ident(coalesce(n.nspname, to_regnamespace('extensions')::text, 'public')), n.nspname is not null
  from (select 'pg_trgm' as name) wanted
  left join pg_extension e on e.extname = name
  left join pg_namespace n on n.oid = e.extnamespace
 where n.nspname is not null or exists (select from pg_available_extensions a where a.name = wanted.name)
"""),
    lambda row: (row[0], row[1]),
)
"""The schema of the extension pg_trgm, and whether it is installed there. No row if the server can't install it.

Hosted projects keep a schema for extensions.
"""


_FEW_PENDING = "gin_pending_list_limit = 64"
"""In kilobytes. It is the smallest limit that Postgres accepts."""


def word_findings(
    trigrams: Sequence[tuple[str, bool]], uses: Sequence[TableUse], indexes: Sequence[IndexUse], *, is_replica: bool
) -> Iterator[Finding]:
    """Offer the index for words if it would help. With few jobs, reading all of them is fast.

    A failed build is another finding, and so is an index that nobody uses.
    """
    is_large = any(use.name == JOBS and max(use.live, use.estimate) > MOST_COUNTED for use in uses)
    is_there = any(index.name == f"public.{WORD_INDEX}" for index in indexes)
    if is_replica or is_there or not is_large or not trigrams:
        return
    ((schema, is_installed),) = trigrams
    yield _finding(
        "word-index",
        Severity.NOTE,
        "No index finds words. For each search, the database reads all jobs of the list.",
        sql=word_index_sql(schema, is_installed=is_installed),
        hint="The index speeds up searches of the operator for rare words. It makes writes of errors slower. The manual"
        " page 'migrations' says by how much.",
    )


def word_index_sql(schema: str, *, is_installed: bool) -> str:
    """Return the statements that build the index, one a line. The owner of the tables runs them.

    An index collects new entries, and merges them into itself during some write. With a small limit, this write merges
    few entries.
    """
    operators = f"{schema}.gin_trgm_ops"
    columns = f"lower(mode) {operators}, lower(error) {operators}"
    install = [] if is_installed else [f"CREATE EXTENSION pg_trgm WITH SCHEMA {schema};"]
    build = f"CREATE INDEX CONCURRENTLY {WORD_INDEX} ON {JOBS} USING gin ({columns}) WITH ({_FEW_PENDING});"
    return "\n".join([*install, build, f"ANALYZE {JOBS};"])
