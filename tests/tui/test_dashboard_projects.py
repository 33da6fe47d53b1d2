"""Choosing and creating projects, and the eyes that see them."""

import pytest
from textual.widgets import OptionList

from store.users.actor import OPERATOR
from tests.conftest import Conninfo
from tests.tui.driving import Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.world import ADA, BEN, TRAIL, JobsDatabase
from tui.dashboard.projects.project_list import ProjectList


@pytest.fixture
def operator(database: Conninfo) -> WatchedApp:
    """Looks with the operator's eyes."""
    return WatchedApp(opener_of(database, actor=OPERATOR))


async def test_new_project_of_a_user_belongs_to_them_and_is_selected(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.press("P")
    await dashboard.has_dialog("New project")
    await dashboard.type("Winter sale")
    await dashboard.press("enter")
    await dashboard.shows_toast("Created the project Winter sale.")
    await dashboard.shows("Costs · Winter sale", "Press n to create your first generation job.")

    assert jobs_db.sql(
        "select u.email from projects p join auth.users u on u.id = p.user_id where name = 'Winter sale'"
    ) == [("ada@example.com",)]


@pytest.mark.parametrize(("name", "problem"), [(" ", "Name is empty."), ("x" * 201, "The name has 201 characters")])
async def test_invalid_project_name_is_explained_and_kept_in_the_dialog(
    dashboard: Driver, name: str, problem: str
) -> None:
    await dashboard.press("P")
    await dashboard.type(name)
    await dashboard.press("enter")
    await dashboard.shows(problem)

    await dashboard.has_dialog("New project")
    await dashboard.press("escape")
    await dashboard.has_dialog("")


async def test_operator_chooses_the_owner_of_a_new_project(jobs_db: JobsDatabase, operator: WatchedApp) -> None:
    async with drive_dashboard(operator) as driver:
        await driver.press("P")
        await driver.has_dialog("Whose project?")
        await driver.type("ben")
        await driver.press("enter")
        await driver.has_dialog("New project")
        await driver.type("Boots")
        await driver.press("enter")
        await driver.shows("Costs · Boots")

        assert jobs_db.sql("select user_id from projects where name = 'Boots'") == [(BEN,)]


async def test_operator_who_chooses_no_owner_creates_no_project(jobs_db: JobsDatabase, operator: WatchedApp) -> None:
    async with drive_dashboard(operator) as driver:
        await driver.press("P")
        await driver.has_dialog("Whose project?")
        await driver.press("escape")

        await driver.has_dialog("")
        assert jobs_db.sql("select count(*) from projects") == [(3,)]


async def test_project_picker_finds_projects_by_letters_or_id(dashboard: Driver) -> None:
    await dashboard.press("p")
    choices = dashboard.app.screen.query_one(OptionList)
    await dashboard.type("sprlook")
    assert [option.id for option in choices.options] == ["a2000000-0000-4000-8000-000000000000"]
    await dashboard.type("a1000000")
    assert [option.id for option in choices.options] == ["a1000000-0000-4000-8000-000000000000", "id a1000000"]
    await dashboard.type("a000")
    assert [option.id for option in choices.options] == ["id a000"]
    await dashboard.type("zzz")
    await dashboard.shows("Nothing of that name.")
    await dashboard.press("enter")
    await dashboard.has_dialog("Show which project?")

    await dashboard.type("")
    await dashboard.press("down", "enter")
    await dashboard.shows("Costs · Spring lookbook")


async def test_project_list_selects_a_project_by_key_or_click(dashboard: Driver) -> None:
    dashboard.app.dashboard.query_one(ProjectList).focus()
    await dashboard.press("j", "enter")
    await dashboard.shows("Costs · Spring lookbook", "› Spring lookbook")
    assert dashboard.app.focused is dashboard.table

    await dashboard.pilot.click(ProjectList, offset=(5, 2))
    await dashboard.shows("Costs · Autumn catalog")


async def test_project_list_shows_new_projects_and_keeps_its_highlight(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    projects = dashboard.app.dashboard.query_one(ProjectList)
    projects.focus()
    await dashboard.press("end")
    jobs_db.sql(
        "insert into projects (user_id, name) select id, 'Winter sale' from auth.users where email = 'ada@example.com'"
    )
    await dashboard.refreshes()

    await dashboard.shows("Winter sale")
    assert projects.highlighted_option is not None
    assert projects.highlighted_option.id == "a2000000-0000-4000-8000-000000000000"


async def test_acting_as_another_user_lists_only_their_jobs(dashboard: Driver) -> None:
    await dashboard.press("u")
    await dashboard.has_dialog("Look with whose eyes?")
    await dashboard.shows("ada@example.com  7 jobs, last 1 min ago")
    await dashboard.type("ben@")
    await dashboard.press("enter")
    await dashboard.shows("as ben@example.com", "Costs · Trail gear")

    assert dashboard.rows == [8]
    await dashboard.shows_no_longer("Autumn")


async def test_operator_sees_jobs_of_all_users(dashboard: Driver) -> None:
    await dashboard.press("u")
    await dashboard.has_dialog("Look with whose eyes?")
    await dashboard.shows("ben@example.com  1 job")
    await dashboard.press("up", "enter")
    await dashboard.shows("as the operator", "Trail gear")
    await dashboard.show_project("all projects")

    assert dashboard.rows == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_choosing_the_current_user_again_changes_nothing(dashboard: Driver) -> None:
    await dashboard.press("down", "u")
    await dashboard.has_dialog("Look with whose eyes?")
    await dashboard.shows("ben@example.com  1 job")
    await dashboard.press("enter")

    await dashboard.has_dialog("")
    assert dashboard.cursor == 2


async def test_all_projects_counts_visible_jobs_in_hidden_projects(jobs_db: JobsDatabase, dashboard: Driver) -> None:
    """A user sees a job of their own in another's project."""
    await dashboard.show_project("all projects")
    await dashboard.until(lambda: all_projects(dashboard) == "7")
    jobs_db.job(99, "queued", project=TRAIL, owner=ADA)
    await dashboard.press("f5")
    await dashboard.until(lambda: all_projects(dashboard) == "8")


def all_projects(driver: Driver) -> str:
    """How many jobs, once they are counted."""
    return str(driver.app.dashboard.query_one(ProjectList).get_option("all").prompt).split()[-1]


async def test_job_keys_do_nothing_but_explain_while_the_project_list_has_the_focus(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    before = jobs_db.sql("select id, status from public.generation_jobs order by id")
    dashboard.app.dashboard.query_one(ProjectList).focus()
    await dashboard.settle()
    for key in ("s", "c", "f", "r", "d", "delete", "y", "Y"):
        dashboard.app.clear_notifications()
        await dashboard.press(key)
        assert dashboard.toasts == ["This key acts on a job. Press tab to go to the job list first."], key
        assert dashboard.dialog == ""

    assert jobs_db.sql("select id, status from public.generation_jobs order by id") == before
    await dashboard.press("tab", "s")
    await dashboard.until(lambda: jobs_db.status(1) == "running")
