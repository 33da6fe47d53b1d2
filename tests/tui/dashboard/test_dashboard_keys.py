"""Bindings, keymap, palette and theme of the dashboard, and the line of key hints: which are shown or grey, and why."""

import importlib
import pkgutil
import re
from collections import Counter
from dataclasses import replace
from inspect import signature
from pathlib import Path

import pytest
from textual import actions
from textual.binding import Binding
from textual.command import CommandList, CommandPalette
from textual.content import Content
from textual.dom import DOMNode
from textual.geometry import Region
from textual.widgets import OptionList

from gjobs import tui
from gjobs.store.capabilities.capabilities import Capabilities
from gjobs.store.capabilities.capability import JOBS, USERS, DatabaseFacts
from gjobs.store.configuration.settings import Configuration, WriteMode
from gjobs.store.errors import BadConfiguration
from gjobs.store.jobs.job import JobStatus
from gjobs.store.users.actor import OPERATOR, Actor
from gjobs.tui.dashboard.actions.action_context import missing_capability_words, remark_on_acting
from gjobs.tui.dashboard.bindings import KEYS, WRITES
from gjobs.tui.dashboard.dialogs.dialog import Dialog
from gjobs.tui.dashboard.frame.demo_app import PRESENT, DemoApp, DemoPresenter
from gjobs.tui.dashboard.frame.help import GROUPS, all_entries
from gjobs.tui.dashboard.panels.footer import KeyHints
from gjobs.tui.dashboard.presenter import READING_KEYS
from gjobs.tui.dashboard.session.setup import load
from gjobs.tui.dashboard_settings import TABLE, checked_keymap
from gjobs.tui.text.status_text import JobAction
from tests.manual import dashboard_facts
from tests.store.capabilities.sample_facts import FACTS, USER, without_login
from tests.tui.dashboard.dashboard_driver import Clock, Drive, Driver, Gate
from tests.tui.jobs_database import BEN, JobsDatabase


def own_classes() -> list[type[DOMNode]]:
    for module in pkgutil.walk_packages(tui.__path__, "gjobs.tui."):
        importlib.import_module(module.name)

    def below(parent: type[DOMNode]) -> list[type[DOMNode]]:
        return [descendant for child in parent.__subclasses__() for descendant in (child, *below(child))]

    return sorted(
        {owner for owner in below(DOMNode) if owner.__module__.startswith("gjobs.tui.")}, key=lambda c: c.__name__
    )


def own_bindings() -> list[Binding]:
    # DemoPresenter repeats bindings of DemoApp. DemoApp repeats the app's binding that opens the presenter view. That
    # view repeats the app's bindings that open a screen to read.
    owners = [owner for owner in own_classes() if owner is not DemoPresenter]
    bindings = [binding for owner in owners for binding in owner.__dict__.get("BINDINGS", ())]
    assert all(isinstance(binding, Binding) for binding in bindings)
    return [binding for binding in bindings if binding not in (*PRESENT, *READING_KEYS)]


def test_every_binding_has_a_unique_id_a_group_a_tooltip_and_a_key_of_each_terminal() -> None:
    bindings = own_bindings()

    assert len(bindings) > 40
    assert [name for name, number in Counter(binding.id for binding in bindings).items() if number > 1] == []
    for binding in bindings:
        assert binding.id
        assert binding.description
        assert binding.tooltip[0].isupper()
        assert not binding.tooltip.endswith(".")
    assert {str(binding.id).partition(".")[0] for binding in bindings} == set(GROUPS), "the help has a title for each"
    assert {name.partition(".")[0] for name in KEYS} <= set(GROUPS)
    keys = {key for binding in bindings for key in binding.key.split(",")}
    assert keys.isdisjoint({"ctrl+m", "ctrl+h", "ctrl+i", "ctrl+j"}), "terminals cannot tell them from other keys"
    assert not any(key.startswith("alt+") for key in keys)


