"""The tables of status texts and actions cover every status."""

from rich.cells import cell_len

from store.jobs.job import JobStatus
from tui.text.status_text import STATUS_ACTIONS, STATUS_TEXTS


def test_status_texts_cover_every_status_in_workflow_order_with_distinct_glyphs() -> None:
    assert list(STATUS_TEXTS) == list(JobStatus)
    glyphs = {text.glyph for text in STATUS_TEXTS.values()}
    assert len(glyphs) == len(JobStatus)
    assert set(map(cell_len, glyphs)) == {1}


def test_every_reachable_status_has_an_action() -> None:
    assert set(STATUS_ACTIONS.values()) == {status for status in JobStatus if status.sources}


def test_only_unfinished_jobs_have_a_deletion_warning() -> None:
    assert {status for status, text in STATUS_TEXTS.items() if text.lost} == {
        status for status in JobStatus if not status.is_final
    }
