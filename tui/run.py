"""From settings to a running dashboard."""

from store.settings import Settings
from tui.app import GjobsApp
from tui.log_file import log_to_file
from tui.opening import demo_opener, session_opener


def run_dashboard(settings: Settings, *, demo: bool = False) -> int:
    """Until the person leaves; returns the exit code. A demo remembers nothing. Raises what is a mistake of ours."""
    log_to_file(settings.data_dir)
    app = GjobsApp(
        demo_opener() if demo else session_opener(settings),
        state_path=None if demo else settings.data_dir / "state.json",
    )
    app.run()
    if app.mistake is not None:
        raise app.mistake
    return app.return_code or 0
