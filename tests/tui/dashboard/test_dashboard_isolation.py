"""The isolation check in the dashboard: texts, results, questions, fixes and stop."""

from uuid import UUID

import pytest

from gjobs.store.configuration.settings import WriteMode
from gjobs.store.isolation.isolation import (
    PROBED,
    Participant,
    Probe,
    ProbeMethod,
    ProbePlan,
    ProbeTarget,
    ProbeVerdict,
    Verb,
    attempt_words,
)
from gjobs.store.users.actor import ANON, OPERATOR
from gjobs.tui.dashboard.features.isolation import IsolationDialog, answer_words, confirm_tries, summary_words, who
from tests.conftest import Conninfo, connect
from tests.tui.dashboard.dashboard_driver import Drive, Driver, dashboard_on
from tests.tui.jobs_database import JobsDatabase

NOT_TRIED = "Writes are judged from the policies, not tried."


async def test_isolation_check_of_the_app_schema_tries_writes_after_confirmation_and_shows_sql_that_fixes_a_leak(
    attached_jobs_db: JobsDatabase, attached_database: Conninfo
) -> None:
    attached_jobs_db.delete(7)
    everything = "select xmin, t::text from generation_jobs t union all select xmin, t::text from projects t"
    before = sorted(attached_jobs_db.sql(everything))
    async with dashboard_on(attached_database, actor=OPERATOR) as driver:
        await driver.press("i", shows="4 leaks, 13 kept; 12 judged")
        await driver.press(
            "w", dialog="Try the writes?", shows=("Database: testbase", "gjobs rolls back each try at once")
        )
        await driver.press("n", dialog="Isolation", shows="12 judged")

        await driver.press("w", "y", shows=("4 leaks, 13 kept.", "✗ LEAK     inserted 1 row — rolled back"))
        assert sorted(attached_jobs_db.sql(everything)) == before

        await driver.resize(80, 24)
        await driver.press("home", "m", shows="m fix", message="No leak in this row.")
        await driver.press("end", shows="Reads the owner's rows in the view generation_job_summary.")
        await driver.shows("✗ LEAK     read ", "esc close")
        fix = "ALTER VIEW public.generation_job_summary SET (security_invoker = on);"
        await driver.press("enter", dialog="SQL", shows=fix)
        await driver.press("y")
        assert driver.app.clipboard == fix
        await driver.press("escape", dialog="Isolation")

        await driver.resize(120, 36)
        attached_jobs_db.sql(fix)
        attached_jobs_db.sql('create policy "[/oops]\x1b[2J" on generation_jobs for delete using (true)')
        await driver.press("r", shows='✗ LEAK     judged: policy "[/oops]␛[2J" permits it')
        await driver.shows("4 leaks, 13 kept", "summary    read                 ✓ kept     hidden (0 jobs)")


async def test_isolation_check_reports_a_database_without_the_tables(hosted_database: Conninfo) -> None:
    async with dashboard_on(hosted_database, actor=OPERATOR) as driver:
        await driver.press("i", dialog="Isolation")
        await driver.shows(
            'This database lacks something that gjobs needs: relation "public.generation_jobs" does not exist.'
        )
        await driver.press("w", message="The check has not found two users yet.")


async def test_user_and_visitor_check_isolation_and_act_as_themselves_again(
    drive: Drive, jobs_db: JobsDatabase
) -> None:
    question = "Check isolation as the operator?"
    async with drive(rule=WriteMode.PERMIT_REQUIRED) as driver:
        await driver.press("i", dialog=question, shows=("You act as ada@example.com.", "Writes are judged"))
        await driver.shows("Afterwards you still act as ada@example.com.")
        await driver.press("y", shows="No leak, 17 kept; 12 judged")
        await driver.press("escape", dialog="", shows="as ada@example.com")

        driver.session.access.open_permit("ticket 7", 600)
        jobs_db.sql("delete from public.projects")
        await driver.press("i", dialog=question)
        await driver.press("y", shows=("ada@example.com tries to reach rows of ben@example.com", "No leak, 17 kept."))
        await driver.press("escape", dialog="", shows="as ada@example.com")
        assert jobs_db.sql("select count(*) from public.projects") == [(0,)]

        await driver.act_as(ANON, shows="as anon")
        await driver.resize(80, 24)
        await driver.press("i", shows=("You act as anon.", "ways to reach a user's rows as another user."))
        await driver.press(
            "y", shows=(" job ", " statistics ", "Reads a job of the owner. hidden", "No leak, 17 kept.")
        )


