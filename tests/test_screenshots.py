"""The committed pictures match the dashboard."""

import re

from gjobs.store.database.database import Database
from gjobs.store.statistics.statistics import TotalsQuery
from screenshots.frozen_store import NOW, FrozenStore
from screenshots.make import ROOM, RUNS, THEMES, drawn, pictures
from tests.conftest import Conninfo


def words(picture: str) -> str:
    return "".join(re.findall(r"<text[^>]*>([^<]*)</text>", picture))


def test_screenshots_are_up_to_date_and_load_no_external_resources(migrated_copy: Conninfo) -> None:
    """Each scene is drawn in one of its two themes. The picture in the other theme must show the same words."""
    taken = pictures(migrated_copy, in_each_theme=False) | drawn()
    committed = {file.name: file.read_text(encoding="utf-8") for file in ROOM.glob("*.svg")}
    names = {f"{name}-{shade}.svg" for run in RUNS for name in run.scenes for shade in THEMES} | drawn().keys()
    changed = {name for name, picture in taken.items() if picture != committed.get(name)}
    swapped = {"dark": "light", "light": "dark"}
    others = {re.sub("dark|light", lambda shade: swapped[shade[0]], name): name for name in taken}
    differing = {other for other, name in others.items() if words(committed.get(other, "")) != words(taken[name])}
    stale = sorted(changed | differing | committed.keys() ^ names)
    assert not stale, "Check the changes, then update the pictures with: python -m screenshots.make"
    addresses = {address for picture in committed.values() for address in re.findall(r"\w+://[^\"')\s]+", picture)}
    assert addresses == {"http://www.w3.org/2000/svg"}


async def test_counts_of_pictures_are_read_at_the_fixed_time(database: Conninfo) -> None:
    store = FrozenStore(Database(database))
    times = [(await store.get_totals(TotalsQuery(), with_flow=with_flow)).taken_at for with_flow in (False, True)]
    await store.close()
    assert times == [NOW, NOW]
