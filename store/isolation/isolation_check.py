"""Tries each probe in a transaction that is rolled back, and reports what leaked, with SQL that fixes it."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from gjobs.store.capabilities.capability import ASSETS, JOBS, Capability, PolicyCommand, RlsPolicy
from gjobs.store.capabilities.claim_sql import POLICIES, POLICIES_WITH_TREES, QUALIFY_QUERY
from gjobs.store.capabilities.probe import probe
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, TimeLimits
from gjobs.store.doctor.findings import Finding, Section, Severity, amount
from gjobs.store.doctor.policy_checks import policy_findings, try_policies
from gjobs.store.doctor.sql_checks import FUNCTIONS, TABLES, VIEWS
from gjobs.store.errors import (
    Conflict,
    InvalidValue,
    Locked,
    NoPrivilege,
    ReadOnly,
    SchemaMissing,
    StoreError,
    TimedOut,
    UnexpectedError,
    Unreachable,
)
from gjobs.store.isolation.isolation import (
    PROBED,
    Probe,
    ProbeMethod,
    ProbePlan,
    ProbeTarget,
    ProbeVerdict,
    TargetKind,
    Verb,
    attempt_words,
    person_name,
)
from gjobs.store.isolation.isolation_policies import (
    COMMANDS,
    RULES,
    TARGET_TABLES,
    UNUSED,
    TableRules,
    choose_participants,
    creation,
    find_targets,
    judge,
    needed_kind,
    query_for,
    still_fits,
    why_missing,
)
from gjobs.store.users.actor import OPERATOR, ActingUser, Actor
from gjobs.store.values.data_classes import by_member

_finding = partial(Finding, Section.ISOLATION)

_RAISED = "P0001"
_REFERENCES = ("23503", "23001")
"""A foreign key of the row, or of rows that refer to it."""
_DONE = by_member(
    Verb,
    {
        Verb.READ: "read",
        Verb.INSERT_INTO: "inserted",
        Verb.INSERT_AS: "inserted",
        Verb.UPDATE: "changed",
        Verb.DELETE: "deleted",
    },
)


def _rows_answer(judged: Probe, rows: int) -> Probe:
    """Return the probe's result, given how many rows (or counted jobs) were read, or written and rolled back.

    A write by id needs the right to read the row. A write of all rows does not, and is never tried.
    """
    target, verb = judged.target, judged.verb
    noun = "job" if target in (ProbeTarget.COUNTS, ProbeTarget.STATISTICS, ProbeTarget.SUMMARY) else "row"
    counted = amount(rows, noun)
    if rows:
        rolled_back = " — rolled back" if verb.writes else ""
        return _tried(judged, f"{_DONE[verb]} {counted}{rolled_back}", ProbeVerdict.LEAK)
    answer = f"{'refused' if verb.inserts else 'hidden'} ({counted})"
    if verb in (Verb.UPDATE, Verb.DELETE) and judged.verdict is ProbeVerdict.LEAK:
        return replace(judged, answer=f"by id: {answer}; for all rows: {judged.answer}")
    return _tried(judged, answer, ProbeVerdict.KEPT)


def _error_answer(judged: Probe, error: StoreError) -> Probe:
    """Return the probe for an error. Raise an error that is not about the statement, such as a lost connection."""
    match error:
        case NoPrivilege():
            return _tried(judged, _refused(error), ProbeVerdict.KEPT)
        case Conflict() if error.sqlstate == _RAISED:
            return _tried(judged, _refused(error), ProbeVerdict.KEPT)
        case InvalidValue() if error.sqlstate in _REFERENCES:
            # Foreign keys are checked after the row is written, so the policies permitted it.
            return _tried(judged, f"permitted, and then {_refused(error)}", ProbeVerdict.LEAK)
        case Locked():
            answer = "locked by another transaction"
        case TimedOut() | Conflict() | InvalidValue() | UnexpectedError() if error.sqlstate is not None:
            answer = f"no answer: {error.message}"
        case SchemaMissing():
            answer = f"not here: {error.message}"
        case _:
            raise error
    return replace(judged, how=ProbeMethod.NOT_TRIED, answer=answer, verdict=ProbeVerdict.UNKNOWN)


def _refused(error: StoreError) -> str:
    return f"refused: {_reason(error)}"


def _reason(error: StoreError) -> str:
    """Return the error in the database's words."""
    return (error.message.partition(": ")[2] or error.message).rstrip(".")


def _tried(judged: Probe, answer: str, verdict: ProbeVerdict) -> Probe:
    return replace(judged, how=ProbeMethod.TRIED, answer=answer, verdict=verdict)


LIMITS = TimeLimits(statement=2.0, lock=0.2)
"""The limits of each attempt. It waits for no lock."""


