"""Builds the whole command line from the options of all commands."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gjobs.tui.cli.arguments import size, whole_number
from gjobs.tui.cli.command import Command, GlobalOptions
from gjobs.tui.cli.commands.archive import add_archive
from gjobs.tui.cli.commands.budgets import add_budgets
from gjobs.tui.cli.commands.case import add_case
from gjobs.tui.cli.commands.cleanup import add_cleanup
from gjobs.tui.cli.commands.dashboard import FASTEST, SLOWEST, USUAL_SPEED, demo_speed, open_demo, print_snapshot
from gjobs.tui.cli.commands.db import add_db
from gjobs.tui.cli.commands.doctor import add_doctor
from gjobs.tui.cli.commands.errors import add_errors
from gjobs.tui.cli.commands.jobs_writing import add_jobs
from gjobs.tui.cli.commands.journal import add_journal
from gjobs.tui.cli.commands.manual import add_help
from gjobs.tui.cli.commands.migrate import add_migrate
from gjobs.tui.cli.commands.profiles import add_configuration
from gjobs.tui.cli.commands.projects import add_projects, add_users
from gjobs.tui.cli.commands.serve import add_serve
from gjobs.tui.cli.commands.stats import add_metrics, add_stats
from gjobs.tui.cli.commands.watch import add_watch
from gjobs.tui.cli.commands.workers import add_worker, add_workers
from gjobs.tui.cli.output import not_empty
from gjobs.tui.cli.parser import Parser, add_command
from gjobs.tui.cli.root_parser import Options, parsed, root_parser

if TYPE_CHECKING:
    from gjobs.tui.cli.parser import Commands


def add_dashboard(commands: "Commands") -> None:
    parser = add_command(
        commands,
        "demo",
        Command(run=open_demo, embedded_only=True, has_json=False),
        help="open the dashboard with simulated jobs and workers",
        example="gjobs demo --speed 5",
    )
    parser.add_argument(
        "--speed",
        type=demo_speed,
        metavar="N",
        default=USUAL_SPEED,
        help=f"simulate N seconds in each second, from {SLOWEST:g} to {FASTEST:g} (default: {USUAL_SPEED:g})",
    )
    parser.add_argument(
        "--seed", type=whole_number, metavar="N", default=0, help="simulate other jobs; the same N gives the same jobs"
    )
    parser.add_argument(
        "--script",
        type=not_empty,
        metavar="NAME|FILE",
        help="play a scenario: lifecycle, bad-day, two-customers or a TOML file",
    )
    parser = add_command(
        commands,
        "snapshot",
        Command(run=print_snapshot, has_json=False, shows_moments=True),
        help="print one frame of the dashboard; needs no terminal",
        example="gjobs snapshot --size 120x36 --svg dashboard.svg",
    )
    parser.add_argument(
        "--size", type=size, metavar="COLUMNSxROWS", default=(120, 36), help="size in cells (default: 120x36)"
    )
    parser.add_argument(
        "--svg", type=not_empty, metavar="FILE", help="write an SVG picture to this file; - means stdout"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def build_parser() -> Parser:
    parser = root_parser()
    if (commands := parser.commands) is None:
        raise RuntimeError("The program has no commands.")
    add_dashboard(commands)
    add_projects(commands)
    add_users(commands)
    add_jobs(commands)
    add_stats(commands)
    add_errors(commands)
    add_case(commands)
    add_budgets(commands)
    add_cleanup(commands)
    add_archive(commands)
    add_worker(commands)
    add_workers(commands)
    add_watch(commands)
    add_metrics(commands)
    add_serve(commands)
    add_journal(commands)
    add_db(commands)
    add_migrate(commands)
    add_doctor(commands)
    add_configuration(commands)
    add_help(commands)
    return parser


def parse(arguments: Sequence[str]) -> tuple[Command, GlobalOptions, Options]:
    """Parse the arguments. Raises UsageError if they are wrong."""
    return parsed(build_parser(), arguments)
