"""`gjobs migrate verify`: the schema beside what its revision promises, object by object."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from store.settings import Settings
from tui.cli import jsonable
from tui.cli.commands.migrate.chosen import chosen_database
from tui.cli.exit_codes import ExitCode
from tui.cli.output import Output, say

if TYPE_CHECKING:
    from migrations.verification import Verification
    from store.schema import Difference


def verify(settings: Settings, output: Output) -> ExitCode:
    from migrations import runner

    with chosen_database(settings) as database:
        found = runner.verify(database.conninfo)
    if output.json:
        output.document(jsonable.verification(found))
    else:
        _show(found, output)
    for sentence in _verdict(found):
        say(sentence)
    return ExitCode.DONE if found.matches else ExitCode.SCHEMA


def _show(found: "Verification", output: Output) -> None:
    """What needs attention comes last, where it is read."""
    from tui.cli.tables import Column

    rows = [["ok", one.kind.value, one.title, "", ""] for one in found.confirmed]
    rows += [_row(one) for one in found.differences if not one.required]
    rows += [_row(one) for one in found.differences if one.required]
    output.table(
        [
            Column(title="state"),
            Column(title="kind"),
            Column(title="object"),
            Column(title="expected", narrowest=8),
            Column(title="found", narrowest=8),
        ],
        rows,
    )


def _row(one: "Difference") -> list[str]:
    state = one.kind.value if one.required else f"{one.kind.value}, tolerated"
    return [state, one.object.value, one.name, one.expected or "", one.found or ""]


def _verdict(found: "Verification") -> Iterator[str]:
    from migrations.run import Origin

    broken = sum(one.required for one in found.differences)
    if found.matches:
        yield f"The schema is what revision {found.revision} promises."
    elif found.origin is Origin.NOTHING:
        yield "None of the app's tables is here."
    else:
        objects = "object is" if broken == 1 else "objects are"
        yield f"{broken} {objects} not what revision {found.revision} promises:"
        # In whole, for a terminal cuts the table.
        yield from (f"{one.sentence}." for one in found.differences if one.required)
    match found.origin:
        case Origin.NOTHING:
            yield found.obstacle or "'gjobs migrate up' would make them."
        case Origin.APP if found.matches:
            yield found.obstacle or "'gjobs migrate up' can take this database over."
        case Origin.APP:
            yield "'gjobs migrate up' does not take it over as it is; it stays of use as it is."
        case Origin.MIGRATED:
            pass
