"""`gjobs jobs delete`: it asks, and deletes all or none."""

import signal
from uuid import UUID

import pytest

from tests.cli.support import OpenTerminal, Run, Sql, run_process
from tests.cli.world import BENS, FAILED, NOBODY, QUEUED, RUNNING, SUCCEEDED

pytestmark = pytest.mark.usefixtures("url")

PROMPT = "anything else for no: "


@pytest.fixture
def present(sql: Sql) -> "Present":
    return Present(sql)


class Present:
    """Which jobs are there."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def __call__(self, *jobs: UUID) -> bool:
        rows = self._sql("select id from public.generation_jobs")
        return {row[0] for row in rows}.issuperset(jobs)


def test_jobs_delete_with_yes_deletes_all_given_jobs(gjobs: Run, present: Present) -> None:
    deleted = gjobs("jobs", "delete", str(FAILED), str(SUCCEEDED), str(FAILED), "--yes", "--json")
    assert deleted.code == 0
    assert deleted.document == {"deleted": [str(FAILED), str(SUCCEEDED)], "missing": []}
    assert not present(FAILED)
    assert not present(SUCCEEDED)
    assert present(QUEUED, RUNNING, BENS)


def test_jobs_delete_prints_its_summary_on_stderr(gjobs: Run) -> None:
    deleted = gjobs("jobs", "delete", str(FAILED), "--yes")
    assert (deleted.code, deleted.out, deleted.err) == (0, "", "Deleted 1 job.\n")


@pytest.mark.parametrize("other", [NOBODY, BENS])
def test_jobs_delete_deletes_all_given_jobs_or_none(gjobs: Run, present: Present, other: UUID) -> None:
    refused = gjobs("jobs", "delete", str(FAILED), str(other), "--as", "ada@example.com", "--yes", "--json")
    assert refused.code == 1
    assert refused.document == {"deleted": [], "missing": [str(other)]}
    assert str(other) in refused.err
    assert present(FAILED, BENS)


def test_read_only_session_deletes_no_job(gjobs: Run, present: Present) -> None:
    assert gjobs("jobs", "delete", str(FAILED), "--yes", "--read-only").code == 6
    assert present(FAILED)


def test_jobs_delete_as_an_unknown_user_reports_the_user(gjobs: Run) -> None:
    refused = gjobs("jobs", "delete", str(FAILED), "--yes", "--json", "--as", "nobody@example.com")
    assert (refused.code, refused.out) == (1, "")
    assert "nobody@example.com" in refused.err


def test_jobs_delete_without_a_terminal_requires_yes(present: Present) -> None:
    refused = run_process("jobs", "delete", str(FAILED), stdin="y\n")
    assert (refused.code, refused.out) == (2, "")
    assert "--yes" in refused.err
    assert present(FAILED)


def test_jobs_delete_question_names_each_job_and_the_database(
    open_terminal: OpenTerminal, present: Present, sql: Sql
) -> None:
    extra = [UUID(int=0xC0 + number) for number in range(6)]
    for job in extra:
        sql(
            "insert into public.generation_jobs (id, user_id, project_id, mode)"
            " select %s, user_id, id, 'packaging' from public.projects where name = 'Autumn catalog'",
            job,
        )
    jobs = [FAILED, RUNNING, *extra]
    terminal = open_terminal("jobs", "delete", *map(str, jobs))
    terminal.read_until(PROMPT)
    for job in jobs:
        assert job.hex[:8] in terminal.screen
    for words in ("these 8 jobs", "Autumn catalog", "failed", "test_", "6 still queued and 1 still running"):
        assert words in terminal.screen
    terminal.type("y\n")
    assert terminal.finish() == 0
    assert "Deleted 8 jobs." in terminal.screen
    assert not present(FAILED)


@pytest.mark.parametrize("answer", ["n\n", "\n", "\x04", "yess\n"])
def test_jobs_delete_deletes_nothing_unless_the_answer_is_yes(
    open_terminal: OpenTerminal, present: Present, answer: str
) -> None:
    terminal = open_terminal("jobs", "delete", str(FAILED))
    terminal.read_until(PROMPT)
    terminal.type(answer)
    assert terminal.finish() == 1
    assert "Nothing was deleted." in terminal.screen
    assert present(FAILED)


def test_jobs_delete_ignores_input_typed_before_the_question(open_terminal: OpenTerminal, present: Present) -> None:
    terminal = open_terminal("jobs", "delete", str(FAILED))
    terminal.type("y\n")
    terminal.read_until(PROMPT)
    terminal.type("n\n")
    assert terminal.finish() == 1
    assert present(FAILED)


def test_jobs_delete_deletes_nothing_when_a_job_changed_during_the_question(
    open_terminal: OpenTerminal, present: Present, sql: Sql
) -> None:
    terminal = open_terminal("jobs", "delete", str(FAILED), str(QUEUED), "--json")
    terminal.read_until(PROMPT)
    sql("update public.generation_jobs set status = 'running' where id = %s", QUEUED)
    terminal.type("y\n")
    assert terminal.finish() == 1
    assert "is running by now, not queued: nothing was deleted." in terminal.screen
    assert '"deleted": []' in terminal.screen
    assert present(FAILED, QUEUED)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_signal_during_the_question_deletes_nothing(
    open_terminal: OpenTerminal, present: Present, number: signal.Signals, code: int
) -> None:
    terminal = open_terminal("jobs", "delete", str(FAILED))
    terminal.read_until(PROMPT)
    terminal.process.send_signal(number)
    assert terminal.finish() == code
    assert "Traceback" not in terminal.screen
    assert present(FAILED)
