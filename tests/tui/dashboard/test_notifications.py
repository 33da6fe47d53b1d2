"""The text of a notification about ended jobs, and the escape sequence of each terminal."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gjobs.store.configuration.settings import TERMINALS as TERMINALS_BY_NAME
from gjobs.store.jobs.job import JobStatus
from gjobs.store.watch.watch import Transition
from gjobs.tui.dashboard.features.messages import Finished, sequence


def transition(to_status: JobStatus | None, error: str | None = None, mode: str = "lifestyle") -> Transition:
    return Transition(
        job_id=UUID("3f2a9c1e-8d47-4b15-9a3e-0c6f1b2d4e5a"),
        from_status=JobStatus.RUNNING,
        to_status=to_status,
        at=datetime(2026, 1, 4, 12, tzinfo=UTC),
        mode=mode,
        cost_cents=0,
        error=error,
        user_id=None,
        project_id=UUID(int=2),
        cursor=None,
    )


SUCCEEDED, FAILED = transition(JobStatus.SUCCEEDED), transition(JobStatus.FAILED, "API timeout\nat line 7")

NESTED = '{"error": {"code": 429, "message": "Rate limit"}}'


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        ([SUCCEEDED], "lifestyle 3f2a9c1e succeeded"),
        ([FAILED], "lifestyle 3f2a9c1e failed: API timeout …"),
        ([transition(JobStatus.FAILED, NESTED)], "lifestyle 3f2a9c1e failed: Rate limit"),
        ([SUCCEEDED, SUCCEEDED], "2 succeeded"),
        ([FAILED, SUCCEEDED, SUCCEEDED], "1 failed and 2 succeeded: API timeout …"),
        ([transition(JobStatus.FAILED)] * 1_000, "1,000 failed"),
    ],
)
def test_notification_counts_ended_jobs_and_shows_an_error(ended: list[Transition], words: str) -> None:
    finished = Finished()
    for one in ended:
        finished.add(one)
    assert finished
    assert finished.has_failed is any(one.to_status is JobStatus.FAILED for one in ended)
    assert finished.take() == words
    assert not finished
    assert finished.take() == ""


@given(st.text(), st.text())
def test_database_text_cannot_break_the_notification(mode: str, error: str) -> None:
    finished = Finished()
    for status in (JobStatus.QUEUED, JobStatus.RUNNING, None):
        finished.add(transition(status, error, mode))
    assert not finished, "no job has ended"
    finished.add(transition(JobStatus.FAILED, error, mode))
    words = finished.take()
    assert len(words.splitlines()) == 1
    assert "\x1b" not in words
    assert len(words) < 500


TERMINALS = {
    "iTerm.app": {"TERM_PROGRAM": "iTerm.app", "TERM": "xterm-256color"},
    "kitty": {"TERM": "xterm-kitty"},
    "foot": {"TERM": "foot"},
}


def test_each_terminal_gets_its_own_escape_sequence() -> None:
    sequences = {
        name: sequence(environment, "gjobs; Production", "1 failed") for name, environment in TERMINALS.items()
    }
    assert sequences == {
        "iTerm.app": "\x1b]9;gjobs; Production: 1 failed\x07",
        "kitty": "\x1b]99;d=0:p=title;gjobs; Production\x1b\\\x1b]99;d=1:p=body;1 failed\x1b\\",
        "foot": "\x1b]777;notify;gjobs, Production;1 failed\x1b\\",
    }


@pytest.mark.parametrize(
    "environment",
    [{}, {"TERM": "xterm-256color"}, {"TERM": "xterm-kitty", "TMUX": "/tmp/tmux"}, {"TERM": "foot", "STY": "1.tty"}],
)
def test_unsupported_terminals_get_no_escape_sequence(environment: dict[str, str]) -> None:
    assert sequence(environment, "gjobs", "1 failed") is None


@pytest.mark.parametrize("terminal", TERMINALS_BY_NAME)
def test_sequence_for_a_named_terminal_is_wrapped_for_tmux(terminal: str) -> None:
    outside = sequence({}, "gjobs", "1 failed", named=terminal)
    assert outside is not None
    within = sequence({"TMUX": "/tmp/tmux", "TERM_PROGRAM": "tmux"}, "gjobs", "1 failed", named=terminal)
    assert within == "\x1bPtmux;" + outside.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    assert sequence({"STY": "1.tty"}, "gjobs", "1 failed", named=terminal) is None


@pytest.mark.parametrize("terminal", TERMINALS)
@given(title=st.text(), body=st.text())
def test_title_and_body_cannot_end_the_escape_sequence(terminal: str, title: str, body: str) -> None:
    written = sequence(TERMINALS[terminal], title, body)
    assert written is not None
    ends = written.count("\x07") + written.count("\x1b\\")
    assert ends == written.count("\x1b]")
