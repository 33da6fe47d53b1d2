"""What a value must be before it is sent."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import validation
from store.errors import InvalidValue
from store.jobs.job import JobStatus
from store.validation import UNSET, changed
from tests.store.support import NOTHING


@pytest.mark.parametrize("status", list(JobStatus))
def test_a_status_by_its_name(status: JobStatus) -> None:
    assert validation.status(status.value) is status


@pytest.mark.parametrize("text", ["done", "QUEUED", "", " queued"])
def test_no_other_status(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        validation.status(text)
    assert caught.value.field == "status"
    assert caught.value.hint == "Use one of queued, running, succeeded, failed."


@pytest.mark.parametrize("cents", [0, 1, validation.MAX_COST_CENTS])
def test_a_cost_that_the_column_holds(cents: int) -> None:
    assert validation.cost_cents(cents) == cents


@pytest.mark.parametrize("cents", [-1, validation.MAX_COST_CENTS + 1])
def test_no_other_cost(cents: int) -> None:
    with pytest.raises(InvalidValue, match="whole cents") as caught:
        validation.cost_cents(cents)
    assert caught.value.field == "cost_cents"


@given(st.text())
def test_a_mode_is_kept_without_the_blanks_around_it_or_refused(text: str) -> None:
    with suppress(InvalidValue):
        mode = validation.mode(text)
        assert mode == text.strip()
        assert 0 < len(mode) <= validation.MAX_NAME
        assert mode.encode().decode() == mode
        assert "\0" not in mode


@pytest.mark.parametrize("text", ["", " \t\n", "a\0b", "half \ud83d", "n" * 201])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        validation.project_name(text)
    assert caught.value.field == "name"


def test_an_error_may_be_long_and_have_blanks() -> None:
    text = "  Traceback\n" * 1000
    assert validation.error_text(text) == text


@pytest.mark.parametrize("text", ["a\0b", "half \udc80"])
def test_what_no_text_column_stores(text: str) -> None:
    with pytest.raises(InvalidValue, match="cannot store") as caught:
        validation.error_text(text)
    assert caught.value.field == "error"


@pytest.mark.parametrize("rows", [1, validation.MAX_LIMIT])
def test_a_limit(rows: int) -> None:
    assert validation.limit(rows) == rows


@pytest.mark.parametrize("rows", [-1, 0, validation.MAX_LIMIT + 1])
def test_no_limit(rows: int) -> None:
    with pytest.raises(InvalidValue, match="from 1 to 10,000"):
        validation.limit(rows)


@pytest.mark.parametrize("days", [0, validation.MAX_DAYS + 1])
def test_no_number_of_days(days: int) -> None:
    with pytest.raises(InvalidValue, match="from 1 to"):
        validation.days(days)


class TestChanged:
    def test_only_what_is_given(self) -> None:
        assert changed(mode=" packaging ", cost_cents=UNSET, error=UNSET, input_asset_id=UNSET) == {"mode": "packaging"}

    def test_none_is_a_value(self) -> None:
        assert changed(mode=UNSET, cost_cents=0, error=None, input_asset_id=None) == {
            "cost_cents": 0,
            "error": None,
            "input_asset_id": None,
        }

    def test_an_asset(self) -> None:
        assert changed(mode=UNSET, cost_cents=UNSET, error=UNSET, input_asset_id=NOTHING) == {"input_asset_id": NOTHING}

    def test_nothing_is_refused(self) -> None:
        with pytest.raises(InvalidValue, match="Nothing to change"):
            changed(mode=UNSET, cost_cents=UNSET, error=UNSET, input_asset_id=UNSET)
