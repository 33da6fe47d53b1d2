"""Keys typed after a refused key, and keys typed before the screen shows the job that they would change."""

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import pytest
from textual import events
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.screen import Screen
from textual.widgets import Input

from gjobs.store.configuration.settings import WriteMode
from gjobs.store.jobs.job import JobStatus
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.dashboard.actions.key_queue import SEEING_SECONDS, UNOPENED, UNSEEN
from gjobs.tui.dashboard.bindings import (
    APP_BINDINGS,
    DASHBOARD_BINDINGS,
    DIALOG,
    DialogKey,
    Key,
    Trait,
    own_bindings,
    traits_of,
)
from gjobs.tui.dashboard.dialogs.dialog import ConfirmDialog
from gjobs.tui.dashboard.dialogs.form import FormDialog
from gjobs.tui.dashboard.list.job_table import JobTable
from tests.conftest import Conninfo
from tests.tui.app_waits import settle
from tests.tui.dashboard.dashboard_driver import Drive, Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.dashboard.keys.key_sending import busy_loop, chance, rest, send, type_slowly
from tests.tui.jobs_database import FROZEN, JobsDatabase, job_id

PACES = (0.03, 0.35, 0.9)
"""Seconds between two keys of a person, from fast typing to typing with pauses."""

Rows = list[tuple[object, ...]]


def all_rows(jobs_db: JobsDatabase) -> Rows:
    return jobs_db.sql("select id, status, error from generation_jobs order by id")


@pytest.mark.parametrize("pause", PACES)
@pytest.mark.parametrize(
    ("number", "keys"), [(4, "fretry"), (1, "fs"), (1, "fdy"), (3, "fdy"), (1, ["f", "space", "s"])]
)
async def test_text_for_a_refused_dialog_changes_no_job_at_any_pace(
    dashboard: Driver, jobs_db: JobsDatabase, number: int, keys: Sequence[str], pause: float
) -> None:
    before = all_rows(jobs_db)
    await dashboard.go_to(number)
    await type_slowly(dashboard, *keys, pause=pause)
    await dashboard.shows_message(UNOPENED)
    assert dashboard.dialog == ""
    assert not dashboard.marked
    assert all_rows(jobs_db) == before


async def test_message_on_dropped_text_keeps_the_reason_of_the_refusal(dashboard: Driver) -> None:
    await dashboard.go_to(1)
    await type_slowly(dashboard, "f", "s", pause=0.1)
    await dashboard.shows_message(f"Only a running job can be failed; this one is queued. {UNOPENED}")
    assert dashboard.app.messages.unread == 0


async def leave_rows(driver: Driver) -> None:
    driver.app.dashboard.set_focus(driver.app.dashboard.query_one("ProjectList"))


async def show_the_past(driver: Driver) -> None:
    driver.app.show_moment(FROZEN)
    await driver.settle()


async def list_nothing(driver: Driver) -> None:
    await driver.filter("mode:none", "enter", rows=[])


async def open_budgets(driver: Driver) -> None:
    await driver.press("b", dialog="Budgets · all users and projects")


async def do_nothing(driver: Driver) -> None:
    pass


@pytest.mark.parametrize(
    ("prepare", "options", "keys"),
    [
        (do_nothing, {"rule": WriteMode.PERMIT_REQUIRED}, "fw"),
        (leave_rows, {}, "fw"),
        (show_the_past, {}, "ew"),
        (show_the_past, {}, "vp"),
        (list_nothing, {}, "dw"),
        (list_nothing, {}, ["enter", "w"]),
        (do_nothing, {}, "Dw"),
    ],
)
async def test_text_for_a_dialog_that_is_refused_for_any_reason_opens_nothing(
    drive: Drive, prepare: Callable[[Driver], Awaitable[None]], options: dict[str, object], keys: Sequence[str]
) -> None:
    async with drive(actor=OPERATOR, **options) as driver:
        await prepare(driver)
        await type_slowly(driver, *keys, pause=0.35)
        await driver.shows_message(UNOPENED)
        assert driver.dialog == ""


async def test_text_for_a_dialog_that_the_database_lacks_opens_nothing(
    attached_jobs_db: JobsDatabase, attached_database: Conninfo
) -> None:
    async with drive_dashboard(WatchedApp(opener_of(attached_database, actor=OPERATOR))) as driver:
        await type_slowly(driver, "b", "n", pause=0.35)
        await driver.shows_message(UNOPENED)
        assert driver.dialog == ""


async def test_text_for_the_form_that_a_dialog_refuses_leaves_the_dialog_open(dashboard: Driver) -> None:
    await dashboard.press("b")
    await dashboard.until(lambda: dashboard.dialog.startswith("Budgets"))
    title = dashboard.dialog
    await type_slowly(dashboard, "n", "q", pause=0.35)
    await dashboard.shows_message(UNOPENED)
    assert dashboard.dialog == title


