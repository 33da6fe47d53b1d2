"""Export of the current list, and the case dialog: formats, existing files, clipboard, redaction and stop."""

import csv
import json
import os
import shutil
import threading
import zipfile
from functools import partial
from pathlib import Path

import pytest
from textual.widgets import Static

from gjobs.store.configuration.settings import WriteMode
from gjobs.store.errors import TimedOut, Unreachable
from gjobs.store.job_list.list_query import OrderColumn
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.case.case_text import block, cell, table
from gjobs.tui.dashboard.details.job_details import JobDetails
from gjobs.tui.dashboard.features import export
from gjobs.tui.dashboard.features.case import CaseDialog, case_lines
from tests.tui.dashboard.dashboard_driver import Drive, Driver, Gate
from tests.tui.dashboard.keys.key_sending import pass_seeing_time, rest, send
from tests.tui.dashboard.test_dashboard_errors import open_errors
from tests.tui.jobs_database import ADA, BEN, JobsDatabase, job_id

pytestmark = pytest.mark.usefixtures("folder")


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def ids(*numbers: int) -> list[str]:
    return [str(job_id(number)) for number in numbers]


async def exported(driver: Driver, file: Path, number: int) -> None:
    """Wait until the export has ended and the list takes keys again."""
    await driver.expects(message=f"Exported {number} jobs to {file}.", dialog="")
    await driver.until(lambda: not driver.app.key_queue.is_dropping)


