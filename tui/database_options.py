"""The options that choose the database in use, for commands in advice."""

import re
from functools import partial

from gjobs.store.advice import DatabaseInUse, name_database
from gjobs.store.configuration.settings import APP_VARIABLE, Settings, UrlTarget
from gjobs.store.database.write_access import WriteMode
from gjobs.store.errors import InvalidValue

_BARE = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
_SPECIAL = re.compile(r'([\\"$`])')
"""Characters that a shell interprets inside double quotes."""


def advise_for(settings: Settings) -> None:
    """Make advice name the database of these settings."""
    is_of_app = isinstance(settings.target, UrlTarget) and settings.target.origin == APP_VARIABLE
    name_database(
        DatabaseInUse(
            # As an option, the shell would put the URL and its password into the arguments of the process.
            variables=f'GJOBS_DATABASE_URL="${APP_VARIABLE}" ' if is_of_app else "",
            options=partial(database_options, settings),
            needs_reason=settings.write_rule is WriteMode.PERMIT_REQUIRED,
        )
    )


def database_options(settings: Settings) -> str:
    """Return the options that choose the same database in the same shell. They never hold a password."""
    if settings.is_fallback:
        return ""
    if settings.profile is not None:
        configuration = settings.configuration
        file = f"--config {_quoted(str(configuration.path))} " if configuration.is_chosen else ""
        return f"{file}--profile {_quoted(settings.profile.name)}"
    if not isinstance(settings.target, UrlTarget) or settings.target.origin != "--database-url":
        return ""
    from gjobs.store.database.connection_url import without_password

    try:
        return f"--database-url {_quoted(without_password(settings.target.url))}"
    except InvalidValue:
        return ""


def _quoted(text: str) -> str:
    """Quote an argument for a shell. Use double quotes, because single quotes enclose the whole command."""
    return text if _BARE.fullmatch(text) else '"' + _SPECIAL.sub(r"\\\1", text) + '"'
