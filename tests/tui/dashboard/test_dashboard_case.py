"""The case dialog: on a job, on the acting user and in the user picker; save, copy, redaction and cancel."""

import zipfile
from pathlib import Path

import pytest

from gjobs.store.configuration.settings import WriteMode
from gjobs.store.errors import TimedOut
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.case.case_text import block, cell, table
from gjobs.tui.dashboard.features.case import CaseDialog, case_lines
from tests.tui.dashboard.dashboard_driver import Drive, Gate
from tests.tui.dashboard.test_dashboard_errors import open_errors
from tests.tui.jobs_database import ADA, BEN, JobsDatabase, job_id


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory."""
    (tmp_path / "cases").mkdir()
    monkeypatch.chdir(tmp_path / "cases")
    return tmp_path / "cases"


async def test_case_of_a_job_is_shown_copied_and_saved_on_a_read_only_database(
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

        await driver.press("r")
        await driver.shows("Redaction is off. The text may hold keys")
        await driver.press("y", message="Copied the case with OSC 52. Redaction is off.")
        assert "ben@example.com could not read bucket/user/shoe.png" in driver.app.clipboard
        await driver.press("r")
        await driver.shows("Redacted 2 values")
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


async def test_case_of_the_acting_user_of_a_user_in_the_picker_and_of_the_newest_job_of_an_error_group(
    drive: Drive,
) -> None:
    async with drive() as driver:
        await driver.press("tab", "C", dialog="Case · ada@example.com")
        await driver.shows(f"id `{ADA}`")
        await driver.press("escape", dialog="")
        await driver.press("u", dialog="Act as which user?", shows="ben@example.com")
        await driver.press("up", "up", "ctrl+t", message="No user under the cursor.")
        await driver.type("ben", hides="the role in the database URL")
        await driver.shows("ben@example.com")
        await driver.press("ctrl+t", dialog="Case · ben@example.com")
        await driver.shows(f"id `{BEN}`")
        await driver.press("q", dialog="")
        await driver.shows("as ada@example.com")

        await open_errors(driver)
        await driver.press("C", dialog=f"Case · job {job_id(4)} of ada@example.com")
        await driver.shows("read as `the operator`")
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
