"""Which keymaps are accepted, and the problems reported for the others."""

from pathlib import Path

import pytest

from gjobs.store.configuration.settings import Configuration, resolve
from gjobs.store.errors import BadConfiguration
from gjobs.tui.dashboard.frame.run import setup_of
from gjobs.tui.dashboard_settings import TABLE, checked_keymap
from tests.manual import dashboard_facts

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


def test_unknown_theme_is_reported_with_the_closest_name() -> None:
    settings = resolve(data_dir=Path("/data"), environment={}, configuration=Configuration(path=FILE, theme="norb"))
    with pytest.raises(BadConfiguration, match=r"theme 'norb' is not known\. Did you mean 'nord'\?"):
        setup_of(settings)
