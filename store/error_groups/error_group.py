"""ErrorGroup and ErrorGroups: the failures of a time window, grouped by the fingerprint of their error."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from gjobs.store.filters.filter_terms import NO_FILTER, JobFilter
from gjobs.store.jobs.job import TRACEBACK
from gjobs.store.values.data_classes import dataclass
from gjobs.store.values.formats import ERROR_GROUP_DIGITS

MOST_READ = 4_000
"""The characters read at the start of an error, or at the end of a Python traceback."""
MOST_OF_PAGE = 1_500
"""How many characters of a page are read. Tags are removed from them."""
MOST_OF_LINE = 300
"""The characters of the line in which values are replaced."""
MOST_CHARACTERS = 200
"""The longest fingerprint. Numbers are replaced before this cut, so their length doesn't move it."""

LOOKS_LIKE_JSON = r"^[ \t\n\r]*(?:```[a-z]*[ \t\n\r]*)?(?:\{|\[[ \t\n\r]*[\[{\"])"
"""An object, or an array that begins with a text, object or array. `[ERROR]` in a log is neither."""
_STRING = (
    r"[ \t\n\r]*:[ \t\n\r]*\""
    r"((?:[^\"\\\u0001-\u001f]|\\[\"\\/bfnrt]|\\u(?!0000|[Dd][89A-Fa-f])[0-9A-Fa-f]{4}"
    r"|\\u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2})+)"
)
"""The start of a JSON string that Postgres can decode, up to its end or the first character that it can't."""
JSON_MESSAGES = (
    rf"\"message\"{_STRING}",
    rf"\"(?:error|detail|details|msg|reason|description|title)\"{_STRING}",
)
"""The message of a JSON error. Without one, the first of the other keys that services use."""
JSON_ORIGIN = (
    r"\"(status(?:_?[Cc]ode)?\"[ \t\n\r]*:[ \t\n\r]*[1-5][0-9]{2}(?![0-9A-Za-z.])"
    r"|loc\"[ \t\n\r]*:[ \t\n\r]*\[[^\]]*\])"
)
"""The status of a JSON error, or the invalid field. Messages such as `field required` don't contain it."""
NOT_IN_ORIGIN = ' \t\n\r"'
"""Removed, so that the spaces of the JSON don't matter."""
MARKUP_STARTS = ("<!DOC", "<!doc", "<?xml", "<html", "<HTML", "<head", "<HEAD", "<Erro")
"""The starts of pages and XML errors. Their tags are removed, so their first line is the title or the code."""
TAG = r"<(?:(?:script|style)[^<>]*>[^<]*</(?:script|style)>|[^<>]*(?:>|(?![<>]|[^<>])))"
"""A tag, which may be cut at the end, or a script or style with its content."""
LINE_ENDS = "\n\r"
SPACES = " \t\n\r"

