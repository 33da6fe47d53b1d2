"""The committed pictures match the dashboard."""

import re
from collections import defaultdict

import pytest
from textual._compositor import Compositor

from gjobs.store.database.database import Database
from gjobs.store.statistics.statistics import TotalsQuery
from screenshots.frozen_store import NOW, FrozenStore
from screenshots.make import ROOM, drawn, pictures
from tests.conftest import Conninfo
from tests.tui.app_waits import draw_when_settled, parse_once, render_update

IN_BOTH_THEMES = ("dashboard", "palette")
"""Scenes whose light pictures are compared byte by byte. The others must have the texts of their dark pictures."""


def lines_of(picture: str) -> dict[str, str]:
    """Return the text of each line of a picture, without spaces, by the line's place."""
    lines: dict[str, str] = defaultdict(str)
    for place, text in re.findall(r'<text [^>]*?\by="([\d.]+)"[^>]*>([^<]*)</text>', picture):
        lines[place] += re.sub(r"&#160;|\s", "", text)
    return {place: text for place, text in lines.items() if text}


def draw_pictures(compositor: Compositor, *arguments: object, **options: object) -> object:
    """Draw only what a picture shows. Drawing every frame takes a third of the time."""
    draw = render_update if options.get("full") else draw_when_settled
    return draw(compositor, *arguments, **options)  # type: ignore[arg-type]


def test_screenshots_are_current_and_load_nothing(migrated_copy: Conninfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textual._compositor.Compositor.render_update", draw_pictures)
    monkeypatch.setattr("textual.css.stylesheet.Stylesheet._parse_rules", parse_once)
    taken = pictures(migrated_copy, light=IN_BOTH_THEMES) | drawn()
    committed = {file.name: file.read_text(encoding="utf-8") for file in ROOM.glob("*.svg")}
    derived = {name for name in committed if name.endswith("-light.svg")} - taken.keys()
    for name in derived:
        dark = committed.get(name.replace("-light", "-dark"), "")
        assert lines_of(committed[name]) == lines_of(dark), name
    stale = sorted(name for name in taken.keys() | committed.keys() - derived if taken.get(name) != committed.get(name))
    assert not stale, "Check the changes, then update the pictures with: python -m screenshots.make"
    addresses = {address for picture in taken.values() for address in re.findall(r"\w+://[^\"')\s]+", picture)}
    assert addresses == {"http://www.w3.org/2000/svg"}


async def test_counts_of_pictures_are_read_at_the_fixed_time(database: Conninfo) -> None:
    store = FrozenStore(Database(database))
    times = [(await store.get_totals(TotalsQuery(), with_flow=with_flow)).taken_at for with_flow in (False, True)]
    await store.close()
    assert times == [NOW, NOW]
