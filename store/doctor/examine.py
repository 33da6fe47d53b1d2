"""Run all checks, each in a short read-only transaction."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import text

from gjobs.store.advice import command
from gjobs.store.capabilities.capabilities import Capabilities
from gjobs.store.capabilities.capability import Capability
from gjobs.store.capabilities.claim_sql import POLICY_EXPRESSIONS, read_policy_facts
from gjobs.store.capabilities.facts import JOBS
from gjobs.store.capabilities.policy_sql import POLICIES_WITH_TREES
from gjobs.store.capabilities.probe import probe
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query
from gjobs.store.database.wake_ups import announces_changes, may_listen
from gjobs.store.doctor import (
    egress,
    function_checks,
    policy_checks,
    schema_checks,
    server_checks,
    table_checks,
    word_checks,
)
from gjobs.store.doctor.findings import NOT_EXAMINED, DoctorReport, Finding, Section, Severity
from gjobs.store.doctor.policy_checks import WITHOUT_ROW, nothing_leaks, policy_findings
from gjobs.store.doctor.policy_conditions import try_policies
from gjobs.store.doctor.schema_checks import QUALIFY_QUERY, read_schema
from gjobs.store.errors import SignInRefused, StoreError, Unreachable
from gjobs.store.schema.schema_by_revision import NEWEST_REVISION
from gjobs.store.users.actor import OPERATOR, ROLE_OF_USERS


def next_steps(capabilities: Capabilities, revision: str | None, findings: Sequence[Finding]) -> Iterator[str]:
    # Only a person can judge a policy for administrators. It may be right as it is.
    faults = [finding for finding in findings if finding.is_fault and finding.name != WITHOUT_ROW]
    migrating = _Migrating(capabilities)
    if any(finding.name == "no-table" for finding in faults):
        yield migrating.that("creates the schema")
        return
    steps = [*_schema_steps(capabilities, revision, faults, migrating)]
    if any(finding.sql for finding in faults):
        otherwise = "Or read" if steps else "Read"
        steps.append(f"{otherwise} the SQL above, and run it as the owner of the tables.")
    if any(finding.name == WITHOUT_ROW for finding in findings):
        steps.append("Check who meets the policies that do not depend on the row. Keep those for administrators.")
    if faults:
        steps.append(f"Run {command('doctor')} again to check that everything is fixed.")
    yield from steps or ["Nothing has to be done."]


def _schema_steps(
    capabilities: Capabilities, revision: str | None, faults: Sequence[Finding], migrating: "_Migrating"
) -> Iterator[str]:
    # Without read access, gjobs can't know what is missing. A newer program's revision is greater than ours.
    is_newest = revision >= NEWEST_REVISION if revision else capabilities.facts.is_managed
    # A newer program's schema can't be examined, but that doesn't mean that anything is missing.
    if any(finding.section is Section.SCHEMA and finding.name != NOT_EXAMINED for finding in faults):
        until_then = "" if is_newest else f". Until then, {command('migrate up')} refuses to run"
        yield f"Restore the missing parts of the schema with the app's own migration{until_then}."
    elif any(finding.section is Section.RULES for finding in faults) and not is_newest:
        yield migrating.that("fixes the app's functions, view and policies in one transaction")
    elif not is_newest and capabilities.facts.is_managed:
        yield migrating.that(f"migrates to revision {NEWEST_REVISION}")


class _Migrating:
    """The migration command for this session, and the reason why its login can't run it, if any."""

    def __init__(self, capabilities: Capabilities) -> None:
        missing = capabilities.missing(Capability.MIGRATING)
        self._obstacle = missing.reason if missing else None

    def that(self, does: str) -> str:
        sentence = f"{command('migrate up')} {does}. {command('migrate sql')} prints its SQL."
        obstacle = self._obstacle
        return f"{sentence} This login can't run it: {obstacle[:1].lower()}{obstacle[1:]}" if obstacle else sentence


Further = Callable[[Database], Awaitable[Sequence[Finding]]]
"""An optional check, which returns its findings."""

_ORDER = {section: place for place, section in enumerate(Section)}
_REVISION: Query[str] = Query(text("select version_num::text from gjobs.alembic_version"), lambda row: str(row[0]))


