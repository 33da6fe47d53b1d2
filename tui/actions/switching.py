"""Going on to another database within one run."""

from typing import TYPE_CHECKING

from tui.say import say
from tui.words.toast import Toast

if TYPE_CHECKING:
    from tui.app import GjobsApp
    from tui.destinations import Destination

ALONE = "No other database is known here. 'gjobs config path' tells where profiles are configured."


async def pick_database(app: "GjobsApp") -> None:
    from tui.screens.pick import Choice, PickDialog

    known = app.destinations
    if len(known) < 2:
        say(app, Toast(text=ALONE, severity="warning"))
        return
    choices = [
        Choice(key=str(place), label=full_name(one), detail=one.detail, color=one.color)
        for place, one in enumerate(known)
    ]
    present = str(known.index(app.destination)) if app.destination in known else None
    picked = await app.push_screen_wait(PickDialog(title="Look at which database?", choices=choices, chosen=present))
    if picked is not None and picked != present:
        app.switch_to(known[int(picked)])


def full_name(destination: "Destination") -> str:
    """The label, and the profile's name where that is another."""
    label, name = destination.label, destination.name
    if label is None:
        return "the address that was given"
    return label if label == name else f"{label} ({name})"
