"""Patterns of IP addresses, phone numbers and card numbers, and which matches are redacted."""

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address

_START = r"(?:(?<![\w.+/-])(?<![0-9]:)|(?<=\\[nrt]))"
"""A text inside JSON may have escapes such as a backslash and `n` in front of a number."""
_AFTER = r"(?!\w|[.:-][0-9]|-\w)"

_NOT_IN_IPV6 = "".join(rf"(?<!\b[0-9a-f]{{{length}}}:)" for length in range(1, 5))
_IPV6 = re.compile(
    rf"(?:(?<![\w.]){_NOT_IN_IPV6}(?<!::)|(?<=\\[nrt]))(?:[23][0-9a-f]{{3}}|::ffff)(?::[0-9a-f]{{0,4}}){{2,8}}(?!\w)",
    re.IGNORECASE,
)
"""All public addresses begin with 2 or 3. The others belong to a machine or a private network."""
_IPV4 = re.compile(r"(?:(?<![\w.])|(?<=\\[nrt]))(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\.?\w|[-+][A-Za-z])")
_LOCAL = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
    "224.0.0.0/3",  # Multicast and reserved addresses, and masks of networks.
)
_VERSION_BEFORE = re.compile(r"(?:(?:version|release|\bver)s?[\"'\s:=.]{0,6}|[~<>]=\s?|~>\s?|[\^~])$", re.IGNORECASE)
_PACKAGE_BEFORE = re.compile(
    r"(?<![\w./:@-])(?:opencv|nvidia|tensorrt|chromedriver|types|sqlite)[a-z0-9_-]{0,30}[=!]=$", re.IGNORECASE
)
"""As in `opencv-python==4.9.0.80`. After any other name, the four numbers may be an IP address in a comparison."""
_PRODUCT_BEFORE = re.compile(
    r"(?<![\w./:@-])(?:(?:headless)?chrom(?:e|ium)|chromedriver|crios|edg(?:e|a|ios)?|msedgedriver|webview2?|cronet|opr|"
    r"vivaldi|yabrowser|ucbrowser|qqbrowser|whale|brave|gsa|fbav|instagram|whatsapp|micromessenger|teams)/$",
    re.IGNORECASE,
)
"""As in `Chrome/120.1.2.3`: products whose versions have four numbers. Any other name before the slash counts as a
host name, so the numbers are an IP address.
"""
_PORT = re.compile(r":[0-9]")
_LONGEST_BEFORE = 48

_LOCAL_NETWORKS = tuple(map(IPv4Network, _LOCAL))

_GAP = "[ ()./\N{NON-BREAKING HYPHEN}-]"
_PHONES = tuple(
    map(
        re.compile,
        (
            # With a country code. A number with one dot is an amount.
            rf"(?:(?<![\w.+])|(?<=\\[nrt]))(?:\+|%2[Bb])(?![0-9]+\.[0-9]+(?![0-9.]))[1-9](?:[0-9]{{8,14}}|(?:{_GAP}{{0,3}}[0-9]){{8,14}}){_AFTER}",
            rf"{_START}00[1-9][0-9]{{9,13}}{_AFTER}",
            rf"{_START}00[1-9][0-9]{{0,2}}[ /-][1-9](?:[ /-]?[0-9]){{6,12}}{_AFTER}",
            # As in North America.
            rf"{_START}(?:1[ .-])?\([2-9][0-9]{{2}}\) ?[0-9]{{3}}[ .-][0-9]{{4}}{_AFTER}",
            rf"{_START}(?:1[.-])?[2-9][0-9]{{2}}(?P<gap>[.-])[2-9][0-9]{{2}}(?P=gap)[0-9]{{4}}{_AFTER}",
            # With an area code that begins with 0. A list of numbers such as `0123 0124 0125` is no phone number.
            rf"{_START}0[1-9][0-9]{{1,4}}[ /-][0-9]{{6,8}}{_AFTER}",
            rf"{_START}0[1-9][0-9]{{2,3}}[ -][1-9][0-9]{{2,3}}[ -][0-9]{{3,4}}{_AFTER}",
            rf"{_START}\(?0[1-9][0-9]{{0,3}}\)?[ -][1-9][0-9]{{2,3}}[ -][0-9]{{4}}{_AFTER}",
            rf"{_START}0[1-9](?P<gap>[ .-])[0-9]{{2}}(?:(?P=gap)[0-9]{{2}}){{3}}(?!(?P=gap)[0-9]){_AFTER}",
        ),
    )
)
_SPACED_PHONE = re.compile(
    rf"(?<![0-9] ){_START}(?:1 )?([2-9][0-9]{{2}}) ([2-9][0-9]{{2}}) ([0-9]{{4}})(?! [0-9]){_AFTER}"
)
_SIZE_STEP = 8
"""The sizes of images are multiples of this."""
_NAMED_PHONE = re.compile(
    r"(?P<before>(?:phone|telefon|mobile|msisdn|whatsapp|(?<![a-z])(?:tel|fax|cell)(?=[\s\"'\\]{0,3}[:=.]))"
    r"(?:[\s_-]?(?:number|no|nr))?\.?\\?[\"']?\s{0,5}[:=]?\s{0,5}\\?[\"']?)"
    rf"(?P<value>(?![0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?![0-9]))\(?[0-9](?:{_GAP}{{0,3}}[0-9]){{5,14}}){_AFTER}",
    re.IGNORECASE,
)

