"""Replaces secrets and contacts of other users with stable placeholders, and counts them."""

import html
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import takewhile
from uuid import UUID

from gjobs.store.error_groups.error_group import MOST_READ, ErrorGroup, fingerprint
from gjobs.tui.case.secret_patterns import KINDS, PLACEHOLDER, Replacement, SecretKind, SecretRules
from gjobs.tui.text.clean_text import ELLIPSIS, clean_block
from gjobs.tui.text.format import count

_ENTITY = re.compile(r"&(?:quot|apos|lt|gt|amp|nbsp|equals|colon|#\d{1,5}|#x[0-9a-f]{1,4});", re.IGNORECASE)
_ESCAPE = re.compile(
    # A form writes a blank as a plus. A character in UTF-8 has one to four bytes.
    r"%(?P<percent>0[9AD]|[2-7][0-9A-F]|[CD][0-9A-F]%[89AB][0-9A-F]|E[0-9A-F](?:%[89AB][0-9A-F]){2}|F[0-7](?:%[89AB][0-9A-F]){3})"
    r"|(?P<plus>(?<=%[0-9A-F]{2})\+|\+(?=\+{0,20}%[0-9A-F]{2}))"
    r"|\\(?:u(?P<code>[0-9a-f]{4})|x(?P<hex>[0-7][0-9a-f]))|\\(?P<sign>[\"'/\\nrt])",
    re.IGNORECASE,
)
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A decoded text, with the spelling of each of its characters in the encoded text."""

    decoded: str
    spellings: list[str]

    def __str__(self) -> str:
        return "".join(self.spellings)

    def decode(self) -> "EncodedText":
        """Decode once: entities of HTML, or if there are none, percent signs and backslashes of JSON.

        Both at once would make the quote that ends a text look like a quote inside it.
        """
        escape = _ENTITY if _ENTITY.search(self.decoded) else _ESCAPE
        spellings, end = list[str](), 0
        for found in escape.finditer(self.decoded):
            spellings += self.spellings[end : found.start()]
            end = found.end()
            spellings.append("".join(self.spellings[found.start() : end]))
        return EncodedText(escape.sub(_decoded, self.decoded), spellings + self.spellings[end:])

    def sub(self, pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str]) -> "EncodedText":
        """Replace the matches in the decoded text. A start or end that a replacement keeps stays encoded."""
        texts, spellings, end = list[str](), list[str](), 0
        for found in pattern.finditer(self.decoded):
            old, new = found[0], replacement(found)
            kept = _common_length(old, new)
            kept_at_end = _common_length(reversed(old[kept:]), reversed(new[kept:]))
            start, stop = found.start() + kept, found.end() - kept_at_end
            middle = new[kept : len(new) - kept_at_end]
            texts += self.decoded[end:start], middle
            spellings += [*self.spellings[end:start], *middle]
            end = stop
        return EncodedText("".join(texts) + self.decoded[end:], spellings + self.spellings[end:])


def _decoded(found: re.Match[str]) -> str:
    """Return the one character that an escape stands for."""
    if found.re is _ENTITY:
        return html.unescape(found[0])[:1] or " "
    if sign := found["sign"]:
        return _CONTROLS.get(sign.lower(), sign)
    if percent := found["percent"]:
        return bytes.fromhex(percent.replace("%", "")).decode(errors="replace")[0]
    return " " if found["plus"] else chr(int(found["code"] or found["hex"], 16))


def _common_length(one: Iterable[str], other: Iterable[str]) -> int:
    """Return how many characters are equal at the start of both texts."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


_CHANGED_WORD = re.compile(r"[^\s\"'<>()\[\]{},;]*#[^\s\"'<>()\[\]{},;]*")
"""A word of which a part may have been replaced in a fingerprint. Redaction can't recognize a secret whose digits the
fingerprint has replaced.
"""
_GROUP_PLACEHOLDER = re.compile(rf"\[({KINDS}) [0-9]+\]")
_JOINED_PLACEHOLDER = re.compile(rf"\[({KINDS.replace(' ', '_')})\]")
_CUT_PLACEHOLDER = re.compile(r"\[[^\]]{0,30}$")
_LONGEST_PART = 300
"""The number of characters dropped from the end of a long cut word. Redaction may not recognize a cut secret there."""


def redacted_group(group: ErrorGroup, redact: Callable[[str], str]) -> ErrorGroup:
    """Redact the group, and name it after its redacted example.

    The fingerprint of a long traceback is computed from its end, which the example lacks. In the name of such a
    group, each changed word becomes `#`. The same applies if a cut word is part of the name.
    """
    whole, word = group.example, ""
    if len(whole) >= MOST_READ:
        # The last word is cut. A part of a secret may be unrecognizable.
        start, _, word = whole.rpartition(" ")
        whole = f"{start} {ELLIPSIS}".lstrip(" ")
    if len(word) <= _LONGEST_PART:
        example = redact(whole)
    else:  # Keep the start of the long cut word.
        example = _CUT_PLACEHOLDER.sub("", redact(group.example)[:-_LONGEST_PART]) + ELLIPSIS
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
    joined = _GROUP_PLACEHOLDER.sub(lambda found: f"[{found[1].replace(' ', '_')}]", example)
    return _JOINED_PLACEHOLDER.sub(lambda found: found[0].replace("_", " "), fingerprint(joined))


