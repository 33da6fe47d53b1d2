"""From a table of TOML to views, and back. Pure."""

import json
from collections.abc import Iterable, Mapping

from store.configuration.problems import Problem
from store.configuration.table import Table, kind
from store.views.model import View, read_name, read_order, written_order

TABLE = "views"

_DELETE = "\x7f"


def read_views(values: Mapping[str, object], problems: list[Problem]) -> dict[str, View]:
    """A name is followed by a filter, or by a table with one; what is wrong is added to `problems`."""
    everything = Table(values, (TABLE,), problems)
    views = {}
    for name, value in values.items():
        try:
            read_name(name)
        except ValueError as error:
            everything.complain(f"has a name that {error}", name)
        match value:
            case str():
                view = _of_text(name, everything)
            case Mapping():
                view = _of_table(name, Table(value, (TABLE, name), problems))
            case _:
                view = None
                everything.complain(f"is {kind(value)}, and should be a filter or a table", name)
        if view is not None:
            views[name] = view
    return views


def _of_text(name: str, everything: Table) -> View | None:
    text = everything.converted_text(name, _filter)
    return None if text is None else View(name=name, text=text)


def _of_table(name: str, table: Table) -> View | None:
    text, order = table.converted_text("filter", _filter), table.converted_text("order", read_order)
    if not table.has("filter"):
        table.complain("has no filter")
    table.end()
    return None if text is None else View(name=name, text=text, order=order)


def _filter(text: str) -> str:
    """Raises ValueError with a clause."""
    from store.filters import FilterError, parse

    try:
        parse(text)
    except FilterError as error:
        raise ValueError(f"is no filter: {' '.join(filter(None, (error.message, error.hint)))}") from None
    return text


def written(views: Iterable[View]) -> str:
    """A document of TOML that reads to the same views."""
    lines = [f"{_text(view.name)} = {_value(view)}" for view in views]
    return "\n".join([f"[{TABLE}]", *lines, ""])


def _value(view: View) -> str:
    if view.order is None:
        return _text(view.text)
    return f"{{ filter = {_text(view.text)}, order = {_text(written_order(view.order))} }}"


def _text(text: str) -> str:
    """What JSON escapes, TOML reads as well; one more has to be."""
    return json.dumps(text, ensure_ascii=False).replace(_DELETE, "\\u007f")
