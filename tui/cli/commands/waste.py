"""gjobs stats --waste."""

from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.statistics.waste import Waste, WasteKey
from gjobs.tui.cli import json_documents
from gjobs.tui.cli.output import Output, print_message

if TYPE_CHECKING:
    from gjobs.tui.session import Session


async def show_waste(session: "Session", output: Output, by: str, project_id: UUID | None) -> None:
    waste = await session.store.get_waste(WasteKey(by), project_id)
    if output.json:
        output.document(json_documents.waste(waste))
    else:
        _show(output, waste)
    from gjobs.tui.text.waste_text import sentences

    for sentence in sentences(waste):
        print_message(sentence)


def _show(output: Output, waste: Waste) -> None:
    from gjobs.tui.cli.text_tables import TableColumn
    from gjobs.tui.text.waste_text import NUMBERS, TITLES, TOTAL, numbers, printed_name

    output.table(
        [TableColumn(title=TITLES[waste.by], narrowest=12), *(TableColumn(title=one, right=True) for one in NUMBERS)],
        [
            *([printed_name(row, waste.by), *numbers(row)] for row in waste.rows),
            [TOTAL, *numbers(waste.total)],
        ],
    )
