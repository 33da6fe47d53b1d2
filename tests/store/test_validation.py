"""What a value must be before it is sent."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import validation
from store.errors import InvalidValue
from store.jobs.job import JobStatus
from store.validation import UNSET, changed_columns
from tests.store.support import NOTHING


@pytest.mark.parametrize("status", list(JobStatus))
def test_status_name_is_accepted(status: JobStatus) -> None:
    assert validation.check_status(status.value) is status


@pytest.mark.parametrize("text", ["done", "QUEUED", "", " queued"])
def test_unknown_status_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        validation.check_status(text)
    assert caught.value.field == "status"
    assert caught.value.hint == "Use one of queued, running, succeeded, failed."


@pytest.mark.parametrize("cents", [0, 1, validation.MAX_COST_CENTS])
def test_cost_within_the_column_range_is_accepted(cents: int) -> None:
    assert validation.check_cost_cents(cents) == cents


@pytest.mark.parametrize("cents", [-1, validation.MAX_COST_CENTS + 1])
def test_cost_outside_the_column_range_is_refused(cents: int) -> None:
    with pytest.raises(InvalidValue, match="whole cents") as caught:
        validation.check_cost_cents(cents)
    assert caught.value.field == "cost_cents"


@given(st.text())
def test_mode_is_stripped_or_refused(text: str) -> None:
    with suppress(InvalidValue):
        mode = validation.check_mode(text)
        assert mode == text.strip()
        assert 0 < len(mode) <= validation.MAX_NAME
        assert mode.encode().decode() == mode
        assert "\0" not in mode


@pytest.mark.parametrize("text", ["", " \t\n", "a\0b", "half \ud83d", "n" * 201])
def test_invalid_project_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        validation.check_project_name(text)
    assert caught.value.field == "name"


def test_error_text_may_be_long_and_keeps_its_whitespace() -> None:
    text = "  Traceback\n" * 1000
    assert validation.check_error_text(text) == text


@pytest.mark.parametrize("text", ["a\0b", "half \udc80"])
def test_error_text_that_no_column_can_store_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="cannot store") as caught:
        validation.check_error_text(text)
    assert caught.value.field == "error"


@pytest.mark.parametrize("rows", [1, validation.MAX_LIMIT])
def test_limit_within_the_range_is_accepted(rows: int) -> None:
    assert validation.check_limit(rows) == rows


@pytest.mark.parametrize("rows", [-1, 0, validation.MAX_LIMIT + 1])
def test_limit_outside_the_range_is_refused(rows: int) -> None:
    with pytest.raises(InvalidValue, match="from 1 to 10,000"):
        validation.check_limit(rows)


@pytest.mark.parametrize("days", [0, validation.MAX_DAYS + 1])
def test_number_of_days_outside_the_range_is_refused(days: int) -> None:
    with pytest.raises(InvalidValue, match="from 1 to"):
        validation.check_days(days)


class TestChanged:
    def test_changed_returns_only_the_given_fields(self) -> None:
        assert changed_columns(mode=" packaging ", cost_cents=UNSET, error=UNSET, input_asset_id=UNSET) == {
            "mode": "packaging"
        }

    def test_changed_treats_none_as_a_value(self) -> None:
        assert changed_columns(mode=UNSET, cost_cents=0, error=None, input_asset_id=None) == {
            "cost_cents": 0,
            "error": None,
            "input_asset_id": None,
        }

    def test_changed_returns_a_given_asset(self) -> None:
        assert changed_columns(mode=UNSET, cost_cents=UNSET, error=UNSET, input_asset_id=NOTHING) == {
            "input_asset_id": NOTHING
        }

    def test_changed_refuses_an_empty_change(self) -> None:
        with pytest.raises(InvalidValue, match="Nothing to change"):
            changed_columns(mode=UNSET, cost_cents=UNSET, error=UNSET, input_asset_id=UNSET)
