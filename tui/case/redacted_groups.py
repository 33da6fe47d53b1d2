"""Redaction of error groups, for cases and copies."""

import re
from collections.abc import Callable
from dataclasses import replace

from gjobs.store.error_groups.error_group import ErrorGroup
from gjobs.store.error_groups.fingerprint import MOST_READ, fingerprint
from gjobs.tui.case.secret_patterns import KINDS
from gjobs.tui.text.clean_text import ELLIPSIS

_CHANGED_WORD = re.compile(r"[^\s\"'<>()\[\]{},;]*#[^\s\"'<>()\[\]{},;]*")
"""A word of which a part may have been replaced in a fingerprint. Redaction can't recognize a secret whose digits the
fingerprint has replaced.
"""
_PLACEHOLDER = re.compile(rf"\[({KINDS}) [0-9]+\]")
_JOINED_PLACEHOLDER = re.compile(rf"\[({KINDS.replace(' ', '_')})\]")
_CUT_PLACEHOLDER = re.compile(r"\[[^\]]{0,30}$")
_LONGEST_PART = 300
"""The number of characters dropped from the end of a long cut word. Redaction may not recognize a cut secret there."""


def redacted_group(group: ErrorGroup, redact: Callable[[str], str]) -> ErrorGroup:
    """Redact the group, and name it after its redacted example.

    The fingerprint of a long traceback is computed from its end, which the example lacks. In the name of such a
    group, each changed word becomes `#`. The same applies if a cut word is part of the name.
    """
    whole, word = _without_cut_word(group.example)
    example = _redacted_start(group.example, redact) if len(word) > _LONGEST_PART else redact(whole)
    if fingerprint(whole) == group.fingerprint:
        name = _redacted_name(example)
    else:
        name = redact(_CHANGED_WORD.sub("#", group.fingerprint))
    return replace(group, fingerprint=name, example=example, modes=tuple(map(redact, group.modes)))


def _redacted_name(example: str) -> str:
    """Return the fingerprint of a redacted text. Its placeholders have no numbers.

    While the fingerprint is computed, placeholders contain underscores instead of spaces. Thus a placeholder for the
    query of a URL is treated as part of that URL.
    """
    joined = _PLACEHOLDER.sub(lambda found: f"[{found[1].replace(' ', '_')}]", example)
    return _JOINED_PLACEHOLDER.sub(lambda found: found[0].replace("_", " "), fingerprint(joined))


def _without_cut_word(example: str) -> tuple[str, str]:
    """Return the example and ''. If the example was truncated, return it without its incomplete last word, and return
    that word separately. A part of a secret may be unrecognizable.
    """
    if len(example) < MOST_READ:
        return example, ""
    start, _, word = example.rpartition(" ")
    return f"{start} {ELLIPSIS}".lstrip(" "), word


def _redacted_start(example: str, redact: Callable[[str], str]) -> str:
    """Redact a text that ends with a long cut word, and keep the start of that word."""
    return _CUT_PLACEHOLDER.sub("", redact(example)[:-_LONGEST_PART]) + ELLIPSIS
