"""Questions on the terminal. The default is no."""

import sys

from tui.cli.errors import Declined, UsageError
from tui.cli.output import is_terminal, say_block

_PROMPT = "Type y for yes, anything else for no: "


def require_terminal() -> None:
    """Raises UsageError where nobody can be asked."""
    if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        raise UsageError("This needs a yes, and there is no terminal to ask on.", hint="Give --yes to answer it now.")


def require_yes(question: str, *, unchanged: str) -> None:
    """Returns where the person types y or yes. The question may have several lines, and is clean already.

    Raises Declined with the sentence `unchanged` on any other answer, and UsageError where nobody can be asked.
    """
    import termios

    require_terminal()
    # What was typed before the question was seen is no answer to it.
    termios.tcflush(sys.stdin, termios.TCIFLUSH)
    say_block(question)
    say_block(_PROMPT, end="")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Declined(unchanged)
