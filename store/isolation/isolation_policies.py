"""Judges writes from the policies, without trying them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from gjobs.store.capabilities.facts import PolicyCommand, RlsPolicy
from gjobs.store.database.query import Query, Row
from gjobs.store.doctor.policy_conditions import OWN_ROW, conjuncts
from gjobs.store.isolation.isolation import Probe, ProbeMethod, ProbeTarget, ProbeVerdict, Verb
from gjobs.store.member_table import by_member


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRules:
    table: str
    has_row_security: bool
    """Whether policies apply to this user at all."""
    granted: frozenset[PolicyCommand]


_TABLE_RULES = text("""
    select c.relname::text, row_security_active(c.oid),
           has_any_column_privilege(c.oid, 'select'), has_any_column_privilege(c.oid, 'insert'),
           has_any_column_privilege(c.oid, 'update'), has_table_privilege(c.oid, 'delete')
      from pg_catalog.pg_class c
     where c.relnamespace = 'public'::regnamespace and c.relname in ('generation_jobs', 'projects', 'assets')
""")


def _make_rules(row: Row) -> TableRules:
    table, has_row_security, *granted = row
    commands = (PolicyCommand.SELECT, PolicyCommand.INSERT, PolicyCommand.UPDATE, PolicyCommand.DELETE)
    return TableRules(
        table=table,
        has_row_security=has_row_security,
        granted=frozenset(command for command, is_granted in zip(commands, granted, strict=True) if is_granted),
    )


RULES: Query[TableRules] = Query(_TABLE_RULES, _make_rules)
"""The rules of the existing tables, for the acting user."""


_TABLES = {ProbeTarget.JOB: "generation_jobs", ProbeTarget.PROJECT: "projects", ProbeTarget.ASSET: "assets"}
COMMANDS = by_member(
    Verb,
    {
        Verb.READ: PolicyCommand.SELECT,
        Verb.INSERT_INTO: PolicyCommand.INSERT,
        Verb.INSERT_AS: PolicyCommand.INSERT,
        Verb.UPDATE: PolicyCommand.UPDATE,
        Verb.DELETE: PolicyCommand.DELETE,
    },
)
_OWN_PROJECT = frozenset({"gjobs.owns_project(project_id)"})


def judge(target: ProbeTarget, verb: Verb, tables: Sequence[TableRules], policies: Sequence[RlsPolicy]) -> Probe:
    verdict, answer = _judge_probe(target, verb, tables, policies)
    return Probe(target=target, verb=verb, how=ProbeMethod.JUDGED, answer=answer, verdict=verdict)


def _judge_probe(
    target: ProbeTarget, verb: Verb, tables: Sequence[TableRules], policies: Sequence[RlsPolicy]
) -> tuple[ProbeVerdict, str]:
    if target not in _TABLES:
        return ProbeVerdict.UNKNOWN, "no policy applies"
    rules = next((rules for rules in tables if rules.table == _TABLES[target]), None)
    if rules is None:
        return ProbeVerdict.UNKNOWN, "there is no such table"
    command = COMMANDS[verb]
    if command not in rules.granted:
        return ProbeVerdict.KEPT, "no grant"
    if not rules.has_row_security:
        return ProbeVerdict.LEAK, "row level security is off"
    return _combine(
        {
            policy: _meaning(policy, verb)
            for policy in policies
            if policy.table == rules.table and policy.holds_for_users and policy.command in (command, PolicyCommand.ALL)
        },
        kept="own projects only" if verb is Verb.INSERT_INTO else "own rows only",
    )


def _combine(meanings: Mapping[RlsPolicy, ProbeVerdict], *, kept: str) -> tuple[ProbeVerdict, str]:
    """Combine the verdicts: one permissive policy and all restrictive ones must allow a row. `kept` is the text for
    when no permissive policy allows rows of others.
    """
    permissive = {policy: verdict for policy, verdict in meanings.items() if policy.is_permissive}
    restrictive = {policy: verdict for policy, verdict in meanings.items() if not policy.is_permissive}
    if not permissive:
        return ProbeVerdict.KEPT, "no policy permits it"
    for policy, verdict in restrictive.items():
        if verdict is ProbeVerdict.KEPT:
            return ProbeVerdict.KEPT, f'policy "{policy.name}" forbids it'
    if all(verdict is ProbeVerdict.KEPT for verdict in permissive.values()):
        return ProbeVerdict.KEPT, kept
    unsure = [policy.name for policy, verdict in restrictive.items() if verdict is ProbeVerdict.UNKNOWN]
    leaking = [policy.name for policy, verdict in permissive.items() if verdict is ProbeVerdict.LEAK]
    if leaking and not unsure:
        return ProbeVerdict.LEAK, f'policy "{leaking[0]}" permits it'
    unsure += [policy.name for policy, verdict in permissive.items() if verdict is ProbeVerdict.UNKNOWN]
    return ProbeVerdict.UNKNOWN, f'policy "{unsure[0]}" has a condition unknown to gjobs'


def _meaning(policy: RlsPolicy, verb: Verb) -> ProbeVerdict:
    """Return what the policy alone means for rows of others."""
    expression, is_met = policy.using, policy.is_using_met
    if verb.inserts and policy.check is not None:
        expression, is_met = policy.check, policy.is_check_met
    if expression is None:
        return ProbeVerdict.UNKNOWN
    conditions = set(conjuncts(expression))
    keeping = _OWN_PROJECT if verb is Verb.INSERT_INTO else OWN_ROW
    if conditions & keeping:
        return ProbeVerdict.KEPT
    # The row inserted into the owner's project belongs to the user who inserts it.
    is_open = is_met or expression == "true" or (verb is Verb.INSERT_INTO and conditions <= OWN_ROW)
    return ProbeVerdict.LEAK if is_open else ProbeVerdict.UNKNOWN
