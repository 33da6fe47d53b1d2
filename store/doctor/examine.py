"""Runs all checks, each in a short read-only transaction, and estimates the bytes of an idle dashboard."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from time import perf_counter
from typing import Any

from sqlalchemy import text

from gjobs.store.actor_database import ActorDatabase
from gjobs.store.capabilities.capabilities import Capabilities
from gjobs.store.capabilities.capability import EARLIER_BUILD, JOBS, Capability, not_a_table
from gjobs.store.capabilities.claim_sql import POLICIES_WITH_TREES, POLICY_EXPRESSIONS, QUALIFY_QUERY, read_policy_facts
from gjobs.store.capabilities.probe import CapabilityCache, probe
from gjobs.store.database.database import Database
from gjobs.store.database.load_meter import Traffic
from gjobs.store.database.query import ChangedRows, Query
from gjobs.store.database.wake_ups import SILENCE, announces_changes, may_listen
from gjobs.store.doctor import policy_checks, schema_checks, server_checks, sql_checks
from gjobs.store.doctor.findings import DISABLED_TRIGGER, NOT_EXAMINED, DoctorReport, Finding, Section, Severity
from gjobs.store.doctor.policy_checks import WITHOUT_ROW, nothing_leaks, policy_findings, try_policies
from gjobs.store.errors import NoPrivilege, SignInRefused, StoreError, Unreachable, command
from gjobs.store.job_list import read_listing
from gjobs.store.job_list.list_query import ListingQuery
from gjobs.store.poller import FAST, LONGEST_COSTLY_WAIT, LONGEST_IDLE_WAIT
from gjobs.store.schema.schema_diff import NEWEST_REVISION
from gjobs.store.statistics.read_totals import TotalsCounter, count_capabilities
from gjobs.store.statistics.statistics import TotalsQuery, seconds_to_keep
from gjobs.store.users.actor import OPERATOR, ROLE_OF_USERS
from gjobs.store.values.formats import size

_MONTH = 30 * 24 * 3600.0
_POLLS = 5
"""After this number of polls, all rows are known and all statements are prepared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdlePolls:
    """The bytes received by polls that find no change."""

    is_woken: bool
    """Whether the database notifies of changes."""
    list_bytes: int
    count_bytes: int
    """The bytes of the counts. If `is_woken`, the flow is among them."""
    flow_bytes: int = 0
    """The bytes of the flow, if it is read separately."""
    flow_seconds: float = 0.0
    """How long a separate flow is kept."""
    is_counting_slow: bool = False
    """Whether the server needs long to count. Counts are then polled rarely."""

    @property
    def bytes_of_month(self) -> int:
        """The bytes that an idle dashboard receives."""
        # After each silence, only one of the two pollers polls. They take turns.
        list_wait = count_wait = 2 * SILENCE if self.is_woken else LONGEST_IDLE_WAIT
        if self.is_counting_slow:
            count_wait = max(count_wait, LONGEST_COSTLY_WAIT)
        flow_wait = count_wait * max(ceil(self.flow_seconds / count_wait), 1)
        return round(
            _MONTH * (self.list_bytes / list_wait + self.count_bytes / count_wait + self.flow_bytes / flow_wait)
        )


async def measure_polls(database: Database, *, is_woken: bool) -> IdlePolls | None:
    """Return None if the bytes are unknown, or if jobs are unreadable. `is_woken` is true if the database notifies
    of changes. The dashboard then reads the flow together with the counts.
    """
    actor_database = ActorDatabase(database, OPERATOR, CapabilityCache(database))
    listed_rows, counting, polls, slow_counts = ChangedRows(), TotalsCounter(database, OPERATOR), 0, 0
    flow_bytes, flow_took = 0, 0.0

    async def count() -> None:
        offers = await count_capabilities(actor_database, TotalsQuery())
        await counting.count(TotalsQuery(), offers, at=None, with_flow=is_woken)

    async def read_flow() -> None:
        offers = await count_capabilities(actor_database, TotalsQuery())
        await counting.read_flow(TotalsQuery(), offers, at=None)

    try:
        # A first count may be slow because the server's cache is empty.
        while polls < _POLLS and slow_counts < 2:
            polls += 1
            listing = read_listing.read_listing(actor_database, ListingQuery(), listed_rows, at=None)
            list_bytes, listed_within = await _measure(database, listing)
            count_bytes, counted_within = await _measure(database, count())
            if not is_woken:
                flow_bytes, flow_took = await _measure(database, read_flow())
            # Subtract the list's time, because both polls include a network round trip that is not server time.
            slow_counts = slow_counts + 1 if counted_within - listed_within >= FAST else 0
    except StoreError:
        return None
    if database.load.traffic() is None:
        return None
    return IdlePolls(
        is_woken=is_woken,
        list_bytes=list_bytes,
        count_bytes=count_bytes,
        flow_bytes=flow_bytes,
        flow_seconds=seconds_to_keep(flow_took),
        is_counting_slow=slow_counts > 0,
    )


async def _measure(database: Database, poll: Awaitable[object]) -> tuple[int, float]:
    """Return the received bytes and the seconds of a poll."""
    before, started = database.load.traffic() or Traffic(), perf_counter()
    await poll
    return ((database.load.traffic() or before) - before).received, perf_counter() - started


