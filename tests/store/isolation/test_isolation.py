"""The isolation check: verdicts from policies alone, and the leaks that it finds without a change."""

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from gjobs.migrations.runner import upgrade
from gjobs.store.capabilities.capability import PolicyCommand, RlsPolicy
from gjobs.store.configuration.settings import WriteAccess, WriteMode
from gjobs.store.database.database import Database
from gjobs.store.doctor.policy_checks import conjuncts
from gjobs.store.errors import InvalidValue
from gjobs.store.isolation.isolation import (
    PROBED,
    Probe,
    ProbeMethod,
    ProbePlan,
    ProbeTarget,
    ProbeVerdict,
    TargetKind,
    Verb,
)
from gjobs.store.isolation.isolation_check import find_leak_fixes, plan_probes, run_probes
from gjobs.store.isolation.isolation_policies import TableRules, judge
from gjobs.store.store import Store
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import ADA, BEN, STRANGER, Db, make_policy, opened, show_rows, sql_of

OWN = "(auth.uid() = user_id)"
OWN_ONCE = "(( SELECT auth.uid() AS uid) = user_id)"
NOT_OWN = "(user_id IS DISTINCT FROM ( SELECT auth.uid() AS uid))"
MY_PROJECT = """\
(EXISTS ( SELECT
   FROM {schema}projects p
  WHERE ((p.id = {table}.project_id) AND (p.user_id = ( SELECT auth.uid() AS uid)))))"""
JOBS_PROJECT = MY_PROJECT.format(schema="", table="generation_jobs")
MY_ASSET = """\
((input_asset_id IS NULL) OR (EXISTS ( SELECT
   FROM assets a
  WHERE ((a.id = generation_jobs.input_asset_id) AND (a.user_id = ( SELECT auth.uid() AS uid))))))"""
EVERYTHING = "true"
TEAM = "(team_id = current_team())"

WRITE_COMMANDS = [
    (Verb.INSERT_AS, PolicyCommand.INSERT),
    (Verb.UPDATE, PolicyCommand.UPDATE),
    (Verb.DELETE, PolicyCommand.DELETE),
]


def rules(
    *, has_row_security: bool = True, granted: frozenset[PolicyCommand] = frozenset(PolicyCommand)
) -> list[TableRules]:
    return [TableRules(table="generation_jobs", has_row_security=has_row_security, granted=granted)]


def policy(
    command: PolicyCommand, expression: str | None, *, name: str = "a policy", restrictive: bool = False
) -> RlsPolicy:
    inserts = command is PolicyCommand.INSERT
    return make_policy(
        name,
        None if inserts else expression,
        is_permissive=not restrictive,
        command=command,
        check=expression if inserts else None,
    )


def verdict(verb: Verb, *policies: RlsPolicy) -> ProbeVerdict:
    return judge(ProbeTarget.JOB, verb, rules(), policies).verdict


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (OWN, ProbeVerdict.KEPT),
        (OWN_ONCE, ProbeVerdict.KEPT),
        ("(user_id = auth.uid())", ProbeVerdict.KEPT),
        (f"({OWN} AND {TEAM})", ProbeVerdict.KEPT),
        (f"({OWN} OR {TEAM})", ProbeVerdict.UNKNOWN),
        (f"(NOT {OWN})", ProbeVerdict.UNKNOWN),
        (TEAM, ProbeVerdict.UNKNOWN),
        (EVERYTHING, ProbeVerdict.LEAK),
        ("(auth.role() = 'authenticated'::text)", ProbeVerdict.UNKNOWN),
        (None, ProbeVerdict.UNKNOWN),
    ],
)
@pytest.mark.parametrize(("verb", "command"), [*WRITE_COMMANDS, (Verb.READ, PolicyCommand.SELECT)])
def test_policy_condition_determines_the_verdict(
    verb: Verb, command: PolicyCommand, expression: str | None, expected: ProbeVerdict
) -> None:
    assert verdict(verb, policy(command, expression)) is expected
    if command is not PolicyCommand.INSERT:
        assert verdict(verb, policy(PolicyCommand.ALL, expression)) is expected


