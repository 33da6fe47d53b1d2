"""Texts are plain English: no word that the glossary replaces, and no long sentence."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import pytest

from gjobs.tui.manual.pages import with_generated
from tests.manual import README, pages

ROOT = README.parent

pytestmark = pytest.mark.xdist_group("sources")
"""One process parses the sources."""

MOST_WORDS = 25
"""The maximum number of words in a sentence."""

FORBIDDEN = (
    r"eyes?",
    r"dear(?:er|est)?",
    r"mend(?:s|ed|ing)?",
    r"looks? again",
    r"look(?:s|ed)? for",
    r"sums",
    r"links? (?:breaks?|broke|broken)",
    r"puts? away",
    r"works? off",
    r"in hand",
    r"hand(?:s|ed)? back",
    r"desks?",
    r"errands?",
    r"wish(?:es|ed)?",
    r"right of way",
    r"seats?",
    r"lens",
    r"happenings",
    r"used up",
    r"in all(?=[.,;])",
    r"whereabouts",
    r"storms?",
    r"witness(?:es)?",
    r"crews?",
    r"tells?",
    r"told",
    r"things?",
    r"people",
    r"anew",
    r"who(?:m)?ever",
    r"that which",
    r"be they",
    r"where (?:there|it) is none",
)
"""The left column of the glossary, and unusual turns of phrase."""


class Sentence(NamedTuple):
    place: str
    text: str


_SQL = re.compile(
    r"[\s(]*(?:select|insert|update|delete|create|alter|with|set|begin|grant|revoke|drop|comment|case|and|or|from|where|"
    r"exists|lock|union|values|truncate|for)\b(?=.*(?:\(|=|\bon\b|\bas\b|\bfrom\b|\bto\b|\bpublic\.|\bgjobs\.))",
    re.DOTALL,
)
_CODE = re.compile(r"[A-Z]+ {\s|returns TABLE|[;{}]\s*$|pg_catalog|::|\bfrom gjobs\.|<[a-z]+>|\\x1b", re.MULTILINE)


def _written(node: ast.AST) -> str | None:
    """Return the text of a literal. A placeholder counts as one word."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_written(part) or "" if isinstance(part, ast.Constant) else "X" for part in node.values)
    return None


def _texts(tree: ast.AST, *, with_literals: bool) -> Iterator[tuple[int, str]]:
    """Yield docstrings, and literals of at least three words that are not SQL, a style sheet or a pattern."""
    docstrings: set[int] = set()
    parts: set[int] = set()
    nodes = list(ast.walk(tree))
    for node in nodes:
        body = getattr(node, "body", None)
        if isinstance(body, list):
            docstrings.update(id(one.value) for one in body if isinstance(one, ast.Expr))
        if isinstance(node, ast.JoinedStr):
            parts.update(map(id, node.values))
    for node in nodes:
        text = _written(node)
        if text is None or id(node) in parts:
            continue
        is_prose = len(text.split()) >= 3 and not _SQL.match(text.lower()) and not _CODE.search(text)
        if id(node) in docstrings or (with_literals and is_prose):
            yield getattr(node, "lineno", 0), text


def _comments(source: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source.splitlines(), 1):
        found = re.search(r"(?:^|\s)# (?!noqa|type:|pragma)(.*)", line)
        if found:
            yield number, found[1]


def _sentences(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n|\n\s*[-*] ", text):
        flat = re.sub(r"\s+", " ", paragraph.strip())
        yield from (part for part in re.split(r"(?<=[.!?:;])\s+", flat) if part)


def _of_python(folder: str, *, with_literals: bool = True) -> Iterator[Sentence]:
    for file in sorted((ROOT / folder).rglob("*.py")):
        source = file.read_text(encoding="utf-8")
        for line, text in (*_texts(ast.parse(source), with_literals=with_literals), *_comments(source)):
            for sentence in _sentences(text):
                yield Sentence(f"{file.relative_to(ROOT)}:{line}", sentence)


def _of_sql(folder: str) -> Iterator[Sentence]:
    """Yield comments, and the texts that describe tables and columns. Comments on neighboring lines belong together."""
    comment = re.compile(r"^[ \t]*--(.*(?:\n[ \t]*--.*)*)", re.MULTILINE)
    description = re.compile(r"^comment on .*? is\s+'((?:[^']|'')+)'", re.MULTILINE)
    for file in sorted((ROOT / folder).rglob("*.sql")):
        source = file.read_text(encoding="utf-8")
        for found in (*comment.finditer(source), *description.finditer(source)):
            line = source.count("\n", 0, found.start(1)) + 1
            for sentence in _sentences(re.sub(r"\n[ \t]*--", "\n", found[1]).replace("''", "'")):
                yield Sentence(f"{file.relative_to(ROOT)}:{line}", sentence)


def _of_pages() -> Iterator[Sentence]:
    """Yield the prose of README and manual, without code, tables, headings and generated parts."""
    for path in pages():
        written = with_generated(path.read_text(encoding="utf-8"), lambda _: "")
        text = re.sub(r"^```.*?^```$", "", written, flags=re.MULTILINE | re.DOTALL)
        text = re.sub(r"^(#|\||!\[|<).*$", "\n", text, flags=re.MULTILINE)
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", re.sub(r"`[^`\n]*`", "code", text))
        text = re.sub(r"\n(?=\s*(?:- |\d+\. ))", "\n\n", text)
        for sentence in _sentences(text):
            yield Sentence(path.name, sentence)


@cache
def _all() -> tuple[Sentence, ...]:
    folders = ("store", "tui", "migrations", "screenshots")
    product = [sentence for folder in folders for sentence in _of_python(folder)]
    sql = [sentence for folder in folders for sentence in _of_sql(folder)]
    # Literals and SQL files of tests are left out: they are mostly data and dumps.
    return (*product, *sql, *_of_python("tests", with_literals=False), *_of_pages())


def test_texts_use_no_word_that_the_glossary_replaces() -> None:
    pattern = re.compile(rf"\b(?:{'|'.join(FORBIDDEN)})\b", re.IGNORECASE)
    found = [f"{one.place}: {match[0]!r} in {one.text}" for one in _all() if (match := pattern.search(one.text))]
    assert not found, "\n".join(found)


def test_sentences_have_at_most_25_words() -> None:
    found = [
        f"{one.place}: {len(one.text.split())} words: {one.text}"
        for one in _all()
        if len(one.text.split()) > MOST_WORDS
    ]
    assert not found, "\n".join(found)
