"""Redaction of error groups, for cases and copies."""

import re
from collections.abc import Callable
from dataclasses import replace

from store.error_groups.error_group import ErrorGroup
from store.error_groups.fingerprint import MOST_READ, fingerprint
from tui.case.secret_patterns import KINDS
from tui.text.clean_text import ELLIPSIS

_CHANGED_WORD = re.compile(r"[^\s\"'<>()\[\]{},;]*#[^\s\"'<>()\[\]{},;]*")
"""A word of which a part may have been replaced in a fingerprint. Redaction can't recognize a secret whose digits the
fingerprint has replaced.
"""
_PLACEHOLDER = re.compile(rf"\[({KINDS}) #\]")


def redacted_group(group: ErrorGroup, redact: Callable[[str], str]) -> ErrorGroup:
    """Redact the group, and name it after its redacted example.

    The fingerprint of a long traceback is computed from its end, which the example lacks. In the name of such a
    group, each changed word becomes `#`. The same applies if the example is a single word that was cut.
    """
    whole = _without_cut_word(group.example)
    example = redact(whole)
    if fingerprint(whole) == group.fingerprint:
        name = _PLACEHOLDER.sub(r"[\1]", fingerprint(example))
    else:
        name = redact(_CHANGED_WORD.sub("#", group.fingerprint))
    return replace(group, fingerprint=name, example=example, modes=tuple(map(redact, group.modes)))


def _without_cut_word(example: str) -> str:
    """Leave out the last word of a cut example: a part of a secret may be unrecognizable."""
    return example if len(example) < MOST_READ else f"{example.rpartition(' ')[0]} {ELLIPSIS}".lstrip(" ")
