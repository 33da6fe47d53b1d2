"""The tables of status texts and actions cover every status."""

from rich.cells import cell_len

from gjobs.store.jobs.job import JobStatus
from gjobs.tui.dashboard.list.job_columns import ColumnName, ContentWidths, lay_out
from gjobs.tui.text.status_text import DOING, STATUS_ACTIONS, STATUS_TEXTS, pending_words


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


def test_row_has_room_for_what_is_done_to_its_job() -> None:
    (column,) = (column for column in lay_out(80, ContentWidths()) if column.name is ColumnName.STATUS)
    assert [pending_words(action) for action in DOING] == [
        "creating …",
        "starting …",
        "finishing …",
        "failing …",
        "deleting …",
        "retrying …",
    ]
    assert all(len(pending_words(action)) <= column.width for action in DOING)
