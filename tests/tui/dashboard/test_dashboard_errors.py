"""The errors screen: groups, their lines, copies and texts, and the waste."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from rich.cells import cell_len
from textual.widgets import OptionList

from gjobs.store.configuration.settings import WriteMode
from gjobs.store.error_groups.error_group import WEEK, ErrorGroup, ErrorGroups, ErrorScope, error_group_id, fingerprint
from gjobs.store.errors import TimedOut
from gjobs.store.filters.filter_syntax import format_filter, parse
from gjobs.store.statistics.statistics import Waste, WasteKey, WasteRow
from gjobs.store.users.actor import ANON, OPERATOR, ActingUser, Actor
from gjobs.tui.case.redaction import Redactor, redacted_group
from gjobs.tui.dashboard.dialogs.list_dialog import row_line, titles_line
from gjobs.tui.dashboard.features import errors
from gjobs.tui.dashboard.features.errors import ErrorsDialog, group_columns, group_copy, without_colors
from gjobs.tui.text.error_text import groups_summary, ticket_text, trend, users_words
from gjobs.tui.text.statistics_text import sentences, waste_columns
from tests.tui.dashboard.dashboard_driver import Drive, Driver, Gate
from tests.tui.dashboard.keys.key_sending import send
from tests.tui.jobs_database import AUTUMN, BEN, SPRING, TRAIL, JobsDatabase, short

TIMEOUT = error_group_id("API timeout")
ASSET_MISSING = error_group_id("Asset 1 not found")


async def open_errors(driver: Driver) -> ErrorsDialog:
    await driver.press("E", until=lambda: driver.dialog.startswith("Errors · "))
    await ready(driver)
    screen = driver.app.screen
    assert isinstance(screen, ErrorsDialog)
    return screen


async def ready(driver: Driver) -> None:
    await driver.until(
        lambda: isinstance(driver.app.screen, ErrorsDialog) and driver.app.screen.is_ready(time.monotonic())
    )


def failures(jobs_db: JobsDatabase) -> None:
    """Add failures to job 4, whose error is "API timeout"."""
    jobs_db.job(11, "failed", error='{"message": "API timeout"}', mode="packaging", minutes_ago=60 * 30)
    jobs_db.job(12, "failed", error="Asset 12 not found", minutes_ago=60 * 24 * 20)
    jobs_db.job(13, "failed", error="Asset 13 not found", minutes_ago=70)
    jobs_db.job(14, "failed", project=SPRING, error="API timeout", minutes_ago=5)


async def test_errors_show_groups_and_the_example_of_the_cursor(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    failures(jobs_db)
    screen = await open_errors(dashboard)
    assert dashboard.dialog == "Errors · Autumn catalog"
    await dashboard.shows(
        "3 failures in the last 7 d, 2 groups. At most 20,000 are read.",
        "FAILED  TREND",
        f"Group    {TIMEOUT}, 2 failures in 7 d",
        "Modes    lifestyle, packaging",
        "Users    1 user: ada@example.com",
        f"Example  job {short(4)}",
        "Last     4 min ago, 2026-11-24 11:56:00",
        "read 2026-11-24 12:00:00 UTC · testbase",
    )
    await dashboard.resize(80, 24)
    await dashboard.shows("COST", "USERS", "Asset # not found", "C case", "tab scroll the error", "esc close")
    assert "FIRST  " not in dashboard.text
    await dashboard.press("w", dialog="Waste · Autumn catalog")
    await dashboard.resize(200, 50)
    await dashboard.press("w", dialog="Errors · Autumn catalog")
    await dashboard.shows("FIRST", "MODES", "API timeout  ", "retry all", "esc close")
    await dashboard.resize(120, 36)
    await dashboard.press("j", "k", "j", shows=f"Example  job {short(13)}")
    cursor = screen.query_one(OptionList)
    await dashboard.press("right", shows="4 failures in the last 30 d")
    await ready(dashboard)
    assert cursor.highlighted == 0
    await dashboard.press("down", "f5")
    await ready(dashboard)
    assert cursor.highlighted == 1
    await dashboard.press("y", message="Copied the error group")
    copied = dashboard.app.clipboard
    assert copied.startswith(
        f"Error group {ASSET_MISSING}: Asset # not found\n2 failures in the last 30 d before 2026-"
    )
    assert f"Jobs: gjobs jobs list --project {AUTUMN} --filter 'error-group:{ASSET_MISSING} status:failed'" in copied


async def test_errors_have_no_group_under_the_cursor_after_it_is_gone(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    failures(jobs_db)
    screen = await open_errors(dashboard)
    cursor = screen.query_one(OptionList)
    await dashboard.press("j", shows=f"Example  job {short(13)}")
    jobs_db.delete(12, 13)
    await dashboard.press("f5", until=lambda: cursor.highlighted is None)
    await dashboard.resize(100, 30)
    await ready(dashboard)
    await dashboard.press("r")
    await dashboard.has_shown("No group under the cursor.")
    assert cursor.highlighted is None
    await dashboard.press("escape", dialog="")
    assert screen._found is not None
    await screen._name_users(screen._found)  # E-mails may arrive after the dialog is closed.
    await dashboard.show_project("Spring lookbook")
    await open_errors(dashboard)
    await dashboard.press("left", "left", shows=("1 failure in the last 1 h", f"{TIMEOUT}, 1 failure in 1 h"))
    jobs_db.delete(14)
    await dashboard.press("f5", shows="No job failed in the last 1 h.")


async def test_enter_lists_the_jobs_of_a_group_and_keeps_the_filter(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    failures(jobs_db)
    jobs_db.job(17, "failed", error=json.dumps({"stack": "x" * 500, "message": "Asset 17 not found"}))
    await dashboard.refreshes()
    # The list has only the beginning of the error of job 17.
    for number in (13, 17):
        await dashboard.go_to(number)
        screen = await open_errors(dashboard)
        assert screen.query_one(OptionList).highlighted == 1, number
        await dashboard.press("escape", dialog="")
    await dashboard.filter("-mode:packaging", "enter", until=lambda: 2 not in dashboard.rows)
    await dashboard.press("4", rows=[3])
    await open_errors(dashboard)
    assert dashboard.dialog == "Errors · Autumn catalog · -mode:packaging"
    await dashboard.shows("3 failures in the last 7 d, 2 groups.")
    await dashboard.press("down", "enter", dialog="", rows=[4])
    await dashboard.expects(message="Listed all failed jobs of the group. 1 of them failed in the last 7 d.")
    listed = dashboard.app.dashboard.listed
    assert format_filter(listed.job_filter) == f"-mode:packaging error-group:{TIMEOUT} status:failed"
    assert listed.status is None
    await dashboard.press("slash")
    await dashboard.type("error-group:ass", shows="Asset # not found")
    await dashboard.press("tab", until=lambda: dashboard.rows == [17, 13, 12])


async def test_retry_asks_with_number_and_database_and_repeats_the_counted_jobs(
    drive: Drive, jobs_db: JobsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures(jobs_db)
    async with drive(rule=WriteMode.PERMIT_REQUIRED) as driver:
        await open_errors(driver)
        await driver.press("r", until=lambda: driver.warnings)
        assert driver.dialog.startswith("Errors · ")
        assert "retry all" not in driver.text
        driver.session.access.open_permit("ticket 4711", 600)
        before = jobs_db.count()
        with monkeypatch.context() as patched:
            patched.setattr(errors, "MAX_LIMIT", 1)
            left_out = "Left out, because one retry takes at most 1: 1 job."
            await driver.press("r", dialog="Retry this job?", shows=(left_out, short(4)))
            await driver.press("y", message="Retried 1 of 1 job. Not retried yet: 1 job of the group.")
        assert jobs_db.count() == before + 1
        jobs_db.job(15, "failed", error="API timeout", minutes_ago=-1)
        jobs_db.job(16, "failed", error="API timeout", minutes_ago=3)
        await driver.press("f5", shows=f"{TIMEOUT}, 3 failures in 7 d")
        await ready(driver)
        question = ("Error: API timeout", "Database: testbase", short(11), short(16), "already retried: 1 job.")
        await driver.press("r", dialog="Retry these 2 jobs?", shows=("The new jobs cost at most $5.00.", *question))
        await driver.press("n", until=lambda: driver.dialog.startswith("Errors · "))
        assert jobs_db.count() == before + 3
        await driver.press("r", dialog="Retry these 2 jobs?")
        await driver.press("y", message="Retried 2 of 2 jobs.")
        assert jobs_db.count() == before + 5
        await driver.press("r", message="The jobs of this group were already retried: 3 jobs.")
        await driver.press("down", "r", dialog="Retry this job?")
        jobs_db.delete(13)
        await driver.press("n")
        await driver.press("r", message="No job of this group is still failed.")


async def test_reading_can_be_stopped_and_keys_typed_ahead_do_nothing(drive: Drive, jobs_db: JobsDatabase) -> None:
    gate = Gate("get_error_groups")
    async with drive(make=gate.store) as driver:
        await driver.press("E", until=lambda: driver.dialog.startswith("Errors · "))
        await driver.shows("Reading the failures of the last 7 d …", "x stop")
        await driver.press("r", "y", "enter", message="The groups have just been read, or are still being read.")
        await driver.press("x", shows="Stopped reading. Press f5 to read again.")
        await driver.press("f5", shows="Reading the failures")
        gate.open()
        await ready(driver)
        assert driver.dialog.startswith("Errors · ")
        await driver.press("escape", dialog="")
        await driver.until(lambda: not driver.message)

        driver.clear_messages()
        send(driver.app, "E", "r", "y", "enter")
        await driver.until(lambda: len(driver.warnings) > 0)
        await ready(driver)
        assert jobs_db.count() == 8
        driver.clear_messages()
        await driver.settle()
        await driver.pilot.click("#groups", offset=(5, 0))
        await driver.expects(dialog="", rows=[4])

        gate.fails = TimedOut("The database took too long.")
        await driver.press("E", shows=("The database took too long.", "Choose a shorter period or a project."))


async def test_cursor_stays_visible_when_the_screen_shrinks(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    for number, letter in enumerate("abcdefghijklm"):
        jobs_db.job(100 + number, "failed", error=f"Kind {letter} failed", minutes_ago=number + 1)
    screen = await open_errors(dashboard)
    rows = screen.query_one(OptionList)
    await dashboard.press(*["down"] * 9, until=lambda: rows.highlighted == 9)
    for size in ((40, 8), (80, 24)):
        await dashboard.resize(*size)
        await ready(dashboard)
        assert rows.highlighted == 9
        line = rows.content_region.y + 9 - rows.scroll_offset.y
        visible = rows.content_region.intersection(screen.query_one("#list").content_region)
        assert visible.y <= line < visible.bottom, size
    assert screen._found is not None
    # The row, the name of the group, and its example.
    assert dashboard.text.count(screen._found.groups[9].name) == 3


HOSTILE = "[/oops][@click=app.quit]x[/]\x1b[2J\u202e"


def shows_forbidden(text: str) -> set[str]:
    return set(text) & {"\x1b", "\x07", "\u202e", "\u200b", "\x9b"}


async def test_hostile_errors_are_harmless_on_screen_and_in_the_copy(operator: Driver, jobs_db: JobsDatabase) -> None:
    error = f"{HOSTILE}\x07\u200b{'y' * 1_000_000}"
    jobs_db.job(21, "failed", project=TRAIL, owner=BEN, error=error, mode="[bold]\x9b", minutes_ago=1)
    jobs_db.job(22, "failed", project=TRAIL, error='{"message": "\\u001b[31mred\\u202e"}', minutes_ago=2)
    jobs_db.sql("update auth.users set email = %s where id = %s", "ben\x1b@example.com", BEN)
    await operator.show_project("all projects")
    screen = await open_errors(operator)
    await operator.shows("Users    1 user: ben␛@example.com", "[/oops][@click=app.quit]x")
    assert not shows_forbidden(operator.text)
    await operator.press("y", message="Copied the error group")
    assert screen.is_open
    copied = operator.app.clipboard
    assert len(copied) < 10_000
    assert not shows_forbidden(copied)


async def test_waste_shows_failed_jobs_and_retries_by_each_key(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.sql("update generation_jobs set status = 'succeeded', retry_count = 0, cost_cents = 100")
    jobs_db.job(11, "failed", error="Asset 11 not found", mode=HOSTILE, minutes_ago=5)
    jobs_db.job(12, "failed", project=SPRING, error="API timeout", minutes_ago=5)
    jobs_db.sql("update generation_jobs set cost_cents = 100 where status = 'failed'")
    jobs_db.sql("update generation_jobs set retry_count = 1 where mode = 'packaging'")
    (costs,) = jobs_db.sql(
        "select sum(cost_cents), count(*) filter (where retry_count > 0) from generation_jobs where project_id ="
        " (select project_id from generation_jobs where error = 'Asset 11 not found')"
    )
    cents, retries = int(costs[0]), int(costs[1])
    wasted = 100 * (1 + retries)
    await open_errors(dashboard)
    await dashboard.press("w", dialog="Waste · Autumn catalog")
    await dashboard.shows(f"${wasted / 100:.2f} wasted, {wasted / cents:.0%}".replace("%", " % of all costs"))
    await dashboard.shows("RETRY COST", "█" * 16, "MODE", "[/oops][@click=app.quit")
    assert not shows_forbidden(dashboard.text)
    tooltips = [active.tooltip for active in dashboard.app.screen.active_bindings.values()]
    for step in ("next", "previous"):
        assert f"Group the waste by the {step} dimension" in tooltips
    await dashboard.press("right", shows="PROJECT")
    await dashboard.press("right", shows="ada@example.com")
    await dashboard.press("right", shows="Asset # not found")
    await dashboard.press("right", shows=("DAY", "Jobs created in the last 30 days, in UTC."))
    await dashboard.press("left", "left", shows="USER")
    for size, hidden in (((80, 24), "ALL JOBS"), ((160, 45), "nothing")):
        await dashboard.resize(*size)
        await dashboard.shows("FAILED COST", "RETRY COST", "WASTE", "SHARE", "total")
        assert hidden not in dashboard.text, size
    jobs_db.sql("update generation_jobs set retry_count = 0")
    jobs_db.sql(
        "insert into generation_jobs (user_id, project_id, status, mode, error, cost_cents)"
        " select user_id, id, 'failed', 'lifestyle', 'kind ' || chr(64 + n), n from projects, generate_series(1, 40) n"
    )
    await dashboard.press("right", shows="kind d")
    await dashboard.resize(120, 36)
    await dashboard.shows("f5 refresh", "All jobs that exist are counted.", "wasted")
    assert "RETR" not in dashboard.text
    await dashboard.resize(40, 12)
    await dashboard.shows("mode  project  user  group  day", "wasted", "WASTE", "kind h", "← previous  → next")
    await dashboard.press("w", until=lambda: dashboard.dialog.startswith("Errors · "))


NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
GROUP = ErrorGroup(
    id="3b1a4064e8",
    fingerprint="API timeout after # s",
    count=1_234,
    first_seen=NOW - timedelta(days=2),
    last_seen=NOW - timedelta(minutes=5),
    modes=tuple(f"mode {number}" for number in range(7)),
    mode_count=30,
    users=tuple(UUID(int=number) for number in range(12)),
    user_count=12,
    cost_cents=123_456,
    trend=(*[0] * 22, 1, 8),
    example_job_id=UUID(int=7),
    example='{"message": "API timeout after 5 s", "code": "\\u001b[2J"}',
)
FOUND = ErrorGroups(
    groups=(GROUP,),
    group_count=1,
    window=WEEK,
    limit=20_000,
    failures=1_234,
    complete=True,
    read_since=NOW - WEEK,
    taken_at=NOW,
)

FULL = replace(GROUP, fingerprint="秋 " * 99, count=20_000, cost_cents=99_999_999, user_count=99_999)


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (40, "FAILED TREND ERROR LAST"),
        (75, "FAILED TREND ERROR LAST COST USERS"),
        (90, "FAILED TREND ERROR LAST FIRST COST USERS"),
        (115, "FAILED TREND ERROR LAST FIRST COST USERS MODES"),
    ],
)
def test_columns_fill_the_width_and_leave_out_what_does_not_fit(width: int, titles: str) -> None:
    columns = group_columns(width, [GROUP, FULL], NOW)
    assert titles_line(columns).plain.split() == titles.split()
    for group in (GROUP, FULL):
        assert cell_len(row_line(columns, group).plain) == width


def test_numbers_are_whole_and_modes_get_the_width_that_errors_leave() -> None:
    short = replace(GROUP, modes=("feature_callout", "lifestyle"), mode_count=2)
    line = row_line(group_columns(118, [short], NOW), short).plain
    assert "API timeout after # s" in line
    assert line.rstrip().endswith("$1,234.56     12  feature_callout, lifestyle")
    assert "$999,999.99" in row_line(group_columns(118, [FULL], NOW), FULL).plain


def test_line_under_the_cursor_has_no_colors() -> None:
    columns = group_columns(118, [GROUP], NOW)
    plain, colored = (
        {str(one.style) for one in row_line(drawn, GROUP).spans} for drawn in (without_colors(columns), columns)
    )
    assert plain == {"bold"} < colored


PROJECT, USER = UUID(int=1), UUID(int=2)
LIST = "Jobs: gjobs jobs list"
GROUP_TERMS = "error-group:3b1a4064e8 status:failed"
SECRET = "carl@example.com sent AKIAIOSFODNN7EXAMPLE to https://a.example.com/x.png?token=abcDEF123"


@pytest.mark.parametrize(
    ("scope", "actor", "line"),
    [
        (ErrorScope(), OPERATOR, f"{LIST} --filter '{GROUP_TERMS}' --limit 1234 --as operator"),
        (
            ErrorScope(project_id=PROJECT, job_filter=parse("-mode:two")),
            ActingUser(id=USER, email="ada@example.com"),
            f"{LIST} --project {PROJECT} --filter '-mode:two {GROUP_TERMS}' --as {USER}",
        ),
        (ErrorScope(), ANON, f"{LIST} --filter '{GROUP_TERMS}' --as anon"),
    ],
)
def test_command_lists_the_jobs_as_the_same_actor(scope: ErrorScope, actor: Actor, line: str) -> None:
    group = GROUP if scope.project_id is None and actor is OPERATOR else replace(GROUP, count=3)
    assert line in group_copy(group, FOUND, scope=scope, actor=actor).splitlines()


TRACEBACK = "Traceback (most recent call last):\n"


@pytest.mark.parametrize("error", [SECRET, TRACEBACK + "  x\n" * 1_500 + TRACEBACK + SECRET])
def test_copy_has_no_secret(error: str) -> None:
    group = replace(GROUP, example=error[:4_000], fingerprint=fingerprint(error))
    copied = group_copy(group, FOUND, scope=ErrorScope(), actor=OPERATOR)
    assert " sent " in copied.splitlines()[0]
    for secret in ("carl", "AKIA", "EXAMPLE", "abcDEF"):
        assert secret not in copied


def test_name_of_a_redacted_group_reads_like_that_of_the_list() -> None:
    error = "GET https://api.example.com/v2/images?n=17&key=abc failed at 93.184.216.34, +15551234567"
    group = replace(GROUP, example=error, fingerprint=fingerprint(error))
    name = group_copy(group, FOUND, scope=ErrorScope(), actor=OPERATOR).splitlines()[0]
    assert "GET https://api.example.com/v#/images failed at [IP address], [phone number]" in name


@pytest.mark.parametrize("start", ["", "Prompt rejected: "])
def test_start_of_a_long_unbroken_error_stays(start: str) -> None:
    error = start + "x" * 5_000
    group = replace(GROUP, example=error[:4_000], fingerprint=fingerprint(error))
    redacted = redacted_group(group, Redactor().text)
    assert redacted.fingerprint == group.fingerprint
    assert redacted.example.startswith(start + "x" * 3_000)
    assert redacted.example.endswith("x…")
    assert start + "x" * 60 in group_copy(group, FOUND, scope=ErrorScope(), actor=OPERATOR).splitlines()[0]


@pytest.mark.parametrize("tail", [" sk-AbC1", ",postgres://app:AbC1", ",'carl@example.com',carl@example.com"])
def test_part_of_a_secret_at_the_cut_is_left_out(tail: str) -> None:
    error = ("Prompt rejected: " + "x" * 5_000)[: 4_000 - len(tail)] + tail
    example = redacted_group(replace(GROUP, example=error), Redactor().text).example
    assert example.startswith("Prompt rejected: " + "x" * 3_000)
    assert example.endswith("x…" if tail[0] == "," else "x …")


def test_summary_names_the_window_the_failures_read_and_both_limits() -> None:
    assert groups_summary(FOUND) == "1,234 failures in the last 7 d, 1 group. At most 20,000 are read."
    cut = replace(FOUND, failures=20_000, complete=False, read_since=NOW - timedelta(hours=1), group_count=300)
    assert groups_summary(cut) == (
        "The newest 20,000 failures of the last 7 d, 300 groups. At most 20,000 are read:"
        " those before 2026-01-15 11:00:00 UTC are left out. The 1 largest groups are shown."
    )


def test_trend_adds_up_neighbours_to_fit_its_cells() -> None:
    assert trend(GROUP.trend, 24) == "▁" * 22 + "▂█"
    assert trend(GROUP.trend, 12) == "▁" * 11 + "█"
    assert trend(GROUP.trend, 7) == "▁" * 5 + "█"


def test_ticket_text_has_all_facts_as_clean_lines() -> None:
    lines = ticket_text(GROUP, FOUND, command="gjobs jobs list\x1b").split("\n")
    assert lines[:3] == [
        "Error group 3b1a4064e8: API timeout after # s",
        "1,234 failures in the last 7 d before 2026-01-15 12:00:00 UTC",
        "First seen: 2026-01-13 12:00:00 UTC",
    ]
    assert "Modes: mode 0, mode 1, mode 2, mode 3, mode 4 and 25 more" in lines
    assert "Cost: $1,234.56" in lines
    assert "Jobs: gjobs jobs list␛" in lines
    assert lines[-5:] == [
        f"Example: job {UUID(int=7)}",
        "    {",
        '      "message": "API timeout after 5 s",',
        '      "code": "\\u001b[2J"',
        "    }",
    ]
    assert users_words(GROUP, {UUID(int=0): "ada@example.com"}).startswith("12 users: ada@example.com, 0000")
    assert users_words(GROUP).endswith(", …")


def row(key: str | None, name: str | None = None) -> WasteRow:
    return WasteRow(key=key, name=name, failed_count=1, failed_cents=1, retry_count=0, retry_cents=0, all_cents=None)


def test_waste_explains_a_group_without_a_known_error_and_a_limit_and_cuts_names() -> None:
    known = row(""), row("0a1b2c3d4e", "API timeout")
    waste = Waste(by=WasteKey.GROUP, rows=known, total=row(None), has_more=False, days=None, read_limit=None)
    assert list(sentences(waste)) == []
    assert list(sentences(replace(waste, rows=(*known, row("1a1b2c3d4e"))))) == [
        "1 group has only an id, because none of the newest 20,000 failures belongs to it."
    ]
    limited = replace(waste, by=WasteKey.MODE, read_limit=3, limited_because="No rollups. Run 'gjobs migrate up'.")
    assert list(sentences(limited)) == ["Only the newest 3 jobs were read. No rollups. Run 'gjobs migrate up'."]
    printed = waste_columns(waste, has_group_ids=True)[0].cell(row("0a1b2c3d4e", "x" * 200))
    assert (len(printed), printed[:13]) == (80, "0a1b2c3d4e xx")
