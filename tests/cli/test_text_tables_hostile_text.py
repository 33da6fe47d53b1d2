"""Hostile text from the database is escaped in tables and messages, and unchanged in JSON documents."""

from uuid import UUID

import pytest

from tests.cli.cli_rows import ADA, AUTUMN
from tests.cli.command_line import OpenTerminal, Result, Run, Sql

HOSTILE = {
    "markup": "[bold red]x[/] [/oops] [@click=app.quit]click[/]",
    "control characters": "\x1b[2J\x1b]0;owned\x07\x1b[31mred \x9b31m abc\u202egpj.exe\u2066\u200f\ufeff",
    "wide": "秋の目録 👩‍👩‍👧 한국어",
    "line ends": "one\r\ntwo\nthree\u2028four\x85five\ttab",
    "long": "x" * 10_000,
    "json": '{"message": "\\u001b[2J boom \\u202e", "stack": "a\\nb"}',
}

pytestmark = pytest.mark.usefixtures("url")


def assert_harmless(result: Result, lines: int | None = None) -> None:
    for stream in (result.out, result.err):
        assert [line for line in stream.split("\n") if not line.isprintable()] == []
    if lines is not None:
        assert len(result.out.split("\n")) == lines + 1


def test_tables_and_errors_escape_hostile_text_and_json_keeps_it(gjobs: Run, sql: Sql) -> None:
    jobs = {str(UUID(int=0xC0 + number)): text for number, text in enumerate(HOSTILE.values())}
    for job, text in jobs.items():
        sql("insert into public.projects (id, user_id, name) values (%s, %s, %s)", job, ADA, text)
        sql(
            "insert into public.generation_jobs (id, user_id, project_id, status, mode, error)"
            " values (%s, %s, %s, 'failed', %s, %s)",
            *(job, ADA, job, text, text),
        )
    assert_harmless(gjobs("projects"), lines=3 + len(jobs))
    assert_harmless(gjobs("jobs", "list"), lines=6 + len(jobs))
    assert_harmless(gjobs("stats", "--by", "project"), lines=6 + len(jobs))
    assert {*HOSTILE.values()} < {project["name"] for project in gjobs("projects", "--json").document}
    for job, text in jobs.items():
        assert_harmless(gjobs("jobs", "show", job))
        shown = gjobs("jobs", "show", job, "--json")
        assert shown.out.isascii(), text
        assert_harmless(shown)
        assert (shown.document["mode"], shown.document["error"]) == (text, text)
        assert [one["id"] for one in gjobs("jobs", "list", "--project", text, "--json").document] == [job], text

    for text in (HOSTILE["control characters"], HOSTILE["line ends"]):
        assert_harmless(gjobs("jobs", "list", "--project", text[:5]))
        assert_harmless(gjobs("jobs", "list", "--project", f"{text}!"))
        assert_harmless(gjobs("jobs", "list", "--status", text))
        assert_harmless(gjobs("jobs", "show", text))
        assert_harmless(gjobs("users", "--as", text))
    assert_harmless(gjobs("jobs", "update", job, "--cost-cents", "1"), lines=2)


def test_deletion_question_escapes_hostile_text(open_terminal: OpenTerminal, sql: Sql) -> None:
    jobs = [UUID(int=0xC0 + number << 96) for number, _ in enumerate(HOSTILE)]
    for job, text in zip(jobs, HOSTILE.values(), strict=True):
        sql(
            "insert into public.generation_jobs (id, user_id, project_id, status, mode, error)"
            " select %s, user_id, id, 'failed', %s, %s from public.projects where id = %s",
            *(job, text, text, AUTUMN),
        )
    sql("update public.projects set name = %s where id = %s", HOSTILE["control characters"], AUTUMN)
    terminal = open_terminal("jobs", "delete", *map(str, jobs), environment={"NO_COLOR": "1"})
    terminal.decline(*(job.hex[:8] for job in jobs))
    assert all(line.isprintable() for line in terminal.screen.split("\r\n"))
