"""What a command declares before it runs: options and arguments.

Options and arguments are the defaults of the parameters that receive them.

    def list_jobs(..., *, limit: int = option(whole_number, "N", "at most N jobs", default=500))

So mypy compares the type of each parameter with what is read for it. The parser passes a value for every parameter.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar, overload

from gjobs.store.values.data_classes import dataclass

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