async def examine(database: Database, *, label: str, further: Sequence[Further] = ()) -> DoctorReport:
    """Run all checks. `label` names the database. Raises a StoreError if the database is unreachable.

    A part that can't be examined is itself a finding.
    """
    capabilities = await probe(database)
    revision = await read_revision(database, capabilities)
    examination = _Examination(database, capabilities, revision, label)
    findings: list[Finding] = []
    for section, check in examination.parts:
        findings += await _examined(section, check)
    for more_checks in further:
        findings += await _examined(Section.ISOLATION, partial(more_checks, database))
    findings.sort(key=lambda finding: _ORDER[finding.section])
    steps = next_steps(capabilities, revision, findings)
    return DoctorReport(findings=tuple(findings), next_steps=tuple(steps))


async def _examined(section: Section, check: Callable[[], Awaitable[Iterable[Finding]]]) -> list[Finding]:
    try:
        return list(await check())
    except (Unreachable, SignInRefused):
        raise
    except StoreError as error:
        return [
            Finding(
                section=section,
                name=NOT_EXAMINED,
                severity=Severity.WARNING,
                sentence=f"This part couldn't be examined. {error.message}",
                hint=error.hint,
            )
        ]


async def read_revision(database: Database, capabilities: Capabilities) -> str | None:
    """Return the revision of the gjobs schema. None if there is none, or if the login may not read it."""
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
            (Section.CONNECTION, self._check_connection),
            (Section.ROLE, self._role),
            (Section.SCHEMA, self._schema),
            (Section.ROWS, self._rows),
            (Section.RULES, self._rules),
        )

    async def _server(self) -> Iterable[Finding]:
        time_outs, *replays = await self._read(
            server_checks.TIME_OUTS, *([server_checks.REPLAY] if self._facts.is_replica else [])
        )
        return server_checks.server_findings(self._facts, replays[0][0] if replays else None, time_outs)

    async def _check_connection(self) -> Iterable[Finding]:
        durations = await server_checks.measure(self._database)
        pooling = await server_checks.find_pooling(self._database, self._facts)
        findings = [*server_checks.connection_findings(self._facts, self._label, durations, pooling)]
        is_woken = may_listen(self._facts, None) and await announces_changes(self._database)
        polls = await egress.measure_polls(self._database, is_woken=is_woken)
        return findings if polls is None else [*findings, egress.egress_finding(polls)]

    async def _role(self) -> Iterable[Finding]:
        policies = await read_policy_facts(self._database, ROLE_OF_USERS) if JOBS in self._facts.relations else None
        facts = replace(self._facts, policies=policies)
        return server_checks.role_findings(replace(self._capabilities, facts=facts))

    async def _schema(self) -> Iterable[Finding]:
        found = await read_schema(self._database, OPERATOR)
        checks = schema_checks.missing_checks(found, self._revision)
        answers = await self._read(*map(schema_checks.is_violated, checks)) if checks else ()
        violated = {check.title for check, (is_violated,) in zip(checks, answers, strict=True) if is_violated}
        return schema_checks.schema_findings(
            found, self._revision, is_managed=self._facts.is_managed, violated=violated
        )

    async def _rows(self) -> Iterable[Finding]:
        uses, indexes, (support,) = await self._read(
            table_checks.TABLE_USE, table_checks.INDEX_USE, word_checks.TRIGRAM_SUPPORT
        )
        counted = await table_checks.count(self._database, self._facts)
        return [
            *table_checks.rows_findings(self._facts, uses, indexes, counted),
            *word_checks.word_findings(support, uses, indexes, is_replica=self._facts.is_replica),
        ]

    async def _rules(self) -> Iterable[Finding]:
        found, seen, tables, copies, rules, bodies = await self._read(
            function_checks.FUNCTIONS,
            function_checks.VIEWS,
            policy_checks.TABLES,
            policy_checks.COPIES,
            POLICIES_WITH_TREES,
            replace(POLICY_EXPRESSIONS, parameters={"role": ROLE_OF_USERS}),
        )
        rules = await try_policies(self._database, rules)
        findings = [
            *function_checks.function_findings(found),
            *function_checks.view_findings(seen, self._facts),
            *policy_findings(tables, rules),
            *policy_checks.user_data_findings(rules, bodies),
            *policy_checks.copy_findings(copies, reported={view.name for view in seen}),
        ]
        return [*findings, *nothing_leaks(tables, findings)]

    async def _read(self, *queries: Query[Any]) -> Sequence[list[Any]]:
        """Run queries so that names in their results include the schema, whatever the login's search_path is."""
        _, *answers = await self._database.read_together(OPERATOR, QUALIFY_QUERY, *queries)
        return answers
