"""The account that Postgres runs as: the user's, root's in a user namespace, or another one."""

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
from gjobs.store.embedded.cluster import find_binaries
from gjobs.store.embedded.server_files import OsAccount, accounts, choose_account, default_data_dir, require_owned
from gjobs.store.errors import EmbeddedUnavailable
from tests.store.embedded.embedded_servers import USER, Workbench, cannot_here, processes_of, query

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
def test_root_keeps_data_outside_a_private_home_unless_a_cluster_is_there(
    work_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
