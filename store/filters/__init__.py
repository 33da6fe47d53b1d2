"""The grammar by which jobs are found: from text to a `JobFilter` and back, and completion while typing. Pure.

`status:failed,running cost:>50 -mode:packaging timeout`: a space is and, a comma is or, a minus negates a term, and a
bare word is looked for in mode, error and ids. `store.filters.keys` has the table of keys.

Importing this package is cheap: each part is imported when it is used.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.filters.completing import Completion, Known, complete
    from store.filters.errors import FilterError
    from store.filters.keys import KEYS, Key, KeyWords
    from store.filters.model import NO_FILTER, Age, Between, Compared, Comparison, JobFilter, Term
    from store.filters.parsing import MOST_CHARACTERS, MOST_VALUES, parse
    from store.filters.printing import printed

_PARTS = {
    "KEYS": "store.filters.keys",
    "MOST_CHARACTERS": "store.filters.parsing",
    "MOST_VALUES": "store.filters.parsing",
    "NO_FILTER": "store.filters.model",
    "Age": "store.filters.model",
    "Between": "store.filters.model",
    "Compared": "store.filters.model",
    "Comparison": "store.filters.model",
    "Completion": "store.filters.completing",
    "FilterError": "store.filters.errors",
    "JobFilter": "store.filters.model",
    "Key": "store.filters.keys",
    "KeyWords": "store.filters.keys",
    "Known": "store.filters.completing",
    "Term": "store.filters.model",
    "complete": "store.filters.completing",
    "parse": "store.filters.parsing",
    "printed": "store.filters.printing",
}

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
    "parse",
    "printed",
]


def __getattr__(name: str) -> object:
    if name in _PARTS:
        return getattr(importlib.import_module(_PARTS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
