"""gjobs case."""

import json
from datetime import UTC
from typing import TYPE_CHECKING

from gjobs.tui.cli.arguments import FORCE
from gjobs.tui.cli.command import ActorRule, Command, argument, constant, option
from gjobs.tui.cli.output import BadArgument, Output, not_empty, print_message
from gjobs.tui.cli.sessions import file_errors, progress_line
from gjobs.tui.export.export_files import check_file

if TYPE_CHECKING:
    from gjobs.tui.session import Session

UNREDACTED = "The case is not redacted. It may hold keys, storage paths and contacts of other users."


def _case_file(text: str) -> str:
    from gjobs.tui.case.case_document import has_case_suffix

    if not has_case_suffix(not_empty(text)):
        raise BadArgument(f"{text!r} does not end with .md or .zip")
    return text


@Command(
    name="case",
    example="gjobs case ana@example.com --out case.zip",
    usage="%(prog)s USER|JOB [OPTION ...]",
    actor_rule=ActorRule.OPERATOR_UNLESS_ASKED,
)
async def print_case(
    session: "Session",
    output: Output,
    *,
    who: str = argument(
        not_empty,
        "USER|JOB",
        "a user's e-mail or id, or a job's id; a part of an e-mail or the first four digits of an id are enough",
    ),
    out: str | None = option(
        _case_file, "FILE", "write a .md file, or a .zip file with JSON and CSV; only you can read it"
    ),
    redacts: bool = constant(
        False, "keep contacts of others, storage paths and keys", flag="--no-redact", default=True
    ),
    force: bool = FORCE,
) -> None:
    """Collect what support needs about a user or a job, for a ticket."""
    from zoneinfo import ZoneInfo

    from gjobs.store.case.read_case import STEPS, find_person, person_of
    from gjobs.tui.case.build_case import prepared, read_whole_case
    from gjobs.tui.case.case_document import case_document, write_case
    from gjobs.tui.case.case_text import case_markdown
    from gjobs.tui.case.redaction import redaction_words

    if out is not None:
        with file_errors():
            check_file(out, overwrites=force)
    # With --as, the argument must be a user or job that the chosen user sees. The operator reads the case, as in the
    # dashboard.
    found = await find_person(session.store, who)
    person = await person_of(session.operator, found.user.id, found.job_id)
    with progress_line(is_shown=not output.is_terminal or out is not None) as show:
        case = await read_whole_case(
            session,
            person,
            report=lambda step: show(f"reading {step}, {STEPS.index(step) + 1} of {len(STEPS)}"),
        )
    zone = ZoneInfo(session.profile.time_zone) if session.profile.time_zone else UTC
    built = await prepared(case, session.full_name, redacts=redacts, zone=zone)
    text, document = case_markdown(built), case_document(built) if output.json else None
    counts = built.counts_in(text if document is None else json.dumps(document))
    if out is not None:
        with file_errors():
            counts = write_case(built, out, overwrites=force)
        print_message(f"Wrote the case to {out}.")
    if document is not None:
        output.document(document)
    elif out is None:
        output.text(text.rstrip("\n"))
    print_message(UNREDACTED if counts is None else redaction_words(counts))
