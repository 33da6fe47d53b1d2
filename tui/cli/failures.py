"""How a command that did not end well is explained: words on stderr, and an exit code."""

import os
import traceback

from store.errors import BadConfiguration, StoreError
from store.filters.errors import FilterError
from tui.cli.errors import CommandError
from tui.cli.exit_codes import ExitCode, exit_code
from tui.cli.output import complain, say, say_block

_DEBUG_HINT = "Set GJOBS_DEBUG=1 for the details, and report it."


def show_where(error: BaseException) -> None:
    """Its traceback, to whoever sets GJOBS_DEBUG to 1."""
    if os.environ.get("GJOBS_DEBUG") == "1":
        from tui.words.text import clean_block

        say_block(clean_block("".join(traceback.format_exception(error)).rstrip()))


def explain(error: BaseException) -> ExitCode:
    """Without a traceback, which shows what nobody asked for, unless GJOBS_DEBUG is 1."""
    show_where(error)
    match error:
        case BadConfiguration():
            for sentence in (*error.problems, error.hint):
                say(sentence or "")
        case FilterError():
            from tui.words.filter_words import marked

            say_block(marked(error))
            complain(str(error), hint=error.hint)
        case StoreError() | CommandError():
            complain(str(error), hint=error.hint)
        case KeyboardInterrupt():
            complain("Interrupted.", hint=None)
        case OSError() if error.strerror:
            complain(f"gjobs failed: {error.strerror}.", hint=_DEBUG_HINT)
        case _:
            # What the error says may hold what was typed; its name never does.
            complain(f"gjobs failed with an error of its own: {type(error).__name__}.", hint=_DEBUG_HINT)
    return exit_code(error)
