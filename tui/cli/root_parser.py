"""The parser of the program without its commands, and what it reads."""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from gjobs.tui.cli.command import Command, GlobalOptions, Group
from gjobs.tui.cli.commands.dashboard import open_dashboard
from gjobs.tui.cli.output import UsageError, write
from gjobs.tui.cli.parser import Parser, add_commands

Options = dict[str, Any]
"""A command's own options, by the parameter names of its `run`."""


class _Version(argparse.Action):
    """Looks up the version only on demand, because that costs more than everything else here."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        write(f"gjobs {version('gjobs')}")
        parser.exit()


def root_parser(commands: Iterable[Command | Group]) -> Parser:
    parser = Parser(
        prog="gjobs",
        is_whole=True,
        description="Show, change and run generation jobs. Without a command, open the dashboard.",
        usage="gjobs [OPTION ...] [COMMAND ...]",
        example="gjobs jobs list --status failed",
    )
    parser.set_defaults(command=open_dashboard)
    parser.add_global("--version", action=_Version, nargs=0, help="print the version and exit")
    parser.add_argument(
        "--tour", action="store_true", default=argparse.SUPPRESS, help="show the tour of the dashboard again"
    )
    add_commands(parser, commands)
    return parser


def parsed(parser: Parser, arguments: Sequence[str]) -> tuple[Command, GlobalOptions, Options]:
    """Parse the arguments. Raises UsageError if they are wrong."""
    typed: Options = vars(parser.parse_args(arguments))
    typed.pop("subcommand", None)
    command: Command = typed.pop("command")
    if "tour" in typed and command is not open_dashboard:
        raise UsageError("Only the dashboard has a tour.", hint="Leave --tour out.")
    names = [field.name for field in fields(GlobalOptions)]
    options = GlobalOptions(**{name: typed.pop(name) for name in names if name in typed})
    return command, options, typed


def parse_jobs(arguments: Sequence[str]) -> tuple[Command, GlobalOptions, Options]:
    """Parse a command of `gjobs jobs`, without the syntax of all others."""
    from gjobs.tui.cli.commands.jobs import JOBS

    return parsed(root_parser([JOBS]), arguments)
