"""How `gjobs demo` and `gjobs snapshot` are typed."""

from pathlib import Path
from typing import TYPE_CHECKING

from tui.cli.arguments import size
from tui.cli.command import Command
from tui.cli.commands.dashboard.opening import open_demo
from tui.cli.commands.dashboard.printing import print_snapshot
from tui.cli.parser import add_command

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
