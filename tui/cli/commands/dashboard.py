"""`gjobs`, `gjobs demo` and `gjobs snapshot`."""

from pathlib import Path
from typing import TYPE_CHECKING

from store.settings import Settings, UrlTarget
from store.writing.write_access import WriteRule
from tui.cli.arguments import Size, size
from tui.cli.command import Command
from tui.cli.errors import Declined, UsageError
from tui.cli.exit_codes import ExitCode
from tui.cli.output import Output, can_draw, say
from tui.cli.parser import add_command
from tui.cli.signals import orderly_termination

if TYPE_CHECKING:
    from tui.cli.parser import Commands


def add_dashboard(commands: "Commands") -> None:
    add_command(
        commands,
        "demo",
        Command(run=open_demo, embedded_only=True, has_json=False),
        help="open the dashboard on sample data that keeps moving",
        example="gjobs demo",
    )
    parser = add_command(
        commands,
        "snapshot",
        Command(run=print_snapshot, has_json=False),
        help="print one frame of the dashboard; needs no terminal",
        example="gjobs snapshot --size 120x36 --svg dashboard.svg",
    )
    parser.add_argument("--size", type=size, metavar="COLUMNSxROWS", default=(120, 36), help="in cells (120x36)")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write a picture to this file instead")


def open_dashboard(settings: Settings, output: Output) -> ExitCode:  # noqa: ARG001
    _check(settings, instead="In the dashboard, W asks for the reason and opens a write lease.")
    return _run(settings, demo=False)


def _check(settings: Settings, *, instead: str) -> None:
    """What cannot be an address is a mistake in typing, and nothing that the dashboard could wait for."""
    if settings.write_reason is not None:
        raise UsageError("--write is for commands that write once.", hint=f"Leave it out. {instead}")
    if isinstance(settings.target, UrlTarget):
        from store.connecting.connection_url import parameters

        parameters(settings.target)


def open_demo(settings: Settings, output: Output) -> ExitCode:  # noqa: ARG001
    if settings.act_as_given or settings.write_rule is WriteRule.CLOSED or settings.write_reason is not None:
        raise UsageError(
            "The demo has its own data and its own user, and its workers write.",
            hint="Leave --as, --read-only and --write out. In the demo, u looks with other eyes.",
        )
    return _run(settings, demo=True)


def _run(settings: Settings, *, demo: bool) -> ExitCode:
    if not can_draw():
        raise UsageError(
            "The dashboard needs a terminal that can be drawn on, for its input and its output.",
            hint="Use 'gjobs snapshot' for one frame as text, or 'gjobs jobs list' and its like: see 'gjobs --help'.",
        )
    from tui import garbage

    garbage.let_lie()
    from tui.run import run_dashboard

    with orderly_termination():
        return ExitCode(run_dashboard(settings, demo=demo))


def print_snapshot(settings: Settings, output: Output, *, size: Size, svg: Path | None) -> ExitCode:
    _check(settings, instead="A snapshot writes nothing.")
    from tui.snapshot import snapshot

    frame = snapshot(settings, size, svg is not None)
    if svg is None:
        output.text(frame)
        return ExitCode.DONE
    try:
        svg.write_text(frame, encoding="utf-8")
    except OSError as error:
        raise Declined(f"The picture cannot be written to {svg}: {error.strerror}.") from error
    say(f"Wrote {svg}.")
    return ExitCode.DONE
