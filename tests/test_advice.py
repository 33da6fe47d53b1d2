"""Advised commands name the database in use, and every sentence that advises one uses the same function."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gjobs.store.configuration.config_file import ConfigurationFile, load
from gjobs.store.configuration.settings import NO_CONFIGURATION, Configuration, Settings, resolve
from gjobs.store.database.connection_url import parse
from gjobs.store.errors import Unreachable, command, complete_commands, database_options
from gjobs.tui.cli.command import Command
from gjobs.tui.cli.output import without_passwords
from gjobs.tui.cli.program import build_parser
from gjobs.tui.dashboard.session.setup import session_opener
from gjobs.tui.startup import advise_for
from tests.cli.command_line import profile
from tests.test_layers import MODULES, ROOT, parsed

pytestmark = pytest.mark.xdist_group("sources")
MENTIONS = (
    "A browser tab shows only the database that 'gjobs serve' opens.",
    "For another link, X of 'gjobs serve'.",
    "Open the link that 'gjobs serve' printed. X",
    "Start 'gjobs serve' with --allow-write.",
    "'gjobs serve' has stopped.",
    "'gjobs worker --help' has an example.",
    "No gjobs worker holds it. Make sure that nothing else runs it, then fail it and retry it.",
    "X is not a resume file of 'gjobs watch'.",
    "a check found a problem, or a condition of 'gjobs watch' is met",
    "gjobs jobs X",
    "gjobs serve",
    "gjobs snapshot",
)
"""Texts that name a command without advising it."""

_ADVISED = re.compile(r"\bgjobs ([a-z][\w -]*)")
_PARSER = build_parser()


def advises_database_command(text: str) -> bool:
    return text not in MENTIONS and any(map(opens_database, _ADVISED.findall(text)))


def opens_database(words: str) -> bool:
    parser = _PARSER
    for word in words.split():
        if parser.commands is None or word not in parser.commands.choices:
            break
        parser = parser.commands.choices[word]
    if parser.default is not None and parser.commands is not None:
        parser = parser.commands.choices[parser.default]
    found: Command | None = None if parser is _PARSER else parser.get_default("command")
    return found is not None and found.opens_database and not (found.embedded_only or found.about_configuration)


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the literals that a person may read in a session: no docstrings, and no help of commands."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        elif isinstance(node, ast.keyword) and node.arg in ("example", "help"):
            skipped.update(map(id, ast.walk(node.value)))
        elif isinstance(node, ast.JoinedStr):
            skipped.update(map(id, node.values))
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values]
            yield node.lineno, "".join(parts)


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Yield all modules but the revisions. `gjobs.migrations.scripts` completes the commands that they advise."""
    for name, path in MODULES.items():
        if path.parent.name != "versions":
            yield path.relative_to(ROOT), parsed(name)


def run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a module that are not inside functions."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from run_at_import(child)


def test_advice_on_a_database_is_written_by_one_function() -> None:
    found = [
        f"{path}:{line}: {text}"
        for path, tree in modules()
        for line, text in texts(tree)
        if advises_database_command(text)
    ]
    assert not found, "\n".join(found)


def test_no_advice_is_written_at_import_when_no_database_is_known() -> None:
    early = []
    for path, tree in modules():
        imported = {
            alias.asname or alias.name
            for node in run_at_import(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "gjobs.store.errors"
            for alias in node.names
        }
        early += [
            f"{path}:{node.lineno}"
            for node in run_at_import(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in imported
        ]
    assert not early


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    file = tmp_path / "my gjobs.toml"
    file.write_text(profile("shop", "postgresql://u@h/shop"), encoding="utf-8")
    file.chmod(0o600)
    return load(ConfigurationFile(path=file, named_by=None))


def settings(
    configuration: Configuration = NO_CONFIGURATION,
    *,
    profile: str | None = None,
    url: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    return resolve(
        database_url=url,
        profile=profile,
        data_dir=Path("/nowhere"),
        environment=environment or {},
        configuration=configuration,
    )


def test_advice_names_the_profile_the_needed_reason_and_the_given_configuration(configuration: Configuration) -> None:
    advise_for(settings(configuration, profile="shop"))
    assert command("doctor") == "'gjobs doctor --profile shop'"
    assert command("migrate up") == "'gjobs migrate up --profile shop --write REASON'"
    hint = complete_commands("Restore them first: 'gjobs archive restore --all'.")
    assert hint == "Restore them first: 'gjobs archive restore --all --profile shop --write REASON'."

    chosen = load(ConfigurationFile(path=configuration.path or Path(), named_by="--config"))
    advise_for(settings(chosen, profile="shop"))
    assert command("doctor") == f"'gjobs doctor --config \"{chosen.path}\" --profile shop'"


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("postgresql://ana:s3cret@db.example.com:6543/shop", "postgresql://ana@db.example.com:6543/shop"),
        ("postgres://ana:s3cret@h/shop?password=s3cret", "postgresql://ana@h/shop"),
        ("postgresql://a%40b:s3cret@h/a%20b", "postgresql://a%40b@h/a%20b"),
        ("host=/tmp dbname=$x password=s3cret", '"postgresql:///%24x?host=/tmp"'),
        (
            "postgresql://u:s3cret@[::1]:5433/d?sslmode=require",
            '"postgresql://u@/d?host=%3A%3A1&port=5433&sslmode=require"',
        ),
        ("postgresql://u:s3cret@h1:1,h2:2/d", '"postgresql://u@/d?host=h1%2Ch2&port=1%2C2"'),
    ],
)
def test_advice_has_the_url_without_its_password(url: str, written: str) -> None:
    advise_for(settings(url=url))
    sentence = f"Run {command('doctor')} or {command('jobs list --as ana@example.com')}."
    assert command("doctor") == f"'gjobs doctor --database-url {written}'"
    assert "s3cret" not in sentence
    assert without_passwords(sentence) == sentence
    assert without_passwords(f"{sentence} {url}").startswith(sentence)
    assert "s3cret" not in without_passwords(f"{sentence} {url}")
    same = {name: value for name, value in parse(url).items() if name != "password"}
    assert parse(written.strip('"')) == same


def test_advice_needs_no_options_for_the_default_database_or_that_of_a_variable() -> None:
    advise_for(settings())
    assert command("migrate up") == "'gjobs migrate up'"
    advise_for(settings(profile="embedded"))
    assert command("doctor") == "'gjobs doctor --profile embedded'"

    url = "postgresql://u:s3cret@h/d"
    advise_for(settings(environment={"GJOBS_DATABASE_URL": url}))
    assert command("doctor") == "'gjobs doctor'"
    advise_for(settings(environment={"DATABASE_URL": url}))
    assert command("doctor") == "'GJOBS_DATABASE_URL=\"$DATABASE_URL\" gjobs doctor'"


async def test_advice_names_the_database_that_could_not_be_opened() -> None:
    advise_for(settings(url="postgresql:///first"))
    opener = session_opener(settings(url="postgresql://u@127.0.0.1:1/second"), remembers=False)
    with pytest.raises(Unreachable):
        async with opener(lambda _: None):
            pass
    assert database_options() == "--database-url postgresql://u@127.0.0.1:1/second"
