"""SQL of error fingerprints and group ids, for Postgres 13 or later. It mirrors `fingerprint` step by step."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from gjobs.store.error_groups.error_group import (
    EXCEPTION,
    FIRST_LINE,
    JSON_MESSAGES,
    JSON_ORIGIN,
    LINE_ENDS,
    LOOKS_LIKE_JSON,
    MARKUP_STARTS,
    MOST_CHARACTERS,
    MOST_OF_LINE,
    MOST_OF_PAGE,
    MOST_READ,
    NOT_IN_ORIGIN,
    SPACES,
    STEPS,
    TAG,
    Replacement,
    ReplacementStep,
)
from gjobs.store.jobs.job import TRACEBACK
from gjobs.store.values.formats import ERROR_GROUP_DIGITS


def _quoted(text: str) -> str:
    """Return a literal that means the same whatever `standard_conforming_strings` is."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _characters(characters: str) -> str:
    return " || ".join(f"chr({ord(one)})" for one in characters)


def _decoded(pattern: str) -> str:
    """Return SQL that finds and decodes a JSON string. In databases with another encoding than UTF-8, strings
    with Unicode escapes are not decoded.
    """
    found = f"substring(head, {_quoted(pattern)})"
    return (
        f"CASE WHEN getdatabaseencoding() = 'UTF8' OR strpos({found}, {_quoted(chr(92) + 'u')}) = 0"
        f""" THEN CAST('"' || {found} || '"' AS json) #>> '{{}}' ELSE {found} END"""
    )


def _replaced(step: ReplacementStep, lines: str) -> str:
    """Return a subquery with the column `line`, in which the values of a step are replaced."""
    line = _after("line", step.replacements)
    if step.guard is not None:
        line = f"CASE WHEN line ~ {_quoted(step.guard)} THEN {line} ELSE {_after('line', step.otherwise)} END"
    return f"SELECT {line} AS line FROM (\n{lines} OFFSET 0) lines"  # noqa: S608 - of constants


def _after(line: str, replacements: Iterable[Replacement]) -> str:
    for one in replacements:
        line = f"regexp_replace({line}, {_quoted(one.pattern)}, {_quoted(one.placeholder)}, 'g')"
    return line


@cache
def fingerprint_sql(error: str) -> str:
    """Return SQL for the fingerprint of the column or expression `error`. Never null.

    OFFSET 0 keeps the planner from merging the steps, which would repeat each one.
    """
    messages = ", ".join(map(_decoded, JSON_MESSAGES))
    origin = f"translate(substring(head, {_quoted(JSON_ORIGIN)}), {_characters(NOT_IN_ORIGIN)}, '')"
    texts = f"regexp_replace(left(head, {MOST_OF_PAGE}), {_quoted(TAG)}, chr(10), 'g')"
    texts = f"ltrim({texts}, {_characters(SPACES)})"
    starts = ", ".join(map(_quoted, MARKUP_STARTS))
    after_traceback = f"right(message, strpos(reverse(message), reverse('{TRACEBACK}')) - 1)"
    lines = f"""\
SELECT left(coalesce(
           CASE WHEN strpos(message, '{TRACEBACK}') > 0 THEN substring({after_traceback}, {_quoted(EXCEPTION)}) END,
           substring(ltrim(message, {_characters(SPACES)}), {_quoted(FIRST_LINE)}), ''), {MOST_OF_LINE}) AS line FROM (
SELECT CASE
           WHEN left(ltrim(head, {_characters(SPACES)}), {len(MARKUP_STARTS[0])}) IN ({starts})
               THEN coalesce(nullif({texts}, ''), head)
           WHEN head ~ {_quoted(LOOKS_LIKE_JSON)}
               THEN coalesce(coalesce({origin} || ' ', '') || coalesce({messages}),
                            translate(head, {_characters(LINE_ENDS)}, '  '))
           WHEN strpos(head, '{TRACEBACK}') > 0 THEN right({error}, {MOST_READ})
           ELSE head END AS message FROM (
SELECT left({error}, {MOST_READ}) AS head OFFSET 0) heads OFFSET 0) messages"""  # noqa: S608 - of constants
    for step in STEPS:
        lines = _replaced(step, lines)
    return f"(\nSELECT btrim(left(line, {MOST_CHARACTERS}), ' ') FROM (\n{lines} OFFSET 0) replaced)"


class Fingerprint(FunctionElement[str]):
    """The fingerprint of an error column."""

    type = Text()
    inherit_cache = True


class GroupId(FunctionElement[str]):
    """The id of the group with a fingerprint."""

    type = Text()
    inherit_cache = True


class StoredGroupId(FunctionElement[str]):
    """The stored group of an error, which is computed if it is not stored."""

    type = Text()
    inherit_cache = True


@compiles(StoredGroupId)
def _compile_stored_group_id(element: StoredGroupId, compiler: SQLCompiler, **options: Any) -> str:
    error = compiler.process(element.clauses, **options)
    # Only the value of a subquery is compared inside a view with a security barrier, and so found by the index.
    return f"""coalesce((
SELECT stored.error_group FROM gjobs.visible_error_groups stored
 WHERE stored.error_hash = (SELECT gjobs.error_hash({error}))
), gjobs.error_group({error}))"""  # noqa: S608 - of a column


@compiles(Fingerprint)
def _compile_fingerprint(element: Fingerprint, compiler: SQLCompiler, **options: Any) -> str:
    return fingerprint_sql(compiler.process(element.clauses, **options))


@compiles(GroupId)
def _compile_group_id(element: GroupId, compiler: SQLCompiler, **options: Any) -> str:
    return group_id_sql(compiler.process(element.clauses, **options))


def group_id_sql(fingerprint: str) -> str:
    """Return SQL for the id of the group. `fingerprint` is SQL. The hash is of UTF-8, whatever the database uses."""
    encoding = "CASE getdatabaseencoding() WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END"
    return f"left(encode(sha256(convert_to({fingerprint}, {encoding})), 'hex'), {ERROR_GROUP_DIGITS})"
