"""Declares the program and its commands on argparse; usage errors and help."""

import argparse
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from gjobs.store.values.formats import nearest, not_known, quote_typed
from gjobs.tui.cli.command import DECLARED, Command, Either, GlobalOptions, Group, is_accepted
from gjobs.tui.cli.output import BadArgument, UsageError, write

if TYPE_CHECKING:
    Commands: TypeAlias = argparse._SubParsersAction["Parser"]  # noqa: SLF001

_MISSPELT = re.compile(r"-[A-Za-z][A-Za-z-]+")
"""A word with one dash that looks like an option: no number and no single letter."""

HELP_WIDTH = 80
_NAMES_WIDTH = 30
_MOST_SUGGESTED = 3

_GLOBAL = """\
global options (see 'gjobs --help'): --database-url, --profile, --config,
  --as, --aal, --read-only, --write, --at, --json, --help"""


Options = dict[str, Any]
"""A command's own options, by the parameter names of its `run`."""


class Parser(argparse.ArgumentParser):
    """Raises UsageError instead of ending the program. Every help ends with an example.

    The help of the program explains the global options. The help of a command only names them.
    """

    def __init__(self, *, example: str, is_whole: bool = False, **options: Any) -> None:
        self._is_whole = is_whole
        self.commands: Commands | None = None
        self.default: str | None = None
        """For a group: the command that runs if none is named."""
        self.explained: Callable[[], str] | None = None
        super().__init__(
            **options,
            epilog="\n\n".join([*([] if is_whole else [_GLOBAL]), f"example: {example}"]),
            formatter_class=_Formatter,
            allow_abbrev=False,
            add_help=False,
        )
        self._global = self.add_argument_group("global options")
        for flag, declared in DECLARED.items():
            self.add_global(flag, dest=declared.name, **declared.metadata["option"].settings)
        self.add_global("-h", "--help", action="help", help="show this help and exit")

    def add_global(self, *flags: str, help: str, **options: Any) -> None:  # noqa: A002
        """Add an option to every parser, so that it may stand anywhere. SUPPRESS keeps what an outer parser read."""
        shown = help if self._is_whole else argparse.SUPPRESS
        self._global.add_argument(*flags, **{**options, "default": argparse.SUPPRESS, "help": shown})

    def error(self, message: str) -> NoReturn:
        sentence = f"{message[:1].upper()}{message[1:]}"
        if not sentence.endswith((".", "?")):
            sentence += "."
        raise UsageError(sentence, hint=f"'{self.prog} --help' shows the options.")

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str], namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Override argparse's hook, which also parses a command's words. Nothing is left unread."""
        words = self._with_default(args)
        self._check_flags(words)
        read, unread = super().parse_known_args(words, namespace)
        if unread:
            self.error(f"unrecognized arguments: {' '.join(unread)}")
        return read, []

    def _with_default(self, words: Sequence[str]) -> list[str]:
        if self.default is None or self.commands is None:
            return list(words)
        end = self._end_of_options(words)
        named = words[end : end + 1]
        takes_words = bool(self.commands.choices[self.default]._get_positional_actions())  # noqa: SLF001
        is_named = named and (named[0] in self.commands.choices or not (takes_words or named[0].startswith("-")))
        return list(words) if is_named else [*words[:end], self.default, *words[end:]]

    def _check_flags(self, words: Sequence[str]) -> None:
        """Report misspelt options. argparse would report the value after a misspelt option instead."""
        end = self._end_of_options(words)
        while end < len(words) and words[end] != "--" and (self.commands is None or words[end].startswith("-")):
            flag = words[end].partition("=")[0]
            is_long = flag.startswith("--")
            if _MISSPELT.fullmatch(flag) if not is_long else " " not in flag:
                close = self._suggestion(flag, words[end + 1 :])
                if is_long or close:
                    self.error(f"option {flag!r} is not known.{f' Did you mean {close!r}?' if close else ''}")
            end += 1 + self._end_of_options(words[end + 1 :])

    def _suggestion(self, flag: str, after: Sequence[str]) -> str | None:
        """Return the nearest option that the command takes. The command may follow the flag on the command line."""
        parser = self
        for word in after:
            if parser.commands is not None and word in parser.commands.choices:
                parser = parser.commands.choices[word]
        command: Command | None = parser.get_default("command")
        flags = [flag for flag in self._option_string_actions if command is None or is_accepted(command, flag)]
        return nearest(flag, flags)

    def _end_of_options(self, words: Sequence[str]) -> int:
        """Return how many of the first words are known options and their values."""
        end = 0
        while end < len(words):
            flag, is_joined, _ = words[end].partition("=")
            option = self._option_string_actions.get(flag)
            if option is None:
                break
            end += 2 if option.nargs is None and not is_joined else 1
        return min(end, len(words))

    def format_help(self) -> str:
        if self.explained is not None:
            self.epilog, self.explained = f"{self.explained()}\n\n{self.epilog}", None
        return super().format_help()

    def print_help(self, file: object = None) -> None:  # noqa: ARG002
        write(self.format_help().rstrip())

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        """Override argparse's hook that converts a text."""
        try:
            return super()._get_value(action, arg_string)
        except BadArgument as error:
            raise argparse.ArgumentError(action, str(error)) from error

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Override argparse's hook for a value that is not a choice. The error names the nearest one."""
        if action.choices is None or value in action.choices:
            return
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            raise argparse.ArgumentError(None, f"command {self._not_known(str(value), action.choices)}")
        raise argparse.ArgumentError(action, not_known(str(value), map(str, action.choices)))

    def _not_known(self, typed: str, commands: "Mapping[str, Parser]") -> str:
        """Return a clause that suggests a command. The word may name an option, or a command of a group."""
        near = nearest(typed, commands)
        called = [name for parser in commands.values() for name in parser._commands_named(typed)]  # noqa: SLF001
        found = [name for name in called if name.split()[-1].lstrip("-") == typed] or called
        if not found or (near and near.startswith(typed)):
            return not_known(typed, commands)
        of_jobs = f"gjobs jobs {typed}"
        found = [of_jobs] if of_jobs in found else found[:_MOST_SUGGESTED]
        return f"{quote_typed(typed)} is not known. Did you mean {' or '.join(map(repr, found))}?"

    def _commands_named(self, word: str) -> Iterator[str]:
        """Yield a command line for each command and option of this parser whose name starts with this word.

        A word of up to three letters must be the whole name.
        """
        for name in (*(self.commands.choices if self.commands is not None else ()), *self._option_string_actions):
            text = name.removeprefix("--")
            if name not in DECLARED and (text == word or (len(word) > 3 and text.startswith(word))):
                yield f"{self.prog} {name}"


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, **{**options, "width": HELP_WIDTH - 1, "max_help_position": _NAMES_WIDTH})

    def add_argument(self, action: argparse.Action) -> None:
        """Correct the width of indented commands, which argparse measures without the indent."""
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            self._action_max_length += 2 * self._indent_increment

    def _format_action(self, action: argparse.Action) -> str:
        """Show the commands without a line for their metavar. The group's title is enough."""
        text = super()._format_action(action)
        return text.partition("\n")[2] if isinstance(action, argparse._SubParsersAction) else text  # noqa: SLF001


