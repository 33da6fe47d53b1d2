"""The options that may stand beside any command, and reading those that stand alone. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.cli.typed import Mistyped, not_empty

_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalOptions:
    database_url: str | None = None
    profile: str | None = None
    config: Path | None = None
    act_as: str | None = None
    read_only: bool = False
    write_reason: str | None = None
    json: bool = False

    def given(self) -> dict[str, str]:
        """The options that choose a database or what is done to it, and were given: their flags by their names."""
        return {
            option.name: flag for flag, option in DECLARED.items() if option.of_database and getattr(self, option.name)
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalOption:
    name: str
    """Of the field that it sets."""
    metavar: str | None = None
    read: Callable[[str], object] | None = None
    """From what is typed to the field's value, raising Mistyped; None for a flag without one."""
    help: str
    of_database: bool = True
    """Whether it chooses a database, or what is done to it."""


def _path(text: str) -> Path:
    return Path(not_empty(text))


def _reason(text: str) -> str:
    """A line that others will read in the journal."""
    line = not_empty(text).strip()
    if len(line) > _LONGEST_REASON:
        raise Mistyped(f"a reason has at most {_LONGEST_REASON} characters, and this one {len(line)}")
    if not line.isprintable():
        raise Mistyped("a reason is one line of plain text")
    return line


DECLARED = {
    "--database-url": GlobalOption(
        name="database_url", metavar="URL", read=not_empty, help="a Postgres instead of the embedded one"
    ),
    "--profile": GlobalOption(
        name="profile", metavar="NAME", read=not_empty, help="a database of the configuration file"
    ),
    "--config": GlobalOption(
        name="config", metavar="PATH", read=_path, help="another configuration file", of_database=False
    ),
    "--as": GlobalOption(name="act_as", metavar="WHO", read=not_empty, help="a user's e-mail or id, or 'operator'"),
    "--read-only": GlobalOption(name="read_only", help="refuse every write, in the database itself"),
    "--write": GlobalOption(
        name="write_reason", metavar="REASON", read=_reason, help="write where that takes a reason, once"
    ),
    "--json": GlobalOption(name="json", help="print one JSON document", of_database=False),
}


def read_alone(arguments: Iterable[str]) -> GlobalOptions | None:
    """Of a command line without anything else; None where it takes the parser to tell what is meant, or what is wrong.

    Most start the dashboard so, which is not to wait for the syntax of all commands.
    """
    values: dict[str, Any] = {}
    words = iter(arguments)
    for word in words:
        flag, is_joined, value = word.partition("=")
        option = DECLARED.get(flag)
        if option is None:
            return None
        if option.read is None:
            if is_joined:
                return None
            values[option.name] = True
            continue
        if not is_joined:
            value = next(words, "")
            if value.startswith("-"):
                return None
        try:
            values[option.name] = option.read(value)
        except Mistyped:
            return None
    return GlobalOptions(**values)
