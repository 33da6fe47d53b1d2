"""Patterns of what a case redacts, and what replaces them: URLs, tokens, keys, passwords, storage paths, contacts."""

import re
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from uuid import UUID

from gjobs.tui.text.clean_text import ELLIPSIS

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
_LOCAL_NETWORKS = tuple(map(IPv4Network, _LOCAL))
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

Replacement = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]
"""A pattern, and what replaces its matches."""


def _is_card(text: str) -> bool:
    """Return whether the digits pass the Luhn check, and are not a list of sizes. Few other numbers pass the check."""
    digits = [int(one) for one in text if one.isdigit()]
    doubled = [sum(divmod(2 * one, 10)) for one in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 and not (" " in text and _are_sizes(text.split()))


def _are_sizes(numbers: Iterable[str]) -> bool:
    return all(int(number) % _SIZE_STEP == 0 for number in numbers)


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


class SecretKind(StrEnum):
    """The kinds of redacted values, as placeholders name them."""

    EMAIL = "e-mail"
    PHONE = "phone number"
    CARD = "card number"
    IP = "IP address"
    PATH = "path"
    QUERY = "query"
    TOKEN = "token"  # noqa: S105 - a name
    KEY = "key"
    PASSWORD = "password"  # noqa: S105 - a name


KINDS = f"(?:{'|'.join(SecretKind)})"
PLACEHOLDER = rf"\[{KINDS} \d{{1,9}}\]"
_END = r"[^\s\"'<>`|{}\\^]"
_SLASH = r"\\?/"
"""JSON may write a slash with a backslash."""

_PRIVATE_KEY = re.compile(r"-----BEGIN[^-\n]{0,40}-----(?:[\s\S]*?-----END[^-\n]{0,40}-----|[\s\S]*)")

_URL = re.compile(
    rf"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{{1,20}}:{_SLASH}{_SLASH}(?:{PLACEHOLDER}|\\/|{_END})+", re.IGNORECASE
)
_LOGIN_IN_URL = re.compile(r"(?P<before>[^:/@]+:[\\/]+[^:/@]*:)(?!\d{1,5}/)(?P<password>.+)@(?P<host>[^@]*)", re.DOTALL)
"""The password ends at the last `@`, because it may contain any character. `:443/` is a port."""

_STORAGE_SCHEMES = ("s3:", "s3a:", "gs:", "r2:", "az:", "abfs:", "abfss:", "wasb:", "wasbs:", "file:")
_STORAGE_HOST = re.compile(
    r"(?:^|\.)(?:s3[.-]|storage\.|[^/]*\.r2\.cloudflarestorage\.com|[^/]*\.r2\.dev|[^/]*\.blob\.core\.windows\.net)",
    re.IGNORECASE,
)

_EXTENSION = (
    r"(?:png|jpe?g|webp|gif|avif|heic|heif|tiff?|bmp|svg|psd|ico|raw|mp4|mov|webm|mkv|avi|mp3|wav|m4a|ogg|flac|pdf|zip"
    r"|safetensors|ckpt|pt|onnx|json|csv|parquet|txt|log|docx?|xlsx?|pptx?|gz|tar|tgz|7z|rar|pem|key|p12|pfx|bak|sqlite)"
)
_FILE_NAME = re.compile(rf"\.{_EXTENSION}$", re.IGNORECASE)
_UUID_TEXT = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_PART = r"[\w@%+=.~:-]+"
_BEFORE_PATH = r"(?<![\w@%+=.~:/\\-])"
_STORAGE_ROUTE = re.compile(
    rf"(?P<path>{_SLASH}?\bstorage{_SLASH}v1{_SLASH}(?:\\/|(?![?#]){_END})+)(?:(?P<mark>[?#])(?P<query>{_END}+))?",
    re.IGNORECASE,
)
"""A URL of Supabase's storage without its host."""
_STORAGE_PATH = re.compile(
    # A file name may contain some blanks.
    rf"{_BEFORE_PATH}(?:{_SLASH})?(?:{_PART}{_SLASH})+(?:{_PART} ){{0,3}}{_PART}\.{_EXTENSION}\b"
    rf"|{_BEFORE_PATH}(?:{_SLASH})?{_UUID_TEXT}(?:{_SLASH}{_PART})+",
    re.IGNORECASE,
)
_HOME_PATH = re.compile(rf"(?<![\w@%+=.~:/\\-])(?:{_SLASH}(?:home|Users|root)|~)(?:{_SLASH}[\w@%+=.~-]+)+")
"""A path in a person's folder. Upper case matters: `/users/3` is rather a route."""
_WINDOWS_PART = r"[^\\/:*?\"'<>|\s,;)][^\\/:*?\"'<>|\n,;]{0,60}"
_WINDOWS_PATH = re.compile(
    # A drive, or a server: two backslashes before the name and one after it, or twice as many in JSON.
    r"(?<![A-Za-z0-9\\])(?:[A-Za-z]:\\{1,2}|\\\\[\w.-]{2,60}\\(?!\\)|\\{4}[\w.-]{2,60}\\\\)"
    rf"(?:{_WINDOWS_PART}\\{{1,2}}){{0,40}}[^\\/:*?\"'<>|\s,;)]+"
)

_WEB_TOKEN = re.compile(r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)*")
_AUTHORIZATION = re.compile(
    r"(?P<before>\bauthorization\\?[\"']?\s{0,5}[:=]\s{0,5}\\?[\"']?(?:bearer|basic|digest|token|key)\s{1,5})"
    r"(?P<value>[^\s,;\"'\\\[][^\s,;\"'\\]*)",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(?P<before>\b(?:bearer|basic)\s{1,5})(?P<value>[A-Za-z0-9._~+/=-]{8,})", re.IGNORECASE)
_COOKIE = re.compile(r"(?P<before>\b(?:set-)?cookie\\?[\"']?\s{0,5}[:=]\s{0,5})(?P<value>[^\n\"']+)", re.IGNORECASE)

_SENSITIVE_NAME = (
    r"passwor[dt]|passwd|passphrase|passcode|pwd|secret|token(?!s\b)|(?:api|secret|shared)[ _-]?key"
    r"|(?:access|private|signing|account|encryption|master|license|anon)[_-]?key|(?:csrf|xsrf)(?!\w{0,20}_enabled)"
    r"|(?<=[_-])pass(?![\w-])|(?<![\w-])pass(?==)|service[_-]?role|authorization|signature|credentials?|session[_-]?id"
    r"|(?<![a-z-])x-amz-[a-z]{1,20}(?:-[a-z]{1,20}){0,4}"
)
_FIELD_NAME = rf"{_SENSITIVE_NAME}|(?<![a-z])(?:[th]?otp|pin|cvv2?|cvc2?)(?:[_-]?code)?(?![\w-])"
"""A name of an element or a field. Elsewhere, a code is only known by its digits."""
_TYPES = r"(?:str|string|secretstr|text|bytes|any)"
"""The types in declarations, as in `password: str = "…"`."""
_QUOTE = r"(?:[A-Za-z@$]{1,2}(?=[\"']))?(?P<quote>[\"'])"
"""A quote and what precedes it: `b'…'` in Python, or `E'…'` in SQL. An encoded quote is read in the decoded text."""
_IN_QUOTES = r"(?:[^\"'\\\n]|(?!(?P=quote))[\"']|(?P=quote){2}(?!(?P=quote))|\\+[^\\])"
"""A character of a text in quotes. A quote after backslashes, and a double quote as in SQL, do not end the text."""
_NOT_BARE = (
    r"(?:bearer|basic|digest|token|key)\s|[|=]|[A-Za-z@$]{0,2}(?:&#?\w{1,8};|%(?:25){0,4}(?:0[9AD]|2[027]|3E|7C)|\\)"
    rf"|{_TYPES}\s{{0,3}}[=%&\\+]"
)
"""The starts that a bare value can't have. An encoded quote or blank is found in the decoded text."""
_VALUE = (
    rf"(?:{_QUOTE}(?:(?P=quote){{2}})?(?P<quoted>{_IN_QUOTES}+)(?:(?P=quote)|(?=\n)|\\*\Z)"
    r"|\{(?P<braced>[^\s{}\"':]{1,100})\}"
    rf"|(?P<bare>(?!{_NOT_BARE})(?:[^\s,;&\"'<>(){{}}\[\]\\]|&#?\w{{1,8}};|&(?![\w.-]{{1,40}}=))+))"
)
"""A value with or without quotes. The end of a line ends a value whose second quote was cut off.

A bare value ends before `&grant=`.
"""


_SEPARATOR = rf"(?:\s{{0,40}}(?:=>|:=|(?::\s{{0,3}}{_TYPES}\s{{0,3}})?={{1,3}}|[:：→⇒])|\s{{1,5}}->)"
_BLOCK = r"(?:[ \t]{0,5}[|>][-+]?[ \t]{0,3}\n)?"
"""The start of a text on its own lines in YAML."""


def _named(names: str) -> re.Pattern[str]:
    separator = rf"\\?[\"']?\]?(?:{_SEPARATOR}{_BLOCK}\s{{0,40}}|\(\s?(?=\w?\\?[\"']))"
    return re.compile(rf"(?P<before>(?P<name>{names})[\w-]{{0,40}}{separator}){_VALUE}", re.IGNORECASE)


_NAMED_SECRET = _named(_SENSITIVE_NAME)
_SECRET_PAIR = re.compile(
    rf"(?P<before>(?P<name>{_FIELD_NAME})[\w-]{{0,40}}(?:\\?[\"']\s{{0,5}},?\s{{0,40}}|\s{{0,5}}\n\s{{0,40}}|&)"
    r"\\?[\"']?(?:value|content|default)\\?[\"']?\s{0,5}(?:=>|[:=])\s{0,40}"
    rf"|[(\[]\w?\\?[\"'][\w-]{{0,40}}?(?P<listed>{_SENSITIVE_NAME})[\w-]{{0,40}}\\?[\"']\s{{0,3}},\s{{0,3}}(?=\w?\\?[\"'])){_VALUE}",
    re.IGNORECASE,
)
"""As in `{"name": "password", "value": "hunter2"}`, two such lines of YAML, or `("password", "hunter2")`."""
_CDATA = r"<!\[CDATA\[(?s:.*?)(?:\]\]>|\Z)"
_SAME_TAG = r"(?P=tag)(?![\w.:-])"
_ELEMENT = (
    rf"(?!\s|</)(?:(?:[^<]++|{_CDATA}|<(?!/?{_SAME_TAG})){{0,200}}+(?=</{_SAME_TAG})"
    rf"|(?:(?=(?s:.*)</{_SAME_TAG})|(?=(?s:.*+)(?<={ELLIPSIS})))(?s:.+))"
)
"""The content of an element. Its end is unknown if one of the same name is inside, if it has many elements, or if the
text was cut. Then the content ends with the text.
"""
_SECRET_ELEMENT = re.compile(
    rf"(?P<before>(?><(?P<tag>[\w.:-]{{0,40}}?(?P<name>{_FIELD_NAME}|pass\b)[\w-]{{0,40}})(?:\s[^<>]{{0,300}})?>\s{{0,40}}))"
    rf"(?P<value>{_ELEMENT}|{_CDATA}|[^\s<][^<]*+(?=</)|(?<=>)[^\s<\[][^\s<]*+)",
    re.IGNORECASE,
)
"""As in `<password>hunter2</password>`, also with elements inside."""
_SECRET_HOLDER = re.compile(
    rf"(?P<before>(?>(?:<key>[\w.:-]{{0,40}}?(?P<listed>{_FIELD_NAME})[\w-]{{0,40}}</key>\s{{0,40}})?<(?P<tag>[\w.:-]{{1,40}})"
    rf"(?(listed)|\s(?:[^<>]{{0,300}}?\s)?(?:name|key|id)\s?=\s?[\"'][\w.:-]{{0,40}}?(?P<name>{_FIELD_NAME})[\w-]{{0,40}}[\"'])"
    rf"[^<>]{{0,300}}>\s{{0,40}}))(?P<value>{_ELEMENT}|{_CDATA})",
    re.IGNORECASE,
)
"""As in `<property name="password">hun<b>ter2</b></property>`, or a property list."""
_SECRET_TEXT = re.compile(
    rf"(?P<before>(?:\b(?:name|key|id)\s?=\s?[\"']|<key>)[\w.:-]{{0,40}}?(?P<name>{_FIELD_NAME})[\w-]{{0,40}}"
    r"(?:[\"'][^<>\n]{0,300}>|</\w{1,20}>\s{0,40}<\w{1,20}>|\"[^\n]{0,80}\n\r?\n)\s{0,40})(?P<value>[^\s<][^<\n]*+)",
    re.IGNORECASE,
)
"""The same without the end of the element, or a form with several parts."""
_SECRET_INPUT = re.compile(
    rf"(?P<before><(?=(?P<attribute>[^<>]{{1,300}}?[\"'])?[\w.:-]{{0,40}}?(?P<name>{_FIELD_NAME})[\w-]{{0,40}}"
    r"(?(attribute)[\"']|\s))[^<>]{0,300}?\bvalue\s{0,3}=\s{0,3}(?P<quote>[\"']))"
    r"(?P<value>(?!(?P=name)[\"'])(?:(?!(?P=quote))[^<\n]){1,300})(?=(?P=quote))",
    re.IGNORECASE,
)
"""As in `<input value="hunter2" type="password">` or `<Password Value="hunter2"/>`."""
_CODE = re.compile(
    r"(?P<before>(?<![A-Za-z])(?:[th]?otp|pin|passcode|cvv2?|cvc2?|(?:mfa|(?-i:[mi]?TAN))(?=\\?[\"']?\s?[:=])"
    r"|(?:one[ _-]?time|verification|security|recovery|backup|2fa|mfa|sms)[ _-]?(?:code|pin))(?:[ _-]?(?:code|number))?"
    r"\\?[\"']?\]?(?:\s{0,5}(?:=>|[:=])|(?<=(?-i:PIN|OTP))-|\s(?:is|was)\b)?\s{0,5}\\?[\"']?)"
    r"(?P<value>(?=\d(?:[ \t-]{0,2}\d){2})\d++(?!\w|\.\d)(?:[ \t-]{1,2}\d++(?!\w|\.\d))*+)",
    re.IGNORECASE,
)
"""A code of digits in groups, as in `otp: 123 456`. A number such as `2nd` or `1.5` is no group."""
_LOGIN = re.compile(
    r"(?P<before>(?<![\w.:@-])[\w.-]{1,40}:)(?P<value>[^\s:/@\"'<>\[]{1,100})(?=@(?:\w{1,10}\(|[\w-]{1,60}(?::\d|/)))"
)
"""A login without a scheme before it, as in `root:hunter2@tcp(db:3306)/app`."""
_PASSPHRASE = re.compile(
    rf"(?P<before>(?:pass|seed|recovery)[ _-]?phrase{_SEPARATOR}[ \t]{{0,5}}|\bmnemonic\s{{0,5}}[:=][ \t]{{0,5}})"
    # Not a text in quotes, which is a named secret. The next name with a value, as in `user=ada`, ends the passphrase.
    r"(?P<value>(?![\[\\\"'])[^\s,;\"'<>{}\\]{1,80}(?: (?![\w-]{1,40}[:=])(?:[^\s,;\"'<>{}\\]){1,80}){0,24})",
    re.IGNORECASE,
)
"""A passphrase without quotes. It may have several words."""
_HEADER_BEFORE = re.compile(r"(?<![\w-])x-[a-z-]{0,40}\Z", re.IGNORECASE)
"""The start of a header's name, as in `X-Signature`. Its value is never an ordinary word."""
_QUOTED_PASSWORD = re.compile(
    r"(?P<before>\b(?:(?:passwor[dt]|passphrase|passcode|passwd|pwd)\s{1,5}(?:is\s|was\s|to\s)?|identified\s{1,5}by\s{1,5})"
    r"[A-Z]?(?P<quote>[\"']))"
    rf"(?P<value>{_IN_QUOTES}{{1,200}})(?=(?P=quote))",
    re.IGNORECASE,
)
_COMMAND_PASSWORD = re.compile(
    r"(?P<before>\b(?:mysql|mariadb)[\w-]{0,20}\s(?:[^\n]{0,200}\s)?-p|--[\w-]{0,30}(?:password|passphrase|pass|secret)\s{1,5}"
    r"|\bsshpass\s{1,5}-p\s{0,5}|\b(?:docker|podman|helm|az|nerdctl)\s(?:[^\n]{0,60}\s)?login\b(?:[^\n]{0,200}?\s)-p\s{1,5}"
    r"|\bcurl\s(?:[^\n]{0,200}\s)?(?:-u|--user)\s{0,5}[^\s:]{1,100}:)(?P<value>[^\s\"'\[-][^\s\"']*)",
)
_COMMAND_OPTION = re.compile(
    r"(?P<before>(?<!\S)(?<!mkdir )(?<!compose )-p\s{1,5})(?P<value>[\w.~!@#$^*+=-]{6,})(?![\w:/])"
)
"""As in `-p hunter2`. Many commands use it for ports and folders."""
_SPACED_SECRET = re.compile(
    r"(?P<before>(?:\b|(?<=_))(?:(?:secret|token|key)\s{1,5}(?:is\s|was\s)?[\"'`]?(?=[\w+/=.~!@#$^*-]{8}|[A-Fa-f]{6}(?!\w))"
    r"|pass:\s{0,5}|(?:api[ _-]?key|passwor[dt]|passcode|pwd|passphrase|signature)\s{1,5}"
    r"(?:(?:is|was|to|\||for\s(?:user\s)?[^\s:]{1,60}:)\s{1,40})?[\"'`]?))"
    r"(?P<value>[\w+/=.~!@#$^*-]{6,})",
    re.IGNORECASE,
)
_SHORT_NAME = re.compile(
    r"(?P<before>(?<![A-Za-z0-9])(?:key|sig|auth|code|session)=)(?P<value>[\w+/=.~-]{6,})", re.IGNORECASE
)
"""These may hold harmless values. `_is_random_word` decides."""
_QUOTED_KEY = re.compile(
    r"(?P<before>(?:^|[\n{(\[,;])\s{0,5}\\?[\"']?key\\?[\"']?\s{0,5}[:=]\s{0,5}(?P<quote>[\"']))"
    rf"(?P<value>(?![A-Za-z_.]+[\"']|\[|{_UUID_TEXT}){_IN_QUOTES}{{6,200}})(?=(?P=quote))",
    re.IGNORECASE,
)
"""As in `{key: 'my-plain-key'}`. Inside a sentence, or before a name, `key` is no secret."""
_SERVICE_KEY = re.compile(
    r"(?P<before>\b(?:openai|anthropic|replicate|fal|stability|supabase|stripe|github|gitlab|docker|aws)"
    r"(?::\s{0,5}|\s{1,5}))(?P<value>(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])(?!gpt|dall|text|sha)[A-Za-z0-9]{12,})(?![\w/:.-]*[\w/:-])",
    re.IGNORECASE,
)
"""The name of a service may also be followed by the name of a model."""
_NAMED_PATH = _named(
    r"(?<![a-z])(?:storage[_-]?path|object[_-]?(?:key|path|name)|file[_-]?(?:path|name)|bucket(?:[_-]?(?:id|name))?)"
    r"(?![a-z])"
)

_KNOWN_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:sk|pk|rk)[-_](?=[A-Za-z0-9_-]*[0-9A-Z])[A-Za-z0-9_-]{12,}|sk-[a-z]{16,}|sk[-_](?:live|test|proj|ant|or|svcacct)[-_][A-Za-z0-9_-]{8,}"
    r"|sb[apu]?_[A-Za-z0-9_-]{16,}"
    r"|gh[opusr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|dckr_[a-z]{3}_[\w-]{6,}"
    r"|(?:gsk_|xai-|nvapi-|pplx-|pypi-)[A-Za-z0-9_-]{16,}"
    r"|xox[abeprs]-[\w-]{10,}|xapp-[\w-]{10,}"
    r"|r8_\w{16,}|hf_\w{16,}|npm_\w{16,}|whsec_[\w+/=]{16,}|dop_v1_\w{16,}|key-[0-9a-f]{16,}"
    rf"|{_UUID_TEXT}:[0-9a-f]{{16,}}"
    r"|SG\.[\w-]{10,}\.[\w-]{10,}|ya29\.[\w-]{10,})"
    r"|(?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{12,}|AIza[\w-]{20,}"
)

