"""From a filter to text that parses to the same filter. Pure."""

from datetime import datetime

from store import durations
from store.filters.keys import Key
from store.filters.model import JobFilter
from store.filters.scanning import AFTER_KEY, ESCAPE, ESCAPES, NOT, OR, QUOTE
from store.filters.terms import Age, Between, Compared, Comparison, Term, Value

_ESCAPED = str.maketrans({meaning: f"{ESCAPE}{letter}" for letter, meaning in ESCAPES.items()})


def printed(job_filter: JobFilter) -> str:
    """With the times that ages stood for, where they were counted back."""
    return " ".join(_term(term) for term in job_filter.terms)


def quoted(text: str, *, is_value: bool) -> str:
    """As it is typed after a key, or by itself; quoted where it has to be."""
    is_plain = text and not any(character.isspace() or character in (QUOTE, OR) for character in text)
    if is_plain and (is_value or not (text.startswith(NOT) or AFTER_KEY in text)):
        return text
    return f"{QUOTE}{text.translate(_ESCAPED)}{QUOTE}"


def _term(term: Term) -> str:
    start = f"{NOT if term.is_negated else ''}{f'{term.key}{AFTER_KEY}' if term.key else ''}"
    return start + OR.join(_value(value, term.key) for value in term.values)


def _value(value: Value, key: Key | None) -> str:
    amount = durations.printed if key is Key.TOOK else str
    match value:
        case Between(low=low, high=high):
            return f"{amount(low)}..{amount(high)}"
        case Compared(comparison=comparison, amount=number):
            return f"{'' if comparison is Comparison.EQUAL else comparison}{amount(number)}"
        case Age(seconds=seconds):
            return durations.printed(seconds)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case str():
            return quoted(value, is_value=key is not None)
