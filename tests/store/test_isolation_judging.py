"""What is judged from policies alone."""

import pytest

from store.isolation.isolation import How, Thing, Verb, Verdict
from store.isolation.isolation_policies import Command, Policy, TableRules, conjuncts, judge

OWN = "(auth.uid() = user_id)"

OWN_ONCE = "(( SELECT auth.uid() AS uid) = user_id)"

OWN_INTO_OWN_PROJECT = f"({OWN_ONCE} AND gjobs.owns_project(project_id) AND gjobs.owns_asset(input_asset_id))"

EVERYTHING = "true"

TEAM = "(team_id = current_team())"

WRITE_COMMANDS = [(Verb.INSERT_AS, Command.INSERT), (Verb.UPDATE, Command.UPDATE), (Verb.DELETE, Command.DELETE)]


def rules(*, has_row_security: bool = True, granted: frozenset[Command] = frozenset(Command)) -> list[TableRules]:
    return [TableRules(table="generation_jobs", has_row_security=has_row_security, granted=granted)]


def policy(command: Command, expression: str | None, *, name: str = "a policy", restrictive: bool = False) -> Policy:
    inserts = command is Command.INSERT
    return Policy(
        table="generation_jobs",
        name=name,
        is_permissive=not restrictive,
        command=command,
        using=None if inserts else expression,
        check=expression if inserts else None,
    )


def verdict(verb: Verb, *policies: Policy) -> Verdict:
    return judge(Thing.JOB, verb, rules(), policies).verdict


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (OWN, Verdict.KEPT),
        (OWN_ONCE, Verdict.KEPT),
        ("(user_id = auth.uid())", Verdict.KEPT),
        (f"({OWN} AND {TEAM})", Verdict.KEPT),
        (f"({OWN} OR {TEAM})", Verdict.UNKNOWN),
        (f"(NOT {OWN})", Verdict.UNKNOWN),
        (TEAM, Verdict.UNKNOWN),
        (EVERYTHING, Verdict.LEAK),
        (None, Verdict.UNKNOWN),
    ],
)
@pytest.mark.parametrize(("verb", "command"), [*WRITE_COMMANDS, (Verb.READ, Command.SELECT)])
def test_a_condition(verb: Verb, command: Command, expression: str | None, expected: Verdict) -> None:
    assert verdict(verb, policy(command, expression)) is expected
    if command is not Command.INSERT:
        assert verdict(verb, policy(Command.ALL, expression)) is expected


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (OWN, Verdict.LEAK),
        (EVERYTHING, Verdict.LEAK),
        (OWN_INTO_OWN_PROJECT, Verdict.KEPT),
        (f"({OWN} AND is_member_of(project_id))", Verdict.UNKNOWN),
    ],
)
def test_a_row_of_ones_own_in_anothers_project(check: str, expected: Verdict) -> None:
    assert verdict(Verb.INSERT_INTO, policy(Command.INSERT, check)) is expected


def test_a_check_decides_on_what_is_inserted_and_using_on_the_rest() -> None:
    both = Policy(
        table="generation_jobs", name="all", is_permissive=True, command=Command.ALL, using=EVERYTHING, check=OWN
    )
    assert verdict(Verb.INSERT_AS, both) is Verdict.KEPT
    assert verdict(Verb.UPDATE, both) is Verdict.LEAK


@pytest.mark.parametrize(
    ("policies", "expected", "answer"),
    [
        ([], Verdict.KEPT, "no policy permits it"),
        ([(OWN, False), (OWN_ONCE, False)], Verdict.KEPT, "own rows only"),
        ([(OWN, False), (EVERYTHING, False)], Verdict.LEAK, 'policy "1" permits it'),
        ([(OWN, False), (TEAM, False)], Verdict.UNKNOWN, 'policy "1" has a condition that is not known'),
        ([(EVERYTHING, False), (OWN, True)], Verdict.KEPT, 'policy "1" forbids it'),
        ([(EVERYTHING, False), (EVERYTHING, True)], Verdict.LEAK, 'policy "0" permits it'),
        ([(EVERYTHING, False), (TEAM, True)], Verdict.UNKNOWN, 'policy "1" has a condition that is not known'),
        ([(OWN, False), (TEAM, True)], Verdict.KEPT, "own rows only"),
        ([(OWN, True)], Verdict.KEPT, "no policy permits it"),
    ],
)
def test_one_permissive_policy_is_enough_and_every_restrictive_one_must_agree(
    policies: list[tuple[str, bool]], expected: Verdict, answer: str
) -> None:
    made = [
        policy(Command.DELETE, expression, name=str(index), restrictive=restrictive)
        for index, (expression, restrictive) in enumerate(policies)
    ]
    probe = judge(Thing.JOB, Verb.DELETE, rules(), made)
    assert (probe.verdict, probe.answer, probe.how) == (expected, answer, How.JUDGED)


def test_grants_and_row_security_come_before_policies() -> None:
    everything = [policy(Command.ALL, EVERYTHING)]
    no_grant = judge(Thing.JOB, Verb.DELETE, rules(granted=frozenset({Command.SELECT})), everything)
    assert (no_grant.verdict, no_grant.answer) == (Verdict.KEPT, "no grant")
    own = [policy(Command.ALL, OWN)]
    switched_off = judge(Thing.JOB, Verb.DELETE, rules(has_row_security=False), own)
    assert (switched_off.verdict, switched_off.answer) == (Verdict.LEAK, "row level security is off")


def test_a_policy_of_another_command_or_table_says_nothing() -> None:
    other_table = policy(Command.DELETE, EVERYTHING)
    assert judge(Thing.PROJECT, Verb.DELETE, rules(), [other_table]).verdict is Verdict.UNKNOWN
    assert verdict(Verb.UPDATE, other_table) is Verdict.KEPT
    assert judge(Thing.SUMMARY, Verb.READ, rules(), []).verdict is Verdict.UNKNOWN


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
def test_the_conditions_of_an_expression(expression: str, expected: tuple[str, ...]) -> None:
    assert conjuncts(expression) == expected
