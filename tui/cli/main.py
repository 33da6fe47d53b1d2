"""The entry point: from the arguments to an exit code."""

import io
import os
import sys
from collections.abc import Sequence

from tui.cli.command import settings_for
from tui.cli.errors import UsageError
from tui.cli.exit_codes import ExitCode
from tui.cli.failures import explain
from tui.cli.output import Output
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
    from store.embedded import default_data_dir

    settings = settings_for(command, options, data_dir=default_data_dir(), environment=os.environ)
    return command.run(settings, Output(json=options.json), **own_options)
