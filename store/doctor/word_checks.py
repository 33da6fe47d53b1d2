"""Check whether an index can find words in the jobs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from gjobs.store.capabilities.facts import JOBS, WORD_INDEX
from gjobs.store.database.query import Query
from gjobs.store.doctor.findings import Finding, Section, Severity
from gjobs.store.doctor.table_checks import MOST_COUNTED, IndexUse, TableUse


@dataclass(frozen=True, slots=True, kw_only=True)
class TrigramSupport:
    """Whether the server has the extension pg_trgm."""

    schema: str | None
    """The schema of the extension in this database, quoted for SQL if necessary. None if it is not installed."""
    is_available: bool
    """Whether the server can install it."""
    has_extension_schema: bool
    """Whether the database has the schema that hosted projects keep for extensions."""


TRIGRAM_SUPPORT: Query[TrigramSupport] = Query(
    text("""
select (select quote_ident(n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace
         where e.extname = 'pg_trgm'),
       exists (select from pg_available_extensions where name = 'pg_trgm'),
       to_regnamespace('extensions') is not null
"""),
    lambda row: TrigramSupport(schema=row[0], is_available=row[1], has_extension_schema=row[2]),
)


_FEW_PENDING = "gin_pending_list_limit = 64"
"""In kilobytes. It is the smallest limit that Postgres accepts."""


def word_findings(
    support: TrigramSupport, uses: Sequence[TableUse], indexes: Sequence[IndexUse], *, is_replica: bool
) -> Iterator[Finding]:
    """Offer the index for words if it would help. With few jobs, reading all of them is fast.

    A failed build is another finding, and so is an index that nobody uses.
    """
    is_large = any(use.name == JOBS and max(use.live, use.estimate) > MOST_COUNTED for use in uses)
    is_there = any(index.name == f"public.{WORD_INDEX}" for index in indexes)
    if is_replica or is_there or not is_large or not (support.schema or support.is_available):
        return
    yield Finding(
        section=Section.ROWS,
        name="word-index",
        severity=Severity.NOTE,
        sentence="No index finds words. For each search, the database reads all jobs of the list.",
        sql=word_index_sql(support),
        hint="The index speeds up searches of the operator for rare words. It makes writes of errors slower. The manual"
        " page 'migrations' says by how much.",
    )


def word_index_sql(support: TrigramSupport) -> str:
    """Return the statements that build the index, one a line. The owner of the tables runs them.

    An index collects new entries, and merges them into itself during some write. With a small limit, this write merges
    few entries.
    """
    schema = support.schema or ("extensions" if support.has_extension_schema else "public")
    operators = f"{schema}.gin_trgm_ops"
    columns = f"lower(mode) {operators}, lower(error) {operators}"
    install = [] if support.schema else [f"CREATE EXTENSION pg_trgm WITH SCHEMA {schema};"]
    build = f"CREATE INDEX CONCURRENTLY {WORD_INDEX} ON {JOBS} USING gin ({columns}) WITH ({_FEW_PENDING});"
    return "\n".join([*install, build, f"ANALYZE {JOBS};"])
