"""What to do about the findings, in the order in which it helps most. Pure."""

from collections.abc import Iterator, Sequence

from store.capabilities import Capabilities, Feature
from store.doctor.model import Finding, Section
from store.schema import NEWEST_REVISION


def next_steps(capabilities: Capabilities, revision: str | None, findings: Sequence[Finding]) -> Iterator[str]:
    faults = [finding for finding in findings if finding.is_fault]
    names = {finding.name for finding in faults}
    off = capabilities.off(Feature.MIGRATING)
    obstacle = off.reason if off else None
    if "no-table" in names:
        yield _migrating("makes the schema", obstacle)
        return
    # Where it may not be read, nothing is known to be missing; a newer program's is past ours.
    is_newest = revision >= NEWEST_REVISION if revision else capabilities.facts.is_managed
    with_sql = [finding for finding in faults if finding.sql]
    if any(finding.section is Section.RULES for finding in faults) and not is_newest:
        yield _migrating("mends the app's functions, view and policies in one transaction", obstacle)
    elif not is_newest and capabilities.facts.is_managed:
        yield _migrating(f"brings revision {NEWEST_REVISION}", obstacle)
    if with_sql:
        yield "Or read the SQL that stands above, and run it as the tables' owner."
    if faults:
        yield "Run 'gjobs doctor' again: what was mended is no longer said."
    else:
        yield "Nothing has to be done."


def _migrating(does: str, obstacle: str | None) -> str:
    sentence = f"'gjobs migrate up' {does}; 'gjobs migrate sql' prints how."
    return f"{sentence} This login cannot: {obstacle[:1].lower()}{obstacle[1:]}" if obstacle else sentence
