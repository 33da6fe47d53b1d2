"""The grammar by which jobs are found: from text to a `JobFilter` and back, and completion while typing. Pure.

`status:failed,running cost:>50 -mode:packaging timeout`: a space is and, a comma is or, a minus negates a term, and a
bare word is looked for in mode, error and ids. `store.filters.keys` has the table of keys.

Importing this package is cheap: each part is imported when it is used.
"""

from typing import TYPE_CHECKING

from store.when_used import names_of

if TYPE_CHECKING:
    from store.filters.completing import Completion, Known, complete, is_naming
    from store.filters.errors import FilterError
    from store.filters.keys import KEYS, Key, KeyWords
    from store.filters.model import NO_FILTER, JobFilter
    from store.filters.parsing import MOST_CHARACTERS, MOST_VALUES, parse
    from store.filters.printing import printed
    from store.filters.terms import Age, Between, Compared, Comparison, Term

__all__ = [
    "KEYS",
    "MOST_CHARACTERS",
    "MOST_VALUES",
    "NO_FILTER",
    "Age",
    "Between",
    "Compared",
    "Comparison",
    "Completion",
    "FilterError",
    "JobFilter",
    "Key",
    "KeyWords",
    "Known",
    "Term",
    "complete",
    "is_naming",
    "parse",
    "printed",
]

__getattr__ = names_of(
    __name__,
    {
        "completing": ("Completion", "Known", "complete", "is_naming"),
        "errors": ("FilterError",),
        "keys": ("KEYS", "Key", "KeyWords"),
        "model": ("NO_FILTER", "JobFilter"),
        "parsing": ("MOST_CHARACTERS", "MOST_VALUES", "parse"),
        "printing": ("printed",),
        "terms": ("Age", "Between", "Compared", "Comparison", "Term"),
    },
)
