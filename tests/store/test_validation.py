"""Values are validated before they are sent."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from gjobs.store import validation
from gjobs.store.errors import InvalidValue
from gjobs.store.jobs.job import JobStatus
from gjobs.store.validation import UNSET, changed_columns
from gjobs.store.values.page_sizes import MAX_LIMIT
from tests.store.store_fixtures import NOTHING

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