@pytest.mark.parametrize(("verb", "command"), [*WRITE_COMMANDS, (Verb.READ, PolicyCommand.SELECT)])
def test_condition_that_a_made_up_user_met_is_a_leak(verb: Verb, command: PolicyCommand) -> None:
    met = replace(
        policy(command, "(auth.role() = 'authenticated'::text)"),
        is_using_met=not verb.inserts,
        is_check_met=verb.inserts,
    )
    assert verdict(verb, met) is ProbeVerdict.LEAK


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (OWN, ProbeVerdict.LEAK),
        (EVERYTHING, ProbeVerdict.LEAK),
        (f"({NOT_OWN} OR {JOBS_PROJECT})", ProbeVerdict.KEPT),
        (f"({NOT_OWN} OR {MY_PROJECT.format(schema='public.', table='assets')})", ProbeVerdict.KEPT),
        (f"({NOT_OWN} OR ({JOBS_PROJECT} AND {MY_ASSET}))", ProbeVerdict.KEPT),
        (f"({OWN} AND ({NOT_OWN} OR {JOBS_PROJECT}))", ProbeVerdict.KEPT),
        (f"({NOT_OWN} OR {JOBS_PROJECT} OR is_member_of(project_id))", ProbeVerdict.UNKNOWN),
        (f"({NOT_OWN} OR ({JOBS_PROJECT} OR is_member_of(project_id)))", ProbeVerdict.UNKNOWN),
        (f"({NOT_OWN} OR ({JOBS_PROJECT} AND {MY_ASSET}) OR is_staff())", ProbeVerdict.UNKNOWN),
        (f"({NOT_OWN} OR (NOT {JOBS_PROJECT}))", ProbeVerdict.UNKNOWN),
        (f"({NOT_OWN} OR {MY_PROJECT.format(schema='other.', table='generation_jobs')})", ProbeVerdict.UNKNOWN),
        (f"({OWN} AND is_member_of(project_id))", ProbeVerdict.UNKNOWN),
    ],
)
def test_insert_into_a_foreign_project_needs_a_check_of_the_project(check: str, expected: ProbeVerdict) -> None:
    assert verdict(Verb.INSERT_INTO, policy(PolicyCommand.INSERT, check)) is expected
    restriction = policy(PolicyCommand.INSERT, check, restrictive=True)
    assert verdict(Verb.INSERT_INTO, policy(PolicyCommand.INSERT, OWN), restriction) is expected


def test_grants_row_security_and_the_policies_of_command_table_and_role_decide() -> None:
    both = make_policy("all", EVERYTHING, command=PolicyCommand.ALL, check=OWN)
    assert verdict(Verb.INSERT_AS, both) is ProbeVerdict.KEPT
    assert verdict(Verb.UPDATE, both) is ProbeVerdict.LEAK

    everything = [policy(PolicyCommand.ALL, EVERYTHING)]
    no_grant = judge(ProbeTarget.JOB, Verb.DELETE, rules(granted=frozenset({PolicyCommand.SELECT})), everything)
    assert (no_grant.verdict, no_grant.answer) == (ProbeVerdict.KEPT, "no grant")
    own = [policy(PolicyCommand.ALL, OWN)]
    switched_off = judge(ProbeTarget.JOB, Verb.DELETE, rules(has_row_security=False), own)
    assert (switched_off.verdict, switched_off.answer) == (ProbeVerdict.LEAK, "row level security is off")

    other_role = make_policy("staff", EVERYTHING, command=PolicyCommand.UPDATE, holds_for_users=False)
    assert verdict(Verb.UPDATE, other_role) is ProbeVerdict.KEPT
    other_table = policy(PolicyCommand.DELETE, EVERYTHING)
    assert judge(ProbeTarget.PROJECT, Verb.DELETE, rules(), [other_table]).verdict is ProbeVerdict.UNKNOWN
    assert verdict(Verb.UPDATE, other_table) is ProbeVerdict.KEPT
    assert judge(ProbeTarget.SUMMARY, Verb.READ, rules(), []).verdict is ProbeVerdict.UNKNOWN


