"""gjobs demo and gjobs snapshot."""

from contextlib import suppress

from gjobs.store.configuration.settings import Settings, WriteMode
from gjobs.tui.cli.arguments import FORCE, Size, size, whole_number
from gjobs.tui.cli.command import Command
from gjobs.tui.cli.commands.dashboard import check, require_screen
from gjobs.tui.cli.options import option
from gjobs.tui.cli.output import STDOUT, BadArgument, ExitCode, Output, UsageError, not_empty, print_message
from gjobs.tui.cli.sessions import destination, orderly_termination

SLOWEST, FASTEST, USUAL_SPEED = 0.5, 10.0, 2.0
"""Simulated seconds per real second."""


def _speed(text: str) -> float:
    """Parse a speed: the number of simulated seconds in a real one."""
    with suppress(ValueError):
        if SLOWEST <= (speed := float(text.removesuffix("x").removesuffix("×"))) <= FASTEST:
            return speed
    raise BadArgument(f"{text!r} is not a speed. Use a number from {SLOWEST:g} to {FASTEST:g}")


@Command(name="demo", example="gjobs demo --speed 5", embedded_only=True, has_json=False)
def open_demo(
    settings: Settings,
    output: Output,  # noqa: ARG001
    *,
    speed: float = option(
        _speed,
        "N",
        f"simulate N seconds in each second, from {SLOWEST:g} to {FASTEST:g} (default: {USUAL_SPEED:g})",
        default=USUAL_SPEED,
    ),
    seed: int = option(whole_number, "N", "simulate other jobs; the same N gives the same jobs", default=0),
    script: str | None = option(
        not_empty, "NAME|FILE", "play a scenario: lifecycle, bad-day, two-customers or a TOML file"
    ),
) -> ExitCode:
    """Open the dashboard with simulated jobs and workers."""
    if settings.act_as_given or settings.write_rule is WriteMode.CLOSED or settings.write_reason is not None:
        raise UsageError(
            "The demo chooses its own user, and its workers must be able to write.",
            hint="Leave --as, --read-only and --write out. In the demo, press u to act as another user.",
        )
    from gjobs.tui.demo.demo_activity import DemoControl
    from gjobs.tui.demo.scenario_steps import load_scenario

    control = DemoControl(speed=speed, seed=seed, scenario=load_scenario(script) if script else None)
    require_screen()
    from gjobs.tui.dashboard.frame.run import run_demo

    with orderly_termination(json=False):
        return ExitCode(run_demo(settings, control))


@Command(
    name="snapshot", example="gjobs snapshot --size 120x36 --svg dashboard.svg", has_json=False, shows_moments=True
)
def print_snapshot(
    settings: Settings,
    output: Output,
    *,
    size: Size = option(size, "COLUMNSxROWS", "size in cells (default: 120x36)", default=(120, 36)),
    svg: str | None = option(not_empty, "FILE", "write an SVG picture to this file; - means stdout"),
    force: bool = FORCE,
) -> None:
    """Print one frame of the dashboard; needs no terminal."""
    check(settings, command="gjobs snapshot", instead="A snapshot writes nothing.")
    from gjobs.tui.dashboard.frame.run import print_frame

    if svg is None:
        output.text(print_frame(settings, size, svg=False))
        return
    with orderly_termination(json=output.json), destination(svg, overwrites=force) as put:
        put(print_frame(settings, size, svg=True))
    if svg != STDOUT:
        print_message(f"Wrote {svg}.")