_EMAIL = re.compile(
    r"(?:(?<![\w.%+'-])[\w.%+'-]+|\"[^\"\n]{1,64}\")(?P<at>@|＠|%40|\\u0040|&#64;|\s?[(\[{]\s?at\s?[)\]}]\s?)"
    r"(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w-])|(?:[\w-]+(?:\.|\s?[(\[{]\s?dot\s?[)\]}]\s?))+[\w-]{2,}|\[[0-9a-f.:]{3,45}\])",
    re.IGNORECASE,
)

_OPAQUE = re.compile(r"(?<![A-Za-z0-9_+/=-])[A-Za-z0-9_+/=-]{20,}")
"""May be a key. `_looks_like_key` decides."""

_UUID = re.compile(_UUID_TEXT, re.IGNORECASE)
_RUN = re.compile(r"[A-Za-z0-9]{20,}")
_LONGEST_WORD = 24
_LEAST_RANDOM = 20
"""The length of words that are taken for keys even if they have only letters."""
_HEX_LETTERS = re.compile(r"(?!(?:decade|facade|accede|deface|efface|acceded|defaced|effaced)$)[a-f]{6,}")
_SEQUENCES = "abcdefghijklmnopqrstuvwxyz qwertyuiop qwertzuiop asdfghjkl zxcvbnm"
_ALGORITHM = re.compile(
    r"(?:(?:hmac|rsa|ecdsa|aws[0-9])[_-]?)*(?:sha[_-]?[0-9]{1,3}|md5|[hrep]s[0-9]{3}|ed[0-9]{3,5}|(?:rsa|aes)[_-]?[0-9]{3,4}[\w-]*"
    r"|v[0-9]\w{0,8})",
    re.IGNORECASE,
)