async def test_text_for_a_command_that_the_session_refuses_opens_nothing(drive: Drive) -> None:
    async with drive(rule=WriteMode.PERMIT_REQUIRED) as driver:
        await type_after_command(driver, "Clean up", "w")


async def test_text_for_a_command_that_the_database_lacks_opens_nothing(attached_database: Conninfo) -> None:
    async with drive_dashboard(WatchedApp(opener_of(attached_database, actor=OPERATOR))) as driver:
        await type_after_command(driver, "Archived jobs", "w")


async def type_after_command(driver: Driver, command: str, key: str) -> None:
    """Run a refused command from the palette, and check that the key typed for its dialog is dropped."""
    await driver.press("ctrl+p")
    await driver.type(command)
    await driver.until(lambda: command in driver.offered_command)
    await type_slowly(driver, "enter", key, pause=0.35)
    await driver.has_shown(UNOPENED)
    assert driver.dialog == ""


async def test_key_acts_right_after_another_one_ended_the_write_permit(drive: Drive) -> None:
    async with drive(rule=WriteMode.PERMIT_REQUIRED) as driver:
        driver.session.access.open_permit("ticket 4711", 300)
        await type_slowly(driver, "W", "w", pause=0.05)
        await driver.until(lambda: driver.dialog.startswith("Workers"))


async def test_key_acts_right_after_the_load_was_shown(dashboard: Driver) -> None:
    await type_slowly(dashboard, "L", "m", pause=0.05)
    await dashboard.until(lambda: dashboard.dialog.startswith("Messages"))


