"""Keys typed after a refused key, and keys typed before the screen shows the job that they would change."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from textual import events
from textual.binding import BindingType
from textual.command import CommandPalette
from textual.screen import Screen
from textual.widgets import Input

from gjobs.store.capabilities.capability import Capability
from gjobs.store.configuration.settings import WriteMode
from gjobs.store.jobs.job import JobStatus
from gjobs.store.jobs.job_results import WRITES_OFF
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.dashboard import key_functions
from gjobs.tui.dashboard.actions.key_queue import SEEING_SECONDS, UNOPENED, UNSEEN
from gjobs.tui.dashboard.bindings import (
    APP_BINDINGS,
    DASHBOARD_BINDINGS,
    DIALOG,
    KEYS,
    PLAIN,
    PRESENT,
    WRITES,
    Key,
    Trait,
    own_bindings,
)
from gjobs.tui.dashboard.dialogs.dialog import ConfirmDialog
from gjobs.tui.dashboard.dialogs.form import FormDialog
from gjobs.tui.dashboard.list.job_table import JobTable
from gjobs.tui.dashboard.panels.footer import ONLY_PRESENT
from tests.conftest import Conninfo
from tests.tui.app_waits import settle
from tests.tui.dashboard.dashboard_driver import Drive, Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.dashboard.keys.key_sending import busy_loop, chance, pass_seeing_time, rest, send, statuses, type_slowly
from tests.tui.jobs_database import FROZEN, JobsDatabase, job_id

PACES = (0.03, 0.35, 0.9)
"""Seconds between two keys of a person, from fast typing to typing with pauses."""


async def test_text_for_a_refused_dialog_changes_no_job_at_any_pace(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    before = statuses(jobs_db)
    for number, keys in ((4, "fretry"), (1, "fs"), (1, "fdy"), (3, "fdy"), (1, ["f", "space", "s"])):
        for pause in PACES:
            await dashboard.go_to(number)
            dashboard.clear_messages()
            await type_slowly(dashboard, *keys, pause=pause)
            await dashboard.shows_message(UNOPENED)
            assert dashboard.dialog == "", (number, keys, pause)
            assert not dashboard.marked, (number, keys, pause)
            assert statuses(jobs_db) == before, (number, keys, pause)
            await pass_seeing_time(dashboard)
    assert dashboard.app.messages.unread == 0

    await dashboard.go_to(1)
    await type_slowly(dashboard, "f", "s", pause=0.1)
    await dashboard.shows_message(f"Only a running job can be failed; this one is queued. {UNOPENED}")


async def opens_nothing(driver: Driver, keys: Sequence[str], dialog: str = "") -> None:
    """Type a refused key and text for its dialog. The text is dropped, and `dialog` stays open."""
    driver.clear_messages()
    await type_slowly(driver, *keys, pause=0.35)
    await driver.has_shown(UNOPENED)
    assert driver.dialog == dialog, keys
    await pass_seeing_time(driver)


async def test_text_for_a_dialog_that_is_refused_for_any_reason_opens_nothing(operator: Driver) -> None:
    await opens_nothing(operator, "Dw")
    await operator.focus_on("#projects")
    await opens_nothing(operator, "fw")
    operator.app.dashboard.set_focus(operator.table)
    operator.app.show_moment(FROZEN)
    await operator.settle()
    await opens_nothing(operator, "ew")
    await opens_nothing(operator, "vp")
    operator.app.show_moment(None)
    await operator.filter("mode:none", "enter", rows=[])
    await operator.until(lambda: operator.showed_selection)
    await opens_nothing(operator, "dw")
    await opens_nothing(operator, ["enter", "w"])


async def test_text_for_the_form_that_a_dialog_refuses_leaves_the_dialog_open(dashboard: Driver) -> None:
    await dashboard.press("b", until=lambda: dashboard.dialog.startswith("Budgets"))
    await opens_nothing(dashboard, "nq", dashboard.dialog)


async def test_text_for_a_key_or_command_that_the_database_lacks_opens_nothing(
    attached_jobs_db: JobsDatabase, attached_database: Conninfo
) -> None:
    async with drive_dashboard(WatchedApp(opener_of(attached_database, actor=OPERATOR))) as driver:
        await opens_nothing(driver, "bn")
        await choose_command(driver, "Archived jobs")
        await opens_nothing(driver, ["enter", "w"])


async def test_text_for_a_key_or_command_that_the_session_refuses_opens_nothing(drive: Drive) -> None:
    async with drive(rule=WriteMode.PERMIT_REQUIRED) as driver:
        await opens_nothing(driver, "fw")
        await choose_command(driver, "Clean up")
        await opens_nothing(driver, ["enter", "w"])

        # Ending the permit refuses nothing.
        driver.session.access.open_permit("ticket 4711", 300)
        await type_slowly(driver, "W", "w", pause=0.05)
        await driver.until(lambda: driver.dialog.startswith("Workers"))


async def choose_command(driver: Driver, command: str) -> None:
    """Open the palette and choose the command that enter would run."""
    await driver.press("ctrl+p")
    await driver.type(command)
    await driver.until(lambda: command in driver.offered_command)


async def test_keys_other_than_text_end_a_refusal(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.go_to(1)
    await type_slowly(dashboard, "L", "m", pause=0.05)
    await dashboard.until(lambda: dashboard.dialog.startswith("Messages"))
    await dashboard.press("escape", dialog="")
    await type_slowly(dashboard, "f", "x", "down", pause=0.05)
    assert dashboard.cursor == 2

    await pass_seeing_time(dashboard)
    for key in ("escape", "ctrl+c", "left"):
        jobs_db.set_status(1, "queued")
        # A poll that was sent before the change may still show the running job.
        await dashboard.refreshes(until=lambda: "queued" in dashboard.row(1))
        await dashboard.go_to(1)
        await type_slowly(dashboard, "f", "x", key, "s", pause=0.05)
        await dashboard.until(lambda: jobs_db.status(1) is JobStatus.RUNNING)

    await dashboard.go_to(5)
    await type_slowly(dashboard, "f", "ctrl+p", *"theme", pause=0.05)
    assert isinstance(dashboard.app.screen, CommandPalette)
    assert dashboard.app.screen.query_one(Input).value == "theme"


async def test_paste_and_text_after_a_refused_click_or_key_are_dropped_until_a_second_after_the_last(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    """A click on the hint of a key runs its action."""
    before = statuses(jobs_db)
    await dashboard.go_to(4)
    await dashboard.app.run_action("act('fail')", dashboard.app.dashboard)
    await rest(dashboard)
    dashboard.app.post_message(events.Paste(str(job_id(2))))
    await type_slowly(dashboard, *"retry", pause=0.35)
    await dashboard.shows_message(UNOPENED)
    assert not dashboard.app.dashboard.jobs.bar.display
    assert statuses(jobs_db) == before

    await pass_seeing_time(dashboard)
    await dashboard.go_to(1)
    await type_slowly(dashboard, "f", "s", "s", "s", pause=SEEING_SECONDS * 0.95)
    assert statuses(jobs_db) == before
    send(dashboard.app, "s", at=time.monotonic() + 4 * SEEING_SECONDS)
    await dashboard.until(lambda: jobs_db.status(1) is JobStatus.RUNNING)


async def test_each_key_that_opens_a_dialog_has_its_trait(operator: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forgotten declaration would let the text for a refused dialog act."""
    # An examination of the database takes long.
    monkeypatch.setattr("gjobs.store.case.read_case._Reader.findings", find_nothing)
    app = operator.app
    undeclared: set[str | None] = set()

    async def opens(binding: Key) -> bool:
        before = app.screen
        await operator.press(binding.key.split(",")[0])
        await rest(operator)
        return app.screen is not before and len(app.screen_stack) > 1

    async def return_to_list() -> None:
        while len(app.screen_stack) > 1:
            app.screen.dismiss(None)
            await settle(app)
        if app.dashboard.listing_query.moment is not None:
            app.show_moment(None)
        app.dashboard.jobs.leave_find()
        app.dashboard.action_status(0)
        await operator.go_to(1)
        app.dashboard.set_focus(operator.table)
        await settle(app)

    dialogs: dict[str, type[Screen[Any]]] = {}
    silent: set[str | None] = set()
    for binding in declared([*JobTable.BINDINGS, *DASHBOARD_BINDINGS, *APP_BINDINGS]):
        is_in_list = app.focused is operator.table and app.dashboard.listing_query.moment is None
        if may_open(binding) or not is_in_list:
            await return_to_list()
        if await opens(binding):
            dialogs[binding.key.split(",")[0]] = type(app.screen)
            if not may_open(binding):
                undeclared.add(binding.id)
        elif may_open(binding) and Trait.SEVERAL not in binding.traits:
            silent.add(binding.id)
    # There is no other database, no permit is required, and the job is queued. No other key drops text for nothing.
    assert silent == {"app.database", "app.write", "job.fail"}
    assert len(dialogs) > 15
    acted = {binding.action for binding in declared([*DASHBOARD_BINDINGS, *APP_BINDINGS])}
    for dialog, key in {dialog: key for key, dialog in dialogs.items()}.items():
        if issubclass(dialog, ConfirmDialog | FormDialog):
            continue
        # A key with the action of a key of the list does the same as that key.
        for binding in declared(own_bindings(dialog)):
            if may_open(binding) or binding.action in acted:
                continue
            if not isinstance(app.screen, dialog):
                await return_to_list()
                await operator.press(key)
                await rest(operator)
            if await opens(binding):
                undeclared.add(binding.id)
    assert not undeclared


