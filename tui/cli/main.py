"""Entry point: from arguments to the exit code."""

import io
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any

from gjobs.store.configuration.settings import NO_CONFIGURATION, Configuration
from gjobs.store.errors import name_database
from gjobs.tui import startup
from gjobs.tui.cli.command import Command, GlobalOptions, check_options, read_alone, settings_for
from gjobs.tui.cli.commands.dashboard import open_dashboard
from gjobs.tui.cli.output import ExitCode, Output, OutputFailed, UsageError, print_message, report_failure
from gjobs.tui.cli.sessions import orderly_termination
from gjobs.tui.startup import advise_for


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. None means the process's arguments. Only --help and --version end in SystemExit."""
    if arguments is None:
        startup.prepare()
    words = sys.argv[1:] if arguments is None else arguments
    with ExitStack() as cleanup:
        try:
            return _run(words, cleanup)
        except (Exception, KeyboardInterrupt) as error:
            # No error may reach the person as a traceback.
            return report_failure(error, json="--json" in words)


def _run(arguments: Sequence[str], cleanup: ExitStack) -> ExitCode:
    if sys.platform == "win32":
        raise UsageError("gjobs does not run on Windows directly.", hint="Run it inside WSL.")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A character that the terminal lacks becomes a question mark.
        sys.stdout.reconfigure(errors="replace")
    command, options, own_options = _read(arguments)
    check_options(command, options)
    output = Output(json=options.json)
    if command.about_configuration:
        from gjobs.store.configuration.config_file import configuration_file

        return command.run(configuration_file(options.config, os.environ), output, **own_options) or ExitCode.DONE
    from gjobs.store.embedded.server_files import default_data_dir

    settings = settings_for(
        command,
        options,
        data_dir=default_data_dir(),
        environment=os.environ,
        configuration=_configuration(command, options),
    )
    if command.opens_database and not command.embedded_only:
        cleanup.callback(name_database, None)
        advise_for(settings)
    with orderly_termination(json=options.json):
        try:
            return command.run(settings, output, **own_options) or ExitCode.DONE
        except OutputFailed as error:
            error.hint = _what_was_done(command)
            raise


def _what_was_done(command: Command) -> str | None:
    from gjobs.store.journal.journal import Journal

    if Journal.writes_done:
        return "The change was made: 'gjobs journal' shows it."
    # Commands on the embedded server have already reported their changes.
    return None if command.embedded_only else "Nothing was changed."


def _read(arguments: Sequence[str]) -> tuple[Command, GlobalOptions, Mapping[str, Any]]:
    """Return the command, the global options and the command's own options."""
    options = read_alone(arguments)
    if options is not None:
        return open_dashboard, options, {}
    if arguments[0] == "jobs" and not {"-h", "--help"} & set(arguments):
        from gjobs.tui.cli.commands.jobs import JOBS
        from gjobs.tui.cli.parser import parse_arguments, root_parser

        # The syntax of all other commands is not built. If this fails, the parser of all reports the error.
        with suppress(UsageError):
            return parse_arguments(root_parser([JOBS], open_dashboard), arguments)
    from gjobs.tui.cli.program import parse

    return parse(arguments)


def _configuration(command: Command, options: GlobalOptions) -> Configuration:
    """Load the configuration and print its warning, whatever the command does."""
    from gjobs.store.configuration.config_file import configuration_file, load

    if not command.reads_configuration:
        return NO_CONFIGURATION
    configuration = load(configuration_file(options.config, os.environ))
    profile = options.profile or os.environ.get("GJOBS_PROFILE") or ""
    if profile and profile not in configuration.profiles:
        from gjobs.store.configuration.app_databases import find_app_databases

        configuration = find_app_databases(os.environ).added_to(configuration, profile)
    print_message(configuration.warning)
    if configuration.keymap or configuration.theme is not None:
        from gjobs.tui.dashboard_settings import checked_keymap

        checked_keymap(configuration)
    return configuration