def test_each_key_runs_a_function_that_takes_its_arguments() -> None:
    """Textual does nothing for a key whose function is missing."""

    def check(action: str, owner: type[DOMNode]) -> None:
        namespace, name, arguments = actions.parse(action)
        kind = DemoApp if namespace == "app" else owner
        method = getattr(kind, f"action_{name}", None) or getattr(kind, f"_action_{name}", None)
        assert method, (owner, action)
        signature(method).bind(kind, *arguments)
        if name == "run":
            assert KEYS[str(arguments[0])].action == action
        elif name == "leave_for":
            check(str(arguments[0]), DemoApp)

    for owner in own_classes():
        for binding in owner.__dict__.get("BINDINGS", ()):
            check(binding.action, owner)
    assert {f"job.{action}" for action in JobAction} < KEYS.keys()


def test_texts_outside_the_dashboard_name_its_keys() -> None:
    """They cannot look up the keys."""
    root = Path(tui.__path__[0]).parent
    texts = [
        path.read_text(encoding="utf-8")
        for part in ("store", "tui/cli", "tui/text")
        for path in (root / part).rglob("*.py")
    ]
    named = {key for text in texts for key in re.findall(r"\b[Pp]ress(?:es)? (\w)\b", text)}
    assert named == {KEYS[name].key for name in ("app.user", "app.write", "project.budgets")}


async def test_palette_lists_key_actions_and_runs_them_by_their_configured_keys(dashboard: Driver) -> None:
    await dashboard.press("ctrl+p", shows="Start (s)")
    assert isinstance(dashboard.app.screen, CommandPalette)
    listed = [str(option.prompt) for option in dashboard.app.screen.query_one(OptionList).options]
    for title in ("Copy JSON (Y)", "Quit (q)", "Theme"):
        assert any(title in prompt for prompt in listed)
    assert not any(prompt.startswith(("Up", "Down", "Page")) for prompt in listed)
    assert listed[0].startswith("Details")
    assert [prompt.splitlines()[0] for prompt in listed[-3:]] == ["Archived jobs", "Clean up", "Theme"]
    await dashboard.press("escape")
    await dashboard.command("Delete (d del)", dialog="Delete this job?")
    await dashboard.press("escape")
    await dashboard.command("Show project Spring", shows="Costs · Spring lookbook", rows=[7])

    dashboard.app.set_keymap({"job.delete": "X,f8", "app.pause": "ctrl+t"})
    await dashboard.press("d", dialog="")
    await dashboard.press("X", on=7, dialog="Delete this job?")
    await dashboard.press("escape", shows="X delete")
    keys = {entry.what: entry.keys for entry in all_entries(dashboard.app)}
    assert keys["Delete the job or the marked jobs"] == "X f8"
    assert keys["Pause or resume refreshing"] == "^t"


