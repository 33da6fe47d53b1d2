"""`gjobs jobs list`, `show` and `export`, `--filter`, `--view`, and the explanation of mistakes in a filter."""

import csv
import json
import math
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from gjobs.store.filters.filter_syntax import parse
from gjobs.store.filters.filter_terms import KEYS, FilterError, JobFilter
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.jobs.job_results import Page
from gjobs.store.store import Store
from gjobs.tui.cli import sessions
from gjobs.tui.cli.commands import jobs
from gjobs.tui.cli.output import UsageError
from gjobs.tui.text.error_text import mark_mistake
from tests.cli.cli_rows import (
    ADA,
    ALL,
    AUTUMN,
    BEN,
    BENS_JOB,
    FAILED,
    MISSING,
    NOON,
    QUEUED,
    RUNNING,
    SPRING,
    SUCCEEDED,
    document,
    listed_ids,
    present,
    time_of,
)
from tests.cli.command_line import (
    GJOBS,
    PATIENCE,
    Configure,
    OpenTerminal,
    Run,
    Sql,
    assert_refused,
    profile,
    run_process,
)
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import until

pytestmark = pytest.mark.usefixtures("url")


def test_jobs_list_prints_all_columns_with_the_newest_first_or_only_titles(gjobs: Run) -> None:
    listed = gjobs("jobs", "list", "--as", "ada@example.com", "--json")
    assert listed.code == 0
    assert listed.document == [document(job) for job in (QUEUED, RUNNING, SUCCEEDED, FAILED)]
    assert list(listed.document[0]) == list(document(QUEUED))
    assert listed.err == ""
    _, *rows = gjobs("jobs", "list", "--as", "ada@example.com").out.splitlines()
    assert rows[-1].split() == [
        *(str(FAILED), "failed", "$0.18", "2026-01-04", "13:00:00", "feature_callout"),
        *("Autumn", "catalog", "API", "timeout"),
    ]

    command = ("jobs", "list", "--project", "Spring lookbook", "--status", "failed")
    assert gjobs(*command, "--json").out == "[]\n"
    listed = gjobs(*command)
    assert (listed.code, listed.err) == (0, "No jobs.\n")
    assert listed.out.split() == ["ID", "STATUS", "COST", "CREATED", "MODE", "PROJECT", "ERROR"]


def test_huge_values_do_not_lengthen_the_lines_of_other_jobs(gjobs: Run, sql: Sql) -> None:
    sql("update public.generation_jobs set mode = repeat('m', 3000000) where id = %s", QUEUED)
    sql("update public.projects set name = repeat('p', 3000000) where id = %s", AUTUMN)
    for command in ("jobs list", "stats --by project", "stats --by mode", "projects", f"jobs show {QUEUED} --events"):
        length = len(gjobs(*command.split()).out)
        assert length < (6_100_000 if "show" in command else 20_000), command
    assert len(gjobs("jobs", "list", "--limit", "1", "--json").document[0]["mode"]) == 3_000_000


FAR_TIMES = [
    ("infinity", "infinity", "infinity"),
    ("-infinity", "-infinity", "-infinity"),
    ("294276-12-31 23:59:59.999999Z", "294276-12-31T23:59:59.999999Z", "294276-12-31 23:59:59 UTC (294276 AD)"),
    ("0044-03-15 12:00Z BC", "0044-03-15T12:00:00.000000Z BC", "0044-03-15 12:00:00 BC UTC (44 BC)"),
]


