"""gjobs profiles and gjobs config path."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gjobs.store.configuration.settings import (
    EMBEDDED,
    EMBEDDED_PROFILE,
    OPERATOR_NAME,
    Profile,
    Settings,
    UrlTarget,
    resolve,
)
from gjobs.store.errors import InvalidValue
from gjobs.tui.cli.command import Command
from gjobs.tui.cli.output import ExitCode, Output, print_message
from gjobs.tui.cli.parser import add_command, add_commands

if TYPE_CHECKING:
    from gjobs.store.configuration.app_databases import AppDatabase
    from gjobs.store.configuration.config_file import ConfigurationFile
    from gjobs.store.configuration.settings import Configuration
    from gjobs.tui.cli.parser import Commands
    from gjobs.tui.export.export_files import Json


def add_configuration(commands: "Commands") -> None:
    add_command(
        commands,
        "profiles",
        Command(run=list_profiles, about_configuration=True),
        help="list the configured databases and those of the app",
        example="gjobs profiles",
    )
    group = add_command(
        commands, "config", None, help="show where the configuration file is", example="gjobs config path"
    )
    add_command(
        add_commands(group, required=True),
        "path",
        Command(run=print_path, about_configuration=True),
        help="print the path of the configuration file, even if it does not exist",
        example="gjobs config path",
    )


def print_path(file: "ConfigurationFile", output: Output) -> ExitCode:
    if output.json:
        output.document({"path": str(file.path), "exists": file.path.exists()})
    else:
        from gjobs.tui.text.clean_text import clean

        # A script needs the exact path.
        output.text(clean(str(file.path)) if output.is_terminal else str(file.path))
    if not file.path.exists():
        print_message("The file does not exist: nothing is configured.")
    return ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    profile: Profile
    where: str
    """Host and database; never a password."""
    act_as: str
    origin: str
    is_default: bool
    """Whether it is opened by default."""


def list_profiles(file: "ConfigurationFile", output: Output) -> ExitCode:
    from gjobs.store.configuration.config_file import load
    from gjobs.tui.dashboard_settings import checked_keymap

    configuration = load(file)
    checked_keymap(configuration)
    if configuration.warning:
        print_message(configuration.warning)
    from gjobs.store.configuration.app_databases import find_app_databases

    in_app = find_app_databases(os.environ)
    with_named = in_app.added_to(configuration, os.environ.get("GJOBS_PROFILE", ""))
    opened = _opened(with_named, os.environ)
    listed = [_listed(profile, configuration, opened) for profile in configuration.profiles.values()]
    found = [_found(database, opened) for database in in_app.databases]
    if output.json:
        output.document([_document(row) for row in (*listed, *found)])
    else:
        _print(listed, output)
        if found:
            print_message(f"Found in {in_app.folder}. gjobs opens these only if you choose one, such as by --profile:")
            _print_found(found, output)
    for problem in in_app.problems:
        print_message(f"Skipped: {problem}")
    return ExitCode.DONE


def _print(listed: Sequence[Listed], output: Output) -> None:
    from gjobs.tui.cli.text_tables import TableColumn

    columns = (
        TableColumn(title="PROFILE"),
        TableColumn(title="DEFAULT"),
        TableColumn(title="LABEL", narrowest=8),
        TableColumn(title="WRITE"),
        TableColumn(title="AS", narrowest=8),
        TableColumn(title="COLOR"),
        TableColumn(title="WHERE", narrowest=10),
        TableColumn(title="ORIGIN", narrowest=10),
    )
    output.table(columns, [_cells(row) for row in listed])


def _print_found(found: Sequence[Listed], output: Output) -> None:
    from gjobs.tui.cli.text_tables import TableColumn

    columns = (
        TableColumn(title="IN THE APP"),
        TableColumn(title="DEFAULT"),
        TableColumn(title="LABEL", narrowest=8),
        TableColumn(title="WRITE"),
        TableColumn(title="WHERE", narrowest=10),
        TableColumn(title="FOUND IN", narrowest=10),
    )
    kept = (0, 1, 2, 3, 6, 7)
    output.table(columns, [[_cells(row)[place] for place in kept] for row in found])


def _opened(configuration: "Configuration", environment: Mapping[str, str]) -> Settings | None:
    """Return the settings of a command without options. Print a notice if they do not come from a profile."""
    try:
        # Nothing is opened here, so the data directory does not matter.
        settings = resolve(data_dir=Path(), environment=environment, configuration=configuration)
    except InvalidValue as error:
        print_message(error.message)
        return None
    if isinstance(settings.target, UrlTarget) and settings.profile is None:
        print_message(f"{settings.target.origin} is set. Commands without --profile open the database that it names.")
    return settings


def _listed(profile: Profile, configuration: "Configuration", opened: Settings | None) -> Listed:
    chosen = resolve(profile=profile.name, data_dir=Path(), environment={}, configuration=configuration)
    is_built_in = configuration.path is None or profile == EMBEDDED_PROFILE
    return Listed(
        profile=profile,
        where=_where(chosen),
        act_as=chosen.act_as,
        origin="built in" if is_built_in else str(configuration.path),
        is_default=opened is not None and opened.profile == profile,
    )


def _found(database: "AppDatabase", opened: Settings | None) -> Listed:
    profile = database.profile
    return Listed(
        profile=profile,
        where=database.where,
        act_as=OPERATOR_NAME,
        origin=" and ".join(database.sources),
        is_default=opened is not None and opened.profile == profile,
    )


def _where(settings: Settings) -> str:
    if not isinstance(settings.target, UrlTarget):
        return EMBEDDED
    from gjobs.store.database.connection_url import label, parameters

    try:
        return label(parameters(settings.target))
    except InvalidValue:
        return "an invalid address"


def _cells(row: Listed) -> list[str]:
    profile = row.profile
    return [
        profile.name,
        "default" if row.is_default else "",
        profile.label,
        "yes" if profile.write else "no",
        row.act_as,
        profile.color or "-",
        row.where,
        row.origin,
    ]


def _document(row: Listed) -> "dict[str, Json]":
    profile = row.profile
    return {
        "name": profile.name,
        "label": profile.label,
        "where": row.where,
        "write": profile.write,
        "as": row.act_as,
        "color": profile.color,
        "interval": profile.interval,
        "statement_timeout": profile.statement_timeout,
        "pooler": profile.pooler,
        "default": row.is_default,
        "origin": row.origin,
        "in_app": bool(profile.sources),
    }