async def find_nothing(*_: object) -> tuple[()]:
    return ()


def may_open(key: Key) -> bool:
    """Return whether the key is declared to open a dialog."""
    return bool(key.traits & (DIALOG | Trait.SEVERAL))


def declared(bindings: Iterable[BindingType]) -> list[Key]:
    """Return the bindings that neither quit, nor leave a dialog, nor stop refreshing."""
    others = ("quit", "leave", "pause")
    return [one for one in bindings if isinstance(one, Key) and not one.action.startswith(others)]


OTHER_JOBS = (
    (["down", "down", "down", "down", "s"], 5, JobStatus.RUNNING),
    (["end", "c"], 6, JobStatus.SUCCEEDED),
    (["3", "c"], 2, JobStatus.SUCCEEDED),
    (["2", "end", "s"], 5, JobStatus.RUNNING),
    (["slash", *"feature", "enter", "s"], 5, JobStatus.RUNNING),
    (["down", "3", "2", "s"], 1, JobStatus.RUNNING),
    (["end", "up", "space", "s"], 5, JobStatus.RUNNING),
)
"""Keys that go from the first job to another one, or mark it, and then change it."""


async def start_again(driver: Driver, jobs_db: JobsDatabase, before: Mapping[UUID, str]) -> None:
    """Give the jobs their statuses again, and put the cursor on the first one, as the screen shows."""
    await pass_seeing_time(driver)
    for job, status in before.items():
        jobs_db.sql("update generation_jobs set status = %s where id = %s and status <> %s", status, job, status)
    driver.table.unmark(driver.table.marked)
    driver.app.dashboard.jobs.leave_find()
    driver.app.dashboard.action_status(0)
    driver.app.dashboard.set_focus(driver.table)
    await driver.refreshes(rows=[1, 2, 3, 4, 5, 6])
    await driver.go_to(1)
    driver.clear_messages()


