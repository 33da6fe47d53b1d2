"""Choosing and creating projects, and the jobs that each user sees."""

from textual.widgets import OptionList

from gjobs.store.users.actor import OPERATOR
from gjobs.tui.dashboard.dialogs.pick import ChoiceOption, PickDialog
from gjobs.tui.dashboard.features.navigation import TypedId
from gjobs.tui.dashboard.panels.project_list import ProjectList
from tests.tui.dashboard.dashboard_driver import AS_BEN, Driver
from tests.tui.jobs_database import ADA, AUTUMN, BEN, SPRING, JobsDatabase


async def test_operator_chooses_the_owner_of_a_new_project(jobs_db: JobsDatabase, operator: Driver) -> None:
    await operator.press("P", dialog="Whose project?")
    await operator.press("escape", dialog="")
    assert jobs_db.sql("select count(*) from projects") == [(3,)]

    await operator.press("P", dialog="Whose project?")
    await operator.type("ben", "enter", dialog="New project")
    await operator.type("Boots", "enter", shows="Costs · Boots")
    assert jobs_db.sql("select user_id from projects where name = 'Boots'") == [(BEN,)]


async def test_project_is_selected_in_the_picker_by_key_or_click_in_the_list_and_when_it_is_new(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    await dashboard.press("p")
    dialog = dashboard.app.screen
    assert isinstance(dialog, PickDialog)
    for typed, found in (
        ("sprlook", [SPRING]),
        ("a1000000", [AUTUMN, TypedId("a1000000")]),
        ("a000", [TypedId("a000")]),
    ):
        await dashboard.type(typed)
        options = dialog.query_one(OptionList).options
        assert [option.choice.value for option in options if isinstance(option, ChoiceOption)] == found
    await dashboard.type("zzz", shows="No match.")
    await dashboard.press("enter", dialog="Show which project?")
    await dashboard.type("", "down", "enter", shows="Costs · Spring lookbook")

    await dashboard.pilot.click(ProjectList, offset=(5, 2))
    await dashboard.shows("Costs · Autumn catalog", "› Autumn catalog")
    dashboard.app.dashboard.query_one(ProjectList).focus()
    await dashboard.press("j", "enter", shows=("Costs · Spring lookbook", "› Spring lookbook"))
    assert dashboard.app.focused is dashboard.table

    await dashboard.press("P", dialog="New project")
    for name, problem in ((" ", "Name is empty."), ("x" * 201, "The name has 201 characters")):
        await dashboard.type(name, "enter", shows=problem, dialog="New project")
    await dashboard.type("Winter sale", "enter", message="Created the project Winter sale.")
    await dashboard.shows("Costs · Winter sale", "This project has no jobs. Press n to create one.")
    assert jobs_db.sql("select user_id from projects where name = 'Winter sale'") == [(ADA,)]


async def test_users_see_only_their_jobs_and_the_operator_sees_all(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.sql("insert into projects (user_id, name) values (%s, 'Winter sale')", BEN)
    await dashboard.go_to(1)
    await dashboard.press("down", "u", dialog="Act as which user?", shows="ben@example.com  1 job")
    await dashboard.press("enter", dialog="")
    assert dashboard.cursor == 2, "choosing the current user changes nothing"

    await dashboard.act_as(AS_BEN, shows=("as ben@example.com", "Costs · Trail gear"))
    projects = dashboard.app.dashboard.query_one(ProjectList)
    await dashboard.until(
        lambda: [str(one.prompt).split()[-1] for one in projects.options] == ["1", "0", "1"] and dashboard.rows == [8]
    )
    await dashboard.shows_no_longer("Autumn")
    await dashboard.press("p", shows=("Winter sale  0 jobs", "Trail gear   1 job, $"))
    await dashboard.press("escape", dialog="")

    await dashboard.act_as(OPERATOR, shows=("as the operator", "Trail gear"))
    await dashboard.show_project("all projects")
    assert dashboard.rows == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_project_list_keeps_its_highlight_and_refuses_job_keys(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    before = jobs_db.sql("select id, status from public.generation_jobs order by id")
    projects = dashboard.app.dashboard.query_one(ProjectList)
    for name, listed in (("Spring lookbook", SPRING), ("Autumn catalog", AUTUMN)):
        await dashboard.show_project(name)
        await dashboard.press("tab", "end", "shift+tab", "tab", until=lambda: dashboard.app.focused is projects)
        assert projects.highlighted_option is not None
        assert projects.highlighted_option.id == str(listed), "it starts at the listed project"
    await dashboard.press("end")
    jobs_db.sql("insert into projects (user_id, name) values (%s, 'Winter sale')", ADA)
    await dashboard.refreshes(shows=("Winter sale", "Costs · Autumn catalog"))
    assert projects.highlighted_option is not None
    assert projects.highlighted_option.id == str(SPRING), "a refresh keeps the highlight"
    keys = ("s", "c", "f", "r", "d", "delete", "y", "Y")
    refusal = "This key acts on a job. Press tab to go to the job list first."
    assert await dashboard.warnings_by_key(*keys) == [refusal] * len(keys)
    assert dashboard.dialog == ""
    assert jobs_db.sql("select id, status from public.generation_jobs order by id") == before
    await dashboard.press("tab", "s", until=lambda: jobs_db.status(1) == "running")
