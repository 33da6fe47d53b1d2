"""The isolation check on the app's own database with each login: the same leaks, and no trace."""

import pytest

from gjobs.store.doctor.findings import Severity
from gjobs.store.errors import NoPrivilege
from gjobs.store.isolation.isolation import Probe, ProbeMethod, ProbeTarget, ProbeVerdict, Verb
from gjobs.store.isolation.isolation_check import isolation_check, plan_probes, run_probes
from tests.conftest import Conninfo
from tests.hosted.access_routes import Login
from tests.hosted.statement_log import record_transcript
from tests.hosted.test_hosted_doctor import examined, fix
from tests.store.store_fixtures import opened
from tests.tui.jobs_database import ADA, JobsDatabase, fill

LEAKS = {
    (ProbeTarget.JOB, Verb.INSERT_INTO),
    (ProbeTarget.ASSET, Verb.INSERT_INTO),
    (ProbeTarget.STATISTICS, Verb.READ),
    (ProbeTarget.SUMMARY, Verb.READ),
}
"""The leaks of the app's own schema."""


async def probed(conninfo: Conninfo) -> list[Probe]:
    async with opened(conninfo) as database:
        plan = await plan_probes(database, owner_id=ADA)
        return [probe async for probe in run_probes(database, plan, tries_writes=True)]


def leaks(probes: list[Probe]) -> set[tuple[ProbeTarget, Verb]]:
    return {(probe.target, probe.verb) for probe in probes if probe.verdict is ProbeVerdict.LEAK}


@pytest.mark.reads
async def test_isolation_check_finds_the_same_leaks_with_each_login_and_writes_nothing(
    login: Login, jobs_db: JobsDatabase
) -> None:
    rows = "select xmin, j::text from generation_jobs j union all select xmin, p::text from projects p"
    before = sorted(jobs_db.sql(rows))
    with record_transcript(login) as transcript:
        if login.is_owner:
            probes = await probed(login.conninfo)
            assert leaks(probes) == LEAKS
            assert any(probe.how is ProbeMethod.TRIED for probe in probes if probe.verb.writes) == login.writes
        else:
            with pytest.raises(NoPrivilege):
                await probed(login.conninfo)
        finding = transcript()
    assert finding.traces == []
    assert all(problem.level == "ERROR" for problem in finding.problems)
    assert sorted(jobs_db.sql(rows)) == before


@pytest.mark.migrated
async def test_isolation_check_finds_the_leaks_of_the_app_after_a_migration_until_the_doctors_sql_fixes_them(
    app_database: Conninfo, jobs_db: JobsDatabase
) -> None:
    assert leaks(await probed(app_database)) == LEAKS
    fix(app_database, await examined(app_database))
    assert leaks(await probed(app_database)) == set()


async def test_isolation_check_finds_no_leak_in_tables_without_grants(ungranted_database: Conninfo) -> None:
    jobs_db = JobsDatabase(ungranted_database)
    fill(jobs_db)
    jobs_db.close()
    refused = [probe for probe in await probed(ungranted_database) if probe.target is ProbeTarget.COUNTS]
    assert [(probe.verdict, probe.answer) for probe in refused] == [
        (ProbeVerdict.KEPT, "refused: permission denied for table generation_jobs")
    ]


@pytest.mark.reads
async def test_doctor_explains_why_the_isolation_check_did_not_run(
    least_privilege: Login, jobs_db: JobsDatabase
) -> None:
    async with opened(least_privilege.conninfo) as database:
        (finding,) = await isolation_check(database, owner_id=None, other_id=None, why_no_writes=None)
    assert (finding.name, finding.severity) == ("not-tried", Severity.WARNING)
    assert finding.sentence == "The check could not run. The login least_privilege may not act as a user."
