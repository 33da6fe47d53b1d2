"""What policies say of a verb, without trying it. Pure.

Only expressions whose meaning is known are judged; any other leaves the verdict open.
"""

from collections.abc import Mapping, Sequence

from store.isolation.expressions import conjuncts
from store.isolation.model import How, Probe, Thing, Verb, Verdict
from store.isolation.policies import Command, Policy, TableRules

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
