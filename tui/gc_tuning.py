"""Postpones garbage collection until the first screen."""

import gc

_SELDOM = (10_000, 20, 50)
"""Each poll makes thousands of short-lived values. A collection after every few hundred would pause the dashboard and
find nothing.
"""


def pause_gc() -> None:
    gc.disable()


def resume_gc() -> None:
    """Turn on automatic collection if it was paused. Objects created during startup are never scanned: the pause for
    scanning them would be visible.
    """
    if not gc.isenabled():
        gc.freeze()
        gc.set_threshold(*_SELDOM)
        gc.enable()
