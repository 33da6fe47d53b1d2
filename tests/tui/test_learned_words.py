"""What really happened to a write whose answer was lost, in a sentence."""

from dataclasses import replace

import pytest

from store.jobs.job import JobStatus
from store.journal.write_record import ResolvedWrite, WriteOutcome, WriteRecord
from tests.tui.support import make_job
from tests.tui.world import job_id
from tui.text.write_text import resolved_write_words

JOB = make_job(1, id=job_id(1))

RUNNING = replace(JOB, status=JobStatus.RUNNING)

TRANSITION = WriteRecord(what="transition job to running", before=(JOB,), after=(RUNNING,))

CREATION = WriteRecord(what="create job", after=(JOB,))

DELETION = WriteRecord(what="delete job", before=(JOB,))

MANY = WriteRecord(what="transition 2 jobs", before=(JOB, JOB), after=(RUNNING, RUNNING))

DONE, NOT_DONE, UNKNOWN = WriteOutcome


@pytest.mark.parametrize(
    ("written", "outcome", "present", "words"),
    [
        (TRANSITION, DONE, (RUNNING,), "The change was made: main_white 00000001 is running now."),
        (TRANSITION, DONE, (), "The change was made: main_white 00000001 is gone or hidden by now."),
        (TRANSITION, NOT_DONE, (JOB,), "The change was not made: main_white 00000001 is queued now."),
        (TRANSITION, NOT_DONE, (), "The change was not made: main_white 00000001 is gone or hidden by now."),
        (
            TRANSITION,
            UNKNOWN,
            (JOB,),
            "It cannot be told whether the change was made: main_white 00000001 is queued now.",
        ),
        (CREATION, DONE, (JOB,), "The change was made: main_white 00000001 is queued now."),
        (CREATION, NOT_DONE, (), "The change was not made: main_white 00000001 does not exist."),
        (DELETION, DONE, (), "The change was made: main_white 00000001 is deleted."),
        (DELETION, NOT_DONE, (JOB,), "The change was not made: main_white 00000001 is queued now."),
        (MANY, DONE, (RUNNING,), "The change was made: it was about 2 jobs, of which 1 are there now."),
    ],
)
def test_resolved_write_words_report_outcome_and_current_state(
    written: WriteRecord, outcome: WriteOutcome, present: tuple[object, ...], words: str
) -> None:
    assert resolved_write_words(written, ResolvedWrite(outcome=outcome, jobs=present)) == words  # type: ignore[arg-type]
