"""The committed pictures match the dashboard."""

import re

from screenshots.make import ROOM, drawn, pictures
from tests.conftest import Conninfo


def test_screenshots_are_up_to_date_and_load_no_external_resources(database: Conninfo) -> None:
    taken = pictures(database) | drawn()
    committed = {file.name: file.read_text(encoding="utf-8") for file in ROOM.glob("*.svg")}
    stale = sorted(name for name in taken.keys() | committed.keys() if taken.get(name) != committed.get(name))
    assert not stale, "Check the changes, then update the pictures with: python screenshots/make.py"
    addresses = {address for picture in taken.values() for address in re.findall(r"\w+://[^\"')\s]+", picture)}
    assert addresses == {"http://www.w3.org/2000/svg"}
