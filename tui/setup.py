"""How a person wants the dashboard: what is configured of it, checked before it opens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from textual.theme import BUILTIN_THEMES

from store.configuration.model import Configuration
from store.settings import Settings
from tui.destinations import Destination, destinations

if TYPE_CHECKING:
    from store.configuration.notifications import Notifications
    from store.views.model import Views


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    theme: str | None = None
    """In place of the remembered one; then another choice holds for this run alone."""
    keymap: Mapping[str, str] = field(default_factory=dict)
    """As Textual takes it."""
    notice: str | None = None
    """Something to put right, said once."""
    views: "Views" = field(default_factory=dict)
    """Those of the configuration."""
    views_directory: Path | None = None
    """Where others are kept; None where nothing is."""
    notifications: "Notifications | None" = None
    """What ends out of sight is told; None where it is not."""
    destinations: tuple[Destination, ...] = ()
    """What can be looked at, the one that is opened first at the head; empty for a database that stands alone."""


def setup_of(settings: Settings, *, stands_alone: bool = False) -> Setup:
    """Raises BadConfiguration where the configuration names a theme or a key that is none."""
    configuration = settings.configuration
    return Setup(
        theme=_theme(configuration),
        keymap=_keymap(configuration),
        notice=configuration.warning,
        views=configuration.views,
        notifications=configuration.notifications,
        views_directory=None if stands_alone else settings.data_dir,
        destinations=() if stands_alone else destinations(settings),
    )


def _keymap(configuration: Configuration) -> Mapping[str, str]:
    """Without keys to check, the first paint does not wait for all the screens whose bindings they are checked with."""
    if not configuration.keymap:
        return {}
    from tui.keys.keymap import checked_keymap

    return checked_keymap(configuration)


def _theme(configuration: Configuration) -> str | None:
    theme = configuration.theme
    if theme is None or theme in BUILTIN_THEMES:
        return theme
    from store.configuration.file import refusal_of
    from store.configuration.problems import Problem
    from store.suggestions import not_known

    problem = Problem(place=("theme",), clause=not_known(theme, BUILTIN_THEMES))
    raise refusal_of(configuration, [problem])
