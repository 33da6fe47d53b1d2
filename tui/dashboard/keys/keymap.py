"""Check the configured keymap."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from textual.binding import Binding
from textual.keys import Keys
from textual.keys import _character_to_key as key_name
from textual.screen import ModalScreen

from store.configuration.config_file import refusal_of
from store.configuration.configuration import Configuration
from store.configuration.toml_table import ConfigurationProblem, dotted
from store.formats import not_known
from tui.dashboard.dialogs.dialog import Dialog
from tui.dashboard.dialogs.pick import PickDialog
from tui.dashboard.job_list.filter_field import FilterField
from tui.dashboard.keys.bindings import inherited_bindings, own_bindings
from tui.dashboard.keys.help import OWNERS, of_the_app
from tui.dashboard.screen import DashboardScreen

Scope = Sequence[Binding]
"""Bindings that are active at the same time."""

_TAKEN = {
    "ctrl+c": "Textual uses",
    "ctrl+h": "terminals send for Backspace",
    "ctrl+i": "terminals send for Tab",
    "ctrl+j": "terminals send for Enter",
    "ctrl+m": "terminals send for Enter",
    "ctrl+p": "opens the command palette",
    "ctrl+z": "suspends gjobs",
}
_TYPED_INTO = (Dialog, PickDialog, FilterField)
"""Classes in which the user may be typing while their bindings are active."""
_MODIFIERS = ("ctrl", "shift")


def checked_keymap(configuration: Configuration) -> dict[str, str]:
    """Return Textual's keymap, from binding id to keys. Raise BadConfiguration with all problems."""
    moved = {name: tuple(map(_full_name, keys)) for name, keys in configuration.keymap.items()}
    if problems := [*_bad_keys(moved), *_conflicts(moved)]:
        raise refusal_of(configuration, problems)
    return {name: ",".join(keys) for name, keys in moved.items()}


def _full_name(key: str) -> str:
    return key_name(key) if len(key) == 1 else key


def _bad_keys(moved: Mapping[str, Sequence[str]]) -> Iterator[ConfigurationProblem]:
    known = _bindings()
    typing = {binding.id for owner in _TYPED_INTO for binding in own_bindings(owner)}
    for name, keys in moved.items():
        location = ("keymap", name)
        if name not in known:
            yield ConfigurationProblem(location=location, clause=not_known(name, known).removeprefix(f"{name!r} "))
            continue
        for key in keys:
            if clause := why_no_key(key):
                yield ConfigurationProblem(location=location, clause=clause)
            elif name in typing and _is_typed(key):
                yield ConfigurationProblem(
                    location=location, clause=f"cannot be {key!r}, because that key types a character in the field"
                )


def _bindings() -> dict[str, Binding]:
    owned = (binding for owner in OWNERS for binding in own_bindings(owner))
    return {binding.id: binding for binding in (*owned, *of_the_app()) if binding.id}


def why_no_key(key: str) -> str | None:
    """Return a clause that explains why the key cannot be chosen, or None."""
    if key in _TAKEN:
        return f"cannot be {key!r}, which {_TAKEN[key]}"
    *modifiers, base = key.split("+")
    if "alt" in modifiers:
        return f"cannot be {key!r}: terminals disagree about alt"
    if base not in _key_names() or not set(modifiers) <= set(_MODIFIERS):
        return f"has an unknown key: {key!r}"
    if modifiers == ["shift"] and len(base) == 1:
        return f"cannot be {key!r}: write {base.upper()!r}"
    return None


@cache
def _key_names() -> frozenset[str]:
    printable = (chr(code) for code in range(0x21, 0x250) if chr(code).isprintable())
    return frozenset([*map(key_name, printable), *(key.value for key in Keys), "space"])


def _is_typed(key: str) -> bool:
    return key in frozenset(map(key_name, map(chr, range(0x20, 0x250))))


def _conflicts(moved: Mapping[str, Sequence[str]]) -> Iterator[ConfigurationProblem]:
    """Yield a problem for each moved key that another active binding also uses."""
    told: set[tuple[str, str]] = set()
    for scope in _scopes():
        holders: dict[str, list[str]] = {}
        for binding in scope:
            name = binding.id or ""
            for key in moved.get(name, binding.key.split(",")):
                holders.setdefault(key.strip(), []).append(name)
        for key, names in holders.items():
            first = next((name for name in names if name in moved), None)
            other = next((name for name in names if name != first), None)
            if first and other and (key, first) not in told and (key, other) not in told:
                told |= {(key, first), (key, other)}
                yield ConfigurationProblem(
                    location=("keymap", first), clause=f"uses {key!r}, which {dotted((other,))} uses too"
                )


def _scopes() -> Iterator[Scope]:
    app = list(of_the_app())
    screen = list(own_bindings(DashboardScreen))
    anywhere = [binding for binding in app if binding.priority]
    for owner in OWNERS:
        if issubclass(owner, ModalScreen):
            yield [*inherited_bindings(owner), *anywhere]
        elif owner is not DashboardScreen:
            yield [*own_bindings(owner), *screen, *app]
