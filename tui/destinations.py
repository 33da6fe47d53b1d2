"""The databases that one run of the dashboard can look at: the one that was chosen, and the profiles."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from store.pacing import DEFAULT_INTERVAL
from store.settings import APP_VARIABLE, Settings, UrlTarget, switched
from store.writing.write_access import WriteRule
from tui.opening import session_opener

if TYPE_CHECKING:
    from tui.connection import Opener


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    name: str | None
    """The profile's; None for an address that was given without one."""
    label: str | None
    """Names it before it is open; None where only the connection tells."""
    color: str | None
    origin: str | None
    """What named it, where that was not meant for gjobs."""
    interval: float
    """Seconds between two looks."""
    opener: "Opener"
    settings: Settings

    @property
    def detail(self) -> str:
        """What tells it from others in a list. Imports the driver, to read an address."""
        rule = "may write" if self.settings.write_rule is WriteRule.OPEN else "read-only"
        return ", ".join(filter(None, (rule, self._where())))

    def _where(self) -> str:
        from store.connecting.connection_url import label, parameters
        from store.errors import InvalidValue

        if not isinstance(self.settings.target, UrlTarget):
            return ""
        try:
            return label(parameters(self.settings.target))
        except InvalidValue:
            return "an address that cannot be read"


def destinations(settings: Settings) -> tuple[Destination, ...]:
    """The first is what the settings name."""
    chosen = destination(settings)
    profiles = settings.configuration.profiles.values()
    others = [destination(switched(settings, profile)) for profile in profiles if profile.name != chosen.name]
    return (chosen, *others)


def destination(settings: Settings) -> Destination:
    profile, target = settings.profile, settings.target
    return Destination(
        name=profile.name if profile else None,
        label=profile.label if profile else None,
        color=profile.color if profile else None,
        origin=APP_VARIABLE if isinstance(target, UrlTarget) and target.origin == APP_VARIABLE else None,
        interval=(profile.interval if profile else None) or DEFAULT_INTERVAL,
        opener=session_opener(settings),
        settings=settings,
    )
