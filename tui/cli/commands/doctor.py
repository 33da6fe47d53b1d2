"""gjobs doctor, and its report as text."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.configuration.settings import Settings
from gjobs.store.doctor.findings import DoctorReport, Finding, Section, Severity
from gjobs.store.users.actor import OPERATOR, ActingUser
from gjobs.store.values.data_classes import by_member
from gjobs.tui.cli.command import ActorRule, Command, option, switch
from gjobs.tui.cli.output import ExitCode, Output, UsageError, not_empty, text_width, wrapped
from gjobs.tui.cli.sessions import with_session
from gjobs.tui.export.export_files import Document

if TYPE_CHECKING:
    from gjobs.store.doctor.examine import Further
    from gjobs.tui.session import Session

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
_MARKS: Mapping[Severity, tuple[str, str]] = by_member(
    Severity,
    {
        Severity.OK: ("✓ ok", "\x1b[32m"),
        Severity.NOTE: ("· note", "\x1b[90m"),
        Severity.WARNING: ("! warning", "\x1b[33m"),
        Severity.PROBLEM: ("✗ problem", "\x1b[31m"),
    },
)
"""The mark of a finding and its color."""
_BOLD, _FAINT, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_MARK_WIDTH = max(len(mark) for mark, _ in _MARKS.values())
_INDENT = " " * (_MARK_WIDTH + 2)

WIDTH = 80


def report_text(report: DoctorReport, *, database: str, color: bool, width: int = WIDTH) -> str:
    """Return the report. Quoted texts are printed without control characters. SQL lines are never wrapped."""
    name = wrapped(database, width, first=_INDENT, rest=_INDENT)
    parts = ["\n".join([_color("Database", _BOLD, color=color), *name])]
    for section in Section:
        found = [finding for finding in report.findings if finding.section is section]
        if found:
            lines = [_color(_TITLES[section], _BOLD, color=color)]
            lines += [line for finding in found for line in _finding(finding, width, color=color)]
            parts.append("\n".join(lines))
    steps = [line for step in report.next_steps for line in wrapped(step, width, first="- ", rest="  ")]
    parts.append("\n".join([_color("Next steps", _BOLD, color=color), *steps]))
    parts.append(_verdict(report, color=color))
    return "\n\n".join(parts)


def _finding(finding: Finding, width: int, *, color: bool) -> Iterator[str]:
    mark, mark_color = _MARKS[finding.severity]
    first, *others = wrapped(finding.sentence, width, first=_INDENT, rest=_INDENT)
    yield _color(mark.ljust(_MARK_WIDTH), mark_color, color=color) + first[_MARK_WIDTH:]
    yield from others
    if finding.hint:
        for line in wrapped(finding.hint, width, first=_INDENT, rest=_INDENT):
            yield _color(line, _FAINT, color=color)
    if finding.sql:
        from gjobs.tui.text.clean_text import clean_block

        yield from (f"{_INDENT}    {line}".rstrip() for line in clean_block(finding.sql).split("\n"))


def _verdict(report: DoctorReport, *, color: bool) -> str:
    counts = report.counts
    named = [
        f"{counts[severity]} {severity}{'' if counts[severity] == 1 else 's'}"
        for severity in (Severity.PROBLEM, Severity.WARNING, Severity.NOTE)
        if counts[severity]
    ]
    worst = next((one for one in reversed(Severity) if counts[one] and one is not Severity.NOTE), Severity.OK)
    said = ", ".join(named) or "No problems found"
    return _color(f"{said}.", _MARKS[worst][1], color=color)


def _color(text: str, code: str, *, color: bool) -> str:
    return f"{code}{text}{_RESET}" if color else text


@Command(
    name="doctor",
    example="gjobs doctor --isolation --owner ben@example.com",
    actor_rule=ActorRule.OPERATOR_UNLESS_ASKED,
)
def examine_database(
    settings: Settings,
    output: Output,
    *,
    isolation: bool = switch("try to access one user's rows as another user, then roll back"),
    owner: str | None = option(not_empty, "WHO", "the user whose rows the check tries to reach (e-mail or id)"),
    other: str | None = option(not_empty, "WHO", "the user that the check acts as (e-mail or id)"),
) -> ExitCode:
    """Check login, schema and access rules; print SQL that fixes problems."""
    if not isolation and (owner is not None or other is not None):
        raise UsageError("--owner and --other need --isolation.", hint="Add --isolation.")

    async def work(session: "Session") -> ExitCode:
        from gjobs.store.doctor.examine import examine
        from gjobs.store.doctor.server_checks import jobs_visible_to

        further = [await _isolation(session, owner, other)] if isolation else []
        if session.store.actor != OPERATOR:
            further.insert(0, partial(jobs_visible_to, actor=session.store.actor))
        report = await examine(session.operator.database, label=session.address or session.label, further=further)
        if output.json:
            output.document({"database": session.full_name, "ok": report.is_well, **_REPORT(report)})
        else:
            width = text_width() if output.is_terminal else WIDTH
            output.text(report_text(report, database=session.full_name, color=output.has_color, width=width))
        return ExitCode.DONE if report.is_well else ExitCode.FOUND

    return with_session(settings, work)


_REPORT = Document(DoctorReport, "counts findings next_steps")


async def _isolation(session: "Session", owner: str | None, other: str | None) -> "Further":
    """Return the isolation check. It tries writes only if the session may write. It chooses a user that is None.

    Raises RowMissing if a user does not exist.
    """
    from gjobs.store.isolation.isolation import why_no_writes
    from gjobs.store.isolation.isolation_check import isolation_check

    owner_id = await _user_id(session, owner)
    other_id = await _user_id(session, other)
    actor = session.store.actor
    if other_id is None and isinstance(actor, ActingUser) and actor.id != owner_id:
        other_id = actor.id
    if owner_id is not None and owner_id == other_id:
        raise UsageError("--owner and --other name the same user.", hint="Name two different users.")
    return partial(
        isolation_check,
        owner_id=owner_id,
        other_id=other_id,
        why_no_writes=why_no_writes(session.access),
        shown_to=actor,
    )


async def _user_id(session: "Session", email_or_id: str | None) -> UUID | None:
    return None if email_or_id is None else (await session.operator.find_actor(email_or_id)).id
