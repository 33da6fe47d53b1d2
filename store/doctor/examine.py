"""Examines a database: reads only, each question a short transaction, whoever signs in and whatever stands between."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import text

from store.actor import OPERATOR
from store.capabilities import Capabilities
from store.capabilities.probing import probe
from store.database import Database, Query
from store.doctor import functions, link, policies, role, row_findings, rows, schema, server, views
from store.doctor.model import NOT_EXAMINED, Finding, Report, Section, Severity
from store.doctor.next_steps import next_steps
from store.doctor.policy_findings import nothing_leaks, policy_findings
from store.errors import SignInRefused, StoreError, Unreachable
from store.schema.queries import QUALIFY_QUERY, read_schema

Further = Callable[[Database], Awaitable[Sequence[Finding]]]
"""Reads what only some ask for, and returns what it found."""

_ORDER = {section: place for place, section in enumerate(Section)}
_REVISION: Query[str] = Query(text("select version_num::text from gjobs.alembic_version"), lambda row: str(row[0]))


async def examine(database: Database, *, label: str, further: Sequence[Further] = ()) -> Report:
    """`label` names the database. Raises a StoreError where it cannot be reached at all.

    A part that cannot be examined is a finding itself.
    """
    capabilities = await probe(database)
    revision = await _revision(database, capabilities)
    examination = _Examination(database, capabilities, revision, label)
    findings: list[Finding] = []
    for section, look in examination.parts:
        findings += await _examined(section, look)
    for look_further in further:
        findings += await _examined(Section.ISOLATION, partial(look_further, database))
    findings.sort(key=lambda finding: _ORDER[finding.section])
    steps = next_steps(capabilities, revision, findings, rule=database.access.rule)
    return Report(findings=tuple(findings), next_steps=tuple(steps))


async def _examined(section: Section, look: Callable[[], Awaitable[Iterable[Finding]]]) -> list[Finding]:
    try:
        return list(await look())
    except (Unreachable, SignInRefused):
        raise
    except StoreError as error:
        return [
            Finding(
                section=section,
                name=NOT_EXAMINED,
                severity=Severity.WARNING,
                sentence=f"This part could not be examined. {error.message}",
                hint=error.hint,
            )
        ]


async def _revision(database: Database, capabilities: Capabilities) -> str | None:
    if not capabilities.may_read_revision:
        return None
    found = await database.read(OPERATOR, _REVISION)
    return found[0] if found else None


class _Examination:
    def __init__(self, database: Database, capabilities: Capabilities, revision: str | None, label: str) -> None:
        self._database = database
        self._capabilities = capabilities
        self._facts = capabilities.facts
        self._revision = revision
        self._label = label
        self.parts: Sequence[tuple[Section, Callable[[], Awaitable[Iterable[Finding]]]]] = (
            (Section.SERVER, self._server),
            (Section.LINK, self._link),
            (Section.ROLE, self._role),
            (Section.SCHEMA, self._schema),
            (Section.ROWS, self._rows),
            (Section.RULES, self._rules),
        )

    async def _server(self) -> Iterable[Finding]:
        time_outs, *replays = await self._read(server.TIME_OUTS, *([server.REPLAY] if self._facts.is_replica else []))
        return server.server_findings(self._facts, replays[0][0] if replays else None, time_outs)

    async def _link(self) -> Iterable[Finding]:
        durations = await link.measure(self._database)
        pooling = await link.find_pooling(self._database, self._facts)
        return link.link_findings(self._facts, self._label, durations, pooling)

    async def _role(self) -> Iterable[Finding]:
        return role.role_findings(self._capabilities)

    async def _schema(self) -> Iterable[Finding]:
        found = await read_schema(self._database, OPERATOR)
        return schema.schema_findings(found, self._revision, is_managed=self._facts.is_managed)

    async def _rows(self) -> Iterable[Finding]:
        uses, indexes = await self._read(rows.TABLE_USE, rows.INDEX_USE)
        return row_findings.rows_findings(self._facts, uses, indexes, await rows.count(self._database, self._facts))

    async def _rules(self) -> Iterable[Finding]:
        found, seen, tables, rules = await self._read(
            functions.FUNCTIONS, views.VIEWS, policies.TABLES, policies.POLICIES
        )
        findings = [
            *functions.function_findings(found),
            *views.view_findings(seen, self._facts),
            *policy_findings(tables, rules),
        ]
        return [*findings, *nothing_leaks(tables, findings)]

    async def _read(self, *queries: Query[Any]) -> Sequence[list[Any]]:
        """With names that carry their schemas, whatever search_path the login has."""
        _, *answers = await self._database.read_together(OPERATOR, QUALIFY_QUERY, *queries)
        return answers