def next_steps(capabilities: Capabilities, revision: str | None, findings: Sequence[Finding]) -> Iterator[str]:
    # Only a person can judge a policy for administrators. It may be right as it is.
    faults = [finding for finding in findings if finding.is_fault and finding.name != WITHOUT_ROW]
    if any(finding.name == "no-table" for finding in faults):
        yield _migrating(capabilities, "creates the schema")
        return
    steps = [*_schema_steps(capabilities, revision, faults)]
    if any(finding.sql for finding in faults):
        otherwise = "Or read" if steps else "Read"
        steps.append(f"{otherwise} the SQL above, and run it as the owner of the tables.")
    if any(finding.name == WITHOUT_ROW for finding in findings):
        steps.append("Check who meets the policies that do not depend on the row. Keep those for administrators.")
    if faults:
        steps.append(f"Run {command('doctor')} again to check that everything is fixed.")
    yield from steps or ["Nothing has to be done."]


def _schema_steps(capabilities: Capabilities, revision: str | None, faults: Sequence[Finding]) -> Iterator[str]:
    # Without read access, gjobs can't know what is missing. A newer program's revision is greater than ours.
    is_newest = revision >= NEWEST_REVISION if revision else capabilities.facts.is_managed
    is_newest = is_newest and revision != EARLIER_BUILD
    # No migration is possible if the jobs are not in a table.
    is_newest = is_newest or not_a_table(JOBS, capabilities.facts.relations.get(JOBS)) is not None
    if not is_newest and capabilities.facts.is_managed:
        # An interrupted migration may have changed a part of the schema. The next run changes the rest.
        yield _migrating(capabilities, f"migrates to revision {NEWEST_REVISION}")
    # A newer program's schema can't be examined, but that doesn't mean that anything is missing.
    elif any(
        finding.section is Section.SCHEMA and finding.name not in (NOT_EXAMINED, DISABLED_TRIGGER) and not finding.hint
        for finding in faults
    ):
        until_then = "" if is_newest else f". Until then, {command('migrate up')} refuses to run"
        yield f"Restore the missing parts of the schema with the app's own migration{until_then}."


def _migrating(capabilities: Capabilities, does: str) -> str:
    """Name the migration command, and the reason why this login can't run it, if any."""
    sentence = f"{command('migrate up')} {does}. {command('migrate sql')} prints its SQL."
    if (missing := capabilities.missing(Capability.MIGRATING)) is None:
        return sentence
    return f"{sentence} This login can't run it: {missing.reason[:1].lower()}{missing.reason[1:]}"


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
                section,
                NOT_EXAMINED,
                Severity.WARNING,
                f"This part couldn't be examined. {error.message}",
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
        of_replica = [sql_checks.REPLICA] if self._facts.is_replica else []
        answers = await self._read(*of_replica, sql_checks.TIME_OUTS)
        return [server_checks.version_finding(self._facts), *(finding for found in answers for _, finding in found)]

    async def _check_connection(self) -> Iterable[Finding]:
        findings = await server_checks.connection_findings(self._database, self._facts, self._label)
        is_woken = may_listen(self._facts, None) and await announces_changes(self._database)
        polls = await measure_polls(self._database, is_woken=is_woken)
        if polls is not None:
            month = size(polls.bytes_of_month)
            sentence = f"An idle dashboard of the operator receives about {month} a month."
            findings.append(Finding(Section.CONNECTION, "egress", Severity.OK, sentence))
        return findings

    async def _role(self) -> Iterable[Finding]:
        policies = await read_policy_facts(self._database, ROLE_OF_USERS) if JOBS in self._facts.relations else None
        facts = replace(self._facts, policies=policies)
        return server_checks.role_findings(replace(self._capabilities, facts=facts))

    async def _schema(self) -> Iterable[Finding]:
        (found,) = await self._read(schema_checks.CATALOGUE_QUERY)
        findings = schema_checks.schema_findings(
            found, self._revision, is_managed=self._facts.is_managed, read=self._read
        )
        return [finding async for finding in findings]

    async def _rows(self) -> Iterable[Finding]:
        (found,) = await self._read(await sql_checks.rows_check(self._database, self._facts))
        return [finding for _, finding in [*found, *await self._events()]]

    async def _events(self) -> Sequence[sql_checks.Found]:
        """Return nothing if there are no events, or if the login may not read their state."""
        if not self._facts.is_migrated:
            return ()
        try:
            (found,) = await self._read(sql_checks.EVENTS)
        except NoPrivilege:
            return ()
        return found

    async def _rules(self) -> Iterable[Finding]:
        functions, views, remarks, copies, grants, rules, bodies = await self._read(
            sql_checks.FUNCTIONS,
            sql_checks.VIEWS,
            sql_checks.TABLES,
            sql_checks.COPIES,
            sql_checks.GRANTS,
            POLICIES_WITH_TREES,
            replace(POLICY_EXPRESSIONS, parameters={"role": ROLE_OF_USERS}),
        )
        rules = await try_policies(self._database, rules)
        view_findings = dict(filter(None, views))
        findings = [
            *(finding for _, finding in functions),
            *view_findings.values(),
            *policy_findings(self._facts, remarks, rules),
            *policy_checks.user_data_findings(rules, bodies),
            *(finding for name, finding in copies if name not in view_findings),
            *(finding for _, finding in grants),
        ]
        return [*findings, *nothing_leaks(self._facts, findings)]

    async def _read(self, *queries: Query[Any]) -> Sequence[list[Any]]:
        """Run queries so that names in their results include the schema, whatever the login's search_path is."""
        _, *answers = await self._database.read_together(OPERATOR, QUALIFY_QUERY, *queries)
        return answers
