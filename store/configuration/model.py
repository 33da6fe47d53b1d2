"""What a configuration file says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from store.configuration.profiles import EMBEDDED, EMBEDDED_PROFILE, Profile

if TYPE_CHECKING:
    from store.configuration.notifications import Notifications
    from store.views.model import Views


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    path: Path | None = None
    """The file that it was read from; None where there is none."""
    profiles: Mapping[str, Profile] = field(default_factory=lambda: {EMBEDDED: EMBEDDED_PROFILE})
    """By name, in the file's order; always with the embedded one."""
    default_profile: str | None = None
    """One of the profiles."""
    theme: str | None = None
    keymap: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Keys by the ids of what they do. Whether there are such, only the dashboard knows."""
    views: "Views" = field(default_factory=dict)
    """Lists by names of one's own, in the file's order."""
    notifications: "Notifications | None" = None
    """None where none are wanted."""
    warning: str | None = None
    """What does not hinder, and should be put right; a sentence with what to do."""


NO_CONFIGURATION = Configuration()
