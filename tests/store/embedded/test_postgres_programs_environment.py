"""The environment of the program affects neither the server nor its connections."""

import os
import sys
from pathlib import Path

import pytest

from store.embedded.postgres_programs import clean_environment
from tests.store.embedded.embedded_servers import Workbench, query

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
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (HOSTILE | MISSING_LOCALES).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with bench.open() as lease:
        assert query(lease, "show lc_messages") == "C"
        assert query(lease, "select upper('é')") == "É"
        assert query(lease, "select pg_encoding_to_char(encoding) from pg_database where datname = 'gjobs'") == "UTF8"
        assert query(lease, "select current_user || '@' || current_database()") == "gjobs@gjobs"
        assert query(lease, "show client_encoding") == "UTF8"


def test_server_environment_drops_postgres_and_locale_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**HOSTILE, **MISSING_LOCALES, "KEPT": "1"}.items():
        monkeypatch.setenv(name, value)
    environment = clean_environment()
    assert not {*HOSTILE, *MISSING_LOCALES} - {"LC_ALL"} & environment.keys()
    assert environment["LC_ALL"] == "C"
    assert environment["KEPT"] == "1"


def test_store_package_in_the_working_directory_is_not_imported(bench: Workbench, work_dir: Path) -> None:
    (work_dir / "store").mkdir()
    (work_dir / "store" / "__init__.py").write_text("raise SystemExit('the wrong one')")
    user = bench.user(cwd=work_dir)
    assert user.server_pid() == bench.postmaster_pid
    assert bench.is_watched
    assert user.leave() == 0
    bench.wait_until_stopped()


@pytest.mark.skipif(sys.platform != "linux", reason="files of other processes are shown by /proc")
def test_server_inherits_no_open_files_except_its_log_and_lock(bench: Workbench, work_dir: Path) -> None:
    with (work_dir / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        with bench.open():
            files = {
                str(link.readlink())
                for link in Path(f"/proc/{bench.postmaster_pid}/fd").iterdir()
                if str(link.readlink()).startswith(str(work_dir))
            }
    assert files == {str(bench.layout.log), str(bench.layout.server_lock)}
