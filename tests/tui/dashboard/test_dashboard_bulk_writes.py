"""Bulk writes: choosing and marking jobs, chunks, reports, progress and stop."""

from collections.abc import Sequence

import pytest

from gjobs.store.configuration.settings import WriteMode
from gjobs.store.errors import Conflict, Locked, ReadOnly, StoreError, Unreachable
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.journal.write_record import ResolvedWrite, WriteOutcome, WriteRecord
from gjobs.tui.dashboard.actions.action_context import WriteResolved
from gjobs.tui.dashboard.dialogs.dialog import ProgressDialog
from gjobs.tui.dashboard.features import jobs
from gjobs.tui.dashboard.features.job_writes import CHUNK, BulkWrite, bulk_report
from gjobs.tui.text.write_text import FINISHED, GONE_OR_HIDDEN, SKIPPED, UNKNOWN, SkipReason
from tests.tui.dashboard.dashboard_driver import Drive, Driver, Gate, number_of
from tests.tui.jobs_database import JobsDatabase, job_id, short
from tests.tui.sample_jobs import make_job


async def choose_all(driver: Driver, number: int) -> None:
    await driver.press("A", shows=f"{number} jobs selected")


def chosen(driver: Driver) -> list[int]:
    return [number_of(job) for job in driver.app.dashboard.jobs.selected]


def running(jobs_db: JobsDatabase) -> int:
    ((number,),) = jobs_db.sql("select count(*) from generation_jobs where status = 'running'")
    return int(number)


