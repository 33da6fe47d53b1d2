"""Replaces parts of a text that may be encoded, as in a URL or in JSON."""

import html
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import takewhile

_ESCAPE = re.compile(
    # A form writes a blank as a plus. A character in UTF-8 has one to four bytes.
    r"%(?P<percent>0[9AD]|[2-7][0-9A-F]|[CD][0-9A-F]%[89AB][0-9A-F]|E[0-9A-F](?:%[89AB][0-9A-F]){2}|F[0-7](?:%[89AB][0-9A-F]){3})"
    r"|(?P<plus>(?<=%[0-9A-F]{2})\+|\+(?=\+{0,20}%[0-9A-F]{2}))"
    r"|(?P<entity>&(?:quot|apos|lt|gt|amp|nbsp|equals|colon|#\d{1,5}|#x[0-9a-f]{1,4});)"
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
        """Decode once: percent signs, entities of HTML, and backslashes of JSON."""
        spellings, end = list[str](), 0
        for found in _ESCAPE.finditer(self.decoded):
            spellings += self.spellings[end : found.start()]
            end = found.end()
            spellings.append("".join(self.spellings[found.start() : end]))
        return EncodedText(_ESCAPE.sub(_decoded, self.decoded), spellings + self.spellings[end:])

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
    if found["entity"]:
        return html.unescape(found["entity"])[:1] or " "
    if sign := found["sign"]:
        return _CONTROLS.get(sign.lower(), sign)
    if percent := found["percent"]:
        return bytes.fromhex(percent.replace("%", "")).decode(errors="replace")[0]
    return " " if found["plus"] else chr(int(found["code"] or found["hex"], 16))


def _common_length(one: Iterable[str], other: Iterable[str]) -> int:
    """Return how many characters are equal at the start of both texts."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
