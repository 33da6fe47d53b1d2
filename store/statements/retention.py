"""The statements on `gjobs.retention_policies`."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Integer,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    delete,
    extract,
    func,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from store import tables
from store.database import Query
from store.model import JobStatus
from store.retention.model import RetentionAction, RetentionPolicy
from store.statements.rows import Row, job_status

_policies = tables.retention_policies
_COLUMNS = (
    _policies.c.id,
    _policies.c.project_id,
    _policies.c.statuses,
    cast(extract("epoch", _policies.c.older_than), BigInteger),
    _policies.c.action,
    _policies.c.created_at,
    _policies.c.applied_at,
)
_PROJECT = bindparam("project_id", type_=Uuid)
_OF_PROJECT = _policies.c.project_id.is_not_distinct_from(_PROJECT)


def _interval(name: str) -> object:
    """As people read one: in days and a rest."""
    return func.make_interval(0, 0, 0, bindparam(f"{name}_days", type_=Integer), 0, 0, bindparam(f"{name}_seconds"))


def _parts(name: str, length: timedelta) -> dict[str, object]:
    return {f"{name}_days": length.days, f"{name}_seconds": float(length.seconds)}


def _make_policy(row: Row) -> RetentionPolicy:
    identifier, project_id, statuses, seconds, action, created_at, applied_at = row
    return RetentionPolicy(
        id=identifier,
        project_id=project_id,
        statuses=tuple(map(job_status, statuses)),
        older_than=timedelta(seconds=seconds),
        action=RetentionAction(action),
        created_at=created_at,
        applied_at=applied_at,
    )


_ALL = select(*_COLUMNS).order_by(_policies.c.created_at, _policies.c.id).limit(bindparam("rows", type_=Integer))


def all_policies(*, limit: int) -> Query[RetentionPolicy]:
    """The oldest first."""
    return Query(_ALL, _make_policy, {"rows": limit})


_ONE = select(*_COLUMNS).where(_policies.c.id == bindparam("id", type_=Uuid))


def policy(policy_id: UUID) -> Query[RetentionPolicy]:
    return Query(_ONE, _make_policy, {"id": policy_id})


_GIVEN = {
    "statuses": bindparam("statuses", type_=ARRAY(Text)),
    "older_than": _interval("age"),
    "action": bindparam("action", type_=Text),
}
_SET = (
    insert(_policies)
    .values(project_id=_PROJECT, **_GIVEN)
    .on_conflict_do_update(index_elements=[_policies.c.project_id], set_={**_GIVEN, "applied_at": null()})
    .returning(*_COLUMNS)
)


def set_policy(
    *, project_id: UUID | None, statuses: Sequence[JobStatus], older_than: timedelta, action: RetentionAction
) -> Query[RetentionPolicy]:
    """In place of the one that the project has."""
    given = {"project_id": project_id, "statuses": [status.value for status in statuses], "action": action.value}
    return Query(_SET, _make_policy, given | _parts("age", older_than))


_REMOVE = delete(_policies).where(_OF_PROJECT).returning(*_COLUMNS)


def remove_policy(project_id: UUID | None) -> Query[RetentionPolicy]:
    return Query(_REMOVE, _make_policy, {"project_id": project_id})


_DUE = (
    select(_policies.c.id)
    .where(or_(_policies.c.applied_at.is_(null()), _policies.c.applied_at <= func.now() - _interval("pause")))
    .with_for_update(skip_locked=True)
    .subquery("due")
)
_TAKE_DUE = (
    update(_policies)
    .values(applied_at=func.now())
    .where(_policies.c.id == any_(func.array(select(_DUE.c.id).scalar_subquery())))
    .returning(*_COLUMNS)
)


def take_due(pause: timedelta) -> Query[RetentionPolicy]:
    """Those that nobody has begun to apply for so long. From now on they are the caller's to apply."""
    return Query(_TAKE_DUE, _make_policy, _parts("pause", pause))
