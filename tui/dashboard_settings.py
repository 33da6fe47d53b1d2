"""Check the configured theme and keymap, without importing the dashboard. Every command reports their problems."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gjobs.store.configuration.config_file import refusal_of
from gjobs.store.configuration.settings import Configuration
from gjobs.store.configuration.toml_table import ConfigurationProblem, dotted
from gjobs.store.values.formats import not_known

TABLE = Path(__file__).with_name("keys_and_themes.json")
"""The themes, bindings and key names of the dashboard and Textual. `python -m tests.manual` writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardFacts:
    themes: Sequence[str]
    bindings: Mapping[str, str]
    """The default keys by binding id."""
    scopes: Sequence[Sequence[str]]
    """Ids of bindings that are active at the same time."""
    typed_into: Sequence[str]
    """Ids of bindings that are active while the user may be typing."""
    characters: Mapping[str, str]
    """Key names by the character that the key types."""
    other_keys: Sequence[str]


@cache
def dashboard_facts() -> DashboardFacts:
    return DashboardFacts(**json.loads(TABLE.read_text(encoding="utf-8")))


_TAKEN = {
    "ctrl+c": "Textual uses",
    "ctrl+h": "terminals send for Backspace",
    "ctrl+i": "terminals send for Tab",
    "ctrl+j": "terminals send for Enter",
    "ctrl+m": "terminals send for Enter",
    "ctrl+p": "opens the command palette",
}
_MODIFIERS = ("ctrl", "shift")


def checked_keymap(configuration: Configuration) -> dict[str, str]:
    """Return Textual's keymap, from binding id to keys. Raise BadConfiguration with all problems, also of the theme."""
    characters = dashboard_facts().characters
    moved = {name: tuple(characters.get(key, key) for key in keys) for name, keys in configuration.keymap.items()}
    theme, themes = configuration.theme, dashboard_facts().themes
    problems = [*_bad_keys(moved), *_conflicts(moved)]
    if theme is not None and theme not in themes:
        problems.insert(0, ConfigurationProblem(location=("theme",), clause=not_known(theme, themes)))
    if problems:
        raise refusal_of(configuration, problems)
    return {name: ",".join(keys) for name, keys in moved.items()}


def _bad_keys(moved: Mapping[str, Sequence[str]]) -> Iterator[ConfigurationProblem]:
    facts = dashboard_facts()
    known, typed = facts.bindings, set(facts.characters.values())
    for name, keys in moved.items():
        location = ("keymap", name)
        if name not in known:
            yield ConfigurationProblem(location=location, clause=not_known(name, known).removeprefix(f"{name!r} "))
            continue
        for key in keys:
            if clause := why_no_key(key):
                yield ConfigurationProblem(location=location, clause=clause)
            elif name in facts.typed_into and key in typed:
                yield ConfigurationProblem(
                    location=location, clause=f"cannot be {key!r}, because that key types a character in the field"
                )


def why_no_key(key: str) -> str | None:
    """Return a clause that explains why the key cannot be chosen, or None."""
    if key in _TAKEN:
        return f"cannot be {key!r}, which {_TAKEN[key]}"
    *modifiers, base = key.split("+")
    if "alt" in modifiers:
        return f"cannot be {key!r}: terminals send alt in different ways"
    if base not in _key_names() or not set(modifiers) <= set(_MODIFIERS):
        return f"has an unknown key: {key!r}"
    if modifiers == ["shift"] and len(base) == 1:
        return f"cannot be {key!r}: use {base.upper()!r} instead"
    return None


@cache
def _key_names() -> frozenset[str]:
    facts = dashboard_facts()
    return frozenset([*facts.characters.values(), *facts.other_keys])


def _conflicts(moved: Mapping[str, Sequence[str]]) -> Iterator[ConfigurationProblem]:
    """Yield a problem for each moved key that another active binding also uses."""
    facts = dashboard_facts()
    told: set[tuple[str, str]] = set()
    for scope in facts.scopes:
        holders: dict[str, list[str]] = {}
        for name in scope:
            for key in moved.get(name, facts.bindings[name].split(",")):
                holders.setdefault(key.strip(), []).append(name)
        for key, names in holders.items():
            first = next((name for name in names if name in moved), None)
            other = next((name for name in names if name != first), None)
            if first and other and (key, first) not in told and (key, other) not in told:
                told |= {(key, first), (key, other)}
                yield ConfigurationProblem(
                    location=("keymap", first), clause=f"uses {key!r}, which {dotted((other,))} uses too"
                )