def test_times_outside_the_range_of_python_are_printed_like_in_the_database(gjobs: Run, sql: Sql) -> None:
    far_jobs = dict(zip(map(str, (QUEUED, RUNNING, SUCCEEDED, FAILED)), FAR_TIMES, strict=True))
    for job, (stored, _, _) in far_jobs.items():
        sql("update public.generation_jobs set created_at = %s, updated_at = %s where id = %s", stored, stored, job)
    listed = gjobs("jobs", "list").out.splitlines()
    for job, (_, exact, shown) in far_jobs.items():
        assert f"created      {shown}\n" in gjobs("jobs", "show", job).out
        assert [shown.partition(" (")[0] in row for row in listed if job in row] == [True], shown
        place = gjobs("jobs", "list", "--json", f"--after={exact},{job}")
        assert place.code == 0, place.err
        assert job not in [job["id"] for job in place.document]
    for line in ("snapshot", "stats", "stats --by project", "stats --by mode", "metrics"):
        done = gjobs(*line.split())
        assert done.code == 0, (line, done.err)


def test_after_option_continues_after_the_last_job_of_a_page(gjobs: Run, sql: Sql) -> None:
    key = f"{time_of(3)},{RUNNING}"
    assert gjobs("jobs", "list", "--limit", "2").err == f"There are more. Continue with --after={key}\n"
    assert gjobs("jobs", "list", "--after", key).err == ""
    for moment in (None, "2026-01-05T00:00:00Z"):
        sql("update public.generation_jobs set created_at = coalesce(%s, created_at)", moment)
        seen: list[str] = []
        after: list[str] = []
        while page := gjobs("jobs", "list", "--limit", "2", "--json", *after).document:
            seen += [job["id"] for job in page]
            after = ["--after", f"{page[-1]['created_at']},{page[-1]['id']}"]
        assert seen == [job["id"] for job in gjobs("jobs", "list", "--json").document], moment
        assert sorted(seen) == sorted(map(str, ALL)), moment


def test_jobs_show_prints_one_job_and_indents_a_json_error(gjobs: Run, sql: Sql) -> None:
    shown = gjobs("jobs", "show", str(FAILED), "--json").document
    assert shown == {**document(FAILED), "repeats": None, "repeated_by": []}
    sql("""update public.generation_jobs set error = '{"message": "Boom", "mode": "x"}' where id = %s""", FAILED)
    block = gjobs("jobs", "show", str(FAILED)).out
    assert "project      Autumn catalog" in block
    assert 'error        {\n               "message": "Boom",\n               "mode": "x"\n             }\n' in block
    assert '"message"' not in gjobs("jobs", "list").out


def test_jobs_show_distinguishes_a_hidden_job_from_a_missing_one(gjobs: Run) -> None:
    for actor, job, words in (
        ("ada@example.com", MISSING, f"{MISSING} does not exist.\n'gjobs jobs list --profile world' lists the jobs.\n"),
        (
            "ada@example.com",
            BENS_JOB,
            "but ada@example.com does not see it.\nThe operator sees hidden rows: press u in the dashboard,",
        ),
        ("operator", MISSING, f"There is no job {MISSING}"),
    ):
        assert_refused(gjobs("jobs", "show", str(job), "--as", actor), 1, words)


PREFIX = "3f2a9c1e"


@pytest.fixture
def similar_ids(sql: Sql) -> list[UUID]:
    """Two jobs of Ada and one of Ben, whose ids have the same beginning."""
    ids = [UUID(f"{PREFIX}-8d47-4b15-9a3e-{number:012}") for number in range(3)]
    for job_id, user, project in zip(ids, (ADA, ADA, BEN), (AUTUMN, AUTUMN, SPRING), strict=True):
        sql(
            "insert into public.generation_jobs (id, user_id, project_id, mode) values (%s, %s, %s, 'm')",
            *(job_id, user, project),
        )
    return ids


