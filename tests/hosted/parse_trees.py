"""Find what safeupdate refuses in the server's parse trees, also within functions and triggers."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.errors import Diagnostic

_STEP = re.compile(
    r"\\.|\{(?P<node>\w+)|(?P<end>\})|:commandType (?P<command>\d)|:quals (?P<quals><>|(?=\S))", re.DOTALL
)
_COMMANDS = {"2": "UPDATE", "4": "DELETE"}


def unguarded_commands(tree: str) -> Iterator[str]:
    """Return the UPDATE and DELETE commands without a condition in a parse tree, including those in WITH."""
    nodes: list[str] = []
    commands: list[str | None] = []
    for step in _STEP.finditer(tree):
        if step["node"]:
            nodes.append(step["node"])
            if step["node"] == "QUERY":
                commands.append(None)
        elif step["end"]:
            if nodes.pop() == "QUERY":
                commands.pop()
        elif step["command"] and nodes[-1] == "QUERY":
            commands[-1] = _COMMANDS.get(step["command"])
        elif step["quals"] == "<>" and nodes[-2:] == ["QUERY", "FROMEXPR"] and commands[-1] is not None:
            yield commands[-1]


@contextmanager
def unguarded_statements(connection: psycopg.Connection) -> Iterator[list[str]]:
    """Fill the list with the commands without WHERE that the connection runs, directly or within functions."""
    found: list[str] = []

    def note(diagnostic: Diagnostic) -> None:
        if diagnostic.message_primary == "parse tree:":
            found.extend(unguarded_commands(diagnostic.message_detail or ""))

    settings = {"client_min_messages": "log", "debug_print_parse": "on", "debug_pretty_print": "off"}
    for setting, value in settings.items():
        connection.execute("select set_config(%s, %s, false)", [setting, value])
    # Known functions are parsed again.
    connection.execute("discard plans")
    connection.add_notice_handler(note)
    try:
        yield found
    finally:
        connection.remove_notice_handler(note)
        for setting in settings:
            connection.execute(f"reset {setting}".encode())
