"""From the text of a configuration file to its values, or to all that is wrong with it. Pure."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from store.configuration.lines import Place
from store.configuration.model import Configuration
from store.configuration.notifications import Notifications, read_notifications
from store.configuration.problems import Problem, refusal
from store.configuration.profile import read_embedded, read_profile
from store.configuration.profiles import EMBEDDED, EMBEDDED_PROFILE, Profile
from store.configuration.table import Table, kind
from store.suggestions import not_known

if TYPE_CHECKING:
    from store.views.model import Views


def read_text(text: str, *, path: Path) -> Configuration:
    """`path` names the file, and is where relative paths start. Raises BadConfiguration."""
    try:
        document = tomllib.loads(text)
    except ValueError as error:
        raise refusal([Problem(place=(), clause=f"is not TOML: {error}")], path=path) from None
    except RecursionError:
        raise refusal([Problem(place=(), clause="is nested too deeply")], path=path) from None
    problems: list[Problem] = []
    configuration = read_document(document, problems, path=path)
    if problems:
        raise refusal(problems, path=path, text=text)
    return configuration


def read_document(document: Mapping[str, object], problems: list[Problem], *, path: Path) -> Configuration:
    """Adds to `problems` what is wrong; then the configuration is not to be used."""
    top = Table(document, (), problems)
    profiles = _read_profiles(top.table("profiles"), problems, path.parent)
    default_profile = top.text("default_profile")
    if default_profile is not None and default_profile not in profiles:
        top.complain(f"names no profile: {not_known(default_profile, profiles)}", "default_profile")
    theme = top.text("theme")
    keymap = dict(_read_keymap(top.table("keymap"), ("keymap",), problems))
    views = _read_views(top.table("views"), problems)
    configuration = Configuration(
        path=path,
        profiles=profiles,
        default_profile=default_profile,
        theme=theme,
        keymap=keymap,
        views=views,
        notifications=_read_notifications(top, views, problems),
    )
    top.end()
    return configuration


def _read_profiles(tables: Mapping[str, object], problems: list[Problem], directory: Path) -> dict[str, Profile]:
    profiles = {}
    for name, values in tables.items():
        place = ("profiles", name)
        if not isinstance(values, Mapping):
            problems.append(Problem(place=place, clause=f"is {kind(values)}, and should be a table"))
        elif not name.strip():
            problems.append(Problem(place=place, clause="has an empty name"))
        else:
            table = Table(values, place, problems)
            profiles[name] = read_embedded(table) if name == EMBEDDED else read_profile(name, table, directory)
            table.end()
    profiles.setdefault(EMBEDDED, EMBEDDED_PROFILE)
    return profiles


def _read_views(values: Mapping[str, object], problems: list[Problem]) -> "Views":
    """The grammar of filters is imported where there are some."""
    if not values:
        return {}
    from store.views.reading import read_views

    return read_views(values, problems)


def _read_notifications(top: Table, views: "Views", problems: list[Problem]) -> Notifications | None:
    values = top.table("notifications")
    return read_notifications(Table(values, ("notifications",), problems), views) if top.has("notifications") else None


def _read_keymap(
    values: Mapping[str, object], place: Place, problems: list[Problem]
) -> list[tuple[str, tuple[str, ...]]]:
    """An id has a dot in it, so TOML makes tables of ids without quotation marks: they mean the same."""
    found = []
    for name, value in values.items():
        here = (*place, name)
        match value:
            case Mapping():
                found += _read_keymap(value, here, problems)
                continue
            case str():
                keys = [key.strip() for key in value.split(",")]
            case list() if all(isinstance(key, str) for key in value):
                keys = [key.strip() for key in value]
            case _:
                problems.append(Problem(place=here, clause="should be a key, or a list of keys"))
                continue
        if keys and all(keys):
            found.append((".".join(here[1:]), tuple(keys)))
        else:
            problems.append(Problem(place=here, clause="names no key; a comma itself is called 'comma'"))
    return found