def test_jobs_show_resolves_the_beginning_of_an_id_among_visible_jobs(gjobs: Run, similar_ids: list[UUID]) -> None:
    def shown(prefix: str, actor: str) -> str:
        document, with_events = (
            gjobs("jobs", "show", prefix, *options, "--as", actor, "--json").document for options in ([], ["--events"])
        )
        assert with_events["job"]["id"] == document["id"]
        return str(document["id"])

    assert shown(PREFIX[:4], "ben@example.com") == str(similar_ids[2])
    assert shown(str(similar_ids[2])[:-1].upper() + "2", "operator") == str(similar_ids[2])
    assert shown(str(similar_ids[0])[:-1].replace("-", ""), "ben@example.com") == str(similar_ids[2])
    ambiguous = f"2 jobs have an id that begins with {PREFIX}.\nUse more digits: {similar_ids[0]}, {similar_ids[1]}\n"
    missing = (
        "There is no job whose id begins with 3f2b9c1e8, or this user does not see it.\n'gjobs jobs list --profile"
    )
    for options in ([], ["--events"]):
        assert_refused(gjobs("jobs", "show", PREFIX, *options, "--as", "ada@example.com"), 2, ambiguous)
        assert_refused(gjobs("jobs", "show", "3F2B9C1E-8", *options), 1, missing)
        assert_refused(gjobs("jobs", "show", "0000", *options), 2, "5 jobs have an id that begins with 0000.")


def test_command_that_writes_needs_the_whole_id(gjobs: Run, sql: Sql, similar_ids: list[UUID]) -> None:
    before = present(sql)
    for line in (
        *("jobs update {} --mode x", "jobs transition {} running", "jobs retry {}", "jobs delete {} --yes"),
        *("archive restore {} --yes", "jobs create --project 'Autumn catalog' --mode x --input-asset {}"),
    ):
        refused = gjobs(*shlex.split(line.format(PREFIX)))
        assert_refused(refused, 2, f"'{PREFIX}' is only the beginning of an id. Commands that write need the whole id")
    assert present(sql) == before


def test_only_commands_that_read_take_the_beginning_of_a_project_id(gjobs: Run, sql: Sql) -> None:
    sql("insert into public.projects (id, user_id, name) values (%s, %s, 'N')", UUID(f"{PREFIX}{0:024}"), ADA)
    for reading in ("jobs list", "stats", "budgets", "budgets check", "archive list", "jobs export - --format csv"):
        assert gjobs(*reading.split(), "--project", PREFIX).code == 0, reading
    assert "2 projects have an id that begins with 0000." in gjobs("stats", "--project", "0000").err
    refused = gjobs("jobs", "create", "--project", PREFIX, "--mode", "x")
    assert_refused(refused, 1, "Commands that write need a project's whole id or name.")


def test_jobs_show_prints_the_events_of_a_job(gjobs: Run) -> None:
    assert gjobs("jobs", "transition", str(QUEUED), "running", "--as", "ada@example.com").code == 0
    assert gjobs("jobs", "transition", str(QUEUED), "failed", "--error", "Out of\x1b paper").code == 0

    shown = gjobs("jobs", "show", str(QUEUED), "--events", "--json").document
    assert shown["job"]["status"] == "failed"
    assert [(event["kind"], event["from_status"], event["to_status"]) for event in shown["events"]] == [
        ("created", None, "queued"),
        ("status", "queued", "running"),
        ("status", "running", "failed"),
    ]
    assert [event["actor_user_id"] for event in shown["events"]] == [None, str(ADA), None]
    assert shown["started_at"] == shown["events"][1]["at"]
    assert list(shown["seconds_in_status"]) == ["queued", "running", "failed"]

    as_text = gjobs("jobs", "show", str(QUEUED), "--events")
    assert as_text.code == 0
    assert "queued → running" in as_text.out
    assert f"owner        ada@example.com ({ADA})" in as_text.out
    assert "  ada@example.com in " in as_text.out
    assert "\x1b" not in as_text.out
    assert as_text.err.startswith("Time in each status: queued ")


def test_events_of_a_deleted_job_are_visible_only_to_its_owner(gjobs: Run) -> None:
    assert gjobs("jobs", "delete", str(QUEUED), "--yes").code == 0
    shown = gjobs("jobs", "show", str(QUEUED), "--events", "--json", "--as", "ada@example.com").document
    assert (shown["job"], [event["kind"] for event in shown["events"]]) == (None, ["created", "deleted"])
    assert gjobs("jobs", "show", str(QUEUED), "--events", "--as", "ben@example.com").code == 1
    assert gjobs("jobs", "show", str(QUEUED)).code == 1


