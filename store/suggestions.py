"""What was meant by a word that is not known. Pure."""

import difflib
from collections.abc import Iterable, Sequence


def not_known(word: str, known: Iterable[str]) -> str:
    """A clause that names the nearest of the known words, or all of them where none is near."""
    words = [str(other) for other in known]
    close = difflib.get_close_matches(word.lower(), words, n=1)
    if close:
        return f"{word!r} is not known; did you mean {close[0]!r}?"
    return f"{word!r} is not known; it is one of {', '.join(words)}."


def close_names(typed: str, names: Sequence[str]) -> list[str]:
    """At most three: those that begin so, else those that are spelt alike, whatever the case of letters."""
    folded = typed.casefold()
    by_folded: dict[str, str] = {}
    for name in names:
        by_folded.setdefault(name.casefold(), name)
    begin = [name for name in by_folded if folded and name.startswith(folded)]
    return [by_folded[name] for name in begin[:3] or difflib.get_close_matches(folded, by_folded, n=3)]
