"""The line of key hints: which keys it shows, which are grey and why, and what a click runs."""

from dataclasses import replace

import pytest
from textual.content import Content

from gjobs.store.capabilities.capabilities import Capabilities
from gjobs.store.capabilities.capability import JOBS, USERS, DatabaseFacts
from gjobs.store.configuration.settings import WriteMode
from gjobs.store.jobs.job import JobStatus
from gjobs.store.users.actor import OPERATOR, Actor
from gjobs.tui.dashboard.actions.action_context import missing_capability_words, remark_on_acting
from gjobs.tui.dashboard.bindings import KEYS, WRITES
from gjobs.tui.dashboard.dialogs.dialog import Dialog
from gjobs.tui.dashboard.panels.footer import KeyHints
from tests.store.capabilities.sample_facts import FACTS, USER, without_login
from tests.tui.dashboard.dashboard_driver import Clock, Drive, Driver, Gate
from tests.tui.jobs_database import BEN, JobsDatabase

WRITE_HINTS = ("s start", "c complete", "f fail", "r retry", "n new", "d delete")


def hints(driver: Driver) -> str:
    return str(driver.app.dashboard.query_one(KeyHints).render())


def grey(driver: Driver) -> list[str]:
    """Return the hints that are grey."""
    line = driver.app.dashboard.query_one(KeyHints).render()
    assert isinstance(line, Content)
    return [line.plain[span.start : span.end] for span in line.spans if span.style == "$foreground-disabled"]


