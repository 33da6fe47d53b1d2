"""gjobs doctor: options and run."""

import shutil
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.configuration.settings import Settings
from gjobs.store.users.actor import OPERATOR, ActingUser
from gjobs.tui.cli import json_documents
from gjobs.tui.cli.command import ActorRule, Command
from gjobs.tui.cli.exit_codes import ExitCode, UsageError, not_empty
from gjobs.tui.cli.output import Output
from gjobs.tui.cli.parser import add_command
from gjobs.tui.cli.sessions import with_session

if TYPE_CHECKING:
    from gjobs.store.doctor.examine import Further
    from gjobs.tui.cli.parser import Commands
    from gjobs.tui.session import Session

_WIDEST = 100
"""Longer lines are hard to read."""


def add_doctor(commands: "Commands") -> None:
    parser = add_command(
        commands,
        "doctor",
        Command(run=examine_database, actor_rule=ActorRule.OPERATOR_UNLESS_ASKED),
        help="check login, schema and access rules; print SQL that fixes problems",
        example="gjobs doctor --isolation --owner ben@example.com",
    )
    add = parser.add_argument
    add("--isolation", action="store_true", help="try to access one user's rows as another user, then roll back")
    add("--owner", metavar="WHO", type=not_empty, help="the user whose rows the check tries to reach (e-mail or id)")
    add("--other", metavar="WHO", type=not_empty, help="the user that the check acts as (e-mail or id)")


def examine_database(
    settings: Settings, output: Output, *, isolation: bool, owner: str | None, other: str | None
) -> ExitCode:
    if not isolation and (owner is not None or other is not None):
        raise UsageError("--owner and --other need --isolation.", hint="Add --isolation.")
    chosen = IsolationPair(owner=owner, other=other) if isolation else None
    return with_session(settings, lambda session: _examine(session, output, chosen))


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolationPair:
    """The two users of the isolation check. If one is None, the check chooses a user."""

    owner: str | None
    other: str | None


async def _examine(session: "Session", output: Output, chosen: IsolationPair | None) -> ExitCode:
    from gjobs.store.doctor.examine import examine
    from gjobs.store.doctor.server_checks import jobs_visible_to

    further: list[Further] = []
    actor = session.store.actor
    if actor != OPERATOR:
        further.append(partial(jobs_visible_to, actor=actor))
    if chosen is not None:
        further.append(await _isolation(session, chosen))
    database, label = session.operator.database, session.address or session.label
    report = await examine(database, label=label, further=further)
    if output.json:
        output.document(json_documents.report(report, database=session.full_name))
    else:
        from gjobs.tui.cli.commands.doctor_report import WIDTH, report_text

        width = min(shutil.get_terminal_size((WIDTH, 24)).columns, _WIDEST) if output.is_terminal else WIDTH
        output.text(report_text(report, database=session.full_name, colour=output.has_colour, width=width))
    return ExitCode.DONE if report.is_well else ExitCode.FOUND


async def _isolation(session: "Session", chosen: IsolationPair) -> "Further":
    """Return the isolation check. It tries writes only if the session may write. Raises RowMissing if a user does not
    exist.
    """
    from gjobs.store.isolation.isolation import why_no_writes
    from gjobs.store.isolation.isolation_findings import isolation_check

    owner = await _user_id(session, chosen.owner)
    other = await _user_id(session, chosen.other)
    actor = session.store.actor
    if other is None and isinstance(actor, ActingUser) and actor.id != owner:
        other = actor.id
    if owner is not None and owner == other:
        raise UsageError("--owner and --other name the same user.", hint="Name two different users.")
    return isolation_check(owner_id=owner, other_id=other, why_no_writes=why_no_writes(session.access), shown_to=actor)


async def _user_id(session: "Session", email_or_id: str | None) -> UUID | None:
    return None if email_or_id is None else (await session.operator.find_actor(email_or_id)).id