async def test_export_writes_the_filtered_and_sorted_list(
    dashboard: Driver, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "SCREEN_EXPORT_ROWS", 2)
    await dashboard.filter("-status:failed", "enter", rows=[1, 2, 3, 5, 6])
    await dashboard.press("o", "o", rows=[3, 2, 6, 1, 5])
    await dashboard.resize(80, 24)
    await dashboard.press("e", dialog="Export")
    await dashboard.shows("5 jobs · with -status:failed · most expensive first", "as ada@example.com sees them")
    await dashboard.shows(
        "The export can miss jobs that change meanwhile.", "CSV in", "The clipboard takes at most 74 kB."
    )
    await dashboard.press("enter")
    await exported(dashboard, folder / "jobs.csv", 5)

    with (folder / "jobs.csv").open(newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ids(3, 2, 6, 1, 5)
    assert (folder / "jobs.csv").stat().st_mode & 0o777 == 0o600

    await dashboard.filter("mode:[x]", "enter", rows=[])
    await dashboard.press("e", dialog="Export")
    await dashboard.until(lambda: "with mode:[x] · " in str(dashboard.app.screen.query_one("#dialog Static").render()))
    await dashboard.press("escape", "escape")
    await dashboard.press("v", shows="as ada@example.com sees it")
    await dashboard.press("e", message="Leave the visibility view first.")
    await dashboard.has_dialog("")


async def test_export_has_each_job_once_and_a_stopped_or_failed_one_leaves_no_file(
    drive: Drive, jobs_db: JobsDatabase, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "SCREEN_EXPORT_ROWS", 2)
    reading = Gate("get_these_jobs")
    async with drive(make=reading.store) as driver:
        await driver.press("e", dialog="Export")
        assert "meanwhile" not in driver.text
        await driver.press("enter", "enter", "space", dialog="Exporting")
        await driver.press("enter", "tab", "enter", "space", until=lambda: driver.app.key_queue.is_idle)
        assert (driver.dialog, driver.messages) == ("Exporting", []), "only escape stops the export"
        await driver.press("escape", message="Stopped the export. Nothing was written.")
        assert names_in(folder) == []

        await driver.until(lambda: not driver.app.key_queue.is_dropping)
        await driver.press("o", until=lambda: driver.listed and driver.listed.order.column is OrderColumn.UPDATED)
        await driver.press("O", until=lambda: driver.listed and not driver.listed.order.descending)
        first, *others = driver.rows
        calls = reading.calls
        await driver.press("e", "enter", until=lambda: reading.calls > calls)
        jobs_db.sql("update generation_jobs set cost_cents = 77 where id = %s", job_id(first))
        reading.open()
        await exported(driver, folder / "jobs.csv", 6)
        with (folder / "jobs.csv").open(newline="") as file:
            assert [row["id"] for row in csv.DictReader(file)] == ids(first, *others)

        (folder / "jobs.csv").unlink()
        reading.fails = Unreachable("The connection was lost.")
        await driver.press("e", "enter", until=lambda: driver.warnings)
        (message,) = driver.warnings
        assert message.startswith(
            f"The export to {folder}/jobs.csv failed, and nothing was written. The connection was"
        )
    assert names_in(folder) == []


async def test_exported_and_copied_jobs_have_whole_errors_and_the_format_of_the_suffix(
    dashboard: Driver, jobs_db: JobsDatabase, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = "x" * 5_000
    jobs_db.sql("update public.generation_jobs set error = %s where id = %s", error, job_id(4))
    await dashboard.refreshes()
    await dashboard.press("e", dialog="Export")
    await dashboard.type("jobs.json", "enter")
    await exported(dashboard, folder / "jobs.json", 6)
    documents = json.loads((folder / "jobs.json").read_text())
    assert [document["id"] for document in documents] == ids(1, 2, 3, 4, 5, 6)
    assert documents[3]["error"] == error

    for name, format_name in (("jobs.md", "Markdown"), ("jobs.ndjson", "NDJSON")):
        await dashboard.press("e", dialog="Export")
        await dashboard.type(name, "ctrl+y", message=f"Copied 6 jobs as {format_name} with OSC 52.")
    copied = dashboard.app.clipboard
    assert [json.loads(line) for line in copied.splitlines()] == documents

    monkeypatch.setattr(export, "CLIPBOARD_BYTES", 100)
    await dashboard.press("e", "ctrl+y", message="Narrow the list with a filter, or export it to a file.")
    assert dashboard.app.clipboard == copied
    assert names_in(folder) == ["jobs.json"]


def shows_problem(driver: Driver, sentence: str) -> bool:
    """Return whether the error below the file name contains this sentence, even if it is wrapped."""
    return sentence in str(driver.app.screen.query_one("#file-problem", Static).content)


async def test_export_asks_before_replacing_a_file_and_explains_unusable_names(dashboard: Driver, folder: Path) -> None:
    (folder / "jobs.csv").write_text("precious")
    (folder / "folder.csv").mkdir()
    await dashboard.press("e", "enter", dialog="Replace this file?")
    await dashboard.press("n", dialog="Export")
    for name, why in (
        ("jobs.txt", "End the file name with .csv, .json, .ndjson, .jsonl, .md."),
        (f"{'x' * 300}.csv", "cannot be written: File name too long. Use a shorter name."),
        ("~\0/jobs.csv", "is not a valid file name. Use another name."),
        ("folder.csv", "is not a file. Use a file name."),
        ("none/jobs.csv", "none/jobs.csv cannot be written: No such file or directory."),
    ):
        await dashboard.type(name, "enter", until=partial(shows_problem, dashboard, why))
    assert (dashboard.dialog, dashboard.warnings) == ("Export", [])
    assert (folder / "jobs.csv").read_text() == "precious"

    await dashboard.type("jobs.csv", "enter", dialog="Replace this file?")
    await dashboard.press("y")
    await exported(dashboard, folder / "jobs.csv", 6)
    assert (folder / "jobs.csv").read_text().startswith("id,")
    assert names_in(folder) == ["folder.csv", "jobs.csv"]

    shutil.rmtree(folder)
    await dashboard.press("e", dialog="Export")
    await dashboard.press("enter", until=partial(shows_problem, dashboard, "No such file or directory"))
    await dashboard.has_dialog("Export")


async def test_second_enter_on_the_export_opens_details_only_after_another_key(dashboard: Driver, folder: Path) -> None:
    for between in ((), ("e", "escape")):
        await dashboard.press("e", dialog="Export")
        send(dashboard.app, "enter", *between, "enter")
        await dashboard.shows_message(f"Exported 6 jobs to {folder}/jobs.csv.")
        await rest(dashboard)
        assert isinstance(dashboard.app.screen, JobDetails) is bool(between), between
        (folder / "jobs.csv").unlink()
        await pass_seeing_time(dashboard)


async def test_slow_disk_does_not_stop_the_dashboard_and_a_stopped_export_leaves_no_file(
    dashboard: Driver, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_released, write, written, waits = threading.Event(), os.write, list[int](), list[bool]()

    def write_slowly(descriptor: int, data: bytes) -> int:
        if data.startswith(b"id,"):
            is_released.wait(timeout=20)
            written.append(write(descriptor, data))
            return written[-1]
        return write(descriptor, data)

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", write_slowly)
        await dashboard.press("e", "enter", dialog="Exporting")
        await dashboard.press("escape", "escape", shows="stopping after the jobs in flight")
        is_released.set()
        await dashboard.shows_message("Stopped the export. Nothing was written.")
        await dashboard.until(lambda: written)  # Only then may the file be closed, even after a second stop.
    assert names_in(folder) == []

    is_released.clear()
    monkeypatch.setattr(os, "fsync", lambda _: waits.append(is_released.wait(timeout=20)))
    await dashboard.until(lambda: not dashboard.app.key_queue.is_dropping)
    await dashboard.press("e", "enter", dialog="Exporting")
    await dashboard.press("escape", shows="stopping after the jobs in flight")
    is_released.set()
    await dashboard.shows_message(f"Exported 6 jobs to {folder}/jobs.csv.")
    assert waits == [True]
    assert names_in(folder) == ["jobs.csv"]


async def test_case_of_a_job_is_shown_copied_and_saved_read_only(
    drive: Drive, jobs_db: JobsDatabase, folder: Path
) -> None:
    error = "ben@example.com could not read bucket/user/shoe.png [/oops] \x1b[31m"
    jobs_db.job(9, "failed", error=error)
    async with drive(rule=WriteMode.CLOSED) as driver:
        await driver.press("enter", on=9, dialog="Job")
        await driver.press("C", dialog=f"Case · job {job_id(9)} of ada@example.com")
        await driver.shows("# Case: ", "Redacted 2 values: 1 e-mail, 1 path.", "## The job")
        await driver.press("y", message="Copied the case with OSC 52. Redacted 2 values")
        copied = driver.app.clipboard
        await driver.resize(200, 50)
        await driver.shows("their own, and those in their projects.", "esc close")
        assert driver.app.screen.query_one("#dialog").size.width > 180
        await driver.resize(80, 24)
        await driver.shows("What is wrong", "The last one at  ", "esc close")
        assert "- Redacted" not in driver.text, "The line above the text has it."
        await driver.press("pagedown", "pagedown", "pagedown", shows=("All 8 jobs:", "| created    "))
        await driver.press("right", hides="| created    ", shows=("All 8 jobs:", "| cost"))
        await driver.press("left", "left", shows="| created    ")
        assert "[e-mail 1] could not read [path 1] [/oops]" in copied
        assert "ben@example.com" not in copied

        await driver.press("r", shows="Redaction is off. The text may hold keys")
        await driver.press("y", message="Copied the case with OSC 52. Redaction is off.")
        assert "ben@example.com could not read bucket/user/shoe.png" in driver.app.clipboard
        await driver.press("r", shows="Redacted 2 values")
        await driver.press("s", dialog="Save the case")
        assert driver.value("#file") == "case-job-00000009.md"
        await driver.press("enter", message=f"Saved the case to {folder}/case-job-00000009.md. Redacted 2 values")
        assert (folder / "case-job-00000009.md").read_text() == copied

        await driver.press("enter", dialog="Save the case")
        await driver.press("enter", dialog="Replace this file?")
        await driver.press("n", dialog="Save the case")
        await driver.type("a.txt", "enter", shows="End the file name with .md, .zip")
        await driver.type("a.zip", "enter", message=f"Saved the case to {folder}/a.zip.")
        await driver.press("escape", dialog="Job")
    with zipfile.ZipFile(folder / "a.zip") as packed:
        assert packed.read("case.md").decode() == copied
    assert (folder / "a.zip").stat().st_mode & 0o777 == 0o600


async def test_case_of_the_acting_user_of_a_picked_user_and_of_the_newest_job_of_an_error_group(drive: Drive) -> None:
    async with drive() as driver:
        await driver.press("tab", "C", dialog="Case · ada@example.com", shows=f"id `{ADA}`")
        await driver.press("escape", dialog="")
        await driver.press("u", dialog="Act as which user?", shows="ben@example.com")
        await driver.press("up", "up", "ctrl+t", message="No user under the cursor.")
        await driver.type("ben", hides="the role in the database URL")
        await driver.shows("ben@example.com")
        await driver.press("ctrl+t", dialog="Case · ben@example.com", shows=f"id `{BEN}`")
        await driver.press("q", dialog="", shows="as ada@example.com")

        await open_errors(driver)
        await driver.press("C", dialog=f"Case · job {job_id(4)} of ada@example.com", shows="read as `the operator`")
        await driver.press("escape", dialog="Errors · Autumn catalog")
        await driver.press("escape", dialog="")

        await driver.act_as(OPERATOR, shows="as the operator")
        await driver.refreshes()
        await driver.press("C", message="No job under the cursor. Move to a job, or act as a user")


async def test_reading_can_be_stopped_or_fail_and_keys_typed_ahead_wait_for_the_case(drive: Drive) -> None:
    reading = Gate("find_jobs")
    async with drive(make=reading.store) as driver:
        await driver.press("C", on=1, until=lambda: reading.calls == 1)
        await driver.shows("Reading jobs, 1 of 7 …")
        await driver.press("escape", dialog="")
        reading.open()
        await driver.press("C", "y", message="Copied the case with OSC 52.", shows="## The job")
        dialog = driver.app.screen
        assert isinstance(dialog, CaseDialog)
        assert dialog._built is not None
        await driver.press("escape", dialog="")
        dialog._show(dialog._built)  # A case may be built while its dialog closes.

        reading.fails = TimedOut("The database took too long.")
        await driver.press("C", on=4, shows="The database took too long.")
        await driver.press("y", message="There is no case to save or copy.")
        reading.fails = None
        await driver.press("r", shows="Redaction found nothing to hide.")


ID = "2b840495-51ee-5d9c-9568-da5ea6f7ec2e"
TEXT = "\n".join(
    [
        "## Jobs",
        "The user sees 3 of 5 of the jobs that concern them.",
        *table(
            ("id", "error"), [(f"`{ID}`", cell("a | b \\| c and the rest of a long error")), ("`x`", cell("界" * 20))]
        ),
        "",
        *table(("fact", "value"), [("mode", "lifestyle")]),
        *block("| not a table\n" + "y" * 60),
    ]
)


def test_sentences_are_wrapped_and_wide_tables_are_cut_and_shifted() -> None:
    content, most_hidden = case_lines(TEXT, width=40, hidden=0)
    assert content.plain.splitlines() == [
        "## Jobs",
        "The user sees 3 of 5 of the jobs that",
        "concern them.",
        "| id         | error |",
        "| ---------- | --- |",
        "| `2b840495` | `a \\| b \\ \\| c and the r…",
        "| `x`        | `界界界界界界界界界界界 …",
        "",
        "| fact | value |",
        "| ---- | --- |",
        "| mode | lifestyle |",
        "```text",
        "| not a table",
        "y" * 39 + "…",
        "```",
    ]
    shifted, _ = case_lines(TEXT, width=40, hidden=most_hidden)
    assert shifted.plain.splitlines()[:3] == content.plain.splitlines()[:3]
    assert shifted.plain.splitlines()[5].endswith("the rest of a long error` |")
    assert shifted.plain.splitlines()[8:11] == content.plain.splitlines()[8:11]


def test_tables_that_fit_have_whole_ids() -> None:
    content, most_hidden = case_lines(TEXT, width=200, hidden=0)
    assert content.plain == TEXT
    assert most_hidden == 0
