"""How many rows there are, what they take, and which indexes are used. No question reads a big table to its end."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Integer, Select, Table, bindparam, func, select, text

from store import tables
from store.actor import OPERATOR
from store.capabilities import ASSETS, JOBS, PROJECTS, Facts
from store.database import Database, Query, TimeLimits
from store.errors import NoPrivilege, SchemaMissing, TimedOut
from store.statements.rows import make_number

MOST_COUNTED = 100_000
"""From here on the planner's estimate is told."""
PATIENCE = TimeLimits(statement=2.0, lock=0.5)


def _some_of(table: Table) -> Select[int]:
    some = select(table.c.id).limit(bindparam("most", type_=Integer)).subquery()
    return select(func.count()).select_from(some)


_COUNTS = {
    JOBS: _some_of(tables.generation_jobs),
    PROJECTS: _some_of(tables.projects),
    ASSETS: _some_of(tables.assets),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableUse:
    name: str
    estimate: int
    """The planner's; negative where nobody has analyzed the table."""
    total_bytes: int
    """With indexes."""
    live: int
    dead: int
    is_analyzed: bool
    """Whether it ever was, by hand or by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexUse:
    name: str
    """With its schema, quoted where SQL needs it."""
    table: str
    definition: str
    bytes: int
    scans: int
    """Since the statistics were last reset."""
    is_valid: bool
    is_needed: bool
    """It keeps a promise, such as a key, whether it is read or not."""


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
    lambda row: TableUse(
        name=row[0], estimate=row[1], total_bytes=row[2], live=row[3], dead=row[4], is_analyzed=row[5]
    ),
)

INDEX_USE: Query[IndexUse] = Query(
    text("""
select format('%I.%I', n.nspname, i.relname), t.relname::text,
       regexp_replace(pg_get_indexdef(x.indexrelid), '^.*? USING ', ''),
       pg_relation_size(i.oid), coalesce(s.idx_scan, 0), x.indisvalid,
       x.indisunique or exists (select from pg_constraint c where c.conindid = i.oid)
  from pg_index x
  join pg_class i on i.oid = x.indexrelid
  join pg_class t on t.oid = x.indrelid
  join pg_namespace n on n.oid = t.relnamespace
  left join pg_stat_all_indexes s on s.indexrelid = i.oid
 where n.nspname = 'public' and t.relname in ('generation_jobs', 'projects', 'assets')
 order by t.relname = 'generation_jobs' desc, t.relname, i.relname
"""),
    lambda row: IndexUse(
        name=row[0],
        table=row[1],
        definition=row[2],
        bytes=row[3],
        scans=row[4],
        is_valid=row[5],
        is_needed=row[6],
    ),
)


async def count(database: Database, facts: Facts) -> Mapping[str, int | None]:
    """The rows of each table that may be read, up to one more than are counted; None where that took too long."""
    counted: dict[str, int | None] = {}
    for name, statement in _COUNTS.items():
        if name not in facts.relations:
            continue
        query = Query(statement, make_number, {"most": MOST_COUNTED + 1})
        try:
            (counted[name],) = await database.read(OPERATOR, query, limits=PATIENCE)
        except TimedOut:
            counted[name] = None
        except (NoPrivilege, SchemaMissing):
            continue
    return counted
