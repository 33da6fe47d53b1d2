"""Fingerprints in a redacted case.

A fingerprint has no digits, so redaction can't recognize a secret in it. It is computed again from the redacted error.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from store.case.case import Case
from store.error_groups.error_group import ErrorGroup
from store.error_groups.fingerprint import MOST_READ, fingerprint
from tui.case.secret_patterns import KINDS

_CHANGED_WORD = re.compile(r"[^\s\"'<>()\[\]{},;]*#[^\s\"'<>()\[\]{},;]*")
"""A word of which a part may have been replaced in a fingerprint."""
_PLACEHOLDER = re.compile(rf"\[({KINDS}) #\]")


def redact_fingerprints(case: Case, redact: Callable[[Case], Case]) -> Case:
    """Redact the case, and name its groups after their redacted examples.

    The fingerprint of a long traceback is of its end, which the example lacks. Its name loses its changed words.
    """
    redacted = redact(
        _changed(
            case,
            lambda group: replace(
                group, fingerprint=_CHANGED_WORD.sub("#", group.fingerprint), example=_whole_words(group.example)
            ),
        )
    )
    whole = {group.id for group in case.failures or () if fingerprint(group.example) == group.fingerprint}
    return _changed(
        redacted, lambda group: replace(group, fingerprint=_name(group.example)) if group.id in whole else group
    )


def _name(example: str) -> str:
    return _PLACEHOLDER.sub(r"[\1]", fingerprint(example))


def _whole_words(example: str) -> str:
    """Leave out the last word of a cut example: a part of a secret may be unrecognizable."""
    return example if len(example) < MOST_READ else example.rpartition(" ")[0]


def _changed(case: Case, change: Callable[[ErrorGroup], ErrorGroup]) -> Case:
    if case.failures is None:
        return case
    return replace(case, failures=replace(case.failures, groups=tuple(map(change, case.failures))))
