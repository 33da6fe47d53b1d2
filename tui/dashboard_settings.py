"""Check the configured theme and keymap, without importing the dashboard. Every command reports their problems."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gjobs.store.configuration.settings import Configuration
from gjobs.store.configuration.toml_table import ConfigurationProblem, dotted, refusal
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
    problems: list[ConfigurationProblem] = []
    if theme is not None and theme not in themes:
        problems.append(ConfigurationProblem(("theme",), not_known(theme, themes)))
    for name, clause in (*_bad_keys(moved), *_conflicts(moved)):
        problems.append(ConfigurationProblem(("keymap", name), clause))
    if problems:
        path = configuration.path or Path("config.toml")
        text = ""
        with suppress(OSError, ValueError):  # If the file was deleted since, the problems have no line numbers.
            text = path.read_text(encoding="utf-8-sig")
        raise refusal(problems, path=path, text=text)
    return {name: ",".join(keys) for name, keys in moved.items()}


def _bad_keys(moved: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Yield the id and a clause for each unknown id, and for each key that it can't have."""
    facts = dashboard_facts()
    typed = set(facts.characters.values())
    for name, keys in moved.items():
        if name not in facts.bindings:
            yield name, not_known(name, facts.bindings).removeprefix(f"{name!r} ")
            continue
        for key in keys:
            if clause := why_no_key(key):
                yield name, clause
            elif name in facts.typed_into and key in typed:
                yield name, f"cannot be {key!r}, because that key types a character in the field"


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


def _conflicts(moved: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Yield the id and a clause for each moved key that another active binding also uses."""
    facts = dashboard_facts()
    reported: set[tuple[str, str]] = set()
    for scope in facts.scopes:
        holders: dict[str, list[str]] = {}
        for name in scope:
            for key in moved.get(name, facts.bindings[name].split(",")):
                holders.setdefault(key.strip(), []).append(name)
        for key, names in holders.items():
            first = next((name for name in names if name in moved), None)
            other = next((name for name in names if name != first), None)
            if first and other and not reported & {(key, first), (key, other)}:
                reported |= {(key, first), (key, other)}
                yield first, f"uses {key!r}, which {dotted((other,))} uses too"
