"""Hostile text from the database is plain text on every screen: no markup, escape sequence or invisible character."""

import json
import unicodedata
from collections.abc import AsyncIterator

import pytest
from textual.widgets import Select

from gjobs.store.users.actor import ActingUser
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.jobs_database import ADA, AUTUMN, SPRING, JobsDatabase, job_id, short

HOSTILE = (
    "[/oops]漢字\x1b[31m [@click=app.quit]x[/] [/] [[ \\[ ]"
    "r\u202egnp\u202c\x1b[2J\x1b]0;title\x07\x9b31m\x7f a\u200bb\ufeff\u2066c\u00ad\U000e0041\u3164"
    "[bold red]loud[/] $text-error [link=https://example.com]here[/link]"
    " 仮名交じり文 한국어 👍🏽 🏳️\u200d🌈 e\u0301\u0302\u0303\u0304\u0305"
    "\nb\r\nc\x85\u2028d\te\x0b\x0c" + "x" * 10_000
)
"""Unbalanced and balanced markup, escape sequences, and wide, invisible and many characters."""

LONGEST_EMAIL = 255

OWN_ACTIONS = ("screen.status", "app.simulate_key")
"""The actions of clicked tabs and key hints. Markup in a text would add another one, such as that of HOSTILE."""

FORBIDDEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


@pytest.fixture
async def hostile(jobs_db: JobsDatabase, database: Conninfo) -> AsyncIterator[Driver]:
    """A dashboard of a database whose every text is hostile, such as project names and e-mails."""
    text, short_text = HOSTILE, HOSTILE[:LONGEST_EMAIL]
    document = json.dumps({"message": text, "stack": "a\n\u202eb" * 50})
    jobs_db.sql("update auth.users set email = %s where id = %s", short_text, ADA)
    jobs_db.sql("update projects set name = %s where id = any(%s)", text, [AUTUMN, SPRING])
    jobs_db.sql("update generation_jobs set mode = %s, error = %s", text, text)
    jobs_db.sql("update generation_jobs set error = %s where id = any(%s)", document, [job_id(1), job_id(4)])
    jobs_db.asset(job_id(99), text)
    jobs_db.sql("insert into gjobs.budgets (project_id, period, limit_cents) values (%s, 'all', 100000)", AUTUMN)
    jobs_db.job(9, "failed", mode=text, error=text)
    jobs_db.sql("select gjobs.archive_jobs(%s)", [job_id(9)])
    actor = ActingUser(id=ADA, email=short_text)
    async with drive_dashboard(
        WatchedApp(opener_of(database, actor=actor, label=short_text)), size=(100, 24)
    ) as driver:
        yield driver


def check(driver: Driver) -> None:
    """Check that the app runs and that each line has the right width and only printable characters."""
    app = driver.app
    assert app.is_running
    assert app.internal_error is None
    width, height = app.size
    strips = app.screen._compositor.render_strips()
    assert len(strips) == height
    for strip in strips:
        assert strip.cell_length == width
        for segment in strip:
            categories = {unicodedata.category(character) for character in segment.text}
            assert not categories & FORBIDDEN, repr(segment.text)
            meta = segment.style.meta if segment.style else {}
            assert meta.get("@click", OWN_ACTIONS)[0] in OWN_ACTIONS, meta
            assert segment.style is None or segment.style.link is None


async def open_and_check(driver: Driver, *keys: str, dialog: str = "") -> None:
    await driver.press(*keys, until=lambda: driver.dialog.startswith(dialog))
    check(driver)


async def check_dialogs(hostile: Driver) -> None:
    check(hostile)
    for keys, dialog in (
        ("enter", "Job"),
        ("end", "Job"),
        ("escape d", "Delete this job?"),
        ("escape down f", "Fail "),
        ("escape asterisk s", "Start 2 of these 6 jobs?"),
        ("escape d", "Delete these 6 jobs?"),
        ("escape escape P", "New project"),
        ("escape p", "Show which project?"),
        ("escape u", "Act as which user?"),
    ):
        await open_and_check(hostile, *keys.split(), dialog=dialog)
    await hostile.press("escape", "n", until=lambda: len(hostile.app.screen.query_one("#asset", Select)._options) == 2)
    for field in ("#project", "#asset"):
        await hostile.focus_on(field)
        await open_and_check(hostile, "enter", "down")
        await open_and_check(hostile, "enter")
    await hostile.press("escape", dialog="")


async def check_other_sizes(hostile: Driver) -> None:
    """Check the details pane of a wide screen, and the title that names the project on a narrow one."""
    for width, height in ((170, 45), (80, 24), (100, 24)):
        await hostile.resize(width, height)
        await hostile.until(lambda: not hostile.app.dashboard.is_loading_details)
        await hostile.settle()
        check(hostile)


async def check_budgets_and_archive(hostile: Driver) -> None:
    await open_and_check(hostile, "b", dialog="Budgets · ")
    await hostile.shows("$11.50 of $1,000.00")
    check(hostile)
    await hostile.press("escape")
    hostile.app.action_run("list.archive")
    await hostile.until(lambda: hostile.dialog.startswith("Archive · "))
    await hostile.shows(short(9))
    await open_and_check(hostile, "r", dialog="Restore this job")
    await open_and_check(hostile, "escape", "enter", dialog="Archived job")
    await open_and_check(hostile, "end")
    await hostile.press("escape", "escape")
    hostile.app.action_run("list.clean_up")
    await open_and_check(hostile, dialog="Clean up")
    await hostile.focus_on("#project")
    await open_and_check(hostile, "enter", "down")
    await hostile.press("escape", "escape", dialog="")


async def check_messages_palette_and_project_list(hostile: Driver) -> None:
    for key, reported in (("s", "Started "), ("y", "Copied the id "), ("Y", " as JSON ")):
        await hostile.press(key, on=1, message=reported)
        check(hostile)
    await hostile.press("c", on=2, message="Completed ")
    check(hostile)
    await hostile.press("asterisk", "s", "y", shows="as last seen:")
    check(hostile)
    await hostile.press("escape", dialog="")
    await hostile.press("p", "up", "enter", shows="Costs · all projects")
    check(hostile)
    await hostile.press("ctrl+p")
    await hostile.type("Show project", shows="6 jobs", until=lambda: "Show project" in hostile.offered_command)
    check(hostile)
    await hostile.press("enter", until=lambda: "Costs · all projects" not in hostile.text)
    check(hostile)


async def check_input_fields(hostile: Driver) -> None:
    await hostile.press("Y", until=lambda: hostile.app.clipboard)
    assert json.loads(hostile.app.clipboard)["mode"] == HOSTILE
    for key in ("slash", "P"):
        await hostile.press("escape", key)
        await hostile.type(HOSTILE.splitlines()[0][:60])
        check(hostile)
    await hostile.press("enter", message="Created the project ")
    check(hostile)


async def test_hostile_text_is_plain_text_on_every_screen(hostile: Driver) -> None:
    await check_dialogs(hostile)
    await check_other_sizes(hostile)
    await check_budgets_and_archive(hostile)
    await check_messages_palette_and_project_list(hostile)
    await check_input_fields(hostile)
