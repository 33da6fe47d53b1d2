"""Commands, what they declare, global options, and the settings for one run.

Options and arguments are the defaults of the parameters that receive them.

    def list_jobs(..., *, limit: int = option(whole_number, "N", "at most N jobs", default=500))

So mypy compares the type of each parameter with what is read for it. The parser passes a value for every parameter.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import Field, field, fields, replace
from datetime import UTC, datetime
from enum import Enum, auto
from inspect import iscoroutinefunction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Literal, NoReturn, TypeVar, overload

from gjobs.store.configuration.settings import (
    ANON_NAME,
    APP_VARIABLE,
    EMBEDDED,
    LONGEST_REASON,
    NO_CONFIGURATION,
    OPERATOR_NAME,
    Configuration,
    Settings,
    resolve,
)
from gjobs.store.errors import InvalidValue
from gjobs.store.users.actor import AAL_LEVELS
from gjobs.store.values.data_classes import dataclass
from gjobs.tui.cli.output import BadArgument, ExitCode, Output, UsageError, not_empty
from gjobs.tui.cli.sessions import in_session

if TYPE_CHECKING:
    from gjobs.store.configuration.config_file import ConfigurationFile
    from gjobs.tui.session import Session


T = TypeVar("T")
D = TypeVar("D")


class _Declared:
    """Stands for a value until the parser passes one. A function that is called without it must not take it as true."""

    __slots__ = ()

    def __bool__(self) -> bool:
        raise TypeError("No value was passed for this option.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option(_Declared):
    flag: str | None
    """If empty, it is the parameter's name. None for an argument, which has no flag."""
    settings: Mapping[str, Any]
    """What argparse needs to know."""

    def flag_for(self, name: str) -> str:
        """Return the flag that sets this parameter."""
        return self.flag or f"--{name.replace('_', '-')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Either(_Declared):
    """Options that exclude each other and set the same parameter."""

    options: tuple[Option, ...]
    required: bool


@overload
def option(read: Callable[[str], T], metavar: str, meaning: str, *, flag: str = "") -> T | None: ...
@overload
def option(read: Callable[[str], T], metavar: str, meaning: str, *, flag: str = "", default: D) -> T | D: ...
@overload
def option(read: Callable[[str], T], metavar: str, meaning: str, *, flag: str = "", required: Literal[True]) -> T: ...
def option(read: Callable[[str], object], metavar: str, meaning: str, *, flag: str = "", **settings: object) -> Any:
    """Declare an option. `read` converts the typed text, or raises BadArgument."""
    return Option(flag=flag, settings={"type": read, "metavar": metavar, "help": meaning, **settings})


def optional_value(read: Callable[[str], T], metavar: str, meaning: str, *, const: T) -> T | None:
    """Declare an option that may stand without a value. Then it means `const`."""
    return option(read, metavar, meaning, nargs="?", const=const)  # type: ignore[call-overload, no-any-return]


def repeated(read: Callable[[str], T], metavar: str, meaning: str, *, flag: str) -> list[T]:
    return option(read, metavar, meaning, flag=flag, action="append", default=[])  # type: ignore[call-overload, no-any-return]


def constant(value: T, meaning: str, *, flag: str = "", default: T | None = None) -> T:
    """Declare an option without a value, which means `value`."""
    settings = {"action": "store_const", "const": value, "default": default, "help": meaning}
    return Option(flag=flag, settings=settings)  # type: ignore[return-value]


def switch(meaning: str, *, flag: str = "") -> bool:
    return constant(True, meaning, flag=flag, default=False)


@overload
def argument(read: Callable[[str], T], metavar: str, meaning: str) -> T: ...
@overload
def argument(read: Callable[[str], T], metavar: str, meaning: str, *, nargs: Literal["?"], default: D) -> T | D: ...
@overload
def argument(read: Callable[[str], T], metavar: str, meaning: str, *, nargs: Literal["*", "+"]) -> list[T]: ...
def argument(read: Callable[[str], object], metavar: str, meaning: str, **settings: object) -> Any:
    return Option(flag=None, settings={"type": read, "metavar": metavar, "help": meaning, **settings})


@overload
def either(*options: T) -> T: ...
@overload
def either(*options: T | None, required: Literal[True]) -> T: ...
def either(*options: object, required: bool = False) -> Any:
    return Either(options=options, required=required)  # type: ignore[arg-type]


def _path(text: str) -> Path:
    return Path(not_empty(text))


def _reason(text: str) -> str:
    """Parse a write reason. The journal shows it as one line."""
    line = not_empty(text).strip()
    if len(line) > LONGEST_REASON:
        raise BadArgument(f"a reason has at most {LONGEST_REASON} characters; this one has {len(line)}")
    if not line.isprintable():
        raise BadArgument("a reason must be one line of plain text")
    return line


