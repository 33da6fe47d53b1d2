"""gjobs, the dashboard."""

from gjobs.store.configuration.settings import Settings
from gjobs.store.errors import command
from gjobs.tui.cli.command import Command
from gjobs.tui.cli.output import ExitCode, Output, UsageError, can_draw
from gjobs.tui.startup import start_connecting


@Command(has_json=False, shows_moments=True)
def open_dashboard(settings: Settings, output: Output, *, tour: bool = False) -> ExitCode:  # noqa: ARG001
    """Run if no command is named."""
    check(
        settings, command="The dashboard", instead="In the dashboard, press W to enter a reason and get a write permit."
    )
    require_screen()
    connections = start_connecting(settings)
    from gjobs.tui.dashboard.frame.run import run_dashboard

    return ExitCode(run_dashboard(settings, with_tour=tour, connections=connections))


def check(settings: Settings, *, command: str, instead: str) -> None:
    """Refuse --write and invalid addresses. The dashboard would retry an invalid address for ever."""
    if settings.write_reason is not None:
        raise UsageError(f"{command} does not take --write.", hint=f"Leave it out. {instead}")
    if not settings.is_embedded:
        from gjobs.store.database.connection_url import parameters

        parameters(settings.profile)


def require_screen() -> None:
    if not can_draw():
        raise UsageError(
            "The dashboard needs a terminal for its input and output.",
            hint=f"Use {command('snapshot')} for one frame, or commands such as {command('jobs list')}."
            " See 'gjobs --help'.",
        )
