"""The whole command line: all commands, in the order of the help."""

from collections.abc import Sequence

from gjobs.tui.cli.command import Command, GlobalOptions, Group
from gjobs.tui.cli.commands.archive import ARCHIVE
from gjobs.tui.cli.commands.budgets import BUDGETS
from gjobs.tui.cli.commands.case import print_case
from gjobs.tui.cli.commands.cleanup import CLEANUP
from gjobs.tui.cli.commands.dashboard import open_dashboard
from gjobs.tui.cli.commands.db import DB
from gjobs.tui.cli.commands.doctor import examine_database
from gjobs.tui.cli.commands.jobs import JOBS
from gjobs.tui.cli.commands.local_files import CONFIG, list_profiles, show_journal
from gjobs.tui.cli.commands.manual import print_manual
from gjobs.tui.cli.commands.migrate import MIGRATE
from gjobs.tui.cli.commands.projects import PROJECTS, USERS
from gjobs.tui.cli.commands.serve import open_demo, print_snapshot, serve
from gjobs.tui.cli.commands.stats import fold_events, print_metrics, show_errors, show_statistics
from gjobs.tui.cli.commands.watch import watch_jobs
from gjobs.tui.cli.commands.workers import list_workers, run_worker
from gjobs.tui.cli.parser import Options, Parser, parse_arguments, root_parser

COMMANDS: Sequence[Command | Group] = (
    open_demo,
    print_snapshot,
    PROJECTS,
    USERS,
    JOBS,
    show_statistics,
    show_errors,
    print_case,
    BUDGETS,
    CLEANUP,
    ARCHIVE,
    run_worker,
    list_workers,
    watch_jobs,
    print_metrics,
    fold_events,
    serve,
    show_journal,
    DB,
    MIGRATE,
    examine_database,
    list_profiles,
    CONFIG,
    print_manual,
)


def build_parser() -> Parser:
    parser = root_parser(COMMANDS, open_dashboard)
    if parser.commands is not None:
        # `gjobs help` also prints the help of a command.
        parser.commands.choices[print_manual.name].set_defaults(parsers=parser.commands.choices)
    return parser


def parse(arguments: Sequence[str]) -> tuple[Command, GlobalOptions, Options]:
    """Parse the arguments. Raises UsageError if they are wrong."""
    return parse_arguments(build_parser(), arguments)
