"""The statements on `assets`."""

from dataclasses import fields
from uuid import UUID

from sqlalchemy import Integer, Uuid, bindparam, select

from store import tables
from store.database import Query
from store.finding.id_prefix import IdRange
from store.model import Asset
from store.statements.rows import Row

_assets = tables.assets
_NAMES = [field.name for field in fields(Asset)]


def make_asset(row: Row) -> Asset:
    return Asset(**dict(zip(_NAMES, row, strict=True)))


_SOME = select(*(_assets.c[name] for name in _NAMES)).limit(bindparam("rows", type_=Integer))
_OF_PROJECT = _SOME.where(_assets.c.project_id == bindparam("project_id", type_=Uuid)).order_by(
    _assets.c.created_at.desc(), _assets.c.id.desc()
)
_ONE = _SOME.where(_assets.c.id == bindparam("id", type_=Uuid))
_ONE_OF_PROJECT = _OF_PROJECT.where(_assets.c.id == bindparam("id", type_=Uuid))

_IN_RANGE = _SOME.where(_assets.c.id.between(bindparam("low", type_=Uuid), bindparam("high", type_=Uuid))).order_by(
    _assets.c.id
)


def of_project(project_id: UUID, *, limit: int) -> Query[Asset]:
    """Newest first."""
    return Query(_OF_PROJECT, make_asset, {"project_id": project_id, "rows": limit})


def one(asset_id: UUID) -> Query[Asset]:
    return Query(_ONE, make_asset, {"id": asset_id, "rows": 1})


def one_of_project(asset_id: UUID, project_id: UUID) -> Query[Asset]:
    """No row where the asset is another project's."""
    return Query(_ONE_OF_PROJECT, make_asset, {"id": asset_id, "project_id": project_id, "rows": 1})


def in_range(ids: IdRange, *, limit: int) -> Query[Asset]:
    return Query(_IN_RANGE, make_asset, {"low": ids.low, "high": ids.high, "rows": limit})
