"""Judges writes from the policies, without trying."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import text

from store.database.query import Query, Row
from store.isolation.isolation import How, Probe, Thing, Verb, Verdict


class Command(StrEnum):
    """As the catalogue of policies writes them."""

    SELECT = "r"
    INSERT = "a"
    UPDATE = "w"
    DELETE = "d"
    ALL = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One that applies to the user."""

    table: str
    name: str
    is_permissive: bool
    command: Command
    using: str | None
    """Which rows are seen, as the catalogue writes the expression."""
    check: str | None
    """Which rows may be stored; None where `using` decides that, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRules:
    table: str
    has_row_security: bool
    """Whether policies decide for this user at all."""
    granted: frozenset[Command]


_POLICIES_TABLES = text("""
    select c.relname::text, row_security_active(c.oid),
           has_any_column_privilege(c.oid, 'select'), has_any_column_privilege(c.oid, 'insert'),
           has_any_column_privilege(c.oid, 'update'), has_table_privilege(c.oid, 'delete')
      from pg_catalog.pg_class c
     where c.relnamespace = 'public'::regnamespace and c.relname in ('generation_jobs', 'projects', 'assets')
""")
_POLICIES = text("""
    select c.relname::text, p.polname::text, p.polpermissive, p.polcmd::text,
           pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
      from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid
     where c.relnamespace = 'public'::regnamespace and c.relname in ('generation_jobs', 'projects', 'assets')
       and exists (select from unnest(p.polroles) as role where role = 0 or pg_has_role(role, 'usage'))
     order by c.relname, p.polname
""")


def _make_rules(row: Row) -> TableRules:
    table, has_row_security, *granted = row
    commands = (Command.SELECT, Command.INSERT, Command.UPDATE, Command.DELETE)
    return TableRules(
        table=table,
        has_row_security=has_row_security,
        granted=frozenset(command for command, is_granted in zip(commands, granted, strict=True) if is_granted),
    )


def _make_policy(row: Row) -> Policy:
    table, name, is_permissive, command, using, check = row
    return Policy(
        table=table,
        name=name,
        is_permissive=is_permissive,
        command=Command(command),
        using=using,
        check=check,
    )


RULES: Query[TableRules] = Query(_POLICIES_TABLES, _make_rules)
"""Of the tables that are there, for the user who asks."""

POLICIES: Query[Policy] = Query(_POLICIES, _make_policy)
"""Those that apply to the user who asks, in the order of their names."""

_AND = " AND "


def conjuncts(expression: str) -> tuple[str, ...]:
    """The conditions that must all hold, without the parentheses and line breaks around them."""
    bare = _bare(" ".join(expression.split()))
    parts = list(_split(bare))
    if len(parts) == 1:
        return (bare,)
    return tuple(conjunct for part in parts for conjunct in conjuncts(part))


def _bare(expression: str) -> str:
    """Without parentheses that enclose the whole."""
    while expression.startswith("(") and _closing(expression) == len(expression) - 1:
        expression = expression[1:-1].strip()
    return expression


def _closing(expression: str) -> int:
    """Where the first parenthesis ends; -1 where it never does."""
    return next((index for index, depth in _depths(expression) if depth == 0), -1)


def _split(expression: str) -> Iterator[str]:
    start = 0
    for index, depth in _depths(expression):
        if depth == 0 and index >= start and expression.startswith(_AND, index):
            yield expression[start:index]
            start = index + len(_AND)
    yield expression[start:]


def _depths(expression: str) -> Iterator[tuple[int, int]]:
    """Each place outside quotes, with the number of parentheses that are open after it."""
    depth, quote = 0, ""
    for index, character in enumerate(expression):
        if quote:
            quote = "" if character == quote else quote
        elif character in ("'", '"'):
            quote = character
        else:
            depth += (character == "(") - (character == ")")
            yield index, depth


_TABLES = {Thing.JOB: "generation_jobs", Thing.PROJECT: "projects", Thing.ASSET: "assets"}
_COMMANDS = {
    Verb.READ: Command.SELECT,
    Verb.INSERT_INTO: Command.INSERT,
    Verb.INSERT_AS: Command.INSERT,
    Verb.UPDATE: Command.UPDATE,
    Verb.DELETE: Command.DELETE,
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


def judge(thing: Thing, verb: Verb, tables: Sequence[TableRules], policies: Sequence[Policy]) -> Probe:
    verdict, answer = _judged(thing, verb, tables, policies)
    return Probe(thing=thing, verb=verb, how=How.JUDGED, answer=answer, verdict=verdict)


def _judged(thing: Thing, verb: Verb, tables: Sequence[TableRules], policies: Sequence[Policy]) -> tuple[Verdict, str]:
    if thing not in _TABLES:
        return Verdict.UNKNOWN, "no policy says"
    rules = next((rules for rules in tables if rules.table == _TABLES[thing]), None)
    if rules is None:
        return Verdict.UNKNOWN, "there is no such table"
    command = _COMMANDS[verb]
    if command not in rules.granted:
        return Verdict.KEPT, "no grant"
    if not rules.has_row_security:
        return Verdict.LEAK, "row level security is off"
    return _weighed(
        {
            policy: _meaning(policy, verb)
            for policy in policies
            if policy.table == rules.table and policy.command in (command, Command.ALL)
        },
        kept="own projects only" if verb is Verb.INSERT_INTO else "own rows only",
    )


def _weighed(meanings: Mapping[Policy, Verdict], *, kept: str) -> tuple[Verdict, str]:
    """Any permissive policy is enough to let a row through, and every restrictive one must. `kept` says it of all."""
    permissive = {policy: verdict for policy, verdict in meanings.items() if policy.is_permissive}
    restrictive = {policy: verdict for policy, verdict in meanings.items() if not policy.is_permissive}
    if not permissive:
        return Verdict.KEPT, "no policy permits it"
    for policy, verdict in restrictive.items():
        if verdict is Verdict.KEPT:
            return Verdict.KEPT, f'policy "{policy.name}" forbids it'
    if all(verdict is Verdict.KEPT for verdict in permissive.values()):
        return Verdict.KEPT, kept
    unsure = [policy.name for policy, verdict in restrictive.items() if verdict is Verdict.UNKNOWN]
    leaking = [policy.name for policy, verdict in permissive.items() if verdict is Verdict.LEAK]
    if leaking and not unsure:
        return Verdict.LEAK, f'policy "{leaking[0]}" permits it'
    unsure += [policy.name for policy, verdict in permissive.items() if verdict is Verdict.UNKNOWN]
    return Verdict.UNKNOWN, f'policy "{unsure[0]}" has a condition that is not known'


def _meaning(policy: Policy, verb: Verb) -> Verdict:
    """What the policy alone does to what is not the user's."""
    expression = policy.check if verb.inserts and policy.check is not None else policy.using
    if expression is None:
        return Verdict.UNKNOWN
    conditions = set(conjuncts(expression))
    keeping = _OWN_PROJECT if verb is Verb.INSERT_INTO else _OWN_ROW
    # A row put into somebody's project is the other's own.
    open_to_all = {"true"} | (_OWN_ROW if verb is Verb.INSERT_INTO else set())
    if conditions & keeping:
        return Verdict.KEPT
    return Verdict.LEAK if conditions <= open_to_all else Verdict.UNKNOWN