_CARD = re.compile(
    r"(?:(?<![\w.,$€£+/#-])(?<![$€£] )|(?<=\\[nrt]))"
    r"(?:(?=[456]|2[2-7]|35)[0-9]{4}(?P<gap>[ -]?)[0-9]{4}(?P=gap)[0-9]{4}(?P=gap)[0-9]{4}"
    r"|3[47][0-9]{2}(?P<gap15>[ -]?)[0-9]{6}(?P=gap15)[0-9]{5}"
    r"|3(?:0[0-5]|[689][0-9])[0-9](?P<gap14>[ -]?)[0-9]{6}(?P=gap14)[0-9]{4})"
    r"(?![\w%]|[.,-]\w| ?(?:cents|[mun]s|bytes|USD|EUR)\b)"
)
"""Numbers of 14 to 16 digits with the beginnings that card networks use. Times in microseconds begin with 1, so they
do not match.
"""

Mark = Callable[[str], str]
"""Returns the placeholder of a value."""
Replacement = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]
"""A pattern, and what replaces its matches."""


def ip_addresses(mark: Mark) -> Iterator[Replacement]:
    """Replace public IP addresses. Addresses of this machine and of private networks stay, and so do versions."""
    yield _IPV6, lambda found: _redact_ipv6(found[0], mark)
    yield _IPV4, lambda found: found[0] if _is_local(found[0]) or _is_version(found) else mark(found[0])


def phone_numbers(mark: Mark) -> Iterator[Replacement]:
    """Replace phone numbers. Digits that have no separators, no country code and no label such as `phone` count as an
    id.
    """
    yield _NAMED_PHONE, lambda found: found["before"] + mark(found["value"])
    for pattern in _PHONES:
        yield pattern, lambda found: mark(found[0])
    yield _SPACED_PHONE, lambda found: found[0] if _are_sizes(found.groups()) else mark(found[0])


def card_numbers(mark: Mark) -> Iterator[Replacement]:
    """Replace card numbers. Their last digit is a check digit, so that few other numbers match."""
    yield _CARD, lambda found: mark(re.sub("[ -]", "", found[0])) if _is_card(found[0]) else found[0]


def _is_card(text: str) -> bool:
    """Return whether the digits pass the Luhn check, and are not a list of sizes."""
    digits = [int(one) for one in text if one.isdigit()]
    doubled = [sum(divmod(2 * one, 10)) for one in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 and not (" " in text and _are_sizes(text.split()))


def _are_sizes(numbers: Iterable[str]) -> bool:
    return all(int(number) % _SIZE_STEP == 0 for number in numbers)


def _redact_ipv6(text: str, mark: Mark) -> str:
    """Replace the longest address at the start of the text. A port or a colon may follow it."""
    address = text
    while address.count(":") > 1:
        try:
            mapped = IPv6Address(address).ipv4_mapped
        except ValueError:
            address = address.rpartition(":")[0]
        else:
            return text if mapped and _is_local(str(mapped)) else mark(address) + text[len(address) :]
    return text


def _is_local(address: str) -> bool:
    """Return whether the address is invalid, local, private or that of a network. Networks end with `.0.0`."""
    parts = tuple(map(int, address.split(".")))
    if max(parts) > 255 or parts[2:] == (0, 0):
        return True
    return any(IPv4Address(bytes(parts)) in network for network in _LOCAL_NETWORKS)


def _is_version(found: re.Match[str]) -> bool:
    before = found.string[max(found.start() - _LONGEST_BEFORE, 0) : found.start()]
    if _VERSION_BEFORE.search(before) or _PACKAGE_BEFORE.search(before):
        return True
    return bool(_PRODUCT_BEFORE.search(before)) and not _PORT.match(found.string, found.end())
