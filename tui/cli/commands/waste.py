"""gjobs stats --waste."""

from typing import TYPE_CHECKING
from uuid import UUID

from store.capabilities.capability import Capability
from store.statistics.waste import Waste, WasteKey
from tui.cli import json_documents
from tui.cli.arguments import project_names
from tui.cli.output import Output, print_message

if TYPE_CHECKING:
    from store.store import Store
    from tui.session import Session


async def show_waste(session: "Session", output: Output, by: str, project_id: UUID | None) -> None:
    waste = await session.store.get_waste(WasteKey(by), project_id)
    if output.json:
        output.document(json_documents.waste(waste))
    else:
        _show(output, waste, await _names(session.store, waste))
    from tui.text.waste_text import sentences

    for sentence in sentences(waste):
        print_message(sentence)


async def _names(store: "Store", waste: Waste) -> dict[UUID, str]:
    """Return the names of projects, or the e-mails of users that the actor may read."""
    if waste.by is WasteKey.PROJECT:
        return await project_names(store)
    if waste.by is WasteKey.USER and await store.actor_database.has(Capability.USERS):
        return dict(await store.get_user_emails([row.key for row in waste.rows if isinstance(row.key, UUID)]))
    return {}


def _show(output: Output, waste: Waste, names: dict[UUID, str]) -> None:
    from tui.cli.text_tables import TableColumn
    from tui.text.waste_text import NUMBERS, TITLES, name, numbers

    output.table(
        [TableColumn(title=TITLES[waste.by], narrowest=12), *(TableColumn(title=one, right=True) for one in NUMBERS)],
        [
            *([name(row, waste.by, names), *numbers(row)] for row in waste.rows),
            ["total", *numbers(waste.total)],
        ],
    )
