"""`gjobs cleanup` archives jobs; `gjobs archive` lists and restores them."""

from typing import Any

import pytest

from tests.cli.cli_rows import ALL, FAILED, MISSING, SUCCEEDED, UNFINISHED, document, present
from tests.cli.command_line import OpenTerminal, Run, Sql

OLD = ("cleanup", "--older-than", "1d")


@pytest.fixture
def archived_jobs(gjobs: Run, url: str) -> None:
    """Archive the two finished jobs."""
    done = gjobs(*OLD, "--yes")
    assert (done.code, done.err) == (0, "Archived 2 jobs.\n")


@pytest.mark.usefixtures("archived_jobs")
class TestArchivedJobs:
    def test_cleanup_archives_old_finished_jobs_and_archive_list_shows_them_in_pages(
        self, gjobs: Run, sql: Sql
    ) -> None:
        assert present(sql) == UNFINISHED
        listed = gjobs("archive", "list", "--json").document
        assert all(one["archived_at"] for one in listed)
        assert [one | document(job) for one, job in zip(listed, (SUCCEEDED, FAILED), strict=True)] == listed
        of_autumn = gjobs("archive", "list", "--status", "failed", "--project", "Autumn catalog")
        title, row = of_autumn.out.splitlines()
        assert title.split() == ["ID", "STATUS", "COST", "CREATED", "ARCHIVED", "MODE", "PROJECT", "ERROR"]
        assert row.startswith(str(FAILED))
        assert gjobs("archive", "list", "--as", "ben@example.com").err == "No archived jobs.\n"
        (first,) = gjobs("archive", "list", "--limit", "1", "--json").document
        (second,) = gjobs("archive", "list", "--after", f"{first['created_at']},{first['id']}", "--json").document
        assert [first["id"], second["id"]] == [str(SUCCEEDED), str(FAILED)]
        shown = gjobs("jobs", "show", str(FAILED))
        assert shown.code == 1
        assert shown.err.splitlines() == [
            f"The job {FAILED} is in the archive.",
            f"'gjobs archive restore {FAILED} --profile world' restores it. --events shows its events.",
        ]
        assert "is in the archive" not in gjobs("jobs", "show", str(FAILED), "--as", "ben@example.com").err

    def test_archive_restore_restores_all_given_ids_or_none(self, gjobs: Run, sql: Sql) -> None:
        refused = gjobs("archive", "restore", str(FAILED), str(MISSING), "--json")
        assert refused.code == 1
        assert refused.document == {"restored": [], "missing": [str(MISSING)], "dropped_columns": []}
        assert FAILED not in present(sql)
        done = gjobs("archive", "restore", str(FAILED), str(FAILED))
        assert (done.code, done.err) == (0, "Restored 1 job.\n")
        assert FAILED in present(sql)
        shown = gjobs("jobs", "show", str(FAILED), "--events")
        assert shown.code == 0
        assert "archived, was failed" in shown.out
        assert "restored, failed" in shown.out

    def test_archive_restore_all_asks_for_confirmation(self, open_terminal: OpenTerminal, sql: Sql) -> None:
        terminal = open_terminal("archive", "restore", "--all")
        terminal.agree("Restore 2 jobs from the archive?", "  1 succeeded, $2.50", "Project: all", "Database: world (")
        assert "Restored 2 jobs." in terminal.screen
        assert present(sql) == ALL

    def test_archive_restore_restores_only_matching_jobs(self, gjobs: Run, sql: Sql) -> None:
        done = gjobs("archive", "restore", "--status", "failed", "--since", "1h", "--yes", "--json")
        assert done.document == {"found": 1, "done": 1, "left": 0, "stopped": False, "dropped_columns": []}
        assert present(sql) == ALL - {SUCCEEDED}
        assert gjobs("archive", "restore", "--status", "failed", "--yes").err == "No archived job matches.\n"

    def test_stats_reports_whether_archived_jobs_are_included(self, gjobs: Run) -> None:
        def stats(*options: str) -> list[Any]:
            plain = gjobs("stats", *options, "--json").document
            by_project = gjobs("stats", "--by", "project", *options, "--json").document
            return [plain | {"includes_archive": True}, by_project]

        for by in ([], ["--by", "project"]):
            assert gjobs("stats", *by).err == "Excludes 2 archived jobs. Add --archive to include them.\n"
            assert gjobs("stats", *by, "--archive").err == "Includes the archived jobs.\n"
        assert gjobs("stats", "--json").document["includes_archive"] is False
        assert gjobs("stats", "--archive", "--json").document["includes_archive"] is True
        whole, of_autumn = stats("--archive"), stats("--archive", "--project", "Autumn catalog")
        gjobs("archive", "restore", "--all", "--yes")
        assert (whole, of_autumn) == (stats(), stats("--project", "Autumn catalog"))
        assert gjobs("stats").err + gjobs("stats", "--by", "project").err == ""


def test_cleanup_question_names_the_command_that_restores_the_jobs(open_terminal: OpenTerminal, url: str) -> None:
    terminal = open_terminal(*OLD)
    terminal.decline("Archive 2 jobs, created before", "'gjobs archive restore --profile world' restores them.")
    assert "Nothing was archived." in terminal.screen
