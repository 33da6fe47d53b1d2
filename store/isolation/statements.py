"""What the other user tries. An update sets a row to what it is, so that the app's triggers find nothing to do.

An insert returns nothing: to return a row needs the right to read it, and would be refused where to insert is not.
"""

from collections.abc import Mapping

from sqlalchemy import (
    BigInteger,
    ClauseElement,
    Uuid,
    bindparam,
    column,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)

from store import tables
from store.database import Query
from store.isolation.model import Plan, Thing, Verb
from store.isolation.targets import UNUSED, needed_kind
from store.statements.rows import make_number

_jobs, _projects, _assets = tables.generation_jobs, tables.projects, tables.assets
_view = tables.generation_job_summary
_TARGET = bindparam("target", type_=Uuid)
_OWNER = bindparam("owner", type_=Uuid)
_ROW_OWNER = bindparam("row_owner", type_=Uuid)
_STATISTICS = func.public.get_job_statistics(_OWNER).table_valued(column("count", BigInteger), name="told")

_NEW_JOB = insert(_jobs).values(user_id=_ROW_OWNER, project_id=_TARGET, mode="lifestyle")
_NEW_PROJECT = insert(_projects).values(user_id=_ROW_OWNER, name="isolation check")
_NEW_ASSET = insert(_assets).values(
    user_id=_ROW_OWNER,
    project_id=_TARGET,
    kind="input",
    mode="lifestyle",
    prompt_version="isolation check",
    prompt_payload=literal_column("'{}'::jsonb"),
    storage_path="isolation check",
)

_STATEMENTS: Mapping[tuple[Thing, Verb], ClauseElement] = {
    (Thing.JOB, Verb.READ): select(func.count()).where(_jobs.c.id == _TARGET),
    (Thing.JOB, Verb.INSERT_INTO): _NEW_JOB,
    (Thing.JOB, Verb.INSERT_AS): _NEW_JOB,
    (Thing.JOB, Verb.UPDATE): update(_jobs).values(error=_jobs.c.error).where(_jobs.c.id == _TARGET),
    (Thing.JOB, Verb.DELETE): delete(_jobs).where(_jobs.c.id == _TARGET),
    (Thing.PROJECT, Verb.READ): select(func.count()).where(_projects.c.id == _TARGET),
    (Thing.PROJECT, Verb.INSERT_AS): _NEW_PROJECT,
    (Thing.PROJECT, Verb.UPDATE): update(_projects).values(name=_projects.c.name).where(_projects.c.id == _TARGET),
    (Thing.PROJECT, Verb.DELETE): delete(_projects).where(_projects.c.id == _TARGET),
    (Thing.ASSET, Verb.READ): select(func.count()).where(_assets.c.id == _TARGET),
    (Thing.ASSET, Verb.INSERT_INTO): _NEW_ASSET,
    (Thing.ASSET, Verb.INSERT_AS): _NEW_ASSET,
    (Thing.ASSET, Verb.UPDATE): (
        update(_assets).values(storage_path=_assets.c.storage_path).where(_assets.c.id == _TARGET)
    ),
    (Thing.ASSET, Verb.DELETE): delete(_assets).where(_assets.c.id == _TARGET),
    (Thing.COUNTS, Verb.READ): select(func.count()).where(_jobs.c.user_id == _OWNER),
    (Thing.STATISTICS, Verb.READ): select(func.coalesce(func.sum(_STATISTICS.c.count), 0)),
    (Thing.SUMMARY, Verb.READ): select(func.coalesce(func.sum(_view.c.job_count), 0)).where(_view.c.user_id == _OWNER),
}


def query_for(thing: Thing, verb: Verb, plan: Plan) -> Query[int] | str:
    """The statement, whose result where it reads is a number of rows; or why there is nothing to try it on."""
    if plan.owner is None:
        return "this login sees nobody who owns anything"
    if thing is Thing.ASSET and plan.no_assets is not None:
        return plan.no_assets
    kind = needed_kind(thing, verb)
    if kind is not None and kind not in plan.targets:
        return plan.no_unused if kind in UNUSED and plan.no_unused is not None else f"they have no {kind}"
    row_owner = plan.other if verb is Verb.INSERT_INTO else plan.owner
    values = {
        "target": None if kind is None else plan.targets[kind],
        "owner": plan.owner.id,
        "row_owner": row_owner.id,
    }
    return Query(_STATEMENTS[thing, verb], make_number, values)
