"""The check as doctor findings, and SQL that fixes leaks."""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from gjobs.store.capabilities.capability import Capability
from gjobs.store.capabilities.facts import DatabaseFacts, PolicyCommand, RlsPolicy
from gjobs.store.capabilities.policy_sql import POLICIES_WITH_TREES
from gjobs.store.capabilities.probe import probe
from gjobs.store.database.database import Database
from gjobs.store.doctor.examine import Further
from gjobs.store.doctor.findings import Finding, Section, Severity
from gjobs.store.doctor.function_checks import FUNCTIONS, VIEWS, AppFunction, AppView, function_findings, view_findings
from gjobs.store.doctor.policy_checks import TABLES, RlsTable, policy_findings
from gjobs.store.doctor.policy_conditions import try_policies
from gjobs.store.doctor.schema_checks import QUALIFY_QUERY
from gjobs.store.isolation.isolation import (
    PROBED,
    Probe,
    ProbeMethod,
    ProbePlan,
    ProbeTarget,
    ProbeVerdict,
    Verb,
    attempt_words,
    person_name,
)
from gjobs.store.isolation.isolation_check import plan_probes, run_probes
from gjobs.store.isolation.isolation_policies import COMMANDS
from gjobs.store.member_table import by_member
from gjobs.store.users.actor import OPERATOR, ActingUser, Actor

Remedies = Mapping[tuple[ProbeTarget, Verb], str]
"""SQL that fixes a probe's leak, for each probe that has such SQL, even if it doesn't leak."""

_TABLES = {
    ProbeTarget.JOB: "generation_jobs",
    ProbeTarget.PROJECT: "projects",
    ProbeTarget.ASSET: "assets",
    ProbeTarget.COUNTS: "generation_jobs",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The facts that the doctor reads about access."""

    facts: DatabaseFacts
    functions: Sequence[AppFunction]
    views: Sequence[AppView]
    tables: Sequence[RlsTable]
    policies: Sequence[RlsPolicy]


async def find_leak_fixes(database: Database) -> Remedies:
    capabilities = await probe(database)
    _, functions, views, tables, policies = await database.read_together(
        OPERATOR, QUALIFY_QUERY, FUNCTIONS, VIEWS, TABLES, POLICIES_WITH_TREES
    )
    policies = await try_policies(database, policies)
    return remedies(Rules(facts=capabilities.facts, functions=functions, views=views, tables=tables, policies=policies))


def remedies(rules: Rules) -> Remedies:
    found = {key: "\n".join(_statements(*key, rules)) for key in PROBED}
    return {key: sql for key, sql in found.items() if sql}


def _statements(target: ProbeTarget, verb: Verb, rules: Rules) -> Iterator[str]:
    return (finding.sql for finding in _findings(target, verb, rules) if finding.sql)


def _findings(target: ProbeTarget, verb: Verb, rules: Rules) -> Iterator[Finding]:
    match target:
        case ProbeTarget.STATISTICS:
            return function_findings([one for one in rules.functions if one.name == "get_job_statistics"])
        case ProbeTarget.SUMMARY:
            summary = [view for view in rules.views if view.name == "public.generation_job_summary"]
            return view_findings(summary, rules.facts)
        case ProbeTarget.JOB | ProbeTarget.PROJECT | ProbeTarget.ASSET | ProbeTarget.COUNTS:
            return _of_table(_TABLES[target], verb, rules)


def _of_table(table: str, verb: Verb, rules: Rules) -> Iterator[Finding]:
    of_table = [policy for policy in rules.policies if policy.table == table]
    of_verb = [policy for policy in of_table if policy.command in (COMMANDS[verb], PolicyCommand.ALL)]
    yield from _leak_fixes(table, {"no-row-security", "open-policy"}, of_verb, rules)
    if verb is Verb.INSERT_INTO:
        # Rows that may be inserted into a project may also be moved there.
        yield from _leak_fixes(table, {"foreign-project"}, of_table, rules)


def _leak_fixes(table: str, names: Container[str], policies: Sequence[RlsPolicy], rules: Rules) -> Iterator[Finding]:
    fixes = re.compile(rf"\b(?:ON|TABLE) public\.{table}\b")
    for finding in policy_findings(rules.tables, policies):
        if finding.name in names and fixes.search(finding.sql or ""):
            yield finding


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


def isolation_check(
    *, owner_id: UUID | None, other_id: UUID | None, why_no_writes: str | None, shown_to: Actor = OPERATOR
) -> Further:
    """Return an additional part of the doctor's examination.

    If an id is None, the check chooses the user. If `why_no_writes` is None, it tries writes. Other users are named
    by their ids, unless the result is `shown_to` the operator.
    """

    async def check(database: Database) -> Sequence[Finding]:
        if missing := (await probe(database)).missing(Capability.ACTING):
            # The SQL that fixes it is part of the login's findings.
            return [
                _finding(
                    "not-tried", Severity.WARNING, f"The check could not run. {missing.reason}", hint=missing.advice
                )
            ]
        plan = await plan_probes(database, owner_id=owner_id, other_id=other_id)
        probes = [tried async for tried in run_probes(database, plan, tries_writes=why_no_writes is None)]
        remedies = await find_leak_fixes(database)
        return list(isolation_findings(_named_for(shown_to, plan), probes, remedies, why_no_writes=why_no_writes))

    return check


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
    yield _participants_finding(plan, why_no_writes)
    for tried in probes:
        is_fixed = tried.verdict is ProbeVerdict.LEAK and (tried.target, tried.verb) in remedies
        yield _finding(
            f"{tried.target}-{tried.verb}".replace("_", "-"),
            _severity(tried),
            f"{attempt_words(tried.target, tried.verb)}: {_PREFIXES[tried.how]}{tried.answer}.",
            hint=_FIXED_ABOVE if is_fixed else None,
        )


def _participants_finding(plan: ProbePlan, why_no_writes: str | None) -> Finding:
    owner, other = person_name(plan.owner), person_name(plan.other)
    sentence = f"Checked what {other} can reach of the rows of {owner}. All changes were rolled back."
    return _finding("who", Severity.OK, sentence, hint=why_no_writes)


def _severity(probe: Probe) -> Severity:
    """Return the severity. A user's own row in another's project may be intended: the app's own policies permit it."""
    if probe.verdict is ProbeVerdict.LEAK and probe.verb is Verb.INSERT_INTO:
        return Severity.WARNING
    return _SEVERITIES[probe.verdict]


def _finding(name: str, severity: Severity, sentence: str, *, hint: str | None = None) -> Finding:
    return Finding(section=Section.ISOLATION, name=name, severity=severity, sentence=sentence, hint=hint)