@pytest.mark.parametrize(
    ("policies", "expected", "answer"),
    [
        ([], ProbeVerdict.KEPT, "no policy permits it"),
        ([(OWN, False), (OWN_ONCE, False)], ProbeVerdict.KEPT, "own rows only"),
        ([(OWN, False), (EVERYTHING, False)], ProbeVerdict.LEAK, 'policy "1" permits it'),
        ([(OWN, False), (TEAM, False)], ProbeVerdict.UNKNOWN, 'policy "1" has a condition unknown to gjobs'),
        ([(EVERYTHING, False), (OWN, True)], ProbeVerdict.KEPT, 'policy "1" forbids it'),
        ([(EVERYTHING, False), (EVERYTHING, True)], ProbeVerdict.LEAK, 'policy "0" permits it'),
        ([(EVERYTHING, False), (TEAM, True)], ProbeVerdict.UNKNOWN, 'policy "1" has a condition unknown to gjobs'),
        ([(OWN, False), (TEAM, True)], ProbeVerdict.KEPT, "own rows only"),
        ([(OWN, True)], ProbeVerdict.KEPT, "no policy permits it"),
    ],
)
def test_one_permissive_policy_is_enough_and_every_restrictive_one_must_agree(
    policies: list[tuple[str, bool]], expected: ProbeVerdict, answer: str
) -> None:
    made = [
        policy(PolicyCommand.DELETE, expression, name=str(index), restrictive=restrictive)
        for index, (expression, restrictive) in enumerate(policies)
    ]
    probe = judge(ProbeTarget.JOB, Verb.DELETE, rules(), made)
    assert (probe.verdict, probe.answer, probe.how) == (expected, answer, ProbeMethod.JUDGED)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("true", ("true",)),
        ("((a = b))", ("a = b",)),
        ("((a = b) AND (c = d))", ("a = b", "c = d")),
        ("(((a = b) AND (c = d)) AND e(f))", ("a = b", "c = d", "e(f)")),
        ("((a = b) OR (c = d))", ("(a = b) OR (c = d)",)),
        ("((a = b) OR ((c = d) AND e))", ("(a = b) OR ((c = d) AND e)",)),
        ("(name = ' AND '::text)", ("name = ' AND '::text",)),
        ("(name = 'it''s ('::text) AND b", ("name = 'it''s ('::text", "b")),
        ('("a AND b" = c)', ('"a AND b" = c',)),
        ("(a)  AND\n  (b)", ("a", "b")),
        ("(a", ("(a",)),
        ("", ("",)),
    ],
)
def test_expression_is_split_into_its_conditions(expression: str, expected: tuple[str, ...]) -> None:
    assert conjuncts(expression) == expected


LEAKS_OF_THE_APP = {
    (ProbeTarget.JOB, Verb.INSERT_INTO),
    (ProbeTarget.ASSET, Verb.INSERT_INTO),
    (ProbeTarget.STATISTICS, Verb.READ),
    (ProbeTarget.SUMMARY, Verb.READ),
}
"""The app's policies check the row's owner, not the project's. Its function and view run with their owner's rights."""

PROJECT = UUID("00000000-0000-4000-8000-000000000001")
EMPTY_PROJECT = UUID("00000000-0000-4000-8000-000000000002")
FINISHED_JOB = UUID("00000000-0000-4000-8000-000000000003")

ADAS_ROWS = """
    insert into auth.users (id, email) values (%(ada)s, 'ada@example.com'), (%(ben)s, 'ben@example.com');
    insert into projects (id, user_id, name) values (%(project)s, %(ada)s, 'Catalog'), (%(empty)s, %(ada)s, 'Empty');
    insert into assets (user_id, project_id, kind, mode, prompt_version, prompt_payload, storage_path)
        values (%(ada)s, %(project)s, 'input', 'lifestyle', 'v1', '{}', 'photo.jpg');
    insert into generation_jobs (user_id, project_id, mode) values (%(ada)s, %(project)s, 'lifestyle');
    insert into generation_jobs (id, user_id, project_id, status, mode)
        values (%(job)s, %(ada)s, %(project)s, 'failed', 'lifestyle');
"""