async def plan_probes(database: Database, *, owner_id: UUID | None = None, other_id: UUID | None = None) -> ProbePlan:
    """Choose the users and the rows for the check; it only reads. None leaves the choice to the check.

    Raises InvalidValue if both are the same user.
    """
    owner, other = await choose_participants(database, owner_id=owner_id, other_id=other_id)
    targets, no_assets = await find_targets(database, owner.id)
    facts, no_unused = (await probe(database)).facts, None
    if facts.may_hide(JOBS, ASSETS):
        no_unused = f"row level security may hide jobs or assets from {facts.login}"
        targets = {kind: target for kind, target in targets.items() if kind not in UNUSED}
    return ProbePlan(owner=owner, other=other, targets=targets, no_assets=no_assets, no_unused=no_unused)


async def run_probes(database: Database, plan: ProbePlan, *, tries_writes: bool) -> AsyncIterator[Probe]:
    """Yield every probe of `PROBED` when it is answered.

    Without `tries_writes`, writes are judged from the policies. With it, missing rows of the owner are created, and
    rolled back after each probe.

    Raises a StoreError if nobody can act as a user here, or if the connection is lost.
    """
    actor = ActingUser(id=plan.other.id, email=plan.other.email)
    rules, policies = await database.read_together(actor, RULES, POLICIES)
    attempts = _Attempts(
        database=database,
        plan=plan,
        actor=actor,
        rules=rules,
        policies=await try_policies(database, policies),
    )
    for target, verb in PROBED:
        yield await attempts.probe(target, verb, tries_writes=tries_writes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempts:
    database: Database
    plan: ProbePlan
    actor: ActingUser
    rules: Sequence[TableRules]
    policies: Sequence[RlsPolicy]

    async def probe(self, target: ProbeTarget, verb: Verb, *, tries_writes: bool) -> Probe:
        judged = judge(target, verb, self.rules, self.policies)
        if verb.writes and not tries_writes:
            return judged
        kind, plan, creating = needed_kind(target, verb), self.plan, list[Query[None]]()
        missing = why_missing(target, kind, plan)
        if missing is not None:
            is_unknown_table = target is ProbeTarget.ASSET and plan.no_assets is not None
            if kind is None or is_unknown_table or not tries_writes:
                return _untried(judged, missing)
            row, creating = creation(plan, kind)
            plan = replace(plan, targets={**plan.targets, kind: row})
        elif not verb.writes:
            return await self._read(judged, kind, query_for(target, verb, plan))
        # If rows arrive between this check and the attempt, such as a new job, changes to them are rolled back.
        elif not await still_fits(self.database, plan, kind):
            return _untried(judged, "the chosen row was changed meanwhile")
        return await self._rehearse(judged, query_for(target, verb, plan), creating, missing)

    async def _rehearse(
        self, judged: Probe, query: Query[int], creating: Sequence[Query[None]], missing: str | None
    ) -> Probe:
        """Try the probe in a transaction that is rolled back. The operator first creates the missing rows in it."""
        is_created = not creating
        try:
            async with self.database.rehearsal(self.actor, limits=LIMITS) as (transaction, become_actor):
                for new_row in creating:
                    await transaction.change(new_row)
                is_created = True
                await become_actor()
                if judged.verb.writes:
                    rows = await transaction.change(query)
                else:
                    (rows,) = await transaction.run(query)
        except ReadOnly:
            return judged if missing is None else _untried(judged, missing)
        except StoreError as error:
            if is_created:
                return _error_answer(judged, error)
            if error.sqlstate is None or isinstance(error, Unreachable):
                raise
            return _untried(judged, f"{missing}, and gjobs can't create one: {_reason(error)}")
        return _rows_answer(judged, rows)

    async def _read(self, judged: Probe, kind: TargetKind | None, query: Query[int]) -> Probe:
        try:
            (rows,) = await self.database.read(self.actor, query, limits=LIMITS)
        except StoreError as error:
            return _error_answer(judged, error)
        if rows == 0 and not await still_fits(self.database, self.plan, kind):
            return _untried(judged, "the chosen row was deleted meanwhile")
        return _rows_answer(judged, rows)


def _untried(judged: Probe, reason: str) -> Probe:
    if judged.verdict is ProbeVerdict.UNKNOWN:
        return replace(judged, how=ProbeMethod.NOT_TRIED, answer=reason)
    return replace(judged, answer=f"{judged.answer} ({reason})")


Remedies = Mapping[tuple[ProbeTarget, Verb], str]
"""SQL that fixes a probe's leak, for each probe that has such SQL, even if it doesn't leak."""


async def find_leak_fixes(database: Database) -> Remedies:
    facts = (await probe(database)).facts
    _, functions, views, remarks, policies = await database.read_together(
        OPERATOR, QUALIFY_QUERY, FUNCTIONS, VIEWS, TABLES, POLICIES_WITH_TREES
    )
    policies = await try_policies(database, policies)

    checked = [*((f"{name}()", finding) for name, finding in functions), *filter(None, views), *remarks]

    def fixes(target: ProbeTarget, verb: Verb) -> Iterator[str | None]:
        yield from (finding.sql for about, finding in checked if about == _ABOUT[target])
        of_table = [policy for policy in policies if policy.table == _ABOUT[target]]
        of_verb = [policy for policy in of_table if policy.command in (COMMANDS[verb], PolicyCommand.ALL)]
        # Rows that may be inserted into a project may also be moved there.
        of_project = of_table if verb is Verb.INSERT_INTO else []
        for name, own in (("open-policy", of_verb), ("foreign-project", of_project)):
            yield from (finding.sql for finding in policy_findings(facts, (), own) if finding.name == name)

    found = {key: [*filter(None, fixes(*key))] for key in PROBED}
    return {key: "\n".join(statements) for key, statements in found.items() if statements}


_ABOUT = by_member(
    ProbeTarget,
    {
        **TARGET_TABLES,
        ProbeTarget.COUNTS: "generation_jobs",
        ProbeTarget.STATISTICS: "get_job_statistics()",
        ProbeTarget.SUMMARY: "public.generation_job_summary",
    },
)
"""The relation or the function that the doctor's findings about a target name."""

_FIXED_ABOVE = "The SQL that fixes it is above, under “Who reaches what”."
_SEVERITIES = by_member(
    ProbeVerdict,
    {ProbeVerdict.KEPT: Severity.OK, ProbeVerdict.UNKNOWN: Severity.NOTE, ProbeVerdict.LEAK: Severity.PROBLEM},
)
_PREFIXES = by_member(
    ProbeMethod,
    {
        ProbeMethod.TRIED: "",
        ProbeMethod.JUDGED: "judged from the policies, not tried: ",
        ProbeMethod.NOT_TRIED: "not tried: ",
    },
)


async def isolation_check(
    database: Database,
    *,
    owner_id: UUID | None,
    other_id: UUID | None,
    why_no_writes: str | None,
    shown_to: Actor = OPERATOR,
) -> Sequence[Finding]:
    """Check isolation, as an additional part of the doctor's examination.

    If an id is None, the check chooses the user. If `why_no_writes` is None, it tries writes. Other users are named
    by their ids, unless the result is `shown_to` the operator.
    """
    if missing := (await probe(database)).missing(Capability.ACTING):
        # The SQL that fixes it is part of the login's findings.
        sentence = f"The check could not run. {missing.reason}"
        return [_finding("not-tried", Severity.WARNING, sentence, hint=missing.advice)]
    plan = await plan_probes(database, owner_id=owner_id, other_id=other_id)
    probes = [tried async for tried in run_probes(database, plan, tries_writes=why_no_writes is None)]
    remedies = await find_leak_fixes(database)
    return [*isolation_findings(_named_for(shown_to, plan), probes, remedies, why_no_writes=why_no_writes)]


def _named_for(actor: Actor, plan: ProbePlan) -> ProbePlan:
    """Name the users for an actor. A user knows their own e-mail; others are named by their ids."""
    if actor == OPERATOR:
        return plan
    own_id = actor.id if isinstance(actor, ActingUser) else None
    owner = replace(plan.owner, email=None) if plan.owner.id != own_id else plan.owner
    other = replace(plan.other, email=None) if plan.other.id != own_id else plan.other
    return replace(plan, owner=owner, other=other)


def isolation_findings(
    plan: ProbePlan, probes: Sequence[Probe], remedies: Remedies, *, why_no_writes: str | None
) -> Iterator[Finding]:
    owner, other = person_name(plan.owner), person_name(plan.other)
    sentence = f"Checked which of {owner}'s rows {other} can read or change. All changes were rolled back."
    yield _finding("who", Severity.OK, sentence, hint=why_no_writes)
    for tried in probes:
        is_leak = tried.verdict is ProbeVerdict.LEAK
        yield _finding(
            f"{tried.target}-{tried.verb}".replace("_", "-"),
            # A user's own row in another's project may be intended: the app's own policies permit it.
            Severity.WARNING if is_leak and tried.verb is Verb.INSERT_INTO else _SEVERITIES[tried.verdict],
            f"{attempt_words(tried.target, tried.verb)}: {_PREFIXES[tried.how]}{tried.answer}.",
            hint=_FIXED_ABOVE if is_leak and (tried.target, tried.verb) in remedies else None,
        )
