"""Value classes, values before they are sent, and amounts, shares and ids as typed text."""

import ast
import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import FrozenInstanceError, field
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gjobs.store import validation
from gjobs.store.capabilities.capability import PolicyCommand
from gjobs.store.capabilities.claim_sql import POLICIES
from gjobs.store.errors import InvalidValue
from gjobs.store.jobs import job
from gjobs.store.jobs.job import JobStatus
from gjobs.store.jobs.job_results import Page
from gjobs.store.statistics.statistics import JobStatistic, JobStatistics
from gjobs.store.validation import UNSET, changed_columns
from gjobs.store.values import data_classes
from gjobs.store.values.data_classes import by_member
from gjobs.store.values.formats import (
    LEAST_DIGITS,
    IdRange,
    cents,
    close_names,
    id_range,
    money,
    nearest,
    quote_typed,
    share_of,
)
from gjobs.store.values.page_sizes import MAX_LIMIT
from tests.store.store_fixtures import NOTHING


def test_amounts_are_whole_cents_or_dollars_and_any_other_text_is_none() -> None:
    for text, amount in (
        ("0", 0),
        ("1250", 1_250),
        ("12.50", 1_250),
        ("$12.50", 1_250),
        ("$12", 1_200),
        ("$12.5", 1_250),
        ("$1,234.5", 123_450),
        ("0.05", 5),
    ):
        assert cents(text) == amount

    for text in ("", "-5", "12.5", "12.", ".50", "1,250", "12.345", "$", "1e3", "٣", "12 ", "12.50€", "$12."):
        assert cents(text) is None, text


@given(st.integers(0, 10**9))
def test_formatted_amount_reads_back_unchanged(amount: int) -> None:
    assert cents(money(amount).replace(",", "")) == amount


def test_percentage_or_fraction_is_a_share_and_any_other_text_is_none() -> None:
    for text, share in (("80%", 0.8), (" 80 % ", 0.8), ("0.8", 0.8), ("100%", 1.0)):
        assert share_of(text) == share

    for text in ("", "%", "0", "0%", "-1%", "101%", "1.1", "nan", "inf%", "80%%", "80% off"):
        assert share_of(text) is None, text


OPTIONS = ["--json", "--help", "--as", "--aal", "--limit", "--project", "--older-than", "-h"]


@pytest.mark.parametrize(
    ("typed", "known", "near"),
    [
        ("--once", OPTIONS, None),
        ("--keep", OPTIONS, None),
        ("--sql", OPTIONS, None),
        ("--", OPTIONS, None),
        ("--x", OPTIONS, None),
        ("--jsno", OPTIONS, "--json"),
        ("--JSON", OPTIONS, "--json"),
        ("-json", OPTIONS, "--json"),
        ("--lim", OPTIONS, "--limit"),
        ("--projects", OPTIONS, "--project"),
        ("--older", OPTIONS, "--older-than"),
        ("cvs", ["csv", "json"], "csv"),
        ("crate", ["create", "list"], "create"),
        ("migrate", ["create", "list"], None),
        ("show", ["list", "create"], None),
        ("", ["list", "create"], None),
    ],
)
def test_only_a_near_word_is_suggested(typed: str, known: list[str], near: str | None) -> None:
    assert nearest(typed, known) == near


def test_close_names_start_with_the_text_or_resemble_it() -> None:
    assert close_names("cre", ["create", "list", "Crew"]) == ["create", "Crew"]
    assert close_names("crate", ["create", "list"]) == ["create"]
    assert close_names("migrate", ["create", "list"]) == close_names("", ["create"]) == []
    assert close_names("autumn catalog", ["Autumn catalog", "Spring lookbook"]) == ["Autumn catalog"]


AN_ID = UUID("0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d")


def test_id_in_any_form_or_its_beginning_has_a_range_and_other_text_has_none() -> None:
    for text in (str(AN_ID), str(AN_ID).upper(), AN_ID.hex, f"  {AN_ID}\n", f'"{AN_ID}",', f"{{{AN_ID}}}"):
        assert id_range(text) == IdRange(low=AN_ID, high=AN_ID)

    for text in ("0a1b", "0a1b2c3d-", "0a1b2c3d4e", "0A1B2C3D-4E5F-4a6b-8c7d-9e"):
        ids = id_range(text)
        assert ids is not None
        assert ids.low < AN_ID < ids.high

    for text in ("", "   ", "0a1", "lifestyle", "0a1b2c3g", "0a1b-2c3d", "0a1b2c3d--4e", "-0a1b2c3d", f"{AN_ID}0"):
        assert id_range(text) is None, text
    for text in ("ada@example.com", "٠١٢٣", "0a1b 2c3d"):
        assert id_range(text) is None, text


