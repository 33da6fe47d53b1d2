"""Choosing and creating projects, and the eyes that see them."""

from textual.widgets import OptionList

from tests.tui.driving import Driver
from tests.tui.world import ADA, AUTUMN, BEN, SPRING, TRAIL, World
from tui.dashboard.projects.project_list import ProjectList


async def test_new_project_of_a_user_belongs_to_them_and_is_selected(dashboard: Driver, world: World) -> None:
    await dashboard.press("P", dialog="New project")
    for name, problem in ((" ", "Name is empty."), ("x" * 201, "The name has 201 characters")):
        await dashboard.type(name, "enter", sees=problem, dialog="New project")
    await dashboard.type("Winter sale", "enter", told="Created the project Winter sale.")
    await dashboard.sees("Costs · Winter sale", "Press n to create your first generation job.")
    assert world.sql("select user_id from projects where name = 'Winter sale'") == [(ADA,)]


async def test_operator_chooses_the_owner_of_a_new_project(world: World, operator: Driver) -> None:
    await operator.press("P", dialog="Whose project?")
    await operator.press("escape", dialog="")
    assert world.sql("select count(*) from projects") == [(3,)]

    await operator.press("P", dialog="Whose project?")
    await operator.type("ben", "enter", dialog="New project")
    await operator.type("Boots", "enter", sees="Costs · Boots")
    assert world.sql("select user_id from projects where name = 'Boots'") == [(BEN,)]


async def test_project_picker_finds_projects_by_letters_or_id(dashboard: Driver) -> None:
    await dashboard.press("p")
    choices = dashboard.app.screen.query_one(OptionList)
    for typed, found in (
        ("sprlook", [str(SPRING)]),
        ("a1000000", [str(AUTUMN), "id a1000000"]),
        ("a000", ["id a000"]),
    ):
        await dashboard.type(typed)
        assert [option.id for option in choices.options] == found
    await dashboard.type("zzz", sees="Nothing of that name.")
    await dashboard.press("enter", dialog="Show which project?")
    await dashboard.type("", "down", "enter", sees="Costs · Spring lookbook")


async def test_project_list_selects_a_project_by_key_or_click(dashboard: Driver) -> None:
    dashboard.app.dashboard.query_one(ProjectList).focus()
    await dashboard.press("j", "enter", sees=("Costs · Spring lookbook", "› Spring lookbook"))
    assert dashboard.app.focused is dashboard.table

    await dashboard.pilot.click(ProjectList, offset=(5, 2))
    await dashboard.sees("Costs · Autumn catalog")


async def test_project_list_shows_new_projects_and_keeps_its_highlight(dashboard: Driver, world: World) -> None:
    projects = dashboard.app.dashboard.query_one(ProjectList)
    projects.focus()
    await dashboard.press("end")
    world.sql("insert into projects (user_id, name) values (%s, 'Winter sale')", ADA)
    await dashboard.looks_again()

    await dashboard.sees("Winter sale", "Costs · Autumn catalog")
    assert projects.highlighted_option is not None
    assert projects.highlighted_option.id == str(SPRING)


async def test_acting_as_another_user_lists_only_their_jobs(dashboard: Driver) -> None:
    await dashboard.press("down", "u", dialog="Look with whose eyes?", sees="ben@example.com  1 job")
    await dashboard.press("enter", dialog="")
    assert dashboard.cursor == 2, "those eyes are in use: nothing changes"

    await dashboard.act_as("ben@", sees=("as ben@example.com", "Costs · Trail gear"))
    assert dashboard.rows == [8]
    await dashboard.sees_no_more("Autumn")


async def test_operator_sees_jobs_of_all_users(dashboard: Driver) -> None:
    await dashboard.press("u", dialog="Look with whose eyes?", sees="ben@example.com  1 job")
    await dashboard.press("up", "enter", sees=("as the operator", "Trail gear"))
    await dashboard.show_project("all projects")
    assert dashboard.rows == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_all_projects_counts_visible_jobs_in_hidden_projects(world: World, dashboard: Driver) -> None:
    await dashboard.show_project("all projects")
    await dashboard.until(lambda: all_projects(dashboard) == "7")
    world.job(99, "queued", project=TRAIL, owner=ADA)
    await dashboard.press("f5", until=lambda: all_projects(dashboard) == "8")


def all_projects(driver: Driver) -> str:
    return str(driver.app.dashboard.query_one(ProjectList).get_option("all").prompt).split()[-1]
