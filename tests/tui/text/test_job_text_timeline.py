"""The timeline of a job, and the words for a stuck job."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from gjobs.store.jobs.job import JobStatus
from gjobs.store.jobs.job_results import EventKind, JobEvent, LeaseState, StuckVerdict, job_history
from gjobs.tui.text.job_text import SHOWN, event_lines, stuck_words, timeline_lines

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)

JOB = UUID(int=7)

ALICE = UUID("3f2a9c1e-0000-4000-8000-000000000000")


def event(number: int, kind: EventKind, seconds: float, **fields: Any) -> JobEvent:
    """Return an event of a job, by default caused by the app's worker."""
    nothing: dict[str, Any] = dict.fromkeys(
        ("from_status", "to_status", "error", "actor_user_id", "lease_owner", "note"), None
    )
    usual = {"cost_cents": 250, "cents_change": 0, "retry_count": 0, "mode": "lifestyle"}
    whose = {"project_id": UUID(int=1), "user_id": UUID(int=2), "actor_role": "service_role", "application": "worker"}
    at = NOON + timedelta(seconds=seconds)
    return JobEvent(id=number, at=at, kind=kind, **{**nothing, **usual, **whose, **fields})


CREATED = event(
    1,
    EventKind.CREATED,
    0,
    to_status=JobStatus.QUEUED,
    cents_change=250,
    actor_user_id=ALICE,
    actor_role="authenticated",
    application="web",
)

STARTED = event(2, EventKind.STATUS, 3.25, from_status=JobStatus.QUEUED, to_status=JobStatus.RUNNING)

FAILED = event(
    3,
    EventKind.STATUS,
    60,
    from_status=JobStatus.RUNNING,
    to_status=JobStatus.FAILED,
    cost_cents=300,
    cents_change=50,
    error='{"message": "Out of\\u001b[31m paper"}',
)


def lines(*events: JobEvent, most: int = 200, width: int = 100) -> list[str]:
    now = NOON + timedelta(seconds=90)
    found = job_history(JOB, events[::-1], most=most, started_at=None, log_begins_at=NOON, now=now)
    return ["".join(text for text, _ in line) for line in timeline_lines(found, now=now, width=width)]


def test_timeline_shows_status_durations_and_each_event() -> None:
    spent, created, started, failed = lines(CREATED, STARTED, FAILED)
    assert spent.split() == ["◌", "queued", "3.2", "s", "▸", "running", "56", "s"]
    assert lines(CREATED, STARTED, FAILED, width=30)[0].split() == ["◌", "3.2", "s", "▸", "56", "s"]
    assert created == "◌ 12:00:00          created, queued   $2.50           user 3f2a9c1e in web"
    assert started == "▸ 12:00:03  +3.2 s  queued → running                  service_role in worker"
    assert failed.startswith("✗ 12:01:00   +56 s  running → failed  +$0.50 = $3.00  Out of")
    assert failed.endswith("paper  service_role in worker")


def test_events_show_the_names_of_known_users() -> None:
    history = job_history(
        JOB, [STARTED, CREATED], most=200, started_at=None, log_begins_at=None, now=NOON + timedelta(seconds=90)
    )
    created, started = event_lines(history, width=100, users={ALICE: "ada@example.com"})
    assert created[-1][0].strip() == "ada@example.com in web"
    assert started[-1][0].strip() == "service_role in worker"


def test_timeline_shows_worker_progress_within_a_status() -> None:
    worker = "71a40000-0000-4000-8000-000000000001"
    held = replace(STARTED, lease_owner=worker)
    *_, progress = lines(CREATED, held, event(3, EventKind.PROGRESS, 9, note="step 1", lease_owner=worker))
    assert progress == "│ 12:00:09  +5.7 s  progress                 step 1  worker 71a40000"
    assert lines(held)[-1].endswith("in worker, worker 71a40000")


def test_timeline_across_days_shows_the_date_on_each_line() -> None:
    *_, created, started = lines(CREATED, replace(STARTED, at=NOON + timedelta(days=1)))
    assert created.startswith("◌ 2026-01-15 12:00:00")
    assert started.startswith("▸ 2026-01-16 12:00:00")


def test_timeline_lines_fit_the_width_and_escape_control_characters() -> None:
    nasty = replace(FAILED, application="\x1b[2J\n", error="a\nb\x07" + "x" * 300)
    for width in (60, 70, 100):
        shown = lines(CREATED, nasty, width=width)
        assert all(line.isprintable() for line in shown)
        assert max(map(len, shown[1:])) <= width


def test_narrow_timeline_has_no_cost_column() -> None:
    _, _, started, failed = lines(CREATED, STARTED, FAILED, width=70)
    assert started == "▸ 12:00:03  +3.2 s  queued → running  service_role in worker"
    assert failed.startswith("✗ 12:01:00   +56 s  running → failed  +$0.50 = $3.00  Out of")


def test_long_timeline_shows_the_newest_events_and_counts_earlier_ones() -> None:
    many = [replace(CREATED, id=number, kind=EventKind.COST, cents_change=1) for number in range(SHOWN + 3)]
    _, earlier, *shown = lines(*many)
    assert earlier == f"3 earlier: 'gjobs jobs show {JOB} --events'"
    assert len(shown) == SHOWN
    assert "or more earlier" in lines(*many, most=SHOWN)[1]


def test_timeline_without_the_creation_says_how_far_back_the_log_reaches() -> None:
    words = "The log of this database reaches back to 2026-01-15 12:00:00 UTC."
    assert lines() == [words]
    assert lines(STARTED)[1:-1] == [words]
    assert words not in lines(CREATED, STARTED)


def verdict(lease: LeaseState, *, usual: float | None = 180, untouched: float = 47) -> StuckVerdict:
    return StuckVerdict(
        untouched=timedelta(minutes=untouched),
        after=timedelta(minutes=9 if usual else 30),
        usual=timedelta(seconds=usual) if usual else None,
        lease=lease,
    )


def test_stuck_words_explain_the_reason_and_the_safe_action() -> None:
    assert stuck_words(verdict(LeaseState.NONE)) == (
        "Stuck: no update for 47 min 00 s. It counts as stuck after 9 min 00 s, because 95 % of its mode's jobs end"
        " within 3 min 00 s. No gjobs worker holds it. Make sure that nothing else runs it, then fail it and retry it."
    )
    assert stuck_words(verdict(LeaseState.EXPIRED, usual=None)) == (
        "Stuck: no update for 47 min 00 s. It counts as stuck after 30 min 00 s, because the usual duration of its"
        " mode is unknown. Its lease expired. Another worker will take it over."
        " If no worker runs, fail it and retry it."
    )
    assert stuck_words(verdict(LeaseState.UNKNOWN, usual=None)) == (
        "Stuck: no update for 47 min 00 s. It counts as stuck after 30 min 00 s."
        " It may still be running outside gjobs. Make sure that nothing runs it, then fail it."
    )


def test_jobs_that_are_not_stuck_have_no_stuck_words() -> None:
    assert stuck_words(None) == ""
    assert stuck_words(verdict(LeaseState.LIVE)) == ""
    assert stuck_words(verdict(LeaseState.NONE, untouched=3)) == ""
