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
    func,
    select,
    tuple_,
)

from store import tables
from store.connecting import timestamps
from store.database import Query
from store.model import JobStatus, PageKey
from store.retention.model import Expired, ExpiredCount
from store.statements.rows import Row, job_status, make_id

_jobs = tables.generation_jobs


def _conditions(*, of_project: bool) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [_jobs.c.created_at < bindparam("before", type_=DateTime(timezone=True))]
    if of_project:
        conditions.append(_jobs.c.project_id == bindparam("project_id", type_=Uuid))
    return conditions


def _parameters(expired: Expired) -> dict[str, object]:
    parameters: dict[str, object] = {"before": timestamps.as_text(expired.created_before)}
    if expired.project_id is not None:
        parameters["project_id"] = expired.project_id
    return parameters


@cache
def _counted(*, of_project: bool) -> Select[Any]:
    sums = func.count(), func.sum(_jobs.c.cost_cents), func.min(_jobs.c.created_at)
    statuses = _jobs.c.status == any_(bindparam("statuses", type_=ARRAY(Text)))
    counted = select(_jobs.c.status, *sums).where(statuses, *_conditions(of_project=of_project))
    return counted.group_by(_jobs.c.status)


def count(expired: Expired) -> Query[ExpiredCount]:
    """By status, in no order."""
    statement = _counted(of_project=expired.project_id is not None)
    parameters = _parameters(expired) | {"statuses": [status.value for status in expired.statuses]}
    return Query(statement, _make_count, parameters)


def _make_count(row: Row) -> ExpiredCount:
    status, number, cents, oldest_at = row
    return ExpiredCount(status=job_status(status), count=number, total_cost_cents=int(cents), oldest_at=oldest_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """All that the SQL depends on."""

    of_project: bool
    has_place: bool


@cache
def _locked(form: _Form) -> Select[Any]:
    rows = select(_jobs.c.created_at, _jobs.c.id).where(
        _jobs.c.status == bindparam("status", type_=Text), *_conditions(of_project=form.of_project)
    )
    if form.has_place:
        place = tuple_(bindparam("place_at", type_=DateTime(timezone=True)), bindparam("place_id", type_=Uuid))
        rows = rows.where(tuple_(_jobs.c.created_at, _jobs.c.id) > place)
    in_order = rows.order_by(_jobs.c.created_at, _jobs.c.id).limit(bindparam("rows", type_=Integer))
    return in_order.with_for_update(skip_locked=True)


def lock(expired: Expired, status: JobStatus, *, after: PageKey | None, rows: int) -> Query[PageKey]:
    """The oldest ones in this status that nobody else holds at the moment; locked to the transaction's end."""
    statement = _locked(_Form(of_project=expired.project_id is not None, has_place=after is not None))
    parameters = _parameters(expired) | {"status": status.value, "rows": rows}
    if after is not None:
        parameters |= {"place_at": timestamps.as_text(after.created_at), "place_id": after.id}
    return Query(statement, _make_key, parameters)


def _make_key(row: Row) -> PageKey:
    created_at: datetime = row[0]
    identifier: UUID = row[1]
    return PageKey(created_at=created_at, id=identifier)


_DELETE = delete(_jobs).where(_jobs.c.id == any_(bindparam("ids", type_=ARRAY(Uuid)))).returning(_jobs.c.id)


def remove(job_ids: Sequence[UUID]) -> Query[UUID]:
    """Of jobs that are locked."""
    return Query(_DELETE, make_id, {"ids": list(job_ids)})
