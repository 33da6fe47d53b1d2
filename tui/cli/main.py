"""The entry point: from the arguments to an exit code."""

import io
import os
import sys
from collections.abc import Sequence

from store.configuration.model import NO_CONFIGURATION, Configuration
from tui.cli.command import Command, GlobalOptions, check_options, settings_for
from tui.cli.errors import UsageError
from tui.cli.exit_codes import ExitCode
from tui.cli.failures import explain
from tui.cli.output import Output, say
from tui.cli.program import parse


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; None takes the process's arguments. Ends in SystemExit only for --help and --version."""
    try:
        return _run(arguments)
    except (Exception, KeyboardInterrupt) as error:
        # The last resort of the program: nothing may reach the person as a traceback.
        return explain(error)


def _run(arguments: Sequence[str] | None) -> ExitCode:
    if sys.platform == "win32":
        raise UsageError("gjobs runs on Linux and macOS, not on Windows itself.", hint="Run it inside WSL.")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal without a character shows a question mark, and the command goes on.
        sys.stdout.reconfigure(errors="replace")
    command, options, own_options = parse(arguments)
    output = Output(json=options.json)
    if command.about_configuration:
        from store.configuration.file import configuration_file

        check_options(command, options)
        return command.run(configuration_file(options.config, os.environ), output, **own_options)
    from store.embedded import default_data_dir

    settings = settings_for(
        command,
        options,
        data_dir=default_data_dir(),
        environment=os.environ,
        configuration=_configuration(command, options),
    )
    return command.run(settings, output, **own_options)


def _configuration(command: Command, options: GlobalOptions) -> Configuration:
    """What should be put right in it is said once, whatever the command does."""
    from store.configuration.file import configuration_file, load

    check_options(command, options)
    if not command.reads_configuration:
        return NO_CONFIGURATION
    configuration = load(configuration_file(options.config, os.environ))
    if configuration.warning:
        say(configuration.warning)
    return configuration
