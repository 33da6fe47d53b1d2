"""`gjobs budgets` and `gjobs budgets list`."""

from typing import TYPE_CHECKING
from uuid import UUID

from tui.cli import jsonable
from tui.cli.commands.budgets.showing import show_budgets
from tui.cli.exit_codes import ExitCode
from tui.cli.lookup import MOST_ROWS, find_project
from tui.cli.output import Output, say
from tui.cli.sessions import in_session

if TYPE_CHECKING:
    from tui.session import Session


@in_session
async def list_all_budgets(session: "Session", output: Output) -> ExitCode:
    return await _list(session, output, None)


@in_session
async def list_budgets(session: "Session", output: Output, *, project: str | None) -> ExitCode:
    return await _list(session, output, None if project is None else (await find_project(session.store, project)).id)


async def _list(session: "Session", output: Output, project_id: UUID | None) -> ExitCode:
    found = await session.store.get_budgets(project_id, limit=MOST_ROWS)
    if output.json:
        output.document([jsonable.budget(budget, found.taken_at) for budget in found])
        return ExitCode.DONE
    show_budgets(output, found.budgets, found.taken_at)
    if not found:
        say("No budgets. 'gjobs budgets set' makes one.")
    return ExitCode.DONE