@given(st.uuids(), st.uuids(), st.integers(min_value=LEAST_DIGITS, max_value=36))
def test_id_range_contains_exactly_the_ids_with_the_prefix(one: UUID, other: UUID, length: int) -> None:
    prefix = str(one)[:length]
    ids = id_range(prefix)
    assert ids is not None
    assert ids.low <= one <= ids.high
    assert (ids.low <= other <= ids.high) is str(other).startswith(prefix)


def test_quoted_text_is_cut_so_that_the_reason_after_it_stays_visible() -> None:
    assert quote_typed("soon") == "'soon'"
    assert quote_typed("x" * 60) == repr("x" * 60)
    assert quote_typed("x" * 900) == repr("x" * 59 + "…")


check_status = partial(validation.check_member, JobStatus, "status")
LONG_TEXT = "  Traceback\n" * 1000


@pytest.mark.parametrize(
    ("check", "values"),
    [
        (check_status, list(JobStatus)),
        (validation.check_cost_cents, [0, 1, validation.MAX_COST_CENTS]),
        (partial(validation.check_storable, "error"), [LONG_TEXT]),
        (validation.check_limit, [1, MAX_LIMIT]),
    ],
)
def test_valid_value_is_returned_unchanged(check: Callable[[Any], object], values: list[Any]) -> None:
    assert [check(value) for value in values] == values


@pytest.mark.parametrize(
    ("check", "values", "field", "words"),
    [
        (check_status, ["done", "QUEUED", "", " queued"], "status", None),
        (validation.check_cost_cents, [-1, validation.MAX_COST_CENTS + 1], "cost_cents", "whole cents"),
        (partial(validation.check_name, "name"), ["", " \t\n", "a\0b", "half \ud83d", "n" * 201], "name", None),
        (partial(validation.check_storable, "error"), ["a\0b", "half \udc80"], "error", "can't store"),
        (validation.check_limit, [-1, 0, MAX_LIMIT + 1], "limit", "from 1 to 10,000"),
        (validation.check_days, [0, validation.MAX_DAYS + 1], "days", "from 1 to"),
    ],
)
def test_invalid_value_is_refused_with_its_field(
    check: Callable[[Any], object], values: list[Any], field: str, words: str | None
) -> None:
    for value in values:
        with pytest.raises(InvalidValue, match=words) as caught:
            check(value)
        assert caught.value.field == field


def test_unknown_status_error_lists_the_statuses() -> None:
    with pytest.raises(InvalidValue) as caught:
        check_status("done")
    assert caught.value.hint == "Use one of queued, running, succeeded, failed."


@hypothesis.given(st.text())
def test_mode_is_stripped_or_refused(text: str) -> None:
    with suppress(InvalidValue):
        mode = validation.check_name("mode", text)
        assert mode == text.strip()
        assert 0 < len(mode) <= validation.MAX_NAME
        assert mode.encode().decode() == mode
        assert "\0" not in mode


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"mode": " packaging "}, {"mode": "packaging"}),
        ({"cost_cents": 0, "error": None, "input_asset_id": None},) * 2,
        ({"input_asset_id": NOTHING},) * 2,
    ],
    ids=["only what is given", "None is a value", "asset"],
)
def test_changed_columns_are_the_given_ones(given: dict[str, Any], expected: dict[str, object]) -> None:
    unset = dict.fromkeys(("mode", "cost_cents", "error", "input_asset_id"), UNSET)
    assert changed_columns(**{**unset, **given}) == expected


def test_empty_change_is_refused() -> None:
    with pytest.raises(InvalidValue, match="nothing to change"):
        changed_columns(mode=UNSET, cost_cents=UNSET, error=UNSET, input_asset_id=UNSET)


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
def test_value_class_is_like_a_dataclass(ours: type[Any], theirs: type[Any], arguments: list[dict[str, Any]]) -> None:
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


STORE = Path(job.__file__).parents[1]
Counts = dict[JobStatus, tuple[int, int]]

