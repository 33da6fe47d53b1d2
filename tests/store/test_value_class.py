"""Value classes behave like frozen dataclasses of the standard library."""

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError, field
from functools import partial
from typing import Any

import pytest

from gjobs.store.values import data_classes


@data_classes.dataclass(frozen=True)
class Pair:
    """With a positional field, and a `__dict__`."""

    one: int
    two: int = field(default=2, kw_only=True)


def classes(dataclass: Any) -> tuple[type[Any], ...]:
    """Make classes of several kinds with this decorator."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Fields:
        """With all kinds of fields."""

        needed: int
        given: str = "a"
        made: list[int] = field(default_factory=list)
        hidden: str = field(default="secret", repr=False)
        ignored: int = field(default=0, compare=False)
        later: int = field(init=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "later", self.needed + 1)

    @dataclass(frozen=True)
    class Parent:
        """With a positional field, and a `__dict__`."""

        one: int
        two: int = field(default=2, kw_only=True)

    @dataclass(frozen=True, slots=True)
    class Child(Parent):
        """With a field of its own and its own text."""

        three: tuple[int, ...] = (3,)

        def __repr__(self) -> str:
            return "child"

    @dataclass(frozen=True, slots=True)
    class Nothing:
        """Without fields."""

    return Fields, Parent, Child, Nothing


OURS = classes(data_classes.dataclass)
THEIRS = classes(dataclasses.dataclass)
ARGUMENTS: list[list[dict[str, Any]]] = [
    [{"needed": 1}, {"needed": 1, "ignored": 5}, {"needed": 2}, {"needed": 1, "made": [1]}, {"given": "b"}, {}],
    [{"one": 1}, {"one": 1, "two": 3}, {"two": 1}, {"one": 1, "other": 1}],
    [{"one": 1}, {"one": 1, "three": ()}, {"three": ()}],
    [{}, {"one": 1}],
]


def outcome(call: Callable[[], object]) -> object:
    """Return the result, or the kind of the error."""
    try:
        return call()
    except Exception as error:
        return type(error)


def observed(value: Any) -> Iterator[object]:
    """Yield all that can be observed of a value."""
    yield repr(value)
    for each in dataclasses.fields(value):
        yield outcome(partial(setattr, value, each.name, 1))
        yield outcome(partial(delattr, value, each.name))
    yield outcome(partial(hash, value)) is TypeError
    yield [same == value for same in (copy.copy(value), copy.deepcopy(value))]
    yield dataclasses.asdict(value)
    yield value != object()


def behaviour(kind: type[Any], arguments: list[dict[str, Any]]) -> list[object]:
    """Return all that can be observed of a class and its values."""
    make: Callable[..., object] = kind
    values = [outcome(partial(make, **given)) for given in arguments]
    return [
        [(each.name, each.kw_only, each.init, each.repr, each.compare) for each in dataclasses.fields(kind)],
        kind.__match_args__,
        [(name, each.kind) for name, each in inspect.signature(kind).parameters.items()],
        [value if isinstance(value, type) else list(observed(value)) for value in values],
        [[one == other for other in values] for one in values],
    ]


@pytest.mark.parametrize(("ours", "theirs", "arguments"), list(zip(OURS, THEIRS, ARGUMENTS, strict=True)))
def test_value_class_behaves_like_a_frozen_dataclass(
    ours: type[Any], theirs: type[Any], arguments: list[dict[str, Any]]
) -> None:
    assert behaviour(ours, arguments) == behaviour(theirs, arguments)


def test_value_class_is_frozen_hashable_and_replaceable() -> None:
    fields, _, child, _ = OURS
    one = child(1, two=2)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'one'"):
        one.one = 2
    assert {one, child(1)} == {dataclasses.replace(child(5), one=1)}
    assert fields(needed=1).made is not fields(needed=1).made
    assert pickle.loads(pickle.dumps(Pair(1))) == Pair(1)  # noqa: S301
    with pytest.raises(TypeError, match="Only frozen classes"):
        data_classes.dataclass(frozen=False)