async def test_operator_checks_any_two_users_and_tries_writes_only_with_a_permit(drive: Drive) -> None:
    async with drive(actor=OPERATOR, rule=WriteMode.PERMIT_REQUIRED) as driver:
        await driver.press("i", dialog="Isolation")
        await driver.shows("Database: testbase", "ben@example.com tries to reach rows of ada@example.com")
        await driver.shows("No leak, 17 kept; 12 judged from the policies, not tried.")
        assert "m fix" not in driver.text
        await driver.shows("✓ kept     hidden (0 rows)", "✓ kept     judged: own rows only")
        await driver.press("w", message=NOT_TRIED)
        await driver.expects(message="Press W to write for some minutes.", dialog="Isolation")

        await driver.press("o", dialog="Whose rows?")
        await driver.type("ben", "enter", shows=("ada@example.com tries to reach rows of ben@example.com", "No leak"))
        await driver.press("u", dialog="Which user tries to access them?")
        await driver.type("ben", "enter", message="The check needs two different users.", dialog="Isolation")
        await driver.shows("ada@example.com tries to reach rows of ben@example.com")
        driver.session.access.open_permit("ticket 7", 600)
        await driver.press("w", "y", shows="No leak, 17 kept.")


async def test_isolation_check_can_be_stopped_and_fits_every_size(operator: Driver, database: Conninfo) -> None:
    with connect(database) as other, other.transaction():
        other.execute("lock table projects in access exclusive mode")
        await operator.press("i", shows=("Finding two users …", "x stop"))
        await operator.press("x", shows="Stopped after 0 of 17.", hides="x stop")
    dialog = operator.app.screen
    assert isinstance(dialog, IsolationDialog)
    dialog.action_again()
    dialog.action_again()  # The key may come before the check of a dialog that just opened has begun.
    await operator.shows("No leak, 17 kept; 12 judged")
    await operator.press("r", shows="No leak, 17 kept; 12 judged")
    await operator.press("x", shows="No leak, 17 kept")

    keys = ("o owner", "u user", "r again", "esc close")
    await operator.resize(40, 8)
    await operator.shows("✓ kept ", "No leak, 17 kept; 12 judged", "w try writes", *keys)
    assert "x stop" not in operator.text, "nothing runs"
    await operator.press("w", "y", shows="No leak, 17 kept.", hides="w try writes")
    await operator.press("end", shows=("summary", "No leak, 17 kept.", *keys))
    await operator.resize(60, 18)
    operator.app.messages.pin("A step of the tour that needs two lines on a narrow screen", owner="tour")
    await operator.shows("summary", "No leak, 17 kept.", "A step of the tour", *keys)


async def test_isolation_check_of_an_empty_database_makes_its_rows(
    empty_jobs_db: JobsDatabase, database: Conninfo
) -> None:
    async with dashboard_on(database, actor=OPERATOR) as driver:
        await driver.press("i", shows=("a made-up user tries to reach rows of a made-up user", "3 unknown"))
        await driver.press("w", "y", shows="No leak, 17 kept.")


ADA = Participant(id=UUID(int=0xA0 << 120), email="ada@example.com")

BEN = Participant(id=UUID(int=0xB0 << 120))


def probe(
    verdict: ProbeVerdict = ProbeVerdict.KEPT, how: ProbeMethod = ProbeMethod.TRIED, answer: str = "hidden (0 rows)"
) -> Probe:
    return Probe(target=ProbeTarget.JOB, verb=Verb.UPDATE, how=how, answer=answer, verdict=verdict)


LEAK, JUDGED = probe(ProbeVerdict.LEAK), probe(how=ProbeMethod.JUDGED)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (who(ADA), "ada@example.com"),
        (who(BEN), "user b0000000"),
        (who(Participant(id=UUID(int=1), exists=False)), "a made-up user"),
        (who(Participant(id=UUID(int=1), email="a\x1b[2J@b")), "a␛[2J@b"),
        (answer_words(probe(how=ProbeMethod.TRIED, answer="said\nso")), "said\u23ceso"),
        (answer_words(probe(how=ProbeMethod.JUDGED, answer="said\nso")), "judged: said\u23ceso"),
        (answer_words(probe(how=ProbeMethod.NOT_TRIED, answer="said\nso")), "not tried: said\u23ceso"),
        (summary_words([probe(), probe()]), "No leak, 2 kept"),
        (summary_words([LEAK, probe()]), "1 leak, 1 kept"),
        (summary_words([LEAK, LEAK, probe(ProbeVerdict.UNKNOWN, ProbeMethod.NOT_TRIED)]), "2 leaks, 0 kept, 1 unknown"),
        (summary_words([probe(), JUDGED]), "No leak, 2 kept; 1 judged from the policies, not tried"),
    ],
)
def test_words_name_users_answers_and_the_summary(words: str, text: str) -> None:
    assert words == text


def test_every_probe_has_its_own_description() -> None:
    descriptions = [attempt_words(target, verb) for target, verb in PROBED]
    assert len(set(descriptions)) == len(PROBED)
    assert descriptions[:2] == ["Reads a job of the owner", "Inserts their own job into the owner's project"]


def test_write_probe_question_names_both_users_and_the_database() -> None:
    question = confirm_tries(ProbePlan(owner=ADA, other=BEN, targets={}), database="Shop (db.example/app)")
    text = "\n".join(question.lines)
    assert "user b0000000" in text
    assert "ada@example.com" in text
    assert "Database: Shop (db.example/app)" in text
    assert not question.is_dangerous
