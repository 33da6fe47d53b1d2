"""Commands in advice. They name the database in use, so a user can type them as shown."""

import re
from collections.abc import Callable
from dataclasses import dataclass

_WRITING = (
    "migrate up",
    "migrate down",
    "migrate repair-rollups",
    "budgets set",
    "archive restore",
    "cleanup policies apply",
    "projects create",
    "worker ",
)
"""The first words of commands that write. A database may require a reason for them."""

COMMAND = re.compile(r"'gjobs ([^']+)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseInUse:
    variables: str
    """What stands before `gjobs`, such as `NAME="$OTHER" `. Usually empty."""
    options: Callable[[], str]
    """Returns the options that choose it. They never hold a password. Empty if no options are needed."""
    needs_reason: bool
    """Whether a command that writes needs a reason."""


_in_use: list[DatabaseInUse] = []
"""The database in use, or the one that could not be opened. A process uses one at a time."""


def name_database(database: DatabaseInUse | None) -> None:
    """Make advice name the database until the next call."""
    _in_use[:] = [] if database is None else [database]


def database_options() -> str:
    """Return the options that choose the database in use. Empty without one."""
    return _in_use[0].options() if _in_use else ""


def command(words: str) -> str:
    """Return a command in quotes, such as `'gjobs doctor --profile production'`. `words` follow `gjobs`."""
    parts = [words, database_options()]
    if _in_use and _in_use[0].needs_reason and words.startswith(_WRITING):
        parts.append("--write REASON")
    variables = _in_use[0].variables if _in_use else ""
    return f"'{variables}gjobs {' '.join(filter(None, parts))}'"


def complete_commands(sentences: str) -> str:
    """Add the options to the commands in sentences that the database wrote."""
    return COMMAND.sub(lambda found: command(found[1]), sentences)
