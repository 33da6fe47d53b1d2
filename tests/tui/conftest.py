"""A table of jobs to press keys in."""

from collections.abc import AsyncIterator

import pytest

from tests.tui.support import TablePilot, running_table


@pytest.fixture
async def empty_table() -> AsyncIterator[TablePilot]:
    """A focused table that was not given rows yet; ten fit in sight."""
    async with running_table() as table:
        yield table


@pytest.fixture
async def table(empty_table: TablePilot) -> TablePilot:
    """A focused table with the jobs 10 to 59, the cursor on the first."""
    await empty_table.show(range(10, 60))
    empty_table.take_told()
    empty_table.take_painted()
    return empty_table