async def test_key_acts_on_a_job_that_the_screen_shows_as_selected(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    before = statuses(jobs_db)
    for keys, number, status in OTHER_JOBS:
        await start_again(dashboard, jobs_db, before)
        await type_slowly(dashboard, *keys[:-1], pause=0.03)
        await dashboard.until(lambda: not dashboard.app.dashboard.awaits_list)
        await dashboard.settle()
        send(dashboard.app, keys[-1])
        await dashboard.until(lambda: jobs_db.status(number) is status)  # noqa: B023
        assert statuses(jobs_db) == {**before, job_id(number): status}, keys


async def test_key_typed_before_the_selected_job_is_shown_is_dropped(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    """The text typed for the dialog of a dropped key is dropped, too."""
    before = statuses(jobs_db)
    for keys in (keys for keys, _, _ in OTHER_JOBS if keys[:2] != ["down", "3"]):
        await start_again(dashboard, jobs_db, before)
        async with busy_loop(chance(3)):
            send(dashboard.app, *keys[:-1], "f", *"sry", *keys[-1])
            await dashboard.shows_message(UNSEEN)
            await rest(dashboard)
        assert dashboard.dialog == "", keys
        assert statuses(jobs_db) == before, keys


async def test_key_in_the_details_acts_only_if_they_were_shown_before(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    """The row of the job may have been drawn while its details were not."""
    await dashboard.go_to(4)
    send(dashboard.app, "down", "enter", "s")
    await dashboard.has_shown(UNSEEN)
    await pass_seeing_time(dashboard)
    assert jobs_db.status(5) is JobStatus.QUEUED
    await dashboard.press("escape", dialog="")
    dashboard.clear_messages()

    for seconds_too_early in (0.001, 0.0):
        await dashboard.go_to(4)
        await type_slowly(dashboard, "down", "enter", pause=0.03)
        send(dashboard.app, "s", at=dashboard.table._selection_drawn_at - seconds_too_early)
        if seconds_too_early:
            await dashboard.has_shown(UNSEEN)
            await pass_seeing_time(dashboard)
            assert jobs_db.status(5) is JobStatus.QUEUED
            await dashboard.press("escape", dialog="")
    await dashboard.until(lambda: jobs_db.status(5) is JobStatus.RUNNING)


async def test_escape_that_is_pressed_again_and_again_leads_back_to_the_list(dashboard: Driver) -> None:
    await dashboard.press("enter", dialog="Job")
    dashboard.app.key_queue.drop_until_seen()

    def leads_back() -> bool:
        if dashboard.app.key_queue.is_idle:
            send(dashboard.app, "escape")
        return dashboard.dialog == ""

    await dashboard.until(leads_back)


async def test_keys_for_jobs_that_the_user_makes_act_without_waiting(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    """Create, start, fail, retry, start and complete a job in one burst."""
    send(dashboard.app, "n", *"shoe", "enter", "s", "f", "x", "enter", "r", "s", "c")
    made = "select status from generation_jobs where mode = 'shoe' order by created_at"
    await dashboard.until(lambda: jobs_db.sql(made) == [("failed",), ("succeeded",)])


async def test_key_after_a_deletion_waits_until_the_next_job_is_shown(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.go_to(4)
    send(dashboard.app, *"dydy")
    await dashboard.shows_message("gjobs ignored the keys that you typed")
    await rest(dashboard)
    await dashboard.until(lambda: jobs_db.sql("select count(*) from generation_jobs") == [(7,)])
    assert dashboard.dialog == ""


@pytest.mark.parametrize("name", ["app.load", "app.times", "list.export"])
async def test_key_runs_only_if_the_moment_the_database_and_the_session_allow_it(
    name: str, attached_jobs_db: JobsDatabase, attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One key of each table of functions, with the other traits that a key of this table could have."""
    ran: list[str] = []
    for table in (key_functions._RUN, key_functions._RUN_CONNECTED, key_functions._RUN_WITH_LIST):
        if name in table:
            monkeypatch.setitem(table, name, lambda *_: ran.append(name))
    async with drive_dashboard(WatchedApp(opener_of(attached_database, actor=OPERATOR))) as driver:
        app, key = driver.app, replace(KEYS[name], traits=PLAIN, needs=None)
        key_functions.run(app, key)
        assert ran == [name]
        key_functions.run(app, replace(key, needs=Capability.MIGRATED))
        await driver.shows_message("Not possible here: ")
        app.dashboard.listing_query = replace(app.dashboard.listing_query, moment=FROZEN)
        key_functions.run(app, replace(key, traits=PRESENT))
        await driver.shows_message(ONLY_PRESENT)
        driver.session.access.suspended_by = WRITES_OFF, ""
        key_functions.run(app, replace(key, traits=WRITES))
        await driver.shows_message(WRITES_OFF)
        assert ran == [name]
