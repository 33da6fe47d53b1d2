"""Doctor findings as wrapped text."""

import textwrap
from collections.abc import Iterator, Mapping

from gjobs.store.advice import COMMAND
from gjobs.store.doctor.findings import DoctorReport, Finding, Section, Severity
from gjobs.store.member_table import by_member
from gjobs.tui.text.clean_text import clean, clean_block

_TITLES: Mapping[Section, str] = by_member(
    Section,
    {
        Section.SERVER: "Server",
        Section.CONNECTION: "Connection",
        Section.ROLE: "Login and users",
        Section.SCHEMA: "Schema",
        Section.ROWS: "Rows and indexes",
        Section.RULES: "Access rules",
        Section.ISOLATION: "Isolation check",
    },
)
_MARKS: Mapping[Severity, str] = by_member(
    Severity,
    {
        Severity.OK: "✓ ok",
        Severity.NOTE: "· note",
        Severity.WARNING: "! warning",
        Severity.PROBLEM: "✗ problem",
    },
)
_COLOURS: Mapping[Severity, str] = by_member(
    Severity,
    {
        Severity.OK: "\x1b[32m",
        Severity.NOTE: "\x1b[90m",
        Severity.WARNING: "\x1b[33m",
        Severity.PROBLEM: "\x1b[31m",
    },
)
_BOLD, _FAINT, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_MARK_WIDTH = max(map(len, _MARKS.values()))
_INDENT = " " * (_MARK_WIDTH + 2)

WIDTH = 80


def report_text(report: DoctorReport, *, database: str, colour: bool, width: int = WIDTH) -> str:
    """Return the report. Quoted texts are printed without control characters. SQL lines are never wrapped."""
    name = _wrapped(database, width, first=_INDENT, rest=_INDENT)
    parts = ["\n".join([_painted("Database", _BOLD, colour=colour), *name])]
    for section in Section:
        found = [finding for finding in report.findings if finding.section is section]
        if found:
            lines = [_painted(_TITLES[section], _BOLD, colour=colour)]
            lines += [line for finding in found for line in _finding(finding, width, colour=colour)]
            parts.append("\n".join(lines))
    steps = [line for step in report.next_steps for line in _wrapped(step, width, first="- ", rest="  ")]
    parts.append("\n".join([_painted("Next steps", _BOLD, colour=colour), *steps]))
    parts.append(_verdict(report, colour=colour))
    return "\n\n".join(parts)


def _finding(finding: Finding, width: int, *, colour: bool) -> Iterator[str]:
    mark = _MARKS[finding.severity].ljust(_MARK_WIDTH)
    first, *others = _wrapped(finding.sentence, width, first=_INDENT, rest=_INDENT)
    yield _painted(mark, _COLOURS[finding.severity], colour=colour) + first[_MARK_WIDTH:]
    yield from others
    if finding.hint:
        for line in _wrapped(finding.hint, width, first=_INDENT, rest=_INDENT):
            yield _painted(line, _FAINT, colour=colour)
    if finding.sql:
        yield from (f"{_INDENT}    {line}".rstrip() for line in clean_block(finding.sql).split("\n"))


def _wrapped(text: str, width: int, *, first: str, rest: str) -> list[str]:
    # A control character, which no clean text has, keeps each command on one line.
    whole = COMMAND.sub(lambda found: found[0].replace(" ", "\0"), clean(text))
    lines = textwrap.wrap(
        whole, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False, break_long_words=False
    )
    return [line.replace("\0", " ") for line in lines]


def _verdict(report: DoctorReport, *, colour: bool) -> str:
    counts = report.counts
    named = [
        f"{counts[severity]} {severity}{'' if counts[severity] == 1 else 's'}"
        for severity in (Severity.PROBLEM, Severity.WARNING, Severity.NOTE)
        if counts[severity]
    ]
    worst = next((one for one in reversed(Severity) if counts[one] and one is not Severity.NOTE), Severity.OK)
    said = ", ".join(named) or "No problems found"
    return _painted(f"{said}.", _COLOURS[worst], colour=colour)


def _painted(text: str, code: str, *, colour: bool) -> str:
    return f"{code}{text}{_RESET}" if colour else text
