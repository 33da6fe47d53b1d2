"""The remembered state between two runs. A broken or unwritable file loses only the state."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from gjobs.tui.dashboard.memory import RememberedState, StateFile, load, save

PROJECT = UUID(int=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "state.json"


def test_new_state_remembers_nothing_and_saves_each_change_at_once(path: Path) -> None:
    memory = RememberedState(path)
    assert (memory.state.theme, memory.project("here"), memory.knows("here")) == (None, None, False)
    assert not path.exists()
    memory.remember_project("here", PROJECT)
    assert RememberedState(path).project("here") == PROJECT
    memory.remember(lambda latest: replace(latest, theme="nord"))
    again = RememberedState(path)
    assert (again.state.theme, again.project("here"), again.knows("here")) == ("nord", PROJECT, True)
    again.remember(lambda latest: replace(latest, zone="utc"))
    assert (RememberedState(path).state.zone, RememberedState(path).state.theme) == ("utc", "nord")
    again.remember_project("here", None)
    all_projects = RememberedState(path)
    assert (all_projects.knows("here"), all_projects.project("here")) == (True, None)


def test_two_concurrent_states_keep_the_changes_of_each_other(path: Path) -> None:
    one, other = RememberedState(path), RememberedState(path)
    one.remember_project("here", PROJECT)
    other.remember_project("there", UUID(int=2))
    one.remember(lambda latest: replace(latest, theme="nord"))

    memory = RememberedState(path)
    assert (memory.state.theme, memory.project("here"), memory.project("there")) == ("nord", PROJECT, UUID(int=2))


def test_state_without_a_path_lasts_for_one_run() -> None:
    memory = RememberedState(None)
    memory.remember_project("here", PROJECT)
    memory.remember(lambda latest: replace(latest, theme="nord"))

    assert (memory.state.theme, memory.project("here")) == ("nord", PROJECT)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"projects": []}', b'{"projects": "x"}', b"[" * 100_000],
)
def test_broken_state_file_is_ignored_and_replaced(
    path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    path.write_bytes(content)

    assert load(path) == StateFile()
    assert "Can't read the remembered state" in caplog.text
    RememberedState(path).remember_project("here", PROJECT)
    assert RememberedState(path).project("here") == PROJECT


@pytest.mark.parametrize(
    ("stored", "state"),
    [
        ({"theme": 7}, StateFile(has_seen_tour=True)),
        ({"theme": "nord", "more": 1}, StateFile(theme="nord", has_seen_tour=True)),
        ({"projects": {"here": 5}}, StateFile(projects={"here": "5"}, has_seen_tour=True)),
        ({"has_seen_tour": "no"}, StateFile()),
    ],
)
def test_unknown_values_are_ignored_and_a_state_without_a_tour_is_of_an_earlier_version(
    path: Path, stored: object, state: StateFile
) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps(stored))
    assert load(path) == state
    assert RememberedState(path).project("here") is None, "5 is not a project id"


def test_unwritable_state_directory_only_logs_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    memory = RememberedState(tmp_path / "file" / "state.json")
    with caplog.at_level(logging.WARNING):
        memory.remember(lambda latest: replace(latest, theme="nord"))

    assert memory.state.theme == "nord"
    assert "Can't save the state" in caplog.text


def test_state_file_is_replaced_atomically(path: Path) -> None:
    save(path, StateFile(theme="nord"))
    before = path.stat().st_ino
    save(path, StateFile(theme="gruvbox"))

    assert path.stat().st_ino != before
    assert [entry.name for entry in path.parent.iterdir()] == ["state.json"]
