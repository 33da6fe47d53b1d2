"""Random keys, bursts, pastes, sizes and faults of the server: nothing crashes, and every write was requested.

GJOBS_RANDOM_KEYS=1000 runs a thousand examples with more steps, and shrinks failing ones.
"""

import asyncio
import os
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from textual import events

from gjobs.store.database.query import TimeLimits
from gjobs.store.jobs.job import JobStatus
from gjobs.store.journal.journal import read_journal
from gjobs.store.journal.write_record import JournalEntry, WriteOutcome
from gjobs.store.users.actor import OPERATOR, Actor
from gjobs.tui.dashboard.list.job_table import JobTable
from tests.conftest import Conninfo
from tests.event_loop import IdleAwareLoop
from tests.store.faulty_servers import CHANGE, COMMIT, Cut, proxied
from tests.tui.app_waits import until
from tests.tui.dashboard.dashboard_driver import AS_ADA, Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.dashboard.keys.expected_writes import Person, Rows, outcomes, stored_jobs
from tests.tui.dashboard.keys.key_sending import pass_seeing_time, rest, send
from tests.tui.jobs_database import JobsDatabase, fill, job_id

EXAMPLES = int(os.environ.get("GJOBS_RANDOM_KEYS", "0"))
SETTINGS = settings(
    max_examples=EXAMPLES or 6,
    stateful_step_count=30 if EXAMPLES else 12,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink) if EXAMPLES else (Phase.generate,),
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)

Burst = list[tuple[tuple[str, ...], float]]
"""Keys that are sent at once, and the seconds after them."""

PACES = (0.03, 0.35, 1.2)
"""Seconds between two keys of a person."""

LIMITS = TimeLimits(statement=0.4, lock=0.2, answer=0.4)
"""The short time limits that statements reach during faults of the server."""

ACTIONS = ("s", "c", "f", "r", "d", "n", "U", "P", "b", "A", "delete")
MOVES = ("down", "up", "home", "end", "pageup", "pagedown", "space", "tab", "shift+tab", "left", "right", "j", "k")
OPENERS = ("enter", "slash", "question_mark", "ctrl+p", "p", "u", "t", "w", "E", "i", "v", "W", "D", "L", "Y")
ANSWERS = ("y", "n", "enter", "escape", "q", "x")
OTHERS = (*"12345oO=z+-", "f5", "backspace", "ctrl+r", "ctrl+u", "shift+down", "f12", "ctrl+q")
GESTURES = (
    *(
        ("s",),
        ("c",),
        ("r",),
        ("d", "y"),
        ("f", "x", "enter"),
        ("n", "x", "enter"),
        ("n", "enter"),
        ("U",),
        ("A", "d", "y"),
    ),
    *(
        ("space", "space", "s", "y"),
        ("enter", "s"),
        ("enter", "d", "y"),
        ("enter", "f", "x", "enter"),
        ("P", "x", "enter"),
    ),
    *(("escape",) * 3, ("home",), ("end",), ("down", "down"), ("1",), ("b", "n"), ("u", "o", "enter"), ("p", "enter")),
)
"""Keys that belong together. Many of them write."""
KEYS = st.one_of(*(st.sampled_from(keys) for keys in (ACTIONS, MOVES, OPENERS, ANSWERS, OTHERS))).map(
    lambda key: (key,)
)
BURSTS = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(GESTURES), st.sampled_from(GESTURES), KEYS),
        st.sampled_from((0, 0, 0, 0.005, 0.03, 0.08)),
    ),
    min_size=2,
    max_size=8,
)
PASTES = st.sampled_from(("lifestyle", "a\nb\tc\x1b[31m\x00", str(job_id(2)), "status:failed", "x" * 5_000, "2.50", ""))


WRITING = (
    "select count(*) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid() and backend_xid is not null"
)
"""Other transactions that have written."""

TABLES = {"jobs": "public.generation_jobs", "project": "public.projects", "budget": "gjobs.budgets"}


