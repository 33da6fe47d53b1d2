"""The options that choose the database in use, for commands in advice."""

import re
from contextlib import AbstractContextManager
from functools import partial

from store.advice import DatabaseInUse, naming_database
from store.configuration.settings import Settings, UrlTarget
from store.database.write_access import WriteMode
from store.errors import InvalidValue

_BARE = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
_SPECIAL = re.compile(r'([\\"$`])')
"""Characters that a shell interprets inside double quotes."""


def advising_for(settings: Settings) -> AbstractContextManager[None]:
    """Let advice name the database of these settings."""
    needs_reason = settings.write_rule is WriteMode.PERMIT_REQUIRED
    return naming_database(DatabaseInUse(options=partial(database_options, settings), needs_reason=needs_reason))


def database_options(settings: Settings) -> str:
    """Return the options that choose the same database in the same shell. They never hold a password."""
    if settings.is_fallback:
        return ""
    if settings.profile is not None:
        configuration = settings.configuration
        file = f"--config {_quoted(str(configuration.path))} " if configuration.is_chosen else ""
        return f"{file}--profile {_quoted(settings.profile.name)}"
    if not isinstance(settings.target, UrlTarget):
        return ""
    if settings.target.origin != "--database-url":
        return f'--database-url "${settings.target.origin}"'
    from store.database.connection_url import without_password

    try:
        return f"--database-url {_quoted(without_password(settings.target.url))}"
    except InvalidValue:
        return ""


def _quoted(text: str) -> str:
    """Quote an argument for a shell. Use double quotes, because single quotes enclose the whole command."""
    return text if _BARE.fullmatch(text) else '"' + _SPECIAL.sub(r"\\\1", text) + '"'
