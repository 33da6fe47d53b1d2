"""How commands are declared on argparse; usage errors, help."""

import argparse
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from store.formats import not_known
from tui.cli.command import DECLARED, Command
from tui.cli.exit_codes import BadArgument, UsageError
from tui.cli.output import write

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction["Parser"]  # noqa: SLF001

HELP_WIDTH = 80
_NAMES_WIDTH = 30

_GLOBAL = """\
global options, which 'gjobs --help' explains: --database-url, --profile,
  --config, --as, --read-only, --write, --json, --help"""


class Parser(argparse.ArgumentParser):
    """Raises UsageError instead of ending the program; every help ends with an example.

    The whole program's explains the global options; those of its commands name them.
    """

    def __init__(self, *, example: str, is_whole: bool = False, **options: Any) -> None:
        self._is_whole = is_whole
        self.explained: Callable[[], str] | None = None
        """What stands before the end of the help, made only when that is asked for."""
        super().__init__(
            **options,
            epilog="\n\n".join([*([] if is_whole else [_GLOBAL]), f"example: {example}"]),
            formatter_class=_Formatter,
            allow_abbrev=False,
            add_help=False,
        )
        self._global = self.add_argument_group("global options")
        _add_global_options(self)

    @property
    def commands(self) -> "Mapping[str, Parser]":
        """Its subcommands by name."""
        groups = [action for action in self._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001
        return {name: parser for group in groups for name, parser in group.choices.items()}

    def add_global(self, *flags: str, help: str, **options: Any) -> None:  # noqa: A002
        """On every parser, so that it may stand anywhere; SUPPRESS, so that none undoes what an outer one read."""
        shown = help if self._is_whole else argparse.SUPPRESS
        self._global.add_argument(*flags, default=argparse.SUPPRESS, help=shown, **options)

    def error(self, message: str) -> NoReturn:
        sentence = f"{message[:1].upper()}{message[1:]}"
        if not sentence.endswith((".", "?")):
            sentence += "."
        raise UsageError(sentence, hint=f"'{self.prog} --help' shows what it takes.")

    def format_help(self) -> str:
        if self.explained is not None:
            self.epilog, self.explained = f"{self.explained()}\n\n{self.epilog}", None
        return super().format_help()

    def print_help(self, file: object = None) -> None:  # noqa: ARG002
        write(self.format_help().rstrip())

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        """argparse's own hook for what a text stands for."""
        try:
            return super()._get_value(action, arg_string)
        except BadArgument as error:
            raise argparse.ArgumentError(action, str(error)) from error

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """argparse's own hook for a value that is none of the choices; ours names the nearest."""
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(action, not_known(str(value), map(str, action.choices)))


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, **{**options, "width": HELP_WIDTH - 1, "max_help_position": _NAMES_WIDTH})

    def add_argument(self, action: argparse.Action) -> None:
        """Commands are indented twice, which argparse forgets where it measures their names."""
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            self._action_max_length += 2 * self._indent_increment

    def _format_action(self, action: argparse.Action) -> str:
        """The commands alone, without a line for what they are chosen by: the group's title says it."""
        text = super()._format_action(action)
        return text.partition("\n")[2] if isinstance(action, argparse._SubParsersAction) else text  # noqa: SLF001


def _add_global_options(parser: Parser) -> None:
    for flag, option in DECLARED.items():
        if option.read is None:
            parser.add_global(flag, dest=option.name, action="store_true", help=option.help)
        else:
            parser.add_global(flag, dest=option.name, metavar=option.metavar, type=option.read, help=option.help)
    parser.add_global("-h", "--help", action="help", help="show this and exit")


def add_commands(parser: Parser, *, required: bool) -> "Commands":
    return parser.add_subparsers(
        title="commands", metavar="COMMAND", required=required, dest="subcommand", prog=parser.prog
    )


def add_command(
    commands: "Commands",
    name: str,
    command: Command | None,
    *,
    help: str,  # noqa: A002
    example: str,
) -> Parser:
    """`command` is None for a group that does nothing by itself. `help` is a sentence without its full stop."""
    parser = commands.add_parser(name, help=help, description=f"{help[:1].upper()}{help[1:]}.", example=example)
    if command is not None:
        parser.set_defaults(command=command)
    return parser
