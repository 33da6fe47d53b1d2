"""The time zone in which the dashboard shows times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from enum import StrEnum


class ZoneChoice(StrEnum):
    """Which zone the user chose. The choice applies to every database, but PROFILE means a different zone for each
    profile.
    """

    UTC = "utc"
    LOCAL = "local"
    PROFILE = "profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownZone:
    """A time zone with its name on screen."""

    choice: ZoneChoice
    name: str
    zone: tzinfo | None
    """None means this machine's zone."""


LOCAL = ShownZone(choice=ZoneChoice.LOCAL, name="local time", zone=None)
_UTC = ShownZone(choice=ZoneChoice.UTC, name="UTC", zone=UTC)


def zones(profile_zone: str | None) -> Sequence[ShownZone]:
    """Return the zones in the order in which the `Z` key switches them. `profile_zone` is the checked name from the
    configuration, if any.
    """
    if profile_zone is None or profile_zone == _UTC.name:
        return _UTC, LOCAL
    from zoneinfo import ZoneInfo

    return _UTC, LOCAL, ShownZone(choice=ZoneChoice.PROFILE, name=profile_zone, zone=ZoneInfo(profile_zone))


def chosen_zone(choice: str | None, profile_zone: str | None) -> ShownZone:
    """Return the zone for a remembered choice. Without one, it is the profile's zone, and else local time."""
    known = {zone.choice: zone for zone in zones(profile_zone)}
    is_utc = profile_zone == _UTC.name and choice != ZoneChoice.LOCAL
    wanted = ZoneChoice.UTC if is_utc else next((one for one in ZoneChoice if one == choice), ZoneChoice.PROFILE)
    return known.get(wanted, LOCAL)


def zone_after(shown: ShownZone, profile_zone: str | None) -> ShownZone:
    """Return the zone that the key shows next."""
    order = zones(profile_zone)
    place = next((place for place, zone in enumerate(order) if zone.choice is shown.choice), -1)
    return order[(place + 1) % len(order)]
