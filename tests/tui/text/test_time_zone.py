"""The order of the time zones, and the zone at the start."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from gjobs.tui.text.format import ZoneChoice, chosen_zone, zone_after, zones

BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("profile_zone", "names"),
    [(None, ["UTC", "local time"]), ("UTC", ["UTC", "local time"]), (BERLIN, ["UTC", "local time", BERLIN])],
)
def test_key_goes_through_all_zones_and_begins_again(profile_zone: str | None, names: list[str]) -> None:
    assert [zone.name for zone in zones(profile_zone)] == names
    shown = chosen_zone("utc", profile_zone)
    for name in (*names[1:], names[0]):
        shown = zone_after(shown, profile_zone)
        assert shown.name == name


@pytest.mark.parametrize(
    ("choice", "profile_zone", "name"),
    [
        (None, None, "local time"),
        (None, BERLIN, BERLIN),
        (None, "UTC", "UTC"),
        ("utc", BERLIN, "UTC"),
        ("local", BERLIN, "local time"),
        ("local", "UTC", "local time"),
        ("profile", BERLIN, BERLIN),
        ("profile", None, "local time"),
        ("lunar", None, "local time"),
    ],
)
def test_remembered_choice_wins_over_the_profile(choice: str | None, profile_zone: str | None, name: str) -> None:
    assert chosen_zone(choice, profile_zone).name == name


def test_zone_of_another_profile_is_followed_by_utc() -> None:
    berlin = chosen_zone(None, BERLIN)

    assert (berlin.zone, berlin.choice) == (ZoneInfo(BERLIN), ZoneChoice.PROFILE)
    assert zone_after(berlin, None).zone is UTC
