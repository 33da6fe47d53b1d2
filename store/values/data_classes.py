"""A faster `dataclass` for frozen classes, and tables with a value for each member of an enumeration.

At a start, about 200 frozen classes are created. The standard library compiles six functions for each of them, which
was a sixth of the time until the first rows. Here, only `__init__` is compiled. The classes share all other methods.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, FrozenInstanceError
from enum import Enum
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

T = TypeVar("T")

__all__ = ["by_member", "dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool, slots: bool = False, kw_only: bool = False) -> Callable[[type[T]], type[T]]:
        """Create a class that behaves like a frozen dataclass, even for functions of `dataclasses` such as `replace`.

        A class and its bases must use the same decorator. Methods that the class defines itself are kept.
        """
        if not frozen:
            raise TypeError("Only frozen classes can share their methods.")

        def create(kind: type[T]) -> type[T]:
            own = vars(kind).copy()
            made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(kind)
            fields = dataclasses.fields(made)
            methods: dict[str, Any] = {
                "_compared": staticmethod(_getter([field.name for field in fields if field.compare])),
                "__init__": _init(made, fields),
                "__repr__": _repr,
                "__eq__": _eq,
                "__setattr__": _refuse_setting,
                "__delattr__": _refuse_deleting,
            }
            if slots:
                methods |= {"__getstate__": _get_state, "__setstate__": _set_state}
            for name in methods.keys() - own.keys():
                setattr(made, name, methods[name])
            # A class that defines only `__eq__` has None here.
            if own.get("__hash__") is None:
                made.__hash__ = _hash
            return made

        return create


def _getter(names: Sequence[str]) -> Callable[[Any], Any]:
    return attrgetter(*names) if names else _nothing


def _nothing(_: object) -> tuple[()]:
    return ()


def _init(kind: type, fields: Sequence["Field[Any]"]) -> Callable[..., None]:
    """Compile `__init__`. The names of fields are identifiers of our own code."""
    scope: dict[str, Any] = {"set_": object.__setattr__, "MISSING_": MISSING}
    by_place, by_name, lines = list[str](), list[str](), list[str]()
    for field in fields:
        name, parameter, value = field.name, field.name, field.name
        if field.default is not MISSING:
            scope[f"default_{name}"] = field.default
            parameter, fixed = f"{name}=default_{name}", f"default_{name}"
        elif field.default_factory is not MISSING:
            scope[f"make_{name}"] = field.default_factory
            parameter, fixed = f"{name}=MISSING_", f"make_{name}()"
            value = f"{fixed} if {name} is MISSING_ else {name}"
        else:
            fixed = ""
        if field.init:
            (by_name if field.kw_only else by_place).append(parameter)
        elif fixed:
            value = fixed
        else:
            continue  # `__post_init__` sets it.
        lines.append(f" set_(self,{name!r},{value})")
    if hasattr(kind, "__post_init__"):
        lines.append(" self.__post_init__()")
    parameters = ["self", *by_place, *(["*", *by_name] if by_name else [])]
    exec("\n".join([f"def __init__({','.join(parameters)}):", *(lines or [" pass"])]), scope)  # noqa: S102
    made: Callable[..., None] = scope["__init__"]
    made.__qualname__ = f"{kind.__qualname__}.__init__"
    made.__annotations__ = {field.name: field.type for field in fields if field.init}
    return made


def _repr(self: Any) -> str:
    shown = [f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr]
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _eq(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    values = self._compared
    return values(self) == values(other)


def _hash(self: Any) -> int:
    return hash(self._compared(self))


def _refuse_setting(_: object, name: str, __: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deleting(_: object, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _get_state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


K = TypeVar("K")
V = TypeVar("V")


def by_member(members: type[Enum], table: Mapping[K, V]) -> Mapping[K, V]:
    """Return the table, read-only. Raises TypeError if it lacks a member, so that a forgotten one fails at import."""
    if missing := [str(member.name) for member in members if member not in table]:
        raise TypeError(f"A table by {members.__name__} has no value for {', '.join(missing)}.")
    return MappingProxyType(table)
