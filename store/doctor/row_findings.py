"""What the numbers of rows, sizes and uses of indexes mean. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from store.capabilities import JOBS, Facts
from store.doctor.model import Finding, Section, Severity
from store.doctor.rows import MOST_COUNTED, IndexUse, TableUse
from store.doctor.words import amount, size
from store.schema import NEWEST_REVISION, ObjectKind, expected

FEW = 10_000
"""Rows below which no index and no vacuum is missed."""
DEAD_SHARE = 0.2


def rows_findings(
    facts: Facts, uses: Sequence[TableUse], indexes: Sequence[IndexUse], counted: Mapping[str, int | None]
) -> Iterator[Finding]:
    for use in uses:
        short = use.name.removeprefix("public.")
        sentence = f"{short} holds {_rows(use, counted.get(use.name))} and takes {size(use.total_bytes)}."
        if (relation := facts.relations.get(use.name)) and relation.row_security:
            sentence = f"{short} shows this login {_rows(use, counted.get(use.name))}."
        yield _finding(f"rows-{short}", Severity.OK, sentence)
        yield from _upkeep(use, short, facts)
    yield from _invalid(indexes)
    yield from _lists(uses, indexes)
    yield from _unused(uses, indexes)


def _rows(use: TableUse, counted: int | None) -> str:
    """Exact, about (~), or at least (≥): never a number that is taken for another kind."""
    if counted is not None and counted <= MOST_COUNTED:
        return amount(counted, "row")
    if use.estimate > MOST_COUNTED or (counted is None and use.estimate >= 0):
        return f"~{amount(use.estimate, 'row')}"
    return "rows that nobody has counted" if counted is None else f"≥{amount(MOST_COUNTED, 'row')}"


def _upkeep(use: TableUse, short: str, facts: Facts) -> Iterator[Finding]:
    """A replica keeps no such statistics."""
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
            f"{short} was never analyzed, so that its plans are guesses.",
            sql=f"ANALYZE {use.name};",
        )


def _invalid(indexes: Sequence[IndexUse]) -> Iterator[Finding]:
    for index in indexes:
        if not index.is_valid:
            yield _finding(
                "invalid-index",
                Severity.WARNING,
                f"The index {index.name} is invalid: it costs every write and serves no read.",
                sql=f"DROP INDEX CONCURRENTLY {index.name};",
                hint="It is what a failed CREATE INDEX CONCURRENTLY leaves; one that is being built looks the same.",
            )


_LISTS = {
    "all jobs": ("gjobs_newest", "(created_at DESC, id DESC)"),
    "a project's jobs": ("gjobs_newest_of_project", "(project_id, created_at DESC, id DESC)"),
    "a user's jobs": ("gjobs_newest_of_user", "(user_id, created_at DESC, id DESC)"),
    "the jobs of a status": ("gjobs_newest_of_status", "(status, created_at DESC, id DESC)"),
}
"""By what is listed, the index that reads it in its order: as the migrations make them."""


def _lists(uses: Sequence[TableUse], indexes: Sequence[IndexUse]) -> Iterator[Finding]:
    if not any(use.name == JOBS and use.live >= FEW for use in uses):
        return
    there = {index.definition.removeprefix("btree ") for index in indexes if index.is_valid}
    lacking = {what: index for what, index in _LISTS.items() if index[1] not in there}
    if lacking:
        yield _finding(
            "list-indexes",
            Severity.NOTE,
            f"No index reads {', '.join(lacking)} in the order of the lists.",
            sql="\n".join(f"CREATE INDEX CONCURRENTLY {name} ON {JOBS} {keys};" for name, keys in lacking.values()),
            hint="'gjobs migrate up' makes them, too.",
        )


_PROMISED = frozenset(one.full_name for one in expected(NEWEST_REVISION) if one.kind is ObjectKind.INDEX)
"""Used or not, the schema is held to these."""


def _unused(uses: Sequence[TableUse], indexes: Sequence[IndexUse]) -> Iterator[Finding]:
    big = {use.name.removeprefix("public.") for use in uses if use.live >= FEW}
    idle = [index for index in indexes if index.table in big and _is_idle(index)]
    if idle:
        named = ", ".join(f"{index.name.removeprefix('public.')} ({size(index.bytes)})" for index in idle)
        yield _finding(
            "unused-indexes",
            Severity.NOTE,
            f"Not used since the statistics were last reset: {named}.",
            hint="A replica may use what the primary server does not.",
        )


def _is_idle(index: IndexUse) -> bool:
    own_name = f"public.{index.table}.{index.name.removeprefix('public.')}"
    return index.is_valid and not (index.scans or index.is_needed or own_name in _PROMISED)


def _finding(
    name: str, severity: Severity, sentence: str, *, sql: str | None = None, hint: str | None = None
) -> Finding:
    return Finding(section=Section.ROWS, name=name, severity=severity, sentence=sentence, sql=sql, hint=hint)
