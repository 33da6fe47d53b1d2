"""The table of how statuses look and read."""

from rich.cells import cell_len

from store.jobs.job import JobStatus
from tui.text.status_text import STATUS_ACTIONS, STATUS_TEXTS


def test_every_status_has_a_row_in_the_workflows_order() -> None:
    assert list(STATUS_TEXTS) == list(JobStatus)


def test_every_glyph_is_distinct_and_one_cell_wide() -> None:
    glyphs = {text.glyph for text in STATUS_TEXTS.values()}
    assert len(glyphs) == len(JobStatus)
    assert set(map(cell_len, glyphs)) == {1}


def test_every_status_that_a_job_can_move_to_has_an_action() -> None:
    assert set(STATUS_ACTIONS.values()) == {status for status in JobStatus if status.sources}


def test_only_statuses_that_are_not_final_lose_something_when_deleted() -> None:
    assert {status for status, text in STATUS_TEXTS.items() if text.lost} == {
        status for status in JobStatus if not status.is_final
    }
