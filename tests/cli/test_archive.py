"""`gjobs cleanup --archive` and `gjobs archive`: jobs are put away, listed, and come back as they were."""

from pathlib import Path
from uuid import UUID

import pytest

from tests.cli.support import Configure, OpenTerminal, Run, Sql, profile, uri
from tests.cli.world import BENS, FAILED, NOBODY, QUEUED, RUNNING, SUCCEEDED, document
from tests.conftest import Conninfo

PROMPT = "anything else for no: "

OLD = ("cleanup", "--older-than", "1d")

ALL = {QUEUED, RUNNING, SUCCEEDED, FAILED, BENS}


def present(sql: Sql) -> set[UUID]:
    return {UUID(str(row[0])) for row in sql("select id from public.generation_jobs")}


@pytest.fixture
def full(gjobs: Run, url: str) -> None:
    """The two finished jobs are put away."""
    done = gjobs(*OLD, "--yes")
    assert (done.code, done.err) == (0, "Archived 2 jobs.\n")


@pytest.mark.usefixtures("full")
class TestArchivedJobs:
    def test_cleanup_archives_old_finished_jobs_by_default(self, gjobs: Run, sql: Sql) -> None:
        assert present(sql) == {QUEUED, RUNNING, BENS}
        listed = gjobs("archive", "list", "--json").document
        assert [{**one, "archived_at": None} for one in listed] == [
            {**document(job), "archived_at": None} | _later(gjobs, job, listed) for job in (SUCCEEDED, FAILED)
        ]

    def test_archive_list_prints_a_table_of_archived_jobs(self, gjobs: Run) -> None:
        listed = gjobs("archive", "list", "--status", "failed", "--project", "Autumn catalog")
        title, row = listed.out.splitlines()
        assert title.split() == ["ID", "STATUS", "COST", "CREATED", "ARCHIVED", "MODE", "PROJECT", "ERROR"]
        assert row.startswith(str(FAILED))
        assert gjobs("archive", "list", "--as", "ben@example.com").err == "No archived jobs.\n"

    def test_archive_list_pages_with_the_after_key(self, gjobs: Run) -> None:
        (first,) = gjobs("archive", "list", "--limit", "1", "--json").document
        (second,) = gjobs("archive", "list", "--after", f"{first['created_at']},{first['id']}", "--json").document
        assert [first["id"], second["id"]] == [str(SUCCEEDED), str(FAILED)]

    def test_archive_restore_restores_all_given_ids_or_none(self, gjobs: Run, sql: Sql) -> None:
        refused = gjobs("archive", "restore", str(FAILED), str(NOBODY), "--json")
        assert (refused.code, refused.document) == (
            1,
            {"restored": [], "missing": [str(NOBODY)], "dropped_columns": []},
        )
        assert FAILED not in present(sql)
        done = gjobs("archive", "restore", str(FAILED), str(FAILED))
        assert (done.code, done.err) == (0, "Restored 1 job.\n")
        assert FAILED in present(sql)

    def test_job_events_show_that_a_job_was_archived_and_restored(self, gjobs: Run) -> None:
        gjobs("archive", "restore", str(FAILED))
        told = gjobs("jobs", "show", str(FAILED), "--events")
        assert told.code == 0
        assert "archived, was failed" in told.out
        assert "restored, failed" in told.out

    def test_archive_restore_all_asks_for_confirmation(self, open_terminal: OpenTerminal, sql: Sql) -> None:
        terminal = open_terminal("archive", "restore", "--all")
        terminal.read_until(PROMPT)
        for words in ("Restore 2 jobs from the archive?", "  1 succeeded, $2.50", "Project: all", "Database: world ("):
            assert words in terminal.screen
        terminal.type("y\n")
        assert terminal.finish() == 0
        assert "Restored 2 jobs." in terminal.screen
        assert present(sql) == ALL

    def test_archive_restore_restores_only_matching_jobs(self, gjobs: Run, sql: Sql) -> None:
        done = gjobs("archive", "restore", "--status", "failed", "--since", "1h", "--yes", "--json")
        assert done.document == {"found": 1, "done": 1, "left": 0, "stopped": False, "dropped_columns": []}
        assert present(sql) == ALL - {SUCCEEDED}
        assert gjobs("archive", "restore", "--status", "failed", "--yes").err == "No archived job is so.\n"

    def test_stats_reports_whether_archived_jobs_are_included(self, gjobs: Run) -> None:
        without = gjobs("stats")
        assert without.err == "Without the archived jobs, which are 2: --archive adds them.\n"
        assert gjobs("stats", "--json").document["includes_archive"] is False
        added = gjobs("stats", "--archive")
        assert added.err == "With the archived jobs.\n"
        whole = gjobs("stats", "--archive", "--json", "--project", "Autumn catalog").document
        gjobs("archive", "restore", "--all", "--yes")
        assert whole == {**gjobs("stats", "--json", "--project", "Autumn catalog").document, "includes_archive": True}
        assert gjobs("stats").err == ""

    def test_stats_by_project_reports_whether_archived_jobs_are_included(self, gjobs: Run) -> None:
        by_project = ("stats", "--by", "project")
        assert gjobs(*by_project).err == "Without the archived jobs, which are 2: --archive adds them.\n"
        added = gjobs(*by_project, "--archive")
        assert added.err == "With the archived jobs.\n"
        whole = gjobs(*by_project, "--archive", "--json").document
        of_autumn = gjobs(*by_project, "--archive", "--json", "--project", "Autumn catalog").document
        gjobs("archive", "restore", "--all", "--yes")
        assert whole == gjobs(*by_project, "--json").document
        assert of_autumn == gjobs(*by_project, "--json", "--project", "Autumn catalog").document
        assert gjobs("stats", "--by", "mode", "--archive").code == 2

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ([], "It is not said what is to be restored."),
            (["--all", "--status", "failed"], "--all restores every archived job."),
            ([str(FAILED), "--all"], "Ids say already which jobs are meant."),
        ],
    )
    def test_archive_restore_requires_exactly_one_selection_of_jobs(
        self, gjobs: Run, options: list[str], words: str
    ) -> None:
        refused = gjobs("archive", "restore", "--yes", *options)
        assert refused.code == 2
        assert refused.err.startswith(words)

    def test_jobs_show_reports_that_a_job_is_archived(self, gjobs: Run) -> None:
        told = gjobs("jobs", "show", str(FAILED))
        assert told.code == 1
        assert told.err.splitlines() == [
            f"The job {FAILED} is in the archive.",
            f"'gjobs archive restore {FAILED}' brings it back, and --events tells what happened to it.",
        ]
        assert "is in the archive" not in gjobs("jobs", "show", str(FAILED), "--as", "ben@example.com").err

    def test_read_only_session_restores_no_archived_job(self, gjobs: Run, sql: Sql) -> None:
        for options in (["--all", "--yes"], [str(FAILED)]):
            assert gjobs("archive", "restore", *options, "--read-only").code == 6
        assert FAILED not in present(sql)