async def test_enter_runs_a_command_before_the_list_is_drawn(
    dashboard: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await dashboard.press("ctrl+z", message="gjobs can be suspended only in a terminal.")
    await dashboard.press("ctrl+p", shows="Start (s)")
    await dashboard.type("Delete (d del)", until=lambda: "Delete (d del)" in dashboard.offered_command)
    monkeypatch.setattr(CommandList, "scrollable_content_region", Region())
    await dashboard.press("pagedown", "enter", dialog="Delete this job?")


async def test_dashboard_remembers_the_theme_and_ignores_an_unknown_one(drive: Drive, tmp_path: Path) -> None:
    state_path = tmp_path / "state.json"
    async with drive(state_path=state_path) as driver:
        driver.app.theme = "nord"
        await driver.settle()
    assert load(state_path).theme == "nord"
    state_path.write_text('{"theme": "no-such-theme"}')
    async with drive(state_path=state_path) as driver:
        assert driver.app.theme == "textual-dark"


async def test_tab_key_cycles_through_the_panes_and_dashboard_keys_work_in_each(dashboard: Driver) -> None:
    focused = []
    for _ in range(3):
        await dashboard.press("tab")
        focused.append(dashboard.app.focused.id if dashboard.app.focused else None)
    assert focused == ["projects", "jobs", "projects"]
    await dashboard.press("z", until=lambda: "paused" in dashboard.header)
    for key, dialog in (("p", "Show which project?"), ("question_mark", "Manual: tour"), ("n", "New job")):
        await dashboard.press(key, dialog=dialog)
        await dashboard.press("escape")
    await dashboard.press("slash")
    assert dashboard.app.focused is dashboard.app.dashboard.query_one("#find")


FILE = Path("/here/config.toml")


def configured(**keymap: str) -> Configuration:
    ids = {name.replace("__", "."): tuple(keys.split()) for name, keys in keymap.items()}
    return Configuration(path=FILE, keymap=ids)


def problems(**keymap: str) -> list[str]:
    with pytest.raises(BadConfiguration) as caught:
        checked_keymap(configured(**keymap))
    return [sentence.removeprefix(f"{FILE}: ") for sentence in caught.value.problems]


@pytest.mark.parametrize(
    ("keymap", "checked"),
    [
        ({}, {}),
        ({"job__start": "S"}, {"job.start": "S"}),
        ({"job__start": "? f6 ctrl+x"}, {"job.start": "question_mark,f6,ctrl+x"}),
        ({"job__start": "shift+f6"}, {"job.start": "shift+f6"}),
        ({"job__start": "é"}, {"job.start": "é"}),
        # Two actions swap their keys.
        ({"job__start": "c", "job__complete": "s"}, {"job.start": "c", "job.complete": "s"}),
        # The two actions are never active on the same screen.
        ({"confirm__yes": "s"}, {"confirm.yes": "s"}),
        ({"details__start": "z"}, {"details.start": "z"}),
        ({"dialog__leave": "f10"}, {"dialog.leave": "f10"}),
    ],
)
def test_keymap_accepts_keys_without_conflicts(keymap: dict[str, str], checked: dict[str, str]) -> None:
    if "?" in keymap.get("job__start", ""):
        keymap = {**keymap, "app__help": "f1"}
        checked = {**checked, "app.help": "f1"}
    assert checked_keymap(configured(**keymap)) == checked


@pytest.mark.parametrize(
    ("name", "key", "clause"),
    [
        ("job__strat", "S", "is not known. Did you mean 'job.start'?"),
        ("job__start", "ctrl+m", "cannot be 'ctrl+m', which terminals send for Enter."),
        ("job__start", "ctrl+i", "cannot be 'ctrl+i', which terminals send for Tab."),
        ("job__start", "ctrl+p", "cannot be 'ctrl+p', which opens the command palette."),
        ("job__start", "alt+s", "cannot be 'alt+s': terminals send alt in different ways."),
        ("job__start", "shift+s", "cannot be 'shift+s': use 'S' instead."),
        ("job__start", "strg+s", "has an unknown key: 'strg+s'."),
        ("job__start", "F5", "has an unknown key: 'F5'."),
        ("job__start", "\x1b", "has an unknown key: '\\x1b'."),
        ("job__start", "c", "uses 'c', which \"job.complete\" uses too."),
        ("job__start", "u", "uses 'u', which \"app.user\" uses too."),
        ("job__start", "space", "uses 'space', which \"jobs.mark\" uses too."),
        ("app__pause", "enter", "uses 'enter', which \"jobs.open\" uses too."),
        ("confirm__yes", "n", "uses 'n', which \"confirm.no\" uses too."),
        ("details__start", "c", "uses 'c', which \"details.complete\" uses too."),
        ("dialog__leave", "b", "cannot be 'b', because that key types a character in the field."),
        ("pick__down", "space", "cannot be 'space', because that key types a character in the field."),
    ],
)
def test_keymap_rejects_unknown_conflicting_and_unusable_keys(name: str, key: str, clause: str) -> None:
    assert problems(**{name: key}) == [f'keymap."{name.replace("__", ".")}" {clause}']


def test_table_of_keys_is_that_of_the_dashboard_and_textual() -> None:
    assert TABLE.read_text(encoding="utf-8") == dashboard_facts(), "Write it again with: python -m tests.manual"


def test_keymap_reports_all_problems_at_once() -> None:
    assert len(problems(job__strat="S", job__fail="alt+x", job__start="c")) == 3


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
