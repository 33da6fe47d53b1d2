"""Notifications about jobs that end while the user is away: when, their text, and each terminal's sequence."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events

from gjobs.store.configuration.saved_views import View
from gjobs.store.configuration.settings import TERMINALS as TERMINALS_BY_NAME
from gjobs.store.configuration.settings import Configuration, Notifications
from gjobs.store.jobs.job import JobStatus
from gjobs.store.watch.watch import Transition, TransitionBatch
from gjobs.tui.dashboard.features.messages import Finished, Notices, sequence
from gjobs.tui.dashboard.session.setup import DashboardSetup
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import Driver, WatchedApp, opener_of
from tests.tui.jobs_database import JobsDatabase

QUICK = 0.05


class BellApp(WatchedApp):
    """A dashboard that counts its bells and the batches of its watch."""

    bells = batches = 0

    def bell(self) -> None:
        self.bells += 1


@pytest.fixture(autouse=True)
def no_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Report a change before it is on disk, so that it never arrives after the terminal is left."""
    monkeypatch.setattr("gjobs.store.watch.watch.WRITTEN_WITHIN", 0.0)


@pytest.fixture(autouse=True)
def counted_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    take = Notices._take

    def counted(notices: Notices, batch: TransitionBatch) -> None:
        take(notices, batch)
        app = notices._host.app
        assert isinstance(app, BellApp)
        app.batches += 1

    monkeypatch.setattr(Notices, "_take", counted)


@pytest.fixture
def app(database: Conninfo, notifications: Notifications | None) -> BellApp:
    failures = View(name="failures", text="status:failed")
    configuration = Configuration(notifications=notifications, views={failures.name: failures})
    setup = DashboardSetup(configuration=configuration)
    return BellApp(opener_of(database), interval=QUICK, setup=setup)


async def until_jobs_are_watched(driver: Driver) -> None:
    """Wait until the watch has read all earlier changes. Its next read may have begun before the last change."""
    app = driver.app
    assert isinstance(app, BellApp)
    batches = app.batches
    await driver.until(lambda: app.batches >= batches + 2)


async def leave_terminal(driver: Driver) -> None:
    driver.app.post_message(events.AppBlur())
    await driver.settle()


async def return_to_terminal(driver: Driver) -> None:
    driver.app.post_message(events.AppFocus())
    await driver.settle()


def configured(**fields: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("notifications", [Notifications(**fields)], ids=[""])


@configured(bell=True)
async def test_only_jobs_that_end_while_unfocused_are_notified_and_reported_on_return(
    dashboard: Driver, app: BellApp, jobs_db: JobsDatabase
) -> None:
    await until_jobs_are_watched(dashboard)
    jobs_db.set_status(1, "succeeded")
    await dashboard.until(lambda: "succeeded" in dashboard.row(1))
    await until_jobs_are_watched(dashboard)
    assert (dashboard.warnings, app.bells) == ([], 0)

    await leave_terminal(dashboard)
    jobs_db.set_status(5, "running")
    jobs_db.set_status(5, "succeeded")
    await dashboard.until(lambda: app.bells)
    assert dashboard.warnings == []
    bells = app.bells
    jobs_db.set_status(2, "failed")
    await dashboard.until(lambda: app.bells > bells)
    await return_to_terminal(dashboard)
    await dashboard.shows_message("While you were away: 1 failed and 1 succeeded")


@configured(view="failures", bell=True)
async def test_configured_view_limits_the_notifications(dashboard: Driver, app: BellApp, jobs_db: JobsDatabase) -> None:
    await until_jobs_are_watched(dashboard)
    await leave_terminal(dashboard)
    jobs_db.set_status(1, "succeeded")
    jobs_db.set_status(2, "failed")
    await dashboard.until(lambda: app.bells)
    await return_to_terminal(dashboard)
    await dashboard.until(lambda: dashboard.warnings)
    assert [message.partition(" ")[0] for message in dashboard.warnings] == ["While"]
    assert "succeeded" not in dashboard.warnings[0]


@configured(desktop=True, terminal="kitty")
async def test_supported_terminal_shows_a_desktop_notification(
    dashboard: Driver, jobs_db: JobsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[str, str]] = []

    def sequence(_: object, title: str, body: str, *, named: str | None) -> str:
        assert named == "kitty"
        if body:
            shown.append((title, body))
        return ""

    monkeypatch.setattr("gjobs.tui.dashboard.features.messages.sequence", sequence)
    await until_jobs_are_watched(dashboard)
    await leave_terminal(dashboard)
    jobs_db.set_status(2, "failed")
    await dashboard.until(lambda: shown)
    ((title, body),) = shown
    assert title.startswith("gjobs testbase")
    assert " failed" in body


@pytest.fixture
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMUX", "STY", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@configured(desktop=True)
async def test_unsupported_terminal_is_reported_once(plain_terminal: None, dashboard: Driver) -> None:
    await dashboard.shows_message("gjobs sends no desktop notifications")
    await until_jobs_are_watched(dashboard)
    assert len(dashboard.app.messages.kept) == 1


@pytest.mark.parametrize("notifications", [None])
async def test_nothing_is_watched_without_configured_notifications(dashboard: Driver) -> None:
    assert dashboard.app._notices is None
    dashboard.app.post_message(events.AppBlur())
    await return_to_terminal(dashboard)
    assert dashboard.warnings == []


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
