"""Bulk writes in chunks: what is sent, what is reported, and where they stop."""

from collections.abc import Sequence

import pytest

from gjobs.store.errors import Conflict, Locked, ReadOnly, StoreError, Unreachable
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.journal.write_record import ResolvedWrite, WriteOutcome, WriteRecord
from gjobs.tui.dashboard.actions.action_context import WriteResolved
from gjobs.tui.dashboard.features.job_writes import CHUNK, BulkWrite, bulk_report
from gjobs.tui.text.write_text import FINISHED, GONE_OR_HIDDEN, LEFT, UNKNOWN, SkipReason
from tests.tui.dashboard.dashboard_driver import number_of
from tests.tui.jobs_database import job_id
from tests.tui.sample_jobs import make_job

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
    assert (outcome.done, outcome.left, outcome.not_reached, outcome.stopped_by) == (MANY, (), (), None)
    assert seen == [CHUNK, 2 * CHUNK, 2 * CHUNK + 20]


async def test_bulk_write_never_sends_a_job_that_the_user_saw_in_a_refused_status() -> None:
    sender, seen = Sender(), list[int]()
    outcome = await BulkWrite(MANY[:5], sender, refused=lambda job: FINISHED if number_of(job) == 3 else None).run(
        seen.append
    )
    assert (sender.sent, seen) == ([[1, 2, 4, 5]], [4])
    assert [(number_of(left.job), left.why) for left in outcome.left] == [(3, FINISHED)]


async def test_bulk_write_reports_skipped_jobs_with_their_reason() -> None:
    outcome = await BulkWrite(MANY[:9], Sender({3: FINISHED, 7: GONE_OR_HIDDEN})).run()
    assert [(number_of(left.job), left.why) for left in outcome.left] == [(3, FINISHED), (7, GONE_OR_HIDDEN)]
    assert numbers(outcome.done) == [1, 2, 4, 5, 6, 8, 9]


@pytest.mark.parametrize("error", [Locked("The row is locked."), Conflict("Rows refer to it.")])
async def test_job_that_fails_its_chunk_does_not_stop_the_other_jobs(error: StoreError) -> None:
    outcome = await BulkWrite(MANY[:5], Sender({3: error})).run()
    assert numbers(outcome.done) == [1, 2, 4, 5]
    ((left,), stopped_by) = (outcome.left, outcome.stopped_by)
    assert (left.job, stopped_by) == (MANY[2], None)
    assert left.why.one == f"was refused ({error.message.rstrip('.')})"


@pytest.mark.parametrize("error", [Unreachable("No answer."), ReadOnly("The lease has run out.")])
async def test_bulk_write_stops_at_an_error_that_no_single_job_caused(error: StoreError) -> None:
    outcome = await BulkWrite(MANY, Sender({CHUNK + 3: error})).run()
    assert (outcome.done, outcome.not_reached, outcome.stopped_by) == (MANY[:CHUNK], MANY[CHUNK:], error)

    after_a_failed_chunk = await BulkWrite(MANY[:5], Sender({2: Locked("The row is locked."), 4: error})).run()
    assert (numbers(after_a_failed_chunk.done), numbers(after_a_failed_chunk.not_reached)) == ([1, 3], [4, 5])
    assert [left.job for left in after_a_failed_chunk.left] == [MANY[1]]


async def test_stop_takes_effect_after_the_current_chunk_and_the_message_counts_untouched_jobs() -> None:
    bulk = BulkWrite(MANY, Sender())
    outcome = await bulk.run(lambda done: bulk.stop())
    assert (outcome.done, outcome.not_reached, outcome.stopped_by) == (MANY[:CHUNK], MANY[CHUNK:], None)
    stopped = f"Failed {CHUNK} of 120 jobs. Stopped: {CHUNK + 20} jobs were not touched."
    assert bulk_report(outcome, done="Failed", project_names={}).message.text == stopped


def resolved(outcome: WriteOutcome, *jobs: GenerationJob) -> WriteResolved:
    return WriteResolved(WriteRecord(what="x", before=jobs, after=jobs), ResolvedWrite(outcome=outcome, jobs=jobs))


@pytest.mark.parametrize(
    ("outcome", "done", "left", "not_reached"),
    [
        (WriteOutcome.DONE, MANY[:2], [(MANY[2], LEFT)], ()),
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
    assert [(skipped.job, skipped.why) for skipped in bulk.left] == left


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
async def test_bulk_message_counts_jobs_and_names_a_few_skipped_ones(
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