counts = st.dictionaries(
    st.sampled_from(JobStatus), st.tuples(st.integers(1, 10_000), st.integers(-(10**6), 10**9)), max_size=4
)


def statistics_of(by_status: Counts) -> JobStatistics:
    return JobStatistics(
        by_status=tuple(
            JobStatistic(status=status, count=count, total_cost_cents=cost, avg_cost_cents=round(cost / count, 2))
            for status, (count, cost) in by_status.items()
        )
    )


CLOSED_SETS = {
    "gjobs.store.schema.schema_diff": {"ObjectKind"},
    "gjobs.store.journal.journal": {"WriteOutcome"},
    "gjobs.store.configuration.saved_views": {"OrderColumn"},
    "gjobs.store.filters.filter_syntax": {"Key"},
    "gjobs.store.capabilities.probe": {"RelationKind"},
    "gjobs.store.doctor.sql_checks": {"Severity"},
    "gjobs.store.job_store": {"JobStatus"},
    "gjobs.store.store": {"Period"},
}
"""Modules that refuse values outside an enumeration: from our own SQL, from our own file, or from a person."""


CALLERS = {"row_maker", "check_member"}
"""Functions that call their arguments with a value."""


def test_no_reader_of_the_database_takes_an_enumeration_for_a_closed_set() -> None:
    """A newer program, the app or a newer Postgres adds values; `known_or_text` keeps them as they are."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in STORE.rglob("*.py")}
    enumerations = {
        node.name
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "StrEnum" for base in node.bases)
    }
    assert {"JobStatus", "EventKind", "PolicyCommand", "RetentionAction", "Period"} <= enumerations
    found: dict[str, set[str]] = {}
    for path, tree in trees.items():
        module = ".".join(path.relative_to(STORE.parents[1]).with_suffix("").parts)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                makes = [*node.args, *(one.value for one in node.keywords)] if node.func.id in CALLERS else []
                called = {one.id for one in (node.func, *makes) if isinstance(one, ast.Name)} & enumerations
                if called:
                    found.setdefault(module, set()).update(called)
    assert found == CLOSED_SETS


def test_policy_with_an_unknown_command_is_read() -> None:
    row = ("generation_jobs", "merging", "merging", True, "MERGE", ["authenticated"], True, "true", None)
    policy = POLICIES.make(row)
    assert policy.command == "MERGE"
    assert policy.command not in set(PolicyCommand)


@given(counts)
def test_totals_and_success_rates_are_computed_from_all_statuses(by_status: Counts) -> None:
    whole = statistics_of(by_status)
    assert whole.total_count == sum(count for count, _ in by_status.values())
    assert whole.total_cost_cents == sum(cost for _, cost in by_status.values())
    for status in JobStatus:
        assert (whole.count(status), whole.cost_cents(status)) == by_status.get(status, (0, 0))
    assert tuple(whole) == whole.by_status

    succeeded, failed = whole.count(JobStatus.SUCCEEDED), whole.count(JobStatus.FAILED)
    if whole.total_count:
        assert whole.success_rate == succeeded / whole.total_count
        assert whole.avg_cost_cents == round(whole.total_cost_cents / whole.total_count, 2)
    else:
        assert whole.success_rate is whole.avg_cost_cents is None
    if succeeded + failed:
        assert whole.success_rate_finished == succeeded / (succeeded + failed)
    else:
        assert whole.success_rate_finished is None


def test_page_behaves_like_its_items() -> None:
    page = Page(items=("a", "b"), next_key=None)
    assert (list(page), len(page), "a" in page) == (["a", "b"], 2, True)
    assert pickle.loads(pickle.dumps(page)) == page  # noqa: S301


class Colour(Enum):
    RED = 1
    GREEN = 2
    BLUE = 3


def test_table_by_member_names_each_missing_member_and_cannot_change() -> None:
    with pytest.raises(TypeError, match=r"^A table by Colour has no value for GREEN, BLUE\.$"):
        by_member(Colour, {Colour.RED: "r"})

    table = by_member(Colour, {Colour.RED: None, Colour.GREEN: 2, Colour.BLUE: 3})
    assert [table[colour] for colour in Colour] == [None, 2, 3]
    with pytest.raises(TypeError, match="does not support item assignment"):
        table[Colour.RED] = 1  # type: ignore[index]
