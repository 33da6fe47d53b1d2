"""Judges writes from the policies, without trying them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from store.capabilities.facts import PolicyCommand, RlsPolicy
from store.database.query import Query, Row
from store.isolation.isolation import Probe, ProbeMethod, ProbeTarget, ProbeVerdict, Verb


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

_AND = " AND "


def conjuncts(expression: str) -> tuple[str, ...]:
    """Return the conditions that must all hold, without enclosing parentheses and line breaks."""
    bare = _bare(" ".join(expression.split()))
    parts = list(_split(bare))
    if len(parts) == 1:
        return (bare,)
    return tuple(conjunct for part in parts for conjunct in conjuncts(part))


def _bare(expression: str) -> str:
    """Remove parentheses that enclose the whole expression."""
    while expression.startswith("(") and _closing(expression) == len(expression) - 1:
        expression = expression[1:-1].strip()
    return expression


def _closing(expression: str) -> int:
    """Return the index of the first closing parenthesis of depth 0, or -1."""
    return next((index for index, depth in _depths(expression) if depth == 0), -1)


def _split(expression: str) -> Iterator[str]:
    start = 0
    for index, depth in _depths(expression):
        if depth == 0 and index >= start and expression.startswith(_AND, index):
            yield expression[start:index]
            start = index + len(_AND)
    yield expression[start:]


def _depths(expression: str) -> Iterator[tuple[int, int]]:
    """Yield each position outside quotes, with the parenthesis depth after that character."""
    depth, quote = 0, ""
    for index, character in enumerate(expression):
        if quote:
            quote = "" if character == quote else quote
        elif character in ("'", '"'):
            quote = character
        else:
            depth += (character == "(") - (character == ")")
            yield index, depth


_TABLES = {ProbeTarget.JOB: "generation_jobs", ProbeTarget.PROJECT: "projects", ProbeTarget.ASSET: "assets"}
COMMANDS = {
    Verb.READ: PolicyCommand.SELECT,
    Verb.INSERT_INTO: PolicyCommand.INSERT,
    Verb.INSERT_AS: PolicyCommand.INSERT,
    Verb.UPDATE: PolicyCommand.UPDATE,
    Verb.DELETE: PolicyCommand.DELETE,
}
_OWN_ROW = frozenset(
    {
        "auth.uid() = user_id",
        "user_id = auth.uid()",
        "( SELECT auth.uid() AS uid) = user_id",
        "user_id = ( SELECT auth.uid() AS uid)",
    }
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
    expression = policy.check if verb.inserts and policy.check is not None else policy.using
    if expression is None:
        return ProbeVerdict.UNKNOWN
    conditions = set(conjuncts(expression))
    keeping = _OWN_PROJECT if verb is Verb.INSERT_INTO else _OWN_ROW
    # The row inserted into the owner's project belongs to the user who inserts it.
    open_to_all = {"true"} | (_OWN_ROW if verb is Verb.INSERT_INTO else set())
    if conditions & keeping:
        return ProbeVerdict.KEPT
    return ProbeVerdict.LEAK if conditions <= open_to_all else ProbeVerdict.UNKNOWN
