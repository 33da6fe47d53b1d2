"""Keys typed for a dialog go to the dialog, however fast they come and however busy the machine is."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from textual import events
from textual.css.query import NoMatches
from textual.geometry import Size
from textual.widgets import Input

from gjobs.store.jobs.job import JobStatus
from gjobs.tui.dashboard.actions import action_context, key_queue
from gjobs.tui.dashboard.actions.key_queue import DROPPED, SEEING_SECONDS, UNCHANGED, UNLISTED
from gjobs.tui.dashboard.dialogs.dialog import Dialog, ProgressDialog, showing_progress
from gjobs.tui.dashboard.dialogs.pick import PickDialog
from gjobs.tui.dashboard.frame.help import ManualDialog
from gjobs.tui.dashboard.list.jobs_panel import JobsPanel
from gjobs.tui.dashboard.terminal.terminal_input import PasteUnfinished
from tests.conftest import Conninfo
from tests.tui.app_waits import PATIENCE
from tests.tui.dashboard.dashboard_driver import Drive, Driver, Gate, WatchedApp, drive_dashboard, opener_of
from tests.tui.dashboard.keys.key_sending import busy_loop, chance, pass_seeing_time, rest, send, statuses, type_into
from tests.tui.jobs_database import FROZEN, JobsDatabase, fill, job_id, short


async def test_keys_wait_for_a_slow_machine_even_if_the_time_for_a_key_is_over(
    dashboard: Driver, jobs_db: JobsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_queue, "_MOST_SECONDS", 0.0)
    before = statuses(jobs_db)
    async with busy_loop(chance(1)):
        send(dashboard.app, "question_mark", "escape", "p", "escape", "n", *"lifestyle", "enter")
        await rest(dashboard)
    ((made, mode),) = jobs_db.sql("select id, mode from generation_jobs where created_at > %s", FROZEN)
    assert mode == "lifestyle"
    assert statuses(jobs_db) == {**before, made: "queued"}


async def test_key_typed_ahead_acts_once_the_last_change_is_listed(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    async with busy_loop(chance(3)):
        await dashboard.go_to(1)
        send(dashboard.app, *"sc")
        await rest(dashboard)
    await dashboard.until(lambda: jobs_db.status(1) is JobStatus.SUCCEEDED)

    await dashboard.go_to(5)
    jobs_db.set_status(5, "running")
    send(dashboard.app, *"sc")
    await dashboard.has_shown(UNCHANGED)
    await rest(dashboard)
    assert jobs_db.status(5) is JobStatus.RUNNING, "another process started the job"
    await pass_seeing_time(dashboard)

    await dashboard.press("3", until=lambda: set(dashboard.rows) == {2, 5, 6})
    await dashboard.go_to(2)
    send(dashboard.app, *"cc")
    await rest(dashboard)
    await dashboard.until(lambda: dashboard.rows == [5, 6])
    assert [jobs_db.status(number) for number in (2, 5, 6)] == ["succeeded", "running", "running"]


async def test_text_for_the_dialog_of_a_dropped_key_is_dropped_too(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    """The text is typed before and after the refusal. If they reached the list, `e` would export it and `q` would
    quit gjobs.
    """
    await dashboard.go_to(5)
    jobs_db.set_status(5, "running")
    send(dashboard.app, "s", "f", *"request")
    await dashboard.has_shown(UNCHANGED)
    send(dashboard.app, *"failed q", "enter")
    await rest(dashboard)
    assert dashboard.app.is_running
    assert (dashboard.dialog, dashboard.app.screen) == ("", dashboard.app.dashboard)
    assert not dashboard.table.marked
    assert jobs_db.status(5) is JobStatus.RUNNING

    await pass_seeing_time(dashboard)
    keys = dashboard.app.key_queue
    keys.drop_until_seen(UNLISTED, drops=dashboard.app.key_queue.rules.is_for_rows)
    send(dashboard.app, "f", *"quit")
    await dashboard.shows_message(UNLISTED)
    await rest(dashboard)
    assert dashboard.app.is_running
    assert (dashboard.dialog, dashboard.app.screen) == ("", dashboard.app.dashboard)


async def test_key_for_a_list_or_a_change_that_does_not_arrive_in_time_acts_on_no_job(
    drive: Drive, jobs_db: JobsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_queue, "_MOST_SECONDS", 0.3)
    monkeypatch.setattr(key_queue, "_FEWEST_TURNS", 310)
    before = statuses(jobs_db)
    change = Gate("transition_job_status")
    read = Gate("get_listing", lambda _store, query: query.window.listed.status is not None)
    async with drive(make=type("GatedStore", (change.store, read.store), {})) as driver:
        send(driver.app, *"2s")
        await driver.shows_message("The list is still loading.")
        read.open()
        await driver.refreshes(rows=[1, 5])
        assert statuses(jobs_db) == before

        await pass_seeing_time(driver)
        await driver.go_to(1)
        send(driver.app, *"scdy")
        await driver.shows_message(" in time. gjobs ignored the keys that you typed after it.")
        change.open()
        await driver.shows_message("Started ")
        await rest(driver)
        assert statuses(jobs_db) == {**before, job_id(1): "running"}
        assert driver.dialog == ""


def typed_text(driver: Driver) -> str:
    field = driver.app.focused
    assert isinstance(field, Input)
    return field.value


async def test_terminal_sequences_are_split_by_the_focused_widget(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    """A terminal sends escape and f in one piece also for option+right."""
    dialog = f"Fail packaging {short(2)}"
    await dashboard.press("f", on=2, dialog=dialog)
    type_into(dashboard.app, "time out\x1bb\x1bb-\x1bf+")
    await rest(dashboard)
    assert typed_text(dashboard) == "-time +out"
    await dashboard.type("")
    dashboard.app.post_message(events.Paste("time"))
    dashboard.app.post_message(PasteUnfinished())
    await dashboard.shows_message("The terminal did not mark the end of the pasted text")
    await dashboard.press("!")
    assert typed_text(dashboard) == "time!"
    await dashboard.press("escape", dialog="")
    async with busy_loop(chance(2)):
        send(dashboard.app, "f")
        dashboard.app.post_message(events.Paste("Error: sdf"))
        send(dashboard.app, "!")
        await dashboard.has_dialog(dialog)
        await rest(dashboard)
    assert typed_text(dashboard) == "Error: sdf!"
    await dashboard.press("escape", dialog="")

    for number, typed in ((2, "\x1bfError 2\r"), (6, "\x1b[27uf\x1b[200~Error 6\x1b[201~\r")):
        await dashboard.press("enter", on=number, dialog="Job")
        type_into(dashboard.app, typed)
        await dashboard.until(lambda number=number: jobs_db.status(number) is JobStatus.FAILED)  # type: ignore[misc]
        errors = jobs_db.sql("select error from generation_jobs where id = %s", job_id(number))
        assert errors == [(f"Error {number}",)]
        await rest(dashboard)
        if dashboard.dialog:
            await dashboard.press("escape", dialog="")


async def close_progress(driver: Driver) -> None:
    async with showing_progress(driver.app, ProgressDialog(title="Work", total=1)):
        await driver.has_dialog("Work")
        send(driver.app, "question_mark")
        await driver.until(lambda: isinstance(driver.app.screen, ManualDialog))


async def close_all(driver: Driver) -> None:
    await driver.press("enter", dialog="Job")
    driver.app.tasks.close_questions()


async def close_below(driver: Driver) -> None:
    """A form closes with its answer, and a palette above it closes too."""
    await driver.press("p")
    dialog = driver.app.screen
    assert isinstance(dialog, PickDialog)
    driver.app.action_command_palette()
    await driver.until(lambda: driver.app.screen is not dialog)
    dialog.dismiss(None)


async def close_with_keys_on_their_way(driver: Driver) -> None:
    async with showing_progress(driver.app, ProgressDialog(title="Work", total=1)):
        await driver.has_dialog("Work")
        for _ in range(3):
            send(driver.app, "s")


async def test_keys_for_a_dialog_that_closes_by_itself_are_dropped(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    """Keys are dropped until the user has had time to see the list. Then the keys act on it."""
    before = statuses(jobs_db)
    for close in (close_with_keys_on_their_way, close_progress, close_all, close_below):
        await pass_seeing_time(dashboard)
        await dashboard.go_to(1)
        dashboard.clear_messages()
        await close(dashboard)
        if close is not close_with_keys_on_their_way:
            for _ in range(3):
                send(dashboard.app, "s")
                await asyncio.sleep(0.1)
        await dashboard.shows_message(DROPPED)
        await rest(dashboard)
        assert statuses(jobs_db) == before, close
    await asyncio.sleep(SEEING_SECONDS)
    await dashboard.press("s", until=lambda: jobs_db.status(1) is JobStatus.RUNNING)

    keys = dashboard.app.key_queue
    keys.drop_until_seen()
    keys.drop_until_seen("Only keys for rows.", drops=keys.rules.is_for_rows)
    await dashboard.press("w", message="Only keys for rows.")
    assert dashboard.dialog == "", "keys that are dropped for two reasons stay dropped for both"

    await pass_seeing_time(dashboard)
    await close_progress(dashboard)
    send(dashboard.app, "s")
    send(dashboard.app, "ctrl+q")
    await dashboard.until(lambda: not dashboard.app.is_running)


async def test_held_key_opens_its_dialog_rarely_and_ends_as_slow_keys_do(
    dashboard: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An odd number leaves the dialog open."""
    opened: list[object] = []
    push = dashboard.app.push_screen

    def counted(*given: Any, **options: Any) -> object:
        opened.append(given)
        return push(*given, **options)

    monkeypatch.setattr(dashboard.app, "push_screen", counted)
    for repeats in (10, 151):
        for key, dialog in (("enter", "Job"), ("question_mark", "Manual"), ("w", "Workers")):
            for _ in range(repeats):
                send(dashboard.app, key)
            await rest(dashboard)
            assert dashboard.dialog.startswith(dialog) if repeats % 2 else not dashboard.dialog, (key, repeats)
            assert len(opened) <= 3, (key, repeats)
            if repeats % 2:
                await dashboard.press("escape", dialog="")
            dashboard.app.key_queue._repeated_until = 0.0
            opened.clear()

    highest = 0
    for _ in range(100):
        send(dashboard.app, "enter")
        highest = max(highest, len(dashboard.app.screen_stack))
        await asyncio.sleep(0)
    await rest(dashboard)
    assert max(highest, len(dashboard.app.screen_stack)) <= 2
    assert dashboard.app.internal_error is None
    assert dashboard.dialog == ""
    dashboard.app.key_queue._repeated_until = 0.0

    send(dashboard.app, "slash", *"wwwwwwww")
    await rest(dashboard)
    assert typed_text(dashboard) == "wwwwwwww"


