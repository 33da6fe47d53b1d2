"""What a command declares before it runs: options, arguments, and the columns of its table.

Options and arguments are the defaults of the parameters that receive them.

    def list_jobs(..., *, limit: int = option(whole_number, "N", "at most N jobs", default=500))

So mypy compares the type of each parameter with what is read for it. The parser passes a value for every parameter.
"""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, field
from typing import Any, Generic, Literal, TypeVar, overload

from gjobs.store.values.data_classes import dataclass

T = TypeVar("T")
D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """A column of a table."""

    title: str
    cell: Callable[[T], str]
    """Makes the text of a cell from the value of its row."""
    _: KW_ONLY
    right: bool = False
    narrowest: int | None = None
    """The least width in cells if the table is too wide. None keeps the column whole."""
    is_id: bool = False
    """Whether the column has ids. In a table that is too wide, ids are cut first but stay distinct."""
    colours: Mapping[str, str] = field(default_factory=dict)
    """Escape sequences that colour a cell, by the cell's text."""
    other_colour: str | None = None
    """The escape sequence for any other text."""


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
