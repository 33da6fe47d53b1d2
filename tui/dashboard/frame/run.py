"""Check the setup, run the dashboard or print one frame."""

import asyncio
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING

from textual.pilot import Pilot

from gjobs.store.configuration.settings import Settings, WriteMode
from gjobs.store.errors import TimedOut
from gjobs.store.system.private_files import make_directory, open_private
from gjobs.tui.dashboard.frame.app import GjobsApp
from gjobs.tui.dashboard.session import setup
from gjobs.tui.dashboard.terminal.appearance import frame_text
from gjobs.tui.export.export_files import deliver_files
from gjobs.tui.text.clean_text import clean

if TYPE_CHECKING:
    from gjobs.store.database.connection_pool import ConnectionPool
    from gjobs.tui.demo.demo_activity import DemoControl


def setup_of(settings: Settings, *, stands_alone: bool = False) -> setup.DashboardSetup:
    """Return the setup. Raise BadConfiguration for an unknown theme or an invalid key."""
    configuration = settings.configuration
    keymap: Mapping[str, str] = {}
    # If neither is configured, the table of known keys and themes is not read before the first paint.
    if configuration.keymap or configuration.theme is not None:
        from gjobs.tui.dashboard_settings import checked_keymap

        keymap = checked_keymap(configuration)
    return setup.DashboardSetup(
        configuration=configuration,
        keymap=keymap,
        views_directory=None if stands_alone else settings.data_dir,
        database_choices=() if stands_alone else setup.database_choices(settings),
    )


LARGEST_LOG = 1_000_000  # bytes; one older log is kept


class _PrivateLog(RotatingFileHandler):
    def _open(self) -> TextIOWrapper:
        """Open the log at the start and at each rotation."""
        descriptor = open_private(Path(self.baseFilename), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        return TextIOWrapper(os.fdopen(descriptor, "ab"), encoding="utf-8", errors="backslashreplace")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Print nothing. If the log cannot be written, only the log is lost."""


def log_to_file(directory: Path) -> None:
    """Log to a file that only its owner can read. If it cannot be written, only the log is lost."""
    handler: logging.Handler = logging.NullHandler()
    with suppress(OSError):
        make_directory(directory)
        path = directory / "gjobs.log"
        with suppress(FileNotFoundError):
            os.close(open_private(path.with_name("gjobs.log.1"), os.O_RDONLY))
        handler = _PrivateLog(path, maxBytes=LARGEST_LOG, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("gjobs").setLevel(logging.INFO)


def run_dashboard(settings: Settings, *, with_tour: bool = False, connections: "ConnectionPool | None" = None) -> int:
    """Run until the user quits and return the exit code. Raise internal errors. `connections` are being opened."""
    log_to_file(settings.data_dir)
    tour = setup.TourStart.ALWAYS if with_tour else setup.TourStart.NEVER
    # The tour starts by itself only on the embedded database, whose jobs are samples.
    if settings.is_embedded and settings.write_rule is WriteMode.OPEN and settings.moment is None and not with_tour:
        tour = setup.TourStart.ONCE
    present = replace(settings, moment=None)
    app = GjobsApp(
        setup.session_opener(present, connections),
        state_path=settings.data_dir / "state.json",
        interval=setup.database_choice(present).interval,
        setup=replace(setup_of(present), tour=tour, app_search=present, moment=settings.moment),
    )
    return _run(app)


def run_in_browser(settings: Settings) -> int:
    """Run for one browser tab and return the exit code. Raise internal errors.

    It remembers nothing, and it opens no other database: tabs may belong to different users.
    """
    log_to_file(settings.data_dir)
    choice = setup.database_choice(settings)
    configuration = replace(settings.configuration, notifications=None)
    chosen = replace(setup_of(settings, stands_alone=True), database_choices=(choice,), configuration=configuration)
    opener = setup.session_opener(settings, remembers=False)
    app = GjobsApp(opener, state_path=None, interval=choice.interval, setup=chosen)
    # A file belongs to the person at the browser, not to this machine.
    deliver_files(lambda name, content: app.call_later(partial(app.deliver_binary, content, save_filename=name)))
    app.run()
    if app.internal_error is not None:
        raise app.internal_error
    return app.return_code or 0


def run_demo(settings: Settings, control: "DemoControl") -> int:
    from gjobs.tui.dashboard.frame.demo_app import DemoApp

    log_to_file(settings.data_dir)
    return _run(DemoApp(control, setup.demo_opener(control), setup=setup_of(settings, stands_alone=True)))


def _run(app: GjobsApp) -> int:
    app.run()
    if app.internal_error is not None:
        raise app.internal_error
    with suppress(OSError):  # The terminal may be closed.
        for sentence in app.tasks.exit_messages:
            sys.stdout.write(f"{clean(sentence)}\n")
        sys.stdout.flush()
    return app.return_code or 0


_TIMEOUT_SECONDS = 60.0
_DETAILS_SECONDS, _POLL_SECONDS = 5.0, 0.02
"""A frame waits this long for the details pane, and shows the rest anyway."""


def print_frame(settings: Settings, size: tuple[int, int], *, svg: bool) -> str:
    """Return one frame as plain text or SVG. `size` is columns by rows. Raise a StoreError on failure."""
    present = replace(settings, moment=None)
    chosen = replace(setup_of(present), moment=settings.moment)
    app = GjobsApp(setup.session_opener(present, remembers=False), state_path=None, setup=chosen)
    app.animation_level = "none"
    return asyncio.run(_frame(app, size, svg))


async def _frame(app: GjobsApp, size: tuple[int, int], svg: bool) -> str:
    frames: list[str] = []

    async def take(pilot: Pilot[object]) -> None:
        try:
            await _until_shown(app, pilot)
            frames.append(app.export_screenshot() if svg else frame_text(app))
        finally:
            app.exit()

    await app.run_async(headless=True, size=size, auto_pilot=take)
    if app.internal_error is not None:
        raise app.internal_error
    if app.poller.failure is not None:
        raise app.poller.failure.error
    return frames[0]


async def _until_shown(app: GjobsApp, pilot: Pilot[object]) -> None:
    try:
        await asyncio.wait_for(app.settled.wait(), _TIMEOUT_SECONDS)
    except TimeoutError:
        raise TimedOut(f"Nothing was shown within {_TIMEOUT_SECONDS:g} s.") from None
    with suppress(TimeoutError):
        async with asyncio.timeout(_DETAILS_SECONDS):
            if app.row_notes.is_needed:  # A single frame is never refreshed.
                await app.row_notes.read()
            while app.dashboard.is_loading_details:
                await pilot.pause(_POLL_SECONDS)
    await pilot.pause()