LONGEST = 20_000
"""Characters of a text that are read. The text after this length is left out, so that no secret in it remains
unredacted.
"""

MOST_DECODINGS = 6
"""How often a text is decoded to find secrets in it."""


_PLURALS: Mapping[SecretKind, str] = {kind: f"{kind}s" for kind in SecretKind} | {
    SecretKind.IP: "IP addresses",
    SecretKind.QUERY: "URL queries",
}
_SINGULARS: Mapping[SecretKind, str] = {kind: str(kind) for kind in SecretKind} | {SecretKind.QUERY: "URL query"}
_PLACEHOLDER = re.compile(PLACEHOLDER)
_SHOWN_PLACEHOLDER = re.compile(rf"\[(?P<kind>{KINDS}) \d{{1,9}}\]")


class Redactor:
    """Replaces values in texts. The same value always gets the same placeholder.

    `keeps` are e-mails that stay. `ids` are kept even when written without dashes.
    """

    def __init__(self, *, keeps: Iterable[str] = (), ids: Collection[UUID] = ()) -> None:
        self._rules = SecretRules(self._mark, keeps=keeps, ids=ids)
        self._numbers: dict[tuple[SecretKind, str], int] = {}

    @property
    def placeholders(self) -> frozenset[str]:
        """All placeholders so far: one for each different value."""
        return frozenset(_placeholder(kind, number) for (kind, _), number in self._numbers.items())

    def text(self, text: str) -> str:
        """Return the text with visible characters only, and without secrets."""
        text = clean_block(_without_invisible(_readable_json(shortened(text))))
        encoded = _replaced_in_each_decoding(text, self._rules.named_secrets())
        # A placeholder inside a named secret would end it, so contacts are replaced after all named secrets.
        encoded = _replaced_in_each_decoding(str(encoded), self._rules.contacts())
        return str(encoded.sub(*self._rules.opaque))

    def path(self, path: str) -> str:
        """Replace a whole storage path."""
        return self._mark(SecretKind.PATH, path)

    def _mark(self, kind: SecretKind, value: str) -> str:
        if not value or _PLACEHOLDER.fullmatch(value):
            return value
        number = self._numbers.setdefault((kind, value), 1 + sum(known is kind for known, _ in self._numbers))
        return _placeholder(kind, number)


def _replaced_in_each_decoding(text: str, replacements: Iterable[Replacement]) -> EncodedText:
    """Return the decoded text with all replacements."""
    encoded, all_replacements = EncodedText(text, list(text)), list(replacements)
    is_new = True
    for left in reversed(range(1 + MOST_DECODINGS)):
        for pattern, replacement in all_replacements if is_new else ():
            encoded = encoded.sub(pattern, replacement)
        if (decoded := encoded.decode()).decoded == encoded.decoded:
            break
        # If only percent signs were decoded, the next decoding shows what they stand for.
        is_new = left == 1 or "%25" not in decoded.decoded or decoded.decoded != encoded.decoded.replace("%25", "%")
        encoded = decoded
    return encoded


def _placeholder(kind: SecretKind, number: int) -> str:
    return f"[{kind} {number}]"


def placeholder_counts(text: str, placeholders: Collection[str]) -> Counter[SecretKind]:
    """Return how many of the placeholders the text has, by kind. Each counts once."""
    found = {one[0]: SecretKind(one["kind"]) for one in _SHOWN_PLACEHOLDER.finditer(text) if one[0] in placeholders}
    return Counter(found.values())


def shortened(text: str) -> str:
    """Leave out what follows `LONGEST` characters, and the word that is cut there."""
    if len(text) <= LONGEST:
        return text
    kept = text[:LONGEST]
    return (kept[: kept.rfind(" ") + 1] or kept).rstrip() + ELLIPSIS


def _without_invisible(text: str) -> str:
    """Remove characters that could hide a secret by splitting it."""
    return text if text.isascii() else "".join(one for one in text if unicodedata.category(one) != "Cf")


def _readable_json(text: str) -> str:
    """Write JSON again without needless escapes, which could hide a secret."""
    if text.lstrip()[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            return json.dumps(json.loads(text), ensure_ascii=False)
    return text


def redaction_words(counts: Mapping[SecretKind, int]) -> str:
    """Return `Redacted 5 values: 3 e-mails, 2 paths.`"""
    total = sum(counts.values())
    if not total:
        return "Redaction found nothing to hide."
    parts = [
        f"{count(counts[kind])} {(_SINGULARS if counts[kind] == 1 else _PLURALS)[kind]}"
        for kind in SecretKind
        if counts.get(kind)
    ]
    return f"Redacted {count(total)} {'value' if total == 1 else 'values'}: {', '.join(parts)}."