OPENERS = ("n", "p", "b", "t", "w", "E", "?", "u", "ctrl+p", "enter")
LETTERS = "abehlmnpqtuwxz"
"""Letters that change neither a job nor the list: one letter may close a dialog, and the next letter may then act on
the list.
"""
PASTED = "pasted text"
WRITES = (("n", "x", "enter"), ("n", "q", "escape", "d", "n"), ("s", "f", "x", "enter"), ("d", "y"))


def sequences() -> Iterator[tuple[int, Sequence[str]]]:
    """Dialogs, text and pastes for them, and escape, in any order.

    A write in the middle and one at the end depend on all earlier keys. The one in the middle changes no listed job:
    fast keys that follow such a change may be dropped.
    """
    for seed in range(3):
        dice = chance(seed)
        keys: list[str] = []
        for place in range(4):
            letters = [dice.choice([*LETTERS, PASTED]) for _ in range(dice.randint(0, 6))]
            keys += [dice.choice(OPENERS), *letters, "escape", "escape", "escape"]
            if place == 2:
                keys += dice.choice(WRITES[:2])
        held = [("enter", "?", "w")[seed]] * dice.randint(4, 7)
        yield seed, [*held, *["escape"] * 3, *keys, *dice.choice(WRITES)]


async def outcome(
    jobs_db: JobsDatabase, database: Conninfo, keys: Sequence[str], pauses: Iterator[float] | None
) -> object:
    """What the keys leave: the jobs, the open dialogs and what was typed. If `pauses` is None, each key is handled
    before the next one is sent.
    """
    jobs_db.sql("truncate public.generation_jobs, public.projects, auth.users cascade")
    fill(jobs_db)
    async with drive_dashboard(WatchedApp(opener_of(database))) as driver:
        for key in keys:
            if key == PASTED:
                driver.app.post_message(events.Paste(key))
            else:
                send(driver.app, key)
            if pauses is None:
                await rest(driver)
            elif pause := next(pauses):
                await asyncio.sleep(pause)
        await rest(driver)
        assert driver.app.internal_error is None
        jobs = jobs_db.sql(
            "select status, mode, error, cost_cents, created_at < %s from public.generation_jobs"
            " order by status, mode, error, cost_cents",
            FROZEN,
        )
        typed = [field.value for field in driver.app.screen.query(Input)]
        return jobs, driver.dialog, typed, type(driver.app.focused)