def rows_of(jobs_db: JobsDatabase, table: str) -> Rows:
    return {row["id"]: row for (row,) in jobs_db.sql(f"select to_jsonb(t) from {table} t")}  # noqa: S608


class ModelledApp(WatchedApp):
    """Shows each key to the model as it is delivered."""

    def __init__(self, *arguments: Any, person: Person, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._person = person

    async def on_event(self, event: events.Event) -> None:
        if event is self.key_queue._delivered and not self._exit:
            self._person.press(self, event)
        await super().on_event(event)


class RandomKeys(RuleBasedStateMachine):
    def __init__(self, database: Conninfo, jobs_db: JobsDatabase) -> None:
        super().__init__()
        self._database, self._jobs_db = database, jobs_db
        self._runner = asyncio.Runner(loop_factory=IdleAwareLoop)
        self._servers, self._running = AsyncExitStack(), AsyncExitStack()
        self._person = Person()
        self._is_locked = self._is_away = self._may_be_unknown = False
        self._directory = TemporaryDirectory()
        self._journal = Path(self._directory.name) / "journal"
        self._entries = 0
        """The number of journal entries that were checked."""
        jobs_db.sql("truncate public.generation_jobs, public.projects, auth.users cascade")
        jobs_db.sql("delete from gjobs.archived_jobs")
        fill(jobs_db)

    @initialize(actor=st.sampled_from((AS_ADA, OPERATOR)))
    def open(self, actor: Actor) -> None:
        self._actor = actor
        self._runner.run(self._open())
        self._before = self._rows()

    async def _open(self) -> None:
        self._proxy, through_proxy = await self._servers.enter_async_context(proxied(self._database))
        self._opener = opener_of(through_proxy, actor=self._actor, limits=LIMITS, journal=self._journal)
        await self._start()

    async def _start(self) -> None:
        app = ModelledApp(self._opener, interval=0.3, person=self._person)
        self._driver = await self._running.enter_async_context(drive_dashboard(app))

    @rule(burst=BURSTS)
    def press(self, burst: Burst) -> None:
        self._runner.run(self._press(burst, waits=False))

    @rule(burst=BURSTS)
    def press_and_wait(self, burst: Burst) -> None:
        self._runner.run(self._press(burst, waits=True))

    @rule(keys=st.sampled_from(GESTURES))
    @precondition(lambda self: not (self._is_locked or self._is_away))
    def press_in_the_list(self, keys: tuple[str, ...]) -> None:
        """Press the keys in the list, and wait until their effects are complete."""
        self._runner.run(self._press([(("escape",) * 4, 0)], waits=True))
        self._runner.run(self._press([(keys, 0)], waits=True))
        self._check()

    @rule(
        keys=st.lists(st.one_of(st.sampled_from(GESTURES), KEYS), min_size=1, max_size=3), pause=st.sampled_from(PACES)
    )
    @precondition(lambda self: not (self._is_locked or self._is_away))
    def type_slowly(self, keys: list[tuple[str, ...]], pause: float) -> None:
        """Type as a person does. The keys carry their times, so this does not wait."""
        self._runner.run(self._type_slowly([key for some in keys for key in some], pause))

    async def _type_slowly(self, keys: list[str], pause: float) -> None:
        typed_at = time.monotonic()
        for key in keys:
            if self._driver.app.is_running:
                send(self._driver.app, key, at=typed_at)
                await rest_or_end(self._driver)
            typed_at = max(typed_at, time.monotonic()) + pause
        await self._rest()

    async def _press(self, burst: Burst, waits: bool) -> None:
        for keys, pause in burst:
            send(self._driver.app, *keys)
            if pause:
                await asyncio.sleep(pause)
        if waits and not (self._is_locked or self._is_away):
            await self._rest()
        elif waits:
            await asyncio.sleep(0.5)  # The outcome of a write is known only once the server is back.

    @rule(text=PASTES, width=st.integers(1, 200), height=st.integers(1, 60))
    def paste_and_resize(self, text: str, width: int, height: int) -> None:
        self._runner.run(self._paste_and_resize(text, width, height))

    async def _paste_and_resize(self, text: str, width: int, height: int) -> None:
        if self._driver.app.is_running:
            self._driver.app.post_message(events.Paste(text))
            await self._driver.pilot.resize_terminal(width, height)

    @rule(number=st.integers(1, 8), status=st.sampled_from(JobStatus))
    @precondition(lambda self: not (self._is_locked or self._is_away))
    def another_process_moves(self, number: int, status: JobStatus) -> None:
        """Without waiting first, the change could overlap a running write. Then the order of the two is unknown."""
        self._runner.run(self._rest())
        self._check()
        self._jobs_db.set_status(number, status)
        self._before = self._rows()

    @rule(fault=st.sampled_from(("cut", "lock", "cut at a change", "cut at a commit")), reaches=st.booleans())
    @precondition(lambda self: not (self._is_locked or self._is_away))
    def fail(self, fault: str, reaches: bool) -> None:
        """Inject a fault, which lasts until `heal` runs. Under a lock, statements run into their time limits."""
        self._runner.run(self._fail(fault, reaches))

    async def _fail(self, fault: str, reaches: bool) -> None:
        self._may_be_unknown = True
        self._is_locked, self._is_away = fault == "lock", fault != "lock"
        if fault == "lock":
            self._jobs_db.sql("begin")
            self._jobs_db.sql("lock table public.generation_jobs in access exclusive mode")
        elif fault == "cut":
            self._proxy.go_away()
        else:
            self._proxy.cut = Cut(at=CHANGE if fault == "cut at a change" else COMMIT, reaches_database=reaches)

    @rule()
    @precondition(lambda self: self._is_locked or self._is_away)
    def heal(self) -> None:
        """End the fault, and check that the stored and shown jobs match the writes before and after it."""
        self._runner.run(self._recover())
        self._check()

    async def _recover(self) -> None:
        await self._heal()
        await self._rest()
        self._driver.app.poller.refresh()
        await until(lambda: self._shown() <= self._stored(), lambda: f"{self._shown()}\n{self._driver.text}")

    async def _heal(self) -> None:
        if self._is_locked:
            self._jobs_db.sql("rollback")
        self._proxy.cut = None
        self._proxy.come_back()
        self._is_locked = self._is_away = False

    async def _rest(self) -> None:
        if self._driver.app.is_running:
            await rest_or_end(self._driver)
        self._check_alive()
        if not self._driver.app.is_running:
            await self._running.aclose()
            self._running = AsyncExitStack()
            self._may_be_unknown = True  # Quitting twice does not wait for a write.
            await self._heal()
            await self._start()
        await until(lambda: self._jobs_db.sql(WRITING) == [(0,)], lambda: "a transaction that does not end")

    def _check_alive(self) -> None:
        app = self._driver.app
        assert app.internal_error is None, repr(app.internal_error)
        assert app.is_running or app.return_code == 0

    def _shown(self) -> set[tuple[str, str]]:
        listing = self._driver.app.dashboard.listing
        assert listing is not None
        return {(str(job.id), str(job.status)) for job in listing.window.jobs}

    def _stored(self) -> set[tuple[str, str]]:
        return {(job_id, row["status"]) for job_id, row in rows_of(self._jobs_db, TABLES["jobs"]).items()}

    def _written(self) -> list[JournalEntry]:
        """What was written since the last check, the earliest first."""
        entries = read_journal(self._journal).entries[::-1]
        written, self._entries = list(entries[self._entries :]), len(entries)
        return written

    def _check(self) -> None:
        before, self._before = self._before, self._rows()
        written = self._written()
        assert stored_jobs(self._before["jobs"]) in outcomes(before["jobs"], written), written
        assert self._may_be_unknown or all(entry.outcome is not WriteOutcome.UNKNOWN for entry in written), written
        assert not self._person.wrong_writes(before["jobs"], self._before["jobs"])
        for kind in ("project", "budget"):
            assert not self._person.wrong_others(kind, before[kind], self._before[kind])
        self._person.confirmed.clear()
        self._may_be_unknown = self._is_locked or self._is_away

    def _rows(self) -> Mapping[str, Rows]:
        return {kind: rows_of(self._jobs_db, table) for kind, table in TABLES.items()}

    def teardown(self) -> None:
        try:
            self._runner.run(self._end())
            self._check()
        finally:
            self._runner.close()
            self._directory.cleanup()

    async def _end(self) -> None:
        if not hasattr(self, "_driver"):
            return
        try:
            await self._recover()
            await self._leads_back()
        finally:
            await self._running.aclose()
            await self._servers.aclose()

    async def _leads_back(self) -> None:
        driver = self._driver
        for _ in range(8):
            await pass_seeing_time(driver)
            send(driver.app, "escape")
        await rest(driver)
        assert driver.app.screen is driver.app.dashboard, driver.text
        assert isinstance(driver.app.focused, JobTable), driver.app.focused


async def rest_or_end(driver: Driver) -> None:
    """Wait until all keys are handled, or one of them has quit the dashboard."""
    resting = asyncio.create_task(rest(driver))
    await until(lambda: resting.done() or not driver.app.is_running, lambda: driver.text)
    if resting.done():
        resting.result()
    else:
        resting.cancel()


SCRIPT = (
    *(("s",), ("down", "c"), ("end", "f", "x", "enter"), ("home", "space", "space", "d", "y")),
    *(("U",), ("n", "x", "enter", "s"), ("end", "r"), ("home", "enter", "d", "y"), ("P", "x", "enter")),
)
"""Each writes. Without the last recorded intent, the write would count as wrong."""


async def test_each_write_of_a_key_is_expected_and_would_be_wrong_without_it(
    database: Conninfo, jobs_db: JobsDatabase, tmp_path: Path
) -> None:
    person, journal, entries = Person(), tmp_path / "journal", 0
    async with drive_dashboard(ModelledApp(opener_of(database, journal=journal), person=person)) as driver:
        for keys in SCRIPT:
            person.confirmed.clear()
            before = {kind: rows_of(jobs_db, table) for kind, table in TABLES.items()}
            await driver.press(*keys)
            await rest(driver)
            jobs, projects = rows_of(jobs_db, TABLES["jobs"]), rows_of(jobs_db, TABLES["project"])

            assert (before["jobs"], before["project"]) != (jobs, projects), keys
            hesitant = Person(confirmed=person.confirmed[:-1], gone=dict(person.gone))
            wrong = hesitant.wrong_writes(before["jobs"], jobs)
            wrong += hesitant.wrong_others("project", before["project"], projects)
            assert wrong, keys
            assert not person.wrong_writes(before["jobs"], jobs), keys
            assert not person.wrong_others("project", before["project"], projects), keys

            written = read_journal(journal).entries[::-1]
            (*earlier, last), entries = written[entries:], len(written)
            assert outcomes(before["jobs"], [*earlier, last]) == [stored_jobs(jobs)], keys
            not_done = outcomes(before["jobs"], [*earlier, replace(last, outcome=WriteOutcome.NOT_DONE)])
            assert not_done == outcomes(before["jobs"], earlier), keys
            unknown = outcomes(before["jobs"], [*earlier, replace(last, outcome=WriteOutcome.UNKNOWN)])
            assert unknown == [*not_done, stored_jobs(jobs)], keys
            assert (stored_jobs(jobs) in not_done) is (keys[0] == "P"), keys


def test_keys_sizes_and_faults_in_any_order_do_no_harm(database: Conninfo, jobs_db: JobsDatabase) -> None:
    machine = cast("type[RandomKeys]", lambda: RandomKeys(database, jobs_db))
    run_state_machine_as_test(machine, settings=SETTINGS)