_WHOLE_LINE = r"[^ \t\n\r][^\n\r]*"
_NEXT_LINE = r"[\n\r][ \t\n\r]*(?!at |File |note: )[^ \t\n\r][^\n\r]*"
_NEXT_FIELD = r"[\n\r][ \t\n\r]*(?!note: )[A-Za-z_]+(?::| =) [^\n\r]*"
_IS_INCOMPLETE = r"(?:[^\n\r]*(?:validation errors? for |Command failed: )|Error[\n\r])"
_LINE = (
    rf"(?:(?={_IS_INCOMPLETE}){_WHOLE_LINE}(?:{_NEXT_LINE})?"
    rf"|(?!{_IS_INCOMPLETE}){_WHOLE_LINE}"
    rf"(?:(?:(?<=:)|(?<=: ))"
    rf"(?:{_NEXT_FIELD}(?:{_NEXT_FIELD})?|(?!{_NEXT_FIELD}){_NEXT_LINE}(?:(?<=:){_NEXT_LINE})?))?)"
)
"""A line. If it announces the cause, it includes the next line. It includes the next two if both have the form
`name: value`, or if the first of them ends with a colon.
"""
_EMPTY_LINE = r"[!-@\u005b-\u0060{-~][\t -@\u005b-\u0060{-~]*(?:(?<=```)[a-z]+[ \t]*)?[\n\r][ \t\n\r]*(?=[^ \t\n\r])"
"""A line without letters, or the start of a block of code. Another line follows. Only ASCII is listed."""
EXCEPTION = rf"[\n\r]({_LINE})"
"""The exception of a Python traceback. The lines of the stack are indented."""
FIRST_LINE = rf"^(?:(?:{_EMPTY_LINE}){{3}}|(?:{_EMPTY_LINE}){{0,2}}(?!{_EMPTY_LINE}))({_LINE})"
"""The first line with letters, for a text without spaces at its start. At most three lines without letters are left
out, because this is slow in Postgres.
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Replacement:
    """Values that differ between failures of the same kind, and what stands for them in a fingerprint."""

    pattern: str
    placeholder: str


@dataclasses.dataclass(frozen=True, slots=True)
class ReplacementStep:
    """Replacements for the lines that contain `guard`, or for all lines. `otherwise` has the replacements for lines
    without the guard.
    """

    guard: str | None
    replacements: tuple[Replacement, ...]
    otherwise: tuple[Replacement, ...] = ()


_BEFORE, _AFTER = "(?<![0-9A-Za-z])", "(?![0-9A-Za-z])"
_HEX, _TOKEN = "[0-9A-Fa-f]", "[0-9A-Za-z_-]"

_MONTHS = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_MONTH = (
    "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    "|Nov(?:ember)?|Dec(?:ember)?)(?![A-Za-z])"
)
_HALF = "(?: ?(?:[AP]M|[ap]m|[ap][.]m[.])(?![0-9A-Za-z]))"
_ORDINAL = "(?:st|nd|rd|th)"
_DATES = (
    # 2026-11-29T17:04:05.123+01
    (
        r"[0-9]{4}[/-][0-9]{2}[/-][0-9]{2}"
        r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?: ?Z| ?[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
    ),
    # 20261129T170405Z
    rf"{_BEFORE}[0-9]{{8}}T[0-9]{{6}}(?:[.][0-9]+)?Z?{_AFTER}",
    # 29 Nov 2026, 29-Nov-26, 29/Nov/2026:17:04:05
    (
        rf"{_BEFORE}[0-9]{{1,2}}{_ORDINAL}?[ /-]{_MONTH}"
        rf"(?:,?[ /-][0-9]{{4}}{_AFTER}|-[0-9]{{2}}(?![0-9A-Za-z:]))?(?::[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}})?"
    ),
    # November 29th, 2026
    rf"{_BEFORE}{_MONTH} [0-9]{{1,2}}{_ORDINAL}?{_AFTER}(?:,? [0-9]{{4}}{_AFTER})?",
    # 11/29/2026
    r"(?<![0-9A-Za-z/])[0-9]{1,2}/[0-9]{1,2}/[0-9]{2}(?:[0-9]{2})?(?![0-9A-Za-z/])",
)
_CLOCK = rf"(?<![0-9:])[0-9]{{1,2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:[.,][0-9]+)?{_HALF}?(?![0-9A-Fa-f:])|{_HALF})"
_ZONE = "(?: ?(?:UTC|GMT|CES?T|[ECMP][SD]T|BST|IST|JST)(?![A-Za-z]))?"
_WHOLE_TIME = (
    r"(?:(?<![A-Za-z])(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?,? )?"
    rf"<time>(?:(?: |, | at )<time>(?:{_ZONE} [0-9]{{4}}{_AFTER})?)?"
    rf"{_ZONE}(?: ?[+-][0-9]{{2}}:?[0-9]{{2}}{_AFTER})?"
    r"(?: [(][A-Z][A-Za-z ]* Time[)])?"
)
"""A date and a time together, with the weekday and the time zone."""

_POD = "[bcdfghjklmnpqrstvwxz2456789]"
_IPV6_END = "(?![0-9A-Za-z]|:[0-9A-Za-z:])"
_IDS = (
    # Keys whose middle is hidden, JSON web tokens, and keys of services with known beginnings.
    (
        rf"(?<!{_TOKEN})(?:{_TOKEN}*[*]{{3,}}[0-9A-Za-z_*-]*|eyJ{_TOKEN}{{5,}}(?:[.]{_TOKEN}+){{1,2}}"
        rf"|(?:AIza|A[KS]IA|gh[a-z]_|github_pat_|sk[_-]|xox[a-z]-){_TOKEN}{{12,}})"
    ),
    # Base64.
    r"base64,[0-9A-Za-z+/_-]+=?=?|(?<![0-9A-Za-z+/_-])(?:[0-9A-Za-z+/_-]{16,}==|[0-9A-Za-z+/_-]{40,}=)",
    # UUIDs.
    rf"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}",
    # Nano IDs. Model names consist of the same characters, but contain words, so they are excluded.
    rf"(?<!{_TOKEN})(?!{_TOKEN}*[a-z]{{6}})(?={_TOKEN}*[0-9])(?={_TOKEN}*[A-Z])(?={_TOKEN}*[a-z]){_TOKEN}{{21}}(?!{_TOKEN})",
    # Request IDs of Vercel and Cloudflare.
    rf"{_BEFORE}(?:(?:[a-z]{{3}}[0-9]::)+[0-9a-z]{{5}}-[0-9]{{10,13}}-[0-9a-f]{{12}}|[0-9a-f]{{16}}-[A-Z]{{3}}){_AFTER}",
    # Kubernetes pod suffixes after the deployment name, names of Python's temporary files, and hex with a prefix.
    (
        rf"-{_POD}{{8,10}}-{_POD}{{5}}{_AFTER}"
        r"|(?<![0-9A-Za-z_])tmp(?=[a-z_]*[0-9])[0-9a-z_]{8}(?![0-9A-Za-z_])"
        rf"|{_BEFORE}0[Xx]{_HEX}+{_AFTER}"
    ),
)
_IPV6 = (
    # The loopback address keeps its port, as 127.0.0.1 does.
    r"(?<![0-9A-Za-z:.])(?:"
    rf"::(?:1{_AFTER}|(?=:[0-9]))"
    rf"|(?!::1{_AFTER}|:::[0-9])(?=[0-9A-Fa-f:]*::{_HEX})(?=[A-Fa-f:]*[0-9])"
    rf"[0-9A-Fa-f:]{{2,}}{_HEX}(?:[.][0-9]+){{0,3}}{_IPV6_END}"
    rf"|{_HEX}{{1,4}}(?:::?{_HEX}{{1,4}}){{3,7}}(?::[0-9]{{1,5}})?{_IPV6_END})"
)
_PREFIXED = (
    rf"{_BEFORE}((?:req|resp|msg|pred|chatcmpl|cmpl|asst|evt|cus|acct|sess|txn|usr|thread|trace|span|run|org|proj|job"
    r"|task|batch)[_-])"
    rf"(?=[0-9A-Za-z]{{6}})(?:[0-9]+[A-Za-z]|[A-Za-z]+[0-9])[0-9A-Za-z]*{_AFTER}"
)
_TOKENS = (
    # Hex, such as the beginning of a commit. It has a digit and a letter, unlike words and numbers.
    # Short hex names of directories and files have both, too. Colours may have only letters.
    (
        rf"{_BEFORE}(?={_HEX}{{7}})(?:[0-9]+[A-Fa-f]|[A-Fa-f]+[0-9]){_HEX}*{_AFTER}"
        rf"|(?<=/)(?={_HEX}{{4,6}}[/.])(?:[0-9]+[A-Fa-f]|[A-Fa-f]+[0-9]){_HEX}*{_AFTER}"
        rf"|(?<=#){_HEX}{{6}}{_AFTER}"
    ),
    # Letters between digits. A long duration, such as 10h20m30.5s, looks like it.
    rf"{_BEFORE}(?=[0-9A-Za-z]{{8}})[A-Za-z]*[0-9]+[A-Za-z]+[0-9][0-9A-Za-z]*(?:[.][0-9]+s)?{_AFTER}",
    # Long tokens with two digits.
    rf"{_BEFORE}(?=[0-9A-Za-z]{{16}})(?:[A-Za-z]+[0-9][A-Za-z]*[0-9]|[0-9]{{2,}}[A-Za-z])[0-9A-Za-z]*{_AFTER}",
)
_STATUS = (
    r"(?:(?:(?<=HTTP |rror |/1[.]1 |TP/2 |[Cc]ode[ =:]|atus[ =:])|(?<=[Cc]ode: |[Cc]ode\":|atus: |atus\":)"
    r"|(?<=[Cc]ode\": |atus\": ))[1-5][0-9]{2}|(?<=exit code |with code |xit code -|ith code -)[0-9]{1,2}"
    # After these words, an amount is more likely, unless the sentence ends or a reason phrase follows.
    r"|(?:(?<=with )|(?<=urned ))[1-5][0-9]{2}"
    r"(?:(?= (?:[A-Z][a-z]{2}|- |for |from )|[;:)\"']|, [a-z]|[.] )|(?![.].|[^.]))"
    r"|(?<=iled [(])[1-5][0-9]{2}(?=[)])|(?<=[(])(?<!iled [(])[1-5][0-9]{2}(?=[)](?::|(?!.)))"
    # Error codes such as P2002.
    r"|(?<=[A-Z])(?<![^ =:(\[\"'][A-Z])[0-9]{4})"
    r"(?![0-9A-Za-z]|[.,][0-9])"
)
"""A status or an error code, if the text says so. It distinguishes faults, so it is kept."""
_UNIT = (
    "(?: ?(?:ms|us|ns|s|secs?|mins?|hrs?|(?:milli|micro)?seconds?|minutes?|hours?|days?|[KMGTkmgt]i?[Bb]|[Bb]ytes?)"
    "|[mhB])"
)
_SIGN = r"(?:(?<![0-9A-Za-z_)>#.+\]-])[+-])?"
_NUMBER = (
    r"[0-9]+(?:[.,][0-9]+)*(?:[Ee][+-]?[0-9]+)?"
    rf"(?:(?:x[0-9]+)+|{_ORDINAL}{_AFTER}|(?:[dhm][0-9]+)*(?:[.][0-9]+)?{_UNIT}{_AFTER})?"
)
"""A number with its unit, because services choose the unit by the size: `350ms`, `1m30.5s`, `1.95 GiB`."""

STEPS = (
    ReplacementStep(
        None,
        (
            Replacement(r"[ \t\n\r\f\v]{2,}|[\t\n\r\f\v]", " "),
            # A URL keeps its path: it often says which service failed.
            Replacement(
                r"(://[^ ?#\"'<>]*(?=[?#])|/[^ ?#\"'<>]*(?=[?][0-9A-Za-z_.-]+=))[?#](?:[^ \"'<>)]*[^ \"'<>),.:;])?",
                r"\1",
            ),
            Replacement(
                r"(?<![0-9A-Za-z._+-])[0-9A-Za-z._+-]+(?:'[0-9A-Za-z._+-]+)*@[0-9A-Za-z](?:[0-9A-Za-z-]*\.)+[A-Za-z]+(?![0-9A-Za-z-])",
                "<email>",
            ),
        ),
    ),
    ReplacementStep(
        r"[0-9]:[0-9]{2}|[0-9]{4}[/-][0-9]{2}[/-]|[0-9]T[0-9]|[0-9]/[0-9]{1,2}/[0-9]"
        rf"|{_MONTHS}[a-z]* [0-9]|[0-9][a-z]{{0,2}}[ /-]{_MONTHS}",
        (Replacement("|".join((*_DATES, _CLOCK)), "<time>"), Replacement(_WHOLE_TIME, "<time>")),
    ),
    ReplacementStep("[0-9*]", tuple(Replacement(pattern, "#") for pattern in _IDS)),
    ReplacementStep(f"[0-9A-Fa-f:]:{_HEX}", (Replacement(_IPV6, "#"),)),
    ReplacementStep("[0-9*]", (Replacement(_PREFIXED, r"\1#"), *(Replacement(pattern, "#") for pattern in _TOKENS))),
    # Ids, hex and numbers have the same placeholder, because some ids have only decimal digits.
    ReplacementStep(
        r"(?:HTTP |rror |/1[.]1 |TP/2 |(?:[Cc]ode|atus)\"?[ =:] ?|urned |with |[(])[1-5][0-9]{2}(?![0-9A-Za-z])"
        r"|(?:exit|with) code -?[0-9]|(?<![^ =:(\[\"'])[A-Z][0-9]{4}(?![0-9A-Za-z])",
        (Replacement(rf"{_SIGN}(?<![0-9])(?!{_STATUS}){_NUMBER}", "#"),),
        otherwise=(Replacement(_SIGN + _NUMBER, "#"),),
    ),
    # A list of values, so that its length doesn't matter.
    ReplacementStep(None, (Replacement(r"#(?::#)?(?:[,;] ?#(?::#)?)+", "#"),)),
)
"""Guards keep the usual lines fast. In Postgres, two patterns are faster than one with two complex alternatives. But a
session keeps only 32 compiled patterns, and compiling a pattern takes longer than using it.
"""


def fingerprint(error: str | None) -> str:
    """Return the fingerprint of an error, for example `API timeout after #`. Empty if there is no error text."""
    line = _line_of(error or "")[:MOST_OF_LINE]
    for step in STEPS:
        is_guarded = step.guard is None or re.search(step.guard, line)
        for one in step.replacements if is_guarded else step.otherwise:
            line = re.sub(one.pattern, one.placeholder, line, flags=re.DOTALL)
    return line[:MOST_CHARACTERS].strip(" ")


def group_id(of_fingerprint: str) -> str:
    """Return the id of the group with this fingerprint: the start of its hash."""
    return hashlib.sha256(of_fingerprint.encode(errors="surrogatepass")).hexdigest()[:ERROR_GROUP_DIGITS]


def error_group_id(error: str | None) -> str:
    return group_id(fingerprint(error))


def _line_of(error: str) -> str:
    """Return the line that says what happened, or several if the first only announces it. It is not shortened."""
    text = _message(error)
    if TRACEBACK in text and (exception := re.search(EXCEPTION, text.rpartition(TRACEBACK)[2])):
        return exception[1]
    line = re.search(FIRST_LINE, text.lstrip(SPACES))
    return line[1] if line else ""


def _message(error: str) -> str:
    """Return the message of a JSON error, the texts of a page, or else the start of the text or end of a traceback."""
    head = error[:MOST_READ]
    if head.lstrip(SPACES).startswith(MARKUP_STARTS):
        return re.sub(TAG, "\n", head[:MOST_OF_PAGE]).lstrip(SPACES) or head
    if not re.search(LOOKS_LIKE_JSON, head):
        return error[-MOST_READ:] if TRACEBACK in head else head
    for pattern in JSON_MESSAGES:
        if found := re.search(pattern, head):
            origin = re.search(JSON_ORIGIN, head)
            start = origin[1].translate(dict.fromkeys(map(ord, NOT_IN_ORIGIN))) + " " if origin else ""
            return start + str(json.loads(f'"{found[1]}"'))
    return head.translate(dict.fromkeys(map(ord, LINE_ENDS), " "))


WEEK = timedelta(days=7)

MOST_FAILURES = 20_000
"""The newest failures of the window that are read."""
MOST_GROUPS = 200
"""The largest groups that are returned."""
MOST_MODES, MOST_USERS = 20, 100
"""The modes and users of a group that are named. All are counted."""
BUCKETS = 24
"""The parts of the window that a trend counts."""
NO_TEXT = "(no error text)"
"""Shown instead of an empty fingerprint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorScope:
    """Which failures are grouped."""

    project_id: UUID | None = None
    """None for all projects."""
    job_filter: JobFilter = NO_FILTER
    window: timedelta = WEEK
    """The time before now in which the jobs failed."""
    limit: int = MOST_FAILURES


