"""What a command is, and which database and eyes it gets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path

from store.configuration.model import NO_CONFIGURATION, Configuration
from store.configuration.profiles import EMBEDDED
from store.settings import APP_VARIABLE, OPERATOR_NAME, Settings, resolve
from tui.cli.errors import UsageError
from tui.cli.exit_codes import ExitCode
from tui.cli.global_options import GlobalOptions


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
    ignores_app_variable: bool = False
    """It changes more than rows, so the DATABASE_URL that a shell has for the app is none of its business."""
    reads_configuration: bool = True
    """Else a file that cannot be used does not hinder it."""
    about_configuration: bool = False
    """It opens no database: `run` takes a ConfigurationFile in place of the settings."""
    opens_database: bool = True
    """Else what names one, or says how it is looked at, makes no sense."""
    has_json: bool = True


def check_options(command: Command, options: GlobalOptions) -> None:
    """Raises UsageError where a global option has no meaning for the command, rather than ignoring it."""
    given = options.given()
    if options.json and not command.has_json:
        raise UsageError("This command has no JSON form.", hint="Leave --json out.")
    if command.about_configuration and given:
        flags = " and ".join(given.values())
        raise UsageError("This command is about the configuration: it opens no database.", hint=f"Leave {flags} out.")
    if not command.opens_database and given:
        raise UsageError("This command opens no database.", hint=f"Leave {' and '.join(given.values())} out.")
    if command.embedded_only and "database_url" in given:
        raise UsageError(
            "This command is about the embedded database: it takes no --database-url.",
            hint="Leave --database-url out.",
        )
    if command.embedded_only and options.profile not in (None, EMBEDDED):
        raise UsageError(
            "This command is about the embedded database: it takes no other profile.", hint="Leave --profile out."
        )
    if not command.reads_configuration and options.config is not None:
        raise UsageError("This command reads no configuration.", hint="Leave --config out.")
    if options.read_only and options.write_reason is not None:
        raise UsageError("--read-only and --write ask for the opposite of each other.", hint="Leave one of them out.")


def settings_for(
    command: Command,
    options: GlobalOptions,
    *,
    data_dir: Path,
    environment: Mapping[str, str],
    configuration: Configuration = NO_CONFIGURATION,
) -> Settings:
    """Raises UsageError where a global option has no meaning for the command, InvalidValue where it names nothing."""
    check_options(command, options)
    if command.ignores_app_variable:
        environment = {name: value for name, value in environment.items() if name != APP_VARIABLE}
    settings = resolve(
        database_url=options.database_url,
        profile=EMBEDDED if command.embedded_only or not command.opens_database else options.profile,
        act_as=options.act_as,
        read_only=options.read_only,
        write_reason=options.write_reason,
        data_dir=data_dir,
        environment=environment,
        configuration=configuration,
    )
    return _with_eyes(settings, command.eyes)


def _with_eyes(settings: Settings, eyes: Eyes) -> Settings:
    if eyes is Eyes.OPERATOR_ONLY and settings.act_as_given and settings.act_as != OPERATOR_NAME:
        raise UsageError("This command acts on the database itself, never as a user.", hint="Leave --as out.")
    if eyes is Eyes.CHOSEN or settings.act_as_given:
        return settings
    return replace(settings, act_as=OPERATOR_NAME, act_as_origin=None)
