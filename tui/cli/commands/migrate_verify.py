"""gjobs migrate verify."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gjobs.store.advice import command
from gjobs.store.configuration.settings import Settings
from gjobs.tui.cli import json_documents
from gjobs.tui.cli.commands.migrate_target import chosen_database
from gjobs.tui.cli.exit_codes import ExitCode
from gjobs.tui.cli.output import Output, print_message

if TYPE_CHECKING:
    from gjobs.migrations.rollups import RollupCheck
    from gjobs.migrations.verification import Verification
    from gjobs.store.schema.schema_diff import Difference


def verify_schema(settings: Settings, output: Output, *, all_objects: bool, rollups: bool) -> ExitCode:
    from gjobs.migrations.runner import verify

    if rollups:
        return _verify_rollups(settings, output)

    with chosen_database(settings) as database:
        found = verify(database.conninfo)
    if output.json:
        output.document(json_documents.verification(found))
    else:
        _show(found, output, all_objects=all_objects)
    for sentence in _verdict(found):
        print_message(sentence)
    return ExitCode.DONE if found.matches else ExitCode.SCHEMA


def _verify_rollups(settings: Settings, output: Output) -> ExitCode:
    from gjobs.migrations.runner import check_rollups

    with chosen_database(settings) as database:
        found = check_rollups(database.conninfo, report=print_message)
    if output.json:
        output.document(json_documents.rollup_check(found))
    elif found.differences:
        _show_rollups(found, output)
    if found.matches:
        print_message("The rollups match the jobs.")
        return ExitCode.DONE
    sums = "rollup does" if found.count == 1 else "rollups do"
    print_message(f"{found.count} {sums} not match the jobs. {command('migrate repair-rollups')} rebuilds them.")
    return ExitCode.FOUND


def _show_rollups(found: "RollupCheck", output: Output) -> None:
    from gjobs.tui.cli.text_tables import TableColumn
    from gjobs.tui.text.clean_text import clean
    from gjobs.tui.text.format import count

    output.table(
        [
            TableColumn(title="ROLLUP"),
            TableColumn(title="PROJECT"),
            TableColumn(title="USER"),
            TableColumn(title="OF"),
            TableColumn(title="COUNTED", right=True),
            TableColumn(title="KEPT", right=True),
            TableColumn(title="CENTS", right=True),
            TableColumn(title="KEPT", right=True),
        ],
        [
            [
                one.kind,
                str(one.project_id),
                str(one.user_id),
                clean(" ".join(filter(None, (one.day, one.status, one.mode, one.error_group)))),
                *(count(number) for number in (one.counted_jobs, one.kept_jobs, one.counted_cents, one.kept_cents)),
            ]
            for one in found.differences
        ],
    )


def _show(found: "Verification", output: Output, *, all_objects: bool) -> None:
    """Print the number of objects of each kind. The differences that need attention come last, near the prompt."""
    from gjobs.tui.cli.text_tables import TableColumn

    output.table(
        [TableColumn(title="KIND"), TableColumn(title="OK", right=True), TableColumn(title="DIFFERENT", right=True)],
        _counts(found),
    )
    rows = [["ok", one.kind.value, one.title, "", ""] for one in found.confirmed] if all_objects else []
    rows += [_row(one) for one in found.differences if not one.required]
    rows += [_row(one) for one in found.differences if one.required]
    if not rows:
        return
    output.text("")
    output.table(
        [
            TableColumn(title="STATE"),
            TableColumn(title="KIND"),
            TableColumn(title="OBJECT"),
            TableColumn(title="EXPECTED", narrowest=8),
            TableColumn(title="FOUND", narrowest=8),
        ],
        rows,
    )


def _counts(found: "Verification") -> list[list[str]]:
    from gjobs.store.schema.schema_diff import ObjectKind
    from gjobs.tui.text.format import count

    confirmed = Counter(one.kind for one in found.confirmed)
    differing = Counter(one.object for one in found.differences)
    kinds = [kind for kind in ObjectKind if confirmed[kind] or differing[kind]]
    return [[kind.value, count(confirmed[kind]), count(differing[kind]) if differing[kind] else "-"] for kind in kinds]


def _row(one: "Difference") -> list[str]:
    state = one.kind.value if one.required else f"{one.kind.value}, tolerated"
    return [state, one.object.value, one.name, one.expected or "", one.found or ""]


def _verdict(found: "Verification") -> Iterator[str]:
    from gjobs.migrations.progress import Origin

    broken = sum(one.required for one in found.differences)
    if found.matches:
        yield f"The schema matches revision {found.revision}."
    elif found.origin is Origin.NOTHING:
        yield "The app's tables do not exist."
    else:
        objects = "object does" if broken == 1 else "objects do"
        yield f"{broken} {objects} not match revision {found.revision}:"
        # Print these sentences in full, because the table's cells are cut to the terminal's width.
        yield from (f"{one.sentence}." for one in found.differences if one.required)
    match found.origin:
        case Origin.NOTHING:
            yield found.obstacle or f"{command('migrate up')} creates them."
        case Origin.APP if found.matches:
            yield found.obstacle or f"{command('migrate up')} can migrate this database."
        case Origin.APP:
            yield f"{command('migrate up')} can't migrate this database. You can still use gjobs with it."
        case Origin.MIGRATED:
            pass
