"""What is asked before something that is hard to undo."""

from uuid import UUID

import pytest

from store.jobs.job import GenerationJob, JobStatus
from tests.tui.support import make_job
from tests.tui.world import job_id
from tui.text.write_text import confirm_deletion, confirm_transition

UNDO = "U brings it back."

NAMES = {UUID(int=2): "Autumn catalog"}


def jobs(*statuses: JobStatus) -> list[GenerationJob]:
    return [make_job(number, id=job_id(number), status=status) for number, status in enumerate(statuses, 1)]


QUEUED, RUNNING, SUCCEEDED, FAILED = JobStatus


def test_deletion_question_names_the_job_its_project_and_the_database() -> None:
    question = confirm_deletion(jobs(SUCCEEDED), project_names=NAMES, database="host/app", undo=UNDO)

    assert question.title == "Delete this job?"
    assert question.lines == (
        "✓ succeeded  main_white  $2.50  00000001  Autumn catalog",
        "",
        "Database: host/app",
        UNDO,
    )
    assert question.warning is None
    assert question.agree == "Delete"


def test_question_about_many_jobs_lists_the_first_and_counts_the_rest() -> None:
    question = confirm_deletion(jobs(*[FAILED] * 8), project_names=NAMES, database="host/app", undo=UNDO)

    assert question.title == "Delete these 8 jobs?"
    assert len(question.lines) == 5 + 1 + 3
    assert question.lines[5] == "and 3 more"
    assert question.agree == "Delete 8"


@pytest.mark.parametrize(
    ("statuses", "warning"),
    [
        ([QUEUED], "This job is still queued: it will never run."),
        ([RUNNING], "This job is still running: its worker loses it."),
        ([SUCCEEDED, FAILED], None),
        ([SUCCEEDED, QUEUED], "Among them 1 still queued: they will never finish."),
        ([QUEUED, RUNNING, RUNNING], "Among them 1 still queued and 2 still running: they will never finish."),
    ],
)
def test_deletion_question_warns_about_queued_and_running_jobs(statuses: list[JobStatus], warning: str | None) -> None:
    assert confirm_deletion(jobs(*statuses), project_names=NAMES, database="d", undo=UNDO).warning == warning


@pytest.mark.parametrize(
    ("target", "title", "agree"),
    [
        (RUNNING, "Start these 2 jobs?", "Start 2"),
        (SUCCEEDED, "Complete these 2 jobs?", "Complete 2"),
        (FAILED, "Fail these 2 jobs?", "Fail 2"),
    ],
)
def test_changing_the_status_of_several_jobs_asks_for_confirmation(target: JobStatus, title: str, agree: str) -> None:
    able = target.sources[0]

    question = confirm_transition(jobs(able, able), target, project_names=NAMES, database="d")

    assert (question.title, question.agree, question.warning) == (title, agree, None)
    assert question.lines[-1] == "Database: d"


def test_status_question_shows_how_many_of_the_jobs_can_change() -> None:
    question = confirm_transition(jobs(QUEUED, FAILED, QUEUED), RUNNING, project_names=NAMES, database="d")

    assert (question.title, question.agree) == ("Start 2 of these 3 jobs?", "Start 2")


def test_status_question_lists_the_jobs_that_can_change_first() -> None:
    seen = jobs(*[FAILED] * 6, QUEUED)
    question = confirm_transition(seen, RUNNING, project_names=NAMES, database="d")

    assert question.lines[0] == "◌ queued  main_white  $2.50  00000007  Autumn catalog"
    assert question.lines[1] == "✗ failed  main_white  $2.50  00000001  Autumn catalog"
    assert question.lines[5] == "and 2 more"


def test_question_shows_an_unnamed_project_by_id_and_escapes_control_characters() -> None:
    question = confirm_deletion(
        [make_job(1, id=job_id(1), mode="[/oops]\x1b[2J\n")], project_names={}, database="h\x1b[31m\u202e", undo=UNDO
    )

    assert question.lines[0] == f"◌ queued  [/oops]␛[2J⏎  $2.50  00000001  {UUID(int=2)}"
    assert question.lines[2] == "Database: h␛[31m␦"
