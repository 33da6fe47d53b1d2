"""Keeps keys fast: more frames a second, and garbage collection only between keys."""

import gc
import os

FRAME_RATE = {"TEXTUAL_FPS": "120"}
"""The environment variable of Textual. At Textual's default of 60 frames a second, a key may
wait 17 ms for its frame.
"""

_SELDOM = (20_000, 5, 8)
"""Keys and polls make thousands of short-lived values. A collection after every few hundred would find nothing, and one
while a key is drawn would delay its frame. With few full collections, each of them would be long.
"""
_WORTHWHILE = 1_000


def prepare() -> None:
    """Set the frame rate, unless the user has set it, and collect no garbage before the first screen. Call this before
    Textual is imported.
    """
    for name, value in FRAME_RATE.items():
        os.environ.setdefault(name, value)
    gc.disable()


def resume_gc() -> None:
    """Turn on automatic collection if it was paused. Objects created during startup are never scanned: the pause for
    scanning them would be visible.
    """
    if not gc.isenabled():
        gc.freeze()
        gc.set_threshold(*_SELDOM)
        gc.enable()


def collect_between_keys() -> None:
    """Collect the values that were made in the last second. Call this once a second, outside of key handling."""
    if gc.isenabled() and gc.get_count()[0] >= _WORTHWHILE:
        gc.collect(1)
