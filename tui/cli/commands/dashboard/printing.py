"""`gjobs snapshot`."""

from pathlib import Path
from typing import TYPE_CHECKING

from store.settings import Settings
from tui.cli.commands.dashboard.opening import check
from tui.cli.errors import Declined
from tui.cli.exit_codes import ExitCode
from tui.cli.output import Output, say

if TYPE_CHECKING:
    from tui.cli.arguments import Size


def print_snapshot(settings: Settings, output: Output, *, size: "Size", svg: Path | None) -> ExitCode:
    check(settings, instead="A snapshot writes nothing.")
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
