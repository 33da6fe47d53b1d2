"""Verdicts from the text of the policies alone."""

from dataclasses import replace

import pytest

from gjobs.store.capabilities.capability import PolicyCommand, RlsPolicy
from gjobs.store.doctor.policy_checks import conjuncts
from gjobs.store.isolation.isolation import ProbeMethod, ProbeTarget, ProbeVerdict, Verb
from gjobs.store.isolation.isolation_policies import TableRules, judge
from tests.store.store_fixtures import make_policy

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
