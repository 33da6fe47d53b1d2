"""Why a running job counts as stuck, and what is safe to do about it. Pure."""

from store.stuck.model import Lease, StuckVerdict
from tui.words.format import duration

_SAFE = {
    Lease.UNKNOWN: "Whoever runs it may still be at it: make sure of that before you fail it.",
    Lease.NONE: "No worker of gjobs has it; make sure that nobody else runs it, then fail it and retry it.",
    Lease.EXPIRED: "Its worker has lost it, and another takes it over. Where none runs, fail it and retry it.",
}


def stuck_words(verdict: StuckVerdict | None) -> str:
    """Two or three sentences; empty where it is not stuck."""
    if verdict is None or not verdict.is_stuck:
        return ""
    why = (
        f"after {_span(verdict)}, for nothing is known of how long its mode runs"
        if verdict.usual is None
        else f"after {_span(verdict)}: 95 of 100 jobs of its mode end within {_usual(verdict)}"
    )
    if verdict.lease is Lease.UNKNOWN:
        why = f"after {_span(verdict)}"
    untouched = duration(verdict.untouched.total_seconds())
    return f"Stuck: untouched for {untouched}. It counts as stuck {why}. {_SAFE[verdict.lease]}"


def _span(verdict: StuckVerdict) -> str:
    return duration(verdict.after.total_seconds())


def _usual(verdict: StuckVerdict) -> str:
    return duration(max(verdict.usual.total_seconds(), 1.0)) if verdict.usual else ""
