"""The statements that find old jobs and remove them: those to remove are locked first, and none is waited for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Integer,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
)

from store import tables
from store.connecting import timestamps
from store.database import Query
from store.model import JobStatus, PageKey
from store.retention.model import Expired, StatusCount
from store.statements.places import PLACE, at_place
from store.statements.rows import Row, job_status, make_id

_jobs, _leases, _policies = tables.generation_jobs, tables.job_leases, tables.retention_policies


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """All that the SQL depends on."""

    of_project: bool
    spares_policies: bool
    has_place: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        created_before = bindparam("before", type_=DateTime(timezone=True))
        conditions: list[ColumnElement[bool]] = [_jobs.c.created_at < created_before]
        if self.of_project:
            conditions.append(_jobs.c.project_id == bindparam("project_id", type_=Uuid))
        if self.spares_policies:
            conditions.append(~exists().where(_policies.c.project_id == _jobs.c.project_id))
        return conditions


def _form(expired: Expired, *, has_place: bool = False) -> _Form:
    return _Form(
        of_project=expired.project_id is not None, spares_policies=expired.spares_policies, has_place=has_place
    )


def _parameters(expired: Expired) -> dict[str, object]:
    parameters: dict[str, object] = {"before": timestamps.as_text(expired.created_before)}
    if expired.project_id is not None:
        parameters["project_id"] = expired.project_id
    return parameters


@cache
def _counted(form: _Form) -> Select[Any]:
    sums = func.count(), func.sum(_jobs.c.cost_cents), func.min(_jobs.c.created_at)
    statuses = _jobs.c.status == any_(bindparam("statuses", type_=ARRAY(Text)))
    return select(_jobs.c.status, *sums).where(statuses, *form.conditions()).group_by(_jobs.c.status)


def count(expired: Expired) -> Query[StatusCount]:
    """By status, in no order."""
    parameters = _parameters(expired) | {"statuses": [status.value for status in expired.statuses]}
    return Query(_counted(_form(expired)), make_count, parameters)


def make_count(row: Row) -> StatusCount:
    status, number, cents, oldest_at = row
    return StatusCount(status=job_status(status), count=number, total_cost_cents=int(cents), oldest_at=oldest_at)


@cache
def _locked(form: _Form) -> Select[Any]:
    rows = select(_jobs.c.created_at, _jobs.c.id).where(
        _jobs.c.status == bindparam("status", type_=Text), *form.conditions()
    )
    if form.has_place:
        rows = rows.where(tuple_(_jobs.c.created_at, _jobs.c.id) > PLACE)
    in_order = rows.order_by(_jobs.c.created_at, _jobs.c.id).limit(bindparam("rows", type_=Integer))
    return in_order.with_for_update(skip_locked=True)


def lock(expired: Expired, status: JobStatus, *, after: PageKey | None, rows: int) -> Query[PageKey]:
    """The oldest ones in this status that nobody else holds at the moment; locked to the transaction's end."""
    statement = _locked(_form(expired, has_place=after is not None))
    parameters = _parameters(expired) | {"status": status.value, "rows": rows} | at_place(after)
    return Query(statement, make_key, parameters)


def make_key(row: Row) -> PageKey:
    created_at: datetime = row[0]
    identifier: UUID = row[1]
    return PageKey(created_at=created_at, id=identifier)


_LEASED = select(_leases.c.job_id).where(
    _leases.c.job_id == any_(bindparam("ids", type_=ARRAY(Uuid))),
    or_(_leases.c.owner.is_(None), _leases.c.expires_at > func.clock_timestamp()),
)


def leased(job_ids: Sequence[UUID]) -> Query[UUID]:
    """Those that a worker holds, or that wait for their next attempt, be it due or not."""
    return Query(_LEASED, make_id, {"ids": list(job_ids)})


_DELETE = delete(_jobs).where(_jobs.c.id == any_(bindparam("ids", type_=ARRAY(Uuid)))).returning(_jobs.c.id)


def remove(job_ids: Sequence[UUID]) -> Query[UUID]:
    """Of jobs that are locked."""
    return Query(_DELETE, make_id, {"ids": list(job_ids)})
