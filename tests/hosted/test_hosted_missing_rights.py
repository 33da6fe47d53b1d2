"""The dashboard and the commands explain the missing rights of a login or a user."""

import pytest
from psycopg.conninfo import make_conninfo

from gjobs.store.users.actor import OPERATOR
from gjobs.tui.export.export_files import FileFormat
from tests.cli.command_line import Run
from tests.conftest import Conninfo
from tests.hosted.access_routes import Login
from tests.hosted.cluster import Server
from tests.tui.dashboard.dashboard_driver import AS_ADA, WatchedApp, drive_dashboard, opener_of
from tests.tui.jobs_database import JobsDatabase, fill

NO_GRANT = "No grant: the role authenticated may not read generation_jobs."

GRANT = "GRANT SELECT ON public.generation_jobs TO authenticated;"


@pytest.fixture
def ungranted(ungranted_database: Conninfo) -> Conninfo:
    jobs_db = JobsDatabase(ungranted_database)
    fill(jobs_db)
    jobs_db.close()
    return ungranted_database


def words(text: str) -> str:
    """Return the text without line breaks and frames."""
    return " ".join(text.replace("│", " ").split())


async def test_dashboard_shows_a_banner_until_the_missing_grant_is_given(ungranted: Conninfo) -> None:
    async with drive_dashboard(WatchedApp(opener_of(ungranted, actor=AS_ADA))) as driver:
        assert NO_GRANT in words(driver.banner)
        assert GRANT in words(driver.banner)
        assert "Total" not in driver.text
        assert "No projects" not in driver.text
        jobs_db = JobsDatabase(ungranted)
        jobs_db.sql("grant select on public.generation_jobs to authenticated")
        jobs_db.close()
        await driver.press("f5")
        await driver.shows("Total 6")
        await driver.until(
            lambda: "gjobs finds projects only through their jobs, without names." in words(driver.banner)
        )
        assert "a1000000" in driver.text


def test_commands_report_the_missing_grant_and_its_fix(
    ungranted: Conninfo, gjobs: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GJOBS_DATABASE_URL", make_conninfo("", **ungranted))
    exports = [f"jobs export - --format {one}" for one in FileFormat]
    for command in ("jobs list", "stats", "stats --by project", "snapshot", *exports):
        refused = gjobs(*command.split(), "--as", "ada@example.com")
        assert (refused.code, refused.out) == (6, ""), command
        assert refused.err.splitlines() == [NO_GRANT, f"To fix it, run: {GRANT}"]


def test_commands_warn_about_a_restricted_view(
    app_database: Conninfo, hosted_server: Server, jobs_db: JobsDatabase, gjobs: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = hosted_server.login(str(app_database["dbname"]), "under_policies")
    monkeypatch.setenv("GJOBS_DATABASE_URL", make_conninfo("", **login))
    listed = gjobs("jobs", "list", "--json")
    assert (listed.code, listed.document) == (0, [])
    assert listed.err.startswith("Row level security applies to the login under_policies: it sees only the")
    watched = gjobs("watch", "--until", "left=0")
    assert (watched.code, watched.out) == (6, "")
    assert "left counts only jobs that the login sees. Row level security applies to" in watched.err
    jobs_db.sql("revoke select on projects from under_policies")
    assert (
        "gjobs finds projects only through their jobs, without names. No grant: the role under_policies"
        in gjobs("projects").err
    )


@pytest.mark.reads
async def test_dashboard_banner_warns_a_login_under_row_level_security(
    app_database: Conninfo, hosted_server: Server, jobs_db: JobsDatabase
) -> None:
    login = hosted_server.login(str(app_database["dbname"]), "under_policies")
    async with drive_dashboard(WatchedApp(opener_of(login, actor=OPERATOR))) as driver:
        await driver.until(lambda: "Row level security applies to the login under_policies" in words(driver.banner))


@pytest.mark.reads
async def test_keys_without_their_grants_show_why(least_privilege: Login, jobs_db: JobsDatabase) -> None:
    async with drive_dashboard(WatchedApp(opener_of(least_privilege.conninfo, actor=OPERATOR))) as driver:
        await driver.shows("Autumn catalog")
        for key, reason in (
            ("s", "may not change generation_jobs."),
            ("f", "may not change generation_jobs."),
            ("d", "may not delete rows of generation_jobs."),
            ("n", "may not write generation_jobs."),
            ("P", "may not write projects."),
        ):
            driver.clear_messages()
            await driver.press(key)
            await driver.until(lambda reason=reason: any(reason in words(one) for one in driver.warnings))  # type: ignore[misc]
            await driver.has_dialog("")
        driver.clear_messages()
        await driver.press("i")
        await driver.shows_message("The login least_privilege may not act as a user.")
        await driver.has_dialog("")
        await driver.press("u")
        await driver.has_dialog("Act as which user?")
        await driver.shows("no e-mail, a0000000")
        assert "The login least_privilege may not act as a user." in words(driver.text)


async def test_write_key_works_after_the_grant_is_given(ungranted: Conninfo) -> None:
    jobs_db = JobsDatabase(ungranted)
    jobs_db.sql("grant select on public.generation_jobs, public.projects to authenticated")
    async with drive_dashboard(WatchedApp(opener_of(ungranted, actor=AS_ADA))) as driver:
        await driver.shows("Autumn catalog")
        await driver.press("s")
        await driver.until(lambda: any("may not change" in words(message) for message in driver.warnings))
        jobs_db.sql("grant update on public.generation_jobs to authenticated")
        await driver.press("s")
        await driver.shows_message("This database now has what was missing. Press the key again.")
        await driver.press("s")
        await driver.shows_message("Started lifestyle 00000001.")
        assert jobs_db.status(1) == "running"
    jobs_db.close()


@pytest.mark.reads
@pytest.mark.xdist_group("replica")
async def test_write_key_on_a_replica_shows_a_message(replicated: Login) -> None:
    async with drive_dashboard(WatchedApp(opener_of(replicated.conninfo, actor=AS_ADA))) as driver:
        await driver.shows("Autumn catalog")
        await driver.press("s")
        await driver.until(lambda: any("This server is a replica" in words(message) for message in driver.warnings))


async def test_new_job_dialog_explains_a_missing_assets_table(owner: Login, jobs_db: JobsDatabase) -> None:
    jobs_db.sql("drop table public.assets cascade")
    async with drive_dashboard(WatchedApp(opener_of(owner.conninfo, actor=AS_ADA))) as driver:
        await driver.shows("Autumn catalog")
        await driver.press("n")
        await driver.until(lambda: "There is no table assets." in words(driver.text))
        await driver.press("enter")
        await driver.shows_message("Queued main_white")
