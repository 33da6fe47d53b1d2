"""The owner's rows that the check creates in a transaction that is rolled back."""

from collections.abc import Iterator, Mapping
from uuid import UUID, uuid4

from sqlalchemy import ClauseElement, Uuid, bindparam, insert, literal_column

from gjobs.store import tables
from gjobs.store.database.query import Query, Row
from gjobs.store.isolation.isolation import ProbePlan, TargetKind
from gjobs.store.jobs.job import JobStatus

_ID, _OWNER, _PROJECT = (bindparam(name, type_=Uuid) for name in ("row_id", "owner", "project"))
_NAME = "isolation check"

_USER = insert(tables.users).values(id=_OWNER)
_NEW_PROJECT = insert(tables.projects).values(id=_PROJECT, user_id=_OWNER, name=_NAME)
_ASSET = insert(tables.assets).values(
    id=_ID,
    user_id=_OWNER,
    project_id=_PROJECT,
    kind="input",
    mode="lifestyle",
    prompt_version=_NAME,
    prompt_payload=literal_column("'{}'::jsonb"),
    storage_path=_NAME,
)
_JOB = insert(tables.generation_jobs).values(
    id=_ID, user_id=_OWNER, project_id=_PROJECT, mode="lifestyle", cost_cents=0
)

_ROWS: Mapping[TargetKind, ClauseElement] = {
    TargetKind.JOB: _JOB,
    TargetKind.FINISHED_JOB: _JOB.values(status=JobStatus.FAILED.value),
    TargetKind.ASSET: _ASSET,
    TargetKind.UNUSED_ASSET: _ASSET,
}
"""The rows that are created in addition to their project."""


def creation(plan: ProbePlan, kind: TargetKind) -> tuple[UUID, list[Query[None]]]:
    """Return the id of a new row of this kind, and the statements that create it.

    The row gets a project of its own, so that nobody waits for a lock on an existing project.
    """
    project, row = uuid4(), uuid4()
    values = {"row_id": row, "owner": plan.owner.id, "project": project}
    statements = list(_statements(plan, kind))
    return row if kind in _ROWS else project, [Query(one, _nothing, values) for one in statements]


def _statements(plan: ProbePlan, kind: TargetKind) -> Iterator[ClauseElement]:
    if not plan.owner.exists:
        yield _USER
    yield _NEW_PROJECT
    if kind in _ROWS:
        yield _ROWS[kind]


def _nothing(_: Row) -> None:
    """An insert returns no row."""
