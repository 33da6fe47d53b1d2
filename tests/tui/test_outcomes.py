"""The words for what an action did."""

import pytest

from store.errors import Conflict, StoreError, TimedOut, Unreachable
from store.jobs.job import GenerationJob, JobStatus
from store.jobs.job_results import Applied, Missing, Refused, TransitionOutcome
from tests.tui.support import make_job
from tests.tui.world import job_id
from tui.dashboard.job_list.list_header import cursor_lost_toast, marks_lost_toast
from tui.text.error_text import Toast, error_toast, unwritten_toast
from tui.text.format import job_name
from tui.text.write_text import created_toast, deleted_toast, not_permitted_toast, restored_toast, transition_toast

JOBS = tuple(make_job(number, id=job_id(number), mode=f"mode{number}") for number in range(1, 8))

RUNNING, SUCCEEDED, FAILED = JobStatus.RUNNING, JobStatus.SUCCEEDED, JobStatus.FAILED


def applied(job: GenerationJob) -> TransitionOutcome:
    return Applied(job=job)


def refused(job: GenerationJob, current: JobStatus) -> TransitionOutcome:
    return Refused(current=current, allowed=current.allowed, job=job)


def missing(job: GenerationJob) -> TransitionOutcome:
    return Missing(job_id=job.id)


@pytest.mark.parametrize(
    ("outcome", "target", "toast"),
    [
        (applied(JOBS[0]), RUNNING, Toast(text="Started mode1 00000001.")),
        (applied(JOBS[0]), SUCCEEDED, Toast(text="Completed mode1 00000001.")),
        (applied(JOBS[0]), FAILED, Toast(text="Failed mode1 00000001.")),
        (
            refused(JOBS[0], SUCCEEDED),
            RUNNING,
            Toast(
                text="Only a queued job can be started; this one is succeeded, which is final. (mode1 00000001)",
                severity="warning",
            ),
        ),
        (
            missing(JOBS[0]),
            RUNNING,
            Toast(text="mode1 00000001 is gone or hidden: nothing was changed.", severity="warning"),
        ),
    ],
)
def test_transition_toast_describes_the_outcome_for_one_job(
    outcome: TransitionOutcome, target: JobStatus, toast: Toast
) -> None:
    assert transition_toast(JOBS[0], outcome, target) == toast


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
        (
            Unreachable("The link broke."),
            "Nothing was changed. The link broke. Check the address, the network and that the server is up.",
        ),
        (TimedOut("It took too long.", hint="Wait."), "Nothing was changed. It took too long. Wait."),
        (Conflict("It moved: nothing was changed.", hint="Look."), "It moved: nothing was changed. Look."),
    ],
)
def test_unwritten_toast_states_that_nothing_was_changed(error: StoreError, text: str) -> None:
    assert unwritten_toast(error) == Toast(text=text, severity="error")
