"""`gjobs jobs delete`, and the question that it and `gjobs cleanup` ask before they delete."""

import signal
from uuid import UUID

import pytest

from tests.cli.cli_rows import ALL, BENS_JOB, FAILED, MISSING, QUEUED, RUNNING, SUCCEEDED, present
from tests.cli.command_line import PROMPT, OpenTerminal, Result, Run, Sql, assert_refused, run_process

pytestmark = pytest.mark.usefixtures("url")

DELETE = ("jobs", "delete", str(FAILED))

CLEANUP = ("cleanup", "--older-than", "1d", "--delete")


def test_jobs_delete_deletes_all_given_jobs_or_none(gjobs: Run, sql: Sql) -> None:
    for other in (MISSING, BENS_JOB):
        refused = gjobs("jobs", "delete", str(FAILED), str(other), "--as", "ada@example.com", "--yes", "--json")
        assert refused.code == 1
        assert refused.document == {"deleted": [], "missing": [str(other)]}
        assert str(other) in refused.err
        assert present(sql) == ALL
    assert_refused(gjobs(*DELETE, "--yes", "--json", "--as", "nobody@example.com"), 1, "nobody@example.com")

    deleted = gjobs("jobs", "delete", str(FAILED), str(SUCCEEDED), str(FAILED), "--yes", "--json")
    assert deleted.code == 0
    assert deleted.document == {"deleted": [str(FAILED), str(SUCCEEDED)], "missing": []}
    assert present(sql) == ALL - {FAILED, SUCCEEDED}
    assert gjobs("jobs", "delete", str(QUEUED), "--yes") == Result(code=0, out="", err="Deleted 1 job.\n")


def test_jobs_delete_question_names_each_job_and_the_database(open_terminal: OpenTerminal, sql: Sql) -> None:
    extra = [UUID(int=0xC0 + number) for number in range(6)]
    sql(
        "insert into public.generation_jobs (id, user_id, project_id, mode)"
        " select unnest(%s::uuid[]), user_id, id, 'packaging' from public.projects where name = 'Autumn catalog'",
        extra,
    )
    jobs = [FAILED, RUNNING, *extra]
    terminal = open_terminal("jobs", "delete", *map(str, jobs))
    shown = ("these 8 jobs", "Autumn catalog", "failed", "test_", "6 queued and 1 running")
    terminal.agree(*shown, *(job.hex[:8] for job in jobs))
    assert "Deleted 8 jobs." in terminal.screen
    assert FAILED not in present(sql)


def test_deletion_deletes_nothing_unless_the_answer_is_yes(open_terminal: OpenTerminal, sql: Sql) -> None:
    for command, answer in ((CLEANUP, "n\n"), *((DELETE, answer) for answer in ("\x04", "yess\n"))):
        terminal = open_terminal(*command)
        assert terminal.answer(answer) == 1
        assert "Nothing was deleted." in terminal.screen, answer
        assert present(sql) == ALL, answer
    typed_before = open_terminal(*DELETE)
    typed_before.type("y\n")
    typed_before.decline()
    assert present(sql) == ALL
    for command in (DELETE, CLEANUP):
        assert_refused(run_process(*command, stdin="y\n"), 2, "--yes")
        assert present(sql) == ALL, "deletion without a terminal requires --yes"


def test_jobs_delete_deletes_nothing_if_a_job_changed_meanwhile(open_terminal: OpenTerminal, sql: Sql) -> None:
    terminal = open_terminal("jobs", "delete", str(FAILED), str(QUEUED), "--json")
    terminal.read_until(PROMPT)
    sql("update public.generation_jobs set status = 'running' where id = %s", QUEUED)
    terminal.type("y\n")
    assert terminal.finish() == 1
    assert "is now running, not queued. Nothing was deleted." in terminal.screen
    assert '"deleted": []' in terminal.screen
    assert present(sql) == ALL


def test_signal_during_the_question_deletes_nothing(open_terminal: OpenTerminal, sql: Sql) -> None:
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)):
        terminal = open_terminal(*DELETE)
        terminal.read_until(PROMPT)
        terminal.process.send_signal(number)
        assert terminal.finish() == code
        assert "Traceback" not in terminal.screen
        assert present(sql) == ALL
