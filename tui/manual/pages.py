"""Topics, texts, sections and search of the manual."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from operator import itemgetter
from pathlib import Path

GROUPS: Mapping[str, Sequence[str]] = {
    "The dashboard": ("tour", "keys", "filters", "views", "time", "demo", "serve"),
    "Databases": (
        "connecting",
        "profiles",
        "supabase",
        "acting-as",
        "visibility",
        "isolation",
        "case",
        "writing-safely",
        "doctor",
        "migrations",
        "footprint",
        "embedded",
    ),
    "Running jobs": ("workers", "retries", "errors", "budgets", "retention", "events", "watch", "metrics"),
    "Reference": ("command-line", "exit-codes", "python"),
    "Development": ("architecture", "contributing", "changes", "benchmarks"),
}
"""Topics in reading order. Each is the name of a page."""

TOPICS = tuple(chain.from_iterable(GROUPS.values()))

_COMMENT = re.compile(r"^<!--.*?-->\n", re.MULTILINE | re.DOTALL)
_IMAGE = re.compile(r"^!\[.*\]\(.*\)\n\n?", re.MULTILINE)
_HEADING = re.compile(r"^#{1,3} ")
_MARKUP = re.compile(r"^- |^\d+\. |`|\*\*")
_LINK = re.compile(r"\[([^]]+)\]\([^)]*\)")
_FENCE = "```"
_KEY_NAME = re.compile(r"(?:^| +)\[[a-z_]+\.[a-z_]+\]$")
"""A key's configuration name, such as `[load.close]`, at the end of its line in the list of all keys."""
_ELLIPSES = 3
"""Cells of the ellipses before and after an excerpt."""
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and what stands below it, up to the next heading."""

    topic: str
    heading: str
    lines: tuple[str, ...]
    """The lines without markup."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    section: Section
    line: str
    """The first of the lines that contain the most search words."""
    first: int
    end: int
    """Where the words stand in the line: the start of the first and the end of the last."""
    is_for_name: bool
    """Whether a search word found in the line contains a dot, like the name of a key."""

    def excerpt(self, cells: int) -> str:
        """Return the line, with its beginning cut so that the words are among the first `cells` characters. The
        caller cuts the end. The name of a key is left out, unless it was searched for.
        """
        line = self.line if self.is_for_name else _KEY_NAME.sub("", self.line)
        if not self.first or self.first >= len(line) or self.end < cells or len(line) <= cells:
            return line
        start = min(self.first, max(self.first - cells // 3, self.end + _ELLIPSES - cells))
        start = line.find(" ", start - 1, self.first) + 1 or self.first
        return f"… {line[start:]}"


def anchor(heading: str) -> str:
    """Return a heading as GitHub spells it in a link."""
    return _NOT_IN_ANCHORS.sub("", heading.strip().lower()).replace(" ", "-")


def page_path(topic: str) -> Path:
    return Path(__file__).with_name(f"{topic}.md")


def page_source(topic: str) -> str:
    """Return the page as it is stored, with comments and pictures."""
    return page_path(topic).read_text(encoding="utf-8")


def readable(source: str) -> str:
    """Remove what a terminal cannot show: comments and pictures."""
    return _IMAGE.sub("", _COMMENT.sub("", source))


def page_text(topic: str) -> str:
    return readable(page_source(topic))


@cache
def summary(topic: str) -> str:
    """Return the page's first sentence, without its full stop."""
    _, _, rest = page_text(topic).partition("\n\n")
    first, _, _ = rest.partition("\n\n")
    return " ".join(first.split()).partition(". ")[0].removesuffix(".")


@cache
def sections(topic: str) -> tuple[Section, ...]:
    return tuple(_sections(topic))


def _sections(topic: str) -> Iterator[Section]:
    heading, lines, is_code = topic, list[str](), False
    for line in page_text(topic).splitlines():
        is_code ^= line.startswith(_FENCE)
        if not is_code and _HEADING.match(line):
            if lines:
                yield Section(topic=topic, heading=heading, lines=tuple(lines))
            heading, lines = line.lstrip("# "), []
        elif line.strip() and not line.startswith(_FENCE):
            text = readable_line(line)
            if lines and _KEY_NAME.fullmatch(text):
                lines[-1] += f" {text}"
            else:
                lines.append(text)
    yield Section(topic=topic, heading=heading, lines=tuple(lines))


def search(text: str) -> list[Hit]:
    """Find the sections in which each typed word is the start of a word. Case is ignored.

    The page of that name comes first, then the sections with most of the words in their topic and heading.
    """
    words = text.casefold().split()
    patterns = [re.compile(rf"(?<!\w){re.escape(word)}") for word in words]
    found: list[tuple[bool, int, Hit]] = []
    for section in chain.from_iterable(map(sections, TOPICS)) if words else ():
        title = f"{section.topic} {section.heading}"
        if _count(patterns, "\n".join((title, *section.lines))) == len(patterns):
            found.append((section.topic not in words, -_count(patterns, title), _hit(section, patterns)))
    return [hit for *_, hit in sorted(found, key=itemgetter(0, 1))]


def _count(patterns: Sequence[re.Pattern[str]], text: str) -> int:
    return sum(bool(pattern.search(text.casefold())) for pattern in patterns)


def _hit(section: Section, patterns: Sequence[re.Pattern[str]]) -> Hit:
    def counts(line: str) -> tuple[int, int]:
        return _count(patterns, line), _count(patterns, _KEY_NAME.sub("", line))

    line = max(section.lines, key=counts, default="")
    words = [match for match in (pattern.search(line.casefold()) for pattern in patterns) if match]
    first, end = min((word.start() for word in words), default=0), max((word.end() for word in words), default=0)
    is_for_name = any("." in word[0] for word in words)
    return Hit(section=section, line=line, first=first, end=end, is_for_name=is_for_name)


def readable_line(line: str) -> str:
    """Return the line without its Markdown. Cells of a table are two spaces apart."""
    text = _MARKUP.sub("", _LINK.sub(r"\1", line.strip()))
    return text.replace(" | ", "  ").strip("| ").replace(r"\|", "|")


_GENERATED = re.compile(
    r"(?<=^<!-- generated: )(.+?)( -->\n).*?(?=^<!-- end of generated -->$)", re.MULTILINE | re.DOTALL
)


def with_generated(source: str, generate: Callable[[str], str]) -> str:
    """Replace each generated part. `generate` gets the part's name and returns Markdown."""
    return _GENERATED.sub(lambda part: f"{part[1]}{part[2]}{generate(part[1])}\n", source)