async def test_key_acts_one_second_after_the_last_dropped_one(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.go_to(1)
    await type_slowly(dashboard, "f", "s", "s", "s", pause=SEEING_SECONDS * 0.95)
    assert jobs_db.status(1) is JobStatus.QUEUED
    send(dashboard.app, "s", at=time.monotonic() + 4 * SEEING_SECONDS)
    await dashboard.until(lambda: jobs_db.status(1) is JobStatus.RUNNING)


@pytest.mark.parametrize("key", ["escape", "ctrl+c", "left"])
async def test_text_acts_again_after_a_key_that_types_no_text(
    dashboard: Driver, jobs_db: JobsDatabase, key: str
) -> None:
    await dashboard.go_to(1)
    await type_slowly(dashboard, "f", "x", key, "s", pause=0.05)
    await dashboard.until(lambda: jobs_db.status(1) is JobStatus.RUNNING)


async def test_arrow_moves_the_cursor_right_after_a_refusal(dashboard: Driver) -> None:
    await dashboard.go_to(1)
    await type_slowly(dashboard, "f", "x", "down", pause=0.05)
    assert dashboard.cursor == 2


async def test_text_goes_into_a_dialog_that_another_key_opens_after_a_refusal(dashboard: Driver) -> None:
    await dashboard.go_to(1)
    await type_slowly(dashboard, "f", "ctrl+p", *"theme", pause=0.05)
    assert isinstance(dashboard.app.screen, CommandPalette)
    assert dashboard.app.screen.query_one(Input).value == "theme"


async def test_paste_and_text_after_a_refused_click_are_dropped(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    """A click on the hint of a key runs its action."""
    before = all_rows(jobs_db)
    await dashboard.go_to(4)
    await dashboard.app.run_action("act('fail')", dashboard.app.dashboard)
    await rest(dashboard)
    dashboard.app.post_message(events.Paste(str(job_id(2))))
    await type_slowly(dashboard, *"retry", pause=0.35)
    await dashboard.shows_message(UNOPENED)
    assert not dashboard.app.dashboard.jobs.bar.display
    assert all_rows(jobs_db) == before


async def test_each_key_that_opens_a_dialog_is_declared_to_do_so(operator: Driver) -> None:
    """A forgotten declaration would let the text for a refused dialog act."""
    app = operator.app
    undeclared: set[str | None] = set()

    async def is_opened_by(binding: Binding) -> bool:
        before = app.screen
        await operator.press(binding.key.split(",")[0])
        await rest(operator)
        has_opened = app.screen is not before and len(app.screen_stack) > 1
        if has_opened and not may_open(binding):
            undeclared.add(binding.id)
        return has_opened

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
        await return_to_list()
        if await is_opened_by(binding):
            dialogs[binding.key.split(",")[0]] = type(app.screen)
        elif may_open(binding) and Trait.SEVERAL not in traits_of(binding.id or ""):
            silent.add(binding.id)
    # There is no other database, no permit is required, and the job is queued. No other key drops text for nothing.
    assert silent == {"app.database", "app.write", "job.fail"}
    assert len(dialogs) > 15
    for key, dialog in dialogs.items():
        if issubclass(dialog, ConfirmDialog | FormDialog):
            continue
        for binding in declared(own_bindings(dialog)):
            # Open a new dialog each time, because a worker of the last one may open another screen late.
            await return_to_list()
            await operator.press(key)
            await rest(operator)
            await is_opened_by(binding)
    assert not undeclared


def may_open(binding: Binding) -> bool:
    """Return whether the key is declared to open a dialog."""
    traits = binding.traits if isinstance(binding, Key) else traits_of(binding.id or "")
    return isinstance(binding, DialogKey) or bool(traits & (DIALOG | Trait.SEVERAL))


def declared(bindings: Iterable[BindingType]) -> list[Binding]:
    """Return the bindings that neither quit, nor leave a dialog, nor stop refreshing."""
    others = ("quit", "leave", "pause")
    return [one for one in bindings if isinstance(one, Binding) and not one.action.startswith(others)]


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


@pytest.mark.parametrize(("keys", "number", "status"), OTHER_JOBS)
async def test_key_acts_on_a_job_that_the_screen_shows_as_selected(
    dashboard: Driver, jobs_db: JobsDatabase, keys: Sequence[str], number: int, status: JobStatus
) -> None:
    before = dict(jobs_db.sql("select id, status from generation_jobs"))
    await type_slowly(dashboard, *keys[:-1], pause=0.03)
    await dashboard.until(lambda: not dashboard.app.dashboard.awaits_list)
    await dashboard.settle()
    send(dashboard.app, keys[-1])
    await dashboard.until(lambda: jobs_db.status(number) is status)
    after = dict(jobs_db.sql("select id, status from generation_jobs"))
    assert after == {**before, job_id(number): status}


@pytest.mark.parametrize("keys", [keys for keys, _, _ in OTHER_JOBS if keys[0] != "down" or keys[1] == "down"])
async def test_key_typed_before_the_screen_shows_the_selected_job_acts_on_none(
    dashboard: Driver, jobs_db: JobsDatabase, keys: Sequence[str]
) -> None:
    """The text typed for the dialog of a dropped key is dropped, too."""
    before = all_rows(jobs_db)
    async with busy_loop(chance(3)):
        for key in (*keys[:-1], "f", *"sry", *keys[-1]):
            send(dashboard.app, key)
        await dashboard.shows_message(UNSEEN)
        await rest(dashboard)
    assert dashboard.dialog == ""
    assert all_rows(jobs_db) == before


async def test_key_typed_before_the_screen_shows_the_job_of_the_details_changes_no_job(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    before = all_rows(jobs_db)
    await dashboard.go_to(4)
    for key in ("down", "enter", "s"):
        send(dashboard.app, key)
    await dashboard.has_shown(UNSEEN)
    await rest(dashboard)
    assert all_rows(jobs_db) == before


@pytest.mark.parametrize("seconds_too_early", [0.0, 0.001])
async def test_key_in_the_details_acts_only_if_the_screen_showed_the_job_before(
    dashboard: Driver, jobs_db: JobsDatabase, seconds_too_early: float
) -> None:
    """The row of the job may have been drawn while its details were not."""
    await dashboard.go_to(4)
    await type_slowly(dashboard, "down", "enter", pause=0.03)
    send(dashboard.app, "s", at=dashboard.table._selection_drawn_at - seconds_too_early)
    if seconds_too_early:
        await dashboard.has_shown(UNSEEN)
    else:
        await dashboard.until(lambda: jobs_db.status(5) is JobStatus.RUNNING)
    await rest(dashboard)
    assert (jobs_db.status(5) is JobStatus.QUEUED) == bool(seconds_too_early)


async def test_keys_for_jobs_that_the_user_makes_act_without_waiting_for_the_screen(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    """Create, start, fail, retry, start and complete a job in one burst."""
    for key in ("n", *"shoe", "enter", "s", "f", "x", "enter", "r", "s", "c"):
        send(dashboard.app, key)
    made = "select status from generation_jobs where mode = 'shoe' order by created_at"
    await dashboard.until(lambda: jobs_db.sql(made) == [("failed",), ("succeeded",)])


async def test_key_after_a_deletion_waits_until_the_screen_shows_the_next_job(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    await dashboard.go_to(4)
    for key in "dydy":
        send(dashboard.app, key)
    await dashboard.shows_message("gjobs ignored the keys that you typed")
    await rest(dashboard)
    await dashboard.until(lambda: jobs_db.sql("select count(*) from generation_jobs") == [(7,)])
    assert dashboard.dialog == ""