def _looks_like_key(text: str, known_hex: frozenset[str]) -> bool:
    """Return whether the text looks random. Ids with dashes are not keys. Ids in `known_hex` (without dashes) are not
    keys either.
    """
    rest = _UUID.sub("", text)
    if any(_is_mixed(run) and run.lower() not in known_hex for run in _RUN.findall(rest)):
        return True
    has_all = any(map(str.isupper, rest)) and any(map(str.islower, rest)) and any(map(str.isdigit, rest))
    return has_all and len(rest) >= _LONGEST_WORD and rest.lower().strip("-_/+=") not in known_hex


def _is_random_word(text: str) -> bool:
    """Return whether a word after a name such as `token` looks like a key, and is not an id or an algorithm."""
    word = text.rstrip(".!=")
    if _is_mixed(word):
        return not _UUID.fullmatch(word) and not _ALGORITHM.fullmatch(word)
    return _is_typed_key(word)


def _is_typed_key(word: str) -> bool:
    """Return whether a word of letters is no ordinary word: hex, very long, or letters in the order of an alphabet or
    a keyboard.
    """
    letters = word.lower()
    if not (letters.isascii() and letters.isalpha()):
        return False
    if _HEX_LETTERS.fullmatch(letters) or len(letters) >= _LEAST_RANDOM:
        return True
    return any(letters[start : start + 5] in _SEQUENCES for start in range(len(letters) - 4))


