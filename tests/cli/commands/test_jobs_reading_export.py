"""`gjobs jobs export` writes all matching jobs to a file, or no file at all."""

import csv
import json
import math
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gjobs.store.filters.filter_terms import JobFilter
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.jobs.job_results import Page
from gjobs.store.store import Store
from gjobs.tui.cli import sessions
from gjobs.tui.cli.commands import jobs
from gjobs.tui.cli.output import UsageError
from tests.cli.cli_rows import ADA, BENS_JOB, FAILED, QUEUED, RUNNING, SUCCEEDED, document
from tests.cli.command_line import GJOBS, PATIENCE, OpenTerminal, Run, Sql, run_process
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import until

pytestmark = pytest.mark.usefixtures("url")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "exports").mkdir()
    return tmp_path / "exports"


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_exported_file_is_private_and_equals_the_json_of_jobs_list(gjobs: Run, folder: Path) -> None:
    done = gjobs("jobs", "export", str(folder / "jobs.json"), "--as", "ada@example.com")
    assert (done.code, done.out) == (0, "")
    assert done.err == f"Exported 4 jobs to {folder / 'jobs.json'}.\n"
    assert names_in(folder) == ["jobs.json"]
    assert (folder / "jobs.json").stat().st_mode & 0o777 == 0o600
    assert (folder / "jobs.json").stat().st_nlink == 1
    listed = gjobs("jobs", "list", "--as", "ada@example.com", "--json").document
    assert json.loads((folder / "jobs.json").read_text()) == listed
    assert listed == [document(job) for job in (QUEUED, RUNNING, SUCCEEDED, FAILED)]


def test_export_reads_all_matching_pages(gjobs: Run, folder: Path, sql: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    sql("update public.generation_jobs set created_at = '2026-01-05T00:00:00Z'")
    find_jobs, limits = Store.find_jobs, list[int]()

    async def recorded(store: Store, job_filter: JobFilter, *, limit: int, **options: Any) -> Page[GenerationJob]:
        limits.append(limit)
        return await find_jobs(store, job_filter, limit=limit, **options)

    monkeypatch.setattr(Store, "find_jobs", recorded)
    for rows in (2, 5, 1_000):
        limits.clear()
        monkeypatch.setattr(jobs, "EXPORT_ROWS", rows)
        file = folder / f"{rows}.ndjson"
        assert gjobs("jobs", "export", str(file)).code == 0
        assert limits == [rows] * math.ceil(5 / rows)
        ids = [json.loads(line)["id"] for line in file.read_text().splitlines()]
        assert ids == [job["id"] for job in gjobs("jobs", "list", "--json").document]
        assert len(ids) == 5


def test_export_contains_only_jobs_that_match_the_options(gjobs: Run) -> None:
    for options, expected in (
        (["--filter", "status:failed,running"], [RUNNING, FAILED]),
        (["--project", "Spring lookbook"], [BENS_JOB]),
        (["--status", "queued", "--filter", f"user:{ADA}"], [QUEUED]),
        (["--filter", "nothing-like-it"], []),
    ):
        done = gjobs("jobs", "export", "-", "--format", "csv", *options)
        assert (done.code, done.err) == (0, "")
        assert [row["id"] for row in csv.DictReader(done.out.splitlines())] == list(map(str, expected)), options


def test_export_replaces_a_file_or_the_target_of_a_link_only_with_force(gjobs: Run, folder: Path) -> None:
    file = folder / "jobs.csv"
    file.write_text("precious")
    done = gjobs("jobs", "export", str(file))
    assert (done.code, file.read_text()) == (2, "precious")
    assert done.err == f"{file} already exists.\nUse another name, or add --force to replace it.\n"
    assert gjobs("jobs", "export", str(file), "--force").code == 0
    assert len(file.read_text().splitlines()) == 6

    (folder / "old.csv").write_text("old")
    (folder / "link.csv").symlink_to("old.csv")
    assert gjobs("jobs", "export", str(folder / "link.csv"), "--force").code == 0
    assert (folder / "link.csv").is_symlink()
    assert (folder / "old.csv").read_text().startswith("id,")


def test_export_keeps_a_file_that_was_created_meanwhile(folder: Path) -> None:
    file = folder / "jobs.csv"

    def create_meanwhile() -> None:
        with sessions.destination(str(file), overwrites=False) as write:
            write("mine")
            file.write_text("theirs")

    with pytest.raises(UsageError, match="already exists"):
        create_meanwhile()
    assert (names_in(folder), file.read_text()) == (["jobs.csv"], "theirs")


def test_refused_export_creates_no_file(gjobs: Run, folder: Path) -> None:
    for file, options, code, sentence in (
        ("", ["--format", "csv"], 2, "{folder} is not a file."),
        ("none/jobs.csv", [], 2, "{folder}/none/jobs.csv cannot be written: No such file or directory."),
        ("jobs.txt", [], 2, "Can't infer the format from the file name."),
        ("jobs.csv", ["--format", "cvs"], 2, "Argument --format: 'cvs' is not known. Did you mean 'csv'?"),
        ("jobs.csv", ["--filter", "cost:1.50"], 2, "cost:1.50"),
        ("jobs.csv", ["--json"], 2, "This command has no JSON form."),
        ("jobs.csv", ["--project", "No such"], 1, "'No such'"),
    ):
        done = gjobs("jobs", "export", f"{folder}/{file}", "--force", *options)
        assert done.code == code, options
        assert sentence.format(folder=folder) in done.err.splitlines()[0]
        assert names_in(folder) == [], options


async def test_stopped_export_has_no_file(
    open_terminal: OpenTerminal, database: Conninfo, sql: Sql, folder: Path
) -> None:
    waiting = "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    with connect(database) as other:
        other.execute("lock table public.generation_jobs in access exclusive mode")
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP)):
            terminal = open_terminal("jobs", "export", str(folder / "jobs.csv"))
            await until(lambda: bool(sql(waiting)))
            (unfinished,) = names_in(folder)
            assert unfinished.endswith(".part")
            terminal.process.send_signal(number)
            assert terminal.finish() == code
            assert names_in(folder) == [], number
            await until(lambda: not sql(waiting))


def test_export_to_a_full_disk_reports_it_and_leaves_no_file(folder: Path) -> None:
    file = str(folder / "jobs.csv")
    # A limit on the file size has the same effect as a full disk.
    limited = ["/bin/sh", "-c", 'ulimit -f 0; exec "$@"', "-", GJOBS, "jobs", "export", file]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=PATIENCE)
    words = f"{file} cannot be written: File too large.\nThe partial file was removed. Use a file elsewhere.\n"
    assert (done.returncode, done.stderr) == (1, words)
    assert names_in(folder) == []


def test_export_shows_progress_on_a_terminal_and_clears_it(open_terminal: OpenTerminal, folder: Path) -> None:
    file = folder / "jobs.csv"
    terminal = open_terminal("jobs", "export", str(file))
    assert terminal.finish() == 0
    assert f"\r\x1b[K5 jobs, back to 2026-01-04\r\x1b[KExported 5 jobs to {file}." in terminal.screen


def test_export_without_a_terminal_prints_no_progress() -> None:
    done = run_process("jobs", "export", "-", "--format", "ndjson", "--filter", "status:failed")
    assert (done.code, done.err) == (0, "")
    assert [json.loads(line) for line in done.out.splitlines()] == [document(FAILED)]
