"""What is said of a job that is stuck."""

from datetime import timedelta

from store.jobs.job_results import LeaseState, StuckVerdict
from tui.text.job_text import stuck_words


def verdict(lease: LeaseState, *, usual: float | None = 180, untouched: float = 47) -> StuckVerdict:
    return StuckVerdict(
        untouched=timedelta(minutes=untouched),
        after=timedelta(minutes=9 if usual else 30),
        usual=timedelta(seconds=usual) if usual else None,
        lease=lease,
    )


def test_stuck_words_explain_the_reason_and_the_safe_action() -> None:
    assert stuck_words(verdict(LeaseState.NONE)) == (
        "Stuck: untouched for 47 min 00 s. It counts as stuck after 9 min 00 s: 95 of 100 jobs of its mode end within"
        " 3 min 00 s. No worker of gjobs has it; make sure that nobody else runs it, then fail it and retry it."
    )
    assert stuck_words(verdict(LeaseState.EXPIRED, usual=None)) == (
        "Stuck: untouched for 47 min 00 s. It counts as stuck after 30 min 00 s, for nothing is known of how long its"
        " mode runs. Its worker has lost it, and another takes it over. Where none runs, fail it and retry it."
    )
    assert stuck_words(verdict(LeaseState.UNKNOWN, usual=None)) == (
        "Stuck: untouched for 47 min 00 s. It counts as stuck after 30 min 00 s."
        " Whoever runs it may still be at it: make sure of that before you fail it."
    )


def test_jobs_that_are_not_stuck_have_no_stuck_words() -> None:
    assert stuck_words(None) == ""
    assert stuck_words(verdict(LeaseState.LIVE)) == ""
    assert stuck_words(verdict(LeaseState.NONE, untouched=3)) == ""
