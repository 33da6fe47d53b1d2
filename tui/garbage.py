"""When Python looks for garbage. The start makes next to none, and looking for it took a fifteenth of the time."""

import gc


def let_lie() -> None:
    gc.disable()


def collect() -> None:
    """From here on as usual, if it was let lie. What the start made is never looked through: a long search is seen."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
