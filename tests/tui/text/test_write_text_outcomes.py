"""Questions before a write, messages about its outcome, and the texts of statuses."""

from dataclasses import replace
from uuid import UUID

import pytest

from gjobs.store.errors import Conflict, StoreError, TimedOut
from gjobs.store.jobs.job import GenerationJob, JobStatus, Project
from gjobs.store.jobs.job_results import Missing
from gjobs.store.journal.write_record import ResolvedWrite, WriteOutcome, WriteRecord
from gjobs.tui.dashboard.list.job_columns import ColumnName, lay_out, measure
from gjobs.tui.dashboard.list.list_header import cursor_lost_words
from gjobs.tui.text.error_text import Message, error_message
from gjobs.tui.text.format import job_name
from gjobs.tui.text.status_text import DOING, pending_words
from gjobs.tui.text.write_text import (
    confirm_deletion,
    confirm_retry,
    confirm_transition,
    created_message,
    resolved_write_words,
    restored_message,
    transition_message,
    unchanged_words,
)
from tests.tui.jobs_database import job_id
from tests.tui.sample_jobs import make_job

JOBS = tuple(make_job(number, id=job_id(number), mode=f"mode{number}") for number in range(1, 8))

QUEUED, RUNNING, SUCCEEDED, FAILED = JobStatus


ONE = JOBS[0]


@pytest.mark.parametrize(
    ("message", "severity", "text"),
    [
        (
            transition_message(ONE, Missing(job_id=ONE.id), RUNNING),
            "warning",
            "mode1 00000001 is gone or hidden: nothing was changed.",
        ),
        (error_message(Conflict("It came first.")), "error", "It came first. Try again."),
        (error_message(StoreError("Bad\x1b[31m \u202e[/oops]\nline.")), "error", "Bad␛[31m ␦[/oops]⏎line."),
        (error_message(StoreError("x" * 1000)), "error", "x" * 400 + "…"),
        (created_message(ONE, project="Autumn\x07"), "information", "Queued mode1 00000001 for $2.50 in Autumn␇."),
    ],
)
def test_message_about_a_write_has_its_severity_and_text(message: Message, severity: str, text: str) -> None:
    assert (message.severity, message.text) == (severity, text)


def test_words_for_lost_columns_a_moved_cursor_and_long_names() -> None:
    assert restored_message(JOBS[:1], ["note", "rank"]).text == (
        "Restored mode1 00000001. The columns note, rank are gone, so their values were not restored."
        " The jobs' events keep them: 'gjobs jobs show ID --events'."
    )
    moved = cursor_lost_words(ONE.id, has_left=False)
    assert moved == "The job 00000001 under the cursor changed, and moved to another place or left the list."
    assert job_name(make_job(1, id=job_id(1), mode="\x1b[2J" + "x" * 10_000)) == "␛[2J" + "x" * 36 + "… 00000001"


def test_message_of_a_failed_write_states_that_nothing_was_changed() -> None:
    error = TimedOut("It took too long.", hint="Wait.")
    assert error_message(error).text == "It took too long. Wait."
    error.changed_nothing = True
    assert error_message(error).text == "Nothing was changed. It took too long. Wait."
    unchanged = unchanged_words(JOBS[:1], "Started")
    assert error_message(error, unchanged=unchanged).text == "mode1 00000001 was not started. It took too long. Wait."
    assert unchanged_words(JOBS[:2], "Deleted") == "2 jobs were not deleted"


JOB = make_job(1, id=job_id(1))

STARTED = replace(JOB, status=RUNNING)

PROJECT = Project(
    id=UUID(int=2),
    user_id=JOB.user_id,
    name="Winter\x1b",
    created_at=JOB.created_at,
    updated_at=JOB.created_at,
    job_count=0,
    total_cost_cents=0,
)

WRITES = {
    "transition": WriteRecord(what="transition job to running", before=(JOB,), after=(STARTED,)),
    "creation": WriteRecord(what="create job", after=(JOB,)),
    "deletion": WriteRecord(what="delete job", before=(JOB,)),
    "many": WriteRecord(what="start 2 jobs", before=(JOB, JOB), after=(STARTED, STARTED)),
    "project": WriteRecord(what="create project", after=(PROJECT,)),
    "clean-up": WriteRecord(what="delete old jobs", touched=(job_id(1), job_id(2))),
    "archived": WriteRecord(what="restore archived jobs", touched=(job_id(1),)),
    "policy": WriteRecord(what="set a retention policy", touched=(job_id(1),), touches_jobs=False),
}

DONE, NOT_DONE, NOT_KNOWN = WriteOutcome

NAME = "main_white 00000001"


