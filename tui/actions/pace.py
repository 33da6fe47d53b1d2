"""How often one looks, and what that costs: changed by a key, and told."""

from typing import TYPE_CHECKING

from tui.say import say
from tui.words.load_words import load_sentence, pace_sentence
from tui.words.toast import Toast

if TYPE_CHECKING:
    from tui.app import GjobsApp


def step_interval(app: "GjobsApp", steps: int) -> None:
    """Slower by so many steps, faster where negative."""
    connection = app.connection
    before = connection.interval
    connection.step_interval(steps)
    app.show_standing()
    if connection.interval == before:
        limit = "shortest" if steps < 0 else "longest"
        say(app, Toast(text=f"{before:g} s is the {limit} interval.", severity="warning"))
    elif connection.seen_within > connection.interval:
        say(app, Toast(text=_pace(app)))


def tell_load(app: "GjobsApp") -> None:
    """What looking costs: asked for before anybody complains."""
    if (load := app.connection.load) is None:
        say(app, Toast(text="Nothing was asked of a database yet."))
        return
    say(app, Toast(text=f"{load_sentence(load)} {_pace(app)}"))


def _pace(app: "GjobsApp") -> str:
    connection = app.connection
    return pace_sentence(connection.seen_within, interval=connection.interval, is_woken=connection.is_woken)
