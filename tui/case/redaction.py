"""Replaces secrets and contacts of other users with stable placeholders, and counts them."""

import html
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import takewhile
from uuid import UUID

from gjobs.store.error_groups.error_group import MOST_READ, ErrorGroup, fingerprint
from gjobs.tui.case import secret_patterns as patterns
from gjobs.tui.case.secret_patterns import KINDS, Replacement, SecretKind, card_numbers, ip_addresses, phone_numbers
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
    joined = _GROUP_PLACEHOLDER.sub(lambda found: f"[{found[1].replace(' ', '_')}]", example)
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
_PLACEHOLDER = re.compile(patterns.PLACEHOLDER)
_SHOWN_PLACEHOLDER = re.compile(rf"\[(?P<kind>{patterns.KINDS}) \d{{1,9}}\]")
_SCHEME_AND_PLACEHOLDER = re.compile(rf"[a-z]+ {patterns.PLACEHOLDER}", re.IGNORECASE)
_AT = re.compile(r"＠|%40|\\u0040|&#64;|\s?[(\[{]\s?at\s?[)\]}]\s?", re.IGNORECASE)
_DOT = re.compile(r"\s?[(\[{]\s?dot\s?[)\]}]\s?", re.IGNORECASE)


class Redactor:
    """Replaces values in texts. The same value always gets the same placeholder.

    `keeps` are e-mails that stay. `ids` are kept even when written without dashes.
    """

    def __init__(self, *, keeps: Iterable[str] = (), ids: Collection[UUID] = ()) -> None:
        self._keeps = frozenset(map(_same_email, keeps))
        self._hex = frozenset(identifier.hex for identifier in ids)
        self._numbers: dict[tuple[SecretKind, str], int] = {}

    @property
    def placeholders(self) -> frozenset[str]:
        """All placeholders so far: one for each different value."""
        return frozenset(_placeholder(kind, number) for (kind, _), number in self._numbers.items())

    def text(self, text: str) -> str:
        """Return the text with visible characters only, and without secrets."""
        text = clean_block(_without_invisible(_readable_json(shortened(text))))
        encoded = _replaced_in_each_decoding(text, self._named_secrets)
        # A placeholder inside a named secret would end it, so contacts are replaced after all named secrets.
        encoded = _replaced_in_each_decoding(str(encoded), self._contacts)
        return str(encoded.sub(patterns.OPAQUE, self._opaque))

    @property
    def _contacts(self) -> Iterator[Replacement]:
        yield from card_numbers(lambda value: self._mark(SecretKind.CARD, value))
        yield from ip_addresses(lambda value: self._mark(SecretKind.IP, value))
        yield from phone_numbers(lambda value: self._mark(SecretKind.PHONE, value))

    @property
    def _named_secrets(self) -> Iterator[Replacement]:
        """Yield patterns and what replaces their matches. The order matters."""
        yield patterns.PRIVATE_KEY, self._whole(SecretKind.KEY)
        yield patterns.PASSPHRASE, self._value_as(SecretKind.PASSWORD)
        yield patterns.URL, lambda found: self._url(found[0])
        yield patterns.STORAGE_ROUTE, self._route
        yield patterns.WEB_TOKEN, self._whole(SecretKind.TOKEN)
        for pattern in (patterns.AUTHORIZATION, patterns.COOKIE):
            yield pattern, self._value_as(SecretKind.TOKEN)
        yield patterns.BEARER, self._bearer
        for pattern in (
            patterns.SECRET_ELEMENT,
            patterns.SECRET_HOLDER,
            patterns.SECRET_TEXT,
            patterns.SECRET_INPUT,
        ):
            yield pattern, self._text_of_secret
        # A named secret without quotes ends at a blank. A code may have blanks.
        yield patterns.CODE, self._value_as(SecretKind.PASSWORD)
        for pattern in (patterns.SECRET_PAIR, patterns.NAMED_SECRET):
            yield pattern, self._named
        yield patterns.QUOTED_KEY, self._value_as(SecretKind.KEY)
        for pattern in (patterns.QUOTED_PASSWORD, patterns.COMMAND_PASSWORD, patterns.LOGIN):
            yield pattern, self._value_as(SecretKind.PASSWORD)
        yield patterns.COMMAND_OPTION, lambda found: self._random_word(found, SecretKind.PASSWORD)
        yield patterns.NAMED_PATH, lambda found: self._replaced(found, SecretKind.PATH)
        yield patterns.KNOWN_KEY, self._whole(SecretKind.KEY)
        yield patterns.SERVICE_KEY, self._value_as(SecretKind.KEY)
        for pattern in (patterns.SPACED_SECRET, patterns.SHORT_NAME):
            yield pattern, self._random_word
        for pattern in (patterns.WINDOWS_PATH, patterns.STORAGE_PATH, patterns.HOME_PATH):
            yield pattern, self._whole(SecretKind.PATH)
        yield patterns.EMAIL, self._email

    def path(self, path: str) -> str:
        """Replace a whole storage path."""
        return self._mark(SecretKind.PATH, path)

    def _mark(self, kind: SecretKind, value: str) -> str:
        if not value or _PLACEHOLDER.fullmatch(value):
            return value
        number = self._numbers.setdefault((kind, value), 1 + sum(known is kind for known, _ in self._numbers))
        return _placeholder(kind, number)

    def _whole(self, kind: SecretKind) -> Callable[[re.Match[str]], str]:
        return lambda found: self._mark(kind, found[0])

    def _value_as(self, kind: SecretKind) -> Callable[[re.Match[str]], str]:
        return lambda found: found["before"] + self._mark(kind, found["value"])

    def _url(self, url: str) -> str:
        url, hash_sign, fragment = url.partition("#")
        url, question_mark, query = url.partition("?")
        if login := patterns.LOGIN_IN_URL.fullmatch(url):
            url = f"{login['before']}{self._mark(SecretKind.PASSWORD, login['password'])}@{login['host']}"
        url = self._storage_url(url)
        url += question_mark + self._mark(SecretKind.QUERY, query)
        # A fragment such as #access_token=… is a query, too.
        return url + hash_sign + (self._mark(SecretKind.QUERY, fragment) if "=" in fragment else fragment)

    def _storage_url(self, url: str) -> str:
        scheme, separator, rest = url.replace("\\/", "/").partition("//")
        if scheme.lower() in patterns.STORAGE_SCHEMES:
            return f"{scheme}{separator}{self._mark(SecretKind.PATH, rest)}"
        host, slash, path = rest.partition("/")
        is_storage = patterns.STORAGE_HOST.search(host) or path.startswith("storage/v1/")
        if path and (is_storage or patterns.FILE_NAME.search(path)):
            return f"{scheme}{separator}{host}{slash}{self._mark(SecretKind.PATH, path)}"
        return "/".join(map(self._segment, url.split("/")))

    def _segment(self, segment: str) -> str:
        """Replace a part of a URL's path if it looks like a key, so that the rest of the URL stays readable."""
        is_key = segment.isalnum() and patterns.looks_like_key(segment, self._hex)
        return self._mark(SecretKind.KEY, segment) if is_key else segment

    def _route(self, found: re.Match[str]) -> str:
        path = self._mark(SecretKind.PATH, found["path"])
        return f"{path}{found['mark']}{self._mark(SecretKind.QUERY, found['query'])}" if found["mark"] else path

    def _random_word(self, found: re.Match[str], kind: SecretKind = SecretKind.KEY) -> str:
        value = found["value"]
        is_secret = patterns.is_random_word(value) and value.lower() not in self._hex
        return found["before"] + self._mark(kind, value) if is_secret else found[0]

    def _bearer(self, found: re.Match[str]) -> str:
        value = found["value"]
        # Words such as "basic authentication" are no tokens.
        is_word = value.isalpha() and value.islower() and len(value) < 16
        return found[0] if is_word else found["before"] + self._mark(SecretKind.TOKEN, value)

    def _named(self, found: re.Match[str]) -> str:
        value, kind = _value(found), _kind_of_secret(found)
        # Words as in "invalid token: expired" are no keys.
        is_word = found["bare"] is not None and value.isalpha() and value.islower()
        is_word = is_word and any(sign in found["before"] for sign in (":", "→", "⇒", "->"))
        is_header = patterns.HEADER_BEFORE.search(found.string, max(found.start() - 43, 0), found.start())
        is_word = is_word and not is_header and not patterns.is_typed_key(value)
        if _SCHEME_AND_PLACEHOLDER.fullmatch(value) or (is_word and kind is SecretKind.KEY):
            return found[0]
        return self._replaced(found, kind)

    def _text_of_secret(self, found: re.Match[str]) -> str:
        text = found["value"].rstrip()
        return found["before"] + self._mark(_kind_of_secret(found), text) + found["value"][len(text) :]

    def _replaced(self, found: re.Match[str], kind: SecretKind) -> str:
        """Return the match with only its value replaced."""
        value = _value(found)
        start = found.start(found.lastgroup or "bare") - found.start()
        return found[0][:start] + self._mark(kind, value) + found[0][start + len(value) :]

    def _email(self, found: re.Match[str]) -> str:
        address = _same_email(found[0])
        return found[0] if address in self._keeps else self._mark(SecretKind.EMAIL, address)

    def _opaque(self, found: re.Match[str]) -> str:
        return self._mark(SecretKind.KEY, found[0]) if patterns.looks_like_key(found[0], self._hex) else found[0]


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


def _kind_of_secret(found: re.Match[str]) -> SecretKind:
    name = (found["name"] or found["listed"]).lower()
    is_password = name.startswith(("pass", "otp", "totp", "hotp", "pin", "cv")) or name in ("pwd", "secret")
    return SecretKind.PASSWORD if is_password else SecretKind.KEY


def _placeholder(kind: SecretKind, number: int) -> str:
    return f"[{kind} {number}]"


def placeholder_counts(text: str, placeholders: Collection[str]) -> Counter[SecretKind]:
    """Return how many of the placeholders the text has, by kind. Each counts once."""
    found = {one[0]: SecretKind(one["kind"]) for one in _SHOWN_PLACEHOLDER.finditer(text) if one[0] in placeholders}
    return Counter(found.values())


def _value(found: re.Match[str]) -> str:
    return found[found.lastgroup or "bare"]


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


def _same_email(text: str) -> str:
    """Return one spelling for all spellings of an e-mail."""
    return _DOT.sub(".", _AT.sub("@", text)).casefold()


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
