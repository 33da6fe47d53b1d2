"""The words for what an action did."""

from dataclasses import replace

import pytest

from store.errors import Conflict, StoreError, TimedOut, Unreachable
from store.jobs.job import GenerationJob, JobStatus, allowed
from store.jobs.job_results import Applied, Missing, Refused, TransitionOutcome
from store.journal.write_record import ResolvedWrite, WriteOutcome, WriteRecord
from tests.tui.support import make_job
from tests.tui.world import job_id
from tui.dashboard.job_list.list_header import cursor_lost_toast, marks_lost_toast
from tui.text.error_text import Toast, error_toast, unwritten_toast
from tui.text.format import job_name
from tui.text.write_text import (
    created_toast,
    deleted_toast,
    not_permitted_toast,
    resolved_write_words,
    restored_toast,
    transition_toast,
)

JOBS = tuple(make_job(number, id=job_id(number), mode=f"mode{number}") for number in range(1, 8))

RUNNING, SUCCEEDED, FAILED = JobStatus.RUNNING, JobStatus.SUCCEEDED, JobStatus.FAILED


@pytest.mark.parametrize(
    ("target", "outcome", "text"),
    [
        (RUNNING, Applied(job=JOBS[0]), "Started mode1 00000001."),
        (SUCCEEDED, Applied(job=JOBS[0]), "Completed mode1 00000001."),
        (FAILED, Applied(job=JOBS[0]), "Failed mode1 00000001."),
        (
            RUNNING,
            Refused(current=SUCCEEDED, allowed=allowed(SUCCEEDED), job=JOBS[0]),
            "Only a queued job can be started; this one is succeeded, which is final. (mode1 00000001)",
        ),
        (RUNNING, Missing(job_id=JOBS[0].id), "mode1 00000001 is gone or hidden: nothing was changed."),
    ],
)
def test_transition_toast_describes_the_outcome_for_one_job(
    target: JobStatus, outcome: TransitionOutcome, text: str
) -> None:
    severity = "information" if isinstance(outcome, Applied) else "warning"
    assert transition_toast(JOBS[0], outcome, target) == Toast(text=text, severity=severity)


@pytest.mark.parametrize(
    ("jobs", "target", "text"),
    [
        (JOBS[:1], SUCCEEDED, "Only a running job can be completed; this one is queued."),
        (JOBS[:3], SUCCEEDED, "Only running jobs can be completed; none of these 3 is."),
        (JOBS[:2], FAILED, "Only running jobs can be failed; none of these 2 is."),
    ],
)
def test_not_permitted_toast_names_the_required_status(
    jobs: tuple[GenerationJob, ...], target: JobStatus, text: str
) -> None:
    assert not_permitted_toast(jobs, target) == Toast(text=text, severity="warning")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Conflict("It came first."), "It came first. Try again."),
        (StoreError("It is so."), "It is so."),
        (StoreError("Bad\x1b[31m \u202e[/oops]\nline."), "Bad␛[31m ␦[/oops]⏎line."),
        (StoreError("x" * 1000), "x" * 400 + "…"),
    ],
)
def test_error_toast_shows_the_error_with_its_hint(error: StoreError, text: str) -> None:
    assert error_toast(error) == Toast(text=text, severity="error")


def test_toasts_describe_created_deleted_restored_and_lost_jobs() -> None:
    assert created_toast(JOBS[0], project="Autumn\x07").text == "Queued mode1 00000001 for $2.50 in Autumn␇."
    assert deleted_toast(JOBS[:1]).text == "Deleted mode1 00000001."
    assert deleted_toast(JOBS[:2]).text == "Deleted 2 jobs."
    assert restored_toast(JOBS[:1]).text == "mode1 00000001 is back."
    assert restored_toast(JOBS[:2]).text == "2 jobs are back."
    assert cursor_lost_toast(JOBS[0].id, has_left=True).text == "The job 00000001 under the cursor left this list."
    moved = cursor_lost_toast(JOBS[0].id, has_left=False)
    assert moved.text == "The job 00000001 under the cursor changed and moved elsewhere in this order, or left."
    assert marks_lost_toast(1).text == "1 marked job left this list."
    assert marks_lost_toast(2).text == "2 marked jobs left this list."


def test_job_name_is_short_and_escapes_control_characters() -> None:
    name = job_name(make_job(1, id=job_id(1), mode="\x1b[2J" + "x" * 10_000))

    assert name == "␛[2J" + "x" * 36 + "… 00000001"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Unreachable("It broke."), "Nothing was changed. It broke. Check the address, the network and that the"),
        (TimedOut("It took too long.", hint="Wait."), "Nothing was changed. It took too long. Wait."),
        (Conflict("It moved: nothing was changed.", hint="Look."), "It moved: nothing was changed. Look."),
    ],
)
def test_unwritten_toast_states_that_nothing_was_changed(error: StoreError, text: str) -> None:
    assert unwritten_toast(error).text.startswith(text)
    assert unwritten_toast(error).severity == "error"


JOB = make_job(1, id=job_id(1))

STARTED = replace(JOB, status=RUNNING)

WRITES = {
    "transition": WriteRecord(what="transition job to running", before=(JOB,), after=(STARTED,)),
    "creation": WriteRecord(what="create job", after=(JOB,)),
    "deletion": WriteRecord(what="delete job", before=(JOB,)),
    "many": WriteRecord(what="transition 2 jobs", before=(JOB, JOB), after=(STARTED, STARTED)),
}

DONE, NOT_DONE, NOT_KNOWN = WriteOutcome

NAME = "main_white 00000001"


@pytest.mark.parametrize(
    ("write", "outcome", "present", "words"),
    [
        ("transition", DONE, (STARTED,), f"The change was made: {NAME} is running now."),
        ("transition", DONE, (), f"The change was made: {NAME} is gone or hidden by now."),
        ("transition", NOT_DONE, (JOB,), f"The change was not made: {NAME} is queued now."),
        ("transition", NOT_DONE, (), f"The change was not made: {NAME} is gone or hidden by now."),
        ("transition", NOT_KNOWN, (JOB,), f"It cannot be told whether the change was made: {NAME} is queued now."),
        ("creation", DONE, (JOB,), f"The change was made: {NAME} is queued now."),
        ("creation", NOT_DONE, (), f"The change was not made: {NAME} does not exist."),
        ("deletion", DONE, (), f"The change was made: {NAME} is deleted."),
        ("deletion", NOT_DONE, (JOB,), f"The change was not made: {NAME} is queued now."),
        ("many", DONE, (STARTED,), "The change was made: it was about 2 jobs, of which 1 are there now."),
    ],
)
def test_resolved_write_words_report_outcome_and_current_state(
    write: str, outcome: WriteOutcome, present: tuple[GenerationJob, ...], words: str
) -> None:
    assert resolved_write_words(WRITES[write], ResolvedWrite(outcome=outcome, jobs=present)) == words
