"""Findings with their severities, and the report with its next steps."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """From least to most severe. The first two are not faults."""

    OK = "ok"
    NOTE = "note"
    """For information only. Nothing has to be done."""
    WARNING = "warning"
    """Someone should check whether this is intended."""
    PROBLEM = "problem"
    """Something leaks, gets lost or does not work."""


NOT_EXAMINED = "not-examined"
"""The name of a finding for a part that could not be examined."""

DISABLED_TRIGGER = "disabled-trigger"
"""The name of a finding. The trigger exists, and the SQL enables it."""


class Section(StrEnum):
    """The parts of the report, in their order."""

    SERVER = "server"
    CONNECTION = "link"
    ROLE = "role"
    SCHEMA = "schema"
    ROWS = "rows"
    RULES = "rules"
    """Access rights: the app's functions, views, policies and grants."""
    ISOLATION = "isolation"
    """Whether one user can access another user's rows, as tested."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check. Its texts may quote the database, so they are untrusted."""

    section: Section
    name: str
    """A stable name for scripts: words joined by dashes."""
    severity: Severity
    sentence: str
    sql: str | None = None
    """Statements that fix or improve it, each with a semicolon. Read them before running them."""
    hint: str | None = None

    @property
    def is_fault(self) -> bool:
        return self.severity in (Severity.WARNING, Severity.PROBLEM)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorReport:
    findings: tuple[Finding, ...]
    """Ordered by section."""
    next_steps: tuple[str, ...]
    """Sentences that say what to do, the most urgent first."""

    @property
    def is_well(self) -> bool:
        return not any(finding.is_fault for finding in self.findings)

    @property
    def counts(self) -> Mapping[Severity, int]:
        """The number of findings of each severity, including zeros."""
        found = Counter(finding.severity for finding in self.findings)
        return {severity: found[severity] for severity in Severity}


def amount(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