def _moment(text: str) -> datetime:
    from gjobs.store.jobs.job_results import parse_moment

    try:
        return parse_moment(text, now=datetime.now(UTC))
    except InvalidValue as error:
        raise BadArgument(f"{error.message} {error.hint}".rstrip(". ")) from None


def _aal(text: str) -> int:
    for level in AAL_LEVELS:
        if text.strip() in (str(level), f"aal{level}"):
            return level
    raise BadArgument("the assurance level must be 1 or 2")


def _field(declared: T, *, of_database: bool = True) -> T:
    """Declare a field by its option. `of_database` is true if the option chooses a database or restricts what a command
    may do to it.
    """
    metadata = {"option": declared, "of_database": of_database}
    return field(default=declared.settings.get("default"), metadata=metadata)  # type: ignore[attr-defined, no-any-return]


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalOptions:
    database_url: str | None = _field(option(not_empty, "URL", "use this Postgres instead of the embedded one"))
    profile: str | None = _field(option(not_empty, "NAME", "open the database of this profile"))
    config: Path | None = _field(option(_path, "PATH", "use this configuration file"), of_database=False)
    act_as: str | None = _field(
        option(not_empty, "WHO", "act as a user (e-mail or id), 'anon' or 'operator'", flag="--as")
    )
    aal: int | None = _field(option(_aal, "LEVEL", "the user's assurance level: 1, or 2 with a second factor"))
    read_only: bool = _field(switch("let the database refuse every write"))
    write_reason: str | None = _field(
        option(_reason, "REASON", "allow writes; the journal keeps the reason", flag="--write")
    )
    at: datetime | None = _field(option(_moment, "TIME", "show the state at a time, or some time ago: 2h"))
    json: bool = _field(switch("print one JSON document"), of_database=False)

    def database_flags(self) -> dict[str, str]:
        """Return the flags that were typed and concern the database, by option name."""
        return {
            one.name: flag for flag, one in DECLARED.items() if one.metadata["of_database"] and getattr(self, one.name)
        }


DECLARED: Mapping[str, Field[Any]] = {one.metadata["option"].flag_for(one.name): one for one in fields(GlobalOptions)}
"""The global options by flag."""


def read_alone(arguments: Iterable[str]) -> GlobalOptions | None:
    """Parse a command line that has only global options. Return None if the full parser must decide or report an error.

    The dashboard usually starts this way. Skipping the full parser makes its start faster.
    """
    values: dict[str, Any] = {}
    words = iter(arguments)
    for word in words:
        flag, is_joined, value = word.partition("=")
        if (declared := DECLARED.get(flag)) is None:
            return None
        if (read := declared.metadata["option"].settings.get("type")) is None:
            if is_joined:
                return None
            values[declared.name] = True
            continue
        if not is_joined:
            value = next(words, "")
            if value.startswith("-"):
                return None
        try:
            values[declared.name] = read(value)
        except BadArgument:
            return None
    return GlobalOptions(**values)


class ActorRule(Enum):
    CHOSEN = auto()
    """The actor chosen by option, environment or profile."""
    OPERATOR_UNLESS_ASKED = auto()
    """The operator, unless --as is on the command line."""
    OPERATOR_ONLY = auto()
    """The command is about the database, not about rows, so it acts as no user."""


