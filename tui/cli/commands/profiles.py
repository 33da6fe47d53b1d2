"""gjobs profiles and gjobs config path."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gjobs.store.configuration.settings import (
    EMBEDDED,
    EMBEDDED_PROFILE,
    Configuration,
    Profile,
    Settings,
    resolve,
)
from gjobs.store.errors import InvalidValue
from gjobs.tui.cli.command import Command, Group
from gjobs.tui.cli.output import Output, print_message
from gjobs.tui.export.export_files import Document

if TYPE_CHECKING:
    from gjobs.store.configuration.config_file import ConfigurationFile


@Command(name="path", example="gjobs config path", about_configuration=True)
def print_path(file: "ConfigurationFile", output: Output) -> None:
    """Print the path of the configuration file, even if it does not exist."""
    if not output.document({"path": str(file.path), "exists": file.path.exists()}):
        from gjobs.tui.text.clean_text import clean

        # A script needs the exact path.
        output.text(clean(str(file.path)) if output.is_terminal else str(file.path))
    if not file.path.exists():
        print_message("The file does not exist: nothing is configured.")


CONFIG = Group(
    name="config",
    help="show where the configuration file is",
    example="gjobs config path",
    commands=[print_path],
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    profile: Profile
    where: str
    """Host and database; never a password."""
    origin: str
    is_default: bool
    """Whether it is opened by default."""


_TITLES_IN_APP = {"PROFILE": "IN THE APP", "AS": "", "COLOR": "", "ORIGIN": "FOUND IN"}
"""Other titles of the databases of the app. A column with an empty one is left out."""


@Command(name="profiles", example="gjobs profiles", about_configuration=True)
def list_profiles(file: "ConfigurationFile", output: Output) -> None:
    """List the configured databases and those of the app."""
    from gjobs.store.configuration.config_file import load
    from gjobs.tui.dashboard_settings import checked_keymap

    configuration = load(file)
    checked_keymap(configuration)
    print_message(configuration.warning)
    from gjobs.store.configuration.app_databases import find_app_databases

    in_app = find_app_databases(os.environ)
    with_named = in_app.added_to(configuration, os.environ.get("GJOBS_PROFILE", ""))
    opened = _opened(with_named, os.environ)
    listed = [_listed(profile, configuration.path, opened) for profile in configuration.profiles.values()]
    found = [_listed(one.profile, configuration.path, opened, one.where) for one in in_app.databases]
    if not output.document(_document(row) for row in (*listed, *found)):
        from gjobs.tui.text.format import Column

        columns: Sequence[Column[Listed]] = (
            Column("PROFILE", lambda row: row.profile.name),
            Column("DEFAULT", lambda row: "default" if row.is_default else ""),
            Column("LABEL", lambda row: row.profile.label, narrowest=8),
            Column("WRITE", lambda row: "yes" if row.profile.write else "no"),
            Column("AS", lambda row: row.profile.actor, narrowest=8),
            Column("COLOR", lambda row: row.profile.color or "-"),
            Column("WHERE", lambda row: row.where, narrowest=10),
            Column("ORIGIN", lambda row: row.origin, narrowest=10),
        )
        output.table(columns, listed)
        if found:
            print_message(f"Found in {in_app.folder}. gjobs opens these only if you choose one, such as by --profile:")
            renamed = [replace(one, title=_TITLES_IN_APP.get(one.title, one.title)) for one in columns]
            output.table([column for column in renamed if column.title], found)
    print_message(*(f"Skipped: {problem}" for problem in in_app.problems))


def _opened(configuration: Configuration, environment: Mapping[str, str]) -> Settings | None:
    """Return the settings of a command without options. Print a notice if they do not come from a profile."""
    try:
        # Nothing is opened here, so the data directory does not matter.
        settings = resolve(data_dir=Path(), environment=environment, configuration=configuration)
    except InvalidValue as error:
        print_message(error.message)
        return None
    if variable := settings.profile.variable:
        print_message(f"{variable} is set. Commands without --profile open the database that it names.")
    return settings


def _listed(profile: Profile, path: Path | None, opened: Settings | None, where: str | None = None) -> Listed:
    from gjobs.store.database.connection_url import shown_address

    is_built_in = path is None or profile == EMBEDDED_PROFILE
    return Listed(
        profile=profile,
        where=where or (EMBEDDED if profile.address is None else shown_address(profile)),
        origin=" and ".join(profile.sources) or ("built in" if is_built_in else str(path)),
        is_default=opened is not None and opened.profile == profile,
    )


_SETTINGS = Document(Profile, "color interval statement_timeout pooler")


def _document(row: Listed) -> dict[str, object]:
    profile = row.profile
    named = {"name": profile.name, "label": profile.label, "where": row.where, "write": profile.write}
    found = {"default": row.is_default, "origin": row.origin, "in_app": bool(profile.sources)}
    return {**named, "as": profile.actor, **_SETTINGS(profile), **found}