def _is_mixed(run: str) -> bool:
    return any(map(str.isdigit, run)) and any(map(str.isalpha, run))


_SCHEME_AND_PLACEHOLDER = re.compile(rf"[a-z]+ {PLACEHOLDER}", re.IGNORECASE)
_AT = re.compile(r"＠|%40|\\u0040|&#64;|\s?[(\[{]\s?at\s?[)\]}]\s?", re.IGNORECASE)
_DOT = re.compile(r"\s?[(\[{]\s?dot\s?[)\]}]\s?", re.IGNORECASE)


class SecretRules:
    """The patterns of secrets in their order, each with the function that replaces a match.

    `mark` returns a placeholder. `Redactor` explains `keeps` and `ids`.
    """

    def __init__(
        self, mark: Callable[[SecretKind, str], str], *, keeps: Iterable[str] = (), ids: Iterable[UUID] = ()
    ) -> None:
        self._mark = mark
        self._keeps = frozenset(map(_same_email, keeps))
        self._hex = frozenset(identifier.hex for identifier in ids)

    def contacts(self) -> Iterator[Replacement]:
        """Yield patterns of card numbers, public IP addresses and phone numbers.

        Digits that have no separators, no country code and no label such as `phone` count as an id.
        """
        yield _CARD, self._card
        yield _IPV6, self._ipv6
        yield _IPV4, self._whole(SecretKind.IP, unless=lambda found: _is_local(found[0]) or _is_version(found))
        yield _NAMED_PHONE, self._value_as(SecretKind.PHONE)
        for pattern in _PHONES:
            yield pattern, self._whole(SecretKind.PHONE)
        yield _SPACED_PHONE, self._whole(SecretKind.PHONE, unless=lambda found: _are_sizes(found.groups()))

    def named_secrets(self) -> Iterator[Replacement]:
        """Yield patterns and what replaces their matches. The order matters."""
        yield _PRIVATE_KEY, self._whole(SecretKind.KEY)
        yield _PASSPHRASE, self._value_as(SecretKind.PASSWORD)
        yield _URL, lambda found: self._url(found[0])
        yield _STORAGE_ROUTE, self._route
        yield _WEB_TOKEN, self._whole(SecretKind.TOKEN)
        for pattern in (_AUTHORIZATION, _COOKIE):
            yield pattern, self._value_as(SecretKind.TOKEN)
        yield _BEARER, self._bearer
        for pattern in (_SECRET_ELEMENT, _SECRET_HOLDER, _SECRET_TEXT, _SECRET_INPUT):
            yield pattern, self._text_of_secret
        # A named secret without quotes ends at a blank. A code may have blanks.
        yield _CODE, self._value_as(SecretKind.PASSWORD)
        for pattern in (_SECRET_PAIR, _NAMED_SECRET):
            yield pattern, self._named
        yield _QUOTED_KEY, self._value_as(SecretKind.KEY)
        for pattern in (_QUOTED_PASSWORD, _COMMAND_PASSWORD, _LOGIN):
            yield pattern, self._value_as(SecretKind.PASSWORD)
        yield _COMMAND_OPTION, lambda found: self._random_word(found, SecretKind.PASSWORD)
        yield _NAMED_PATH, lambda found: self._replaced(found, SecretKind.PATH)
        yield _KNOWN_KEY, self._whole(SecretKind.KEY)
        yield _SERVICE_KEY, self._value_as(SecretKind.KEY)
        for pattern in (_SPACED_SECRET, _SHORT_NAME):
            yield pattern, self._random_word
        for pattern in (_WINDOWS_PATH, _STORAGE_PATH, _HOME_PATH):
            yield pattern, self._whole(SecretKind.PATH)
        yield _EMAIL, self._email

    def _whole(
        self, kind: SecretKind, *, unless: Callable[[re.Match[str]], bool] = lambda _: False
    ) -> Callable[[re.Match[str]], str]:
        return lambda found: found[0] if unless(found) else self._mark(kind, found[0])

    def _value_as(self, kind: SecretKind) -> Callable[[re.Match[str]], str]:
        return lambda found: found["before"] + self._mark(kind, found["value"])

    def _url(self, url: str) -> str:
        url, hash_sign, fragment = url.partition("#")
        url, question_mark, query = url.partition("?")
        if login := _LOGIN_IN_URL.fullmatch(url):
            url = f"{login['before']}{self._mark(SecretKind.PASSWORD, login['password'])}@{login['host']}"
        url = self._storage_url(url)
        url += question_mark + self._mark(SecretKind.QUERY, query)
        # A fragment such as #access_token=… is a query, too.
        return url + hash_sign + (self._mark(SecretKind.QUERY, fragment) if "=" in fragment else fragment)

    def _storage_url(self, url: str) -> str:
        scheme, separator, rest = url.replace("\\/", "/").partition("//")
        if scheme.lower() in _STORAGE_SCHEMES:
            return f"{scheme}{separator}{self._mark(SecretKind.PATH, rest)}"
        host, slash, path = rest.partition("/")
        is_storage = _STORAGE_HOST.search(host) or path.startswith("storage/v1/")
        if path and (is_storage or _FILE_NAME.search(path)):
            return f"{scheme}{separator}{host}{slash}{self._mark(SecretKind.PATH, path)}"
        # Only the parts that look like keys are replaced, so that the rest of the URL stays readable.
        return "/".join(self._key(part) if part.isalnum() else part for part in url.split("/"))

    def _route(self, found: re.Match[str]) -> str:
        path = self._mark(SecretKind.PATH, found["path"])
        return f"{path}{found['mark']}{self._mark(SecretKind.QUERY, found['query'])}" if found["mark"] else path

    def _random_word(self, found: re.Match[str], kind: SecretKind = SecretKind.KEY) -> str:
        value = found["value"]
        is_secret = _is_random_word(value) and value.lower() not in self._hex
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
        is_header = _HEADER_BEFORE.search(found.string, max(found.start() - 43, 0), found.start())
        is_word = is_word and not is_header and not _is_typed_key(value)
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

    def _card(self, found: re.Match[str]) -> str:
        return self._mark(SecretKind.CARD, re.sub("[ -]", "", found[0])) if _is_card(found[0]) else found[0]

    def _ipv6(self, found: re.Match[str]) -> str:
        """Replace the longest address at the start of the match. A port or a colon may follow it."""
        address = found[0]
        while address.count(":") > 1:
            try:
                mapped = IPv6Address(address).ipv4_mapped
            except ValueError:
                address = address.rpartition(":")[0]
            else:
                is_local = mapped is not None and _is_local(str(mapped))
                return found[0] if is_local else self._mark(SecretKind.IP, address) + found[0][len(address) :]
        return found[0]

    def _email(self, found: re.Match[str]) -> str:
        address = _same_email(found[0])
        return found[0] if address in self._keeps else self._mark(SecretKind.EMAIL, address)

    @property
    def opaque(self) -> Replacement:
        """Words that look like keys. They must be replaced last."""
        return _OPAQUE, lambda found: self._key(found[0])

    def _key(self, text: str) -> str:
        return self._mark(SecretKind.KEY, text) if _looks_like_key(text, self._hex) else text


def _kind_of_secret(found: re.Match[str]) -> SecretKind:
    name = (found["name"] or found["listed"]).lower()
    is_password = name.startswith(("pass", "otp", "totp", "hotp", "pin", "cv")) or name in ("pwd", "secret")
    return SecretKind.PASSWORD if is_password else SecretKind.KEY


def _value(found: re.Match[str]) -> str:
    return found[found.lastgroup or "bare"]


def _same_email(text: str) -> str:
    """Return one spelling for all spellings of an e-mail."""
    return _DOT.sub(".", _AT.sub("@", text)).casefold()
