"""Reads scenarios from TOML and reports mistakes by line and key."""

from collections.abc import Mapping
from pathlib import Path

from gjobs.store.configuration.toml_table import ConfigurationProblem, TomlTable, kind, parse_toml, refusal
from gjobs.store.errors import BadConfiguration
from gjobs.store.formats import alternatives, not_known
from gjobs.tui.demo.demo_activity import WORKERS
from gjobs.tui.demo.scenario import Scenario, Step
from gjobs.tui.demo.scenario_steps import STEP_KINDS, KnownNames

_FOLDER = Path(__file__).parent / "scenarios"
_HINT = "'gjobs help demo' explains scenarios."
_LARGEST = 1_000_000
"""Bytes."""
MOST_STEPS = 1_000


def scenario_names() -> tuple[str, ...]:
    """Return the names of the scenarios that gjobs includes."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def load_scenario(name: str) -> Scenario:
    """Load a scenario of gjobs by its name, or one from a file. Raises BadConfiguration."""
    path = _FOLDER / f"{name}.toml"
    if name not in scenario_names():
        path = Path(name)
        if not path.is_file():
            is_file_name = path.suffix == ".toml" or len(path.parts) > 1
            sentence = f"Unknown scenario {name!r}. {alternatives(name, scenario_names())}"
            if is_file_name:
                sentence = f"{path} is not a file." if path.exists() else f"{path} does not exist."
            raise BadConfiguration([sentence], hint=f"Name a scenario or a TOML file. {_HINT}")
    try:
        content = path.read_bytes()[: _LARGEST + 1]
        if len(content) > _LARGEST:
            raise BadConfiguration([f"{path} is larger than 1 MB."], hint=_HINT)
        return parse_scenario(content.decode(), path=path)
    except OSError as error:
        raise BadConfiguration([f"{path} cannot be read: {error.strerror}."], hint=_HINT) from error
    except UnicodeDecodeError:
        raise BadConfiguration([f"{path} is not UTF-8 text."], hint=_HINT) from None


def parse_scenario(text: str, *, path: Path) -> Scenario:
    """Parse the text of the file `path`. Raises BadConfiguration with all problems."""
    problems: list[ConfigurationProblem] = []
    try:
        document = parse_toml(text)
    except ValueError as error:
        raise _refused([ConfigurationProblem(location=(), clause=str(error))], path) from None
    table = TomlTable(document, (), problems)
    title = table.text("title")
    if not table.has("title"):
        table.complain("has no title")
    workers = table.converted("workers", _workers) or ()
    has_customers = bool(table.flag("customers"))
    steps = _steps(table, KnownNames(workers=workers), problems)
    table.end()
    if problems:
        raise _refused(problems, path, text)
    return Scenario(title=title or "", workers=workers, has_customers=has_customers, steps=steps)


def _refused(problems: list[ConfigurationProblem], path: Path, text: str = "") -> BadConfiguration:
    error = refusal(problems, path=path, text=text)
    return BadConfiguration(error.problems, hint=_HINT)


def _workers(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"is {kind(value)}, but must be a list of names")  # noqa: TRY004
    for name in value:
        if name not in WORKERS:
            raise ValueError(not_known(str(name), WORKERS))
    return tuple(dict.fromkeys(value))


def _steps(table: TomlTable, known: KnownNames, problems: list[ConfigurationProblem]) -> list[Step]:
    value = table.take("step")
    if not isinstance(value, list) or not value:
        table.complain("needs steps. Begin each step with [[step]]", "step" if table.has("step") else None)
        return []
    if len(value) > MOST_STEPS:
        table.complain(f"has more than {MOST_STEPS:,} steps", "step")
        return []
    steps = (_step(one, number, known, problems) for number, one in enumerate(value, start=1))
    return [step for step in steps if step is not None]


def _step(value: object, number: int, known: KnownNames, problems: list[ConfigurationProblem]) -> Step | None:
    location = ("step", str(number))
    if not isinstance(value, Mapping):
        problems.append(ConfigurationProblem(location=location, clause=f"is {kind(value)}, but must be a table"))
        return None
    table = TomlTable(value, location, problems)
    named = [key for key in value if key in STEP_KINDS]
    if len(named) != 1:
        _complain_of_kind(table, value, named)
        return None
    step = STEP_KINDS[named[0]].read(table, known)
    table.end()
    return step


def _complain_of_kind(table: TomlTable, value: Mapping[str, object], named: list[str]) -> None:
    if named:
        table.complain(f"is another step than {named[0]!r}. Begin it with [[step]]", named[1])
    elif key := next(iter(value), None):
        table.complain(not_known(key, STEP_KINDS).removeprefix(f"{key!r} "), key)
    else:
        table.complain("is empty")
