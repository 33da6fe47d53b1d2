"""The users and rows of the check, and what the policies say about their writes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

import sqlalchemy as sa

from gjobs.store import tables
from gjobs.store.capabilities.capability import PolicyCommand, RlsPolicy
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, first_column, ignore_row, make_number, row_maker
from gjobs.store.doctor.policy_checks import OWN_ROW, conjuncts, disjuncts, shown, stored
from gjobs.store.errors import InvalidValue, NoPrivilege, SchemaMissing
from gjobs.store.isolation.isolation import (
    Participant,
    Probe,
    ProbeMethod,
    ProbePlan,
    ProbeTarget,
    ProbeVerdict,
    TargetKind,
    Verb,
)
from gjobs.store.jobs.job import FINAL_STATUSES, JobStatus
from gjobs.store.users import user_sql
from gjobs.store.users.actor import OPERATOR
from gjobs.store.values.data_classes import by_member

_jobs, _projects, _assets, _users = tables.generation_jobs, tables.projects, tables.assets, tables.users
_TARGET, _ROW_OWNER = sa.bindparam("target", type_=sa.Uuid), sa.bindparam("row_owner", type_=sa.Uuid)
_NAME = "isolation check"

_NEW_JOB = sa.insert(_jobs).values(user_id=_ROW_OWNER, project_id=_TARGET, mode="lifestyle")
_NEW_PROJECT = sa.insert(_projects).values(user_id=_ROW_OWNER, name=_NAME)
_NEW_ASSET = sa.insert(_assets).values(
    user_id=_ROW_OWNER,
    project_id=_TARGET,
    kind="input",
    mode="lifestyle",
    prompt_version=_NAME,
    prompt_payload=sa.literal_column("'{}'::jsonb"),
    storage_path=_NAME,
)

_ID = sa.bindparam("row_id", type_=sa.Uuid)
_ROWS_JOB, _ROWS_ASSET = _NEW_JOB.values(id=_ID, cost_cents=0), _NEW_ASSET.values(id=_ID)
_ROWS: Mapping[TargetKind, sa.ClauseElement] = {
    TargetKind.JOB: _ROWS_JOB,
    TargetKind.FINISHED_JOB: _ROWS_JOB.values(status=JobStatus.FAILED.value),
    TargetKind.ASSET: _ROWS_ASSET,
    TargetKind.UNUSED_ASSET: _ROWS_ASSET,
}
"""The rows that are created in addition to their project."""
_NEW_USER, _ROWS_PROJECT = sa.insert(_users).values(id=_ROW_OWNER), _NEW_PROJECT.values(id=_TARGET)


def creation(plan: ProbePlan, kind: TargetKind) -> tuple[UUID, list[Query[None]]]:
    """Return the id of a new row of this kind, and the statements that create it.

    The row gets a project of its own, so that nobody waits for a lock on an existing project.
    """
    project, row = uuid4(), uuid4()
    values = {"row_id": row, "row_owner": plan.owner.id, "target": project}
    statements: list[sa.ClauseElement] = [] if plan.owner.exists else [_NEW_USER]
    statements.append(_ROWS_PROJECT)
    if kind in _ROWS:
        statements.append(_ROWS[kind])
    return row if kind in _ROWS else project, [Query(one, ignore_row, values) for one in statements]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRules:
    table: str
    has_row_security: bool
    """Whether policies apply to this user at all."""
    granted: frozenset[PolicyCommand]


RULES: Query[TableRules] = Query(
    sa.text("""
    select c.relname::text, row_security_active(c.oid), array_remove(array[
               case when has_any_column_privilege(c.oid, 'select') then 'SELECT' end,
               case when has_any_column_privilege(c.oid, 'insert') then 'INSERT' end,
               case when has_any_column_privilege(c.oid, 'update') then 'UPDATE' end,
               case when has_table_privilege(c.oid, 'delete') then 'DELETE' end], null)
      from pg_catalog.pg_class c
     where c.relnamespace = 'public'::regnamespace and c.relname in ('generation_jobs', 'projects', 'assets')