VIEWS = """
[views]
cheap = { filter = "cost:<=100", order = "cost" }
"gone wrong" = "status:failed since:30000d"
"""


class TestFilterOptions:
    @pytest.fixture(autouse=True)
    def configured(self, url: str, configure: Configure) -> None:
        configure(profile("world", url, write=True), VIEWS)

    def test_jobs_list_combines_a_filter_with_other_options(self, gjobs: Run) -> None:
        for options, expected in (
            (["--filter", 'project:"autumn catalog" cost:>50'], [QUEUED, SUCCEEDED]),
            (["--filter=-mode:lifestyle", "--status", "failed"], [FAILED]),
            (["--filter", "asset:none", "--limit", "1", "--after", f"{time_of(3)},{RUNNING}"], [SUCCEEDED]),
            (["--filter", "lifestyle", "--project", "Spring lookbook"], [BENS_JOB]),
            (["--filter", "lifestyle", "--as", "ada@example.com"], [QUEUED]),
            (["--filter", ""], [QUEUED, RUNNING, SUCCEEDED, FAILED, BENS_JOB]),
            (["--view", "cheap"], [RUNNING, FAILED, BENS_JOB]),
            (["--view", "cheap", "--filter=-status:failed", "--limit", "1"], [RUNNING]),
            (["--project", str(AUTUMN), "--limit", "2"], [QUEUED, RUNNING]),
        ):
            assert listed_ids(gjobs, "jobs", "list", *options) == expected, options

    def test_jobs_export_applies_the_filter_of_a_view(self, gjobs: Run) -> None:
        exported = gjobs("jobs", "export", "-", "--format", "csv", "--view", "gone wrong")
        assert exported.code == 0
        assert [line.partition(",")[0] for line in exported.out.splitlines()] == ["id", str(FAILED)]


def test_filter_mistake_is_marked_before_any_database_is_opened(gjobs: Run) -> None:
    nowhere = ("--database-url", "postgresql://nowhere.invalid")
    listed = gjobs("jobs", "list", "--filter", "cost:>50 status:faled", *nowhere)
    assert_refused(listed, 2)
    assert listed.err == (
        "cost:>50 status:faled\n                ^^^^^\nUnknown status 'faled'.\n"
        'Did you mean failed? If your app has the status faled, quote it: "faled".\n'
    )


def error_of(text: str) -> FilterError:
    with pytest.raises(FilterError) as caught:
        parse(text, now=NOON)
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("status:", "status:\n       ^"),
        ("秋 cost:x", "秋 cost:x\n        ^"),
        ("a\x1b[2Jb:c", "a␛[2Jb:c\n^^^^^^"),
        (
            f"{'word ' * 30}cost:x {'word ' * 30}",
            "…ord word word word word cost:x word word word w…\n                              ^",
        ),
    ],
)
def test_mark_is_placed_below_the_filter_mistake(text: str, expected: str) -> None:
    assert mark_mistake(error_of(text)) == expected


def test_jobs_list_help_describes_every_filter_key(gjobs: Run) -> None:
    listed = gjobs("jobs", "list", "--help").out
    assert all(key.example in listed and key.words in listed for key in KEYS.values())


def test_unknown_view_is_reported_before_any_database_is_opened(gjobs: Run, configure: Configure) -> None:
    configure(VIEWS)
    for command in (["list"], ["export", "-", "--format", "csv"]):
        refused = gjobs("jobs", *command, "--view", "chaep", "--database-url", "postgresql://nowhere.invalid")
        assert_refused(refused, 2, "There is no view 'chaep'.\nDid you mean 'cheap'?\n")


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
