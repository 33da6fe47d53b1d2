"""Findings, severities, report, next steps."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Rising. The first two are no fault."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; nothing has to be done."""
    WARNING = "warning"
    """Somebody should decide whether it is meant."""
    PROBLEM = "problem"
    """Something leaks, is lost or does not work."""


NOT_EXAMINED = "not-examined"
"""The name of what stands for a part that could not be examined."""

FAULTS = (Severity.WARNING, Severity.PROBLEM)


class Section(StrEnum):
    """In the order in which they are told."""

    SERVER = "server"
    LINK = "link"
    ROLE = "role"
    SCHEMA = "schema"
    ROWS = "rows"
    RULES = "rules"
    """Who reaches what: the app's functions, views, policies and grants."""
    ISOLATION = "isolation"
    """Whether one user reaches what is another's, as it was tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Texts may quote the database: untrusted."""

    section: Section
    name: str
    """Stable, for scripts: words joined by dashes."""
    severity: Severity
    sentence: str
    sql: str | None = None
    """What mends it, to be read before it is run. Statements, each ended by a semicolon."""
    hint: str | None = None

    @property
    def is_fault(self) -> bool:
        return self.severity in FAULTS


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorReport:
    findings: tuple[Finding, ...]
    """By section."""
    next_steps: tuple[str, ...]
    """Sentences: what to do, the most urgent first."""

    @property
    def is_well(self) -> bool:
        return not any(finding.is_fault for finding in self.findings)

    @property
    def counts(self) -> Mapping[Severity, int]:
        """Of each severity, those without a finding too."""
        found = Counter(finding.severity for finding in self.findings)
        return {severity: found[severity] for severity in Severity}


_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def amount(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number_of_bytes: int) -> str:
    """In the unit that leaves one to four digits, as psql writes it."""
    number, unit = float(number_of_bytes), 0
    while number >= 10_000 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.0f} {_UNITS[unit]}"
