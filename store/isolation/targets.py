"""What of the owner's is tried on: looked for by the operator, and again right before each write."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import Select, Uuid, bindparam, exists, not_, or_, select

from store import tables
from store.actor import OPERATOR
from store.capabilities import ASSETS, JOBS, Facts
from store.database import Database, Query
from store.errors import NoPrivilege, SchemaMissing
from store.isolation.model import Kind, Plan, Thing, Verb
from store.model import JobStatus
from store.statements.rows import make_id
from store.transitions import is_final

_jobs, _projects, _assets = tables.generation_jobs, tables.projects, tables.assets
_made = _assets.alias("made")
_OWNER = bindparam("owner", type_=Uuid)
_TARGET = bindparam("target", type_=Uuid)

_JOB = select(_jobs.c.id).where(_jobs.c.user_id == _OWNER)
_FINISHED_JOB = _JOB.where(or_(*(_jobs.c.status == status.value for status in JobStatus if is_final(status))))
_PROJECT = select(_projects.c.id).where(_projects.c.user_id == _OWNER)
_WITHOUT_JOBS = _PROJECT.where(not_(exists().where(_jobs.c.project_id == _projects.c.id)))
_EMPTY_PROJECT = _WITHOUT_JOBS.where(not_(exists().where(_assets.c.project_id == _projects.c.id)))
_ASSET = select(_assets.c.id).where(_assets.c.user_id == _OWNER)
_UNUSED_ASSET = _ASSET.where(
    not_(exists().where(_jobs.c.input_asset_id == _assets.c.id)),
    not_(exists().where(_made.c.source_asset_id == _assets.c.id)),
)

_Statements = Mapping[Kind, Select[UUID]]
_WHERE_NO_ASSETS_ARE: _Statements = {
    Kind.JOB: _JOB,
    Kind.FINISHED_JOB: _FINISHED_JOB,
    Kind.PROJECT: _PROJECT,
    Kind.EMPTY_PROJECT: _WITHOUT_JOBS,
}
_ALL: _Statements = {
    **_WHERE_NO_ASSETS_ARE,
    Kind.EMPTY_PROJECT: _EMPTY_PROJECT,
    Kind.ASSET: _ASSET,
    Kind.UNUSED_ASSET: _UNUSED_ASSET,
}
_FIRST = {statement: statement.limit(1) for statement in (*_ALL.values(), _WITHOUT_JOBS)}
_STILL = {statement: statement.where(statement.selected_columns.id == _TARGET) for statement in _FIRST}


UNUSED = frozenset({Kind.EMPTY_PROJECT, Kind.UNUSED_ASSET})
"""That nothing refers to them is known only to who sees every row that could."""


def why_nothing_is_unused(facts: Facts) -> str | None:
    """None where the login sees every job and asset."""
    return f"row level security may hide from {facts.login} what is in use" if facts.may_hide(JOBS, ASSETS) else None


async def find_targets(database: Database, owner_id: UUID) -> tuple[Mapping[Kind, UUID], str | None]:
    """One of each kind that the owner has; and where there are no assets to be seen, why not."""
    try:
        return await _first_of(database, _ALL, owner_id), None
    except (SchemaMissing, NoPrivilege) as error:
        return await _first_of(database, _WHERE_NO_ASSETS_ARE, owner_id), error.message


async def _first_of(database: Database, statements: _Statements, owner_id: UUID) -> Mapping[Kind, UUID]:
    queries = [Query(_FIRST[statement], make_id, {"owner": owner_id}) for statement in statements.values()]
    found = await database.read_together(OPERATOR, *queries)
    return {kind: ids[0] for kind, ids in zip(statements, found, strict=True) if ids}


async def still_fits(database: Database, plan: Plan, kind: Kind) -> bool:
    """Whether the target of this kind is yet what it was chosen for: a project may have got a job meanwhile."""
    if plan.owner is None or kind not in plan.targets:
        return False
    statements = _ALL if plan.no_assets is None else _WHERE_NO_ASSETS_ARE
    values = {"owner": plan.owner.id, "target": plan.targets[kind]}
    return bool(await database.read(OPERATOR, Query(_STILL[statements[kind]], make_id, values)))


def needed_kind(thing: Thing, verb: Verb) -> Kind | None:
    """What it is tried on; None where it needs nothing of the owner's."""
    match thing, verb:
        case Thing.PROJECT, Verb.INSERT_AS:
            return None
        case Thing.PROJECT, Verb.READ:
            return Kind.PROJECT
        case (Thing.PROJECT, _) | (_, Verb.INSERT_INTO | Verb.INSERT_AS):
            return Kind.EMPTY_PROJECT
        case Thing.ASSET, verb:
            return Kind.UNUSED_ASSET if verb.writes else Kind.ASSET
        case _, verb:
            return Kind.FINISHED_JOB if verb.writes else Kind.JOB
