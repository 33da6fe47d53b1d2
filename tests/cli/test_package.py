"""The installed package: one name beside an app's own packages."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.cli.cli_rows import QUEUED
from tests.cli.command_line import Sql

ROOT = Path(__file__).parents[2]

HANDLERS = """
from gjobs.store.worker import Registry, Work

registry = Registry()


@registry.handler()
def save(work: Work) -> None:
    \"\"\"Succeed.\"\"\"
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (found,) = directory.glob("*.whl")
    return found


def test_wheel_installs_only_the_package_gjobs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    top = {name.partition("/")[0] for name in names}

    assert {name for name in top if not name.endswith(".dist-info")} == {"gjobs"}
    assert {"gjobs/store/store.py", "gjobs/migrations/env.py", "gjobs/tui/manual/tour.md"} <= set(names)


def test_worker_runs_a_handler_of_an_app_with_packages_named_like_the_folders(
    wheel: Path, sql: Sql, tmp_path: Path
) -> None:
    site, app = tmp_path / "site", tmp_path / "app"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    for name in ("store", "tui", "migrations"):
        (app / name).mkdir(parents=True)
        (app / name / "__init__.py").write_text("")
    (app / "store" / "handlers.py").write_text(HANDLERS)

    done = subprocess.run(
        [sys.executable, "-m", "gjobs", "worker", "store.handlers:registry", "--once"],
        cwd=app,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert sql("select status from public.generation_jobs where id = %s", QUEUED) == [("succeeded",)]
