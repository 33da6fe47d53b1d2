"""What is remembered between two runs, and that nothing but the memory is lost when it cannot be kept."""

import json
import logging
from pathlib import Path
from uuid import UUID

import pytest

from tui.dashboard.memory import Memory, State, load, save

PROJECT = UUID(int=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "state.json"


def test_nothing_is_remembered_at_first(path: Path) -> None:
    memory = Memory(path)

    assert memory.theme is None
    assert memory.project("here") is None
    assert not memory.knows("here")
    assert not path.exists()


def test_each_change_is_kept_at_once(path: Path) -> None:
    memory = Memory(path)
    memory.remember_project("here", PROJECT)
    assert Memory(path).project("here") == PROJECT
    memory.remember_theme("nord")

    again = Memory(path)
    assert (again.theme, again.project("here"), again.knows("here")) == ("nord", PROJECT, True)


def test_all_projects_are_something_to_remember(path: Path) -> None:
    Memory(path).remember_project("here", None)
    memory = Memory(path)

    assert memory.knows("here")
    assert memory.project("here") is None


def test_two_at_once_lose_nothing_of_each_other(path: Path) -> None:
    one, other = Memory(path), Memory(path)
    one.remember_project("here", PROJECT)
    other.remember_project("there", UUID(int=2))
    one.remember_theme("nord")

    memory = Memory(path)
    assert (memory.theme, memory.project("here"), memory.project("there")) == ("nord", PROJECT, UUID(int=2))


def test_without_a_path_it_lasts_for_this_run() -> None:
    memory = Memory(None)
    memory.remember_project("here", PROJECT)
    memory.remember_theme("nord")

    assert (memory.theme, memory.project("here")) == ("nord", PROJECT)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"projects": []}',
        b'{"projects": "x"}',
        b"[" * 100_000,
    ],
)
def test_a_broken_file_costs_the_memory_only(path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.write_bytes(content)

    assert load(path) == State()
    assert "cannot be read" in caplog.text
    Memory(path).remember_project("here", PROJECT)
    assert Memory(path).project("here") == PROJECT


@pytest.mark.parametrize(
    ("stored", "state"),
    [
        ({"theme": 7}, State()),
        ({"theme": "nord", "more": 1}, State(theme="nord")),
        ({"projects": {"here": 5}}, State(projects={"here": "5"})),
    ],
)
def test_what_is_not_understood_is_left_out(path: Path, stored: object, state: State) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps(stored))

    assert load(path) == state


def test_an_id_that_is_none_stands_for_all_projects(path: Path) -> None:
    save(path, State(projects={"here": "no id"}))

    assert Memory(path).project("here") is None


def test_a_directory_that_cannot_be_written_costs_the_memory_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    memory = Memory(tmp_path / "file" / "state.json")
    with caplog.at_level(logging.WARNING):
        memory.remember_theme("nord")

    assert memory.theme == "nord"
    assert "cannot be kept" in caplog.text


def test_a_file_is_replaced_and_never_half_written(path: Path) -> None:
    save(path, State(theme="nord"))
    before = path.stat().st_ino
    save(path, State(theme="gruvbox"))

    assert path.stat().st_ino != before
    assert [entry.name for entry in path.parent.iterdir()] == ["state.json"]
