"""What no user may do."""

from typing import Any

from textual.app import App

from store.actor import ActingUser, Actor
from tui.keys.app_bindings import APP_BINDINGS
from tui.keys.moved_keys import key_of
from tui.say import say
from tui.words.eyes import eyes_name
from tui.words.toast import Toast


def is_operator(app: App[Any], actor: Actor, does: str) -> bool:
    """Of any other, says that only the operator `does` it, and how to become that."""
    if not isinstance(actor, ActingUser):
        return True
    key = key_of(app, APP_BINDINGS, "app.user")
    text = f"Only the operator {does}; you look as {eyes_name(actor)}. Press {key} to change."
    say(app, Toast(text=text, severity="warning"))
    return False
