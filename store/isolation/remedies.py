"""The SQL that mends a leak: the doctor's own, found by what leaks."""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from store.actor import OPERATOR
from store.capabilities import Facts
from store.capabilities.probing import probe
from store.database import Database
from store.doctor.functions import FUNCTIONS, AppFunction, function_findings
from store.doctor.model import Finding
from store.doctor.policies import POLICIES, TABLES, Policy, Table
from store.doctor.policy_findings import policy_findings
from store.doctor.views import VIEWS, AppView, view_findings
from store.isolation.model import PROBED, Thing, Verb
from store.schema.queries import QUALIFY_QUERY

Remedies = Mapping[tuple[Thing, Verb], str]
"""Of what the doctor knows SQL for, whether it leaks or not."""

_TABLES = {
    Thing.JOB: "generation_jobs",
    Thing.PROJECT: "projects",
    Thing.ASSET: "assets",
    Thing.COUNTS: "generation_jobs",
}
_COMMANDS = {
    Verb.READ: "SELECT",
    Verb.INSERT_INTO: "INSERT",
    Verb.INSERT_AS: "INSERT",
    Verb.UPDATE: "UPDATE",
    Verb.DELETE: "DELETE",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the doctor reads of who reaches what."""

    facts: Facts
    functions: Sequence[AppFunction]
    views: Sequence[AppView]
    tables: Sequence[Table]
    policies: Sequence[Policy]


async def find_remedies(database: Database) -> Remedies:
    capabilities = await probe(database)
    _, functions, views, tables, policies = await database.read_together(
        OPERATOR, QUALIFY_QUERY, FUNCTIONS, VIEWS, TABLES, POLICIES
    )
    return remedies(Rules(facts=capabilities.facts, functions=functions, views=views, tables=tables, policies=policies))


def remedies(rules: Rules) -> Remedies:
    found = {key: "\n".join(_statements(*key, rules)) for key in PROBED}
    return {key: sql for key, sql in found.items() if sql}


def _statements(thing: Thing, verb: Verb, rules: Rules) -> Iterator[str]:
    return (finding.sql for finding in _findings(thing, verb, rules) if finding.sql)


def _findings(thing: Thing, verb: Verb, rules: Rules) -> Iterator[Finding]:
    match thing:
        case Thing.STATISTICS:
            return function_findings([one for one in rules.functions if one.name == "get_job_statistics"])
        case Thing.SUMMARY:
            summary = [view for view in rules.views if view.name == "public.generation_job_summary"]
            return view_findings(summary, rules.facts)
        case _:
            return _of_table(_TABLES[thing], verb, rules)


def _of_table(table: str, verb: Verb, rules: Rules) -> Iterator[Finding]:
    of_table = [policy for policy in rules.policies if policy.table == table]
    of_verb = [policy for policy in of_table if policy.command in (_COMMANDS[verb], "ALL")]
    yield from _mending(table, {"no-row-security", "open-policy"}, of_verb, rules)
    if verb is Verb.INSERT_INTO:
        # What may be inserted there may be moved there, too.
        yield from _mending(table, {"foreign-project"}, of_table, rules)


def _mending(table: str, names: Container[str], policies: Sequence[Policy], rules: Rules) -> Iterator[Finding]:
    mends = re.compile(rf"\b(?:ON|TABLE) public\.{table}\b")
    for finding in policy_findings(rules.tables, policies):
        if finding.name in names and mends.search(finding.sql or ""):
            yield finding