async def test_choosing_all_jobs_replaces_the_marks_and_shows_the_count(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    jobs_db.jobs(range(100, 700))
    await dashboard.refreshes()
    await dashboard.press("2", shows="Queued jobs · 1 of 602")
    await dashboard.press("space", shows="1 marked")
    await dashboard.press("asterisk", shows="602 jobs selected, including jobs not shown; esc clears", hides="1 marked")
    await dashboard.press("d", dialog="Delete these 602 jobs?", shows="Delete 602 (y)")
    await dashboard.press("escape")
    await dashboard.press("s", dialog="Start these 602 jobs?", shows=("and 597 more", "Start 602 (y)"))
    await dashboard.press("y", message="Started 602 of 602 jobs.")

    assert running(jobs_db) == 604
    await dashboard.shows_no_longer("selected, including")


async def test_choice_is_dropped_when_the_list_or_the_marks_change_and_has_no_jobs_that_came_later(
    dashboard: Driver, jobs_db: JobsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    for keys in (["escape"], ["3"], ["space"], ["slash", *"main"]):
        await choose_all(dashboard, 6)
        await dashboard.press(*keys, hides="selected, including")
        assert len(dashboard.app.dashboard.jobs.selected) == 1, keys
        await dashboard.press("escape", "1", rows=[1, 2, 3, 4, 5, 6])

    await dashboard.filter("main", rows=[3])
    await dashboard.press("enter", "A", shows="1 job selected")
    assert chosen(dashboard) == [3]
    await dashboard.press("escape", "escape", rows=[1, 2, 3, 4, 5, 6])
    with monkeypatch.context() as patched:
        patched.setattr(jobs, "MAX_LIMIT", 4)
        await dashboard.press("A", message="More jobs match. Selected the newest 4 jobs, which is the maximum.")
    assert chosen(dashboard) == [1, 2, 3, 4]

    await dashboard.press("escape", "2", rows=[1, 5])
    await choose_all(dashboard, 2)
    jobs_db.job(9, "queued")
    jobs_db.delete(5)
    await dashboard.refreshes(shows="2 jobs selected")
    await dashboard.press("d", "y", message="Deleted 1 of 2 jobs; 1 is gone: feature_callout 00000005.")
    assert (jobs_db.status(1), jobs_db.status(9)) == (None, JobStatus.QUEUED)


async def test_choice_and_marks_are_right_before_the_list_is_read(drive: Drive) -> None:
    """A choice made before the list has loaded is kept. Marks of deleted jobs are dropped at once."""
    listing = Gate("get_listing", lambda _, query: query.window.listed.status in held)
    held: set[JobStatus | None] = {JobStatus.QUEUED}
    async with drive(make=listing.store) as driver:
        await driver.press("2")
        await choose_all(driver, 2)
        listing.release()
        await driver.until(lambda: driver.rows == [1, 5])
        await driver.shows("2 jobs selected")
        assert chosen(driver) == [1, 5]

        held.clear()
        await driver.press("escape", "1", rows=[1, 2, 3, 4, 5, 6])
        await driver.mark(1, 2)
        held.add(None)
        await driver.press("d", "y", message="Deleted 2 of 2 jobs.")
        assert driver.marked == set()
        listing.open()


async def test_bulk_write_shows_progress_and_stops_on_request_or_without_a_permit(
    jobs_db: JobsDatabase, drive: Drive
) -> None:
    chunks = Gate("transition_jobs")
    jobs_db.jobs(range(100, 100 + 3 * CHUNK))
    async with drive(make=chunks.store, rule=WriteMode.PERMIT_REQUIRED) as driver:
        access = driver.session.access
        access.open_permit("ticket 4711", 60)
        await driver.press("2")
        await choose_all(driver, 3 * CHUNK + 2)
        await driver.press("s", "y", dialog="Starting 152 jobs", shows=("0 of 152", "Stop (esc)"))
        chunks.release()
        await driver.shows("50 of 152")
        await driver.press("escape", shows="50 of 152, stopping after the jobs in flight …")
        chunks.release()
        await driver.expects(message="Started 100 of 152 jobs. Stopped: 52 jobs were not touched.", dialog="")
        assert running(jobs_db) == 102

        await driver.until(lambda: not driver.app.key_queue.is_dropping)
        await choose_all(driver, 52)
        await driver.press("s", "y", dialog="Starting 52 jobs")
        chunks.release()
        await driver.shows("50 of 52")
        access.close_permit()
        chunks.release()
        stopped = "Started 50 of 52 jobs. Stopped early, and 2 jobs were not touched: This session is"
        await driver.expects(message=stopped, dialog="")
        assert running(jobs_db) == 152

        progress = ProgressDialog(title="Deleting 3 jobs", total=3, stop=lambda: None)
        await driver.app.push_screen(progress)
        progress.show_progress(5)
        await driver.shows("5 of 3")
        assert driver.text.count("━" * 60) == 1, "the bar is full"
        assert "━" * 61 not in driver.text


async def test_marked_jobs_are_changed_after_confirmation_or_skipped(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.mark(2, 3)
    await dashboard.shows("2 marked, esc unmarks")
    await dashboard.press(
        "s", message="Only queued jobs can be started, and none of these 2 jobs is queued.", dialog=""
    )
    await dashboard.press("escape", hides="marked")
    assert dashboard.marked == set()

    await dashboard.mark(1, 3, 5)
    await dashboard.press("s", "enter", dialog="")
    assert (jobs_db.status(1), dashboard.marked) == (JobStatus.QUEUED, {1, 3, 5})
    await dashboard.press("s", dialog="Start 2 of these 3 jobs?")
    await dashboard.shows(short(1), short(5), "lifestyle", "feature_callout", "Database: testbase", "Start 2 (y)")
    await dashboard.press("y", message=f"Started 2 of 3 jobs; 1 had already finished: main_white {short(3)}.")
    assert [jobs_db.status(number) for number in (1, 3, 5)] == ["running", "succeeded", "running"]
    await dashboard.until(lambda: "running 4" in dashboard.costs[0])

    jobs_db.set_status(1, "queued")
    await dashboard.refreshes()
    await dashboard.press("escape")
    await dashboard.mark(1, 2, 3)
    await dashboard.press("d", dialog="Delete these 3 jobs?", shows="1 queued and 1 running jobs will never")
    await dashboard.press("y", message="Deleted 3 of 3 jobs.", rows=[4, 5, 6])
    assert [jobs_db.status(number) for number in (1, 2, 3)] == [None] * 3
    assert not any("left this list" in message for message in dashboard.warnings), "the user deleted these jobs"

    await dashboard.mark(4, 5)
    await dashboard.press("d", dialog="Delete these 2 jobs?")
    jobs_db.set_status(4, "queued")
    await dashboard.press("y", message=f"Deleted 1 of 2 jobs; 1 is queued now: lifestyle {short(4)}.")
    assert (jobs_db.status(4), jobs_db.status(5)) == (JobStatus.QUEUED, None)


MANY = tuple(make_job(number, id=job_id(number)) for number in range(1, 2 * CHUNK + 21))

NAME = "main_white 0000000"


class Sender:
    """Record the sent chunks and answer with the prepared answer of each job number."""

    def __init__(self, answers: dict[int, SkipReason | Exception] | None = None) -> None:
        self.answers = answers or {}
        self.sent: list[list[int]] = []

    async def __call__(self, chunk: Sequence[GenerationJob]) -> list[SkipReason | None]:
        self.sent.append(numbers(chunk))
        answers = [self.answers.get(number) for number in numbers(chunk)]
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return [answer for answer in answers if not isinstance(answer, Exception)]


def numbers(jobs: Sequence[GenerationJob]) -> list[int]:
    return [number_of(job) for job in jobs]


async def test_bulk_write_sends_each_job_once_in_ordered_chunks() -> None:
    sender, seen = Sender(), list[int]()
    outcome = await BulkWrite(MANY, sender).run(seen.append)
    assert [len(chunk) for chunk in sender.sent] == [CHUNK, CHUNK, 20]
    assert [number for chunk in sender.sent for number in chunk] == numbers(MANY)
    assert (outcome.done, outcome.skipped, outcome.not_reached, outcome.stopped_by) == (MANY, (), (), None)
    assert seen == [CHUNK, 2 * CHUNK, 2 * CHUNK + 20]


async def test_bulk_write_never_sends_a_job_that_the_user_saw_in_a_refused_status() -> None:
    sender, seen = Sender(), list[int]()
    outcome = await BulkWrite(MANY[:5], sender, refused=lambda job: FINISHED if number_of(job) == 3 else None).run(
        seen.append
    )
    assert (sender.sent, seen) == ([[1, 2, 4, 5]], [4])
    assert [(number_of(left.job), left.reason) for left in outcome.skipped] == [(3, FINISHED)]


@pytest.mark.parametrize("error", [Locked("The row is locked."), Conflict("Rows refer to it.")])
async def test_job_that_fails_its_chunk_does_not_stop_the_other_jobs(error: StoreError) -> None:
    outcome = await BulkWrite(MANY[:5], Sender({3: error})).run()
    assert numbers(outcome.done) == [1, 2, 4, 5]
    ((left,), stopped_by) = (outcome.skipped, outcome.stopped_by)
    assert (left.job, stopped_by) == (MANY[2], None)
    assert left.reason.one == f"was refused ({error.message.rstrip('.')})"


@pytest.mark.parametrize("error", [Unreachable("No answer."), ReadOnly("The lease has run out.")])
async def test_bulk_write_stops_at_an_error_that_no_single_job_caused(error: StoreError) -> None:
    outcome = await BulkWrite(MANY, Sender({CHUNK + 3: error})).run()
    assert (outcome.done, outcome.not_reached, outcome.stopped_by) == (MANY[:CHUNK], MANY[CHUNK:], error)

    after_a_failed_chunk = await BulkWrite(MANY[:5], Sender({2: Locked("The row is locked."), 4: error})).run()
    assert (numbers(after_a_failed_chunk.done), numbers(after_a_failed_chunk.not_reached)) == ([1, 3], [4, 5])
    assert [left.job for left in after_a_failed_chunk.skipped] == [MANY[1]]


def resolved(outcome: WriteOutcome, *jobs: GenerationJob) -> WriteResolved:
    return WriteResolved(WriteRecord(what="x", before=jobs, after=jobs), ResolvedWrite(outcome=outcome, jobs=jobs))


@pytest.mark.parametrize(
    ("outcome", "done", "left", "not_reached"),
    [
        (WriteOutcome.DONE, MANY[:2], [(MANY[2], SKIPPED)], ()),
        (WriteOutcome.NOT_DONE, (), [], MANY[:3]),
        (WriteOutcome.UNKNOWN, (), [(job, UNKNOWN) for job in MANY[:3]], ()),
    ],
)
async def test_resolved_write_after_a_lost_answer_counts_in_the_outcome(
    outcome: WriteOutcome,
    done: tuple[GenerationJob, ...],
    left: list[tuple[GenerationJob, SkipReason]],
    not_reached: tuple[GenerationJob, ...],
) -> None:
    bulk = await BulkWrite(MANY[:3], Sender({1: resolved(outcome, *MANY[:2])})).run()
    assert (bulk.done, bulk.not_reached) == (done, not_reached)
    assert [(skipped.job, skipped.reason) for skipped in bulk.skipped] == left


async def test_report_of_a_made_change_is_an_error_only_if_it_left_jobs_untouched() -> None:
    made = resolved(WriteOutcome.DONE, *MANY[:CHUNK])
    whole = await BulkWrite(MANY[:CHUNK], Sender({1: made})).run()
    message = bulk_report(whole, done="Started", project_names={}).message
    assert (message.text, message.severity) == (f"Started {CHUNK} of {CHUNK} jobs.", "information")
    partial = await BulkWrite(MANY, Sender({1: made})).run()
    message = bulk_report(partial, done="Started", project_names={}).message
    left = f"Stopped early, and {CHUNK + 20} jobs were not touched: The connection was lost."
    assert (message.text, message.severity) == (f"Started {CHUNK} of 120 jobs. {left}", "error")


@pytest.mark.parametrize(
    ("number", "answers", "words"),
    [
        (2, {}, "2 of 2 jobs."),
        (9, {3: FINISHED, 7: FINISHED}, f"7 of 9 jobs; 2 had already finished: {NAME}3, {NAME}7."),
        (
            9,
            {3: FINISHED, 7: GONE_OR_HIDDEN},
            f"7 of 9 jobs; 1 had already finished: {NAME}3; 1 is gone or hidden: {NAME}7.",
        ),
        (9, dict.fromkeys(range(1, 6), GONE_OR_HIDDEN), "4 of 9 jobs; 5 are gone or hidden."),
        (
            2,
            {2: Unreachable("No answer.", hint="Try it.")},
            "0 of 2 jobs. Stopped early, and 2 jobs were not touched: No answer. Try it.",
        ),
    ],
)
async def test_bulk_message_counts_and_names_skipped_jobs(
    number: int, answers: dict[int, SkipReason | Exception], words: str
) -> None:
    outcome = await BulkWrite(MANY[:number], Sender(answers)).run()
    assert bulk_report(outcome, done="Failed", project_names={}).message.text == f"Failed {words}"


async def test_bulk_report_lists_every_skipped_job_by_reason() -> None:
    outcome = await BulkWrite(MANY[:9], Sender({1: FINISHED, 2: GONE_OR_HIDDEN, 3: FINISHED, 4: FINISHED})).run()
    report = bulk_report(outcome, done="Failed", project_names={MANY[0].project_id: "Autumn\x1b"})
    assert report.lines == (
        "3 jobs had already finished, as last seen:",
        *(f"◌ queued  main_white  $2.50  0000000{number}  Autumn␛" for number in (1, 3, 4)),
        "",
        "1 job is gone or hidden, as last seen:",
        "◌ queued  main_white  $2.50  00000002  Autumn␛",
    )
    assert report.message.severity == "warning"
