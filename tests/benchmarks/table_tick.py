"""The CPU time until 0, 1 or 200 changed rows are on screen, compared with the DataTable of Textual."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

from textual.app import App, ComposeResult
from textual.drivers.headless_driver import HeadlessDriver
from textual.widget import Widget
from textual.widgets import DataTable

from gjobs.store.job_list.list_query import NEWEST_FIRST
from gjobs.store.jobs.job import USUAL_MODES, GenerationJob, JobStatus
from gjobs.store.values.formats import money
from gjobs.tui.dashboard.list.job_table import JobTable
from gjobs.tui.text.format import age
from tests.benchmarks.database import Databases
from tests.benchmarks.harness import Contestant, Effort, Finding, Ratio, take_turns
from tests.tui.sample_jobs import window_of

ROWS = 500

CHANGED = (0, 1, 200)

SIZE = (120, 36)

PAUSE = 0.02
"""Seconds between two ticks."""

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

OURS, RIVAL = "JobTable", "DataTable"


class SilentTerminal(HeadlessDriver):
    """A terminal for which frames are drawn, unlike a headless one. It discards them."""

    @property
    def is_headless(self) -> bool:
        return False


class TableApp(App[None]):
    """An app with one table. `painted` is set after each frame."""

    def __init__(self, table: Widget) -> None:
        super().__init__(driver_class=SilentTerminal)
        self._table = table
        self.painted = asyncio.Event()

    def compose(self) -> ComposeResult:
        yield self._table

    def post_display_hook(self) -> None:
        self.painted.set()


class Table(Protocol):
    """The interface of both contestants, which show the present jobs in the same order."""

    @property
    def widget(self) -> Widget: ...

    def show(self, jobs: Sequence[GenerationJob]) -> None: ...


class OurTable:
    def __init__(self) -> None:
        self.widget = self._table = JobTable()

    def show(self, jobs: Sequence[GenerationJob]) -> None:
        self._table.sort = NEWEST_FIRST
        self._table.show(window_of(jobs), now=NOW)


class RivalTable:
    """A DataTable in which only the cells of changed rows are updated."""

    def __init__(self) -> None:
        self.widget = self._table = DataTable[str](cursor_type="row")
        self._shown: dict[UUID, GenerationJob] = {}

    def show(self, jobs: Sequence[GenerationJob]) -> None:
        if not self._shown:
            self._fill(jobs)
        for job in jobs:
            if job != self._shown.get(job.id):
                self._table.update_cell(str(job.id), "cost", money(job.cost_cents))
                self._shown[job.id] = job

    def _fill(self, jobs: Sequence[GenerationJob]) -> None:
        for column in ("status", "mode", "cost", "created", "total", "error"):
            self._table.add_column(column, key=column)
        for job in jobs:
            cells = (
                job.status,
                job.mode,
                money(job.cost_cents),
                age(job.created_at, NOW),
                "1 min 05 s",
                job.error or "",
            )
            self._table.add_row(*cells, key=str(job.id))
            self._shown[job.id] = job


async def table_tick(effort: Effort, _databases: Databases) -> list[Finding]:
    return [await _compare(effort, changed) for changed in (CHANGED[-1:] if effort.quick else CHANGED)]


async def _compare(effort: Effort, changed: int) -> Finding:
    ticks, rounds = effort.choose(20, quick=2), effort.choose(9, quick=1)
    async with _running(OurTable()) as ours, _running(RivalTable()) as rival:
        series = await take_turns(
            {OURS: _ticking(*ours, changed, ticks), RIVAL: _ticking(*rival, changed, ticks)}, rounds=rounds
        )
    return Finding(
        title=f"one refresh of a table with {changed} of {ROWS} rows changed, CPU time",
        unit="ms",
        settings={"terminal": f"{SIZE[0]}×{SIZE[1]}", "refreshes a round": ticks, "rounds": rounds},
        series=series,
        ratios=(Ratio(ours=OURS, rival=RIVAL),),
    )


@asynccontextmanager
async def _running(table: Table) -> AsyncIterator[tuple[TableApp, Table]]:
    app = TableApp(table.widget)
    async with app.run_test(headless=False, size=SIZE) as pilot:
        table.show(_jobs())
        await pilot.pause()
        yield app, table


def _ticking(app: TableApp, table: Table, changed: int, ticks: int) -> Contestant:
    """Return a contestant that measures the CPU time of a tick in ms. The other app idles meanwhile."""
    versions = [_jobs(), [replace(job, cost_cents=job.cost_cents + 1) for job in _jobs()[:changed]] + _jobs()[changed:]]

    async def contestant() -> float:
        start = time.process_time()
        for number in range(ticks):
            app.painted.clear()
            with app._context():
                table.show(versions[(number + 1) % 2])
            if changed:
                await app.painted.wait()
            await asyncio.sleep(PAUSE)
        return (time.process_time() - start) * 1000 / ticks

    return contestant


def _jobs() -> list[GenerationJob]:
    return [
        GenerationJob(
            id=UUID(int=number),
            user_id=UUID(int=1),
            project_id=UUID(int=2),
            status=list(JobStatus)[number % len(JobStatus)],
            mode=USUAL_MODES[number % len(USUAL_MODES)],
            input_asset_id=None,
            error="API timeout" if number % len(JobStatus) == 3 else None,
            cost_cents=100 + number,
            created_at=NOW - timedelta(minutes=number),
            updated_at=NOW - timedelta(minutes=number),
        )
        for number in range(ROWS)
    ]
