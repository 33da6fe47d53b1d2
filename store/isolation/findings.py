"""The isolation check among the doctor's findings: whom it tried against whom, and every answer."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from store.capabilities import Feature, probing
from store.database import Database
from store.doctor import Finding, Further, Section, Severity
from store.isolation.check import attempt, prepare
from store.isolation.model import How, Plan, Probe, Verb, Verdict
from store.isolation.remedies import Remedies, find_remedies
from store.isolation.words import deed, person_name

_MENDED_ABOVE = "The SQL that mends it stands above, under “Who reaches what”."
_SEVERITIES = {Verdict.KEPT: Severity.OK, Verdict.UNKNOWN: Severity.NOTE, Verdict.LEAK: Severity.PROBLEM}
_PREFIXES = {How.TRIED: "", How.JUDGED: "judged from the policies, not tried: ", How.NOT_TRIED: "not tried: "}


def isolation_check(*, owner_id: UUID | None, other_id: UUID | None, why_no_writes: str | None) -> Further:
    """A further part of the doctor's examination. None leaves it to the check whom to try, and tries the writes."""

    async def check(database: Database) -> Sequence[Finding]:
        if off := (await probing.probe(database)).off(Feature.ACTING):
            # How it is mended stands where the login is examined.
            return [_finding("not-tried", Severity.WARNING, f"Nothing could be tried. {off.reason}", hint=off.advice)]
        plan = await prepare(database, owner_id=owner_id, other_id=other_id)
        probes = [probe async for probe in attempt(database, plan, tries_writes=why_no_writes is None)]
        remedies = await find_remedies(database)
        return list(isolation_findings(plan, probes, remedies, why_no_writes=why_no_writes))

    return check


def isolation_findings(
    plan: Plan, probes: Sequence[Probe], remedies: Remedies, *, why_no_writes: str | None
) -> Iterator[Finding]:
    yield _who(plan, why_no_writes)
    for probe in probes:
        is_mended = probe.verdict is Verdict.LEAK and (probe.thing, probe.verb) in remedies
        yield _finding(
            f"{probe.thing}-{probe.verb}".replace("_", "-"),
            _severity(probe),
            f"{deed(probe.thing, probe.verb)}: {_PREFIXES[probe.how]}{probe.answer}.",
            hint=_MENDED_ABOVE if is_mended else None,
        )


def _who(plan: Plan, why_no_writes: str | None) -> Finding:
    owner, other = person_name(plan.owner), person_name(plan.other)
    sentence = f"Tried is what {other} reaches of what is owned by {owner}; all of it was rolled back."
    return _finding("who", Severity.OK, sentence, hint=why_no_writes)


def _severity(probe: Probe) -> Severity:
    """That a row of one's own lies in another's project may be meant: the app's own policies permit it."""
    if probe.verdict is Verdict.LEAK and probe.verb is Verb.INSERT_INTO:
        return Severity.WARNING
    return _SEVERITIES[probe.verdict]


def _finding(name: str, severity: Severity, sentence: str, *, hint: str | None = None) -> Finding:
    return Finding(section=Section.ISOLATION, name=name, severity=severity, sentence=sentence, hint=hint)
