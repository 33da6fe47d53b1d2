"""What a command is, and which database and eyes it gets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path

from store.settings import OPERATOR_NAME, Settings, resolve
from tui.cli.errors import UsageError
from tui.cli.exit_codes import ExitCode


class Eyes(Enum):
    CHOSEN = auto()
    """As option, environment and database say."""
    OPERATOR_UNLESS_ASKED = auto()
    """The operator's, unless --as stands on the command line."""
    OPERATOR_ONLY = auto()
    """It is about the database, not about rows: nobody can be acted as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`run` takes the settings, the output and, by name, the command's own options."""

    run: Callable[..., ExitCode]
    eyes: Eyes = Eyes.CHOSEN
    embedded_only: bool = False
    """It is about our own server, so it never reads an address."""
    has_json: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalOptions:
    database_url: str | None = None
    act_as: str | None = None
    read_only: bool = False
    json: bool = False


def settings_for(
    command: Command, options: GlobalOptions, *, data_dir: Path, environment: Mapping[str, str]
) -> Settings:
    """Raises UsageError where a global option has no meaning for the command."""
    if options.json and not command.has_json:
        raise UsageError("This command has no JSON form.", hint="Leave --json out.")
    if command.embedded_only:
        if options.database_url:
            raise UsageError(
                "This command is about the embedded database: it takes no --database-url.",
                hint="Leave --database-url out.",
            )
        environment = {name: value for name, value in environment.items() if name != "GJOBS_DATABASE_URL"}
    settings = resolve(
        database_url=options.database_url,
        act_as=options.act_as,
        read_only=options.read_only,
        data_dir=data_dir,
        environment=environment,
    )
    return _with_eyes(settings, command.eyes)


def _with_eyes(settings: Settings, eyes: Eyes) -> Settings:
    if eyes is Eyes.OPERATOR_ONLY and settings.act_as_given and settings.act_as != OPERATOR_NAME:
        raise UsageError("This command acts on the database itself, never as a user.", hint="Leave --as out.")
    if eyes is Eyes.CHOSEN or settings.act_as_given:
        return settings
    return replace(settings, act_as=OPERATOR_NAME)