"""),
    row_maker(TableRules, granted=lambda granted: frozenset(map(PolicyCommand, granted))),
)
"""The rules of the existing tables, for the acting user."""


TARGET_TABLES = {ProbeTarget.JOB: "generation_jobs", ProbeTarget.PROJECT: "projects", ProbeTarget.ASSET: "assets"}
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
_OF_OTHERS = "user_id IS DISTINCT FROM ( SELECT auth.uid() AS uid)"
_PROJECT_OF_USER = re.compile(
    r"EXISTS \( SELECT FROM (?:public\.)?projects p WHERE"
    r" \(\(p\.id = \w+\.project_id\) AND \(p\.user_id = \( SELECT auth\.uid\(\) AS uid\)\)\)\)"
)


def _keeps_to_own_projects(condition: str) -> bool:
    """Return whether it is a condition that the doctor advises: users put their rows into their own projects only."""
    match disjuncts(condition):
        case (others, own) if others == _OF_OTHERS:
            return any(map(_PROJECT_OF_USER.fullmatch, conjuncts(own)))
    return False


def judge(target: ProbeTarget, verb: Verb, tables: Sequence[TableRules], policies: Sequence[RlsPolicy]) -> Probe:
    verdict, answer = _judge_probe(target, verb, tables, policies)
    return Probe(target=target, verb=verb, how=ProbeMethod.JUDGED, answer=answer, verdict=verdict)


def _judge_probe(
    target: ProbeTarget, verb: Verb, tables: Sequence[TableRules], policies: Sequence[RlsPolicy]
) -> tuple[ProbeVerdict, str]:
    if target not in TARGET_TABLES:
        return ProbeVerdict.UNKNOWN, "no policy applies"
    rules = next((rules for rules in tables if rules.table == TARGET_TABLES[target]), None)
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
    # The name of the first policy with each verdict.
    permissive, restrictive = dict[ProbeVerdict, str](), dict[ProbeVerdict, str]()
    for policy, verdict in meanings.items():
        (permissive if policy.is_permissive else restrictive).setdefault(verdict, policy.name)
    if not permissive:
        return ProbeVerdict.KEPT, "no policy permits it"
    if ProbeVerdict.KEPT in restrictive:
        return ProbeVerdict.KEPT, f'policy "{restrictive[ProbeVerdict.KEPT]}" forbids it'
    if permissive.keys() == {ProbeVerdict.KEPT}:
        return ProbeVerdict.KEPT, kept
    if ProbeVerdict.LEAK in permissive and ProbeVerdict.UNKNOWN not in restrictive:
        return ProbeVerdict.LEAK, f'policy "{permissive[ProbeVerdict.LEAK]}" permits it'
    unsure = (permissive | restrictive)[ProbeVerdict.UNKNOWN]  # Names a restrictive policy if there is one.
    return ProbeVerdict.UNKNOWN, f'policy "{unsure}" has a condition unknown to gjobs'


def _meaning(policy: RlsPolicy, verb: Verb) -> ProbeVerdict:
    """Return what the policy alone means for rows of others."""
    expression, _, is_met = stored(policy) if verb.inserts else shown(policy)
    if expression is None:
        return ProbeVerdict.UNKNOWN
    conditions = set(conjuncts(expression))
    if verb is Verb.INSERT_INTO:
        is_kept = any(map(_keeps_to_own_projects, conditions))
    else:
        is_kept = not conditions.isdisjoint(OWN_ROW)
    if is_kept:
        return ProbeVerdict.KEPT
    # The row inserted into the owner's project belongs to the user who inserts it.
    is_open = is_met or expression == "true" or (verb is Verb.INSERT_INTO and conditions <= OWN_ROW)
    return ProbeVerdict.LEAK if is_open else ProbeVerdict.UNKNOWN


_OWNER, _OTHER = sa.bindparam("owner", type_=sa.Uuid), sa.bindparam("other", type_=sa.Uuid)

_NEWEST_JOBS = 1000
"""The owner is chosen among the owners of this many jobs."""

_newest = (
    sa.select(_jobs.c.user_id, _jobs.c.created_at)
    .where(_jobs.c.user_id.is_distinct_from(_OTHER))
    .order_by(_jobs.c.created_at.desc())
    .limit(_NEWEST_JOBS)
    .subquery()
)
_BUSY = sa.select(_newest.c.user_id).group_by(_newest.c.user_id).order_by(sa.func.max(_newest.c.created_at).desc())

# A join, because a condition on each project would read all jobs if a few projects have most jobs.
_HAS_PROJECT_WITHOUT_JOBS = sa.select(_projects.c.user_id).where(
    _projects.c.user_id == sa.any_(sa.bindparam("owners", type_=sa.ARRAY(sa.Uuid))),
    sa.not_(sa.exists().where(_jobs.c.project_id == _projects.c.id)),
)
_WITH_PROJECT_WITHOUT_JOBS = _HAS_PROJECT_WITHOUT_JOBS.limit(1)
_WITH_EMPTY_PROJECT = _HAS_PROJECT_WITHOUT_JOBS.where(
    sa.not_(sa.exists().where(_assets.c.project_id == _projects.c.id))
).limit(1)
_ANY_OWNER = (
    sa.select(_projects.c.user_id)
    .where(_projects.c.user_id.is_distinct_from(_OTHER))
    .order_by(_projects.c.created_at.desc())
    .limit(1)
)
_OTHER_USER = sa.select(_users.c.id).where(_users.c.id.is_distinct_from(_OWNER)).order_by(_users.c.id).limit(1)


async def choose_participants(
    database: Database, *, owner_id: UUID | None, other_id: UUID | None
) -> tuple[Participant, Participant]:
    """Return the owner and the other user. If the operator sees no user, make one up.

    Raises InvalidValue if both are the same.
    """
    if owner_id is not None and owner_id == other_id:
        raise InvalidValue("other", "The check needs two different users.")
    if owner_id is None:
        owner_id = await _best_owner(database, other_id) or await _other_user(database, other_id)
    if other_id is None and owner_id is not None:
        other_id = await _other_user(database, owner_id)
    return await _person(database, owner_id), await _person(database, other_id)


async def _best_owner(database: Database, other_id: UUID | None) -> UUID | None:
    """Return an owner with jobs and an empty project, so that every probe can run; else one with jobs, else with
    projects.
    """
    busy = await database.read(OPERATOR, Query(_BUSY, first_column, {"other": other_id}))
    if not busy:
        return await _first(database, Query(_ANY_OWNER, first_column, {"other": other_id}))
    # Without assets, `find_targets` takes any project without jobs.
    statements = (_WITH_EMPTY_PROJECT, _WITH_PROJECT_WITHOUT_JOBS)
    return await _first(database, *(Query(one, first_column, {"owners": busy}) for one in statements)) or busy[0]


async def _other_user(database: Database, owner_id: UUID | None) -> UUID | None:
    """Return any user except `owner_id`, or any user if that is None. If users are unreadable, return another project
    owner.
    """
    users = Query[UUID](_OTHER_USER, first_column, {"owner": owner_id})
    return await _first(database, users, Query(_ANY_OWNER, first_column, {"other": owner_id}))


async def _person(database: Database, user_id: UUID | None) -> Participant:
    """Return the participant. If users are unreadable, assume that the user exists. None makes one up."""
    if user_id is None:
        return Participant(id=uuid4(), exists=False)
    try:
        found = await database.read(OPERATOR, user_sql.by_id(user_id))
    except (NoPrivilege, SchemaMissing):
        return Participant(id=user_id)
    return Participant(id=user_id, email=found[0].email if found else None, exists=bool(found))


async def _first(database: Database, query: Query[UUID], *others: Query[UUID]) -> UUID | None:
    """Return the first id. If the login may not read what a query needs, the next one replaces it."""
    try:
        found = await database.read(OPERATOR, query)
    except (NoPrivilege, SchemaMissing):
        if not others:
            raise
        return await _first(database, *others)
    return found[0] if found else None


_made = _assets.alias("made")

_JOB = sa.select(_jobs.c.id).where(_jobs.c.user_id == _OWNER)
_FINISHED_JOB = _JOB.where(sa.or_(*(_jobs.c.status == status.value for status in FINAL_STATUSES)))
_PROJECT = sa.select(_projects.c.id).where(_projects.c.user_id == _OWNER)
_WITHOUT_JOBS = _PROJECT.where(sa.not_(sa.exists().where(_jobs.c.project_id == _projects.c.id)))
_EMPTY_PROJECT = _WITHOUT_JOBS.where(sa.not_(sa.exists().where(_assets.c.project_id == _projects.c.id)))
_ASSET = sa.select(_assets.c.id).where(_assets.c.user_id == _OWNER)
_UNUSED_ASSET = _ASSET.where(
    sa.not_(sa.exists().where(_jobs.c.input_asset_id == _assets.c.id)),
    sa.not_(sa.exists().where(_made.c.source_asset_id == _assets.c.id)),
)

_Statements = Mapping[TargetKind, sa.Select[UUID]]
_ALL: _Statements = by_member(
    TargetKind,
    {
        TargetKind.JOB: _JOB,
        TargetKind.FINISHED_JOB: _FINISHED_JOB,
        TargetKind.PROJECT: _PROJECT,
        TargetKind.EMPTY_PROJECT: _EMPTY_PROJECT,
        TargetKind.ASSET: _ASSET,
        TargetKind.UNUSED_ASSET: _UNUSED_ASSET,
    },
)
_WHERE_NO_ASSETS_ARE: _Statements = {
    **{kind: query for kind, query in _ALL.items() if kind not in (TargetKind.ASSET, TargetKind.UNUSED_ASSET)},
    TargetKind.EMPTY_PROJECT: _WITHOUT_JOBS,
}
_FIRST = {statement: statement.limit(1) for statement in (*_ALL.values(), _WITHOUT_JOBS)}
_STILL = {statement: statement.where(statement.selected_columns.id == _TARGET) for statement in _FIRST}

UNUSED = frozenset({TargetKind.EMPTY_PROJECT, TargetKind.UNUSED_ASSET})
"""Only a login that sees every job and asset can find targets of these kinds."""


async def find_targets(database: Database, owner_id: UUID) -> tuple[Mapping[TargetKind, UUID], str | None]:
    """Return one target of each kind that the owner has, and why assets are unreadable, if they are."""
    try:
        return await _first_of(database, _ALL, owner_id), None
    except (SchemaMissing, NoPrivilege) as error:
        return await _first_of(database, _WHERE_NO_ASSETS_ARE, owner_id), error.message


async def _first_of(database: Database, statements: _Statements, owner_id: UUID) -> Mapping[TargetKind, UUID]:
    queries = [Query(_FIRST[statement], first_column, {"owner": owner_id}) for statement in statements.values()]
    found = await database.read_together(OPERATOR, *queries)
    return {kind: ids[0] for kind, ids in zip(statements, found, strict=True) if ids}


async def still_fits(database: Database, plan: ProbePlan, kind: TargetKind | None) -> bool:
    """Return whether the target, if any, still has its kind. An empty project may now have a job."""
    if kind is None:
        return True
    if kind not in plan.targets:
        return False
    statements = _ALL if plan.no_assets is None else _WHERE_NO_ASSETS_ARE
    values = {"owner": plan.owner.id, "target": plan.targets[kind]}
    return bool(await database.read(OPERATOR, Query(_STILL[statements[kind]], first_column, values)))


def needed_kind(target: ProbeTarget, verb: Verb) -> TargetKind | None:
    """Return the kind of target that a probe needs, or None."""
    match target, verb:
        case ProbeTarget.PROJECT, Verb.INSERT_AS:
            return None
        case ProbeTarget.PROJECT, Verb.READ:
            return TargetKind.PROJECT
        case (ProbeTarget.PROJECT, _) | (_, Verb.INSERT_INTO | Verb.INSERT_AS):
            return TargetKind.EMPTY_PROJECT
        case ProbeTarget.ASSET, verb:
            return TargetKind.UNUSED_ASSET if verb.writes else TargetKind.ASSET
        case _, verb:
            return TargetKind.FINISHED_JOB if verb.writes else TargetKind.JOB


_view = tables.generation_job_summary
_STATISTICS = sa.func.public.get_job_statistics(_OWNER).table_valued(
    sa.column("count", sa.BigInteger), name="statistics"
)

Statements = Mapping[tuple[ProbeTarget, Verb], sa.ClauseElement]


def _on_table(target: ProbeTarget, table: sa.TableClause, new: sa.Insert, touched: str) -> Statements:
    """Return the statements on a row. An update leaves the `touched` column as it is."""
    is_target = table.c.id == _TARGET
    # Without RETURNING: for that, the user would also need to see the new row.
    new = new.inline()
    return {
        (target, Verb.READ): sa.select(sa.func.count()).where(is_target),
        (target, Verb.INSERT_INTO): new,
        (target, Verb.INSERT_AS): new,
        (target, Verb.UPDATE): sa.update(table).values({touched: table.c[touched]}).where(is_target),
        (target, Verb.DELETE): sa.delete(table).where(is_target),
    }


_STATEMENTS: Statements = {
    **_on_table(ProbeTarget.JOB, _jobs, _NEW_JOB, "error"),
    **_on_table(ProbeTarget.PROJECT, _projects, _NEW_PROJECT, "name"),
    **_on_table(ProbeTarget.ASSET, _assets, _NEW_ASSET, "storage_path"),
    (ProbeTarget.COUNTS, Verb.READ): sa.select(sa.func.count()).where(_jobs.c.user_id == _OWNER),
    (ProbeTarget.STATISTICS, Verb.READ): sa.select(sa.func.coalesce(sa.func.sum(_STATISTICS.c.count), 0)),
    (ProbeTarget.SUMMARY, Verb.READ): sa.select(sa.func.coalesce(sa.func.sum(_view.c.job_count), 0)).where(
        _view.c.user_id == _OWNER
    ),
}


def why_missing(target: ProbeTarget, kind: TargetKind | None, plan: ProbePlan) -> str | None:
    """Return why the plan has no row for the probe. None if it has one, or if the probe needs none."""
    if target is ProbeTarget.ASSET and plan.no_assets is not None:
        return plan.no_assets
    if kind is None or kind in plan.targets:
        return None
    return plan.no_unused if kind in UNUSED and plan.no_unused is not None else f"the owner has no {kind}"


def query_for(target: ProbeTarget, verb: Verb, plan: ProbePlan) -> Query[int]:
    """Return the statement, which reads or writes a number of rows. The plan must have the row that it needs."""
    kind = needed_kind(target, verb)
    row_owner = plan.other if verb is Verb.INSERT_INTO else plan.owner
    values = {
        "target": None if kind is None else plan.targets[kind],
        "owner": plan.owner.id,
        "row_owner": row_owner.id,
    }
    return Query(_STATEMENTS[target, verb], make_number, values)