def bursts(dice: random.Random) -> Iterator[float]:
    while True:
        for _ in range(dice.randint(1, 10)):
            yield 0
        yield dice.uniform(0, 0.08)


@pytest.mark.parametrize(("seed", "keys"), list(sequences()))
async def test_fast_keys_do_the_same_as_slow_keys(
    jobs_db: JobsDatabase, database: Conninfo, seed: int, keys: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No wait for a dialog or the list has a time limit here."""
    for module, limit in (
        (key_queue, "_CANCELLABLE_AFTER_SECONDS"),
        (key_queue, "_MOST_SECONDS"),
        (action_context, "_TIMEOUT_SECONDS"),
    ):
        monkeypatch.setattr(module, limit, PATIENCE)
    slowly = await outcome(jobs_db, database, keys, None)
    async with busy_loop(chance(seed)):
        fast = await outcome(jobs_db, database, keys, bursts(chance(seed)))

    assert fast == slowly, " ".join(keys)


async def test_dialog_or_question_that_is_closed_at_an_unusual_time_causes_no_error(dashboard: Driver) -> None:
    app = dashboard.app

    async def is_back() -> None:
        await rest(dashboard)
        assert app.internal_error is None
        assert app.screen is app.dashboard

    await dashboard.press("p", dialog="Show which project?")
    dialog = app.screen
    assert isinstance(dialog, PickDialog)
    dialog.take_highlighted()
    dialog.take_highlighted()
    dialog.post_message(Input.Changed(dialog.query_one(Input), "x"))
    await is_back()

    await dashboard.press("p")
    dialog = app.screen
    assert isinstance(dialog, PickDialog)
    app.action_command_palette()
    await rest(dashboard)
    assert app.screen is not dialog
    dialog.take_highlighted()
    await is_back()

    for action in ("app.help", "app.run('app.workers')", "open", "app.run('project.budgets')", "app.run('app.times')"):
        await app.run_action(action, dashboard.table if action == "open" else app.dashboard)
        await dashboard.until(lambda: len(app.screen_stack) > 1)
        opened = app.screen
        assert isinstance(opened, Dialog)
        opened.dismiss(None)
        opened.post_message(events.Resize(Size(80, 24), Size(80, 24)))
        await is_back()

    async def ask() -> None:
        raise AssertionError("It was cancelled.")

    await pass_seeing_time(dashboard)
    question = ask()
    app.tasks.ask(question)
    app.tasks.close_questions()
    send(app, "question_mark")
    await dashboard.until(lambda: len(app.screen_stack) > 1)
    question.close()


async def test_keys_typed_ahead_do_not_end_the_dashboard_and_keep_its_exit_status(dashboard: Driver) -> None:
    for keys in (
        ("p", "enter", "enter"),
        ("u", "enter", "enter"),
        ("ctrl+p", "enter", "enter"),
        ("ctrl+p", "pagedown", "x"),
        ("ctrl+p", "escape", "ctrl+p", "escape", "ctrl+p"),
    ):
        send(dashboard.app, *keys)
        await rest(dashboard)
        await dashboard.press(*["escape"] * 3)
        assert dashboard.app.internal_error is None, keys
        assert dashboard.app.screen is dashboard.app.dashboard, keys

    await pass_seeing_time(dashboard)
    send(dashboard.app, "p", "q", "escape", "q", "enter", "n", "p", "enter", "ctrl+p", "pagedown")
    await dashboard.until(lambda: not dashboard.app.is_running)
    assert dashboard.app.internal_error is None
    assert dashboard.app.return_code == 0


def raise_missing(_: JobsPanel) -> None:
    raise NoMatches


async def test_key_that_waits_while_the_dashboard_closes_is_no_error(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The panel may be removed while the app closes. The key queue must not ask for it then."""
    change = Gate("transition_job_status")
    async with drive(make=change.store) as driver:
        await driver.go_to(1)
        send(driver.app, *"sc")
        await driver.until(lambda: change.calls and not driver.app.key_queue.is_idle)
        with monkeypatch.context() as patch:
            driver.app.exit()
            patch.setattr(JobsPanel, "is_changing_selected", property(raise_missing))
            await driver.until(lambda: not driver.app.is_running)
        change.open()
    assert driver.app.internal_error is None


async def test_escape_leaves_a_dialog_that_takes_no_key(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search is never answered: after enter, the dialog waits for the search, and later keys wait for the next
    dialog.
    """
    search = Gate("find_users", lambda _store, needle: bool(needle))
    async with drive(make=search.store) as driver:
        send(driver.app, "u", "b", "enter", "x", "y")
        await driver.until(lambda: driver.dialog and search.calls)
        monkeypatch.setattr(key_queue, "_CANCELLABLE_AFTER_SECONDS", 0.0)
        send(driver.app, "escape")
        await driver.has_dialog("")
        await rest(driver)

        assert driver.app.screen is driver.app.dashboard


async def test_escape_stops_waiting_for_a_retry_which_then_asks_nothing(
    drive: Drive, jobs_db: JobsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job was already retried, so the answer would open the question whether to retry it again."""
    jobs_db.set_status(1, "failed")
    retry = Gate("retry_generation_jobs", lambda *_: retry.calls > 0 or len(retried) > 0)
    retried: list[bool] = []
    async with drive(make=retry.store) as driver:
        await driver.press("r", on=1, message=" as a retry of ")
        retried.append(True)
        await driver.press("r", on=1, until=lambda: retry.calls)
        send(driver.app, "x")
        await driver.until(lambda: not driver.app.key_queue.is_idle)
        monkeypatch.setattr(key_queue, "_CANCELLABLE_AFTER_SECONDS", 0.0)
        send(driver.app, "escape")
        await driver.shows_message("Stopped waiting for the dialog.")
        retry.open()
        await driver.shows_message("already retried")
        await rest(driver)

        assert driver.app.screen is driver.app.dashboard
        assert jobs_db.sql("select count(*) from gjobs.job_links") == [(1,)]
