"""From settings to a running dashboard."""

from store.settings import Settings
from tui.app import GjobsApp
from tui.destinations import destination
from tui.log_file import log_to_file
from tui.opening import demo_opener, session_opener
from tui.setup import setup_of


def run_dashboard(settings: Settings, *, demo: bool = False) -> int:
    """Until the person leaves; returns the exit code. A demo remembers nothing. Raises what is a mistake of ours."""
    log_to_file(settings.data_dir)
    setup = setup_of(settings, stands_alone=demo)
    app = GjobsApp(
        demo_opener() if demo else session_opener(settings),
        state_path=None if demo else settings.data_dir / "state.json",
        interval=destination(settings).interval,
        setup=setup,
    )
    app.run()
    if app.mistake is not None:
        raise app.mistake
    return app.return_code or 0