@pytest.fixture
def owner(attached_database: Conninfo) -> Iterator[psycopg.Connection]:
    """The owner of the app's schema, in which Ada has a row of each kind and Ben has none."""
    values = {"ada": ADA, "ben": BEN, "project": PROJECT, "empty": EMPTY_PROJECT, "job": FINISHED_JOB}
    with connect(attached_database, autocommit=True) as connection:
        psycopg.ClientCursor(connection).execute(ADAS_ROWS, values)
        yield connection


@pytest.fixture
async def attached(attached_database: Conninfo, owner: psycopg.Connection) -> AsyncIterator[Database]:
    async with opened(attached_database) as database:
        yield database


Answers = dict[tuple[ProbeTarget, Verb], Probe]


async def probed(database: Database, plan: ProbePlan | None = None, *, tries_writes: bool = True) -> Answers:
    plan = plan or await plan_probes(database)
    probes = [probe async for probe in run_probes(database, plan, tries_writes=tries_writes)]
    assert [(probe.target, probe.verb) for probe in probes] == list(PROBED)
    return {(probe.target, probe.verb): probe for probe in probes}


def leaks(answers: Answers) -> set[tuple[ProbeTarget, Verb]]:
    return {key for key, probe in answers.items() if probe.verdict is ProbeVerdict.LEAK}


def assert_writes_kept(answers: Answers) -> None:
    """Check that every write was judged from the policies, and that none is open or unknown."""
    written = [probe for (_, verb), probe in answers.items() if verb.writes]
    assert {probe.how for probe in written} == {ProbeMethod.JUDGED}
    assert [
        (probe.target, probe.verb, probe.answer) for probe in written if probe.verdict is not ProbeVerdict.KEPT
    ] == []


def assert_judged(answers: Answers, *keys: tuple[ProbeTarget, Verb], why: str) -> None:
    for key in keys:
        assert answers[key].how is ProbeMethod.JUDGED
        assert answers[key].answer.endswith(f" ({why})")


DELETE_PROJECT, INSERT_JOB = (ProbeTarget.PROJECT, Verb.DELETE), (ProbeTarget.JOB, Verb.INSERT_INTO)


