"""The command line on a database whose app has a status that the workflow lacks."""

import csv
import io
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from tests.cli.cli_rows import AUTUMN, QUEUED, fill
from tests.cli.command_line import Configure, Run, profile, uri
from tests.conftest import Conninfo, connect

CANCELLED = [UUID(int=0xCA00 + number) for number in range(20)]


@pytest.fixture
def wider(
    migrated_copy: Conninfo, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> Iterator[psycopg.Connection]:
    """The small world, and twenty jobs that the app has cancelled."""
    with connect(migrated_copy, autocommit=True) as connection:
        connection.execute("alter table generation_jobs drop constraint generation_jobs_status_check")
        connection.execute(
            "alter table generation_jobs add constraint generation_jobs_status_check"
            " check (status in ('queued', 'running', 'succeeded', 'failed', 'cancelled', E'\\x1b[31mred'))"
        )
        fill(connection)
        connection.execute("update projects set created_at = now() where id = %s", [AUTUMN])  # The dashboard shows it.
        for job_id in CANCELLED:
            connection.execute(
                "insert into generation_jobs (id, user_id, project_id, status, mode, cost_cents)"
                " select %s, user_id, id, 'cancelled', 'lifestyle', 5 from projects where id = %s",
                [job_id, AUTUMN],
            )
        configure(profile("wider", uri(migrated_copy), write=True))
        monkeypatch.setenv("GJOBS_PROFILE", "wider")
        yield connection


@pytest.mark.usefixtures("wider")
class TestUnknownStatus:
    def test_list_has_the_jobs(self, gjobs: Run) -> None:
        listed = gjobs("jobs", "list", "--status", "cancelled", "--json")
        assert (listed.code, {one["status"] for one in listed.document}) == (0, {"cancelled"})
        assert len(listed.document) == 20
        assert gjobs("jobs", "list").out.count("cancelled") == 20

    def test_filter_finds_the_jobs(self, gjobs: Run) -> None:
        found = gjobs("jobs", "list", "--filter", "status:cancelled", "--json")
        assert (found.code, len(found.document)) == (0, 20)

    @pytest.mark.parametrize("option", [("--status", "faild"), ("--filter", "status:faild")])
    def test_a_slip_of_a_status_is_refused_with_the_one_meant(self, gjobs: Run, option: tuple[str, str]) -> None:
        refused = gjobs("jobs", "list", *option)
        assert refused.code == 2
        assert "failed" in refused.err

    def test_show_prints_the_job(self, gjobs: Run) -> None:
        shown = gjobs("jobs", "show", str(CANCELLED[0]), "--events")
        assert shown.code == 0
        assert "status       cancelled" in shown.out

    @pytest.mark.parametrize("command", [("stats",), ("stats", "--archive"), ("stats", "--by", "project")])
    def test_stats_count_it_under_its_own_name(self, gjobs: Run, command: tuple[str, ...]) -> None:
        counted = gjobs(*command)
        assert counted.code == 0, counted.err
        assert "cancelled" in counted.out

    def test_metrics_have_its_own_label(self, gjobs: Run) -> None:
        metrics = gjobs("metrics")
        assert metrics.code == 0, metrics.err
        assert 'gjobs_jobs{status="cancelled"} 20.0' in metrics.out

    def test_export_writes_the_jobs(self, gjobs: Run) -> None:
        exported = gjobs("jobs", "export", "-", "--format", "csv")
        assert exported.code == 0, exported.err
        rows = list(csv.DictReader(io.StringIO(exported.out)))
        assert sum(row["status"] == "cancelled" for row in rows) == 20

    def test_watch_goes_on(self, gjobs: Run, wider: psycopg.Connection, tmp_path: object) -> None:
        place = f"{tmp_path}/place"
        begun = gjobs("watch", "--until", "left<100", "--resume", place)
        assert begun.code == 8, begun.err
        wider.execute("update generation_jobs set status = 'cancelled', updated_at = now() where id = %s", [QUEUED])
        told = gjobs("watch", "--until", "left<100", "--resume", place)
        assert told.code == 8, told.err
        assert "queued    → cancelled" in told.out

    def test_snapshot_shows_the_jobs_in_a_quiet_style(self, gjobs: Run) -> None:
        drawn = gjobs("snapshot")
        assert drawn.code == 0, drawn.err
        assert "∙ cancelled" in drawn.out, drawn.out
        assert "∙ cancelled 20" in drawn.out

    @pytest.mark.parametrize("target", ["running", "succeeded", "failed"])
    def test_transition_is_refused_in_one_sentence(self, gjobs: Run, target: str) -> None:
        refused = gjobs("jobs", "transition", str(CANCELLED[0]), target)
        assert refused.code == 1
        assert "this one is cancelled, a status outside the workflow." in refused.err

    def test_transition_to_it_is_refused(self, gjobs: Run) -> None:
        refused = gjobs("jobs", "transition", str(QUEUED), "cancelled")
        assert (refused.code, "'cancelled' is not known" in refused.err) == (2, True)

    def test_cleanup_archives_and_restores_it(self, gjobs: Run, wider: psycopg.Connection) -> None:
        wider.execute("update generation_jobs set created_at = now() - interval '9 days' where status = 'cancelled'")
        done = gjobs("cleanup", "--older-than", "1d", "--status", "cancelled", "--yes")
        assert (done.code, done.err) == (0, "Archived 20 jobs.\n")
        assert gjobs("archive", "list", "--status", "cancelled").out.count("cancelled") == 20
        back = gjobs("archive", "restore", "--status", "cancelled", "--yes")
        assert back.code == 0, back.err

    def test_retention_refuses_it(self, gjobs: Run) -> None:
        refused = gjobs("retention", "set", "--older-than", "1d", "--status", "cancelled", "--yes")
        assert refused.code == 2
        assert "'cancelled' is not one." in refused.err

    def test_doctor_and_verify_have_nothing_against_it(self, gjobs: Run) -> None:
        examined = gjobs("doctor", "--json")
        assert "generation_jobs_status_check" not in "".join(
            f"{one['sentence']}{one['sql'] or ''}"
            for one in examined.document["findings"]
            if one["severity"] == "problem"
        )
        assert gjobs("migrate", "verify").code == 0

    def test_status_with_control_characters_is_drawn_harmlessly(self, gjobs: Run, wider: psycopg.Connection) -> None:
        wider.execute("update generation_jobs set status = E'\\x1b[31mred' where id = %s", [str(CANCELLED[0])])
        for command in (("jobs", "list"), ("jobs", "show", str(CANCELLED[0]), "--events"), ("stats",), ("snapshot",)):
            printed = gjobs(*command)
            assert printed.code == 0, printed.err
            assert "\x1b[31mred" not in printed.out
            assert "red" in printed.out
        refused = gjobs("jobs", "transition", str(CANCELLED[0]), "running")
        assert "\x1b" not in refused.err