EVERY_FAILURE = ErrorScope()


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorGroup:
    """The failed jobs of a window that have the same fingerprint."""

    id: str
    fingerprint: str
    """Empty for failures without an error text."""
    count: int
    first_seen: datetime
    """The end time of the oldest failure that was read."""
    last_seen: datetime
    modes: tuple[str, ...]
    """At most MOST_MODES, sorted."""
    mode_count: int
    users: tuple[UUID, ...]
    """At most MOST_USERS, sorted."""
    user_count: int
    cost_cents: int
    trend: tuple[int, ...]
    """The failures in each part of the window, oldest first."""
    example_job_id: UUID
    """The newest failure."""
    example: str
    """The beginning of the newest failure's error text."""

    @property
    def name(self) -> str:
        return self.fingerprint or NO_TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorGroups:
    """The largest groups first. Iterating yields the groups."""

    window: timedelta
    limit: int
    """The maximum number of failures to read."""
    complete: bool
    """False if the window has more failures than the limit. Then only the newest were read."""
    failures: int
    """The failures that were read."""
    read_since: datetime
    """The start of the window. If not all failures were read, the end time of the oldest one that was read."""
    taken_at: datetime
    """The server's time at the end of the window."""
    group_count: int
    """Including the groups beyond MOST_GROUPS."""
    groups: tuple[ErrorGroup, ...]

    def __iter__(self) -> Iterator[ErrorGroup]:
        return iter(self.groups)

    def __len__(self) -> int:
        return len(self.groups)
