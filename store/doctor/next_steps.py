"""What to do about the findings, in the order in which it helps most. Pure."""

from collections.abc import Iterator, Sequence

from store.capabilities import Capabilities, Feature
from store.doctor.model import NOT_EXAMINED, Finding, Section
from store.schema import NEWEST_REVISION
from store.writing.write_access import WriteRule


def next_steps(
    capabilities: Capabilities, revision: str | None, findings: Sequence[Finding], *, rule: WriteRule
) -> Iterator[str]:
    faults = [finding for finding in findings if finding.is_fault]
    migrating = _Migrating(capabilities, rule)
    if any(finding.name == "no-table" for finding in faults):
        yield migrating.that("makes the schema")
        return
    steps = [*_schema_steps(capabilities, revision, faults, migrating)]
    if any(finding.sql for finding in faults):
        otherwise = "Or read" if steps else "Read"
        steps.append(f"{otherwise} the SQL that stands above, and run it as the tables' owner.")
    if faults:
        steps.append("Run 'gjobs doctor' again: what was mended is no longer said.")
    yield from steps or ["Nothing has to be done."]


def _schema_steps(
    capabilities: Capabilities, revision: str | None, faults: Sequence[Finding], migrating: "_Migrating"
) -> Iterator[str]:
    # Where it may not be read, nothing is known to be missing; a newer program's is past ours.
    is_newest = revision >= NEWEST_REVISION if revision else capabilities.facts.is_managed
    # A newer program's schema cannot be examined, and lacks nothing for that.
    if any(finding.section is Section.SCHEMA and finding.name != NOT_EXAMINED for finding in faults):
        until_then = "" if is_newest else ": until then 'gjobs migrate up' refuses"
        yield f"Give the schema back what it lacks, by the app's own migration{until_then}."
    elif any(finding.section is Section.RULES for finding in faults) and not is_newest:
        yield migrating.that("mends the app's functions, view and policies in one transaction")
    elif not is_newest and capabilities.facts.is_managed:
        yield migrating.that(f"brings revision {NEWEST_REVISION}")


class _Migrating:
    """The command as this session has to give it, and what keeps its login from it."""

    def __init__(self, capabilities: Capabilities, rule: WriteRule) -> None:
        off = capabilities.off(Feature.MIGRATING)
        self._obstacle = off.reason if off else None
        self._command = "gjobs migrate up --write REASON" if rule is WriteRule.LEASED else "gjobs migrate up"

    def that(self, does: str) -> str:
        sentence = f"'{self._command}' {does}; 'gjobs migrate sql' prints how."
        obstacle = self._obstacle
        return f"{sentence} This login cannot: {obstacle[:1].lower()}{obstacle[1:]}" if obstacle else sentence