def _later(gjobs: Run, job: UUID, listed: list[dict[str, object]]) -> dict[str, object]:
    """What later revisions add to a job's document."""
    (one,) = (found for found in listed if found["id"] == str(job))
    return {name: value for name, value in one.items() if name not in {*document(job), "archived_at"}}


def test_cleanup_question_names_the_command_that_restores_the_jobs(open_terminal: OpenTerminal, url: str) -> None:
    terminal = open_terminal(*OLD)
    terminal.read_until(PROMPT)
    assert "Archive 2 jobs, created before" in terminal.screen
    assert "'gjobs archive restore' brings them back." in terminal.screen
    terminal.type("n\n")
    assert terminal.finish() == 1
    assert "Nothing was archived." in terminal.screen


def test_database_without_an_archive_names_the_required_revision(
    gjobs: Run, attached_database: Conninfo, configure: Configure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configure(profile("app", uri(attached_database), write=True))
    monkeypatch.setenv("GJOBS_PROFILE", "app")
    for command in ((*OLD, "--dry-run"), ("archive", "list")):
        refused = gjobs(*command)
        assert refused.code == 5
        assert refused.err.startswith(
            "This database keeps no archive of its jobs.\n'gjobs migrate up' brings revision 0008, which keeps one."
        )
    assert gjobs(*OLD, "--dry-run", "--delete").code == 0