@pytest.mark.parametrize(
    ("write", "outcome", "present", "words"),
    [
        ("transition", DONE, (STARTED,), f"The change was made: {NAME} is running now."),
        ("transition", DONE, (), f"The change was made: {NAME} is gone or hidden now."),
        ("transition", NOT_DONE, (JOB,), f"The change was not made: {NAME} is queued now."),
        ("transition", NOT_DONE, (), f"The change was not made: {NAME} is gone or hidden now."),
        ("transition", NOT_KNOWN, (JOB,), f"It is unknown whether the change was made: {NAME} is queued now."),
        ("creation", DONE, (JOB,), f"The change was made: {NAME} is queued now."),
        ("creation", NOT_DONE, (), f"The change was not made: {NAME} does not exist."),
        ("deletion", DONE, (), f"The change was made: {NAME} is deleted."),
        ("deletion", NOT_DONE, (JOB,), f"The change was not made: {NAME} is queued now."),
        ("many", DONE, (STARTED,), "The change was made: start 2 jobs. 1 of the 2 jobs exists now."),
        ("project", DONE, (), "The change was made: the project Winter␛ was created."),
        ("project", NOT_DONE, (), "The change was not made: the project Winter␛ was not created."),
        ("project", NOT_KNOWN, (), "It is unknown whether the change was made. It concerned the project Winter␛."),
        ("clean-up", DONE, (), "The change was made: delete old jobs. 0 of the 2 jobs exist now."),
        ("archived", NOT_DONE, (), "The change was not made: the job 00000001 does not exist now."),
        ("policy", DONE, (), "The change was made: set a retention policy."),
    ],
)
def test_resolved_write_words_report_outcome_and_current_state(
    write: str, outcome: WriteOutcome, present: tuple[GenerationJob, ...], words: str
) -> None:
    assert resolved_write_words(WRITES[write], ResolvedWrite(outcome=outcome, jobs=present)) == words


UNDO = "U brings it back."

NAMES = {UUID(int=2): "Autumn catalog"}


def jobs(*statuses: JobStatus) -> list[GenerationJob]:
    return [make_job(number, id=job_id(number), status=status) for number, status in enumerate(statuses, 1)]


def test_deletion_question_names_the_job_its_project_and_the_database() -> None:
    question = confirm_deletion(jobs(SUCCEEDED), project_names=NAMES, database="host/app", undo=UNDO)
    line = "✓ succeeded  main_white  $2.50  00000001  Autumn catalog"
    assert (question.title, question.agree, question.warning) == ("Delete this job?", "Delete", None)
    assert question.lines == (line, "", "Database: host/app", UNDO)


@pytest.mark.parametrize(
    ("statuses", "warning"),
    [
        ([QUEUED], "This job is queued. It will never run."),
        ([RUNNING], "This job is running. Its worker will lose it."),
        ([SUCCEEDED, FAILED], None),
        ([SUCCEEDED, QUEUED], "1 queued job will never finish."),
        ([QUEUED, RUNNING, RUNNING], "1 queued and 2 running jobs will never finish."),
    ],
)
def test_deletion_question_warns_about_queued_and_running_jobs(statuses: list[JobStatus], warning: str | None) -> None:
    assert confirm_deletion(jobs(*statuses), project_names=NAMES, database="d", undo=UNDO).warning == warning


@pytest.mark.parametrize(
    ("others", "words"), [(6, "The other 6 jobs stay as they are."), (1, "The other job stays as it is.")]
)
def test_questions_list_only_the_jobs_that_can_change_and_count_the_others(others: int, words: str) -> None:
    question = confirm_transition(jobs(*[FAILED] * others, QUEUED), RUNNING, project_names=NAMES, database="d")
    assert (question.title, question.agree) == (f"Start 1 of these {others + 1} jobs?", "Start 1")
    line = f"◌ queued  main_white  $2.50  0000000{others + 1}  Autumn catalog"
    assert question.lines == (line, words, "", "Database: d")
    question = confirm_retry(jobs(*[QUEUED] * others, FAILED), project_names=NAMES, database="d")
    assert question.lines[:2] == (line.replace("◌ queued", "✗ failed"), words)


def test_question_shows_an_unnamed_project_by_id_and_escapes_control_characters() -> None:
    nasty = make_job(1, id=job_id(1), mode="[/oops]\x1b[2J\n")
    question = confirm_deletion([nasty], project_names={}, database="h\x1b[31m\u202e", undo=UNDO)
    assert question.lines[0] == f"◌ queued  [/oops]␛[2J⏎  $2.50  00000001  {UUID(int=2)}"
    assert question.lines[2] == "Database: h␛[31m␦"


def test_status_column_fits_the_text_of_each_pending_action() -> None:
    (column,) = (column for column in lay_out(80, measure([])) if column.name is ColumnName.STATUS)
    words = ["starting …", "finishing …", "failing …", "deleting …", "retrying …"]
    assert [pending_words(action) for action in DOING] == words
    assert max(map(len, words)) <= column.width