async def test_keys_that_do_not_apply_to_the_selected_jobs_are_grey(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    for number, refused in (
        (1, ["c complete", "f fail", "r retry"]),
        (2, ["s start", "r retry"]),
        (3, ["s start", "c complete", "f fail", "r retry"]),
        (4, ["s start", "c complete", "f fail"]),
    ):
        await dashboard.go_to(number)
        await dashboard.until(lambda refused=refused: grey(dashboard) == refused)  # type: ignore[misc]

    await dashboard.go_to(1)
    jobs_db.set_status(1, "running")
    await dashboard.refreshes(until=lambda: grey(dashboard) == ["s start", "r retry"])
    await dashboard.focus_on("#projects")
    assert grey(dashboard) == [*WRITE_HINTS[:4], "d delete"]
    dashboard.app.dashboard.set_focus(dashboard.table)

    screen = dashboard.app.dashboard
    await dashboard.mark(5, 2)
    assert grey(dashboard) == ["r retry"]
    collected = screen._selection
    await dashboard.press("down", "up")
    await dashboard.refreshes()
    assert screen._selection is collected, "statuses are collected once until they change"
    await dashboard.press("space", on=4, until=lambda: grey(dashboard) == [])


async def test_keys_for_a_hidden_job_are_grey_and_not_behind_a_dialog(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.job(9, "failed", owner=BEN)
    await dashboard.press("v", shows="visibility: ")
    await dashboard.press(on=9, until=lambda: grey(dashboard) == [*WRITE_HINTS[:4], "d delete"])
    await dashboard.press("v", hides="visibility: ")
    await dashboard.press(on=4, until=lambda: grey(dashboard) == ["s start", "c complete", "f fail"])

    line = dashboard.app.dashboard.query_one(KeyHints)
    await dashboard.press("p", on=1, until=lambda: dashboard.dialog)
    assert not line.visible
    jobs_db.set_status(1, "running")
    await dashboard.refreshes_behind()
    await dashboard.press("escape", dialog="")
    await dashboard.until(lambda: line.visible and grey(dashboard) == ["s start", "r retry"])


async def test_job_keys_are_grey_while_another_list_is_loading(drive: Drive) -> None:
    gate = Gate("get_listing", lambda _, query: query.window.listed.status is JobStatus.FAILED)
    async with drive(make=gate.store) as driver:
        await driver.go_to(1)
        assert "s start" not in grey(driver)
        await driver.press("5", shows="loading …")
        await driver.until(lambda: set(WRITE_HINTS) - {"n new"} <= {*grey(driver)})
        gate.open()
        await driver.expects(rows=[4], until=lambda: grey(driver) == ["s start", "c complete", "f fail"])


async def test_read_only_dashboard_shows_write_keys_only_during_a_permit(drive: Drive, clock: Clock) -> None:
    async with drive(rule=WriteMode.PERMIT_REQUIRED, clock=clock) as driver:
        assert not any(key in hints(driver) for key in WRITE_HINTS)
        assert "⏎ details" in hints(driver)
        await driver.press("W", until=lambda: driver.dialog)
        await driver.type("a test", "enter", dialog="", until=lambda: all(key in hints(driver) for key in WRITE_HINTS))
        await driver.press("W", until=lambda: not any(key in hints(driver) for key in WRITE_HINTS))


@pytest.mark.parametrize("rule", [WriteMode.CLOSED, WriteMode.OPEN])
async def test_line_begins_with_the_usable_job_keys_and_ends_with_help_and_quit(drive: Drive, rule: WriteMode) -> None:
    async with drive(size=(80, 24), rule=rule) as driver:
        for width, height in ((60, 15), (80, 24), (120, 36), (160, 36)):
            await driver.resize(width, height)
            end = "? help" if width == 60 else "? help  q quit"
            assert driver.text.splitlines()[-1].rstrip().endswith(end)
            assert len(hints(driver)) == width - 1
            if width == 80 and rule is WriteMode.OPEN:
                await driver.go_to(1)
                assert hints(driver).startswith("⏎ details  s start  c complete  f fail  n new  d delete  / find")
                await driver.go_to(4)
                await driver.until(lambda: "r retry" in hints(driver) and "/ find" in hints(driver))
            elif width >= 120 and (rule is WriteMode.CLOSED or width == 160):
                assert all(hint in hints(driver) for hint in ("C case", "E errors", "u user"))
        await driver.focus_on("#projects")
        assert "C case" not in grey(driver)


async def test_key_hints_follow_focus_and_keymap_and_a_click_runs_their_actions(dashboard: Driver) -> None:
    bar = dashboard.app.dashboard.jobs.bar
    first = dashboard.text.splitlines()[-1].index("/ find")
    for column, is_run in ((first - 1, False), (first, True), (first + 5, True), (first + 6, False)):
        await dashboard.pilot.click(KeyHints, offset=(column, 0))
        await dashboard.settle()
        assert bar.display is is_run, column
        if is_run:
            await dashboard.until(lambda: "⏎ keep" in hints(dashboard))
            assert not any(hint in hints(dashboard) for hint in ("/ find", "s start"))
            await dashboard.press("escape")
    dashboard.app.set_keymap({"job.start": "slash,f9", "job.new": "N"})
    await dashboard.settle()
    assert "/ start" in hints(dashboard)
    assert "N new" in hints(dashboard)
    assert "/ find" not in hints(dashboard)
    await dashboard.focus_on("#projects")
    assert hints(dashboard).startswith("⏎ choose")


REPLICA = replace(FACTS, is_replica=True)

NO_UPDATE = without_login(JOBS, update=frozenset())

NO_DELETE = replace(without_login(JOBS, delete=False), login="a\x1b[2Jb")


@pytest.mark.parametrize(
    ("key", "facts", "words"),
    [
        ("job.start", NO_UPDATE, "may not change generation_jobs. To fix it, run: GRANT UPDATE ON"),
        ("job.complete", without_login(JOBS, update=frozenset({"status"})), "may not change error of generation_jobs."),
        ("job.fail", without_login(JOBS, update=frozenset({"status", "error"})), ""),
        ("job.delete", NO_DELETE, "a␛[2Jb may not delete rows of generation_jobs."),
        ("job.new", REPLICA, "This server is a replica and accepts no writes."),
        ("project.new", REPLICA, "This server is a replica and accepts no writes."),
        ("project.pick", REPLICA, ""),
    ],
)
def test_missing_capability_explains_why_a_key_is_refused(key: str, facts: DatabaseFacts, words: str) -> None:
    text = missing_capability_words(KEYS[key].needs, Capabilities(facts), OPERATOR)
    assert text.startswith("Not possible here: ") is bool(words)
    assert words in text
    assert text.isprintable()


@pytest.mark.parametrize("key", [name for name, key in KEYS.items() if WRITES in key.traits])
@pytest.mark.parametrize("actor", [OPERATOR, USER])
def test_job_action_is_refused_only_with_known_missing_capabilities(key: str, actor: Actor) -> None:
    needs = KEYS[key].needs
    assert missing_capability_words(needs, Capabilities(FACTS), actor) == ""
    assert missing_capability_words(needs, None, actor) == ""
    assert missing_capability_words(needs, Capabilities(REPLICA), actor)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (FACTS, ""),
        (replace(FACTS, may_become_user=False), "may not act as a user. To fix it, run: GRANT authenticated TO"),
        (
            without_login(USERS, schema=False),
            "Only owners of jobs are listed, without their e-mails: No grant: the role",
        ),
    ],
)
def test_remark_on_acting_explains_missing_privileges(facts: DatabaseFacts, words: str) -> None:
    remark = remark_on_acting(Capabilities(facts))
    assert words in remark
    assert bool(remark) is bool(words)


def test_class_of_a_dialog_cannot_have_a_hint_of_an_unknown_key() -> None:
    with pytest.raises(LookupError, match=r"dialog\.leaves"):

        class Misspelled(Dialog[None]):
            HINTS = ("dialog.leaves",)
