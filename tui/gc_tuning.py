"""Postpones garbage collection until the first screen."""

import gc

_SELDOM = (10_000, 20, 50)
"""Each look at the database makes thousands of values that are soon gone by themselves: to look through all of them
after every few hundred pauses the dashboard, and finds nothing."""


def pause_gc() -> None:
    gc.disable()


def resume_gc() -> None:
    """From here on by itself, if it was let lie. What the start made is never looked through: a long search is seen."""
    if not gc.isenabled():
        gc.freeze()
        gc.set_threshold(*_SELDOM)
        gc.enable()
