"""From what was typed to a filter. Pure."""

import re
from datetime import datetime

from store.filters.errors import Place
from store.filters.keys import Key
from store.filters.model import JobFilter
from store.filters.scanning import Token, tokens
from store.filters.terms import Term
from store.filters.values import read, read_key

MOST_CHARACTERS = 1_000
MOST_VALUES = 64
"""In all terms together: each is a condition of the statement."""

_NOT_STORABLE = re.compile("[\0\ud800-\udfff]")
_OF_ONE_VALUE = frozenset({Key.SINCE, Key.UNTIL})


def parse(text: str, *, now: datetime | None = None) -> JobFilter:
    """`now` is aware: ages such as `24h` are counted back from it; without it they stay ages.

    Raises FilterError, and nothing else.
    """
    if len(text) > MOST_CHARACTERS:
        raise Place(text, MOST_CHARACTERS, len(text)).wrong(
            f"A filter has at most {MOST_CHARACTERS:,} characters; this has {len(text):,}."
        )
    if found := _NOT_STORABLE.search(text):
        raise Place(text, *found.span()).wrong("This is no character that the database can hold.")
    terms: list[Term] = []
    values = 0
    for token in tokens(text):
        values += len(token.pieces)
        if values > MOST_VALUES:
            raise token.place.wrong(f"A filter has at most {MOST_VALUES} words and values.")
        terms.append(_term(token, now))
    return JobFilter(terms=tuple(terms))


def _term(token: Token, now: datetime | None) -> Term:
    key = read_key(token.key) if token.key else None
    if key in _OF_ONE_VALUE and len(token.pieces) > 1:
        raise token.pieces[1].place.wrong(f"{key} takes one time.")
    return Term(key=key, values=tuple(read(key, piece, now) for piece in token.pieces), is_negated=token.is_negated)