def traces(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    """Return every row with the transaction that wrote it."""
    tables = ("projects", "assets", "generation_jobs", "auth.users")
    return [
        row
        for table in tables
        for row in connection.execute(f"select xmin, t::text from {table} t order by id").fetchall()  # noqa: S608
    ]


async def test_isolation_check_finds_the_leaks_of_the_app_schema(
    attached: Database, attached_database: Conninfo, owner: psycopg.Connection
) -> None:
    answers = await probed(attached)
    assert leaks(answers) == LEAKS_OF_THE_APP
    assert {probe.how for probe in answers.values()} == {ProbeMethod.TRIED}
    expected = {
        (ProbeTarget.JOB, Verb.INSERT_INTO): "inserted 1 row — rolled back",
        (ProbeTarget.SUMMARY, Verb.READ): "read 2 jobs",
        (ProbeTarget.STATISTICS, Verb.READ): "read 2 jobs",
        (ProbeTarget.JOB, Verb.READ): "hidden (0 rows)",
        (ProbeTarget.PROJECT, Verb.DELETE): "hidden (0 rows)",
        (ProbeTarget.JOB, Verb.INSERT_AS): (
            'refused: new row violates row-level security policy for table "generation_jobs"'
        ),
    }
    assert {key: answers[key].answer for key in expected} == expected
    # Without write access, the check judges writes from the policies.
    for mode in (WriteMode.CLOSED, WriteMode.PERMIT_REQUIRED):
        async with opened(attached_database, access=WriteAccess(mode)) as database:
            for tries_writes in (False, True):
                answers = await probed(database, tries_writes=tries_writes)
                assert leaks(answers) == LEAKS_OF_THE_APP
                for (_, verb), probe in answers.items():
                    assert probe.how is (ProbeMethod.JUDGED if verb.writes else ProbeMethod.TRIED)


async def test_upgrade_keeps_the_leaks_and_adds_none(attached: Database, attached_database: Conninfo) -> None:
    upgrade(attached_database)
    answers = await probed(attached)
    assert leaks(answers) == LEAKS_OF_THE_APP
    assert {probe.how for probe in answers.values()} == {ProbeMethod.TRIED}


async def test_isolation_check_replaces_missing_rows_and_users(attached: Database, owner: psycopg.Connection) -> None:
    """It creates rows only when it tries writes, and rolls them back."""
    owner.execute("delete from projects")
    before = traces(owner)
    answers = await probed(attached)
    assert leaks(answers) == LEAKS_OF_THE_APP
    assert {probe.how for probe in answers.values()} == {ProbeMethod.TRIED}
    assert answers[ProbeTarget.SUMMARY, Verb.READ].answer == "read 1 job"
    judged = await probed(attached, tries_writes=False)
    assert judged[ProbeTarget.SUMMARY, Verb.READ].answer == "the owner has no job"
    assert judged[DELETE_PROJECT].how is ProbeMethod.JUDGED
    assert traces(owner) == before

    # Only the foreign key refuses the rows of an invented user, after the policies have allowed them.
    owner.execute("delete from auth.users where id = %s", [BEN])
    plan = await plan_probes(attached)
    assert not plan.other.exists
    answers = await probed(attached, plan)
    assert leaks(answers) == LEAKS_OF_THE_APP
    assert answers[ProbeTarget.JOB, Verb.INSERT_INTO].answer.startswith(
        "permitted, and then refused: insert or update on"
    )

    owner.execute("delete from auth.users")
    plan = await plan_probes(attached)
    assert not plan.owner.exists
    answers = await probed(attached, plan)
    assert leaks(answers) == LEAKS_OF_THE_APP
    assert {probe.how for probe in answers.values()} == {ProbeMethod.TRIED}
    assert traces(owner) == []


async def test_check_changes_nothing_and_locks_no_full_project(attached: Database, owner: psycopg.Connection) -> None:
    """This holds even if the policies allow everything. `xmax` shows whether a row was ever locked."""
    for table in ("projects", "assets", "generation_jobs"):
        owner.execute(f"create policy everything on {table} using (true) with check (true)")
    locked = "select xmax from projects where id = %s"
    before, marks = traces(owner), owner.execute(locked, [PROJECT]).fetchall()
    answers = await probed(attached)
    assert leaks(answers) == set(PROBED)
    assert answers[ProbeTarget.PROJECT, Verb.DELETE].answer == "deleted 1 row — rolled back"
    assert traces(owner) == before
    assert owner.execute(locked, [PROJECT]).fetchall() == marks
    assert owner.execute("select count(*) from pg_stat_activity where state like 'idle in%'").fetchone() == (0,)

    # The check waits only briefly for a locked row.
    with owner.transaction():
        owner.execute("select from generation_jobs where id = %s for update", [FINISHED_JOB])
        started = time.monotonic()
        answers = await probed(attached)
        took = time.monotonic() - started
    for verb in (Verb.UPDATE, Verb.DELETE):
        probe = answers[ProbeTarget.JOB, verb]
        assert (probe.how, probe.verdict) == (ProbeMethod.NOT_TRIED, ProbeVerdict.UNKNOWN)
        assert probe.answer == "locked by another transaction"
    assert 0.4 <= took < 4

    # A project that received a job after planning is not tried.
    plan = await plan_probes(attached)
    owner.execute("insert into generation_jobs (user_id, project_id, mode) values (%s, %s, 'x')", [ADA, EMPTY_PROJECT])
    probe = (await probed(attached, plan))[ProbeTarget.PROJECT, Verb.DELETE]
    assert probe.how is ProbeMethod.JUDGED
    assert probe.answer == 'policy "everything" permits it (the chosen row was changed meanwhile)'


async def test_writes_of_rows_that_the_user_cannot_read_leak(attached: Database, owner: psycopg.Connection) -> None:
    """The update of a hidden row is judged from the policies."""
    for table in ("projects", "assets", "generation_jobs"):
        owner.execute(f"create policy anybody_inserts on {table} for insert with check (true)")
    owner.execute("create policy careless on generation_jobs for update using (true)")
    answers = await probed(attached)
    inserted = {(target, Verb.INSERT_AS) for target in (ProbeTarget.JOB, ProbeTarget.PROJECT, ProbeTarget.ASSET)}
    assert leaks(answers) == LEAKS_OF_THE_APP | inserted | {(ProbeTarget.JOB, Verb.UPDATE)}
    assert {answers[key].how for key in inserted} == {ProbeMethod.TRIED}
    probe = answers[ProbeTarget.JOB, Verb.UPDATE]
    assert (probe.how, probe.verdict) == (ProbeMethod.JUDGED, ProbeVerdict.LEAK)
    assert probe.answer == 'by id: hidden (0 rows); for all rows: policy "careless" permits it'


async def test_owner_with_an_empty_project_is_chosen_before_one_whose_project_only_lost_its_jobs(
    attached: Database, owner: psycopg.Connection
) -> None:
    """A project with assets is not empty: another user's jobs may refer to them."""
    cyd = uuid4()
    owner.execute("insert into auth.users (id, email) values (%s, 'cyd@example.com')", [cyd])
    for name in ("Lost its jobs", "Busy"):
        owner.execute(
            "with made as (insert into projects (user_id, name) values (%s, %s) returning id, user_id) "
            "insert into assets (user_id, project_id, kind, mode, prompt_version, prompt_payload, storage_path) "
            "select user_id, id, 'input', 'lifestyle', 'v1', '{}', 'photo.jpg' from made",
            [cyd, name],
        )
    owner.execute(
        "insert into generation_jobs (user_id, project_id, mode, status, created_at) "
        "select user_id, id, 'x', 'failed', now() + interval '1 s' from projects where name = 'Busy'"
    )
    # The database reads the rows in this order: the newest user comes first.
    owner.execute("update projects set name = name where user_id = %s", [ADA])
    answers = await probed(attached)
    assert {probe.how for probe in answers.values()} == {ProbeMethod.TRIED}
    assert (await plan_probes(attached)).targets[TargetKind.EMPTY_PROJECT] == EMPTY_PROJECT


async def test_trigger_refusal_is_no_leak_and_a_fault_is_unknown(attached: Database, owner: psycopg.Connection) -> None:
    owner.execute("""
        create function refuse() returns trigger language plpgsql as $$ begin raise 'not like this'; end $$;
        create function err() returns trigger language plpgsql as $$ begin return 1 / 0; end $$;
        create trigger refuses before insert on generation_jobs for each row execute function refuse();
        create trigger errs before insert on assets for each row execute function err();
    """)
    answers = await probed(attached)
    refused, faulty = answers[ProbeTarget.JOB, Verb.INSERT_INTO], answers[ProbeTarget.ASSET, Verb.INSERT_INTO]
    assert (refused.verdict, refused.answer) == (ProbeVerdict.KEPT, "refused: not like this")
    assert (faulty.how, faulty.verdict) == (ProbeMethod.NOT_TRIED, ProbeVerdict.UNKNOWN)
    assert "division by zero" in faulty.answer

    # The check explains why it could not create a missing row.
    owner.execute("delete from generation_jobs")
    answers = await probed(attached)
    why = "the owner has no job, and gjobs can't create one: not like this"
    assert answers[ProbeTarget.SUMMARY, Verb.READ].answer == why
    assert answers[ProbeTarget.SUMMARY, Verb.READ].how is ProbeMethod.NOT_TRIED
    assert_judged(answers, (ProbeTarget.JOB, Verb.DELETE), why=why.replace("no job", "no finished job"))


async def test_project_whose_rows_may_be_hidden_is_not_treated_as_empty(
    attached_database: Conninfo, owner: psycopg.Connection, recording_login: str
) -> None:
    """`xmax` shows whether a row was ever locked."""
    owner.execute("insert into generation_jobs (user_id, project_id, mode) values (%s, %s, 'x')", [ADA, EMPTY_PROJECT])
    owner.execute("create policy everything on projects using (true)")
    show_rows(sql_of(owner), recording_login, "projects", "assets")
    show_rows(sql_of(owner), recording_login, "generation_jobs", using="status = 'failed'")
    rows = "select xmax from projects order by id"
    before = owner.execute(rows).fetchall()
    async with Store(Database({**attached_database, "user": recording_login})) as store:
        plan = await plan_probes(store.database, owner_id=ADA, other_id=BEN)
        answers = await probed(store.database, plan)
    assert owner.execute(rows).fetchall() == before
    assert set(plan.targets) == {TargetKind.JOB, TargetKind.FINISHED_JOB, TargetKind.PROJECT, TargetKind.ASSET}
    why = (
        "row level security may hide jobs or assets from onlooker,"
        " and gjobs can't create one: permission denied for table projects"
    )
    assert_judged(answers, DELETE_PROJECT, INSERT_JOB, (ProbeTarget.ASSET, Verb.DELETE), why=why)


async def test_isolation_check_reports_missing_grants_and_objects(
    attached: Database, owner: psycopg.Connection
) -> None:
    owner.execute("revoke all on generation_jobs, projects, assets from authenticated")
    answers = await probed(attached)
    assert answers[ProbeTarget.COUNTS, Verb.READ].answer == "refused: permission denied for table generation_jobs"
    assert leaks(answers) == {(ProbeTarget.STATISTICS, Verb.READ), (ProbeTarget.SUMMARY, Verb.READ)}
    judged = await probed(attached, tries_writes=False)
    assert judged[ProbeTarget.JOB, Verb.DELETE].answer == "no grant"

    owner.execute("drop table assets cascade")
    owner.execute("drop function get_job_statistics(uuid)")
    answers = await probed(attached)
    for key in ((ProbeTarget.ASSET, Verb.READ), (ProbeTarget.ASSET, Verb.DELETE), (ProbeTarget.STATISTICS, Verb.READ)):
        assert (answers[key].how, answers[key].verdict) == (ProbeMethod.NOT_TRIED, ProbeVerdict.UNKNOWN)
        assert "does not exist" in answers[key].answer
    assert answers[ProbeTarget.PROJECT, Verb.DELETE].how is ProbeMethod.TRIED


async def test_isolation_check_creates_rows_when_no_user_owns_any(operator: Store) -> None:
    plan = await plan_probes(operator.database)
    assert (plan.owner.email, plan.targets) == ("ada@example.com", {})
    answers = await probed(operator.database, plan)
    assert {probe.how for probe in answers.values()} == {ProbeMethod.TRIED}
    assert not leaks(answers)
    assert_writes_kept(await probed(operator.database, plan, tries_writes=False))


async def test_suggested_sql_fixes_every_leak(attached: Database, owner: psycopg.Connection) -> None:
    owner.execute("create policy everything on projects for delete using (true)")
    owner.execute("create policy anything on assets for select using (true)")
    found = leaks(await probed(attached))
    assert found > LEAKS_OF_THE_APP
    fixes = await find_leak_fixes(attached)
    assert fixes.keys() == found
    for sql in dict.fromkeys(fixes[key] for key in found):
        owner.execute(sql.encode())
    assert not leaks(await probed(attached))
    assert_writes_kept(await probed(attached, tries_writes=False))
    assert not await find_leak_fixes(attached)


async def test_isolation_plan_chooses_the_owner_the_other_user_and_the_targets(operator: Store, db: Db) -> None:
    db.make_project(BEN, "only empty")
    db.make_job(db.make_project(BEN, "Full"))
    db.make_job()
    empty = db.make_project(ADA, "Empty")
    plan = await plan_probes(operator.database, other_id=BEN)
    assert (plan.owner.email, plan.other.email) == ("ada@example.com", "ben@example.com")
    assert plan.targets[TargetKind.EMPTY_PROJECT] == empty
    plan = await plan_probes(operator.database, owner_id=BEN, other_id=STRANGER)
    assert (plan.owner.email, plan.other.exists) == ("ben@example.com", False)
    with pytest.raises(InvalidValue):
        await plan_probes(operator.database, owner_id=ADA, other_id=ADA)