def add_commands(
    parser: Parser, commands: Iterable[Command | Group], *, required: bool = False, default: str | None = None
) -> None:
    """`default` is the command that runs if none is named."""
    if default is not None:
        parser.default = default
        parser.usage = parser.usage or "%(prog)s [COMMAND ...]"
        parser.description = f"{parser.description} The default command is {default}."
    parser.commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=required, dest="subcommand", prog=parser.prog
    )
    for one in commands:
        child = parser.commands.add_parser(
            one.name,
            help=one.help,
            description=f"{one.help[:1].upper()}{one.help[1:]}.",
            example=one.example,
            usage=one.usage,
        )
        match one:
            case Group():
                add_commands(child, one.commands, required=one.default is None, default=one.default)
            case Command():
                _add_options(child, one)


def _add_options(parser: Parser, command: Command) -> None:
    parser.set_defaults(command=command)
    parser.explained = command.explained
    for name, declared in command.options.items():
        group, options = (
            (parser.add_mutually_exclusive_group(required=declared.required), declared.options)
            if isinstance(declared, Either)
            else (parser, [declared])
        )
        for option in options:
            if option.flag is None:
                group.add_argument(name, **option.settings)
            else:
                group.add_argument(option.flag_for(name), dest=name, **option.settings)


class _Version(argparse.Action):
    """Looks up the version only on demand, because that costs more than everything else here."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        write(f"gjobs {version('gjobs')}")
        parser.exit()


def root_parser(commands: Iterable[Command | Group], default: Command) -> Parser:
    """Return the parser of the program. It runs `default` if no command is named."""
    parser = Parser(
        prog="gjobs",
        is_whole=True,
        description="Show, change and run generation jobs. Without a command, open the dashboard.",
        usage="gjobs [OPTION ...] [COMMAND ...]",
        example="gjobs jobs list --status failed",
    )
    parser.set_defaults(command=default)
    parser.add_global("--version", action=_Version, nargs=0, help="print the version and exit")
    parser.add_argument(
        "--tour", action="store_true", default=argparse.SUPPRESS, help="show the tour of the dashboard again"
    )
    add_commands(parser, commands)
    return parser


def parse_arguments(parser: Parser, arguments: Sequence[str]) -> tuple[Command, GlobalOptions, Options]:
    """Parse the arguments. Raises UsageError if they are wrong."""
    typed: Options = vars(parser.parse_args(arguments))
    typed.pop("subcommand", None)
    command: Command = typed.pop("command")
    if "tour" in typed and command is not parser.get_default("command"):
        raise UsageError("Only the dashboard has a tour.", hint="Leave --tour out.")
    names = [field.name for field in fields(GlobalOptions)]
    options = GlobalOptions(**{name: typed.pop(name) for name in names if name in typed})
    return command, options, typed