def _nothing(*_: object, **__: object) -> NoReturn:
    raise NotImplementedError("A command without a function was run.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Declares a command as the decorator of its function. The function's keywords are the command's own options.

    A coroutine gets an open session; another function gets the settings. Returning None means DONE.
    The first line of the docstring is the help.
    """

    name: str = ""
    help: str = ""
    """The same sentence without its full stop, as in a list of commands."""
    example: str = ""
    usage: str | None = None
    explained: Callable[[], str] | None = None
    """Makes a text near the end of the help. It runs only if the help is printed."""
    actor_rule: ActorRule = ActorRule.CHOSEN
    embedded_only: bool = False
    """It is about the embedded server, so it never reads an address."""
    ignores_app_variable: bool = False
    """The command changes more than rows, so it ignores a DATABASE_URL that was set for the app."""
    reads_configuration: bool = True
    """If false, an unusable configuration file does not stop the command."""
    about_configuration: bool = False
    """It opens no database. `run` takes a ConfigurationFile instead of the settings."""
    opens_database: bool = True
    """If false, options that choose a database or an actor are refused."""
    has_json: bool = True
    shows_moments: bool = False
    """Whether it can show the state at an earlier moment. Commands that write never do."""
    run: Callable[..., ExitCode | None] = _nothing
    options: Mapping[str, Option | Either] = field(default_factory=dict)

    @overload
    def __call__(
        self, run: Callable[Concatenate["Session", Output, ...], Coroutine[Any, Any, ExitCode | None]]
    ) -> "Command": ...
    @overload
    def __call__(self, run: Callable[Concatenate[Settings, Output, ...], ExitCode | None]) -> "Command": ...
    @overload
    def __call__(self, run: Callable[Concatenate["ConfigurationFile", Output, ...], ExitCode | None]) -> "Command": ...
    def __call__(self, run: Callable[..., Any]) -> "Command":
        sentence = (run.__doc__ or "").partition("\n")[0].removesuffix(".")
        return replace(
            self,
            help=self.help or f"{sentence[:1].lower()}{sentence[1:]}",
            run=in_session(run) if iscoroutinefunction(run) else run,
            options=run.__kwdefaults__ or {},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    name: str
    help: str
    """A sentence without its full stop."""
    example: str
    usage: str | None = None
    default: str | None = None
    """The command that runs if none is named."""
    commands: "Sequence[Command | Group]"


def check_options(command: Command, options: GlobalOptions) -> None:
    """Raise UsageError if a global option does not apply to the command."""
    given = options.database_flags()
    flags = " and ".join(given.values())
    if options.json and not command.has_json:
        raise UsageError("This command has no JSON form.", hint="Leave --json out.")
    if command.about_configuration and given:
        raise UsageError("This command reads only the configuration. It opens no database.", hint=f"Leave {flags} out.")
    if not command.opens_database and given:
        raise UsageError("This command opens no database.", hint=f"Leave {flags} out.")
    if command.embedded_only and "database_url" in given:
        raise UsageError(
            "This command uses the embedded database. It takes no --database-url.",
            hint="Leave --database-url out.",
        )
    if command.embedded_only and options.profile not in (None, EMBEDDED):
        raise UsageError(
            "This command uses the embedded database. It takes no other profile.", hint="Leave --profile out."
        )
    if not command.reads_configuration and options.config is not None:
        raise UsageError("This command reads no configuration.", hint="Leave --config out.")
    if options.at is not None and not command.shows_moments:
        raise UsageError(
            "This command shows no earlier moment.",
            hint="Leave --at out. The dashboard, 'jobs list', 'jobs show', 'stats' and 'snapshot' take it.",
        )
    if options.at is not None and options.write_reason is not None:
        raise UsageError("--at and --write contradict each other.", hint="Leave one of them out.")
    if options.read_only and options.write_reason is not None:
        raise UsageError("--read-only and --write contradict each other.", hint="Leave one of them out.")


def is_accepted(command: Command, flag: str) -> bool:
    """Return whether the command takes the flag. A command refuses a flag only if it is a global option that does not
    apply.
    """
    values: dict[str, Any] = {DECLARED[flag].name: True} if flag in DECLARED else {}
    try:
        check_options(command, GlobalOptions(**values))
    except UsageError:
        return False
    return True


def settings_for(
    command: Command,
    options: GlobalOptions,
    *,
    data_dir: Path,
    environment: Mapping[str, str],
    configuration: Configuration = NO_CONFIGURATION,
) -> Settings:
    """Return the settings. Raises InvalidValue if the value of an option is unknown, UsageError if an actor does not
    apply to the command.
    """
    if command.ignores_app_variable:
        environment = {name: value for name, value in environment.items() if name != APP_VARIABLE}
    settings = resolve(
        database_url=options.database_url,
        profile=EMBEDDED if command.embedded_only or not command.opens_database else options.profile,
        act_as=options.act_as,
        aal=options.aal,
        read_only=options.read_only,
        write_reason=options.write_reason,
        data_dir=data_dir,
        environment=environment,
        configuration=configuration,
    )
    settings = replace(_apply_actor_rule(settings, command.actor_rule), moment=options.at)
    if options.aal is not None and settings.act_as in (OPERATOR_NAME, ANON_NAME):
        raise UsageError("--aal needs a user.", hint="Add --as WHO, or leave --aal out.")
    return settings


def _apply_actor_rule(settings: Settings, actor_rule: ActorRule) -> Settings:
    if actor_rule is ActorRule.OPERATOR_ONLY and settings.act_as_given and settings.act_as != OPERATOR_NAME:
        raise UsageError("This command acts on the database itself, never as a user.", hint="Leave --as out.")
    if actor_rule is ActorRule.CHOSEN or settings.act_as_given:
        return settings
    return replace(settings, act_as=OPERATOR_NAME, act_as_origin=None)
