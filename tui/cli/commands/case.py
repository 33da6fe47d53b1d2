"""gjobs case: options and run."""

from datetime import UTC
from typing import TYPE_CHECKING

from gjobs.tui.cli.command import ActorRule, Command
from gjobs.tui.cli.output import BadArgument, ExitCode, Output, not_empty, print_message
from gjobs.tui.cli.parser import add_command
from gjobs.tui.cli.sessions import ProgressLine, can_show_progress, in_session

if TYPE_CHECKING:
    from gjobs.tui.case.build_case import BuiltCase
    from gjobs.tui.cli.parser import Commands
    from gjobs.tui.session import Session

UNREDACTED = "The case is not redacted. It may hold keys, storage paths and contacts of other users."


def add_case(commands: "Commands") -> None:
    parser = add_command(
        commands,
        "case",
        Command(run=print_case, actor_rule=ActorRule.OPERATOR_UNLESS_ASKED),
        help="collect what support needs about a user or a job, for a ticket",
        example="gjobs case ana@example.com --out case.zip",
    )
    parser.usage = "%(prog)s USER|JOB [OPTION ...]"
    add = parser.add_argument
    add(
        "who",
        type=not_empty,
        metavar="USER|JOB",
        help="a user's e-mail or id, or a job's id; a part of an e-mail or the first four digits of an id are enough",
    )
    add(
        "--out",
        metavar="FILE",
        type=case_file,
        help="write a .md file, or a .zip file with JSON and CSV; only you can read it",
    )
    add("--no-redact", dest="redacts", action="store_false", help="keep contacts of others, storage paths and keys")
    add("--force", action="store_true", help="replace an existing file")


def case_file(text: str) -> str:
    from gjobs.tui.case.case_document import has_case_suffix

    if not has_case_suffix(not_empty(text)):
        raise BadArgument(f"{text!r} does not end with .md or .zip")
    return text


@in_session
async def print_case(
    session: "Session", output: Output, *, who: str, out: str | None, redacts: bool, force: bool
) -> ExitCode:
    from zoneinfo import ZoneInfo

    from gjobs.store.case.read_case import STEPS, find_person, person_read_by
    from gjobs.tui.case.build_case import prepared, read_whole_case
    from gjobs.tui.cli.sessions import file_errors
    from gjobs.tui.export.export_files import check_file

    if out is not None:
        with file_errors():
            check_file(out, overwrites=force)
    # With --as, the argument must be a user or job that the chosen user sees. The operator reads the case, as in the
    # dashboard.
    person = await person_read_by(session.operator, await find_person(session.store, who))
    with ProgressLine(is_shown=can_show_progress() and not (output.is_terminal and out is None)) as line:
        case = await read_whole_case(
            session,
            session.operator,
            person,
            report=lambda step: line.show(f"reading {step}, {STEPS.index(step) + 1} of {len(STEPS)}"),
        )
    zone = ZoneInfo(session.profile.time_zone) if session.profile and session.profile.time_zone else UTC
    built = await prepared(case, session.full_name, redacts=redacts, zone=zone)
    _print(output, built, out, force=force)
    return ExitCode.DONE


def _print(output: Output, built: "BuiltCase", out: str | None, *, force: bool) -> None:
    import json

    from gjobs.tui.case.case_document import case_document, write_case
    from gjobs.tui.case.case_text import case_markdown
    from gjobs.tui.case.redaction import redaction_words
    from gjobs.tui.cli.sessions import file_errors

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
